#include "tun/agent/spend_gate.h"

#include <algorithm>
#include <limits>

namespace netpas::tun {

namespace {

__extension__ using Wide = __int128;

constexpr int64_t second = 1'000'000'000;  // nanoseconds

int64_t clampToInt64(Wide value) {
    return static_cast<int64_t>(std::min<Wide>(value, std::numeric_limits<int64_t>::max() / 4));
}

}  // namespace

SpendGate::SpendGate(Money cap, Money perSecond, Money spent, uint64_t nextSequence)
    : m_cap(cap),
      m_perSecond(perSecond.eighths()),
      m_remaining(cap.eighths() - spent.eighths()),
      m_nextSequence(nextSequence) {}

SpendGate::Grant SpendGate::reserve(Money each, uint32_t packets, SteadyTime now) noexcept {
    const int64_t price = each.eighths();
    if (price <= 0 || packets == 0) return {packets, SpendLimit::None};
    const uint32_t byRate = m_perSecond == 0 ? packets : reserveRate(price, packets, now);
    int64_t remaining = m_remaining.load(std::memory_order_relaxed);
    int64_t granted = 0;
    do {
        granted = std::min<int64_t>(byRate, std::max<int64_t>(remaining, 0) / price);
    } while (!m_remaining.compare_exchange_weak(remaining, remaining - granted * price, std::memory_order_relaxed));
    const auto count = static_cast<uint32_t>(granted);
    if (count < byRate) {
        if (m_perSecond != 0) giveBackRate(price * static_cast<int64_t>(byRate - count));
        m_capReached.store(true, std::memory_order_relaxed);
        return {count, SpendLimit::Cap};
    }
    return {count, count < packets ? SpendLimit::PerSecond : SpendLimit::None};
}

void SpendGate::giveBack(Money each, uint32_t packets) noexcept {
    const int64_t amount = each.eighths() * static_cast<int64_t>(packets);
    if (amount <= 0) return;
    m_remaining.fetch_add(amount, std::memory_order_relaxed);
    if (m_perSecond != 0) giveBackRate(amount);
}

// What is missing from a full bucket is the time until it is full again. Rounded so that never more is granted than the bucket holds.
uint32_t SpendGate::reserveRate(int64_t each, uint32_t packets, SteadyTime now) noexcept {
    const int64_t time = now.time_since_epoch().count();
    int64_t fullAt = m_fullAt.load(std::memory_order_relaxed);
    for (;;) {
        const int64_t from = std::max(fullAt, time);
        const Wide budget = std::max<int64_t>(second - (from - time), 0);
        const auto affordable = budget * m_perSecond / (Wide{each} * second);
        const auto granted = static_cast<uint32_t>(std::min<Wide>(affordable, packets));
        if (granted == 0) return 0;
        const Wide cost = (Wide{each} * granted * second + m_perSecond - 1) / m_perSecond;
        if (m_fullAt.compare_exchange_weak(fullAt, from + clampToInt64(cost), std::memory_order_relaxed)) {
            return granted;
        }
    }
}

void SpendGate::giveBackRate(int64_t amount) noexcept {
    m_fullAt.fetch_sub(clampToInt64(Wide{amount} * second / m_perSecond), std::memory_order_relaxed);
}

}  // namespace netpas::tun
