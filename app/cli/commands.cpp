#include "app/cli/commands.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/cli/answers.h"
#include "app/cli/streams.h"
#include "app/cli/text.h"
#include "core/crypto/hex.h"
#include "core/crypto/identity.h"
#include "core/net/http.h"
#include "core/net_address.h"
#include "core/random.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

constexpr std::chrono::seconds stopPatience{5};
constexpr std::chrono::milliseconds stopPoll{100};

std::string ispText(const json& hop) {
    const std::string name = textAt(hop, "name");
    return textAt(hop, "isp") + (name.empty() ? "" : " " + name);
}

std::string exitText(const json& hop) {
    const std::string exit = textAt(hop, "exit");
    return exit.empty() || exit == "0" ? "-" : exit;
}

void printPath(const json& way) {
    Rows rows{{"  ISP", "CLASS", "EXIT", "PER PACKET OF 1400 B"}};
    for (const json& hop : at(way, {"path"})) {
        rows.push_back({"  " + ispText(hop), textAt(hop, "class") + " " + textAt(hop, "class_name"), exitText(hop),
                        dollars(at(hop, {"price_per_packet"}))});
    }
    const json total = at(way, {"price_per_packet", "1400"});
    if (!total.is_null()) rows.push_back({"  all", "", "", dollars(total)});
    print(table(rows));
}

void printPrices(const json& way) {
    print("  a megabyte at the dearest hour: " + dollars(at(way, {"worst_price_per_mb", "1400"})) +
          " in packets of 1400 B, " + dollars(at(way, {"worst_price_per_mb", "64"})) + " in packets of 64 B\n");
}

std::string endText(const json& purchase) {
    std::string text = textAt(purchase, "state");
    if (const std::string reason = textAt(purchase, "reason"); !reason.empty()) text += ", " + reason;
    if (purchase.value("disputed", false)) text += ", DISPUTED";
    return text;
}

Rows purchaseRows(const json& list) {
    Rows rows{{"ID", "STATE", "FLOW", "PACKETS", "SENT", "CHARGED", "CAP", "BEST EFFORT"}};
    for (const json& purchase : list) {
        rows.push_back({textAt(purchase, "id"), endText(purchase), textAt(purchase, "flow"),
                        textAt(at(purchase, {"sent"}), "packets"), dollars(at(purchase, {"sent", "amount"})),
                        dollars(at(purchase, {"charged"})), dollars(at(purchase, {"cap"})),
                        textAt(purchase, "best_effort_packets")});
    }
    return rows;
}

void printTroubles(const json& list) {
    for (const json& purchase : list) {
        for (const char* name : {"trouble", "note"}) {
            if (const std::string text = textAt(purchase, name); !text.empty()) {
                print("purchase " + textAt(purchase, "id") + ": " + text + "\n");
            }
        }
    }
}

// A name is looked up here, so that the agent needs no resolver.
std::optional<std::string> addressOf(const std::string& host) {
    if (IpAddress::parse(host)) return host;
    const std::vector<IpAddress> found = addressesOf(host);
    return found.empty() ? std::nullopt : std::optional(found.front().toString());
}

std::string freshKey() {
    std::array<uint8_t, 16> bytes{};
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(systemRandom().below(256));
    return toHex(bytes);
}

