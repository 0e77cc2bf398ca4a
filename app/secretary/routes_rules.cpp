#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "app/secretary/decision_desk.h"
#include "app/secretary/routes.h"
#include "app/secretary/rule_json.h"
#include "secretary/rules/grammar.h"
#include "secretary/rules/json.h"
#include "secretary/rules/proposal.h"
#include "secretary/rules/sentence.h"

namespace netpas::secretaryd {

using net::HttpResponse;
using nlohmann::json;
using namespace secretary::rules;

namespace {

constexpr size_t largestImport = size_t{4} << 20;
constexpr uint32_t mostReplayed = 10'000;
constexpr size_t findingsShown = 20;

json findingJson(const Finding& finding) {
    json object{{"message", finding.message}, {"remedy", finding.remedy}};
    if (finding.index != SIZE_MAX) object["rule"] = finding.index + 1;
    if (!finding.where.empty()) object["where"] = finding.where;
    if (finding.other) object["other_rule"] = *finding.other + 1;
    if (finding.inBook) object["in_book"] = std::to_string(finding.inBook->value());
    return object;
}

HttpResponse refusalFor(const BadField& field) { return refusal(400, "INVALID_ARGUMENT", field.message, field.hint); }

// Everything that is wrong, a line each: who wrote a file wants to mend it in one go.
HttpResponse refusalFor(unsigned status, const std::vector<Finding>& findings, std::span<const RuleText> rules) {
    std::string message;
    json list = json::array();
    for (size_t i = 0; i < findings.size(); ++i) {
        list.push_back(findingJson(findings[i]));
        if (i >= findingsShown) continue;
        message += (i > 0 ? "\n" : "") + text(findings[i], rules);
        if (findings.size() > 1) message += "; " + findings[i].remedy;
    }
    if (findings.size() > findingsShown) {
        message += "\n… and " + std::to_string(findings.size() - findingsShown) + " more";
    }
    return answer({{"code", status == 409 ? "CONFLICT" : "INVALID_ARGUMENT"},
                   {"message", message},
                   {"hint", findings.size() > 1 ? "mend all of these, then try again" : findings.front().remedy},
                   {"findings", std::move(list)}},
                  status);
}

HttpResponse refusalFor(const Failure& failure, std::span<const RuleText> rules = {}) {
    switch (failure.error) {
    case RuleError::Invalid: return refusalFor(400, failure.findings, rules);
    case RuleError::Conflict: return refusalFor(409, failure.findings, rules);
    case RuleError::Unknown: return refusal(404, "NOT_FOUND", failure.message, failure.hint);
    case RuleError::Ended: return refusal(409, "ENDED", failure.message, failure.hint);
    case RuleError::Full: return refusal(409, "TOO_MANY", failure.message, failure.hint);
    case RuleError::Storage:
    case RuleError::Damaged: return refusal(500, "LOCAL_FAILURE", failure.message, failure.hint);
    }
    return refusal(500, "LOCAL_FAILURE", failure.message, failure.hint);
}

std::optional<RuleId> ruleIdFrom(std::string_view text) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return RuleId::from(number);
}

class RuleRoutes {
public:
    explicit RuleRoutes(SecretaryState& state) : m_state(state) {}

    void list(const Reply& reply) const {
        json rules = json::array();
        for (const Rule* rule : book().list()) rules.push_back(ruleJson(*rule));
        reply(answer({{"rules", std::move(rules)}}));
    }

    void add(const ApiCall& call, const Reply& reply) {
        const auto rule = ruleFromJson(call.body());
        if (!rule) return reply(refusalFor(400, {rule.error()}, {}));
        const auto id = book().add(*rule, now());
        if (!id) return reply(refusalFor(id.error(), {&*rule, 1}));
        changed();
        reply(answer(ruleJson(*book().find(*id)), 201));
    }

    void one(const ApiCall& call, const Reply& reply) const {
        const Rule* rule = named(call);
        if (rule == nullptr) return reply(unknown(call));
        reply(answer(ruleJson(*rule)));
    }

    void edit(const ApiCall& call, const Reply& reply) {
        const Rule* old = named(call);
        if (old == nullptr) return reply(unknown(call));
        const auto rule = ruleFromJson(call.body());
        if (!rule) return reply(refusalFor(400, {rule.error()}, {}));
        const RuleId id = old->id;
        const auto done = book().edit(id, *rule, now());
        if (!done) return reply(refusalFor(done.error(), {&*rule, 1}));
        changed();
        reply(answer(ruleJson(*book().find(id))));
    }

    void remove(const ApiCall& call, const Reply& reply) {
        const Rule* rule = named(call);
        if (rule == nullptr) return reply(unknown(call));
        json gone = ruleJson(*rule);
        const auto done = book().remove(rule->id);
        if (!done) return reply(refusalFor(done.error()));
        changed();
        reply(answer(gone));
    }

