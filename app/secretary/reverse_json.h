// What buyer and seller of the reverse path say to each other (REVERSE.md). What comes in is checked member by member.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include <tl/expected.hpp>

#include "app/secretary/json_fields.h"
#include "app/secretary/reverse_quotes.h"

namespace netpas::secretaryd {

inline constexpr const char* sellersOrders = "/v1/orders";

// A wish to buy for what comes from order.what.destination, as its sender sees it: his end is where the packets come from. Where they go he
// sees for himself. `body` is the request that `order` was read from.
[[nodiscard]] tl::expected<ReverseBuyOrder, BadField> reverseOrderOf(const nlohmann::json& body, const BuyOrder& order);
// What /v1/quotes answers for incoming packets.
[[nodiscard]] nlohmann::json reverseQuotesJson(const IpAddress& from, const std::vector<ReverseQuote>& quotes,
                                               uint64_t streamBitsPerSecond, SystemTime now);

// The seller's side. `to` is the address that the request came from, put in by who saw it.
[[nodiscard]] tl::expected<ReverseWish, BadField> reverseWishFromJson(const nlohmann::json& object);
[[nodiscard]] nlohmann::json offerJson(const ReverseOffer& offer, SystemTime now);
[[nodiscard]] nlohmann::json standingJson(const ReverseStanding& standing);

// The buyer's side: an answer with its HTTP status.
[[nodiscard]] tl::expected<ReverseOffer, BadField> offerFromJson(unsigned status, const std::string& body,
                                                                 const IpAddress& destination);
[[nodiscard]] tl::expected<ReverseStanding, BadField> standingFromJson(unsigned status, const std::string& body);

}  // namespace netpas::secretaryd
