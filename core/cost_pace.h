// Work that is done in one go keeps everybody else waiting: whoever causes much of it has to let a multiple of that time pass before the same
// again. What is short is free. One thread.
#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>

#include "core/clock.h"

namespace netpas {

class CostPace {
public:
    using Duration = SteadyTime::duration;

    // Each unit of time beyond `free` has to be followed by `factor` of them; so much may be owed before anybody has to wait.
    CostPace(Duration free, int factor, Duration credit) : m_free(free), m_factor(factor), m_credit(credit) {}

    // How long `who` has to wait yet; not positive: not at all.
    [[nodiscard]] Duration wait(const std::string& who, SteadyTime now) const {
        const auto found = m_due.find(who);
        return found == m_due.end() ? Duration::zero() : found->second - m_credit - now;
    }
    void took(const std::string& who, Duration cost, SteadyTime now) {
        if (cost <= m_free) return;
        constexpr size_t mostKept = 1024;
        if (m_due.size() >= mostKept) std::erase_if(m_due, [&](const auto& one) { return one.second < now; });
        SteadyTime& due = m_due.try_emplace(who, now).first->second;
        due = std::max(due, now) + (cost - m_free) * m_factor;
    }

    // Of this thread, so that a busy machine is nobody's fault.
    [[nodiscard]] static Duration threadTime() {
        timespec now{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
    }

private:
    Duration m_free;
    int m_factor;
    Duration m_credit;
    std::map<std::string, SteadyTime> m_due;
};

}  // namespace netpas
