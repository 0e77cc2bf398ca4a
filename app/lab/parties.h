// The programs of the parties in a lab: every ISP's directory, accounting and edges, every host's agent.
#pragma once

#include <string>

#include "app/lab/error.h"

namespace netpas::lab {

class Lab;

// Generates keys and configurations, starts everything and waits until all of it answers; joins the agents.
Expected<void> startParties(Lab& lab);

// Files and program names, which `exec`, `status` and the scenarios share.
std::string agentSocket(const std::string& lab, const std::string& host);
std::string agentProgram(const std::string& host);
Expected<void> startAgent(Lab& lab, const std::string& host);

}  // namespace netpas::lab
