#include "core/when.h"

#include <string>

namespace netpas {

using namespace std::chrono;

namespace {

// Exactly the form: every 0 stands for a digit, the rest for itself.
bool hasForm(std::string_view text, std::string_view form) {
    if (text.size() != form.size()) return false;
    for (size_t i = 0; i < form.size(); ++i) {
        const bool digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == '0' ? !digit : text[i] != form[i]) return false;
    }
    return true;
}

int number(std::string_view digits) {
    int value = 0;
    for (const char digit : digits) value = value * 10 + (digit - '0');
    return value;
}

std::optional<local_days> dateFrom(std::string_view text) {
    const year_month_day date{year(number(text.substr(0, 4))), month(static_cast<unsigned>(number(text.substr(5, 2)))),
                              day(static_cast<unsigned>(number(text.substr(8, 2))))};
    return date.ok() ? std::optional(local_days(date)) : std::nullopt;
}

std::optional<minutes> clockFrom(std::string_view text) {
    const int hour = number(text.substr(0, 2)), minute = number(text.substr(3, 2));
    return hour < 24 && minute < 60 ? std::optional(hours(hour) + minutes(minute)) : std::nullopt;
}

}  // namespace

std::optional<SystemTime> parseWhen(std::string_view text, SystemTime now, const TimeZone& zone) {
    static constexpr std::string_view utc = " UTC";
    static const TimeZone utcZone;
    const bool isUtc = text.ends_with(utc) || hasForm(text, "0000-00-00T00:00:00Z");
    const TimeZone& place = isUtc ? utcZone : zone;
    if (text.ends_with(utc)) text.remove_suffix(utc.size());
    const local_days today = floor<days>(place.local(now));
    if (text == "today") return place.system(LocalTime(today + days(1)));
    if (text == "tomorrow") return place.system(LocalTime(today + days(2)));
    if (hasForm(text, "00:00")) {
        const auto clock = clockFrom(text);
        if (!clock) return std::nullopt;
        const SystemTime time = place.system(LocalTime(today) + *clock);
        return time > now ? time : place.system(LocalTime(today + days(1)) + *clock);
    }
    const bool dateOnly = hasForm(text, "0000-00-00");
    const bool toTheSecond = hasForm(text, "0000-00-00T00:00:00Z");
    if (!dateOnly && !toTheSecond && !hasForm(text, "0000-00-00 00:00")) return std::nullopt;
    const auto date = dateFrom(text);
    if (!date) return std::nullopt;
    if (dateOnly) return place.system(LocalTime(*date + days(1)));
    const auto clock = clockFrom(text.substr(11));
    const int second = toTheSecond ? number(text.substr(17, 2)) : 0;
    if (!clock || second > 59) return std::nullopt;
    return place.system(LocalTime(*date) + *clock) + seconds(second);
}

}  // namespace netpas
