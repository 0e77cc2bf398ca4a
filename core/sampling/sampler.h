// Which payments are confirmed (NetPaS §2, §6; DESIGN §7). Each confirmation stands for T.
#pragma once

#include <cstdint>

#include "core/money.h"
#include "core/random.h"

namespace netpas {

struct SampleOutcome {
    uint32_t picked = 0;    // sampling points that this payment covers; each is worth T
    uint32_t released = 0;  // of all picks so far, oldest first, how many may leave now

    friend bool operator==(const SampleOutcome&, const SampleOutcome&) = default;
};

// One stream of payments to one ISP. One thread. The caller keeps what was picked in a queue and sends its oldest
// `released` entries.
class Sampler {
public:
    virtual ~Sampler() = default;
    // `payment` ≥ 0.
    virtual SampleOutcome observe(Money payment) = 0;
};

// The running total is cut into strata of T, and in each one uniformly random point is drawn; the payment that covers the
// point is picked. A pick is released when its stratum is over, so that nobody learns where the unsampled rest lies.
// Released picks · T differs from the total by less than T, always.
class StratifiedSampler final : public Sampler {
public:
    StratifiedSampler(Money threshold, RandomSource& random);  // threshold ≥ 1 eighth
    SampleOutcome observe(Money payment) override;

private:
    void draw();

    uint64_t m_threshold;
    RandomSource& m_random;
    uint64_t m_position = 0;  // of the running total within the current stratum
    uint64_t m_point = 0;     // the current stratum's point, in [0, T)
};

// The paper's smart sampling (Duffield, Lund, Thorup): a payment x is picked with probability min(1, x / T); a payment
// above T is picked once for every whole T and with the rest's probability once more. Released at once.
// Standard deviation √(P · T) of the total P.
class SmartSampler final : public Sampler {
public:
    SmartSampler(Money threshold, RandomSource& random);
    SampleOutcome observe(Money payment) override;

private:
    uint64_t m_threshold;
    RandomSource& m_random;
};

}  // namespace netpas
