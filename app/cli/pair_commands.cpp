// netpas pair: devices behind a modem and the modem's agent get to know each other.
#include <chrono>
#include <memory>
#include <thread>

#include "app/cli/answers.h"
#include "app/cli/remote_agent.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/crypto/identity.h"
#include "core/net/http.h"
#include "core/pairing.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds pollEvery{500};

struct PairGiven {
    std::string url;
    std::string device;
    std::string agent = "home";
    std::string code;
    std::string may;
    bool noWait = false;
};
using Shared = std::shared_ptr<PairGiven>;

Exit unusable(const std::string& what, const std::string& hint, Output output) {
    return report({Exit::Usage, "INVALID_ARGUMENT", what, hint}, output);
}

// Until a person has confirmed, refused by silence, or somebody else took the name.
tl::expected<std::string, Problem> waitForPerson(const Client& client) {
    const auto end = std::chrono::steady_clock::now() + pairingLifetime;
    while (std::chrono::steady_clock::now() < end) {
        const auto answer = client.call("GET", "/v1/pairing");
        if (!answer) return tl::unexpected(answer.error());
        std::string state = textAt(answer->body, "state");
        if (state != "waiting") return state;
        std::this_thread::sleep_for(pollEvery);
    }
    return "unknown";
}

Exit request(Output output, const PairGiven& given) {
    if (!initCrypto()) return report({Exit::Failed, "LOCAL_FAILURE", "cryptography cannot start", ""}, output);
    if (!remoteFromUrl(given.url)) {
        return unusable("not an address of an agent: " + given.url,
                        "on the modem: netpas pair list shows its https://ADDRESS:PORT/#KEY", output);
    }
    if (!isDeviceName(given.device)) {
        return unusable("a device's name is lower-case letters, digits and '-', at most 32, a letter first",
                        "--name alice", output);
    }
    const auto remote = storeRemote(given.agent, given.url, given.device);
    if (!remote)
        return report({Exit::Failed, "LOCAL_FAILURE", remote.error(), "ls -l " + configFolder().string()}, output);
    const Client client(*remote);
    const auto asked = client.call("POST", "/v1/pairing", {{"name", given.device}});
    if (!asked) return report(asked.error(), output);
    // Computed here, from the keys that this end knows: what the other end says is not to be believed yet.
    const std::string code = pairingCode(remote->key, remote->identity->publicKey(), given.device);
    if (given.noWait && output.json) {
        return printJson({{"state", "waiting"}, {"name", given.device}, {"agent", given.agent}, {"code", code}}),
               Exit::Ok;
    }
    if (!output.json) {
        print("code: " + code +
              "\non the modem: netpas pair list, and if it shows the same code: netpas pair confirm " + code + "\n");
    }
    if (given.noWait) return Exit::Ok;
    const auto state = waitForPerson(client);
    if (!state) return report(state.error(), output);
    if (*state != "paired") {
        return report({Exit::Denied, "EXPIRED", "nobody confirmed the code in time", "netpas pair request again"},
                      output);
    }
    if (output.json) {
        printJson({{"state", "paired"}, {"name", given.device}, {"agent", given.agent}, {"code", code}});
    } else {
        print("paired\nnext: netpas --agent " + given.agent + " status\n");
    }
    return Exit::Ok;
}

// The secretary knows who is paired, the agent where its door is.
Exit list(const Client& client, Output output) {
    const auto answer = client.call("GET", "/v1/household");
    if (!answer) return report(answer.error(), output);
    json all = answer->body;
    const auto door = client.call("GET", "/v1/door");
    all["url"] = door ? at(door->body, {"url"}) : json(nullptr);
    all["refused"] = door ? at(door->body, {"refused"}) : json(nullptr);
    if (output.json) return printJson(all), Exit::Ok;
    if (door) {
        print("devices pair with: netpas pair request '" + textAt(all, "url") + "' --name NAME\n");
    } else {
        print("devices cannot reach this agent: it runs without --listen-tls\n");
    }
    Rows rows{{"NAME", "CODE", "ADDRESS", "NETWORK CARD", "MAY", ""}};
    for (const json& device : at(all, {"devices"})) {
        rows.push_back({textAt(device, "name"), "", "", textAt(device, "link"), textAt(device, "may"), "paired"});
    }
    for (const json& waiting : at(all, {"pending"})) {
        rows.push_back({textAt(waiting, "name"), textAt(waiting, "code"), textAt(waiting, "address"),
                        textAt(waiting, "link"), "", "waits for: netpas pair confirm CODE"});
    }
    if (rows.size() > 1) print(table(rows));
    return Exit::Ok;
}

Exit confirm(const Client& client, Output output, const std::string& code) {
    const auto answer = client.call("POST", "/v1/household/confirm", {{"code", code}});
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    print(textAt(answer->body, "name") + " is paired; budgets and rules may name it\nnext: netpas budget set node:" +
          textAt(answer->body, "name") + " 0.05 --per day\n");
    return Exit::Ok;
}

Exit allow(const Client& client, Output output, const std::string& name, const std::string& may) {
    const auto answer = client.call("PUT", "/v1/household/" + net::encodeQueryValue(name), {{"may", may}});
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    print(name + (may == "buy"    ? " may buy\n"
                  : may == "roam" ? " may buy, and have itself paid for away from home\n"
                  : may == "read" ? " may only read\n"
                                  : " may do nothing\n"));
    return Exit::Ok;
}

Exit remove(const Client& client, Output output, const std::string& name) {
    const auto answer = client.call("DELETE", "/v1/household/" + net::encodeQueryValue(name));
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    print(name + " is not paired any more, and what it bought ends\n");
    return Exit::Ok;
}

}  // namespace

void addPairVerbs(CLI::App& app, Action& chosen) {
    const auto given = std::make_shared<PairGiven>();
    CLI::App* const pair = app.add_subcommand("pair", "devices behind a modem, and the modem's agent");
    pair->require_subcommand(1);
    CLI::App* const ask = addVerb(*pair, chosen, "request", "on a device: ask the modem's agent to be paired",
                                  [given](const Client&, Output output) { return request(output, *given); });
    ask->add_option("url", given->url, "https://ADDRESS:PORT/#KEY, from netpas pair list on the modem")->required();
    ask->add_option("--name", given->device, "what the modem shall call this device")->required();
    ask->add_option("--as", given->agent, "what to call the modem here, for netpas --agent")->capture_default_str();
    ask->add_flag("--no-wait", given->noWait, "do not wait until somebody has confirmed");
    addVerb(*pair, chosen, "list", "on the modem: paired devices, and those that ask",
            [](const Client& client, Output output) { return list(client, output); });
    CLI::App* const yes =
        addVerb(*pair, chosen, "confirm", "on the modem: pair the device that shows this code",
                [given](const Client& client, Output output) { return confirm(client, output, given->code); });
    yes->add_option("code", given->code, "as the device shows it")->required();
    CLI::App* const limit =
        addVerb(*pair, chosen, "allow", "on the modem: what a paired device may do",
                [given](const Client& c, Output output) { return allow(c, output, given->device, given->may); });
    limit->add_option("name", given->device, "from netpas pair list")->required();
    limit->add_option("may", given->may, "buy, roam (also away from home), read (then what it bought ends) or nothing")
        ->required()
        ->check(CLI::IsMember({"buy", "roam", "read", "nothing"}));
    CLI::App* const away =
        addVerb(*pair, chosen, "remove", "on the modem: a device is not paired any more",
                [given](const Client& client, Output output) { return remove(client, output, given->device); });
    away->add_option("name", given->device, "from netpas pair list")->required();
}

}  // namespace netpas::cli
