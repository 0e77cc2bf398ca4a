#include "core/clock.h"

#include <string>

namespace netpas {

namespace {

class RealClock : public Clock {
public:
    SystemTime now() const override {
        return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    }
    SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
};

constexpr size_t fractionDigits = 6;  // microseconds

// Exactly `digits` of them from the front; then `then`, where it is not 0 and something follows.
std::optional<int> takeNumber(std::string_view& text, size_t digits, char then) {
    if (text.size() < digits) return std::nullopt;
    int value = 0;
    for (size_t i = 0; i < digits; ++i) {
        if (text[i] < '0' || text[i] > '9') return std::nullopt;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(digits);
    if (then != 0 && !text.empty()) {
        if (text.front() != then) return std::nullopt;
        text.remove_prefix(1);
        if (text.empty()) return std::nullopt;
    }
    return value;
}

}  // namespace

std::string timeText(SystemTime time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    const auto digits = [](int64_t number, size_t width) {
        std::string text = std::to_string(number);
        return std::string(width > text.size() ? width - text.size() : 0, '0') + text;
    };
    return digits(int{date.year()}, 4) + "-" + digits(unsigned{date.month()}, 2) + "-" +
           digits(unsigned{date.day()}, 2) + "T" + digits(clock.hours().count(), 2) + ":" +
           digits(clock.minutes().count(), 2) + ":" + digits(clock.seconds().count(), 2) +
           (clock.subseconds().count() == 0 ? "" : "." + digits(clock.subseconds().count(), fractionDigits)) + "Z";
}

std::optional<SystemTime> parseTimestamp(std::string_view text) {
    constexpr size_t whole = std::string_view("2031-01-31T12:30:59Z").size();
    constexpr size_t withFraction = whole + 1 + fractionDigits;
    if ((text.size() != whole && text.size() != withFraction) || text.back() != 'Z') return std::nullopt;
    return parseTime(text);
}

std::optional<SystemTime> parseTime(std::string_view text) {
    if (text.size() > 10 && text.back() == 'Z') text.remove_suffix(1);
    int64_t fraction = 0;
    constexpr size_t seconds = std::string_view("2031-01-31T12:30:59").size();
    if (text.size() > seconds) {
        auto rest = text.substr(seconds);
        if (rest.front() != '.') return std::nullopt;
        rest.remove_prefix(1);
        const auto micros = takeNumber(rest, fractionDigits, 0);
        if (!micros || !rest.empty()) return std::nullopt;
        fraction = *micros;
        text = text.substr(0, seconds);
    }
    const auto year = takeNumber(text, 4, '-'), month = takeNumber(text, 2, '-'), day = takeNumber(text, 2, 'T');
    if (!year || !month || !day) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok()) return std::nullopt;
    int parts[3] = {0, 0, 0};
    constexpr int limits[3] = {24, 60, 60};
    for (size_t i = 0; i < 3 && !text.empty(); ++i) {
        const auto part = takeNumber(text, 2, i < 2 ? ':' : 0);
        if (!part || *part >= limits[i] || (i == 0 && text.empty())) return std::nullopt;
        parts[i] = *part;
    }
    if (!text.empty()) return std::nullopt;
    return SystemTime{std::chrono::sys_days{date}} + std::chrono::hours{parts[0]} + std::chrono::minutes{parts[1]} +
           std::chrono::seconds{parts[2]} + std::chrono::microseconds{fraction};
}

const Clock& systemClock() {
    static const RealClock clock;
    return clock;
}

}  // namespace netpas
