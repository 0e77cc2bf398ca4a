// netpas token: access tokens for programs that reach the agent over a loopback port or through the CAMARA API.
#include <memory>

#include "app/cli/answers.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/net/http.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

struct Wish {
    std::string client, role = "read";
    std::vector<std::string> scopes;
    bool device = false;
    std::string lifetime = "1d";
};

Exit add(const Client& client, Output output, const Wish& wish) {
    const auto lifetime = parseDuration(wish.lifetime);
    json body{{"client", wish.client},
              {"role", wish.role},
              {"device", wish.device},
              {"lifetime_s", lifetime ? lifetime->count() : 0}};
    if (!wish.scopes.empty()) body["scopes"] = wish.scopes;
    const auto answer = client.call("POST", "/v1/tokens", body);
    if (!answer) return report(answer.error(), output);
    if (output.json) {
        printJson(answer->body);
    } else {
        print(textAt(answer->body, "token") + "\n");
        print("shown once; it holds until " + textAt(answer->body, "expires") + "; netpas token remove " +
              textAt(answer->body, "id") + " ends it\n");
    }
    return Exit::Ok;
}

Exit list(const Client& client, Output output) {
    const auto answer = client.call("GET", "/v1/tokens");
    if (!answer) return report(answer.error(), output);
    if (output.json) {
        printJson(answer->body);
        return Exit::Ok;
    }
    Rows rows{{"ID", "CLIENT", "ROLE", "DEVICE", "UNTIL"}};
    for (const json& one : at(answer->body, {"tokens"})) {
        rows.push_back({textAt(one, "id"), textAt(one, "client"), textAt(one, "role"),
                        one.value("device", false) ? "this machine" : "-", textAt(one, "expires")});
    }
    print(rows.size() == 1 ? "no tokens\n" : table(rows));
    return Exit::Ok;
}

Exit remove(const Client& client, Output output, const std::string& id) {
    const auto answer = client.call("DELETE", "/v1/tokens/" + netpas::net::encodeQueryValue(id));
    if (!answer) return report(answer.error(), output);
    if (output.json) {
        printJson(answer->body);
    } else {
        print("the token holds no more\n");
    }
    return Exit::Ok;
}

}  // namespace

void addTokenVerbs(CLI::App& app, Action& chosen) {
    CLI::App* const token = app.add_subcommand("token", "access tokens for programs that cannot use the Unix socket");
    token->require_subcommand(1);
    const auto wish = std::make_shared<Wish>();
    CLI::App* const adding =
        addVerb(*token, chosen, "add", "make one; it is shown once",
                [wish](const Client& client, Output output) { return add(client, output, *wish); });
    adding->add_option("client", wish->client, "name of the program that gets it")->required();
    adding->add_option("--role", wish->role, "what its holder may")
        ->check(CLI::IsMember({"read", "request"}))
        ->capture_default_str();
    adding->add_option("--scope", wish->scopes, "of the CAMARA API, instead of all that the role has; may stand again");
    adding->add_flag("--device", wish->device, "it identifies this machine, so that requests name no device");
    adding->add_option("--for", wish->lifetime, "how long it holds: 90s, 10m, 2h, 1d")
        ->check([](const std::string& text) {
            return parseDuration(text) ? std::string{} : "not a time such as 2h: " + text;
        })
        ->capture_default_str();
    addVerb(*token, chosen, "list", "those that hold",
            [](const Client& client, Output output) { return list(client, output); });
    const auto id = std::make_shared<std::string>();
    CLI::App* const removing = addVerb(*token, chosen, "remove", "end one", [id](const Client& client, Output output) {
        return remove(client, output, *id);
    });
    removing->add_option("id", *id, "from the list")->required();
}

}  // namespace netpas::cli
