#include "tun/agent/purchase_counters.h"

namespace netpas::tun {

std::string_view describe(BestEffortReason reason) noexcept {
    switch (reason) {
    case BestEffortReason::NoPurchase: return "nothing was bought for it";
    case BestEffortReason::CapReached: return "the cap is used up";
    case BestEffortReason::PerSecondCap: return "the cap per second is used up";
    case BestEffortReason::KeyExpired: return "the session key has expired";
    case BestEffortReason::EdgeUnreachable: return "the edge router cannot be reached";
    case BestEffortReason::SendFailed: return "the system refused to send it";
    case BestEffortReason::PriceTooHigh: return "the price is higher than can be written";
    case BestEffortReason::TooLong: return "too long for a datagram with header";
    case BestEffortReason::NotUnderstood: return "not a valid IP packet";
    case BestEffortReason::NotReserved: return "the guarantee is not reserved yet";
    case BestEffortReason::NoPlace: return "no place is left in a class with a guarantee";
    case BestEffortReason::OverReserved: return "it is more than was reserved";
    }
    return "unknown reason";
}

PurchaseCounters& PurchaseCounters::operator+=(const PurchaseCounters& other) noexcept {
    packets += other.packets;
    bytes += other.bytes;
    amount = Money::fromEighths(amount.eighths() + other.amount.eighths());
    for (size_t i = 0; i < bestEffort.size(); ++i) bestEffort[i] += other.bestEffort[i];
    bestEffortLost += other.bestEffortLost;
    tooBigReported += other.tooBigReported;
    return *this;
}

PurchaseCounters CounterCell::read() const noexcept {
    for (;;) {
        const uint64_t before = m_version.load(std::memory_order_acquire);
        PurchaseCounters counters;
        counters.packets = m_packets.load(std::memory_order_relaxed);
        counters.bytes = m_bytes.load(std::memory_order_relaxed);
        counters.amount = Money::fromEighths(m_amount.load(std::memory_order_relaxed));
        for (size_t i = 0; i < bestEffortReasons; ++i) {
            counters.bestEffort[i] = m_bestEffort[i].load(std::memory_order_relaxed);
        }
        counters.bestEffortLost = m_lost.load(std::memory_order_relaxed);
        counters.tooBigReported = m_tooBig.load(std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_acquire);
        if ((before & 1) == 0 && m_version.load(std::memory_order_relaxed) == before) return counters;
    }
}

}  // namespace netpas::tun
