// netpas budget, pending, review, mode: what may be spent, and the questions about it.
#include <algorithm>
#include <memory>

#include "app/cli/answers.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/net/http.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

struct Given {
    std::string target;  // "app:/usr/bin/mpv"
    std::string amount;
    std::string period = "day";
    std::string id;
    std::string lifetime;
    std::string until;
    std::string upTo;
    std::vector<std::string> parts;
    std::string mode;
};
using Shared = std::shared_ptr<Given>;

json targetJson(const Given& given) {
    const size_t colon = given.target.find(':');
    json body{{"scope", given.target.substr(0, colon)}, {"period", given.period}};
    if (colon != std::string::npos) body["subject"] = given.target.substr(colon + 1);
    return body;
}

// Sends a body and prints the answer with `show`, unless JSON is wanted.
template <typename Show>
Exit send(const Client& client, Output output, const std::string& method, const std::string& path, const json& body,
          const Show& show) {
    const auto answer = client.call(method, path, body);
    if (!answer) return report(answer.error(), output);
    if (output.json) {
        printJson(answer->body);
    } else {
        show(answer->body);
    }
    return Exit::Ok;
}

std::string subjectOf(const json& budget) {
    const std::string subject = textAt(budget, "subject");
    if (textAt(budget, "scope") == "everything") return "";
    return at(budget, {"each"}) == json(true) ? "each: " + (subject.empty() ? "-" : subject) : subject;
}

void showBudgets(const json& body) {
    Rows rows{{"FOR", "", "PERIOD", "LIMIT", "SPENT", "SET ASIDE", "LEFT", ""}};
    for (const json& budget : at(body, {"budgets"})) {
        std::string remark = textAt(budget, "kind") == "hard" ? "administrator's" : "";
        if (at(budget, {"warning"}) == json(true)) remark += remark.empty() ? "nearly used up" : ", nearly used up";
        rows.push_back({textAt(budget, "scope"), subjectOf(budget), textAt(budget, "period"),
                        dollars(at(budget, {"amount"})), dollars(at(budget, {"spent"})),
                        dollars(at(budget, {"reserved"})), dollars(at(budget, {"left"})), remark});
    }
    print(table(rows));
    if (const std::string trouble = textAt(at(body, {"clock"}), "trouble"); !trouble.empty()) {
        print(trouble + "\nnext: " + textAt(at(body, {"clock"}), "hint") + "\n");
    }
    if (at(body, {"envelope", "open"}) != json(true)) return;
    print("proposed to begin with:\n");
    for (const json& cap : at(body, {"envelope", "proposal"})) print("  " + textAt(cap, "sentence") + "\n");
    print("next: netpas budget accept, or netpas budget decline (then nothing is spent without asking)\n");
}

Exit showBudget(const Client& client, Output output) {
    return send(client, output, "GET", "/v1/budget", nullptr, showBudgets);
}

Exit setBudget(const Client& client, Output output, const Given& given) {
    json body = targetJson(given);
    const bool removes = given.amount == "none";
    if (!removes) body["amount"] = given.amount;
    return send(client, output, removes ? "POST" : "PUT", removes ? "/v1/budget/remove" : "/v1/budget", body,
                showBudgets);
}

void addBudget(CLI::App& app, Action& chosen) {
    CLI::App* const budget = app.add_subcommand("budget", "how much may be spent, and how much was");
    budget->require_subcommand(1);
    addVerb(*budget, chosen, "show", "every budget: its limit, spent, set aside, left", showBudget);
    const auto given = std::make_shared<Given>();
    const auto period = [given](CLI::App* verb) {
        verb->add_option("--per", given->period, "day, week, month or total")
            ->check(CLI::IsMember({"day", "week", "month", "total"}))
            ->capture_default_str();
    };
    CLI::App* const set = addVerb(*budget, chosen, "set", "never spend more than this",
                                  [given](const Client& c, Output o) { return setBudget(c, o, *given); });
    set->add_option("for", given->target,
                    "everything; or app:PATH, payee:ID, purpose:NAME, node:NAME, user:NAME, rule:NUMBER; without a "
                    "name, each of its kind; rule:learned is what is spent without asking")
        ->required();
    set->add_option("amount", given->amount, "dollars, or none to remove it")->required();
    period(set);
    addVerb(*budget, chosen, "accept", "accept the proposed budgets", [](const Client& c, Output o) {
        return send(c, o, "POST", "/v1/budget/envelope", {{"accept", true}}, showBudgets);
    });
    addVerb(*budget, chosen, "decline", "decline them: nothing is spent without asking", [](const Client& c, Output o) {
        return send(c, o, "POST", "/v1/budget/envelope", {{"accept", false}}, showBudgets);
    });
    addVerb(*budget, chosen, "accept-clock", "the clock is right though it was set back",
            [](const Client& c, Output o) {
                return send(c, o, "POST", "/v1/budget/accept-clock", json::object(), showBudgets);
            });
}

