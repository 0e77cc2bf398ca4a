// The agent as a process: puts the parts together and runs the control thread until it is told to stop.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "app/common/log.h"
#include "core/money.h"

namespace netpas::agent {

struct DaemonOptions {
    std::filesystem::path stateFolder = "/var/lib/netpas";
    std::filesystem::path socket = "/run/netpas/netpasd.sock";
    std::string group = "netpas";
    std::string device = "netpas0";
    Money maxPerPurchase;
    Money maxPerDay;
    std::chrono::milliseconds stopWithin{3000};
    std::string version;
};

// Returns the process's exit status. Reports through `log`.
[[nodiscard]] int runDaemon(const DaemonOptions& options, const app::LogSink& log);

}  // namespace netpas::agent
