// Rules, requests and times for the tests of rules.
#pragma once

#include <string>
#include <utility>

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
