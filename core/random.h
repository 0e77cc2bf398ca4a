// Randomness is injected: unpredictable in production, repeatable in the lab and in tests.
#pragma once

#include <cstdint>

namespace netpas {

class RandomSource {
public:
    virtual ~RandomSource() = default;
    // Uniform in [0, bound). bound ≥ 1.
    [[nodiscard]] virtual uint64_t below(uint64_t bound) = 0;
};

// The system's cryptographic generator. Any thread.
[[nodiscard]] RandomSource& systemRandom();

// The same sequence for the same seed on every machine; for tests and seeded lab runs only. One thread.
class SeededRandom : public RandomSource {
public:
    explicit SeededRandom(uint64_t seed) : m_state(seed) {}
    [[nodiscard]] uint64_t below(uint64_t bound) override;

private:
    uint64_t next();
    uint64_t m_state;
};

}  // namespace netpas
