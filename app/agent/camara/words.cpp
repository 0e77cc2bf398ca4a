#include "app/agent/camara/words.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "core/crypto/hex.h"

namespace netpas::agent::camara {

namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isAlnum(char c) { return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool isHex(char c) { return isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view space = " \t";
    const size_t from = text.find_first_not_of(space);
    if (from == std::string_view::npos) return {};
    return text.substr(from, text.find_last_not_of(space) - from + 1);
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return result;
}

// What stands before `separator`, which is taken away with it.
std::string_view takeUntil(std::string_view& text, char separator) {
    const size_t at = std::min(text.find(separator), text.size());
    const std::string_view part = text.substr(0, at);
    text.remove_prefix(std::min(at + 1, text.size()));
    return trimmed(part);
}

// "q=0", "q=0.0" and so on: not that.
bool isRefusal(std::string_view parameter) {
    const std::string text = lower(parameter);
    return text.starts_with("q=0") && text.find_first_not_of("0.", 2) == std::string::npos;
}

}  // namespace

bool isProfileName(std::string_view text) {
    constexpr size_t shortest = 3, longest = 256;
    return text.size() >= shortest && text.size() <= longest &&
           std::all_of(text.begin(), text.end(), [](char c) { return isAlnum(c) || c == '_' || c == '.' || c == '-'; });
}

bool isCorrelator(std::string_view text) {
    constexpr size_t longest = 256;
    constexpr std::string_view others = "-_:;./<>{}";
    return text.size() <= longest && std::all_of(text.begin(), text.end(), [&](char c) {
               return isAlnum(c) || others.find(c) != std::string_view::npos;
           });
}

bool isUuid(std::string_view text) {
    constexpr size_t length = 36;
    if (text.size() != length) return false;
    for (size_t i = 0; i < length; ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !isHex(text[i])) return false;
    }
    return true;
}

std::string newUuid() {
    std::array<uint8_t, 16> raw{};
    randombytes_buf(raw.data(), raw.size());
    raw[6] = static_cast<uint8_t>((raw[6] & 0x0fU) | 0x40U);  // version 4, variant 1 (RFC 9562)
    raw[8] = static_cast<uint8_t>((raw[8] & 0x3fU) | 0x80U);
    std::string text = toHex(raw);
    for (const size_t at : {8U, 13U, 18U, 23U}) text.insert(at, 1, '-');
    return text;
}

std::optional<SystemTime> timeFrom(std::string_view text) {
    // 2031-01-31T12:00:00[.123](Z|+01:00)
    constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd";
    if (text.size() <= form.size()) return std::nullopt;
    std::array<int, 6> parts{};
    size_t part = 0;
    for (size_t i = 0; i < form.size(); ++i) {
        const char c = text[i];
        if (form[i] == 'd' ? !isDigit(c) : c != form[i] && !(form[i] == 'T' && c == 't')) return std::nullopt;
        if (form[i] == 'd') {
            parts[part] = parts[part] * 10 + (c - '0');
        } else {
            ++part;
        }
    }
    const std::chrono::year_month_day day{std::chrono::year(parts[0]),
                                          std::chrono::month(static_cast<unsigned>(parts[1])),
                                          std::chrono::day(static_cast<unsigned>(parts[2]))};
    if (!day.ok() || parts[3] > 23 || parts[4] > 59 || parts[5] > 60) return std::nullopt;
    std::string_view rest = text.substr(form.size());
    if (rest.front() == '.') {
        rest.remove_prefix(1);
        const size_t digits = static_cast<size_t>(std::find_if_not(rest.begin(), rest.end(), isDigit) - rest.begin());
        if (digits == 0) return std::nullopt;
        rest.remove_prefix(digits);
    }
    std::chrono::minutes offset{0};
    if (rest.size() == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':' && isDigit(rest[1]) &&
        isDigit(rest[2]) && isDigit(rest[4]) && isDigit(rest[5])) {
        const int hours = (rest[1] - '0') * 10 + rest[2] - '0', minutes = (rest[4] - '0') * 10 + rest[5] - '0';
        offset = std::chrono::minutes((rest[0] == '-' ? -1 : 1) * (hours * 60 + minutes));
    } else if (rest != "Z" && rest != "z") {
        return std::nullopt;
    }
    return SystemTime(std::chrono::sys_days(day).time_since_epoch()) + std::chrono::hours(parts[3]) +
           std::chrono::minutes(parts[4]) + std::chrono::seconds(parts[5]) - offset;
}

bool isJsonType(std::string_view contentType) {
    const std::string type = lower(takeUntil(contentType, ';'));
    return type.empty() || type == "application/json";
}

bool acceptsJson(std::string_view accept) {
    constexpr std::array<std::string_view, 3> ranges{"*/*", "application/*", "application/json"};
    if (trimmed(accept).empty()) return true;
    // The most exact range decides.
    int best = -1;
    bool taken = false;
    while (!accept.empty()) {
        std::string_view item = takeUntil(accept, ',');
        const std::string range = lower(takeUntil(item, ';'));
        const auto* const found = std::find(ranges.begin(), ranges.end(), range);
        const int exact = static_cast<int>(found - ranges.begin());
        if (found == ranges.end() || exact < best) continue;
        best = exact;
        taken = true;
        while (!item.empty()) taken = !isRefusal(takeUntil(item, ';')) && taken;
    }
    return taken;
}

}  // namespace netpas::agent::camara
