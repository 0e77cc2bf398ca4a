// The 8-bit price of the accounting header (NetPaS §5.1 with the erratum of core/wire/FORMAT.md).
#pragma once

#include <compare>
#include <cstdint>

#include <tl/expected.hpp>

#include "core/money.h"

namespace netpas {

// 5 bits of exponent e (high) and 3 of mantissa m: value = (8 + m) · 2^e eighths of a nanodollar,
// from 1 n$ to about $4. Codes are ordered as their values; neighbours differ by 6.67 % to 12.5 %.
class PriceCode {
public:
    constexpr PriceCode() = default;
    [[nodiscard]] static constexpr PriceCode fromCode(uint8_t code) {
        PriceCode price;
        price.m_code = code;
        return price;
    }
    // The smallest code worth at least `amount`. Errors: Negative, Overflow.
    [[nodiscard]] static tl::expected<PriceCode, MoneyError> roundUp(Money amount);

    [[nodiscard]] constexpr uint8_t code() const { return m_code; }
    [[nodiscard]] constexpr Money value() const {
        return Money::fromEighths(static_cast<int64_t>(8 + (m_code & 7)) << (m_code >> 3));
    }

    friend constexpr auto operator<=>(PriceCode, PriceCode) = default;

private:
    uint8_t m_code = 0;
};

}  // namespace netpas
