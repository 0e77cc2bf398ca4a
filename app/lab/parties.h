// The programs of the parties in a lab: every ISP's directory, accounting and edges, every host's agent.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/lab/json.h"
#include "app/lab/lab.h"

namespace netpas::lab {

// Generates keys and configurations, starts everything and waits until all of it answers; joins the agents.
Expected<void> startParties(Lab& lab);
// Of netpasd on that host, agent or secretary: its state, nobody but root, and limits that no scenario meets by chance.
std::vector<std::string> agentArguments(const Lab& lab, const std::string& host);
// What the ISP asks from now on: the configurations of its directory and edges are those of `changed`, and they are told to read them.
Expected<void> announcePrices(Lab& lab, const Topology& changed, const std::string& isp);
// Starts the agent of a host (again), with `more` arguments, and waits until it answers. It keeps its state.
Expected<void> startAgent(Lab& lab, const std::string& host, const std::vector<std::string>& more = {});
// The same without waiting: for agents that are not expected to come up well.
Expected<void> launchAgent(Lab& lab, const std::string& host, std::map<std::string, std::string> environment = {},
                           const std::vector<std::string>& more = {});
// kill -9 of an edge router, which is started again and waited for.
Expected<void> crashEdge(Lab& lab, const std::string& isp, const std::string& router);

// Names under which the programs run in Lab::program().
std::string agentProgram(const std::string& host);
std::string edgeProgram(const std::string& router);
std::string accountingProgram(const std::string& isp);
std::string directoryProgram(const std::string& isp);

std::string agentSocket(const std::string& lab, const std::string& host);
std::string agentStateFolder(const std::string& lab, const std::string& host);
std::string edgeSocket(const std::string& lab, const Topology& topology, const std::string& router);
std::string accountingSocket(const std::string& lab, const std::string& isp);
// https://ADDRESS:PORT/#KEY
Expected<std::string> joinUrl(const Lab& lab, const std::string& isp);

// What the parties say when asked now.
Expected<Json> ispBooks(Lab& lab, const std::string& isp);
Expected<Json> edgeCounters(Lab& lab, const std::string& router);
// `netpas --json ARGUMENTS` on a host; an exit status other than 0 is an error that quotes what it said.
Expected<Json> netpas(Lab& lab, const std::string& host, const std::vector<std::string>& arguments);

// Everything from a host to an address, or one protocol and port of it.
struct Purchase {
    std::string to;
    std::string protocol = "any";
    uint16_t toPort = 0;
    uint16_t fromPort = 0;
    std::string serviceClass = "best";
    std::string cap = "1";
    bool incoming = false;   // for packets that come from `to`
    std::string offer = {};  // instead of a class
};
// The purchase's identifier, once packets are diverted.
Expected<std::string> buy(Lab& lab, const std::string& host, const Purchase& wish);
// The settled purchase.
Expected<Json> stopPurchase(Lab& lab, const std::string& host, const std::string& id);

}  // namespace netpas::lab
