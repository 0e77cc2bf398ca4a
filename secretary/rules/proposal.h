// What was learnt, as a rule that a person may keep (NetPaS §5.3). Pure.
#pragma once

#include <string>

#include "secretary/learning/proposal.h"
#include "secretary/rules/rule.h"

namespace netpas::secretary::rules {

// Its origin is Learned, it asks above its limit, and its note is the evidence.
[[nodiscard]] RuleText ruleFrom(const learning::RuleProposal& proposal);
// "22 of 23 answers agree: accepted up to 48¢ a minute, refused from 55¢ a minute."
[[nodiscard]] std::string evidence(const learning::RuleProposal& proposal);

}  // namespace netpas::secretary::rules
