// JSON forms that both processes use. Amounts are decimal strings of dollars, times are UTC.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cartographer/quote.h"

namespace netpas::secretaryd {

// The ISPs of a way with the price of a full-sized packet at each.
[[nodiscard]] nlohmann::json quotePathJson(const std::vector<cartographer::QuotedHop>& path, SystemTime now);
// Prices per packet and per million bytes of a whole way.
[[nodiscard]] nlohmann::json pricesJson(const std::vector<cartographer::QuotedHop>& path, SystemTime now);

}  // namespace netpas::secretaryd
