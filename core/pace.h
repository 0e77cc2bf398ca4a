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
    // What would have to wait does not count.
    [[nodiscard]] bool mayNow(const std::string& who, SteadyTime now) {
        SteadyTime& next = dueOf(who, now);
        if (next - m_interval * m_burst > now) return false;
        next = std::max(next, now) + m_interval;
        return true;
    }
    [[nodiscard]] size_t kept() const { return m_due.size(); }

private:
    // When his next turn would be, were they evenly spaced: those in the past mean nothing.
    SteadyTime& dueOf(const std::string& who, SteadyTime now) {
        constexpr size_t mostKept = 1024;
        if (m_due.size() >= mostKept) std::erase_if(m_due, [&](const auto& one) { return one.second < now; });
        return m_due.try_emplace(who, now).first->second;
    }

    Duration m_interval;
    uint32_t m_burst;
    std::map<std::string, SteadyTime> m_due;
};

}  // namespace netpas
