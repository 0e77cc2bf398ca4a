// netpas-browser-host: between the browser's extension and the agent. The browser starts one for each film that has stalled, and says whose extension asks.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "app/browser/desk.h"
#include "app/browser/origins.h"
#include "app/cli/streams.h"
#include "core/crypto/hex.h"
#include "core/net/http_client.h"
#include "core/random.h"

namespace {

using namespace netpas;
using browser::Failure;
using nlohmann::json;

constexpr std::chrono::milliseconds answerTimeout{65'000};

std::string freshKey() {
    std::array<uint8_t, 16> bytes{};
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(systemRandom().below(256));
    return toHex(bytes);
}

// Always through the agent: whoever sits there, a browser is an application.
tl::expected<json, Failure> askAgent(const std::string& method, const std::string& target, const json& body) {
    const char* const given = std::getenv("NETPAS_SOCKET");
    const net::UnixTarget agent{given != nullptr ? given : "/run/netpas/netpasd.sock"};
    net::HttpCall call;
    call.method = method;
    call.target = target;
    call.timeout = answerTimeout;
    if (!body.is_null()) {
        call.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
        call.headers = {{"Content-Type", "application/json"}, {"Idempotency-Key", freshKey()}};
    }
    auto answer = net::httpCall(agent, call);
    // With its key it is not done twice.
    if (!answer && answer.error() == net::NetError::Closed) answer = net::httpCall(agent, call);
    if (!answer && answer.error() == net::NetError::CannotConnect)
        return tl::unexpected(Failure{"NOT_RUNNING", "netpasd is not running, or you are not in the group netpas"});
    if (!answer) return tl::unexpected(Failure{"AGENT_SILENT", "netpasd did not answer"});
    json parsed = json::parse(answer->body, nullptr, false);
    if (!parsed.is_object()) return tl::unexpected(Failure{"BAD_ANSWER", "netpasd's answer is not JSON"});
    constexpr unsigned firstBad = 400;
    if (answer->status < firstBad) return parsed;
    const auto text = [&](const char* name) { return parsed[name].is_string() ? parsed[name].get<std::string>() : ""; };
    return tl::unexpected(Failure{text("code"), text("message")});
}

}  // namespace

int main(int argc, char** argv) {
    if (!browser::isOurs({argv + 1, argv + argc})) {
        std::fputs(
            "netpas-browser-host: browsers start it for the NetPaS extension, not people; see "
            "resources/players/README.md\n",
            stderr);
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    const pid_t parent = ::getppid();
    browser::Desk desk(askAgent, [parent](const browser::QuoteWish& wish) {
        const auto addresses = wish.address ? std::vector{*wish.address} : cli::addressesOf(wish.host);
        return browser::flowOf(parent, addresses, wish.port);
    });
    while (const auto text = browser::readMessage(STDIN_FILENO)) {
        const auto request = browser::requestFrom(*text);
        // Our own extension does not talk like that.
        if (!request) return std::fprintf(stderr, "netpas-browser-host: %s\n", request.error().message.c_str()), 1;
        if (!browser::writeMessage(STDOUT_FILENO, desk.answer(*request))) break;
    }
    return 0;
}
