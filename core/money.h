// Amounts of money. One unit, integer arithmetic, and no operation that can overflow unseen.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace netpas {

enum class MoneyError {
    Overflow,    // the result does not fit 64 bits, or no price code is large enough
    NotANumber,  // the text is not a plain decimal number
    TooPrecise,  // the text has a part smaller than an eighth of a nanodollar
    Negative,    // a price or payment below zero
};

[[nodiscard]] std::string_view describe(MoneyError error);

// A signed count of eighths of a nanodollar (125 picodollars). Range about ±1.15 billion dollars.
class Money {
public:
    static constexpr int64_t eighthsPerNanodollar = 8;
    static constexpr int64_t eighthsPerDollar = 8'000'000'000;

    constexpr Money() = default;
    [[nodiscard]] static constexpr Money zero() { return {}; }
    [[nodiscard]] static constexpr Money max() { return fromEighths(INT64_MAX); }
    [[nodiscard]] static constexpr Money fromEighths(int64_t eighths) {
        Money money;
        money.m_eighths = eighths;
        return money;
    }
    [[nodiscard]] static tl::expected<Money, MoneyError> fromNanodollars(int64_t nanodollars);
    // Decimal dollars, for example "0.000000375" or "-2"; at most 12 decimals, exact to an eighth of a nanodollar.
    [[nodiscard]] static tl::expected<Money, MoneyError> parse(std::string_view dollars);

    [[nodiscard]] constexpr int64_t eighths() const { return m_eighths; }
    [[nodiscard]] constexpr bool isNegative() const { return m_eighths < 0; }
    // The shortest exact decimal number of dollars; parse(toString()) is the identity.
    [[nodiscard]] std::string toString() const;

    friend constexpr auto operator<=>(Money, Money) = default;

private:
    int64_t m_eighths = 0;
};

[[nodiscard]] tl::expected<Money, MoneyError> checkedAdd(Money a, Money b);
[[nodiscard]] tl::expected<Money, MoneyError> checkedSub(Money a, Money b);
[[nodiscard]] tl::expected<Money, MoneyError> checkedMul(Money a, int64_t factor);

}  // namespace netpas
