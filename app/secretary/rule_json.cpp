#include "app/secretary/rule_json.h"

#include <nlohmann/json.hpp>

#include "secretary/rules/json.h"
#include "secretary/rules/sentence.h"

namespace netpas::secretaryd {

using nlohmann::json;
using namespace secretary::rules;

namespace {

constexpr size_t longest = longestText;

std::string stateOf(const Rule& rule) {
    if (rule.use.ended != Ended::No) return std::string(name(rule.use.ended));
    return rule.enabled ? "active" : "disabled";
}

json tallyJson(const Tally& tally) { return {{"count", tally.count}, {"sum", tally.sum.toString()}}; }

json briefJson(std::optional<RuleId> id, Outcome outcome, const RuleBook& book) {
    const Rule* rule = id ? book.find(*id) : nullptr;
    if (rule == nullptr) return nullptr;
    return {{"id", std::to_string(id->value())}, {"outcome", name(outcome)}, {"sentence", sentence(*rule)}};
}

std::string_view name(Advantage advantage) {
    switch (advantage) {
    case Advantage::Alone: return "alone";
    case Advantage::Priority: return "priority";
    case Advantage::Specificity: return "specificity";
    case Advantage::Lifetime: return "lifetime";
    case Advantage::Strictness: return "strictness";
    case Advantage::Newest: return "newest";
    }
    return "";
}

secretary::SpendRequest requestFrom(JsonFields& in) {
    secretary::SpendRequest request;
    request.app = in.text("app", longest);
    request.purpose = in.text("purpose", longest);
    request.payee = in.text("payee", longest);
    request.contact = in.text("contact", longest);
    request.group = in.text("group", longest);
    request.domain = in.text("domain", longest);
    request.user = in.text("user", longest);
    request.node = in.text("node", longest);
    request.quality = in.text("quality", longest);
    request.process = static_cast<uint32_t>(in.number("process", INT32_MAX));
    if (const json* isps = in.get("isps")) {
        constexpr size_t longestPath = 16;
        if (!isps->is_array() || isps->size() > longestPath) in.fail("isps must be a list of at most 16 numbers");
        for (const json& isp : isps->is_array() ? *isps : json::array()) {
            if (isp.is_number_unsigned() && isp.get<uint64_t>() <= IspId::maxValue) {
                request.isps.emplace_back(isp.get<uint16_t>());
            } else {
                in.fail("isps must be numbers from 0 to 65535");
            }
        }
    }
    const std::string per = in.text("per");
    if (per != "" && per != "minute" && per != "item") in.fail("per must be minute or item");
    request.unit = per == "item" ? PriceUnit::Item : PriceUnit::Minute;
    request.price = in.money("price", true);
    request.worstCase = in.money("worst_case", false);
    if (request.worstCase == Money::zero()) request.worstCase = request.price;
    return request;
}

}  // namespace

json ruleJson(const Rule& rule) {
    json object = toJson(rule);
    object["id"] = std::to_string(rule.id.value());
    object["sentence"] = sentence(rule);
    object["state"] = stateOf(rule);
    object["hits"] = rule.use.hits;
    object["spent"] = rule.use.spent.toString();
    object["last_used"] = rule.use.lastUsed ? json(timeText(*rule.use.lastUsed)) : json(nullptr);
    object["created"] = timeText(rule.created);
    object["changed"] = timeText(rule.changed);
    return object;
}

json verdictJson(const Verdict& verdict, const RuleBook& book) {
    return {{"outcome", name(verdict.outcome)},
            {"rule", briefJson(verdict.rule, verdict.outcome, book)},
            {"runner_up", briefJson(verdict.runnerUp, verdict.runnerUpOutcome, book)},
            {"because_of", name(verdict.advantage)},
            {"sentence", verdict.sentence}};
}

json replayJson(const Replay& report) {
    return {{"requests", report.requests},
            {"decided", report.decided},
            {"paid_instead", tallyJson(report.paidInstead)},
            {"refused_instead", tallyJson(report.refusedInstead)},
            {"asked_instead", tallyJson(report.askedInstead)},
            {"questions_saved", report.questionsSaved},
            {"changed", report.changed}};
}

tl::expected<secretary::SpendRequest, BadField> spendRequestFromJson(const json& object) {
    JsonFields in(object);
    auto request = requestFrom(in);
    if (auto problem = in.problem()) return tl::unexpected(std::move(*problem));
    return request;
}

tl::expected<PastRequest, BadField> pastRequestFromJson(const json& object) {
    JsonFields in(object);
    PastRequest past;
    past.request = requestFrom(in);
    const std::string when = in.text("when");
    const auto time = parseTimestamp(when);
    if (!time) in.fail("when is no time: \"" + when + "\"", "UTC, such as 2026-11-22T18:00:00Z");
    past.when = time.value_or(SystemTime{});
    past.paid = in.flag("paid");
    past.asked = in.flag("asked");
    past.charged = in.money("charged", false);
    if (!past.paid && past.charged != Money::zero()) in.fail("charged, but not paid", "write \"paid\": true");
    if (auto problem = in.problem()) return tl::unexpected(std::move(*problem));
    return past;
}

std::optional<PastRequest> pastRequestOf(const ledger::Purchase& purchase) {
    const ledger::Context& context = purchase.request.context;
    PastRequest past;
    past.paid = holdsReservation(purchase.state) || purchase.state == ledger::PurchaseState::Settled;
    // What failed for other reasons than a decision says nothing about rules.
    if (!past.paid && purchase.reason != ledger::EndReason::RefusedBySecretary) return std::nullopt;
    past.asked = purchase.why && purchase.why->decider == "person";
    past.charged = purchase.charged.value_or(purchase.usage.amount);
    past.when = purchase.requestedAt;
    secretary::SpendRequest& request = past.request;
    request.app = context.app;
    request.purpose = context.purpose;
    request.payee = context.payee;
    request.contact = context.contact;
    request.group = context.group;
    request.domain = context.domain;
    request.node = context.node;
    request.user = context.user;
    request.uid = purchase.request.uid;
    request.quality = context.quality;
    request.unit = context.unit;
    request.price = context.unitPrice;
    request.worstCase = purchase.request.cap;
    for (const ledger::LedgerHop& hop : purchase.path) request.isps.push_back(hop.isp);
    return past;
}

}  // namespace netpas::secretaryd
