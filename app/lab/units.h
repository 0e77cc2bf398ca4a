// Quantities of topology files, written with their units: "20mbit", "10ms", "0.5%", "64kB".
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace netpas::lab {

struct BitRate {
    uint64_t bitsPerSecond = 0;
    auto operator<=>(const BitRate&) const = default;
};

// A share or a probability, in millionths, so that files round-trip exactly.
struct Fraction {
    uint32_t millionths = 0;
    auto operator<=>(const Fraction&) const = default;
};

// The length of a queue, in packets or in bytes.
struct QueueLimit {
    enum class Unit : uint8_t { Packets, Bytes };
    uint64_t amount = 0;
    Unit unit = Unit::Packets;
    auto operator<=>(const QueueLimit&) const = default;
};

// Each returns nothing when the text is not such a quantity or is out of range.
std::optional<BitRate> parseBitRate(std::string_view text);                  // 1bit .. 400gbit
std::optional<std::chrono::microseconds> parseDelay(std::string_view text);  // us, ms, s; up to 10 s
std::optional<Fraction> parsePercent(std::string_view text);                 // 0% .. 100%
std::optional<QueueLimit> parseQueueLimit(std::string_view text);            // 100p or 64kB

std::string toString(BitRate rate);
std::string toString(std::chrono::microseconds delay);
std::string toString(Fraction fraction);
std::string toString(QueueLimit limit);

}  // namespace netpas::lab