// "a, b, c" of what is not empty.
std::string listed(std::initializer_list<std::string> words) {
    std::string text;
    for (const std::string& word : words) {
        if (!word.empty()) text += (text.empty() ? "" : ", ") + word;
    }
    return text;
}

std::string whatOf(const json& question) {
    const json claim = at(question, {"claim"});
    return listed({textAt(claim, "purpose"), textAt(claim, "domain"), textAt(claim, "contact"),
                   textAt(claim, "payee").substr(0, 16)});
}

std::string priceOf(const json& question) {
    return dollars(at(question, {"cost", "price"})) + " a " + textAt(at(question, {"cost"}), "per");
}

Rows questionRows(const json& list) {
    Rows rows{{"ID", "WHO", "FOR", "PRICE", "AT MOST", "ASKED", "STATE"}};
    for (const json& question : list) {
        const std::string why = textAt(question, "missed");
        const json most = at(question, {"cost", "worst_case"});
        rows.push_back({textAt(question, "id"),
                        listed({textAt(at(question, {"who"}), "name"), textAt(at(question, {"who"}), "user"),
                                textAt(at(question, {"who"}), "node")}),
                        whatOf(question), priceOf(question), dollars(most), textAt(question, "since").substr(0, 19),
                        why.empty() ? "waits" : "missed (" + why + ")"});
    }
    return rows;
}

Exit listPending(const Client& client, Output output, bool missedOnly) {
    const auto answer = client.call("GET", "/v1/pending");
    if (!answer) return report(answer.error(), output);
    json list = json::array();
    for (const json& question : at(answer->body, {"pending"})) {
        if (!missedOnly || !textAt(question, "missed").empty()) list.push_back(question);
    }
    if (output.json) {
        json body = answer->body;
        body["pending"] = std::move(list);
        return printJson(body), Exit::Ok;
    }
    if (list.empty()) return print(missedOnly ? "nothing was missed\n" : "no question waits\n"), Exit::Ok;
    print(table(questionRows(list)));
    const std::string id = textAt(list.front(), "id");
    print("next: netpas pending show " + id + ", netpas pending approve " + id + ", netpas pending deny " + id + "\n");
    if (missedOnly) print("an answer to what was missed decides for the next time\n");
    return Exit::Ok;
}

void showQuestion(const json& question) {
    const json who = at(question, {"who"});
    print("question " + textAt(question, "id") + "\n");
    Rows rows{{"asked by",
               listed({textAt(who, "name"), textAt(who, "executable"), textAt(who, "user"), textAt(who, "node")})},
              {"it says it is for", whatOf(question)}};
    for (const json& fact : at(question, {"facts"})) rows.push_back({"observed", harmless(fact.get<std::string>())});
    rows.push_back({"price", priceOf(question)});
    for (const json& tier : at(question, {"cost", "tiers"})) {
        rows.push_back({"", textAt(tier, "name") + ": " + dollars(at(tier, {"price"}))});
    }
    rows.push_back({"at most", dollars(at(question, {"cost", "worst_case"}))});
    if (const json budget = at(question, {"budget"}); !budget.is_null()) {
        rows.push_back({"budget", dollars(at(budget, {"left"})) + " left of " + textAt(budget, "sentence")});
    }
    rows.push_back({"rule", textAt(at(question, {"suggestion"}), "sentence")});
    print(table(rows));
}

