// Rules, requests and times for the tests of rules.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/money.h"
#include "secretary/rules/rule.h"
#include "secretary/rules/sentence.h"
#include "secretary/spend_request.h"

namespace netpas::secretary::rules {

inline Money dollars(const char* amount) { return Money::parse(amount).value(); }
inline SystemTime utc(const char* time) { return parseTime(time).value(); }

inline RuleText allow(Match match, const char* upTo, PriceUnit unit = PriceUnit::Minute, Beyond above = Beyond::Ask) {
    RuleText rule;
    rule.match = std::move(match);
    rule.grant.action = Action::Allow;
    rule.grant.unit = unit;
    rule.grant.upTo = dollars(upTo);
    rule.grant.above = above;
    return rule;
}

inline RuleText say(Action action, Match match) {
    RuleText rule;
    rule.match = std::move(match);
    rule.grant.action = action;
    return rule;
}

inline Match purpose(std::string text) {
    Match match;
    match.purpose = std::move(text);
    return match;
}
inline Match app(std::string text) {
    Match match;
    match.app = std::move(text);
    return match;
}
inline Match site(std::string text) {
    Match match;
    match.domain = std::move(text);
    return match;
}

// Every part of a rule, and every way to write it, at least once.
inline std::vector<RuleText> everyKind() {
    std::vector<RuleText> rules{allow({}, "1.5"), say(Action::Deny, app("/home/anna/mpv")),
                                say(Action::Ask, purpose("game")), allow(purpose("comic"), "0.05", PriceUnit::Item),
                                say(Action::Deny, purpose("advertisement"))};
    RuleText full = allow(purpose("video"), "0.003", PriceUnit::Minute, Beyond::Deny);
    full.match.app = "/opt/player";
    full.match.group = "family";
    full.match.payee = "ab12";
    full.match.domain = "*.example.net";
    full.match.isp = IspId{26};
    full.match.user = "anna";
    full.match.node = "tablet";
    full.grant.quality = "gold";
    full.budget = RuleBudget{dollars("2"), Period::Month};
    full.lifetime = Lifetime::untilTime(utc("2026-12-24T18:00:00Z"));
    rules.push_back(full);
    full.lifetime = Lifetime::once();
    full.budget->period = Period::Total;
    full.match.node = "";
    full.match.purpose.reset();
    rules.push_back(full);
    RuleText always = say(Action::Allow, site("example.net"));
    always.grant.unit = PriceUnit::Item;
    always.budget = RuleBudget{dollars("0.5"), Period::Day};
    always.grant.above = Beyond::Deny;
    rules.push_back(always);
    for (const Action action : {Action::Ask, Action::Deny}) {
        RuleText unit = say(action, purpose("video-call"));
        unit.grant.unit = action == Action::Ask ? PriceUnit::Minute : PriceUnit::Item;
        rules.push_back(unit);
    }
    return rules;
}

// mpv plays a video of example.net for a cent a minute.
inline SpendRequest videoRequest(const char* price = "0.01") {
    SpendRequest request;
    request.app = "/usr/bin/mpv";
    request.purpose = "video";
    request.domain = "example.net";
    request.user = "anna";
    request.isps = {IspId{26}, IspId{25}, IspId{24}};
    request.price = dollars(price);
    request.worstCase = dollars(price);
    return request;
}

}  // namespace netpas::secretary::rules
