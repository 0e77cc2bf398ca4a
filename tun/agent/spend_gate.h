// What one session key may still spend, on the sender's side: the same limits that the first edge router enforces (DESIGN §6), so that
// no packet is sent that the router would refuse.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/clock.h"
#include "core/money.h"

namespace netpas::tun {

enum class SpendLimit : uint8_t {
    None,       // everything asked for was granted
    Cap,        // the cap is used up
    PerSecond,  // too much in this second
};

// Packet threads reserve before they send and give back what was not sent; the sum of what is reserved never exceeds the cap, to the
// eighth of a nanodollar. Any thread.
class SpendGate {
public:
    // `spent` and `nextSequence`: of an earlier life of the same key; zero for a new one. A perSecond of zero means no such limit;
    // otherwise it is a token bucket that starts full and holds one second's worth.
    explicit SpendGate(Money cap, Money perSecond = Money::zero(), Money spent = Money::zero(),
                       uint64_t nextSequence = 0);

    struct Grant {
        uint32_t packets = 0;                 // how many of those asked for
        SpendLimit limit = SpendLimit::None;  // why not all
    };
    // Up to `packets` packets of `each`.
    [[nodiscard]] Grant reserve(Money each, uint32_t packets, SteadyTime now) noexcept;
    void giveBack(Money each, uint32_t packets) noexcept;

    // Sequence number of the first of `packets` packets. Numbers of packets that were not sent in the end are never used again.
    [[nodiscard]] uint64_t takeSequence(uint32_t packets) noexcept {
        return m_nextSequence.fetch_add(packets, std::memory_order_relaxed);
    }

    // The gate of the next key of the same purchase: the second that runs now counts for both.
    void continueRateOf(const SpendGate& before) noexcept {
        m_fullAt.store(before.m_fullAt.load(std::memory_order_relaxed), std::memory_order_relaxed);
    }

    [[nodiscard]] Money cap() const noexcept { return m_cap; }
    [[nodiscard]] Money remaining() const noexcept {
        return Money::fromEighths(m_remaining.load(std::memory_order_relaxed));
    }
    [[nodiscard]] Money spent() const noexcept { return Money::fromEighths(m_cap.eighths() - remaining().eighths()); }
    [[nodiscard]] uint64_t nextSequence() const noexcept { return m_nextSequence.load(std::memory_order_relaxed); }
    // A packet was refused for the cap since the gate was made.
    [[nodiscard]] bool capReached() const noexcept { return m_capReached.load(std::memory_order_relaxed); }

private:
    [[nodiscard]] uint32_t reserveRate(int64_t each, uint32_t packets, SteadyTime now) noexcept;
    void giveBackRate(int64_t amount) noexcept;

    const Money m_cap;
    const int64_t m_perSecond;
    alignas(64) std::atomic<int64_t> m_remaining;
    std::atomic<uint64_t> m_nextSequence;
    // The bucket as the time at which it would be full (generic cell rate algorithm), in nanoseconds of the steady clock.
    std::atomic<int64_t> m_fullAt{INT64_MIN};
    std::atomic<bool> m_capReached{false};
};

}  // namespace netpas::tun
