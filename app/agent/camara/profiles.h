// QoS profiles of the CAMARA API, made from the cartographer's tiers: "thrifty", "enough" and "most" of what is sold on the way to
// wherever a session leads; and "best-effort", which is what there is without a session and can therefore not be had by one. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cartographer/offers.h"

namespace netpas::agent::camara {

inline constexpr uint32_t shortestSession = 1;     // seconds
inline constexpr uint32_t longestSession = 86400;  // … with all its extensions
// What the traffic is taken to need, as in quotes: a film in full HD.
inline constexpr uint64_t sessionBitPerSecond = 5'000'000;

[[nodiscard]] bool isProfile(std::string_view name);
// The tier that a profile buys; nothing: it buys nothing.
[[nodiscard]] std::optional<cartographer::Tier> tierOf(std::string_view name);
// Which of the offers the profile stands for; null: none of them. Where a way has fewer tiers, the least stands for "thrifty" and the best
// for "most"; "enough" is the cheapest that is comfortable.
[[nodiscard]] const cartographer::Offer* offerFor(std::string_view profile,
                                                  const std::vector<cartographer::Offer>& offers);
// All profiles. `home`: the home ISP's menu, whose promises are the targets; nothing: no ISP is joined, nothing can be had.
[[nodiscard]] nlohmann::json profilesJson(const std::optional<cartographer::KnownMenu>& home, SystemTime now);

}  // namespace netpas::agent::camara
