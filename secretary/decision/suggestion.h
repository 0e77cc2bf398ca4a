// The rule that an answer makes. Pure.
#pragma once

#include <optional>
#include <vector>

#include "secretary/budgets/budget.h"
#include "secretary/prompts/prompt.h"
#include "secretary/rules/rule.h"

namespace netpas::secretary::decision {

// What a rule about this request would name if the person changes nothing: what and with whom or where, from which app and
// device; the user only where it is not the owner.
[[nodiscard]] std::vector<prompts::Part> suggestedParts(const SpendRequest& request, uint32_t owner);
// The answer that a prompt proposes under "Approve…".
[[nodiscard]] prompts::Answer suggestedAnswer(const SpendRequest& request, uint32_t owner);

// Nothing for answers that make no rule: "Not now", and those for once to what still waits. One for once to what was missed
// decides the next time.
[[nodiscard]] std::optional<rules::RuleText> ruleFrom(const prompts::Entry& entry, const prompts::Answer& answer,
                                                      uint32_t owner, const budgets::Calendar& calendar,
                                                      SystemTime now);

}  // namespace netpas::secretary::decision
