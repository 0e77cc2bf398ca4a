// JSON forms that both processes use. Amounts are decimal strings of dollars, times are UTC.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cartographer/quote.h"

namespace netpas::secretaryd {

// The ISPs of a way with the price of a full-sized packet at each.
[[nodiscard]] nlohmann::json quotePathJson(const std::vector<cartographer::QuotedHop>& path, SystemTime now);
// Prices per packet and per million bytes of a whole way.
[[nodiscard]] nlohmann::json pricesJson(const std::vector<cartographer::QuotedHop>& path, SystemTime now);
// The first of every list of offers.
[[nodiscard]] nlohmann::json bestEffortOffer();
// What a minute of the stream costs at most, in packets of full size; nothing when that is beyond what money can say.
[[nodiscard]] std::optional<Money> perMinuteAtMost(Money dearest, uint64_t streamBitsPerSecond);

// The stream that /v1/quotes is asked for, in bits a second: "stream_bit_per_second", or that of a film in full HD. Nothing: not a
// number from 1 to 100000000000.
[[nodiscard]] std::optional<uint64_t> streamFromJson(const nlohmann::json& body);

}  // namespace netpas::secretaryd
