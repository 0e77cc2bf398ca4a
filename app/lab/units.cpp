#include "app/lab/units.h"

#include <array>
#include <utility>

namespace netpas::lab {
namespace {

struct Quantity {
    uint64_t millionths;  // of the number before the unit
    std::string_view unit;
};

// A decimal number with at most six digits after the point and up to twelve before it, then the unit.
std::optional<Quantity> splitQuantity(std::string_view text) {
    uint64_t whole = 0;
    size_t at = 0;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
        if (at >= 12) return std::nullopt;
        whole = whole * 10 + static_cast<uint64_t>(text[at] - '0');
        ++at;
    }
    if (at == 0) return std::nullopt;
    uint64_t fraction = 0;
    if (at < text.size() && text[at] == '.') {
        ++at;
        const size_t begin = at;
        uint64_t weight = 100'000;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
            if (weight == 0) return std::nullopt;
            fraction += weight * static_cast<uint64_t>(text[at] - '0');
            weight /= 10;
            ++at;
        }
        if (at == begin) return std::nullopt;
    }
    while (at < text.size() && text[at] == ' ') ++at;
    return Quantity{whole * 1'000'000 + fraction, text.substr(at)};
}

using UnitTable = std::pair<std::string_view, uint64_t>;

// The number times its unit, when that is whole and at most `limit`.
template <size_t N>
std::optional<uint64_t> scale(std::string_view text, const std::array<UnitTable, N>& units, uint64_t limit) {
    const auto quantity = splitQuantity(text);
    if (!quantity) return std::nullopt;
    for (const auto& [unit, factor] : units) {
        if (unit != quantity->unit) continue;
        const __uint128_t product = static_cast<__uint128_t>(quantity->millionths) * factor;
        if (product % 1'000'000 != 0 || product / 1'000'000 > limit) return std::nullopt;
        return static_cast<uint64_t>(product / 1'000'000);
    }
    return std::nullopt;
}

constexpr std::array<UnitTable, 4> rateUnits{
    {{"gbit", 1'000'000'000}, {"mbit", 1'000'000}, {"kbit", 1'000}, {"bit", 1}}};
constexpr std::array<UnitTable, 3> delayUnits{{{"s", 1'000'000}, {"ms", 1'000}, {"us", 1}}};
constexpr std::array<UnitTable, 3> byteUnits{{{"MB", 1'000'000}, {"kB", 1'000}, {"B", 1}}};
constexpr std::array<UnitTable, 1> packetUnits{{{"p", 1}}};
constexpr std::array<UnitTable, 1> percentUnits{{{"%", 10'000}}};

template <size_t N>
std::string writeLargestUnit(uint64_t value, const std::array<UnitTable, N>& units) {
    for (const auto& [unit, factor] : units) {
        if (value % factor == 0 && (value != 0 || factor == 1)) {
            return std::to_string(value / factor) + std::string(unit);
        }
    }
    return {};
}

}  // namespace

std::optional<BitRate> parseBitRate(std::string_view text) {
    const auto value = scale(text, rateUnits, 400'000'000'000);
    if (!value || *value == 0) return std::nullopt;
    return BitRate{*value};
}

std::optional<std::chrono::microseconds> parseDelay(std::string_view text) {
    const auto value = scale(text, delayUnits, 10'000'000);
    if (!value) return std::nullopt;
    return std::chrono::microseconds(*value);
}

std::optional<Fraction> parsePercent(std::string_view text) {
    const auto value = scale(text, percentUnits, 1'000'000);
    if (!value) return std::nullopt;
    return Fraction{static_cast<uint32_t>(*value)};
}

std::optional<QueueLimit> parseQueueLimit(std::string_view text) {
    constexpr uint64_t maxPackets = 1'000'000;
    constexpr uint64_t maxBytes = 1'000'000'000;
    if (const auto packets = scale(text, packetUnits, maxPackets); packets && *packets > 0) {
        return QueueLimit{*packets, QueueLimit::Unit::Packets};
    }
    if (const auto bytes = scale(text, byteUnits, maxBytes); bytes && *bytes >= 2000) {
        return QueueLimit{*bytes, QueueLimit::Unit::Bytes};
    }
    return std::nullopt;
}

std::string toString(BitRate rate) { return writeLargestUnit(rate.bitsPerSecond, rateUnits); }

std::string toString(std::chrono::microseconds delay) {
    return writeLargestUnit(static_cast<uint64_t>(delay.count()), delayUnits);
}

std::string toString(Fraction fraction) {
    std::string text = std::to_string(fraction.millionths / 10'000);
    if (const uint32_t rest = fraction.millionths % 10'000; rest != 0) {
        std::string digits = std::to_string(10'000 + rest).substr(1);
        while (digits.back() == '0') digits.pop_back();
        text += "." + digits;
    }
    return text + "%";
}

std::string toString(QueueLimit limit) {
    switch (limit.unit) {
    case QueueLimit::Unit::Packets: return writeLargestUnit(limit.amount, packetUnits);
    case QueueLimit::Unit::Bytes: return writeLargestUnit(limit.amount, byteUnits);
    }
    return {};
}

}  // namespace netpas::lab
