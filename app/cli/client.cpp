#include "app/cli/client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "core/net/http_client.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds answerTimeout{65'000};
constexpr size_t maxAnswer = size_t{64} << 20;

Exit exitFor(unsigned status, const std::string& code) {
    if (code == "QUOTA_EXCEEDED" || status == 402) return Exit::OverBudget;
    if (code == "INVALID_ARGUMENT") return Exit::Usage;
    if (status == 401 || status == 403) return Exit::Denied;
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

}  // namespace

const std::filesystem::path& Client::socketFor(std::string_view target) const {
    for (const std::string_view ofAgent : {"/v1/status", "/v1/services", "/v1/household", "/v1/pair"}) {
        if (target.starts_with(ofAgent)) return m_socket;
    }
    return ::access(m_secretary.c_str(), R_OK | W_OK) == 0 ? m_secretary : m_socket;
}

tl::expected<Answer, Problem> Client::call(const std::string& method, const std::string& target, const json& body,
                                           const std::string& idempotencyKey) const {
    net::HttpCall call;
    call.method = method;
    call.target = target;
    call.timeout = answerTimeout;
    call.maxBody = maxAnswer;
    if (!body.is_null()) {
        call.body = body.dump();
        call.headers.push_back({"Content-Type", "application/json"});
    }
    if (!idempotencyKey.empty()) call.headers.push_back({"Idempotency-Key", idempotencyKey});
    const std::filesystem::path& socket = socketFor(target);
    const net::HttpTarget where =
        m_remote ? net::HttpTarget(net::TlsTarget{m_remote->at, m_remote->key, m_remote->identity.get()})
                 : net::HttpTarget(net::UnixTarget{socket});
    auto answer = net::httpCall(where, call);
    const bool lost = !answer && answer.error() == net::NetError::Closed;
    if (lost && !idempotencyKey.empty()) answer = net::httpCall(where, call);
    if (!answer) {
        return tl::unexpected(m_remote ? unreachable(*m_remote, answer.error()) : unreachable(socket, answer.error()));
    }
    json parsed = json::parse(answer->body, nullptr, false);
    if (parsed.is_discarded()) {
        return tl::unexpected(
            Problem{Exit::Failed, "BAD_ANSWER", "netpasd's answer is not JSON", "is netpasd of the same version?"});
    }
    if (answer->status >= 400) {
        const std::string code = parsed.is_object() ? textOf(parsed, "code") : "";
        return tl::unexpected(
            Problem{exitFor(answer->status, code), code, textOf(parsed, "message"), textOf(parsed, "hint")});
    }
    return Answer{answer->status, std::move(parsed)};
}

tl::expected<net::HttpResponse, Problem> Client::callRaw(const std::string& method, const std::string& target,
                                                         const std::string& body) const {
    net::HttpCall call;
    call.method = method;
    call.target = target;
    call.timeout = answerTimeout;
    call.maxBody = maxAnswer;
    call.body = body;
    const std::filesystem::path& socket = m_socket;
    const net::HttpTarget where =
        m_remote ? net::HttpTarget(net::TlsTarget{m_remote->at, m_remote->key, m_remote->identity.get()})
                 : net::HttpTarget(net::UnixTarget{socket});
    auto answer = net::httpCall(where, call);
    if (!answer) {
        return tl::unexpected(m_remote ? unreachable(*m_remote, answer.error()) : unreachable(socket, answer.error()));
    }
    if (answer->status < 400) return std::move(*answer);
    const json parsed = json::parse(answer->body, nullptr, false);
    const std::string code = parsed.is_object() ? textOf(parsed, "code") : "";
    return tl::unexpected(Problem{exitFor(answer->status, code), code,
                                  parsed.is_object() ? textOf(parsed, "message") : "netpasd's answer is not understood",
                                  parsed.is_object() ? textOf(parsed, "hint") : ""});
}

}  // namespace netpas::cli
