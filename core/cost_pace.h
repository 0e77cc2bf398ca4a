// Work that is done in one go keeps everybody else waiting: whoever causes it has to let a multiple of its time pass before the same again, and the
// longer it takes, the larger a multiple. One thread.
#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "core/clock.h"

namespace netpas {

class CostPace {
public:
    using Duration = SteadyTime::duration;

    // What takes n milliseconds has to be followed by factor * n * n of them; so much may be owed before anybody has to wait.
    CostPace(int factor, Duration credit) : m_factor(factor), m_credit(credit) {}

    // How long `who` has to wait yet; not positive: not at all.
    [[nodiscard]] Duration wait(const std::string& who, SteadyTime now) const {
        const auto found = m_due.find(who);
        return found == m_due.end() ? Duration::zero() : found->second - m_credit - now;
    }
    void took(const std::string& who, Duration cost, SteadyTime now) {
        constexpr size_t mostKept = 1024;
        if (m_due.size() >= mostKept) std::erase_if(m_due, [&](const auto& one) { return one.second < now; });
        SteadyTime& due = m_due.try_emplace(who, now).first->second;
        // Nobody waits for longer than that, whatever he did.
        constexpr std::chrono::minutes longest{10};
        const auto taken =
            std::min<int64_t>(std::chrono::duration_cast<std::chrono::microseconds>(cost).count(), 1'000'000);
        due = std::min<SteadyTime>(std::max(due, now) + std::chrono::microseconds(taken * taken / 1000 * m_factor),
                                   now + longest);
    }

    // Of this thread, so that a busy machine is nobody's fault.
    [[nodiscard]] static Duration threadTime() {
        timespec now{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
    }

private:
    int m_factor;
    Duration m_credit;
    std::map<std::string, SteadyTime> m_due;
};

}  // namespace netpas
