// JSON forms of what the cartographer knows: menus and ways.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "cartographer/cartographer.h"
#include "cartographer/offers.h"

namespace netpas::agent {

[[nodiscard]] nlohmann::json menuJson(const cartographer::KnownMenu& menu, SystemTime now);
[[nodiscard]] nlohmann::json surveyJson(const IpAddress& destination, const cartographer::Survey& survey,
                                        SystemTime now);

// What a person can choose from, best effort first.
[[nodiscard]] nlohmann::json offersJson(const IpAddress& destination, const cartographer::Offers& offers,
                                        uint64_t streamBitsPerSecond, SystemTime now);
// What a minute of the stream costs at most, guarantees included, in packets of full size; nothing when that is beyond what money can say.
[[nodiscard]] std::optional<Money> perMinuteAtMost(const cartographer::Offer& offer, uint64_t streamBitsPerSecond);

}  // namespace netpas::agent
