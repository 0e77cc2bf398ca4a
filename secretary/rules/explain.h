// Why a rule decided, in words. Pure.
#pragma once

#include <string>

#include "secretary/rules/index.h"
#include "secretary/rules/sentence.h"

namespace netpas::secretary::rules {

// Which rule decided, what it comes to, and why not the runner-up. "No rule is about this." when none did.
[[nodiscard]] std::string explain(const Decision& decision, const SpendRequest& request, const BudgetLeft& budgetLeft,
                                  const Wording& wording = {});

}  // namespace netpas::secretary::rules
