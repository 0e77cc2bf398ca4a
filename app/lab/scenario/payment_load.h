// Payments at a steady rate between random customers of an overlay, and how long each takes from the order to the
// confirmation. Endpoints keep no journal here: what is measured is the servers.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "app/lab/scenario/overlay_kit.h"

namespace netpas::lab {

struct LoadResult {
    double offeredPerSecond = 0;
    uint64_t offered = 0;
    uint64_t confirmed = 0;
    uint64_t refused = 0;  // with a reason, among them expired
    uint64_t unanswered = 0;
    uint64_t hops = 0;   // ISPs crossed by all offered
    double seconds = 0;  // from the first order to the last confirmation
    double p50ms = 0;
    double p99ms = 0;
    double generatorCpuSeconds = 0;
};

class PaymentLoad {
public:
    // Customers named "payer…" and "payee…" of every ISP connect and join; every way is asked for.
    static Expected<std::unique_ptr<PaymentLoad>> start(Overlay& overlay, uint64_t seed);
    ~PaymentLoad();
    PaymentLoad(const PaymentLoad&) = delete;
    PaymentLoad& operator=(const PaymentLoad&) = delete;

    // Offers payments evenly for that long, then waits for their ends.
    LoadResult run(double paymentsPerSecond, double seconds);

private:
    PaymentLoad();
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

}  // namespace netpas::lab
