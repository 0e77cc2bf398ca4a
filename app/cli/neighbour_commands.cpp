// netpas neighbours, agreements: who is on this machine's links, and what was agreed with them.
#include <array>
#include <cstdio>
#include <map>
#include <memory>

#include "app/cli/answers.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/net/http.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

struct Given {
    std::string id, neighbour, direction, perKb, limit, lifetime;
    uint32_t ended = 100;
    std::string upstream, downstream, accept, automatic, mostUpstream, mostDownstream, credit, payAt, closeAt, interval,
        notice;
};
using Shared = std::shared_ptr<Given>;

std::string whoIs(const json& one) {
    const std::string contact = textAt(one, "contact");
    return contact.empty() ? textAt(one, "neighbour").substr(0, 16) + "…" : contact;
}

std::string priceText(const json& price) { return price.is_null() ? "not sold" : dollars(price); }

// "97.2 % in 12 ms", as far as it is known.
std::string arrivesText(const json& quality, const json& milliseconds) {
    const json arrives = at(quality, {"arrives"});
    if (!arrives.is_number()) return "not yet";
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.1f %%", arrives.get<double>() * 100);
    std::string all = text.data();
    if (milliseconds.is_number()) {
        std::snprintf(text.data(), text.size(), " in %.0f ms", milliseconds.get<double>());
        all += text.data();
    }
    return all;
}

// "21.3 Mbit/s, 99.0 %", as far as it is known.
std::string qualityText(const json& quality) {
    const json rate = at(quality, {"bit_per_second"}), arrives = at(quality, {"arrives"});
    std::array<char, 64> text{};
    std::string all;
    if (rate.is_number()) {
        std::snprintf(text.data(), text.size(), "%.3g Mbit/s", rate.get<double>() / 1e6);
        all = text.data();
    }
    if (arrives.is_number()) {
        std::snprintf(text.data(), text.size(), "%s%.1f %%", all.empty() ? "" : ", ", arrives.get<double>() * 100);
        all += text.data();
    }
    return all.empty() ? "unknown" : all;
}

constexpr size_t shortId = 12;

// How those who sell stand against each other, best first.
Rows rankRows(const json& neighbours, const char* direction) {
    std::map<uint64_t, json> ranked;
    for (const json& one : neighbours) {
        if (const json rank = at(one, {"rank", direction}); rank.is_object()) ranked[rank.value("place", 0U)] = one;
    }
    Rows rows;
    for (const auto& [place, one] : ranked) {
        const json rank = at(one, {"rank", direction});
        rows.push_back({direction + (" " + std::to_string(place)), whoIs(one),
                        qualityText(at(one, {"measured", direction})), rank.value("chosen", false) ? "bought" : "",
                        textAt(rank, "reason")});
    }
    return rows;
}

Exit neighbours(const Client& client, Output output) {
    const auto answer = client.call("GET", "/v1/neighbours");
    if (!answer) return report(answer.error(), output);
    const json& body = answer->body;
    if (output.json) return printJson(body), Exit::Ok;
    if (!body.value("on", false)) {
        print("the agent does not look for neighbours\nnext: netpasd --mesh INTERFACE\n");
        return Exit::Ok;
    }
    if (const std::string trouble = textAt(body, "trouble"); !trouble.empty()) print("trouble: " + trouble + "\n");
    for (const json& link : at(body, {"interfaces"}))
        print("looked for on " + textAt(link, "name") + " as " + textAt(link, "link") + "\n");
    const json settings = at(body, {"settings"});
    print("this node asks: upstream " + priceText(at(settings, {"upstream_per_kb"})) + ", downstream " +
          priceText(at(settings, {"downstream_per_kb"})) + " per kB; buys by itself: " + textAt(settings, "automatic") +
          "\n");
    Rows rows{{"NEIGHBOUR", "LINK", "UPSTREAM/KB", "DOWNSTREAM/KB", "OWED", "OWING", "FORWARDING"}};
    for (const json& one : at(body, {"neighbours"})) {
        const bool up = at(one, {"forwarding", "upstream"}) == true,
                   down = at(one, {"forwarding", "downstream"}) == true;
        rows.push_back({whoIs(one), textAt(one, "interface"), priceText(at(one, {"asks", "upstream_per_kb"})),
                        priceText(at(one, {"asks", "downstream_per_kb"})), dollars(at(one, {"owed"})),
                        dollars(at(one, {"owing"})),
                        std::string(up && down ? "both ways"
                                    : up       ? "from it"
                                    : down     ? "to it"
                                               : "no") +
                            ": " + textAt(one, "why")});
    }
    print(rows.size() > 1 ? table(rows) : "nobody was heard yet\n");
    Rows ranks{{"RANK", "NEIGHBOUR", "MEASURED", "", "WHY"}};
    for (const char* direction : {"upstream", "downstream"}) {
        for (auto& row : rankRows(at(body, {"neighbours"}), direction)) ranks.push_back(std::move(row));
    }
    if (ranks.size() > 1) print("\n" + table(ranks));
    Rows ways{{"WAY TO", "THROUGH", "CLAIMED", "VERIFIED", "DOUBT"}};
    for (const json& one : at(body, {"neighbours"})) {
        for (const json& way : at(one, {"routes"})) {
            const json named = at(way, {"named"});
            ways.push_back({textAt(way, "to"), whoIs(one), arrivesText(at(way, {"claimed"}), at(way, {"claimed_ms"})),
                            arrivesText(at(way, {"verified"}), at(way, {"verified_ms"})),
                            named.is_null()
                                ? "none"
                                : textAt(named, "metric") + " between " + textAt(named, "near").substr(0, shortId) +
                                      " and " + textAt(named, "far").substr(0, shortId)});
        }
    }
    if (ways.size() > 1) print("\n" + table(ways));
    return Exit::Ok;
}

