// What a price is for.
#pragma once

#include <cstdint>

namespace netpas {

// Prices of the two units are never compared with each other.
enum class PriceUnit : uint8_t { Minute, Item };

}  // namespace netpas
