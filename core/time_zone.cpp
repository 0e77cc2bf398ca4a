#include "core/time_zone.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <optional>

namespace netpas {

using namespace std::chrono;

namespace {

constexpr std::string_view database = "/usr/share/zoneinfo/";
constexpr size_t longestName = 64;
constexpr size_t largestFile = 256 * 1024;
constexpr int64_t largestOffset = 26 * 3600;  // RFC 8536 allows −25 h to +26 h

bool isName(std::string_view name) {
    if (name.empty() || name.size() > longestName || name.front() == '/' || name.find("..") != std::string_view::npos) {
        return false;
    }
    return std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '_' ||
               c == '-' || c == '+';
    });
}

}  // namespace

std::string_view describe(TimeZoneError error) {
    switch (error) {
    case TimeZoneError::BadName: return "not the name of a time zone";
    case TimeZoneError::Unknown: return "this machine does not know that time zone";
    case TimeZoneError::Malformed: return "the time zone's file is damaged";
    }
    return "unknown time zone error";
}

// CET-1CEST,M3.5.0,M10.5.0/3 — POSIX.1, "Environment Variables", with the wider hours of RFC 8536.
class PosixZoneParser {
public:
    explicit PosixZoneParser(std::string_view text) : m_left(text) {}

    std::optional<TimeZone> parse() {
        TimeZone zone;
        TimeZone::Yearly& yearly = zone.m_after;
        const auto standard = nameAndOffset(std::nullopt);
        if (!standard) return std::nullopt;
        yearly.standard = yearly.daylight = *standard;
        zone.m_first = static_cast<int32_t>(standard->count());
        if (m_left.empty()) return zone;
        const auto daylight = nameAndOffset(*standard + hours(1));
        if (!daylight || !take(',')) return std::nullopt;
        const auto begin = change();
        if (!begin || !take(',')) return std::nullopt;
        const auto end = change();
        if (!end || !m_left.empty()) return std::nullopt;
        yearly.daylight = *daylight;
        yearly.changes = true;
        yearly.begin = *begin;
        yearly.end = *end;
        return zone;
    }

private:
    bool take(char c) {
        if (m_left.empty() || m_left.front() != c) return false;
        m_left.remove_prefix(1);
        return true;
    }

    std::optional<int> number(int least, int most) {
        int value = 0;
        size_t digits = 0;
        while (digits < m_left.size() && digits < 4 && m_left[digits] >= '0' && m_left[digits] <= '9') {
            value = value * 10 + (m_left[digits++] - '0');
        }
        if (digits == 0 || value < least || value > most) return std::nullopt;
        m_left.remove_prefix(digits);
        return value;
    }

    // [+-]hh[:mm[:ss]]
    std::optional<seconds> clock(int mostHours) {
        const bool negative = take('-');
        if (!negative) take('+');
        const auto hour = number(0, mostHours);
        if (!hour) return std::nullopt;
        seconds total = hours(*hour);
        for (const seconds unit : {seconds(minutes(1)), seconds(1)}) {
            if (!take(':')) break;
            const auto part = number(0, 59);
            if (!part) return std::nullopt;
            total += *part * unit;
        }
        return negative ? -total : total;
    }

    bool name() {
        const bool quoted = take('<');
        size_t length = 0;
        while (length < m_left.size() && length < longestName && isPartOfName(m_left[length], quoted)) ++length;
        m_left.remove_prefix(length);
        return length >= 3 && (!quoted || take('>'));
    }
    static bool isPartOfName(char c, bool quoted) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return letter || (quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-'));
    }

    // POSIX counts westwards.
    std::optional<seconds> nameAndOffset(std::optional<seconds> otherwise) {
        if (!name()) return std::nullopt;
        if (otherwise && (m_left.empty() || m_left.front() == ',')) return otherwise;
        const auto west = clock(24);
        return west ? std::optional(-*west) : std::nullopt;
    }

