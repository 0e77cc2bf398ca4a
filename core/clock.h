// Time is injected, so that tests decide what it is.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace netpas {

using SystemTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

class Clock {
public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual SystemTime now() const = 0;     // the wall clock; may jump
    [[nodiscard]] virtual SteadyTime steady() const = 0;  // never goes back
};

// The machine's clocks. Any thread.
[[nodiscard]] const Clock& systemClock();

// "2031-01-31T12:30:59Z", with a fraction ("59.000001Z") where there is one: always UTC.
[[nodiscard]] std::string timeText(SystemTime time);
// What timeText() writes, and nothing else: for times that programs write.
[[nodiscard]] std::optional<SystemTime> parseTimestamp(std::string_view text);
// Also what people type: "2031-01-31", "2031-01-31T12:30", "2031-01-31T12:30:59", with or without a Z: always UTC.
[[nodiscard]] std::optional<SystemTime> parseTime(std::string_view text);

// A clock that moves only when told to. One thread.
class ManualClock : public Clock {
public:
    explicit ManualClock(SystemTime start = {}) : m_now(start) {}
    [[nodiscard]] SystemTime now() const override { return m_now; }
    [[nodiscard]] SteadyTime steady() const override { return m_steady; }
    void advance(std::chrono::nanoseconds by) {
        m_now += std::chrono::duration_cast<std::chrono::microseconds>(by);
        m_steady += by;
    }
    void setWall(SystemTime now) { m_now = now; }

private:
    SystemTime m_now;
    SteadyTime m_steady{};
};

}  // namespace netpas
