// What a scenario is made of. Each stands in a file of its own and is listed in registry.cpp; see README.md here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/lab/json.h"
#include "app/lab/lab.h"

namespace netpas::lab {

// From the command line; a scenario uses what concerns it. Zero and empty: the scenario's default.
struct ScenarioOptions {
    uint64_t seed = 1;
    uint64_t packets = 0;
    uint64_t rounds = 0;
    uint64_t clients = 0;
    uint64_t requests = 0;
    uint64_t kills = 0;
    uint64_t payments = 0;
    uint64_t isps = 0;
    uint64_t runs = 0;
    double paymentsPerSecond = 0;
    double seconds = 0;
    double loss = 0;               // percent
    std::string family = "ipv4";   // or "ipv6"
    std::string protocol = "tcp";  // or "udp"
    std::string line = "serial";   // between agent and secretary; or "unix", "tls"
    std::string sampler = "stratified";
    std::string database = "embedded";  // of accounting servers; or "postgres"
    uint64_t honest = 0;                // threats, lying-route: runs in which nobody cheats
    std::string evidence;               // threats: where it is written
    std::string screenshots;            // folder for pictures of what is shown; empty: none
    std::string rows;                   // threats: only these, "3,11-14"
    std::string metric = "loss";        // lying-route: or "throughput", "latency"
    std::string topology;               // another topology than the scenario's own
    bool nat = false;                   // modem: only the household behind address translation, …
    bool routed = false;                // … or only the other one
    bool json = false;
    bool headless = false;

    bool ipv6() const { return family == "ipv6"; }
};

// A scenario's view of the world. Narration goes to standard output, or to standard error with --json.
class ScenarioContext {
public:
    ScenarioContext(Lab& lab, const ScenarioOptions& options);
    ScenarioContext(const ScenarioContext&) = delete;
    ScenarioContext& operator=(const ScenarioContext&) = delete;
    ~ScenarioContext();

    Lab& lab() { return m_lab; }
    const Topology& topology() const { return m_lab.topology(); }
    const NetworkPlan& plan() const { return m_lab.plan(); }
    const ScenarioOptions& options() const { return m_options; }

    void say(const std::string& sentence);
    // Collects what did not hold; one failed expectation fails the scenario, which goes on to its end.
    bool expect(bool condition, const std::string& otherwise);
    const std::vector<std::string>& failures() const { return m_failures; }
    // What `--json` prints, in this order; the runner adds "ok" and "failures".
    Json& result() { return *m_result; }

    // The address of a host in the family of the options.
    IpAddress address(const std::string& host) const;

private:
    Lab& m_lab;
    const ScenarioOptions& m_options;
    std::vector<std::string> m_failures;
    std::unique_ptr<Json> m_result;
};

struct Scenario {
    std::string name;
    std::string description;
    std::string topology;
    // Changes the topology before it is brought up (sampler, seed, family); may be empty.
    std::function<void(Topology&, const ScenarioOptions&)> adjust;
    // An error means that no judgement was possible.
    std::function<Expected<void>(ScenarioContext&)> run;
    bool staysUp = false;  // leaves the lab up unless --headless or --json
    bool bare = false;     // no programs are started: the scenario starts its own
};

const std::vector<Scenario>& scenarios();

int commandRun(const std::string& scenario, const std::string& labName, const ScenarioOptions& options);

// One function for each file of scenarios.
Scenario figure3Scenario();
Scenario fourIspsScenario();
Scenario sixteenIspsScenario();
Scenario storyScenario();
Scenario upgradeMidstreamScenario();
Scenario agentDiesScenario();
Scenario hijackedHostScenario();
Scenario hostilePacketsScenario();
Scenario badInputScenario();
Scenario dongleScenario();
Scenario modemScenario();
Scenario budgetRaceScenario();
Scenario threatsScenario();
Scenario overlayBasicsScenario();
Scenario paymentChaosScenario();
Scenario figure2Scenario();
Scenario overlayOnlyScenario();
Scenario scaleScenario();
Scenario paymentFaultsScenario();
Scenario enterpriseScenario();
Scenario endpointConfirmsScenario();
Scenario settlementScenario();
Scenario viewerBuysScenario();
Scenario mpvButtonScenario();
Scenario measureTruthScenario();
Scenario liarClassScenario();
Scenario pathFailureScenario();
Scenario priceRiseScenario();
Scenario sharingScenario();
Scenario roamingScenario();
Scenario guaranteeScenario();
Scenario forwardingRulesScenario();
Scenario meshAgreementsScenario();
Scenario meshAttacksScenario();
Scenario lyingRouteScenario();

}  // namespace netpas::lab
