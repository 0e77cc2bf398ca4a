// netpas rules: what is paid, asked about or refused without thinking about it again.
#include <chrono>
#include <memory>
#include <sstream>

#include "app/cli/answers.h"
#include "app/cli/files.h"
#include "app/cli/rule_flags.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/amount.h"
#include "core/clock.h"
#include "core/net/http.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

struct Given {
    RuleFlags rule;
    MatchFlags match;
    std::string id;
    std::vector<std::string> ids, sentence;
    size_t proposal = 0;
    bool ended = false, all = false, replace = false, dryRun = false;
    std::string price, worstCase, per = "minute", quality;
    std::vector<uint16_t> isps;
    std::string file = "-", history, replaces;
};
using Shared = std::shared_ptr<Given>;

std::string pathOf(const std::string& id) { return "/v1/rules/" + net::encodeQueryValue(id); }

// What the members of a rule are to the API; answers have more.
json ruleOf(const json& answer) {
    json rule = json::object();
    for (const char* name : {"match", "grant", "budget", "lifetime", "priority", "origin", "note", "enabled"}) {
        if (answer.contains(name)) rule[name] = answer[name];
    }
    return rule;
}

std::string stateText(const json& rule) {
    const std::string state = textAt(rule, "state");
    return state == "active" ? "" : state;
}

Exit list(const Client& client, Output output, bool all) {
    const auto answer = client.call("GET", "/v1/rules");
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    Rows rows{{"ID", "RULE", "PRIORITY", "USED", "SPENT", ""}};
    size_t hidden = 0;
    for (const json& rule : at(answer->body, {"rules"})) {
        const std::string state = textAt(rule, "state");
        if (!all && state != "active" && state != "disabled") {
            ++hidden;
            continue;
        }
        rows.push_back({textAt(rule, "id"), textAt(rule, "sentence"), textAt(rule, "priority"), textAt(rule, "hits"),
                        dollars(at(rule, {"spent"})), stateText(rule)});
    }
    print(rows.size() > 1 ? table(rows)
                          : "there are no rules; next: netpas rules add \"up to 1c a minute for video until today\"\n");
    if (hidden > 0)
        print(std::to_string(hidden) + " are over; next: netpas rules list --all, netpas rules rm --ended\n");
    return Exit::Ok;
}

Exit show(const tl::expected<Answer, Problem>& answer, Output output, const char* what) {
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    print(std::string(what) + "rule " + textAt(answer->body, "id") + ": " + textAt(answer->body, "sentence") + "\n");
    return Exit::Ok;
}

// From a proposal, a sentence, or nothing; then the flags.
tl::expected<json, Problem> wanted(const Client& client, const Given& given, json rule) {
    const bool isNew = rule.empty();
    if (given.proposal > 0) {
        const auto answer = client.call("GET", "/v1/rules/proposals");
        if (!answer) return tl::unexpected(answer.error());
        const json proposals = at(answer->body, {"proposals"});
        if (given.proposal > proposals.size()) {
            return tl::unexpected(
                usage("there is no proposal " + std::to_string(given.proposal), "netpas rules explain"));
        }
        rule = proposals[given.proposal - 1]["rule"];
    } else if (!given.sentence.empty()) {
        std::string words;
        for (const std::string& word : given.sentence) words += (words.empty() ? "" : " ") + word;
        const auto answer = client.call("POST", "/v1/rules/parse", {{"sentence", words}, {"zone", localZoneName()}});
        if (!answer) return tl::unexpected(answer.error());
        rule = ruleOf(at(answer->body, {"rule"}));
        if (const json app = at(rule, {"match", "app"}); app.is_string()) {
            const auto file = programNamed(app.get<std::string>());
            if (!file) return tl::unexpected(file.error());
            rule["match"]["app"] = *file;
        }
    } else if (isNew && !given.rule.given()) {
        return tl::unexpected(
            usage("say what the rule is", "netpas rules add \"up to 1c a minute for video until today\""));
    }
    if (auto problem = given.rule.writeTo(rule, systemClock().now())) return tl::unexpected(std::move(*problem));
    return rule;
}

