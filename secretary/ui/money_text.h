// Money as people read it; the only place that makes text of it. GUI's thread (it follows the user's locale).
#pragma once

#include <QString>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "core/money.h"

namespace netpas::ui {

// Which way to round what is not shown in full: never in the user's disfavour.
enum class Amount { Cost, Credit };  // what is to be paid is shown as no less, what is to be had as no more than it is

// "$12.34", "1.5 ¢", "0.0223 ¢": three significant digits below a dollar, cents above.
[[nodiscard]] QString moneyText(Money amount, Amount kind);
// Every digit: "$0.000223375".
[[nodiscard]] QString exactMoney(Money amount);
// Of the API's decimal strings; nothing from null and nonsense.
[[nodiscard]] std::optional<Money> moneyFrom(const nlohmann::json& text);
// As a person types it: "2 ¢", "2ct", "0.02", "$0.02", in the user's locale or with a point.
[[nodiscard]] std::optional<Money> moneyTyped(const QString& text);

}  // namespace netpas::ui
