// The traffic tools behind `netpas-lab tool NAME key=value...`. See tool.h for how scenarios run them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "app/lab/json.h"

namespace netpas::lab {

class ToolArguments {
public:
    explicit ToolArguments(const std::vector<std::string>& arguments);
    std::string text(const std::string& key, const std::string& fallback = {}) const;
    uint64_t number(const std::string& key, uint64_t fallback) const;
    double real(const std::string& key, double fallback) const;

private:
    std::map<std::string, std::string> m_values;
};

// To be called once at the start of a tool: SIGTERM and SIGINT only set a flag from then on.
void catchToolSignals();
bool toolShouldEnd();
void sayReady();
void printResult(const Json& result);

int udpSendTool(const ToolArguments& arguments);
int udpSinkTool(const ToolArguments& arguments);
int roundTripTool(const ToolArguments& arguments);
int echoTool(const ToolArguments& arguments);
int tcpSendTool(const ToolArguments& arguments);
int tcpSinkTool(const ToolArguments& arguments);
int agentThiefTool(const ToolArguments& arguments);
int apiAbuserTool(const ToolArguments& arguments);
int apiIntruderTool(const ToolArguments& arguments);
int budgetClientTool(const ToolArguments& arguments);
int honestClientTool(const ToolArguments& arguments);
int overlayRelayTool(const ToolArguments& arguments);
int paymentCrowdTool(const ToolArguments& arguments);
int shareLiarTool(const ToolArguments& arguments);

int runTool(const std::string& name, const std::vector<std::string>& arguments);

}  // namespace netpas::lab