Exit add(const Client& client, Output output, const Given& given) {
    const auto rule = wanted(client, given, json::object());
    if (!rule) return report(rule.error(), output);
    return show(client.call("POST", "/v1/rules", *rule), output, "");
}

Exit edit(const Client& client, Output output, const Given& given) {
    const auto old = client.call("GET", pathOf(given.id));
    if (!old) return report(old.error(), output);
    const auto rule = wanted(client, given, ruleOf(old->body));
    if (!rule) return report(rule.error(), output);
    return show(client.call("PUT", pathOf(given.id), *rule), output, "");
}

Exit remove(const Client& client, Output output, const Given& given) {
    if (given.ended == !given.ids.empty()) {
        return report(usage("give either the numbers of rules or --ended", "netpas rules list --all"), output);
    }
    if (given.ended) {
        const auto answer = client.call("DELETE", "/v1/rules?ended=true");
        if (!answer) return report(answer.error(), output);
        output.json ? printJson(answer->body) : print("removed " + textAt(answer->body, "removed") + "\n");
        return Exit::Ok;
    }
    Exit worst = Exit::Ok;
    for (const std::string& id : given.ids) {
        const Exit exit = show(client.call("DELETE", pathOf(id)), output, "removed ");
        if (exit != Exit::Ok) worst = exit;
    }
    return worst;
}

Exit test(const Client& client, Output output, const Given& given) {
    json request = json::object();
    if (const auto problem = given.match.writeTo(request)) return report(*problem, output);
    for (const auto& [name, text] : {std::pair("price", &given.price), std::pair("worst_case", &given.worstCase)}) {
        if (text->empty()) continue;
        const auto amount = parseAmount(*text);
        if (!amount) return report(usage("\"" + *text + "\" is no amount", "write 5c, 5¢, $1.50 or 0.05"), output);
        request[name] = amount->toString();
    }
    request["per"] = given.per;
    if (!given.quality.empty()) request["quality"] = given.quality;
    if (!given.isps.empty()) request["isps"] = given.isps;
    const auto answer = client.call("POST", "/v1/rules/test", request);
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    const json& verdict = answer->body;
    Rows rows{{"outcome", textAt(verdict, "outcome")}};
    for (const auto& [name, label] : {std::pair("rule", "decides"), std::pair("runner_up", "runner-up")}) {
        const json rule = at(verdict, {name});
        if (rule.is_null()) continue;
        rows.push_back(
            {label, "rule " + textAt(rule, "id") + " (" + textAt(rule, "outcome") + "): " + textAt(rule, "sentence")});
    }
    rows.push_back({"why", textAt(verdict, "sentence")});
    print(table(rows));
    return Exit::Ok;
}

void explainRule(const json& rule) {
    const std::string state = stateText(rule);
    print("rule " + textAt(rule, "id") + ": " + textAt(rule, "sentence") + (state.empty() ? "" : " [" + state + "]") +
          "\n");
    if (const std::string note = textAt(rule, "note"); !note.empty()) {
        print("    " + std::string(textAt(rule, "origin") == "learned" ? "learned: " : "note: ") + note + "\n");
    }
    if (textAt(rule, "hits") != "0") {
        print("    decided " + textAt(rule, "hits") + " times, last " + textAt(rule, "last_used") + ", spent " +
              dollars(at(rule, {"spent"})) + "\n");
    }
}

