// What is known of one quantity of the network, and how well: never a bare number (NetPaS §5.3). Plain data; no thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/clock.h"

namespace netpas::measure {

enum class Grade : uint8_t {
    Unknown,  // nothing was seen lately; the numbers mean nothing
    Scarce,   // something, but too little to call it a fact
    Good,
};
[[nodiscard]] std::string_view name(Grade grade);

// Latencies in seconds, losses as shares (0..1), rates in bits per second of IP packets.
struct Estimate {
    Grade grade = Grade::Unknown;
    double value = 0;
    double low = 0;  // the truth lies between these in 95 of 100 cases
    double high = 0;
    double systematic = 0;  // the part of the interval, to either side, that more samples would not take away
    uint64_t samples = 0;
    SteadyTime newest{};

    [[nodiscard]] bool known() const { return grade != Grade::Unknown; }
    // Nothing while unknown.
    [[nodiscard]] std::optional<std::chrono::nanoseconds> age(SteadyTime now) const;
};

// Along a path: latencies add up; losses are independent, so that what arrives is a product; the narrowest rate is the path's. What is unknown of one
// stretch is unknown of the whole, and the scarcest of all decides. Of nothing: unknown.
[[nodiscard]] Estimate latencyAlong(std::span<const Estimate> stretches);
[[nodiscard]] Estimate lossAlong(std::span<const Estimate> stretches);
[[nodiscard]] Estimate rateAlong(std::span<const Estimate> stretches);

// The last stretch alone, from what was measured to its end and to its beginning by separate packets. Never below nothing.
[[nodiscard]] Estimate latencyBetween(const Estimate& toBegin, const Estimate& toEnd);
[[nodiscard]] Estimate lossBetween(const Estimate& toBegin, const Estimate& toEnd);

}  // namespace netpas::measure