    // Those that decide nothing any more.
    void removeEnded(const ApiCall& call, const Reply& reply) {
        if (call.queryValue("ended") != "true") {
            return reply(refusal(400, "INVALID_ARGUMENT", "say which rules", "DELETE /v1/rules/ID, or ?ended=true"));
        }
        std::vector<RuleId> ended;
        for (const Rule* rule : book().list()) {
            if (rule->use.ended != Ended::No) ended.push_back(rule->id);
        }
        for (const RuleId id : ended) {
            if (const auto done = book().remove(id); !done) return reply(refusalFor(done.error()));
        }
        reply(answer({{"removed", ended.size()}}));
    }

    // What a sentence means; nothing is kept.
    void parse(const ApiCall& call, const Reply& reply) {
        constexpr size_t longest = 2048;
        JsonFields in(call.body());
        const std::string words = in.text("sentence", longest);
        std::string zone = in.text("zone");
        if (auto problem = in.problem()) return reply(refusalFor(*problem));
        if (zone.empty()) zone = "UTC";
        const TimeZone* place = book().zones().find(zone);
        if (place == nullptr) {
            return reply(refusal(400, "INVALID_ARGUMENT", "this machine does not know the time zone " + zone,
                                 "UTC, a name such as Europe/Berlin, or a rule such as CET-1CEST,M3.5.0,M10.5.0/3"));
        }
        const auto rule = parseSentence(words, now(), *place);
        if (!rule) return reply(refusal(400, "INVALID_ARGUMENT", rule.error().message, rule.error().hint));
        reply(answer({{"rule", toJson(*rule)}, {"sentence", sentence(*rule)}}));
    }

    void test(const ApiCall& call, const Reply& reply) {
        const auto request = spendRequestFromJson(call.body());
        if (!request) return reply(refusalFor(request.error()));
        reply(answer(verdictJson(book().decide(*request, now()), book())));
    }

    void replay(const ApiCall& call, const Reply& reply) {
        JsonFields in(call.body());
        const json* given = in.get("rule");
        const std::string replaces = in.text("replaces");
        const json* history = in.get("history");
        if (given == nullptr) in.fail("there is no rule", "{\"rule\": {...}}");
        if (history != nullptr && (!history->is_array() || history->size() > mostReplayed)) {
            in.fail("history must be a list of at most 10,000 requests");
        }
        if (auto problem = in.problem()) return reply(refusalFor(*problem));
        const auto rule = ruleFromJson(*given);
        if (!rule) return reply(refusalFor(400, {rule.error()}, {}));
        std::vector<Finding> findings;
        checkRule(*rule, 0, book().zones(), now(), findings);
        if (!findings.empty()) return reply(refusalFor(400, findings, {&*rule, 1}));
        const auto replaced = ruleIdFrom(replaces);
        if (!replaces.empty() && (!replaced || book().find(*replaced) == nullptr)) {
            return reply(refusal(404, "NOT_FOUND", "there is no rule " + replaces, "netpas rules list"));
        }
        const auto past = history != nullptr ? fromList(*history) : ledgered();
        if (!past) return reply(past.error());
        const Replay report = secretary::rules::replay(*rule, replaced, book().list(), *past, book().zones(), {});
        json object = replayJson(report);
        object["sentence"] = sentence(*rule);
        reply(answer(object));
    }

    void proposals(const Reply& reply) const {
        json list = json::array();
        for (const auto& proposal : learned()) {
            const RuleText rule = ruleFrom(proposal);
            list.push_back({{"rule", toJson(rule)},
                            {"sentence", sentence(rule)},
                            {"evidence", evidence(proposal)},
                            {"answers", proposal.answers},
                            {"agreeing", proposal.agreeing},
                            {"in_book", isInBook(rule)}});
        }
        reply(answer({{"proposals", std::move(list)}}));
    }

    void exportAll(const Reply& reply) const {
        std::vector<RuleText> rules;
        for (const Rule* rule : book().list()) {
            if (rule->use.ended == Ended::No) rules.push_back(*rule);
        }
        HttpResponse response;
        response.body = writeRules(rules);
        reply(std::move(response));
    }

