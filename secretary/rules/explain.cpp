#include "secretary/rules/explain.h"

namespace netpas::secretary::rules {

namespace {

std::string numberOf(const Rule& rule) { return std::to_string(rule.id.value()); }

std::string actText(Outcome outcome) {
    switch (outcome) {
    case Outcome::None: return "it says nothing";
    case Outcome::Allow: return "it is paid";
    case Outcome::Ask: return "you are asked";
    case Outcome::Deny: return "it is not paid";
    }
    return "";
}

std::string causeText(const Judgement& judgement, const SpendRequest& request, const BudgetLeft& budgetLeft) {
    const Rule& rule = *judgement.rule;
    const std::string price = priceText(request.price, request.unit);
    const std::string act = ", so " + actText(judgement.outcome) + ".";
    switch (judgement.cause) {
    case Cause::Says: return " So " + actText(judgement.outcome) + ".";
    case Cause::Within: return " " + price + " is within it" + act;
    case Cause::AboveLimit:
        return " " + price + " is above its " + priceText(rule.grant.upTo.value_or(Money::zero())) + act;
    case Cause::OverBudget: {
        const auto left = budgetLeft ? budgetLeft(rule) : std::nullopt;
        return " It could cost " + priceText(request.worstCase) + ", and of its budget " +
               priceText(left.value_or(Money::zero())) + " is left" + act;
    }
    case Cause::OtherQuality:
        return " What is offered is " + (request.quality.empty() ? "no known quality" : request.quality) + act;
    }
    return "";
}

std::string lifetimeText(const Lifetime& lifetime) {
    switch (lifetime.kind) {
    case Lifetime::Kind::Once: return "once";
    case Lifetime::Kind::AppExit: return "until the app exits";
    case Lifetime::Kind::Until: return "until " + timeText(lifetime.until);
    case Lifetime::Kind::Always: return "always";
    }
    return "";
}

std::string advantageText(Advantage advantage, const Rule& first, const Rule& second) {
    const std::string who = "rule " + numberOf(first);
    switch (advantage) {
    case Advantage::Alone: return "";
    case Advantage::Priority:
        return who + " has the higher priority (" + std::to_string(first.priority) + " against " +
               std::to_string(second.priority) + ")";
    case Advantage::Specificity: {
        const bool more = specificity(first.match).named != specificity(second.match).named;
        return who + (more ? " names more (" : " names something narrower (") + namedFields(first.match) + " against " +
               namedFields(second.match) + ")";
    }
    case Advantage::Lifetime:
        return who + " has the shorter life (" + lifetimeText(first.lifetime) + " against " +
               lifetimeText(second.lifetime) + ")";
    case Advantage::Strictness: return "of rules that are alike the stricter decides: refuse before ask before allow";
    case Advantage::Newest: return who + " is the newer one";
    }
    return "";
}

}  // namespace

std::string explain(const Decision& decision, const SpendRequest& request, const BudgetLeft& budgetLeft,
                    const Wording& wording) {
    if (decision.decides.rule == nullptr) return "No rule is about this.";
    const Rule& first = *decision.decides.rule;
    std::string text = "Rule " + numberOf(first) + " decides: " + sentence(first, wording) +
                       causeText(decision.decides, request, budgetLeft);
    if (decision.runnerUp.rule == nullptr) return text + " No other rule is about this.";
    const Rule& second = *decision.runnerUp.rule;
    return text + " Rule " + numberOf(second) + " comes second (" + sentence(second, wording) +
           "): " + advantageText(decision.advantage, first, second) + ".";
}

}  // namespace netpas::secretary::rules