    std::optional<TimeZone::YearlyChange> change() {
        using Kind = TimeZone::YearlyChange::Kind;
        TimeZone::YearlyChange found;
        const auto set = [](int& field, std::optional<int> value) { return value ? (field = *value, true) : false; };
        bool ok = false;
        if (take('M')) {
            ok = set(found.month, number(1, 12)) && take('.') && set(found.week, number(1, 5)) && take('.') &&
                 set(found.day, number(0, 6));
        } else if (take('J')) {
            found.kind = Kind::JulianDay;
            ok = set(found.day, number(1, 365));
        } else {
            found.kind = Kind::DayOfYear;
            ok = set(found.day, number(0, 365));
        }
        if (!ok) return std::nullopt;
        found.at = hours(2);
        if (!take('/')) return found;
        const auto at = clock(167);
        if (!at) return std::nullopt;
        found.at = *at;
        return found;
    }

    std::string_view m_left;
};

local_seconds TimeZone::YearlyChange::in(year y) const {
    switch (kind) {
    case Kind::MonthWeekDay: {
        const std::chrono::month m{static_cast<unsigned>(month)};
        const weekday w{static_cast<unsigned>(day)};
        const local_days date = week == 5 ? local_days(y / m / w[last]) : local_days(y / m / w[unsigned(week)]);
        return date + at;
    }
    case Kind::JulianDay: {  // 29 February is never counted
        const bool leap = y.is_leap() && day >= 60;
        return local_days(y / January / 1) + days(day - 1 + (leap ? 1 : 0)) + at;
    }
    case Kind::DayOfYear: return local_days(y / January / 1) + days(day) + at;
    }
    return {};
}

seconds TimeZone::Yearly::offsetAt(sys_seconds time) const {
    if (!changes) return standard;
    const year y = year_month_day(floor<days>(time + standard)).year();
    const auto begins = sys_seconds(begin.in(y).time_since_epoch() - standard);
    const auto ends = sys_seconds(end.in(y).time_since_epoch() - daylight);
    // South of the equator daylight time begins late in the year and ends early in the next.
    const bool inside = begins < ends ? time >= begins && time < ends : time >= begins || time < ends;
    return inside ? daylight : standard;
}

seconds TimeZone::offsetAt(SystemTime time) const {
    const sys_seconds second = floor<seconds>(time);
    const int64_t count = second.time_since_epoch().count();
    const auto next = std::upper_bound(m_changes.begin(), m_changes.end(), count,
                                       [](int64_t at, const Change& change) { return at < change.since; });
    if (next == m_changes.end() && m_hasAfter) return m_after.offsetAt(second);
    return seconds(next == m_changes.begin() ? m_first : std::prev(next)->offset);
}

SystemTime TimeZone::system(LocalTime local) const {
    // Offsets within a day around are the only ones in question; the greater one makes the earlier time.
    const SystemTime about{local.time_since_epoch()};
    const seconds before = offsetAt(about - days(1));
    const seconds after = offsetAt(about + days(1));
    for (const seconds offset : {std::max(before, after), std::min(before, after)}) {
        if (offsetAt(about - offset) == offset) return about - offset;
    }
    // Skipped: the moment of the jump lies between the two readings.
    SystemTime low = about - std::max(before, after), high = about - std::min(before, after);
    const seconds offset = offsetAt(low);
    while (high - low > seconds(1)) {
        const SystemTime middle = low + (high - low) / 2;
        (offsetAt(middle) == offset ? low : high) = middle;
    }
    return ceil<seconds>(low);
}

tl::expected<TimeZone, TimeZoneError> TimeZone::fromPosix(std::string_view rule) {
    if (rule.size() > longestName * 2) return tl::unexpected(TimeZoneError::BadName);
    const auto zone = PosixZoneParser(rule).parse();
    if (!zone) return tl::unexpected(TimeZoneError::BadName);
    return *zone;
}

namespace {

// Counts of RFC 8536, section 3.1, in the order of the file.
struct TzifHeader {
    uint8_t version = 0;
    uint32_t utcIndicators = 0, standardIndicators = 0, leapSeconds = 0, changes = 0, types = 0, letters = 0;

