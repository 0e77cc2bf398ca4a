#include "core/money.h"

namespace netpas {

namespace {

// An eighth of a nanodollar is 0.000000000125 dollars: twelve decimals, in steps of 125 picodollars.
constexpr size_t decimals = 12;
constexpr uint64_t picodollarsPerEighth = 125;
constexpr uint64_t picodollarsPerDollar = 1'000'000'000'000;

bool isDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string_view describe(MoneyError error) {
    switch (error) {
    case MoneyError::Overflow: return "the amount is too large";
    case MoneyError::NotANumber: return "not a decimal number of dollars; write it like 0.05";
    case MoneyError::TooPrecise: return "the amount has a part smaller than an eighth of a nanodollar (0.000000000125)";
    case MoneyError::Negative: return "the amount is below zero";
    }
    return "unknown money error";
}

tl::expected<Money, MoneyError> Money::fromNanodollars(int64_t nanodollars) {
    return checkedMul(Money::fromEighths(eighthsPerNanodollar), nanodollars);
}

tl::expected<Money, MoneyError> Money::parse(std::string_view text) {
    const bool negative = !text.empty() && text.front() == '-';
    if (negative) text.remove_prefix(1);
    const size_t point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    const std::string_view fraction = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
    if (whole.empty() || (point != std::string_view::npos && fraction.empty())) {
        return tl::unexpected(MoneyError::NotANumber);
    }
    uint64_t dollars = 0;
    for (const char c : whole) {
        if (!isDigit(c)) return tl::unexpected(MoneyError::NotANumber);
        // 1.2 billion dollars is beyond the range, so the product below stays far from 2^64.
        if (dollars > 1'200'000'000) return tl::unexpected(MoneyError::Overflow);
        dollars = dollars * 10 + static_cast<uint64_t>(c - '0');
    }
    uint64_t pico = 0;
    for (size_t i = 0; i < fraction.size() || i < decimals; ++i) {
        const char c = i < fraction.size() ? fraction[i] : '0';
        if (!isDigit(c)) return tl::unexpected(MoneyError::NotANumber);
        if (i < decimals) {
            pico = pico * 10 + static_cast<uint64_t>(c - '0');
        } else if (c != '0') {
            return tl::unexpected(MoneyError::TooPrecise);
        }
    }
    if (pico % picodollarsPerEighth != 0) return tl::unexpected(MoneyError::TooPrecise);
    uint64_t eighths = 0;
    if (__builtin_mul_overflow(dollars, static_cast<uint64_t>(eighthsPerDollar), &eighths) ||
        __builtin_add_overflow(eighths, pico / picodollarsPerEighth, &eighths) ||
        eighths > static_cast<uint64_t>(INT64_MAX)) {
        return tl::unexpected(MoneyError::Overflow);
    }
    const auto value = static_cast<int64_t>(eighths);
    return Money::fromEighths(negative ? -value : value);
}

std::string Money::toString() const {
    const uint64_t magnitude =
        m_eighths < 0 ? uint64_t{0} - static_cast<uint64_t>(m_eighths) : static_cast<uint64_t>(m_eighths);
    std::string text = m_eighths < 0 ? "-" : "";
    text += std::to_string(magnitude / static_cast<uint64_t>(eighthsPerDollar));
    const uint64_t pico = magnitude % static_cast<uint64_t>(eighthsPerDollar) * picodollarsPerEighth;
    if (pico != 0) {
        std::string digits = std::to_string(picodollarsPerDollar + pico);  // a leading 1 keeps the zeros
        digits[0] = '.';
        digits.erase(digits.find_last_not_of('0') + 1);
        text += digits;
    }
    return text;
}

tl::expected<Money, MoneyError> checkedAdd(Money a, Money b) {
    int64_t sum = 0;
    if (__builtin_add_overflow(a.eighths(), b.eighths(), &sum)) return tl::unexpected(MoneyError::Overflow);
    return Money::fromEighths(sum);
}

tl::expected<Money, MoneyError> checkedSub(Money a, Money b) {
    int64_t difference = 0;
    if (__builtin_sub_overflow(a.eighths(), b.eighths(), &difference)) return tl::unexpected(MoneyError::Overflow);
    return Money::fromEighths(difference);
}

tl::expected<Money, MoneyError> checkedMul(Money a, int64_t factor) {
    int64_t product = 0;
    if (__builtin_mul_overflow(a.eighths(), factor, &product)) return tl::unexpected(MoneyError::Overflow);
    return Money::fromEighths(product);
}

}  // namespace netpas
