// Token bucket of money (NetPaS §5.1 step 3) in exact integers.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "core/clock.h"
#include "core/money.h"

namespace netpas::tun {

// Fills at `perSecond`, holds at most `burst`. Checking and taking are apart, because a packet that a later step
// refuses takes nothing. Time counts in microseconds; parts of an eighth carry over, so nothing is lost to rounding.
// Owner: the packet thread.
class MoneyBucket {
public:
    // No limit.
    MoneyBucket() = default;
    // Starts full.
    MoneyBucket(Money perSecond, Money burst, SteadyTime now)
        : m_perSecond(perSecond.eighths()),
          m_burst(burst.eighths()),
          m_level(burst.eighths()),
          m_last(micros(now)),
          m_limited(true) {}

    void refill(SteadyTime now) { refillAt(micros(now)); }
    // The same for a caller that has the time in microseconds, as micros() makes it.
    void refillAt(int64_t time) {
        if (!m_limited || time <= m_last) return;
        const int64_t elapsed = time - m_last;
        m_last = time;
        int64_t earned = 0;
        if (elapsed < (int64_t{1} << 24) && m_perSecond < (int64_t{1} << 38)) {  // 16 s and $34 a second
            const int64_t parts = elapsed * m_perSecond + m_rest;
            earned = parts / 1'000'000;
            m_rest = parts % 1'000'000;
        } else {
            const Wide parts = static_cast<Wide>(elapsed) * m_perSecond + m_rest;
            const Wide whole = parts / 1'000'000;
            m_rest = static_cast<int64_t>(parts % 1'000'000);
            earned = whole > m_burst ? m_burst : static_cast<int64_t>(whole);
        }
        if (earned >= m_burst - m_level) {
            m_level = m_burst;
            m_rest = 0;
        } else {
            m_level += earned;
        }
    }

    [[nodiscard]] bool covers(Money amount) const { return !m_limited || amount.eighths() <= m_level; }
    // covers(amount) holds.
    void take(Money amount) {
        if (m_limited) m_level -= amount.eighths();
    }

    [[nodiscard]] bool limited() const { return m_limited; }
    [[nodiscard]] Money level() const { return Money::fromEighths(m_level); }
    // Brings back the level of before a restart; the time in between earns nothing.
    void restore(Money level) { m_level = std::clamp<int64_t>(level.eighths(), 0, m_burst); }

    static int64_t micros(SteadyTime time) {
        return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
    }

private:
    __extension__ typedef __int128 Wide;

    int64_t m_perSecond = 0;
    int64_t m_burst = 0;
    int64_t m_level = 0;
    int64_t m_rest = 0;  // millionths of an eighth, 0..999999
    int64_t m_last = 0;
    bool m_limited = false;
};

}  // namespace netpas::tun
