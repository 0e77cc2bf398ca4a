// One household of the scenario `modem`: three hosts behind a modem that runs the agent. Each of them buys through its own key within its own
// budget; the steps are called one after the other, for several households in turn.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/lab/json.h"
#include "app/lab/plan.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/flow_watch.h"
#include "app/lab/tools/tool.h"

namespace netpas::lab {

class Household {
public:
    // `firstPort`: the household uses the server's ports from there on.
    Household(ScenarioContext& context, const HomePlan& home, uint16_t firstPort);

    // A person at the modem confirms the code that each host shows; one more asks, and nobody confirms it.
    Expected<void> pairAll();
    Expected<void> setBudgets();
    Expected<void> startTransfers();
    // Every host that may pays for its transfers, until they are seen paid; whoever is over its budget is refused.
    Expected<void> buyAll();
    // Hosts try to spend and to read for each other, with and without keys.
    Expected<void> attack();
    // kill -9 of agent and secretary, both at once; then they are started again.
    Expected<void> restart();
    Expected<void> finishTransfers();
    Expected<void> judge();

    [[nodiscard]] const Json& result() const { return *m_result; }
    [[nodiscard]] const Bill& bill() const { return m_bill; }

private:
    struct Flow {
        bool ipv6 = false;
        uint16_t port = 0;
        std::optional<Tool> sink;
        std::optional<Tool> sender;
    };
    struct Host {
        std::string node;
        std::string device;  // what rules and budgets call it
        const char* budget;
        bool pays = true;
        std::vector<Flow> flows;
        std::vector<std::string> purchases;  // running
        uint64_t bought = 0;
        uint64_t refused = 0;
        std::string code, reason;  // of the refusal
    };
    // What the command line on a host said.
    struct Said {
        int status = 0;
        std::string text;
        [[nodiscard]] Json body() const;
        [[nodiscard]] std::string code() const;
        [[nodiscard]] std::string message() const;
    };

    [[nodiscard]] std::string configFolder(const Host& at, const std::string& owner) const;
    // The command line on a host; `owner`: whose configuration, and key, it uses.
    Expected<Said> cli(const Host& at, const std::string& owner, const std::vector<std::string>& arguments);
    Expected<Said> ask(const Host& host, std::vector<std::string> arguments);
    // The same, where only success makes sense.
    Expected<Json> told(const Host& host, const std::vector<std::string>& arguments);
    // The command line on the modem, as root.
    Expected<Json> atModem(const std::vector<std::string>& arguments);
    Expected<void> settled();

    [[nodiscard]] std::vector<std::string> order(bool ipv6, uint16_t port, const char* protocol = "tcp") const;
    Expected<std::string> buy(Host& host, const std::vector<std::string>& what);
    Expected<void> expectOverBudget(Host& host);
    void expectRefused(const Expected<Said>& said, const std::string& code, const std::string& what, const char* kind);
    void expectUnseen(const Json& entries, const std::string& purchase, const std::string& what);
    Expected<void> attackPurchases();
    Expected<void> attackKeys();
    Expected<void> spoof(bool ipv6);
    Expected<void> send(const Host& from, const Host& as, bool ipv6, uint16_t port, uint64_t count);
    Expected<void> waitUntilPaid(std::chrono::system_clock::time_point from);
    Expected<void> waitUntilUnpaid(std::chrono::system_clock::time_point from);
    Expected<void> judgeTransfers(Host& host);
    Expected<void> judgeHosts();

    ScenarioContext& m_context;
    Lab& m_lab;
    const HomePlan& m_home;
    std::vector<Host> m_hosts;
    uint16_t m_sparePort;  // one for each family: bought, but only by the spoofing step
    std::string m_url;
    std::unique_ptr<FlowWatch> m_watch;
    std::unique_ptr<Json> m_result;
    Bill m_bill;
    std::map<std::string, uint64_t> m_refused;  // attempts by kind, all in vain
    uint64_t m_paired = 0, m_attempts = 0, m_restarts = 0;
    uint64_t m_connections = 0, m_broken = 0, m_bytes = 0, m_longestPause = 0;
    uint64_t m_ownSent = 0, m_ownPaid = 0, m_spoofedSent = 0, m_spoofedPaid = 0;
    std::chrono::milliseconds m_toBestEffort{0}, m_toPaid{0};
};

}  // namespace netpas::lab
