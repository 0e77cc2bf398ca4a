// Rules as JSON: {"version": 1, "rules": [...]}, described by resources/api/rules.schema.json.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "secretary/rules/check.h"
#include "secretary/rules/rule.h"

namespace netpas::secretary::rules {

inline constexpr size_t mostRules = 20'000;
inline constexpr size_t largestFile = 16 * 1024 * 1024;

[[nodiscard]] nlohmann::json toJson(const RuleText& rule);
// What is wrong carries `index`. Form only: checkRule() says whether it makes sense.
[[nodiscard]] tl::expected<RuleText, Finding> ruleFromJson(const nlohmann::json& object, size_t index = 0);

// One line; equal rules give equal texts.
[[nodiscard]] std::string writeRule(const RuleText& rule);
// The same rules give the same text, and the text read and written again is the same.
[[nodiscard]] std::string writeRules(std::span<const RuleText> rules);
// Everything that is wrong, or the rules: never a part of them. Contradictions with the book are checked by the book.
[[nodiscard]] tl::expected<std::vector<RuleText>, Unusable> readRules(std::string_view text, Zones& zones,
                                                                      SystemTime now);

// Parses JSON in which no object has the same member twice, at most 32 levels deep; otherwise what is wrong with it.
[[nodiscard]] tl::expected<nlohmann::json, std::string> parseStrictly(std::string_view text);

}  // namespace netpas::secretary::rules
