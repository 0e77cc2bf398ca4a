// The command line's way to the agent, and what its answers mean as exit status.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include <tl/expected.hpp>

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

class Client {
public:
    explicit Client(std::filesystem::path socket) : m_socket(std::move(socket)) {}

    // With an idempotency key a lost answer is asked for again, without the risk of doing it twice.
    [[nodiscard]] tl::expected<Answer, Problem> call(const std::string& method, const std::string& target,
                                                     const nlohmann::json& body = nullptr,
                                                     const std::string& idempotencyKey = {}) const;

private:
    std::filesystem::path m_socket;
};

}  // namespace netpas::cli
