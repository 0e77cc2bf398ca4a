// JSON forms of purchases. Amounts are decimal strings of dollars, identifiers are strings, times are UTC.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include <tl/expected.hpp>

#include "app/secretary/json_fields.h"
#include "app/secretary/purchase_service.h"

namespace netpas::secretaryd {

[[nodiscard]] nlohmann::json purchaseJson(const PurchaseView& view, SystemTime now);
[[nodiscard]] tl::expected<BuyOrder, BadField> orderFromJson(const nlohmann::json& object);
[[nodiscard]] tl::expected<std::string, BadField> joinUrlFromJson(const nlohmann::json& object);

}  // namespace netpas::secretaryd
