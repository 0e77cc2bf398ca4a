// Rules in words, proposed from consistent answers; a person decides whether to keep one (NetPaS §5.3).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "secretary/learning/request.h"

namespace netpas::secretary::learning {

struct RuleProposal {
    std::vector<std::pair<Field, std::string>> match;  // all of these
    PriceUnit unit = PriceUnit::Minute;
    std::optional<Money> upTo;           // none: always
    uint32_t answers = 0;                // in the scope of the rule …
    uint32_t agreeing = 0;               // … and those that the rule would have given
    Money highestAccepted;               // below the threshold
    std::optional<Money> lowestRefused;  // above it
    std::string sentence;
};

// Whether the belief about a request allows that the user pays up to an amount and no more; no amount: any.
using Plausible = std::function<bool(const Request&, std::optional<Money> upTo)>;

// Widest rules first. A narrower rule is proposed only where no wider one says much the same.
[[nodiscard]] std::vector<RuleProposal> proposeRules(std::span<const AnsweredRequest> answers,
                                                     const Plausible& plausible);

// The roundest amount a with low ≤ a < high; 0 < low < high.
[[nodiscard]] Money roundAmount(Money low, Money high);

}  // namespace netpas::secretary::learning
