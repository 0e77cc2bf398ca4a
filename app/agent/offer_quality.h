// Beside what is promised, what was measured (DESIGN §9): of each offer, and of best effort, on the whole way to the last ISP. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace netpas::agent {

// Adds "measured" to each of `offers` (as offersJson() makes them), from `measurements` (as measurementsJson() makes them): round trip and loss with
// their grades and intervals; null where nothing is known. What is scarce keeps that word, and says so in "quality_is".
void addMeasuredQuality(nlohmann::json& offers, const nlohmann::json& measurements);

}  // namespace netpas::agent
