// Local time, also of other places than this process's: rules state their time zone.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "core/clock.h"

namespace netpas {

using LocalTime = std::chrono::local_time<std::chrono::microseconds>;

enum class TimeZoneError {
    BadName,    // neither a name such as "Europe/Berlin" nor a rule such as "CET-1CEST,M3.5.0,M10.5.0/3"
    Unknown,    // no such zone on this machine
    Malformed,  // the zone's file is damaged
};
[[nodiscard]] std::string_view describe(TimeZoneError error);

// How far local time is ahead of UTC, and when that changes. Immutable; any thread.
class TimeZone {
public:
    TimeZone() = default;  // UTC
    // "UTC", a name of the time zone database, or a rule as POSIX writes it.
    [[nodiscard]] static tl::expected<TimeZone, TimeZoneError> load(std::string_view name);
    [[nodiscard]] static tl::expected<TimeZone, TimeZoneError> fromPosix(std::string_view rule);
    // A file of the time zone database (RFC 8536).
    [[nodiscard]] static tl::expected<TimeZone, TimeZoneError> fromTzif(ByteView file);

    [[nodiscard]] std::chrono::seconds offsetAt(SystemTime time) const;
    [[nodiscard]] LocalTime local(SystemTime time) const { return LocalTime(time.time_since_epoch() + offsetAt(time)); }
    // When local clocks show this; the earlier time where they show it twice, the moment of the jump where they skip it.
    [[nodiscard]] SystemTime system(LocalTime local) const;

private:
    // A day of the year on which the offset changes, as POSIX has them.
    struct YearlyChange {
        enum class Kind : uint8_t { MonthWeekDay, JulianDay, DayOfYear };
        Kind kind = Kind::MonthWeekDay;
        int month = 0, week = 0, day = 0;
        std::chrono::seconds at{};  // local time before the change
        [[nodiscard]] std::chrono::local_seconds in(std::chrono::year year) const;
    };
    struct Yearly {
        std::chrono::seconds standard{};
        std::chrono::seconds daylight{};
        bool changes = false;
        YearlyChange begin, end;  // of daylight time
        [[nodiscard]] std::chrono::seconds offsetAt(std::chrono::sys_seconds time) const;
    };
    struct Change {
        int64_t since;   // seconds
        int32_t offset;  // seconds
    };
    friend class PosixZoneParser;

    int32_t m_first = 0;            // offset before all changes
    std::vector<Change> m_changes;  // ordered
    Yearly m_after;                 // after the last change
    bool m_hasAfter = true;
};

}  // namespace netpas