// Only what was typed is changed.
Exit set(const Client& client, Output output, const Given& given) {
    json body = json::object();
    const auto put = [&](const char* name, const std::string& text) {
        if (!text.empty()) body[name] = text == "none" ? json(nullptr) : json(text);
    };
    put("upstream_per_kb", given.upstream);
    put("downstream_per_kb", given.downstream);
    put("accept", given.accept);
    put("automatic", given.automatic);
    put("most_upstream_per_kb", given.mostUpstream);
    put("most_downstream_per_kb", given.mostDownstream);
    put("credit", given.credit);
    put("limit", given.limit);
    put("pay_at", given.payAt);
    put("close_at", given.closeAt);
    const std::pair<const char*, const std::string*> durations[] = {
        {"lifetime_s", &given.lifetime}, {"interval_s", &given.interval}, {"notice_s", &given.notice}};
    for (const auto& [name, text] : durations) {
        if (text->empty()) continue;
        const bool atOnce = *text == "0" || *text == "0s";
        const auto duration = atOnce ? std::chrono::seconds(0) : parseDuration(*text);
        if (!duration) return report(usage("not a duration: " + *text, "for example 10m"), output);
        body[name] = duration->count();
    }
    if (body.empty()) return report(usage("nothing to set", "netpas neighbours set --help"), output);
    const auto answer = client.call("PUT", "/v1/neighbours/settings", body);
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    print("set; new prices hold after " + std::to_string(answer->body.value("notice_s", 0)) +
          " seconds, agreements that run keep theirs\n");
    return Exit::Ok;
}

void printOne(const json& one) {
    print(textAt(one, "role") + " of " + textAt(one, "direction") + " with " + whoIs(one) + ": " +
          textAt(one, "state") + "\n  " + textAt(one, "why") + "\n  " + dollars(at(one, {"per_kb"})) + " per kB, " +
          dollars(at(one, {"charged"})) + " charged of " + dollars(at(one, {"limit"})) + "; with this neighbour " +
          dollars(at(one, {"paid"})) + " paid, " + dollars(at(one, {"owed"})) + " owed, " +
          dollars(at(one, {"owing"})) + " owing\n  quality: promised " + qualityText(at(one, {"promised"})) +
          ", measured " + qualityText(at(one, {"measured"})) + ", verified " + qualityText(at(one, {"verified"})) +
          "\n");
    if (const std::string until = textAt(one, "until"); !until.empty()) print("  until " + until.substr(0, 19) + "Z\n");
    if (textAt(one, "state") == "asked") print("  next: netpas agreements accept " + textAt(one, "id") + "\n");
}

Exit list(const Client& client, Output output, const Given& given) {
    const auto answer = client.call("GET", "/v1/agreements?limit=" + std::to_string(given.ended));
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    Rows rows{{"ID", "NEIGHBOUR", "ROLE", "DIRECTION", "PRICE/KB", "STATE", "PROMISED", "MEASURED", "VERIFIED",
               "CHARGED", "PAID", "OWED", "OWING", "FORWARDING"}};
    for (const json& one : at(answer->body, {"agreements"})) {
        rows.push_back({textAt(one, "id"), whoIs(one), textAt(one, "role"), textAt(one, "direction"),
                        dollars(at(one, {"per_kb"})), textAt(one, "state"), qualityText(at(one, {"promised"})),
                        qualityText(at(one, {"measured"})), qualityText(at(one, {"verified"})),
                        dollars(at(one, {"charged"})), dollars(at(one, {"paid"})), dollars(at(one, {"owed"})),
                        dollars(at(one, {"owing"})),
                        (one.value("forwarding", false) ? "yes: " : "no: ") + textAt(one, "why")});
    }
    print(rows.size() > 1 ? table(rows) : "nothing was agreed with a neighbour; next: netpas neighbours\n");
    return Exit::Ok;
}