    static std::optional<TzifHeader> read(Reader& in) {
        constexpr std::array<uint8_t, 4> magic{'T', 'Z', 'i', 'f'};
        for (const uint8_t letter : magic) {
            if (in.u8() != letter) return std::nullopt;
        }
        TzifHeader header;
        header.version = in.u8();
        static_cast<void>(in.bytes(15));
        for (uint32_t* count : {&header.utcIndicators, &header.standardIndicators, &header.leapSeconds, &header.changes,
                                &header.types, &header.letters}) {
            *count = in.u32();
            if (*count > largestFile) return std::nullopt;
        }
        if (!in.ok() || header.types == 0 || header.types > 256) return std::nullopt;
        return header;
    }
    [[nodiscard]] size_t bodySize(size_t timeSize) const {
        return size_t{changes} * (timeSize + 1) + size_t{types} * 6 + letters + size_t{leapSeconds} * (timeSize + 4) +
               standardIndicators + utcIndicators;
    }
};

}  // namespace

tl::expected<TimeZone, TimeZoneError> TimeZone::fromTzif(ByteView file) {
    const auto malformed = [] { return tl::unexpected(TimeZoneError::Malformed); };
    if (file.size() > largestFile) return malformed();
    Reader in(file);
    auto header = TzifHeader::read(in);
    if (!header) return malformed();
    const bool wide = header->version >= '2';
    if (wide) {
        static_cast<void>(in.bytes(header->bodySize(4)));
        header = TzifHeader::read(in);
        if (!in.ok() || !header) return malformed();
    }
    const size_t timeSize = wide ? 8 : 4;
    if (in.remaining() < header->bodySize(timeSize)) return malformed();

    TimeZone zone;
    zone.m_hasAfter = false;
    for (uint32_t i = 0; i < header->changes; ++i) {
        const int64_t since = wide ? static_cast<int64_t>(in.u64()) : static_cast<int32_t>(in.u32());
        if (i > 0 && since <= zone.m_changes.back().since) return malformed();
        zone.m_changes.push_back({since, 0});
    }
    std::vector<uint8_t> types;
    for (uint32_t i = 0; i < header->changes; ++i) types.push_back(in.u8());
    std::vector<int32_t> offsets;
    for (uint32_t i = 0; i < header->types; ++i) {
        offsets.push_back(static_cast<int32_t>(in.u32()));
        static_cast<void>(in.u16());  // daylight time or not, and its abbreviation
        if (offsets.back() > largestOffset || offsets.back() < -largestOffset) return malformed();
    }
    for (size_t i = 0; i < types.size(); ++i) {
        if (types[i] >= offsets.size()) return malformed();
        zone.m_changes[i].offset = offsets[types[i]];
    }
    zone.m_first = offsets.front();
    static_cast<void>(in.bytes(header->bodySize(timeSize) - header->changes * (timeSize + 1) - header->types * 6));
    if (!in.ok()) return malformed();
    if (!wide || in.remaining() < 3) return zone;
    // "\nRULE\n"; an empty rule leaves the last offset for good.
    const ByteView footer = in.bytes(in.remaining());
    if (footer.front() != '\n' || footer.back() != '\n') return malformed();
    const auto after = fromPosix({reinterpret_cast<const char*>(footer.data()) + 1, footer.size() - 2});
    if (!after) return malformed();
    zone.m_after = after->m_after;
    zone.m_hasAfter = true;
    return zone;
}

tl::expected<TimeZone, TimeZoneError> TimeZone::load(std::string_view name) {
    if (name == "UTC") return TimeZone();
    const auto rule = fromPosix(name);
    if (rule) return rule;
    if (!isName(name)) return tl::unexpected(TimeZoneError::BadName);
    std::ifstream in(std::string(database) + std::string(name), std::ios::binary);
    Bytes bytes(largestFile + 1);
    // A folder opens, but does not read.
    in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<size_t>(std::max<std::streamsize>(in.gcount(), 0)));
    if (bytes.empty()) return tl::unexpected(TimeZoneError::Unknown);
    return fromTzif(bytes);
}

}  // namespace netpas
