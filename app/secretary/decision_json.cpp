#include "app/secretary/decision_json.h"

#include <nlohmann/json.hpp>

#include "secretary/rules/sentence.h"

namespace netpas::secretaryd {

using nlohmann::json;
namespace budgets = secretary::budgets;
namespace decision = secretary::decision;
namespace prompts = secretary::prompts;
namespace rules = secretary::rules;

namespace {

constexpr size_t longestName = 64;

std::string baseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

json orNull(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

template <typename Value>
std::optional<Value> choice(JsonFields& fields, const char* name, std::optional<Value> (*named)(std::string_view),
                            const char* choices) {
    const std::string word = fields.text(name, longestName);
    const auto value = named(word);
    if (!value && !word.empty()) fields.fail(std::string(name) + " cannot be \"" + word + "\"", choices);
    return value;
}

}  // namespace

json budgetJson(const budgets::Standing& standing) {
    const budgets::Cap& cap = standing.cap;
    const Money limit = cap.amount;
    const bool warning =
        limit > Money::zero() && standing.spent.eighths() >= limit.eighths() / 100 * budgets::Budgets::warnPercent;
    return {{"scope", budgets::name(cap.scope)},
            {"subject", standing.subject},
            {"each", cap.scope != budgets::Scope::Everything && cap.subject.empty()},
            {"period", budgets::name(cap.period)},
            {"amount", cap.amount.toString()},
            {"spent", standing.spent.toString()},
            {"reserved", standing.reserved.toString()},
            {"left", standing.left().toString()},
            {"since", cap.period == budgets::Period::Total ? json(nullptr) : json(timeText(standing.since))},
            {"kind", standing.hard ? "hard" : "set"},
            {"warning", warning},
            {"sentence", budgets::sentence(cap)}};
}

json questionJson(const decision::Content& content) {
    const prompts::Entry& entry = content.entry;
    const secretary::SpendRequest& request = entry.request;
    json tiers = json::array();
    for (const secretary::QualityTier& tier : request.tiers) {
        tiers.push_back({{"name", tier.name}, {"price", tier.price.toString()}});
    }
    json parts = json::array();
    for (const prompts::Part part : content.suggestedParts) parts.push_back(prompts::name(part));
    const bool waits = entry.state == prompts::EntryState::Waiting;
    const bool untilExit = content.suggested.lifetime.kind == rules::Lifetime::Kind::AppExit;
    return {{"id", entry.id.value()},
            {"state", waits ? "waiting" : "missed"},
            {"missed", orNull(std::string(prompts::name(entry.why)))},
            {"visible", content.visible},
            {"revision", entry.revision},
            {"requests", entry.requests},
            {"since", timeText(entry.since)},
            {"deadline", waits ? json(timeText(entry.deadline)) : json(nullptr)},
            {"who",
             {{"name", baseName(request.app)},
              {"executable", orNull(request.app)},
              {"process", request.process},
              {"user", orNull(request.user)},
              {"uid", request.uid},
              {"node", orNull(request.node)}}},
            {"claim",
             {{"purpose", orNull(request.purpose)},
              {"domain", orNull(request.domain)},
              {"payee", orNull(request.payee)},
              {"contact", orNull(request.contact)},
              {"group", orNull(request.group)}}},
            {"facts", request.facts},
            {"cost",
             {{"price", request.price.toString()},
              {"per", rules::name(request.unit)},
              {"quality", orNull(request.quality)},
              {"tiers", std::move(tiers)},
              {"worst_case", (waits ? content.worstCase : request.worstCase).toString()},
              {"currency", "USD"}}},
            {"budget", content.budget ? budgetJson(*content.budget) : json(nullptr)},
            {"suggestion",
             {{"sentence", content.sentence},
              {"match", std::move(parts)},
              {"up_to", request.price.toString()},
              {"lifetime", untilExit ? "app-exit" : "today"}}}};
}

json closedJson(const prompts::Closed& closed) {
    return {{"id", closed.id.value()},
            {"by", closed.by},
            {"answer", closed.answered ? json(prompts::name(closed.verdict)) : json(nullptr)}};
}

tl::expected<budgets::Cap, BadField> capFromJson(const json& body, bool amount) {
    JsonFields fields(body);
    budgets::Cap cap;
    const auto scope =
        choice(fields, "scope", budgets::scopeNamed, "everything, app, payee, purpose, node, user or rule");
    const auto period = choice(fields, "period", budgets::periodNamed, "day, week, month or total");
    cap.subject = fields.text("subject", budgets::longestSubject);
    if (amount) cap.amount = fields.money("amount", true);
    if (!scope) fields.fail("scope is missing", "everything, app, payee, purpose, node, user or rule");
    if (!period) fields.fail("period is missing", "day, week, month or total");
    if (auto problem = fields.problem()) return tl::unexpected(std::move(*problem));
    cap.scope = *scope;
    cap.period = *period;
    return cap;
}

tl::expected<GivenAnswer, BadField> answerFromJson(const json& body) {
    JsonFields fields(body);
    GivenAnswer given;
    const auto verdict =
        choice(fields, "answer", prompts::verdictNamed, "not_now, approve_once, approve_rule or refuse");
    if (!verdict) fields.fail("answer is missing", "not_now, approve_once, approve_rule or refuse");
    const auto lifetime =
        choice(fields, "lifetime", prompts::lifetimeNamed, "once, app-exit, hour, today, until or always");
    given.answer.lifetime = lifetime.value_or(prompts::Lifetime::Once);
    const std::string until = fields.text("until", longestName);
    const auto time = parseTimestamp(until);
    if (!until.empty() && !time) fields.fail("until is not a time: " + until, "for example 2031-01-31T18:00:00Z");
    if ((given.answer.lifetime == prompts::Lifetime::Until) != time.has_value()) {
        fields.fail("until and the lifetime \"until\" go together", "for example 2031-01-31T18:00:00Z");
    }
    if (fields.get("up_to") != nullptr) given.answer.upTo = fields.money("up_to", false);
    if (const json* const match = fields.get("match")) {
        given.answer.parts.emplace();
        if (!match->is_array() || match->size() > prompts::allParts.size())
            fields.fail("match must be a list of names");
        for (const json& word : match->is_array() ? *match : json::array()) {
            const auto part = word.is_string() ? prompts::partNamed(word.get<std::string>()) : std::nullopt;
            if (!part) {
                fields.fail("match cannot hold " + word.dump(-1, ' ', false, json::error_handler_t::replace),
                            "app, purpose, payee, contact, group, domain, user, node");
                break;
            }
            given.answer.parts->push_back(*part);
        }
    }
    if (fields.get("revision") != nullptr)
        given.revision = static_cast<uint32_t>(fields.number("revision", UINT32_MAX));
    given.frontEnd = fields.text("front_end", longestName);
    if (auto problem = fields.problem()) return tl::unexpected(std::move(*problem));
    given.answer.verdict = *verdict;
    if (time) given.answer.until = *time;
    if (given.frontEnd.empty()) given.frontEnd = "somebody";
    return given;
}

}  // namespace netpas::secretaryd
