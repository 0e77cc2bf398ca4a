// `netpas-isp account`: frozen accounts, complaints about payees, the blacklist (NetPaS §4.1.4, §4.1.5).
#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "app/isp/server_commands.h"
#include "core/net/http_client.h"

namespace netpas::isp {

namespace {

using nlohmann::json;

struct Given {
    std::string socket;
    std::string name;  // of the account, or a payment's id
    std::string reason;
    std::vector<uint16_t> isps;
    bool asJson = false;
};

int tell(const char* text) {
    std::fprintf(stderr, "netpas-isp account: %s\n", text);
    return 1;
}

// The answer's body; `code` is the exit code without one.
std::optional<std::string> ask(const Given& given, const std::string& method, const std::string& target,
                               const std::string& body, int& code) {
    net::HttpCall call;
    call.method = method;
    call.target = target;
    call.body = body;
    call.maxBody = size_t{64} << 20;
    const auto answer = net::httpCall(net::UnixTarget{given.socket}, call);
    if (!answer) {
        code = 3;
        std::fprintf(stderr,
                     "netpas-isp account: %s: %s; is the accounting server running, and is this its admin_socket?\n",
                     given.socket.c_str(), std::string(net::describe(answer.error())).c_str());
        return std::nullopt;
    }
    code = 0;
    if (answer->status < 300) return answer->body;
    code = 1;
    const json said = json::parse(answer->body, nullptr, false);
    const auto text = [&](const char* key) {
        return said.is_object() && said.contains(key) && said.at(key).is_string() ? said.at(key).get<std::string>()
                                                                                  : std::string();
    };
    (void)tell((text("message") + (text("hint").empty() ? "" : "; ") + text("hint")).c_str());
    return std::nullopt;
}

int list(const Given& given) {
    int code = 0;
    const auto body = ask(given, "GET", "/v1/blocks", "", code);
    if (!body) return code;
    const json blocks = json::parse(*body, nullptr, false);
    if (!blocks.is_object()) return tell("the accounting server's answer is not understood");
    if (given.asJson) return std::printf("%s\n", blocks.dump(1).c_str()) > 0 ? 0 : 1;
    for (const json& one : blocks.at("frozen"))
        std::printf("frozen: %s, $%s are held: %s\n", one.at("customer").get<std::string>().c_str(),
                    one.at("held").get<std::string>().c_str(), one.at("reason").get<std::string>().c_str());
    for (const json& one : blocks.at("blacklist"))
        std::printf("blacklisted: ISP %s: %s\n", one.at("isp").dump().c_str(),
                    one.at("reason").get<std::string>().c_str());
    for (const json& one : blocks.at("complaints"))
        std::printf("complaint about %s by ISP %s: %s\n", one.at("customer").get<std::string>().c_str(),
                    one.at("by").dump().c_str(), one.at("reason").get<std::string>().c_str());
    for (const json& one : blocks.at("complaints_waiting"))
        std::printf("complaint about payment %s waits for %s\n", one.at("payment").get<std::string>().c_str(),
                    one.at("to").get<std::string>().c_str());
    return 0;
}

int freeze(const Given& given, const char* verb) {
    int code = 0;
    const json body = given.reason.empty() ? json::object() : json{{"reason", given.reason}};
    (void)ask(given, "POST", "/v1/accounts/" + given.name + "/" + verb, body.dump(), code);
    return code;
}

int complain(const Given& given) {
    int code = 0;
    (void)ask(given, "POST", "/v1/complaints", json{{"payment", given.name}, {"reason", given.reason}}.dump(), code);
    return code;
}

int blacklist(const Given& given) {
    int code = 0;
    (void)ask(given, "POST", "/v1/blacklist", json{{"isps", given.isps}}.dump(), code);
    return code;
}

}  // namespace

int runAccount(const std::vector<std::string>& arguments) {
    CLI::App app("Frozen accounts, complaints about payees, and the blacklist", "netpas-isp account");
    app.require_subcommand(1);
    Given given;
    const auto verb = [&](const char* name, const char* what) {
        CLI::App* const made = app.add_subcommand(name, what);
        made->add_option("--socket", given.socket, "the server's admin socket")->required();
        return made;
    };
    CLI::App* const show = verb("list", "what is frozen, blacklisted and complained about");
    show->add_flag("--json", given.asJson, "one JSON object");
    CLI::App* const stop = verb("freeze", "neither pays nor is paid until it is unfrozen; what is owed to it is held");
    stop->add_option("NAME", given.name, "the customer")->required();
    stop->add_option("--reason", given.reason, "for the books");
    CLI::App* const release = verb("unfreeze", "when it was looked into; its complaints do not count any more");
    release->add_option("NAME", given.name, "the customer")->required();
    CLI::App* const accuse = verb("complain", "tell the payee's ISP that a customer did not want a payment");
    accuse->add_option("PAYMENT", given.name, "32 hexadecimal digits")->required();
    accuse->add_option("--reason", given.reason, "for the payee's ISP")->required();
    CLI::App* const refuse = verb("blacklist", "packets for these ISPs are refused; replaces the list");
    refuse->add_option("ISP", given.isps, "none: nobody");
    try {
        app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (*show) return list(given);
    if (*stop) return freeze(given, "freeze");
    if (*release) return freeze(given, "unfreeze");
    if (*accuse) return complain(given);
    return blacklist(given);
}

}  // namespace netpas::isp
