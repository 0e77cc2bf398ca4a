#include "app/cli/client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

namespace netpas::cli {

using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds answerTimeout{65'000};
constexpr size_t maxAnswer = size_t{64} << 20;

Exit exitFor(unsigned status, const std::string& code) {
    if (code == "QUOTA_EXCEEDED" || status == 402) return Exit::OverBudget;
    if (code == "INVALID_ARGUMENT") return Exit::Usage;
    if (status == 401 || status == 403 || code == "LOCKED") return Exit::Denied;
    return Exit::Failed;
}

Problem unreachable(const std::filesystem::path& socket, net::NetError error) {
    if (error != net::NetError::CannotConnect) {
        return {Exit::Failed, "AGENT_SILENT", "netpasd did not answer: " + std::string(describe(error)),
                "journalctl -u netpasd"};
    }
    // Tell "not running" from "not allowed", because the remedies differ.
    if (::access(socket.c_str(), F_OK) == 0 && ::access(socket.c_str(), R_OK | W_OK) != 0 && errno == EACCES) {
        return {Exit::Denied, "UNAUTHORIZED", "you may not use " + socket.string(),
                "sudo adduser \"$USER\" netpas, then log in again"};
    }
    return {Exit::NotRunning, "NOT_RUNNING", "netpasd is not running (nobody listens on " + socket.string() + ")",
            "sudo systemctl start netpasd"};
}

Problem unreachable(const RemoteAgent& agent, net::NetError error) {
    if (error == net::NetError::CannotConnect || error == net::NetError::TimedOut) {
        return {Exit::NotRunning, "NOT_RUNNING", "the agent at " + agent.at.toString() + " does not answer",
                "is this machine in its network? on it: systemctl status netpasd"};
    }
    if (error == net::NetError::Refused) {
        return {Exit::Denied, "UNTRUSTED",
                "who answers at " + agent.at.toString() + " is not the agent that this machine was paired with",
                "on the modem netpas pair list shows its address; then netpas pair request again"};
    }
    return {Exit::Failed, "AGENT_SILENT", "the agent at " + agent.at.toString() + ": " + std::string(describe(error)),
            "try again"};
}

std::string textOf(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

Problem refusalIn(unsigned status, const json& body) {
    if (!body.is_object()) {
        return {exitFor(status, {}), "BAD_ANSWER", "netpasd's answer is not understood",
                "is netpasd of the same version?"};
    }
    const std::string code = textOf(body, "code");
    return {exitFor(status, code), code, textOf(body, "message"), textOf(body, "hint")};
}

net::HttpCall rawCall(const std::string& method, const std::string& target, const std::string& body) {
    net::HttpCall call;
    call.method = method;
    call.target = target;
    call.timeout = answerTimeout;
    call.maxBody = maxAnswer;
    call.body = body;
    return call;
}

}  // namespace

const std::filesystem::path& Client::socketFor(std::string_view target) const {
    for (const std::string_view ofAgent : {"/v1/status", "/v1/services", "/v1/quotes", "/v1/directory", "/v1/door",
                                           "/v1/pairing", "/v1/measurements", "/v1/routes", "/v1/tokens"}) {
        if (target.starts_with(ofAgent)) return m_socket;
    }
    const bool inPerson = !m_asApplication && ::access(m_secretary.c_str(), R_OK | W_OK) == 0;
    return inPerson ? m_secretary : m_socket;
}

net::HttpTarget Client::targetFor(std::string_view target) const {
    if (m_remote) return net::TlsTarget{m_remote->at, m_remote->key, m_remote->identity.get()};
    return net::UnixTarget{socketFor(target)};
}

Problem Client::problemFor(std::string_view target, net::NetError error) const {
    return m_remote ? unreachable(*m_remote, error) : unreachable(socketFor(target), error);
}

std::optional<std::filesystem::path> Client::localSocket(std::string_view target) const {
    return m_remote ? std::nullopt : std::optional(socketFor(target));
}

Problem Client::refusalOf(const net::HttpResponse& answer) {
    return refusalIn(answer.status, json::parse(answer.body, nullptr, false));
}

tl::expected<std::string, Problem> encode(const json& body) {
    try {
        return body.dump();
    } catch (const json::type_error&) {
        return tl::unexpected(Problem{Exit::Usage, "INVALID_ARGUMENT", "a text is not UTF-8",
                                      "write it in UTF-8; a certificate or a list of them as PEM"});
    }
}

tl::expected<Answer, Problem> Client::call(const std::string& method, const std::string& target, const json& body,
                                           const std::string& idempotencyKey) const {
    net::HttpCall call;
    call.method = method;
    call.target = target;
    call.timeout = answerTimeout;
    call.maxBody = maxAnswer;
    if (!body.is_null()) {
        auto text = encode(body);
        if (!text) return tl::unexpected(text.error());
        call.body = std::move(*text);
        call.headers.push_back({"Content-Type", "application/json"});
    }
    if (!idempotencyKey.empty()) call.headers.push_back({"Idempotency-Key", idempotencyKey});
    const net::HttpTarget where = targetFor(target);
    auto answer = net::httpCall(where, call);
    const bool lost = !answer && answer.error() == net::NetError::Closed;
    if (lost && !idempotencyKey.empty()) answer = net::httpCall(where, call);
    if (!answer) return tl::unexpected(problemFor(target, answer.error()));
    json parsed = json::parse(answer->body, nullptr, false);
    if (parsed.is_discarded()) {
        return tl::unexpected(
            Problem{Exit::Failed, "BAD_ANSWER", "netpasd's answer is not JSON", "is netpasd of the same version?"});
    }
    if (answer->status >= 400) return tl::unexpected(refusalIn(answer->status, parsed));
    return Answer{answer->status, std::move(parsed)};
}

tl::expected<net::HttpResponse, Problem> Client::callRaw(const std::string& method, const std::string& target,
                                                         const std::string& body) const {
    auto answer = net::httpCall(targetFor(target), rawCall(method, target, body));
    if (!answer) return tl::unexpected(problemFor(target, answer.error()));
    if (answer->status < 400) return std::move(*answer);
    return tl::unexpected(refusalOf(*answer));
}

tl::expected<net::HttpResponse, Problem> Client::callInPerson(const std::string& method, const std::string& target,
                                                              const std::string& body) const {
    if (m_asApplication) {
        return tl::unexpected(
            Problem{Exit::Denied, "UNAUTHORIZED", "an application may not do that", "type it without --request"});
    }
    const bool here = !m_remote && ::access(m_secretary.c_str(), F_OK) == 0;
    if (!here && (m_remote || ::access(m_socket.c_str(), F_OK) == 0)) {
        return tl::unexpected(Problem{Exit::Denied, "UNAUTHORIZED",
                                      "the secretary has no socket here, and secrets are not told to an agent",
                                      "type this where the secretary runs, or name its socket: --secretary-socket"});
    }
    auto answer = net::httpCall(net::UnixTarget{m_secretary}, rawCall(method, target, body));
    if (!answer) return tl::unexpected(unreachable(m_secretary, answer.error()));
    if (answer->status < 400) return std::move(*answer);
    return tl::unexpected(refusalOf(*answer));
}

}  // namespace netpas::cli