Exit answerQuestion(const Client& client, Output output, const Given& given, const std::string& word) {
    json body{{"answer", word}, {"front_end", "netpas"}};
    if (!given.lifetime.empty()) body["lifetime"] = given.lifetime;
    if (!given.until.empty()) {
        body["lifetime"] = "until";
        body["until"] = given.until;
    }
    if (!given.upTo.empty()) body["up_to"] = given.upTo;
    if (!given.parts.empty()) body["match"] = given.parts;
    return send(client, output, "POST", "/v1/pending/" + net::encodeQueryValue(given.id), body, [](const json& done) {
        const std::string rule = textAt(at(done, {"rule"}), "sentence");
        print("answered; " + textAt(done, "approved") + " approved, " + textAt(done, "denied") + " denied\n");
        if (const std::string note = textAt(done, "note"); !note.empty()) print(note + "\n");
        if (!rule.empty()) print("rule " + textAt(at(done, {"rule"}), "id") + ": " + rule + "\n");
    });
}

void addLifetime(CLI::App& verb, const Shared& given) {
    verb.add_option("--for", given->lifetime, "make a rule: app-exit, hour, today, always")
        ->check(CLI::IsMember({"once", "app-exit", "hour", "today", "always"}));
    verb.add_option("--until", given->until, "make a rule until then, such as 2031-01-31T18:00:00Z");
    verb.add_option("--match", given->parts,
                    "what the rule names: app, purpose, payee, contact, group, domain, user, node")
        ->delimiter(',');
}

void addPending(CLI::App& app, Action& chosen) {
    CLI::App* const pending = app.add_subcommand("pending", "questions that wait for an answer");
    pending->require_subcommand(1);
    addVerb(*pending, chosen, "list", "those that wait, then those that were missed",
            [](const Client& c, Output o) { return listPending(c, o, false); });
    const auto given = std::make_shared<Given>();
    const auto withId = [&](const char* name, const char* help, Action action) {
        CLI::App* const verb = addVerb(*pending, chosen, name, help, std::move(action));
        verb->add_option("id", given->id, "number of the question")->required();
        return verb;
    };
    withId("show", "one of them: who asks, for what, what it costs", [given](const Client& c, Output o) {
        return send(c, o, "GET", "/v1/pending/" + net::encodeQueryValue(given->id), nullptr, showQuestion);
    });
    CLI::App* const approve =
        withId("approve", "yes, once; with a lifetime, as a rule", [given](const Client& c, Output o) {
            const bool once = given->until.empty() && (given->lifetime.empty() || given->lifetime == "once");
            return answerQuestion(c, o, *given, once ? "approve_once" : "approve_rule");
        });
    addLifetime(*approve, given);
    approve->add_option("--up-to", given->upTo, "the rule's highest price; the present one when left out");
    CLI::App* const deny =
        withId("deny", "no, this time; with a lifetime, as a rule",
               [given](const Client& c, Output o) { return answerQuestion(c, o, *given, "refuse"); });
    addLifetime(*deny, given);
    withId("not-now", "no, and do not ask again for a while",
           [given](const Client& c, Output o) { return answerQuestion(c, o, *given, "not_now"); });
    withId("dismiss", "forget one that was missed", [given](const Client& c, Output o) {
        return send(c, o, "DELETE", "/v1/pending/" + net::encodeQueryValue(given->id), nullptr,
                    [](const json&) { print("forgotten\n"); });
    });
}

}  // namespace

void addDecisionVerbs(CLI::App& app, Action& chosen) {
    addBudget(app, chosen);
    addPending(app, chosen);
    addVerb(app, chosen, "review", "questions that nobody answered in time",
            [](const Client& c, Output o) { return listPending(c, o, true); });
    const auto given = std::make_shared<Given>();
    CLI::App* const mode = addVerb(app, chosen, "mode", "whether you are asked, and whether anything is spent",
                                   [given](const Client& c, Output o) {
                                       const bool sets = !given->mode.empty();
                                       const json body = sets ? json{{"mode", given->mode}} : json(nullptr);
                                       return send(c, o, sets ? "PUT" : "GET", "/v1/mode", body, [](const json& now) {
                                           print("mode " + textAt(now, "mode") + "\n");
                                       });
                                   });
    mode->add_option("mode", given->mode, "ask: questions are shown; quiet: they only wait; pause: nothing is spent")
        ->check(CLI::IsMember({"ask", "quiet", "pause"}));
}

}  // namespace netpas::cli
