// Words of the API that are names of things, for people. What is not known here stays as it came. GUI's thread.
#pragma once

#include <QString>
#include <nlohmann/json_fwd.hpp>

namespace netpas::ui {

// States of purchases and rules, tiers of offers, why something ended.
[[nodiscard]] QString wordFor(const QString& word);
// One of GET /v1/budget: "$2 a month for everything".
[[nodiscard]] QString budgetText(const nlohmann::json& budget);

}  // namespace netpas::ui