tl::expected<json, Problem> bodyOf(const BuyWish& wish) {
    const auto address = addressOf(wish.to);
    if (!address)
        return tl::unexpected(usage("there is no host " + wish.to, "give an address, such as --to 192.0.2.10"));
    json body{{"to", *address}, {"cap", wish.cap}};
    std::string protocol = wish.protocol;
    if (protocol.empty() && (wish.toPort != 0 || wish.fromPort != 0)) protocol = "tcp";
    if (!protocol.empty()) body["protocol"] = protocol;
    if (wish.attended || ::isatty(STDIN_FILENO) == 1) body["attended"] = true;
    if (!wish.from.empty()) body["from"] = wish.from;
    if (wish.incoming) body["direction"] = "incoming";
    if (!wish.seller.empty()) body["seller"] = wish.seller;
    if (!wish.purpose.empty()) body["purpose"] = wish.purpose;
    if (!wish.domain.empty()) body["domain"] = wish.domain;
    if (wish.toPort != 0) body["to_port"] = wish.toPort;
    if (wish.fromPort != 0) body["from_port"] = wish.fromPort;
    if (!wish.className.empty()) body["class"] = wish.className;
    if (!wish.offer.empty()) body["offer"] = wish.offer;
    if (!wish.rateCap.empty()) body["cap_per_second"] = wish.rateCap;
    for (const std::string& choice : wish.perIsp) {
        const size_t equals = choice.find('=');
        if (equals == std::string::npos || equals == 0 || equals + 1 == choice.size()) {
            return tl::unexpected(usage("not ISP=CLASS: " + choice, "for example --per-isp 24=gold,25=2"));
        }
        body["per_isp"][choice.substr(0, equals)] = choice.substr(equals + 1);
    }
    if (!wish.duration.empty()) {
        const auto duration = parseDuration(wish.duration);
        if (!duration)
            return tl::unexpected(
                usage("not a duration: " + wish.duration, "for example --for 90s, 10m or 2h; at most 30 days"));
        body["duration_s"] = duration->count();
    }
    return body;
}

bool isOver(const json& purchase) {
    const std::string state = textAt(purchase, "state");
    return state == "settled" || state == "refused";
}

// Until every one of them is settled, or patience ends.
tl::expected<json, Problem> waitForEnd(const Client& client, std::vector<json> stopped) {
    const auto end = std::chrono::steady_clock::now() + stopPatience;
    for (json& purchase : stopped) {
        while (!isOver(purchase) && std::chrono::steady_clock::now() < end) {
            std::this_thread::sleep_for(stopPoll);
            auto answer = client.call("GET", "/v1/purchases/" + textAt(purchase, "id"));
            if (!answer) return tl::unexpected(std::move(answer.error()));
            purchase = std::move(answer->body);
        }
    }
    return json(std::move(stopped));
}

}  // namespace

Exit report(const Problem& problem, Output output) {
    if (output.json) {
        printJson(json{{"error", {{"code", problem.code}, {"message", problem.message}, {"hint", problem.hint}}}});
    } else {
        std::fprintf(stderr, "netpas: %s\n", harmless(problem.message).c_str());
        if (!problem.hint.empty()) std::fprintf(stderr, "  try: %s\n", harmless(problem.hint).c_str());
    }
    return problem.exit;
}

namespace {

// The ISP, what runs and what was spent.
void addStanding(Rows& rows, const json& body) {
    const json isp = at(body, {"isp"});
    if (isp.is_null()) {
        rows.push_back({"ISP", "none yet; next: netpas join https://ADDRESS:PORT/#KEY"});
    } else {
        rows.push_back(
            {"ISP", ispText(json{{"isp", isp["id"]}, {"name", isp["name"]}}) +
                        (isp.value("connected", false) ? ", connected" : ", accounting server not connected")});
    }
    rows.push_back({"purchases", textAt(at(body, {"purchases"}), "active") + " active, " +
                                     textAt(at(body, {"purchases"}), "settling") + " settling"});
    if (const std::string alarm = textAt(body, "alarm"); !alarm.empty()) {
        rows.push_back(
            {"ALARM", alarm + ": somebody else pays with a session key of yours. Spending is paused until you have "
                              "looked after this machine; then: netpas mode ask"});
    }
    rows.push_back({"set aside", dollars(at(body, {"reserved"}))});
    rows.push_back(
        {"spent today", dollars(at(body, {"spent_today"})) + " of " + dollars(at(body, {"limits", "per_day"}))});
    if (textAt(body, "ledger") != "ok")
        rows.push_back({"ledger", "cannot be written: free disk space, then restart netpasd"});
}

}  // namespace