Exit explain(const Client& client, Output output, const std::string& id) {
    if (!id.empty()) {
        const auto answer = client.call("GET", pathOf(id));
        if (!answer) return report(answer.error(), output);
        output.json ? printJson(answer->body) : explainRule(answer->body);
        return Exit::Ok;
    }
    const auto rules = client.call("GET", "/v1/rules");
    if (!rules) return report(rules.error(), output);
    const auto proposals = client.call("GET", "/v1/rules/proposals");
    if (!proposals) return report(proposals.error(), output);
    const json learned = at(proposals->body, {"proposals"});
    if (output.json) return printJson({{"rules", at(rules->body, {"rules"})}, {"proposals", learned}}), Exit::Ok;
    for (const json& rule : at(rules->body, {"rules"})) explainRule(rule);
    size_t number = 0;
    bool any = false;
    for (const json& proposal : learned) {
        ++number;
        if (at(proposal, {"in_book"}) == json(true)) continue;
        if (!any) print("learned from your answers, and not yet rules:\n");
        any = true;
        print("  proposal " + std::to_string(number) + ": " + textAt(proposal, "sentence") + "\n      " +
              textAt(proposal, "evidence") + "\n");
    }
    if (any) print("next: netpas rules add --proposal NUMBER\n");
    if (!any && at(rules->body, {"rules"}).empty()) print("there are no rules, and nothing was learned yet\n");
    return Exit::Ok;
}

// One request a line.
tl::expected<json, Problem> historyFrom(const std::string& file) {
    const auto text = readFile(file);
    if (!text) return tl::unexpected(text.error());
    json list = json::array();
    std::istringstream lines(*text);
    std::string line;
    for (size_t number = 1; std::getline(lines, line); ++number) {
        if (line.empty()) continue;
        list.push_back(json::parse(line, nullptr, false));
        if (list.back().is_discarded()) {
            return tl::unexpected(usage(file + ":" + std::to_string(number) + ": not JSON",
                                        "one object a line, such as {\"when\": \"2031-01-31T18:00:00Z\", \"purpose\": "
                                        "\"video\", \"per\": \"minute\", \"price\": \"0.05\", \"paid\": true}"));
        }
    }
    return list;
}

void showReplay(const json& report) {
    const auto line = [&](const char* name, const char* words) {
        const json tally = at(report, {name});
        return std::vector<std::string>{words, textAt(tally, "count"), dollars(at(tally, {"sum"}))};
    };
    print(textAt(report, "sentence") + "\nwould have decided " + textAt(report, "decided") + " of " +
          textAt(report, "requests") + " requests:\n");
    print(table({{"", "REQUESTS", "SUM"},
                 line("paid_instead", "  paid, what was not (at most)"),
                 line("refused_instead", "  refused, what was paid"),
                 line("asked_instead", "  asked about, what was not"),
                 {"  questions that it would have spared you", textAt(report, "questions_saved"), ""}}));
}

Exit replay(const Client& client, Output output, const Given& given) {
    json old = json::object();
    if (!given.replaces.empty()) {
        const auto answer = client.call("GET", pathOf(given.replaces));
        if (!answer) return report(answer.error(), output);
        old = ruleOf(answer->body);
    }
    const auto rule = wanted(client, given, old);
    if (!rule) return report(rule.error(), output);
    json body{{"rule", *rule}};
    if (!given.replaces.empty()) body["replaces"] = given.replaces;
    if (!given.history.empty()) {
        const auto history = historyFrom(given.history);
        if (!history) return report(history.error(), output);
        body["history"] = *history;
    }
    const auto answer = client.call("POST", "/v1/rules/replay", body);
    if (!answer) return report(answer.error(), output);
    output.json ? printJson(answer->body) : showReplay(answer->body);
    return Exit::Ok;
}

Exit exportRules(const Client& client, Output output, const std::string& file) {
    const auto answer = client.call("GET", "/v1/rules/export");
    if (!answer) return report(answer.error(), output);
    const nlohmann::ordered_json ordered{{"version", at(answer->body, {"version"})},
                                         {"rules", at(answer->body, {"rules"})}};
    const std::string text = ordered.dump(2) + "\n";
    if (file == "-") return print(text), Exit::Ok;
    if (const auto problem = writeNewFile(file, text)) return report(*problem, output);
    if (!output.json) print("wrote " + file + "\n");
    return Exit::Ok;
}

Exit importRules(const Client& client, Output output, const Given& given) {
    const auto text = readFile(given.file);
    if (!text) return report(text.error(), output);
    const auto answer = client.call("POST", "/v1/rules/import",
                                    {{"file", *text}, {"replace", given.replace}, {"dry_run", given.dryRun}});
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    const std::string count = textAt(answer->body, "rules");
    print(given.dryRun ? "nothing is wrong with these " + count + " rules\n"
                       : "imported " + textAt(answer->body, "imported") + " of " + count + " rules" +
                             (given.replace ? "; all others are gone\n" : "; the others were there already\n"));
    return Exit::Ok;
}

