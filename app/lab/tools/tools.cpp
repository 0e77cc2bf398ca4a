#include "app/lab/tools/tools.h"

#include <csignal>
#include <cstdlib>
#include <iostream>

#include <nlohmann/json.hpp>

namespace netpas::lab {
namespace {

volatile std::sig_atomic_t endRequested = 0;

void requestEnd(int) { endRequested = 1; }

}  // namespace

ToolArguments::ToolArguments(const std::vector<std::string>& arguments) {
    for (const std::string& argument : arguments) {
        const size_t equals = argument.find('=');
        if (equals != std::string::npos) m_values[argument.substr(0, equals)] = argument.substr(equals + 1);
    }
}

std::string ToolArguments::text(const std::string& key, const std::string& fallback) const {
    const auto at = m_values.find(key);
    return at != m_values.end() ? at->second : fallback;
}

uint64_t ToolArguments::number(const std::string& key, uint64_t fallback) const {
    const auto at = m_values.find(key);
    return at != m_values.end() ? std::strtoull(at->second.c_str(), nullptr, 10) : fallback;
}

double ToolArguments::real(const std::string& key, double fallback) const {
    const auto at = m_values.find(key);
    return at != m_values.end() ? std::strtod(at->second.c_str(), nullptr) : fallback;
}

void catchToolSignals() {
    struct sigaction action {};
    action.sa_handler = requestEnd;  // no SA_RESTART: blocking calls return
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGINT, &action, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
}

bool toolShouldEnd() { return endRequested != 0; }

void sayReady() { std::cout << "ready" << std::endl; }

void printResult(const Json& result) { std::cout << result.dump() << std::endl; }

int runTool(const std::string& name, const std::vector<std::string>& arguments) {
    using Entry = int (*)(const ToolArguments&);
    static const std::map<std::string, Entry> tools{
        {"udp-send", udpSendTool},           {"udp-sink", udpSinkTool},
        {"tcp-send", tcpSendTool},           {"tcp-sink", tcpSinkTool},
        {"agent-thief", agentThiefTool},     {"api-abuser", apiAbuserTool},
        {"api-intruder", apiIntruderTool},   {"budget-client", budgetClientTool},
        {"honest-client", honestClientTool}, {"overlay-relay", overlayRelayTool},
        {"payment-crowd", paymentCrowdTool}, {"share-liar", shareLiarTool},
        {"round-trip", roundTripTool},       {"echo", echoTool},
    };
    const auto at = tools.find(name);
    if (at == tools.end()) {
        std::cerr << "netpas-lab: no tool '" << name << "'" << std::endl;
        return 2;
    }
    catchToolSignals();
    return at->second(ToolArguments(arguments));
}

}  // namespace netpas::lab
