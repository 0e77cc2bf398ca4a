#include "app/lab/scenario/scenario.h"

#include <iostream>

#include <nlohmann/json.hpp>

#include "app/lab/commands.h"
#include "app/lab/session.h"

namespace netpas::lab {

ScenarioContext::ScenarioContext(Lab& lab, const ScenarioOptions& options)
    : m_lab(lab), m_options(options), m_result(std::make_unique<Json>(Json::object())) {}

ScenarioContext::~ScenarioContext() = default;

void ScenarioContext::say(const std::string& sentence) {
    (m_options.json ? std::cerr : std::cout) << sentence << std::endl;
}

bool ScenarioContext::expect(bool condition, const std::string& otherwise) {
    if (!condition) {
        m_failures.push_back(otherwise);
        say("FAILED: " + otherwise);
    }
    return condition;
}

IpAddress ScenarioContext::address(const std::string& host) const {
    return plan().address(host, m_options.ipv6()).value_or(IpAddress());
}

namespace {

int runAndReport(const Scenario& scenario, Lab& lab, const ScenarioOptions& options) {
    ScenarioContext context(lab, options);
    const auto done = scenario.run(context);
    if (!done) context.expect(false, done.error().text);
    Json& result = context.result();
    result["ok"] = context.failures().empty();
    result["failures"] = context.failures();
    if (options.json) {
        std::cout << result.dump() << std::endl;
    } else {
        std::cout << (context.failures().empty() ? "Scenario " + scenario.name + ": all as it should be.\n"
                                                 : "Scenario " + scenario.name + " FAILED.\n")
                  << std::flush;
    }
    return context.failures().empty() ? 0 : 1;
}

}  // namespace

int commandRun(const std::string& scenarioName, const std::string& labName, const ScenarioOptions& options) {
    const Scenario* chosen = nullptr;
    std::string names;
    for (const Scenario& scenario : scenarios()) {
        if (scenario.name == scenarioName) chosen = &scenario;
        names += " " + scenario.name;
    }
    if (chosen == nullptr) return report({LabErrc::Usage, "no scenario '" + scenarioName + "'; there are:" + names});
    auto topology = loadTopology(options.topology.empty() ? chosen->topology : options.topology);
    if (!topology) return report(topology.error());
    if (options.ipv6() ? !topology->ipv6 : !topology->ipv4) {
        return report({LabErrc::Usage,
                       "topology '" + topology->name + "' does not speak " + options.family + "; choose --family"});
    }
    topology->seed = options.seed;
    if (chosen->adjust) chosen->adjust(*topology, options);
    SessionOptions session;
    session.name = labName;
    session.bare = chosen->bare;
    session.keep = chosen->staysUp && !options.headless && !options.json;
    const auto status = runSession(session, *topology, [&](Lab& lab) { return runAndReport(*chosen, lab, options); });
    return status ? *status : report(status.error());
}

}  // namespace netpas::lab