void addTest(CLI::App& rules, Action& chosen) {
    const auto given = std::make_shared<Given>();
    CLI::App* const verb = addVerb(rules, chosen, "test", "which rule would decide about this request, and why",
                                   [given](const Client& c, Output o) { return test(c, o, *given); });
    given->match.addTo(*verb);
    verb->add_option("--price", given->price, "for one unit: 5c, $1.50, 0.05")->required();
    verb->add_option("--per", given->per, "minute or item")
        ->check(CLI::IsMember({"minute", "item"}))
        ->capture_default_str();
    verb->add_option("--worst-case", given->worstCase, "the most that it could cost; one unit when left out");
    verb->add_option("--quality", given->quality, "service class");
    verb->add_option("--isps", given->isps, "that are paid: 26,25,24")->delimiter(',');
}

void addFiles(CLI::App& rules, Action& chosen) {
    const auto given = std::make_shared<Given>();
    CLI::App* const out = addVerb(rules, chosen, "export", "all rules as a file",
                                  [given](const Client& c, Output o) { return exportRules(c, o, given->file); });
    out->add_option("file", given->file, "a new file; standard output when left out");
    CLI::App* const in = addVerb(rules, chosen, "import", "rules from a file: all, or none when something is wrong",
                                 [given](const Client& c, Output o) { return importRules(c, o, *given); });
    in->add_option("file", given->file, "the file; - is standard input")->required();
    in->add_flag("--replace", given->replace, "in place of all that are there");
    in->add_flag("--dry-run", given->dryRun, "only say what is wrong with it");
}

}  // namespace

void addRuleVerbs(CLI::App& app, Action& chosen) {
    CLI::App* const rules = app.add_subcommand("rules", "what is paid, asked about or refused from now on");
    rules->require_subcommand(1);
    const auto given = std::make_shared<Given>();
    const auto verb = [&](const char* name, const char* help, Exit (*run)(const Client&, Output, const Given&)) {
        return addVerb(*rules, chosen, name, help,
                       [given, run](const Client& c, Output o) { return run(c, o, *given); });
    };
    addVerb(*rules, chosen, "list", "all rules, in words", [given](const Client& c, Output o) {
        return list(c, o, given->all);
    })->add_flag("--all", given->all, "also those that are over");
    CLI::App* const adds = verb("add", "make a rule: in words, with flags, or one that was learned", add);
    CLI::App* const edits = verb("edit", "change a rule", edit);
    edits->add_option("id", given->id, "number of the rule")->required();
    CLI::App* const replays = verb("replay", "what a rule would have changed in the past; nothing is kept", replay);
    replays->add_option("--replaces", given->replaces, "begin with this rule, and put it in its place");
    replays->add_option("--history", given->history,
                        "a file of requests, one JSON object a line; the ledger when left out");
    for (CLI::App* const one : {adds, edits, replays}) {
        one->add_option("words", given->sentence,
                        "\"up to 1c a minute for video in mpv from example.net until today\"");
    }
    for (CLI::App* const one : {adds, replays}) {
        one->add_option("--proposal", given->proposal, "what was learned; netpas rules explain numbers it");
    }
    for (CLI::App* const one : {adds, edits, replays}) given->rule.addTo(*one);
    CLI::App* const removes = verb("rm", "remove rules", remove);
    removes->add_option("id", given->ids, "numbers of rules");
    removes->add_flag("--ended", given->ended, "all that are over");
    addVerb(*rules, chosen, "explain", "rules in words, with what was learned and why",
            [given](const Client& c, Output o) { return explain(c, o, given->id); })
        ->add_option("id", given->id, "number of the rule; all when left out");
    addTest(*rules, chosen);
    addFiles(*rules, chosen);
}

}  // namespace netpas::cli
