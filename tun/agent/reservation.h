// When the guarantees on a purchase's way are paid for (NetPaS §3.1.1): with its first packet, and then every minute, whether it has anything
// to send or not. Any thread; shared by the packet threads and by the session keys of the purchase.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "core/clock.h"
#include "core/guarantee.h"

namespace netpas::tun {

class ReservationClock {
public:
    enum class Due : uint8_t { Nothing, First, Minute };

    // What to pay for now. Whoever is told pays: the others are told Nothing. `way` names the guarantees: others are set up anew.
    [[nodiscard]] Due take(uint64_t way, SteadyTime now) {
        const std::lock_guard lock(m_mutex);
        if (way != m_way) m_next.reset();
        if (m_next && now < *m_next) return Due::Nothing;
        const bool first = !m_next;
        m_way = way;
        // The first minute's successor is paid early, and so is every one after it: a packet may be late.
        m_next = first ? now + guaranteedFor - early : *m_next + guaranteedFor;
        return first ? Due::First : Due::Minute;
    }
    // It could not be paid.
    void failed(Due what, SteadyTime now) {
        const std::lock_guard lock(m_mutex);
        if (what == Due::First) {
            m_next.reset();
        } else {
            m_next = now + again;
        }
    }
    [[nodiscard]] std::optional<SteadyTime> next() const {
        const std::lock_guard lock(m_mutex);
        return m_next;
    }

private:
    static constexpr std::chrono::seconds early{10};
    static constexpr std::chrono::seconds again{1};

    mutable std::mutex m_mutex;  // what follows
    std::optional<SteadyTime> m_next;
    uint64_t m_way = 0;
};

}  // namespace netpas::tun
