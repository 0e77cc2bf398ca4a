// Inside core/x402 only: base64 and JSON of other parties.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/money.h"

namespace netpas::x402 {

// Standard alphabet with padding, nothing else.
[[nodiscard]] std::string toBase64(ByteView bytes);
[[nodiscard]] std::optional<Bytes> fromBase64(std::string_view text);

// Objects and lists in one another at most this deep: writing JSON takes stack for each.
inline constexpr int maxDepth = 24;
[[nodiscard]] bool isShallow(std::string_view json);
[[nodiscard]] std::string dump(const nlohmann::json& value);

// Empty when it is missing, no string, too long or not plain.
[[nodiscard]] std::string textIn(const nlohmann::json& object, const char* name, size_t longest);
[[nodiscard]] const nlohmann::json* memberOf(const nlohmann::json& object, const char* name);
// Decimal digits, nothing else.
[[nodiscard]] std::optional<Money> moneyFromNanodollars(std::string_view digits);
// Rounded up to a whole one: what is asked for is never less than what is wanted.
[[nodiscard]] std::string nanodollarsOf(Money amount);

}  // namespace netpas::x402
