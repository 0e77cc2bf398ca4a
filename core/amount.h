// Amounts as people write them.
#pragma once

#include <optional>
#include <string_view>

#include "core/money.h"

namespace netpas {

// "1¢", "1c", "5 cents", "$1.50", "0.05", "2 dollars". Never negative.
[[nodiscard]] std::optional<Money> parseAmount(std::string_view text);

}  // namespace netpas
