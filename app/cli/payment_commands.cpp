// netpas pay, payments, receive, received: micropayments.
#include <unistd.h>

#include <array>
#include <memory>
#include <utility>

#include "app/cli/answers.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/crypto/hex.h"
#include "core/net/http.h"
#include "core/random.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

struct Given {
    std::string payee, amount, description, maxFees, key, payeeKey, lifetime, purpose;
    std::vector<std::string> via;
    uint16_t isp = 0;
    std::string id;
    bool cancel = false;
    uint32_t limit = 100;
    std::string onOff;
};
using Shared = std::shared_ptr<Given>;

std::string freshKey() {
    std::array<uint8_t, 16> bytes{};
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(systemRandom().below(256));
    return toHex(bytes);
}

// "25=0.0000005"
tl::expected<json, Problem> feesOf(const std::vector<std::string>& via) {
    json fees = json::array();
    for (const std::string& one : via) {
        const size_t equals = one.find('=');
        const std::string isp = one.substr(0, equals);
        const bool digits = !isp.empty() && isp.size() <= 5 && isp.find_first_not_of("0123456789") == std::string::npos;
        if (equals == std::string::npos || !digits || equals + 1 == one.size()) {
            return tl::unexpected(usage("not ISP=FEE: " + one, "for example --via 25=0.0000005,24=0.000002"));
        }
        fees.push_back({{"isp", std::stoul(isp)}, {"amount", one.substr(equals + 1)}});
    }
    return fees;
}

tl::expected<json, Problem> bodyOf(const Given& given) {
    json body{{"payee", given.payee}, {"amount", given.amount}};
    if (::isatty(STDIN_FILENO) == 1) body["attended"] = true;
    const std::pair<const char*, const std::string*> texts[] = {{"description", &given.description},
                                                                {"max_fees", &given.maxFees},
                                                                {"payee_key", &given.payeeKey},
                                                                {"purpose", &given.purpose}};
    for (const auto& [name, text] : texts) {
        if (!text->empty()) body[name] = *text;
    }
    if (given.isp != 0) body["isp"] = given.isp;
    if (!given.via.empty()) {
        auto fees = feesOf(given.via);
        if (!fees) return tl::unexpected(fees.error());
        body["fees"] = std::move(*fees);
    }
    if (given.lifetime.empty()) return body;
    const auto lifetime = parseDuration(given.lifetime);
    if (!lifetime) return tl::unexpected(usage("not a duration: " + given.lifetime, "--lifetime 10s; at most a day"));
    body["lifetime_s"] = lifetime->count();
    return body;
}

Exit exitOf(const json& payment) {
    const std::string state = textAt(payment, "state");
    if (state == "posted") return Exit::Ok;
    return state == "sent" || state == "pending" || state == "deciding" ? Exit::Pending : Exit::Failed;
}

// Who on the way said no, why, and what would pass.
std::string refusalText(const json& payment) {
    const json refusal = at(payment, {"refusal"});
    if (refusal.is_null()) return textAt(payment, "note");
    std::string text = "ISP " + textAt(refusal, "isp") + ": " + textAt(refusal, "message");
    if (!at(refusal, {"limit"}).is_null()) text += "; " + dollars(at(refusal, {"limit"})) + " would pass";
    if (const std::string remedy = textAt(refusal, "remedy"); !remedy.empty()) text += " (" + remedy + ")";
    return text;
}

void printOne(const json& payment) {
    const std::string state = textAt(payment, "state");
    print("payment " + textAt(payment, "id") + " of " + dollars(at(payment, {"amount"})) + " is " + state + "\n");
    if (state == "posted") {
        print("  charged " + dollars(at(payment, {"charged"})) + ", fees included");
        print(payment.value("disputed", false) ? "; DISPUTED: " + textAt(payment, "note") + "\n" : "\n");
        return;
    }
    if (const std::string why = refusalText(payment); !why.empty()) print("  " + why + "\n");
    if (const std::string trouble = textAt(payment, "trouble"); !trouble.empty()) print("  " + trouble + "\n");
    if (!at(payment, {"decision"}).is_null()) {
        print("  it waits for an answer; next: netpas review " + textAt(payment, "decision") + "\n");
    } else if (exitOf(payment) == Exit::Pending) {
        print("  next: netpas payments " + textAt(payment, "id") + "\n");
    } else {
        print("  nothing is owed\n");
    }
}

Exit pay(const Client& client, Output output, const Given& given) {
    const auto body = bodyOf(given);
    if (!body) return report(body.error(), output);
    const auto answer = [&] {
        const Progress progress("paying");
        return client.call("POST", "/v1/payments", *body, given.key.empty() ? freshKey() : given.key);
    }();
    if (!answer) return report(answer.error(), output);
    if (output.json) {
        printJson(answer->body);
    } else {
        printOne(answer->body);
    }
    return exitOf(answer->body);
}

