// netpas payees: whom the user may pay (NetPaS §4.1.2).
#include <memory>

#include "app/cli/answers.h"
#include "app/cli/files.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/net/http.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

struct Given {
    std::string id;
    std::string file;
    std::string payee;
    std::string domain;
    std::string payeeClass;
    std::vector<std::string> classes;
};

std::string joined(const json& list) {
    std::string text;
    for (const json& entry : list) {
        if (entry.is_string()) text += (text.empty() ? "" : ", ") + harmless(entry.get<std::string>());
    }
    return text.empty() ? "none" : text;
}

std::string dayAt(const json& object, const char* name) { return textAt(object, name).substr(0, 10); }

void showPayee(const json& payee) {
    Rows rows{{"payee", textAt(payee, "payee")},
              {"name", textAt(payee, "name")},
              {"sites", joined(at(payee, {"domains"}))},
              {"states", joined(at(payee, {"states"}))},
              {"issuer", textAt(payee, "issuer")},
              {"valid", dayAt(payee, "not_before") + " to " + dayAt(payee, "not_after")}};
    if (at(payee, {"may_be_paid"}) == json(true)) {
        rows.push_back({"may be paid", "yes, as " + joined(at(payee, {"classes"})) + "; " + textAt(payee, "authority") +
                                           " vouches until " + dayAt(payee, "good_until")});
    } else {
        rows.push_back({"may be paid", "no: " + textAt(at(payee, {"problem"}), "message")});
        rows.push_back({"try", textAt(at(payee, {"problem"}), "hint")});
    }
    print(table(rows));
}

void showAll(const json& body) {
    print("accepted: " + joined(at(body, {"accepted"})) + "\n\n");
    Rows authorities{{"AUTHORITY", "VOUCHES FOR", "UNTIL", "ID"}};
    for (const json& authority : at(body, {"authorities"})) {
        authorities.push_back({textAt(authority, "name"), textAt(authority, "class"), dayAt(authority, "not_after"),
                               textAt(authority, "id")});
    }
    if (authorities.size() == 1) {
        print("you trust no authority yet; next: netpas payees trust CLASS FILE\n");
    } else {
        print(table(authorities));
    }
    Rows payees{{"PAYEE", "NAME", "SITES", "MAY BE PAID"}};
    for (const json& payee : at(body, {"payees"})) {
        const bool may = at(payee, {"may_be_paid"}) == json(true);
        payees.push_back({textAt(payee, "payee"), textAt(payee, "name"), joined(at(payee, {"domains"})),
                          may ? joined(at(payee, {"classes"})) : "no: " + textAt(at(payee, {"problem"}), "message")});
    }
    if (payees.size() > 1) print("\n" + table(payees));
}

template <typename Show>
Exit finish(Output output, const tl::expected<Answer, Problem>& answer, const Show& show) {
    if (!answer) return report(answer.error(), output);
    if (output.json) {
        printJson(answer->body);
    } else {
        show(answer->body);
    }
    return Exit::Ok;
}

// Sends a PEM file with whatever else the request has.
template <typename Show>
Exit sendFile(const Client& client, Output output, const Given& given, const std::string& path, json body,
              const Show& show) {
    const auto pem = readFile(given.file);
    if (!pem) return report(pem.error(), output);
    body["pem"] = *pem;
    auto answer = client.call("POST", path, body);
    if (!answer) answer.error().message = given.file + ": " + answer.error().message;
    return finish(output, answer, show);
}

Exit list(const Client& client, Output output, const Given&) {
    return finish(output, client.call("GET", "/v1/payees"), showAll);
}

Exit show(const Client& client, Output output, const Given& given) {
    return finish(output, client.call("GET", "/v1/payees/" + net::encodeQueryValue(given.id)), showPayee);
}

