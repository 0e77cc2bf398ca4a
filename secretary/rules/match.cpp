#include "secretary/rules/match.h"

#include <algorithm>

namespace netpas::secretary::rules {

using namespace std::chrono;

std::string normalDomain(std::string_view domain) {
    if (domain.ends_with('.')) domain.remove_suffix(1);
    std::string normal(domain);
    for (char& c : normal) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return normal;
}

bool isDomainPattern(std::string_view pattern) {
    if (pattern.starts_with("*.")) pattern.remove_prefix(2);
    constexpr size_t longestDomain = 253;
    constexpr size_t longestLabel = 63;
    if (pattern.empty() || pattern.size() > longestDomain) return false;
    size_t label = 0;
    for (const char c : pattern) {
        const bool plain = c != '.' && c != '*' && c != '/' && c != ':' && c != '@' && static_cast<uint8_t>(c) > 0x20 &&
                           c != 0x7f && !(c >= 'A' && c <= 'Z');
        if (c == '.' ? label == 0 : !plain || label == longestLabel) return false;
        label = c == '.' ? 0 : label + 1;
    }
    return label > 0;
}

bool domainMatches(std::string_view pattern, std::string_view domain) {
    if (!pattern.starts_with("*.")) return pattern == domain;
    const std::string_view parent = pattern.substr(2);
    if (domain == parent) return true;
    // A whole label has to end where the parent begins: notexample.net is not below example.net.
    return domain.size() > parent.size() && domain.ends_with(parent) &&
           domain[domain.size() - parent.size() - 1] == '.';
}

namespace {

bool onDay(const Schedule& schedule, local_days day) {
    const unsigned fromMonday = weekday(day).iso_encoding() - 1;
    return (schedule.weekdays >> fromMonday & 1) != 0;
}

}  // namespace

bool scheduleIsOpen(const Schedule& schedule, const TimeZone& zone, SystemTime now) {
    const LocalTime local = zone.local(now);
    const local_days today = floor<days>(local);
    const auto minute = local - today;
    if (schedule.from < schedule.to) {
        return onDay(schedule, today) && minute >= schedule.from && minute < schedule.to;
    }
    return (onDay(schedule, today) && minute >= schedule.from) ||
           (onDay(schedule, today - days(1)) && minute < schedule.to);
}

std::optional<SystemTime> scheduleOpens(const Schedule& schedule, const TimeZone& zone, SystemTime now) {
    if (scheduleIsOpen(schedule, zone, now)) return now;
    const local_days today = floor<days>(zone.local(now));
    for (int ahead = 0; ahead <= 7; ++ahead) {
        const local_days day = today + days(ahead);
        if (!onDay(schedule, day)) continue;
        const SystemTime opens = zone.system(LocalTime(day) + schedule.from);
        if (opens > now) return opens;
    }
    return std::nullopt;
}

}  // namespace netpas::secretary::rules
