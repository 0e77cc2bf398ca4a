// What a rule would have changed: tried on past requests before it is kept (UX, Rules). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "secretary/rules/index.h"
#include "secretary/rules/rule.h"
#include "secretary/rules/zones.h"

namespace netpas::secretary::rules {

struct PastRequest {
    SpendRequest request;
    SystemTime when;
    bool paid = false;   // something was bought …
    bool asked = false;  // … or not, after a person was asked
    Money charged;       // of what was paid
};

struct Tally {
    uint64_t count = 0;
    Money sum;
};

struct Replay {
    uint64_t requests = 0;
    uint64_t decided = 0;         // by the rule; all others stay as they were
    Tally paidInstead;            // what was not; the sum is the most that it could have cost
    Tally refusedInstead;         // what was paid; the sum is what it cost
    Tally askedInstead;           // what was decided without asking; the sum is what was paid of it
    uint64_t questionsSaved = 0;  // what a person was asked and the rule would have answered
    std::vector<size_t> changed;  // which of the requests, the first hundred
};

// As if the rule had been in the book all the time, in place of `replaced`, whatever its life; its budget is kept to by the
// calendar of `zone`. `past` is in the order of time. The rule's own schedule has to be valid.
[[nodiscard]] Replay replay(const RuleText& candidate, std::optional<RuleId> replaced,
                            std::span<const Rule* const> book, std::span<const PastRequest> past, Zones& zones,
                            const TimeZone& zone);

}  // namespace netpas::secretary::rules