Exit status(const Client& client, Output output) {
    const auto answer = client.call("GET", "/v1/status");
    if (!answer) return report(answer.error(), output);
    json body = answer->body;
    // The agent is told one's own sums, the owner in person everybody's.
    if (const auto inPerson = client.callInPerson("GET", "/v1/status")) {
        const json all = json::parse(inPerson->body, nullptr, false);
        if (all.is_object()) body.update(all);
    }
    if (output.json) return printJson(body), Exit::Ok;
    Rows rows{{"agent", "running, version " + textAt(body, "version")}};
    // Without the ledger the secretary knows neither ISP nor sums.
    if (textAt(body, "ledger") == "locked") {
        rows.push_back({"secretary", "locked, nothing is spent; next: netpas unlock"});
    } else if (body.contains("isp")) {
        addStanding(rows, body);
    } else {
        rows.push_back({"secretary", "cannot read its ledger, nothing is spent; next: netpas doctor"});
    }
    const std::string trouble = textAt(at(body, {"data_plane"}), "trouble");
    rows.push_back({"data plane", trouble.empty() ? "up" : trouble});
    for (const json& edge : at(body, {"data_plane", "unreachable_edges"})) {
        rows.push_back({"edge router", textAt(json{{"edge", edge}}, "edge") + " is unreachable: best effort"});
    }
    print(table(rows));
    return Exit::Ok;
}

namespace {

void printMenus(const json& menus) {
    Rows rows{{"ISP", "CLASS", "PER PACKET OF 1400 B", "OF 64 B", "DESCRIPTION"}};
    for (const json& menu : menus) {
        for (const json& offer : at(menu, {"classes"})) {
            rows.push_back({ispText(menu), textAt(offer, "class") + " " + textAt(offer, "name"),
                            dollars(at(offer, {"price_per_packet", "1400"})),
                            dollars(at(offer, {"price_per_packet", "64"})), textAt(offer, "description")});
        }
        if (const std::string problem = textAt(menu, "problem"); !problem.empty())
            rows.push_back({ispText(menu), "-", "-", "-", problem});
    }
    print(table(rows));
}

}  // namespace

Exit services(const Client& client, Output output, const std::string& to) {
    std::string target = "/v1/services";
    if (!to.empty()) {
        const auto address = addressOf(to);
        if (!address) return report(usage("there is no host " + to, "netpas services --to 192.0.2.10"), output);
        target += "?to=" + net::encodeQueryValue(*address);
    }
    auto answer = [&] {
        const Progress progress("asking the ISPs for their menus");
        return client.call("GET", target);
    }();
    if (!answer) return report(answer.error(), output);
    const json& body = answer->body;
    if (output.json) return printJson(body), Exit::Ok;
    if (to.empty()) {
        printMenus(json::array({body}));
        print("\nnext: netpas services --to ADDRESS\n");
        return Exit::Ok;
    }
    const json paths = at(body, {"paths"});
    if (paths.empty()) {
        print("no paid path to " + to + " is known; it stays best effort\n");
        return Exit::Ok;
    }
    for (size_t i = 0; i < paths.size(); ++i) {
        if (paths.size() > 1) print("path " + std::to_string(i + 1) + ":\n");
        printMenus(paths[i]);
    }
    for (const char* kind : {"cheapest", "best"}) {
        const json way = at(body, {kind});
        if (way.is_null()) continue;
        print(std::string("\n") + kind + ":\n");
        printPath(way);
        printPrices(way);
    }
    print("\nnext: netpas buy --to " + to + " --class cheapest --cap 0.05\n");
    return Exit::Ok;
}

namespace {

// A modem's agent knows this machine by the address that it is asked from; of the other family this machine has to name its own.
void nameOwnAddress(const Client& client, json& order) {
    const auto to = IpAddress::parse(textAt(order, "to"));
    const auto agent = client.remote();
    if (!agent || !to || order.contains("from") || to->isV6() == agent->address.isV6()) return;
    if (const auto own = ownAddressTowards(*to)) order["from"] = own->toString();
}

}  // namespace

