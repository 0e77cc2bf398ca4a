// netpas history, totals, balance, label: what was spent.
#include <cstdio>
#include <memory>

#include "app/cli/answers.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/clock.h"
#include "core/net/http.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

struct Given {
    uint32_t limit = 100;
    std::string since, until, app, payee, text;
    bool csv = false;
    std::string by = "app";
    std::string id, label;
    std::vector<std::string> ids;
};
using Shared = std::shared_ptr<Given>;

// A time, or how long ago: "7d".
tl::expected<std::string, Problem> timeFrom(const std::string& text) {
    if (text.empty() || parseTime(text)) return text;
    const auto ago = parseDuration(text);
    if (!ago)
        return tl::unexpected(
            usage(text + " is not a time", "--since 2031-01-31, --since 2031-01-31T12:30 (UTC) or --since 7d"));
    return timeText(systemClock().now() - *ago).substr(0, 19);
}

tl::expected<std::string, Problem> queryOf(const Given& given) {
    const auto since = timeFrom(given.since), until = timeFrom(given.until);
    if (!since) return tl::unexpected(since.error());
    if (!until) return tl::unexpected(until.error());
    std::string query;
    const std::pair<const char*, const std::string*> parts[] = {
        {"since", &*since}, {"until", &*until}, {"app", &given.app}, {"payee", &given.payee}, {"text", &given.text}};
    for (const auto& [name, value] : parts) {
        if (!value->empty()) query += std::string("&") + name + "=" + net::encodeQueryValue(*value);
    }
    return query;
}

std::string endText(const json& entry) {
    const std::string reason = textAt(entry, "reason");
    return textAt(entry, "state") + (reason.empty() ? "" : " (" + reason + ")");
}

Exit csv(const Client& client, Output output, const std::string& query) {
    std::string before;
    for (;;) {
        const auto page = client.callRaw("GET", "/v1/history.csv?" + query.substr(query.empty() ? 0 : 1) + before);
        if (!page) return report(page.error(), output);
        std::fwrite(page->body.data(), 1, page->body.size(), stdout);
        const std::string next(page->header("X-Next"));
        if (next.empty()) break;
        before = "&before=" + next;
    }
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return Exit::Ok;
    return report({Exit::Failed, "LOCAL_FAILURE", "the table could not be written", "free some disk space"}, output);
}

Exit history(const Client& client, Output output, const Given& given) {
    const auto query = queryOf(given);
    if (!query) return report(query.error(), output);
    if (given.csv) return csv(client, output, *query);
    const auto answer = client.call("GET", "/v1/history?limit=" + std::to_string(given.limit) + *query);
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    Rows rows{{"ID", "REQUESTED", "APP", "STATE", "FLOW", "PACKETS", "SENT", "CHARGED", "CAP", "LABEL"}};
    for (const json& entry : at(answer->body, {"entries"})) {
        const std::string app = textAt(entry, "app");
        rows.push_back({textAt(entry, "id"), textAt(entry, "requested_at").substr(0, 19),
                        app.empty() ? "-" : app.substr(app.rfind('/') + 1), endText(entry), textAt(entry, "flow"),
                        textAt(at(entry, {"sent"}), "packets"), dollars(at(entry, {"sent", "amount"})),
                        dollars(at(entry, {"charged"})), dollars(at(entry, {"cap"})), textAt(entry, "label")});
    }
    if (rows.size() > 1) {
        print(table(rows));
    } else {
        print(query->empty() ? "nothing was bought yet; next: netpas services --to ADDRESS\n"
                             : "nothing of that kind was bought\n");
    }
    return Exit::Ok;
}

Exit totals(const Client& client, Output output, const Given& given) {
    const auto query = queryOf(given);
    if (!query) return report(query.error(), output);
    const auto answer = client.call("GET", "/v1/totals?by=" + given.by + *query);
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    Rows rows{{given.by, "PURCHASES", "SPENT"}};
    for (const json& total : at(answer->body, {"totals"})) {
        const std::string name = textAt(total, "name");
        rows.push_back({name.empty() ? "-" : name, textAt(total, "purchases"), dollars(at(total, {"amount"}))});
    }
    rows.push_back({"all", "", dollars(at(answer->body, {"sum"}))});
    print(table(rows));
    return Exit::Ok;
}

Exit balance(const Client& client, Output output) {
    const auto answer = client.call("GET", "/v1/balance");
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    print(table({{"spent today", dollars(at(answer->body, {"spent_today"}))},
                 {"this month", dollars(at(answer->body, {"spent_this_month"}))},
                 {"ever", dollars(at(answer->body, {"spent"}))},
                 {"set aside now", dollars(at(answer->body, {"reserved"}))}}));
    return Exit::Ok;
}

Exit label(const Client& client, Output output, const Given& given) {
    const auto answer =
        client.call("PUT", "/v1/purchases/" + net::encodeQueryValue(given.id) + "/label", {{"label", given.label}});
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    print("purchase " + given.id + (given.label.empty() ? " has no label any more\n" : " is labelled\n"));
    return Exit::Ok;
}

std::string wayText(const json& way) {
    std::string text;
    for (const json& hop : way)
        text += (text.empty() ? "" : " → ") + textAt(hop, "isp") + " class " + textAt(hop, "class");
    return text.empty() ? "none" : text;
}

