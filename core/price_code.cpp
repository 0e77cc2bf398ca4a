#include "core/price_code.h"

#include <bit>

namespace netpas {

tl::expected<PriceCode, MoneyError> PriceCode::roundUp(Money amount) {
    if (amount.isNegative()) return tl::unexpected(MoneyError::Negative);
    const auto eighths = static_cast<uint64_t>(amount.eighths());
    if (eighths <= 8) return PriceCode::fromCode(0);
    // Four significant bits remain; what is cut off rounds up, which may carry into the exponent.
    auto exponent = static_cast<uint32_t>(std::bit_width(eighths)) - 4;
    uint64_t mantissa = (eighths + (uint64_t{1} << exponent) - 1) >> exponent;
    if (mantissa == 16) {
        mantissa = 8;
        ++exponent;
    }
    if (exponent > 31) return tl::unexpected(MoneyError::Overflow);
    return PriceCode::fromCode(static_cast<uint8_t>((exponent << 3) | (mantissa - 8)));
}

}  // namespace netpas