Exit payments(const Client& client, Output output, const Given& given) {
    if (given.id.empty() && given.cancel) {
        return report(usage("--cancel needs the number of a payment", "netpas payments"), output);
    }
    const std::string target = given.id.empty() ? "/v1/payments?limit=" + std::to_string(given.limit)
                                                : "/v1/payments/" + net::encodeQueryValue(given.id);
    const auto answer = client.call(given.cancel ? "DELETE" : "GET", target);
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    if (!given.id.empty()) return printOne(answer->body), Exit::Ok;
    Rows rows{{"ID", "REQUESTED", "STATE", "AMOUNT", "CHARGED", "TO", "DESCRIPTION"}};
    for (const json& one : at(answer->body, {"payments"})) {
        const std::string contact = textAt(one, "contact");
        rows.push_back({textAt(one, "id"), textAt(one, "requested_at").substr(0, 19), textAt(one, "state"),
                        dollars(at(one, {"amount"})), dollars(at(one, {"charged"})),
                        contact.empty() ? textAt(one, "payee").substr(0, 16) + "…" : contact,
                        textAt(one, "description")});
    }
    print(rows.size() > 1 ? table(rows) : "nothing was paid to anybody yet; next: netpas pay PAYEE --amount 0.0001\n");
    return Exit::Ok;
}

Exit receive(const Client& client, Output output, const Given& given) {
    const auto answer = given.onOff.empty() ? client.call("GET", "/v1/receiving")
                                            : client.call("PUT", "/v1/receiving", {{"on", given.onOff == "on"}});
    if (!answer) return report(answer.error(), output);
    const json& body = answer->body;
    const bool on = body.value("on", false), accepted = body.value("accepted", false);
    const Exit exit = given.onOff == "on" && !accepted ? Exit::Pending : Exit::Ok;
    if (output.json) return printJson(body), exit;
    print("payee " + textAt(body, "payee") + "\n");
    std::string state = on ? accepted ? "receives payments" : "receives nothing yet" : "receives no payments";
    if (const std::string trouble = textAt(body, "trouble"); on && !trouble.empty()) state += ": " + trouble;
    print(state + "\n");
    if (!on) print("next: netpas receive on\n");
    return exit;
}

Exit received(const Client& client, Output output, const Given& given) {
    const auto answer = client.call("GET", "/v1/received?limit=" + std::to_string(given.limit));
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    Rows rows{{"NUMBER", "RECEIVED", "STATE", "AMOUNT", "PAYMENT"}};
    for (const json& one : at(answer->body, {"received"})) {
        rows.push_back({textAt(one, "number"), textAt(one, "received_at").substr(0, 19), textAt(one, "state"),
                        dollars(at(one, {"amount"})), textAt(one, "payment")});
    }
    rows.push_back({"all", "", "posted", dollars(at(answer->body, {"sum"})), ""});
    print(rows.size() > 2 ? table(rows) : "nothing was received yet; next: netpas receive on\n");
    return Exit::Ok;
}

}  // namespace

void addPaymentVerbs(CLI::App& app, Action& chosen) {
    const auto given = std::make_shared<Given>();
    CLI::App* const payVerb = addVerb(app, chosen, "pay", "a micropayment to another endpoint",
                                      [given](const Client& c, Output o) { return pay(c, o, *given); });
    payVerb->add_option("payee", given->payee, "the payee's identifier, or the name of a contact")->required();
    payVerb->add_option("--amount", given->amount, "so many dollars")->required();
    payVerb->add_option("--description", given->description, "what for; stays with the two endpoints");
    payVerb->add_option("--to-isp", given->isp, "the payee's ISP; left out: your own")->check(CLI::Range(1, 65535));
    payVerb->add_option("--max-fees", given->maxFees, "never more than so many dollars to the ISPs on the way");
    payVerb->add_option("--via", given->via, "a way and fees of your own choice: 25=0.0000005,24=0.000002")
        ->delimiter(',');
    payVerb->add_option("--id", given->key, "the same request again under this word pays nothing again");
    payVerb->add_option("--payee-key", given->payeeKey, "the payee's public key");
    payVerb->add_option("--lifetime", given->lifetime, "to be confirmed within this time: 10s");
    payVerb->add_option("--purpose", given->purpose, "for rules and budgets: article, comic, …");
    CLI::App* const list = addVerb(app, chosen, "payments", "the payments made, newest first",
                                   [given](const Client& c, Output o) { return payments(c, o, *given); });
    list->add_option("id", given->id, "this one only");
    list->add_flag("--cancel", given->cancel, "give it up, if it has not been sent yet");
    list->add_option("--limit", given->limit, "at most so many")->check(CLI::Range(1, 10000))->capture_default_str();
    CLI::App* const receiveVerb = addVerb(app, chosen, "receive", "take payments, or do not; the own identifier",
                                          [given](const Client& c, Output o) { return receive(c, o, *given); });
    receiveVerb->add_option("state", given->onOff, "on or off; left out: what it is")
        ->check(CLI::IsMember({"on", "off"}));
    CLI::App* const receivedVerb = addVerb(app, chosen, "received", "the payments received, newest first",
                                           [given](const Client& c, Output o) { return received(c, o, *given); });
    receivedVerb->add_option("--limit", given->limit, "at most so many")
        ->check(CLI::Range(1, 10000))
        ->capture_default_str();
}

}  // namespace netpas::cli