std::string statementText(const json& said) {
    return "session key " + textAt(said, "session_key") + ": " + textAt(said, "packets") + " packets, " +
           textAt(said, "bytes") + " bytes, " + dollars(at(said, {"amount"}));
}

// What the ISP has signed about purchases, beside what was counted here.
Exit statements(const Client& client, Output output, const Given& given) {
    std::vector<std::string> ids = given.ids;
    if (ids.empty()) {
        const auto history = client.call("GET", "/v1/history?limit=" + std::to_string(given.limit));
        if (!history) return report(history.error(), output);
        for (const json& entry : at(history->body, {"entries"})) {
            if (at(entry, {"payment"}).is_null()) ids.push_back(textAt(entry, "id"));
        }
    }
    json all = json::array();
    for (const std::string& id : ids) {
        const auto kept = client.call("GET", "/v1/purchases/" + net::encodeQueryValue(id) + "/evidence");
        if (!kept) return report(kept.error(), output);
        for (const json& one : at(kept->body, {"evidence"})) {
            if (!at(one, {"said"}).contains("session_key")) continue;
            json statement = one["said"];
            statement["purchase"] = id;
            statement["message"] = textAt(one, "message");
            statement["signature"] = textAt(one, "signature");
            all.push_back(std::move(statement));
        }
    }
    if (output.json) return printJson(json{{"statements", std::move(all)}}), Exit::Ok;
    Rows rows{{"PURCHASE", "SIGNED AT", "SESSION KEY", "PACKETS", "BYTES", "AMOUNT"}};
    for (const json& one : all) {
        rows.push_back({textAt(one, "purchase"), textAt(one, "time").substr(0, 19), textAt(one, "session_key"),
                        textAt(one, "packets"), textAt(one, "bytes"), dollars(at(one, {"amount"}))});
    }
    print(rows.size() > 1 ? table(rows) : "no ISP has signed a statement yet: they come when a purchase ends\n");
    return Exit::Ok;
}

Exit evidence(const Client& client, Output output, const Given& given) {
    const auto answer = client.call("GET", "/v1/purchases/" + net::encodeQueryValue(given.id) + "/evidence");
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    Rows rows{{"AT", "KIND", "WHAT"}};
    for (const json& one : at(answer->body, {"evidence"})) {
        const json said = at(one, {"said"});
        std::string what = textAt(one, "message");
        if (said.contains("session_key")) what = statementText(said);
        if (said.contains("because"))
            what = textAt(said, "because") + ": " + wayText(at(said, {"from"})) + " ⇒ " + wayText(at(said, {"to"}));
        rows.push_back({textAt(one, "at").substr(0, 19), textAt(one, "kind"), what});
    }
    print(rows.size() > 1 ? table(rows) : "nothing is kept of this purchase\n");
    return Exit::Ok;
}

}  // namespace

void addLedgerVerbs(CLI::App& app, Action& chosen) {
    const auto given = std::make_shared<Given>();
    const auto period = [given](CLI::App* verb) {
        verb->add_option("--since", given->since, "from this time on (UTC), or for so long: 2031-01-31, 7d");
        verb->add_option("--until", given->until, "before this time");
    };
    CLI::App* const historyVerb = addVerb(app, chosen, "history", "everything that was ever bought, newest first",
                                          [given](const Client& c, Output o) { return history(c, o, *given); });
    historyVerb->add_option("--limit", given->limit, "at most so many")
        ->check(CLI::Range(1, 10000))
        ->capture_default_str();
    period(historyVerb);
    historyVerb->add_option("--app", given->app, "of this program, by its path");
    historyVerb->add_option("--payee", given->payee, "to this payee");
    historyVerb->add_option("--search", given->text, "with this text in it");
    historyVerb->add_flag("--csv", given->csv, "all of it as a table for other programs");
    CLI::App* const totalsVerb = addVerb(app, chosen, "totals", "what was spent, added up",
                                         [given](const Client& c, Output o) { return totals(c, o, *given); });
    totalsVerb->add_option("--by", given->by, "app, payee, purpose, group, domain, node, user, day or month")
        ->check(CLI::IsMember({"app", "payee", "purpose", "group", "domain", "node", "user", "day", "month"}))
        ->capture_default_str();
    period(totalsVerb);
    addVerb(app, chosen, "balance", "what was spent, and what is set aside", balance);
    CLI::App* const statementsVerb =
        addVerb(app, chosen, "statements", "what your ISP has signed about your purchases, newest first",
                [given](const Client& c, Output o) { return statements(c, o, *given); });
    statementsVerb->add_option("id", given->ids, "numbers of purchases; the newest when left out");
    statementsVerb->add_option("--limit", given->limit, "at most so many purchases")
        ->check(CLI::Range(1, 10000))
        ->capture_default_str();
    CLI::App* const evidenceVerb = addVerb(
        app, chosen, "evidence", "what is kept of a purchase: statements that its ISP signed, ways that changed",
        [given](const Client& c, Output o) { return evidence(c, o, *given); });
    evidenceVerb->add_option("id", given->id, "number of the purchase")->required();
    CLI::App* const labelVerb = addVerb(app, chosen, "label", "your own words for a purchase",
                                        [given](const Client& c, Output o) { return label(c, o, *given); });
    labelVerb->add_option("id", given->id, "number of the purchase")->required();
    labelVerb->add_option("text", given->label, "empty: none");
}

}  // namespace netpas::cli
