// How amounts, times and texts enter the statistics.
#pragma once

#include <chrono>
#include <cmath>

#include "core/clock.h"
#include "secretary/learning/request.h"

namespace netpas::secretary::learning {

[[nodiscard]] inline double dayOf(SystemTime time) {
    return std::chrono::duration<double, std::chrono::days::period>(time.time_since_epoch()).count();
}

// price > 0.
[[nodiscard]] inline double logOf(Money price) { return std::log(double(price.eighths())); }

// Texts longer than this are kept as their beginning and a digest of the whole.
inline constexpr size_t longestText = 128;
[[nodiscard]] FieldTexts shortened(const FieldTexts& fields);

}  // namespace netpas::secretary::learning
