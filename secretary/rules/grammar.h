// Reads rules as people write them, in the words in which they are shown: "up to 1¢ a minute for video in mpv from example.net
// until today". Pure.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "core/time_zone.h"
#include "secretary/rules/rule.h"

namespace netpas::secretary::rules {

struct GrammarError {
    std::string message;
    std::string hint;
};

// [up to AMOUNT a minute|an item | always | never pay | ask] [for PURPOSE] [in quality QUALITY] [in APP]
// [with GROUP | with contact NAME] [from SITE [and its sub-domains]] [to PAYEE] [through ISP N] [by USER] [on DEVICE]
// [at most AMOUNT a day|week|month|in all] [once | until TIME] [ask|refuse above that]
// Commas, semicolons and a full stop may stand where they do in a sentence; what has several words needs no quotation marks
// unless one of these words is among them. Schedules and priorities are not in the grammar.
[[nodiscard]] tl::expected<RuleText, GrammarError> parseSentence(std::string_view sentence, SystemTime now,
                                                                 const TimeZone& zone);

}  // namespace netpas::secretary::rules