Exit answerOf(const tl::expected<Answer, Problem>& answer, Output output) {
    if (!answer) return report(answer.error(), output);
    if (output.json) {
        printJson(answer->body);
    } else {
        printOne(answer->body);
    }
    return Exit::Ok;
}

Exit offer(const Client& client, Output output, const Given& given) {
    json body{{"neighbour", given.neighbour}, {"direction", given.direction}};
    if (!given.perKb.empty()) body["per_kb"] = given.perKb;
    if (!given.limit.empty()) body["limit"] = given.limit;
    if (!given.lifetime.empty()) {
        const auto lifetime = parseDuration(given.lifetime);
        if (!lifetime) return report(usage("not a duration: " + given.lifetime, "--for 10m; at most a day"), output);
        body["lifetime_s"] = lifetime->count();
    }
    return answerOf(client.call("POST", "/v1/agreements", body), output);
}

std::string pathOf(const Given& given, const char* what = "") {
    return "/v1/agreements/" + net::encodeQueryValue(given.id) + what;
}

void addSettings(CLI::App& verb, const Shared& given) {
    verb.add_option("--upstream", given->upstream,
                    "dollars per kB for passing on what a neighbour sends; none: not sold");
    verb.add_option("--downstream", given->downstream, "… for passing on what is for a neighbour; none: not sold");
    verb.add_option("--notice", given->notice, "other prices are announced so long before they hold");
    verb.add_option("--accept", given->accept, "offers at these prices")->check(CLI::IsMember({"automatic", "ask"}));
    verb.add_option("--credit", given->credit, "most that a neighbour may owe before its packets stop, in dollars");
    verb.add_option("--automatic", given->automatic, "what this node buys by itself")
        ->check(CLI::IsMember({"nothing", "best", "every", "routes"}));
    verb.add_option("--most-upstream", given->mostUpstream, "… at most at this price per kB");
    verb.add_option("--most-downstream", given->mostDownstream, "… likewise");
    verb.add_option("--limit", given->limit, "of all charges of an agreement, in dollars");
    verb.add_option("--pay-at", given->payAt, "pay when so much is due, in dollars");
    verb.add_option("--close-at", given->closeAt, "owe at most that much, in dollars");
    verb.add_option("--lifetime", given->lifetime, "of agreements: 10m");
    verb.add_option("--interval", given->interval, "between counts: 10s");
}

}  // namespace

void addNeighbourVerbs(CLI::App& app, Action& chosen) {
    const auto given = std::make_shared<Given>();
    CLI::App* const who = app.add_subcommand("neighbours", "who is on the links, what they ask, who is forwarded for");
    who->require_subcommand(0, 1);
    who->callback([&chosen, who] {
        if (who->get_subcommands().empty()) chosen = neighbours;
    });
    addVerb(*who, chosen, "list", "who is on the links",
            [](const Client& client, Output output) { return neighbours(client, output); });
    addSettings(*addVerb(*who, chosen, "set", "what this node asks, and what it buys by itself",
                         [given](const Client& client, Output output) { return set(client, output, *given); }),
                given);

    CLI::App* const all = app.add_subcommand("agreements", "what was agreed with neighbours about forwarding");
    all->require_subcommand(0, 1);
    const auto shown = [given](const Client& client, Output output) { return list(client, output, *given); };
    all->callback([&chosen, all, shown] {
        if (all->get_subcommands().empty()) chosen = shown;
    });
    addVerb(*all, chosen, "list", "those that run, and the last that have ended", shown)
        ->add_option("--limit", given->ended, "at most so many that have ended")
        ->check(CLI::Range(1, 10000))
        ->capture_default_str();
    CLI::App* const ask =
        addVerb(*all, chosen, "offer", "pay a neighbour for forwarding",
                [given](const Client& client, Output output) { return offer(client, output, *given); });
    ask->add_option("neighbour", given->neighbour, "from netpas neighbours --json, or a contact's name")->required();
    ask->add_option("direction", given->direction, "upstream: what this node sends; downstream: what comes to it")
        ->required()
        ->check(CLI::IsMember({"upstream", "downstream"}));
    ask->add_option("--per-kb", given->perKb, "at most this price, in dollars");
    ask->add_option("--limit", given->limit, "never more than this in all, in dollars");
    ask->add_option("--for", given->lifetime, "how long: 10m");
    const auto withId = [&](const char* name, const char* help, const char* method, const char* what) {
        CLI::App* const verb =
            addVerb(*all, chosen, name, help, [given, method, what](const Client& client, Output output) {
                return answerOf(client.call(method, pathOf(*given, what)), output);
            });
        verb->add_option("id", given->id, "from netpas agreements")->required();
    };
    withId("show", "one of them", "GET", "");
    withId("accept", "accept a neighbour's offer", "POST", "/accept");
    withId("end", "end one, or turn an offer down", "POST", "/end");
}

}  // namespace netpas::cli
