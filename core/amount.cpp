#include "core/amount.h"

namespace netpas {

std::optional<Money> parseAmount(std::string_view text) {
    bool cents = false;
    for (const std::string_view unit : {"¢", "c", " cents", " cent"}) {
        if (cents || !text.ends_with(unit)) continue;
        cents = true;
        text.remove_suffix(unit.size());
    }
    for (const std::string_view unit : {" dollars", " dollar"}) {
        if (!cents && text.ends_with(unit)) text.remove_suffix(unit.size());
    }
    if (!cents && text.starts_with('$')) text.remove_prefix(1);
    auto amount = Money::parse(text);
    if (!amount || amount->isNegative()) return std::nullopt;
    if (!cents) return *amount;
    constexpr int64_t centsPerDollar = 100;
    if (amount->eighths() % centsPerDollar != 0) return std::nullopt;
    return Money::fromEighths(amount->eighths() / centsPerDollar);
}

}  // namespace netpas
