// What buyer and seller of the reverse path say to each other (REVERSE.md). What comes in is checked member by member.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include <tl/expected.hpp>

#include "app/secretary/json_fields.h"
#include "app/secretary/reverse_sales.h"

namespace netpas::secretaryd {

// The seller's side. `to` is the address that the request came from, put in by who saw it.
[[nodiscard]] tl::expected<ReverseWish, BadField> reverseWishFromJson(const nlohmann::json& object);
[[nodiscard]] nlohmann::json offerJson(const ReverseOffer& offer, SystemTime now);
[[nodiscard]] nlohmann::json standingJson(const ReverseStanding& standing);

// The buyer's side: an answer with its HTTP status.
[[nodiscard]] tl::expected<ReverseOffer, BadField> offerFromJson(unsigned status, const std::string& body,
                                                                 const IpAddress& destination);
[[nodiscard]] tl::expected<ReverseStanding, BadField> standingFromJson(unsigned status, const std::string& body);

}  // namespace netpas::secretaryd