Exit verify(const Client& client, Output output, const Given& given) {
    json body = json::object();
    if (!given.payee.empty()) body["payee"] = given.payee;
    if (!given.domain.empty()) body["domain"] = given.domain;
    return sendFile(client, output, given, "/v1/payees/verify", body, showPayee);
}

Exit add(const Client& client, Output output, const Given& given) {
    return sendFile(client, output, given, "/v1/payees", json::object(), showPayee);
}

Exit remove(const Client& client, Output output, const Given& given) {
    return finish(output, client.call("DELETE", "/v1/payees/" + net::encodeQueryValue(given.id)),
                  [](const json&) { print("removed\n"); });
}

Exit accept(const Client& client, Output output, const Given& given) {
    const bool none = given.classes == std::vector<std::string>{"none"};
    const json body{{"classes", none ? json::array() : json(given.classes)}};
    return finish(output, client.call("PUT", "/v1/payees/accepted", body), [](const json& answer) {
        print("accepted from now on: " + joined(at(answer, {"accepted"})) + "\n");
    });
}

Exit trust(const Client& client, Output output, const Given& given) {
    return sendFile(
        client, output, given, "/v1/payees/authorities", {{"class", given.payeeClass}}, [](const json& authority) {
            print(textAt(authority, "name") + " now vouches for " + textAt(authority, "class") +
                  " payees\nSHA-256 of its certificate: " + textAt(authority, "fingerprint") +
                  "\ncompare it with what the authority publishes; to take it back: netpas payees distrust " +
                  textAt(authority, "id") + "\n");
        });
}

Exit distrust(const Client& client, Output output, const Given& given) {
    return finish(output, client.call("DELETE", "/v1/payees/authorities/" + net::encodeQueryValue(given.id)),
                  [](const json&) { print("no longer trusted\n"); });
}

Exit revocations(const Client& client, Output output, const Given& given) {
    return sendFile(client, output, given, "/v1/payees/revocations", json::object(), [](const json& list) {
        print(textAt(list, "authority") + " has revoked " + textAt(list, "revoked") + "\n");
    });
}

}  // namespace

void addPayeeVerbs(CLI::App& app, Action& chosen) {
    const auto given = std::make_shared<Given>();
    CLI::App* const payees = app.add_subcommand("payees", "whom you may pay: certificates, authorities, classes");
    payees->require_subcommand(1);
    const auto verb = [&](const char* name, const char* help, auto run) {
        return addVerb(*payees, chosen, name, help,
                       [given, run](const Client& client, Output output) { return run(client, output, *given); });
    };
    const auto withFile = [&](CLI::App* one, const char* help) {
        one->add_option("file", given->file, help)->required();
        return one;
    };
    const auto withId = [&](CLI::App* one, const char* help) {
        one->add_option("id", given->id, help)->required();
        return one;
    };
    verb("list", "accepted classes, trusted authorities, known payees", list);
    withId(verb("show", "one payee", show), "the payee's identifier");
    CLI::App* const check = withFile(verb("verify", "check a certificate without keeping it", verify), "PEM file");
    check->add_option("--payee", given->payee, "the payee that it should belong to");
    check->add_option("--domain", given->domain, "the site that it should be for");
    withFile(verb("add", "check and keep a payee's certificate", add), "PEM file, the authorities' below it");
    withId(verb("rm", "forget a payee's certificate", remove), "the payee's identifier");
    verb("accept", "which classes of payees you accept", accept)
        ->add_option("class", given->classes, "few-complaints, accountable, regulated; or none")
        ->required();
    CLI::App* const trusted = verb("trust", "let an authority vouch for a class of payees", trust);
    trusted->add_option("class", given->payeeClass, "few-complaints, accountable or regulated")->required();
    withFile(trusted, "the authority's certificate, PEM");
    withId(verb("distrust", "take that back", distrust), "the authority's id, from netpas payees list");
    withFile(verb("revocations", "take an authority's list of revoked certificates (CRL)", revocations), "PEM file");
}

}  // namespace netpas::cli