Exit buy(const Client& client, Output output, const BuyWish& wish) {
    auto body = bodyOf(wish);
    if (!body) return report(body.error(), output);
    nameOwnAddress(client, *body);
    const auto answer = [&] {
        const Progress progress("buying");
        return client.call("POST", "/v1/purchases", *body, freshKey());
    }();
    if (!answer) return report(answer.error(), output);
    const json& purchase = answer->body;
    const std::string decision = textAt(purchase, "decision");
    if (output.json) return printJson(purchase), decision.empty() ? Exit::Ok : Exit::Pending;
    const std::string id = textAt(purchase, "id");
    if (!decision.empty()) {
        print("purchase " + id + " waits for decision " + decision + "; the flow goes best effort meanwhile\n" +
              "next: netpas pending approve " + decision + "\n");
        return Exit::Pending;
    }
    print("purchase " + id + " is " + textAt(purchase, "state") + ": " + textAt(purchase, "flow") + "\n");
    printPath(purchase);
    printPrices(purchase);
    print("  never more than " + dollars(at(purchase, {"cap"})));
    if (const json seconds = at(purchase, {"duration_s"}); seconds.is_number_integer()) {
        print(", for " + durationText(std::chrono::seconds(seconds.get<int64_t>())));
    }
    print("\nnext: netpas purchases, netpas stop " + id + "\n");
    return Exit::Ok;
}

Exit stop(const Client& client, Output output, const std::vector<std::string>& ids, bool all) {
    std::vector<std::string> wanted = ids;
    if (all) {
        const auto open = client.call("GET", "/v1/purchases");
        if (!open) return report(open.error(), output);
        for (const json& purchase : at(open->body, {"purchases"})) wanted.push_back(textAt(purchase, "id"));
    }
    std::vector<json> stopped;
    for (const std::string& id : wanted) {
        auto answer = client.call("DELETE", "/v1/purchases/" + net::encodeQueryValue(id));
        if (!answer) return report(answer.error(), output);
        stopped.push_back(std::move(answer->body));
    }
    auto ended = [&] {
        const Progress progress("settling");
        return waitForEnd(client, std::move(stopped));
    }();
    if (!ended) return report(ended.error(), output);
    bool pending = false;
    for (const json& purchase : *ended) pending = pending || !isOver(purchase);
    if (output.json) {
        printJson(json{{"purchases", *ended}});
    } else if (ended->empty()) {
        print("nothing is bought\n");
    } else {
        print(table(purchaseRows(*ended)));
        printTroubles(*ended);
        if (pending) print("the ISP's final statement is still missing; next: netpas purchases\n");
    }
    return pending ? Exit::Pending : Exit::Ok;
}

namespace {

Exit onePurchase(const Client& client, Output output, const std::string& id) {
    const auto answer = client.call("GET", "/v1/purchases/" + net::encodeQueryValue(id));
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    print(table(purchaseRows(json::array({answer->body}))));
    printTroubles(json::array({answer->body}));
    printPath(answer->body);
    return Exit::Ok;
}

}  // namespace

Exit purchases(const Client& client, Output output, const std::string& id) {
    if (!id.empty()) return onePurchase(client, output, id);
    const auto answer = client.call("GET", "/v1/purchases");
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    const json list = at(answer->body, {"purchases"});
    if (list.empty()) {
        print("nothing is bought; next: netpas services --to ADDRESS\n");
        return Exit::Ok;
    }
    print(table(purchaseRows(list)));
    printTroubles(list);
    return Exit::Ok;
}

Exit join(const Client& client, Output output, const std::string& url) {
    const auto answer = [&] {
        const Progress progress("joining");
        return client.call("POST", "/v1/join", {{"url", url}});
    }();
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    print("joined ISP " + ispText(answer->body) + " as customer " + textAt(answer->body, "customer") +
          "\nnext: netpas services\n");
    return Exit::Ok;
}

}  // namespace netpas::cli
