// Inside app/secretary only: the process between agent and secretary.
#pragma once

#include <sys/types.h>

#include "app/secretary/launch.h"

namespace netpas::secretary {

// In a child of the agent's process that has one thread. `control`: socket pair to the agent; each started secretary's channel goes out
// there, a byte coming in means stop, its end means that the agent is gone. `agent`: its process.
[[noreturn]] void starterMain(const LaunchOptions& options, int control, pid_t agent);

}  // namespace netpas::secretary
