// The command line's way to the agent, and what its answers mean as exit status.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "core/net/http.h"
#include "core/net/http_client.h"

#include "app/cli/remote_agent.h"

namespace netpas::cli {

// UX: 0 ok, 1 anything else, 2 usage, 3 agent not running, 4 denied, 5 pending, 6 over budget.
enum class Exit { Ok = 0, Failed = 1, Usage = 2, NotRunning = 3, Denied = 4, Pending = 5, OverBudget = 6 };

struct Problem {
    Exit exit = Exit::Failed;
    std::string code;  // stable, for programs
    std::string message;
    std::string hint;  // the next command to type
};

struct Answer {
    unsigned status = 200;
    nlohmann::json body;
};

// As a request's body; what was typed need not be UTF-8.
[[nodiscard]] tl::expected<std::string, Problem> encode(const nlohmann::json& body);

class Client {
public:
    // `secretary`: the socket of the one who decides about money and policy; asked in person where the caller may use it, else
    // through the agent. Empty: beside the agent's.
    explicit Client(std::filesystem::path socket, std::filesystem::path secretary = {})
        : m_socket(std::move(socket)),
          m_secretary(secretary.empty() ? m_socket.parent_path() / "secretary.sock" : std::move(secretary)) {}
    // An agent on another machine, over TLS.
    explicit Client(RemoteAgent agent) : m_remote(std::move(agent)) {}
    // As any application asks, whoever types: through the agent, where rules, budgets and answers decide even for the owner.
    void askAsApplication() { m_asApplication = true; }
    // Where that one listens.
    [[nodiscard]] std::optional<Endpoint> remote() const {
        return m_remote ? std::optional<Endpoint>(m_remote->at) : std::nullopt;
    }

    // With an idempotency key a lost answer is asked for again, without the risk of doing it twice.
    [[nodiscard]] tl::expected<Answer, Problem> call(const std::string& method, const std::string& target,
                                                     const nlohmann::json& body = nullptr,
                                                     const std::string& idempotencyKey = {}) const;

    // A body as it is, and an answer that need not be JSON.
    [[nodiscard]] tl::expected<net::HttpResponse, Problem> callRaw(const std::string& method, const std::string& target,
                                                                   const std::string& body = {}) const;
    // The same to the secretary itself or to nobody, never through an agent: for what carries secrets.
    [[nodiscard]] tl::expected<net::HttpResponse, Problem> callInPerson(const std::string& method,
                                                                        const std::string& target,
                                                                        const std::string& body = {}) const;

    // Where this is asked on this machine; nothing with an agent elsewhere.
    [[nodiscard]] std::optional<std::filesystem::path> localSocket(std::string_view target) const;
    // What a refusal, or no answer at all, means to who asked.
    [[nodiscard]] static Problem refusalOf(const net::HttpResponse& answer);
    [[nodiscard]] Problem problemFor(std::string_view target, net::NetError error) const;

private:
    // What only the agent knows is asked there.
    [[nodiscard]] const std::filesystem::path& socketFor(std::string_view target) const;
    [[nodiscard]] net::HttpTarget targetFor(std::string_view target) const;

    std::filesystem::path m_socket;
    std::filesystem::path m_secretary;
    std::optional<RemoteAgent> m_remote;
    bool m_asApplication = false;
};

}  // namespace netpas::cli
