// What the agent keeps once it has its devices: the capabilities to divert flows and to send raw packets, as a user of its own.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/common/privileges.h"

namespace netpas::agent {

struct AgentPrivileges {
    std::string user = "netpas";
    std::vector<std::string> warnings;  // what could not be given up, with the remedy
};

// `groups`: to stay in, "dialout" for a serial device.
// After the TUN device, the capture and the sockets are open, before any other thread runs. Folders and sockets that the agent must still
// write to or remove have to be that user's. Without such a user, or when not started by root, only the capabilities go.
[[nodiscard]] tl::expected<AgentPrivileges, app::PrivilegeFailure> dropAgentPrivileges(
    const std::string& user, const std::vector<std::string>& groups = {});

}  // namespace netpas::agent
