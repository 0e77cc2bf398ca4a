// The agent that api-abuse is about, with the other users of its machine: one who is honest, four who may use the agent like him and abuse
// it, and one who may not use it at all.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/lab/json.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/tool.h"

namespace netpas::lab {

enum class ApiDoor : uint8_t { Agent, Secretary, Tcp };
[[nodiscard]] std::string nameOf(ApiDoor door);

struct ApiRequest {
    std::string method, path;
    std::string body = {};
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::string version = "HTTP/1.1";
};
struct ApiAnswer {
    int status = 0;  // 0: none
    std::string code;
    std::string text;  // all of it, as it came
    [[nodiscard]] Json body() const;
};

class AbusedAgent {
public:
    static constexpr const char* host = "b";
    static constexpr uint16_t tcpPort = 46720;
    static constexpr uint32_t honest = 61001, outsider = 61009;
    static constexpr uint32_t firstMember = 61002;  // … of four
    static constexpr int attackersNice =
        19;  // on a machine as small as this they would starve whom they attack without any protocol
    static constexpr const char* secret = "private.example";  // stands in what the honest user buys

    static Expected<AbusedAgent> prepare(ScenarioContext& context);

    [[nodiscard]] ScenarioContext& context() const { return m_context; }
    [[nodiscard]] Lab& lab() const { return m_lab; }
    [[nodiscard]] std::string socketOf(ApiDoor door) const;
    // "socket=…" or "port=…", and who the tool is to be.
    [[nodiscard]] std::vector<std::string> toolArguments(ApiDoor door, uint32_t uid, int nice) const;

    // As another user's process; one after the other.
    Expected<std::vector<ApiAnswer>> ask(ApiDoor door, uint32_t uid, const std::vector<ApiRequest>& requests) const;
    Expected<std::string> token(uint32_t uid, const std::string& role) const;
    // As root, in person.
    Expected<Json> owner(const std::string& method, const std::string& path, const Json& body = nullptr) const;
    // The honest user's program, which a rule lets buy: "status" or "buy".
    Expected<Tool> honestClient(const std::string& what, std::vector<std::string> more) const;

    // Everything of the owner's that an attacker would change.
    Expected<Json> settings() const;
    [[nodiscard]] pid_t agent() const;
    [[nodiscard]] pid_t secretary() const;

private:
    explicit AbusedAgent(ScenarioContext& context) : m_context(context), m_lab(context.lab()) {}
    Expected<void> restart();

    ScenarioContext& m_context;
    Lab& m_lab;
    std::string m_folder, m_program;
    mutable uint64_t m_files = 0;
};

// Asks in all ways for what the role does not have; what came of it goes into the result. The answer: how often something was granted.
Expected<uint64_t> intrude(const AbusedAgent& agent, const std::string& purchase);
// The same by a page in the real Chromium, where there is one.
Expected<uint64_t> intrudeByBrowser(const AbusedAgent& agent);

Scenario apiAbuseScenario();

}  // namespace netpas::lab
