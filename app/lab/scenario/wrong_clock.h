// The wall clock of one host's programs, which may be set wrong and right while they run. Theirs that never goes back stays as it is.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "app/lab/error.h"

namespace netpas::lab {

class WrongClock {
public:
    // Right at first; kept in this file.
    static Expected<WrongClock> make(const std::string& file);
    WrongClock(WrongClock&& other) noexcept;
    WrongClock& operator=(WrongClock&&) = delete;
    WrongClock(const WrongClock&) = delete;
    WrongClock& operator=(const WrongClock&) = delete;
    ~WrongClock();

    // From now on it is so far ahead of the true time.
    void set(std::chrono::nanoseconds ahead);
    // Of programs that go by it, and of those that they start.
    [[nodiscard]] std::map<std::string, std::string> environment() const;

private:
    WrongClock(std::string file, int64_t* shift) : m_file(std::move(file)), m_shift(shift) {}

    std::string m_file;
    int64_t* m_shift;  // mapped, as in tools/clock_shift.cpp
};

}  // namespace netpas::lab
