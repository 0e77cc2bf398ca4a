// /v1/pending, /v1/mode, /v1/budget: questions, and what may be spent.
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/secretary/decision_desk.h"
#include "app/secretary/decision_json.h"
#include "app/secretary/routes.h"
#include "secretary/rules/sentence.h"

namespace netpas::secretaryd {

using net::HttpResponse;
using nlohmann::json;
namespace budgets = secretary::budgets;
namespace decision = secretary::decision;
namespace prompts = secretary::prompts;
namespace rules = secretary::rules;

namespace {

constexpr size_t longestFrontEnd = 64;

HttpResponse refusalFor(const BadField& field) { return refusal(400, "INVALID_ARGUMENT", field.message, field.hint); }

HttpResponse refusalFor(const budgets::Refusal& why) {
    switch (why.error) {
    case budgets::BudgetError::Unknown: return refusal(404, "NOT_FOUND", why.sentence, why.hint);
    case budgets::BudgetError::HardLimit: return refusal(403, "RESTRICTED", why.sentence, why.hint);
    case budgets::BudgetError::Invalid: return refusal(400, "INVALID_ARGUMENT", why.sentence, why.hint);
    case budgets::BudgetError::OverCap: return refusal(402, "QUOTA_EXCEEDED", why.sentence, why.hint);
    case budgets::BudgetError::TooMany:
    case budgets::BudgetError::Duplicate:
    case budgets::BudgetError::ClockSetBack: return refusal(409, "CONFLICT", why.sentence, why.hint);
    case budgets::BudgetError::Storage: break;
    }
    return refusal(500, "LOCAL_FAILURE", why.sentence, why.hint);
}

HttpResponse refusalFor(const decision::AnswerFailure& why) {
    using Kind = decision::AnswerFailure::Kind;
    switch (why.kind) {
    case Kind::Unknown: return refusal(404, "NOT_FOUND", why.message, why.hint);
    case Kind::Answered: return refusal(409, "ALREADY_ANSWERED", why.message, why.hint);
    case Kind::Changed: return refusal(409, "CHANGED", why.message, why.hint);
    case Kind::Invalid: return refusal(400, "INVALID_ARGUMENT", why.message, why.hint);
    case Kind::Stopped: return refusal(403, "RESTRICTED", why.message, why.hint);
    case Kind::Storage: break;
    }
    return refusal(500, "LOCAL_FAILURE", why.message, why.hint);
}

std::optional<prompts::EntryId> entryIn(const ApiCall& call) {
    const std::string text = call.parameter("id");
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return prompts::EntryId::from(number);
}

HttpResponse noSuchQuestion(const ApiCall& call) {
    return refusal(404, "NOT_FOUND", "there is no question " + call.parameter("id"), "netpas pending list");
}

json boardJson(DecisionDesk& desk) {
    json pending = json::array();
    for (const prompts::Entry& entry : desk.queue().entries()) {
        if (const auto content = desk.decider().content(entry.id)) pending.push_back(questionJson(*content));
    }
    json closed = json::array();
    for (const prompts::Closed& one : desk.queue().closed()) closed.push_back(closedJson(one));
    const auto visible = desk.queue().visible();
    return {{"revision", desk.queue().revision()},
            {"mode", prompts::name(desk.queue().mode())},
            {"visible", visible ? json(visible->value()) : json(nullptr)},
            {"front_ends", desk.queue().frontEnds()},
            {"pending", std::move(pending)},
            {"closed", std::move(closed)}};
}

// Answers when the board differs from the revision that the window knows: at once, later, or unchanged after a while.
void watch(DecisionDesk& desk, const ApiCall& call, const Reply& reply) {
    const std::string name = call.queryValue("front_end");
    const std::string known = call.queryValue("revision");
    uint64_t revision = UINT64_MAX;
    if (!known.empty()) {
        const auto [end, error] = std::from_chars(known.data(), known.data() + known.size(), revision);
        if (error != std::errc{} || end != known.data() + known.size()) {
            return reply(refusal(400, "INVALID_ARGUMENT", "revision is not a number", "take it from the last answer"));
        }
    }
    if (name.empty() || name.size() > longestFrontEnd) {
        return reply(refusal(400, "INVALID_ARGUMENT", "front_end is missing or too long", "the window's own name"));
    }
    const bool watches = desk.watch(std::to_string(call.caller.uid) + "/" + name, revision,
                                    [&desk, reply] { reply(answer(boardJson(desk))); });
    if (!watches) reply(refusal(429, "RATE_LIMITED", "too many windows watch", "close some"));
}

void one(DecisionDesk& desk, const ApiCall& call, const Reply& reply) {
    const auto id = entryIn(call);
    const auto content = id ? desk.decider().content(*id) : std::nullopt;
    reply(content ? answer(questionJson(*content)) : noSuchQuestion(call));
}

void answerOne(DecisionDesk& desk, const ApiCall& call, const Reply& reply) {
    const auto id = entryIn(call);
    if (!id) return reply(noSuchQuestion(call));
    const auto given = answerFromJson(call.body());
    if (!given) return reply(refusalFor(given.error()));
    const auto done = desk.decider().answer(*id, given->revision, given->answer, given->frontEnd);
    if (!done) return reply(refusalFor(done.error()));
    json rule = nullptr;
    if (const rules::Rule* made = done->rule ? desk.rules().find(*done->rule) : nullptr) {
        rule = {{"id", std::to_string(made->id.value())}, {"sentence", rules::sentence(*made)}};
    }
    reply(answer({{"id", id->value()},
                  {"answer", prompts::name(given->answer.verdict)},
                  {"approved", done->approved},
                  {"denied", done->denied},
                  {"rule", std::move(rule)},
                  {"note", done->note}}));
}

void dismiss(DecisionDesk& desk, const ApiCall& call, const Reply& reply) {
    const auto id = entryIn(call);
    if (!id || !desk.queue().dismiss(*id)) return reply(noSuchQuestion(call));
    reply(answer({{"id", id->value()}}));
}

HttpResponse modeAnswer(DecisionDesk& desk) { return answer({{"mode", prompts::name(desk.queue().mode())}}); }

void setMode(DecisionDesk& desk, const ApiCall& call, const Reply& reply) {
    JsonFields fields(call.body());
    const std::string word = fields.text("mode");
    const auto mode = prompts::modeNamed(word);
    if (!mode) fields.fail("mode cannot be \"" + word + "\"", "ask, quiet or pause");
    if (const auto problem = fields.problem()) return reply(refusalFor(*problem));
    if (const auto set = desk.decider().setMode(*mode); !set) {
        return reply(refusal(500, "LOCAL_FAILURE", describe(set.error()), "netpas doctor"));
    }
    reply(modeAnswer(desk));
}

HttpResponse budgetAnswer(DecisionDesk& desk) {
    json list = json::array();
    for (const budgets::Standing& standing : desk.budgets().standings()) list.push_back(budgetJson(standing));
    json proposal = json::array();
    for (const budgets::Cap& cap : budgets::Budgets::envelope()) {
        budgets::Standing standing;
        standing.cap = cap;
        standing.subject = cap.subject;
        proposal.push_back(budgetJson(standing));
    }
    const auto trouble = desk.budgets().clockTrouble();
    return answer({{"budgets", std::move(list)},
                   {"envelope", {{"open", desk.budgets().envelopeOpen()}, {"proposal", std::move(proposal)}}},
                   {"clock",
                    {{"now", timeText(desk.budgets().now())},
                     {"trouble", trouble ? json(trouble->sentence) : json(nullptr)},
                     {"hint", trouble ? json(trouble->hint) : json(nullptr)}}},
                   {"currency", "USD"}});
}

void setBudget(DecisionDesk& desk, const ApiCall& call, const Reply& reply, bool remove) {
    const auto cap = capFromJson(call.body(), !remove);
    if (!cap) return reply(refusalFor(cap.error()));
    const auto done = remove ? desk.budgets().remove(*cap) : desk.budgets().set(*cap);
    if (!done) return reply(refusalFor(done.error()));
    desk.decider().reconsider();
    reply(budgetAnswer(desk));
}

void answerEnvelope(DecisionDesk& desk, const ApiCall& call, const Reply& reply) {
    JsonFields fields(call.body());
    if (fields.get("accept") == nullptr) fields.fail("accept is missing", "true or false");
    const bool accept = fields.flag("accept");
    if (const auto problem = fields.problem()) return reply(refusalFor(*problem));
    if (const auto done = desk.budgets().answerEnvelope(accept); !done) return reply(refusalFor(done.error()));
    reply(budgetAnswer(desk));
}

void acceptClock(DecisionDesk& desk, const ApiCall&, const Reply& reply) {
    if (const auto done = desk.budgets().acceptClock(); !done) return reply(refusalFor(done.error()));
    reply(budgetAnswer(desk));
}

}  // namespace

void addDecisionRoutes(Router& router, SecretaryState& state) {
    using Work = void (*)(DecisionDesk&, const ApiCall&, const Reply&);
    const auto add = [&](const char* method, const char* path, Capability needed, Work work) {
        router.add(method, path, needed,
                   [&state, work](const ApiCall& call, const Reply& reply) { work(*state.decisions, call, reply); });
    };
    add("GET", "/v1/pending", Capability::Decide,
        [](DecisionDesk& desk, const ApiCall&, const Reply& reply) { reply(answer(boardJson(desk))); });
    add("GET", "/v1/pending/watch", Capability::Decide, watch);
    add("GET", "/v1/pending/{id}", Capability::Decide, one);
    add("POST", "/v1/pending/{id}", Capability::Decide, answerOne);
    add("DELETE", "/v1/pending/{id}", Capability::Decide, dismiss);
    add("GET", "/v1/mode", Capability::Read,
        [](DecisionDesk& desk, const ApiCall&, const Reply& reply) { reply(modeAnswer(desk)); });
    add("PUT", "/v1/mode", Capability::Policy, setMode);
    add("GET", "/v1/budget", Capability::Policy,
        [](DecisionDesk& desk, const ApiCall&, const Reply& reply) { reply(budgetAnswer(desk)); });
    add("PUT", "/v1/budget", Capability::Policy,
        [](DecisionDesk& desk, const ApiCall& call, const Reply& reply) { setBudget(desk, call, reply, false); });
    add("POST", "/v1/budget/remove", Capability::Policy,
        [](DecisionDesk& desk, const ApiCall& call, const Reply& reply) { setBudget(desk, call, reply, true); });
    add("POST", "/v1/budget/envelope", Capability::Policy, answerEnvelope);
    add("POST", "/v1/budget/accept-clock", Capability::Policy, acceptClock);
}

}  // namespace netpas::secretaryd
