#include "secretary/decision/suggestion.h"

#include <algorithm>

namespace netpas::secretary::decision {

namespace {

using namespace std::chrono_literals;
using prompts::Part;
using prompts::Verdict;

const std::string& textOf(Part part, const SpendRequest& request) {
    switch (part) {
    case Part::App: return request.app;
    case Part::Purpose: return request.purpose;
    case Part::Payee: return request.payee;
    case Part::Contact: return request.contact;
    case Part::Group: return request.group;
    case Part::Domain: return request.domain;
    case Part::User: return request.user;
    case Part::Node: return request.node;
    }
    return request.app;
}

std::optional<std::string>& fieldOf(Part part, rules::Match& match) {
    switch (part) {
    case Part::App: return match.app;
    case Part::Purpose: return match.purpose;
    case Part::Payee: return match.payee;
    case Part::Contact: return match.contact;
    case Part::Group: return match.group;
    case Part::Domain: return match.domain;
    case Part::User: return match.user;
    case Part::Node: return match.node;
    }
    return match.app;
}

// Days are 23 to 25 hours long.
SystemTime endOfDay(const budgets::Calendar& calendar, SystemTime now) {
    return calendar.startOf(budgets::Period::Day, calendar.startOf(budgets::Period::Day, now) + 26h);
}

rules::Lifetime lifetimeOf(const prompts::Answer& answer, const SpendRequest& request,
                           const budgets::Calendar& calendar, SystemTime now) {
    switch (answer.lifetime) {
    case prompts::Lifetime::Once: return rules::Lifetime::once();
    case prompts::Lifetime::AppExit: return rules::Lifetime::untilExit(request.process);
    case prompts::Lifetime::Hour: return rules::Lifetime::untilTime(now + 1h);
    case prompts::Lifetime::Today: return rules::Lifetime::untilTime(endOfDay(calendar, now));
    case prompts::Lifetime::Until: return rules::Lifetime::untilTime(answer.until);
    case prompts::Lifetime::Always: return {};
    }
    return rules::Lifetime::once();
}

}  // namespace

std::vector<Part> suggestedParts(const SpendRequest& request, uint32_t owner) {
    std::vector<Part> parts;
    const auto add = [&](Part part) {
        if (!textOf(part, request).empty()) parts.push_back(part);
    };
    add(Part::Purpose);
    add(Part::App);
    // The widest of those that say with whom.
    if (!request.group.empty()) {
        add(Part::Group);
    } else if (!request.contact.empty()) {
        add(Part::Contact);
    } else if (!request.domain.empty()) {
        add(Part::Domain);
    } else {
        add(Part::Payee);
    }
    add(Part::Node);
    if (request.uid != owner || !request.node.empty()) add(Part::User);
    return parts;
}

prompts::Answer suggestedAnswer(const SpendRequest& request, uint32_t owner) {
    prompts::Answer answer;
    answer.verdict = Verdict::ApproveRule;
    answer.lifetime =
        request.process != 0 && !request.app.empty() ? prompts::Lifetime::AppExit : prompts::Lifetime::Today;
    answer.upTo = request.price;
    answer.parts = suggestedParts(request, owner);
    return answer;
}

std::optional<rules::RuleText> ruleFrom(const prompts::Entry& entry, const prompts::Answer& answer, uint32_t owner,
                                        const budgets::Calendar& calendar, SystemTime now) {
    const bool approves = answer.verdict == Verdict::ApproveOnce || answer.verdict == Verdict::ApproveRule;
    if (!approves && answer.verdict != Verdict::Refuse) return std::nullopt;
    prompts::Answer meant = answer;
    if (answer.verdict == Verdict::ApproveOnce) meant.lifetime = prompts::Lifetime::Once;
    if (meant.lifetime == prompts::Lifetime::Once && (entry.state == prompts::EntryState::Waiting || !approves)) {
        return std::nullopt;
    }
    std::vector<Part> parts = answer.parts.value_or(suggestedParts(entry.request, owner));
    if (meant.lifetime == prompts::Lifetime::AppExit &&
        std::find(parts.begin(), parts.end(), Part::App) == parts.end()) {
        parts.push_back(Part::App);
    }
    rules::RuleText rule;
    for (const Part part : parts) fieldOf(part, rule.match) = textOf(part, entry.request);
    if (approves) {
        rule.grant.action = rules::Action::Allow;
        rule.grant.unit = entry.request.unit;
        rule.grant.upTo = answer.upTo.value_or(entry.request.price);
        rule.grant.above = rules::Beyond::Ask;
    } else {
        rule.grant.action = rules::Action::Deny;
    }
    rule.lifetime = lifetimeOf(meant, entry.request, calendar, now);
    rule.note = "from the answer to question " + std::to_string(entry.id.value());
    return rule;
}

}  // namespace netpas::secretary::decision
