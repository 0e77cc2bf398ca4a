// How fast each of many may go: so many a second, after a burst (GCRA). One thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "core/clock.h"

namespace netpas {

class Pace {
public:
    using Duration = SteadyTime::duration;

    // `perSecond` is at least 1.
    Pace(uint32_t perSecond, uint32_t burst)
        : m_interval(std::chrono::duration_cast<Duration>(std::chrono::seconds(1)) / perSecond), m_burst(burst) {}

    // How long he has to wait for his next turn, which counts from now on; not positive: no time at all.
    [[nodiscard]] Duration turn(const std::string& who, SteadyTime now) {
        SteadyTime& next = dueOf(who, now);
        next = std::max(next, now) + m_interval;
        return next - m_interval * m_burst - now;
    }
    // Whether he may; it is no turn yet.
    [[nodiscard]] bool couldNow(const std::string& who, SteadyTime now) const {
        const auto at = m_due.find(who);
        return at == m_due.end() || at->second - m_interval * m_burst <= now;
    }
    // What would have to wait does not count.
    [[nodiscard]] bool mayNow(const std::string& who, SteadyTime now) {
        if (!couldNow(who, now)) return false;
        SteadyTime& next = dueOf(who, now);
        next = std::max(next, now) + m_interval;
        return true;
    }
    [[nodiscard]] size_t kept() const { return m_due.size(); }

private:
    // When his next turn would be, were they evenly spaced: those in the past mean nothing. All are looked through only when as many have come as were left.
    SteadyTime& dueOf(const std::string& who, SteadyTime now) {
        if (m_due.size() >= m_cleanAt) {
            std::erase_if(m_due, [&](const auto& one) { return one.second < now; });
            m_cleanAt = std::max(leastKept, 2 * m_due.size());
        }
        return m_due.try_emplace(who, now).first->second;
    }

    static constexpr size_t leastKept = 1024;

    Duration m_interval;
    uint32_t m_burst;
    std::map<std::string, SteadyTime> m_due;
    size_t m_cleanAt = leastKept;
};

}  // namespace netpas
