// What is wrong with rules: each by itself, and together with others. Pure but for reading time zones.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "secretary/rules/rule.h"
#include "secretary/rules/zones.h"

namespace netpas::secretary::rules {

// One thing that is wrong, for who wrote the rules.
struct Finding {
    size_t index = 0;              // of the rule in what was given, from 0; SIZE_MAX: the whole file
    std::string where;             // "grant.up_to"; empty: the rule as a whole
    std::optional<size_t> other;   // a second rule of what was given that it contradicts …
    std::optional<RuleId> inBook;  // … or one that is there already
    std::string message;
    std::string remedy;
    bool unreadable = false;  // there is no rule to show
};
// "rule 3 (Never pay for comics from any site.), grant.up_to: MESSAGE", counting from 1.
[[nodiscard]] std::string text(const Finding& finding, std::span<const RuleText> rules);
// What was given, as far as it could be read, and all that is wrong with it.
struct Unusable {
    std::vector<Finding> findings;
    std::vector<RuleText> rules;
};

inline constexpr size_t mostFindings = 100;

// A rule by itself.
void checkRule(const RuleText& rule, size_t index, Zones& zones, SystemTime now, std::vector<Finding>& findings);
// Rules that contradict each other or those in the book: two of which one can never decide, or of which it is chance
// which does.
void checkTogether(std::span<const RuleText> rules, std::span<const Rule* const> book, std::vector<Finding>& findings);

// How two rules contradict each other, and what helps; nothing when they do not.
struct Contradiction {
    std::string message;
    std::string remedy;
};
[[nodiscard]] std::optional<Contradiction> contradiction(const RuleText& a, const RuleText& b);

}  // namespace netpas::secretary::rules
