// JSON forms of the local API. Amounts are decimal strings of dollars, identifiers are strings, times are UTC.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "app/agent/purchase_service.h"
#include "cartographer/cartographer.h"

namespace netpas::agent {

[[nodiscard]] std::string timeText(SystemTime time);  // 2026-11-21T22:00:00.000000Z

[[nodiscard]] nlohmann::json purchaseJson(const PurchaseView& view, SystemTime now);
// Prices per packet and per million bytes of a whole way.
[[nodiscard]] nlohmann::json pricesJson(const std::vector<cartographer::QuotedHop>& path, SystemTime now);
[[nodiscard]] nlohmann::json menuJson(const cartographer::KnownMenu& menu, SystemTime now);
[[nodiscard]] nlohmann::json surveyJson(const IpAddress& destination, const cartographer::Survey& survey,
                                        SystemTime now);

// What is wrong with a request's body, in words for who wrote it.
struct BadField {
    std::string message;
    std::string hint;
};
// Unknown members are refused: a mistyped limit must not mean "no limit".
[[nodiscard]] tl::expected<BuyOrder, BadField> orderFromJson(std::string_view body);
[[nodiscard]] tl::expected<std::string, BadField> joinUrlFromJson(std::string_view body);

}  // namespace netpas::agent
