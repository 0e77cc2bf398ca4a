// Rules in words: "Up to 50¢ a minute for video calls with business partners; ask above that." Pure.
#pragma once

#include <string>

#include "core/time_zone.h"
#include "secretary/rules/rule.h"

namespace netpas::secretary::rules {

[[nodiscard]] std::string priceText(Money amount);                  // "50¢", "$2", "$1.50"
[[nodiscard]] std::string priceText(Money amount, PriceUnit unit);  // "50¢ a minute"
// Times are shown in `zone`, which is named after them.
struct Wording {
    TimeZone zone;
    std::string zoneName = "UTC";
};
[[nodiscard]] std::string sentence(const RuleText& rule, const Wording& wording = {});
// "video-call" of "video calls"; what is not known keeps its words, joined by hyphens.
[[nodiscard]] std::string purposeNamed(std::string_view words);
// What the rule names, for comparing two: "purpose and group"; "nothing".
[[nodiscard]] std::string namedFields(const Match& match);

}  // namespace netpas::secretary::rules