    void import(const ApiCall& call, const Reply& reply) {
        JsonFields in(call.body());
        const std::string file = in.text("file", largestImport);
        const bool replace = in.flag("replace");
        const bool dryRun = in.flag("dry_run");
        if (file.empty()) in.fail("the file is empty", "give what netpas rules export wrote");
        if (auto problem = in.problem()) return reply(refusalFor(*problem));
        const auto rules = readRules(file, book().zones(), now());
        if (!rules) return reply(refusalFor(400, rules.error().findings, rules.error().rules));
        if (dryRun) return reply(answer({{"rules", rules->size()}, {"imported", 0}}));
        const auto done = book().import(*rules, replace ? ImportMode::Replace : ImportMode::Add, now());
        if (!done) return reply(refusalFor(done.error(), *rules));
        changed();
        reply(answer({{"rules", rules->size()}, {"imported", *done}}));
    }

private:
    // Looked up each time: what decides lives only while the secretary is unlocked.
    [[nodiscard]] RuleBook& book() const {
        return m_state.rules != nullptr ? *m_state.rules : m_state.decisions->rules();
    }
    // Never before a time that has already been: a clock that was set back must not bring a rule back.
    [[nodiscard]] SystemTime now() const {
        return m_state.decisions != nullptr ? m_state.decisions->budgets().now() : m_state.clock.now();
    }
    void changed() const {
        if (m_state.rulesChanged) m_state.rulesChanged();
        if (m_state.decisions != nullptr) m_state.decisions->decider().reconsider();
    }
    [[nodiscard]] std::vector<secretary::learning::RuleProposal> learned() const {
        if (m_state.ruleProposals) return m_state.ruleProposals();
        if (m_state.decisions == nullptr) return {};
        return m_state.decisions->decider().experience().proposals(m_state.decisions->owner(), "", now());
    }
    [[nodiscard]] const Rule* named(const ApiCall& call) const {
        const auto id = ruleIdFrom(call.parameter("id"));
        return id ? book().find(*id) : nullptr;
    }
    static HttpResponse unknown(const ApiCall& call) {
        return refusal(404, "NOT_FOUND", "there is no rule " + call.parameter("id"), "netpas rules list");
    }
    [[nodiscard]] bool isInBook(const RuleText& rule) const {
        const auto rules = book().list();
        return std::any_of(rules.begin(), rules.end(), [&](const Rule* known) {
            return known->alive() && known->match == rule.match && known->grant == rule.grant;
        });
    }

    static tl::expected<std::vector<PastRequest>, HttpResponse> fromList(const json& history) {
        std::vector<PastRequest> past;
        for (size_t i = 0; i < history.size(); ++i) {
            auto one = pastRequestFromJson(history[i]);
            if (!one) {
                one.error().message = "request " + std::to_string(i + 1) + ": " + one.error().message;
                return tl::unexpected(refusalFor(one.error()));
            }
            past.push_back(std::move(*one));
        }
        std::stable_sort(past.begin(), past.end(),
                         [](const PastRequest& a, const PastRequest& b) { return a.when < b.when; });
        return past;
    }
    [[nodiscard]] tl::expected<std::vector<PastRequest>, HttpResponse> ledgered() const {
        ledger::HistoryFilter filter;
        filter.limit = mostReplayed;
        const auto entries = m_state.ledger->history(filter);
        if (!entries) {
            return tl::unexpected(refusal(500, "LOCAL_FAILURE", describe(entries.error()), "netpas doctor"));
        }
        std::vector<PastRequest> past;
        for (auto entry = entries->rbegin(); entry != entries->rend(); ++entry) {
            if (auto one = pastRequestOf(*entry)) past.push_back(std::move(*one));
        }
        return past;
    }

    SecretaryState& m_state;
};

}  // namespace

void addRuleRoutes(Router& router, SecretaryState& state) {
    const auto routes = std::make_shared<RuleRoutes>(state);
    const auto add = [&](const char* method, const char* pattern, auto handler, size_t maxBody = 8192) {
        router.add(method, pattern, Capability::Policy,
                   [routes, handler](const ApiCall& call, const Reply& reply) { handler(*routes, call, reply); },
                   {maxBody, false});
    };
    using Call = const ApiCall&;
    using To = const Reply&;
    add("GET", "/v1/rules", [](RuleRoutes& to, Call, To reply) { to.list(reply); });
    add("POST", "/v1/rules", [](RuleRoutes& to, Call call, To reply) { to.add(call, reply); });
    add("DELETE", "/v1/rules", [](RuleRoutes& to, Call call, To reply) { to.removeEnded(call, reply); });
    add("POST", "/v1/rules/parse", [](RuleRoutes& to, Call call, To reply) { to.parse(call, reply); });
    add("POST", "/v1/rules/test", [](RuleRoutes& to, Call call, To reply) { to.test(call, reply); });
    add(
        "POST", "/v1/rules/replay", [](RuleRoutes& to, Call call, To reply) { to.replay(call, reply); }, largestImport);
    add("GET", "/v1/rules/proposals", [](RuleRoutes& to, Call, To reply) { to.proposals(reply); });
    add("GET", "/v1/rules/export", [](RuleRoutes& to, Call, To reply) { to.exportAll(reply); });
    add(
        "POST", "/v1/rules/import", [](RuleRoutes& to, Call call, To reply) { to.import(call, reply); }, largestImport);
    add("GET", "/v1/rules/{id}", [](RuleRoutes& to, Call call, To reply) { to.one(call, reply); });
    add("PUT", "/v1/rules/{id}", [](RuleRoutes& to, Call call, To reply) { to.edit(call, reply); });
    add("DELETE", "/v1/rules/{id}", [](RuleRoutes& to, Call call, To reply) { to.remove(call, reply); });
}

}  // namespace netpas::secretaryd
