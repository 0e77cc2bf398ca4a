// The secretary as a process (DESIGN §2): one channel to its agent, one socket for its owner, and the books. It gives up
// everything else before it opens them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/common/log.h"
#include "core/channel/line.h"
#include "secretary/budget.h"

namespace boost::asio {
class io_context;
}

namespace netpas::secretaryd {

struct SecretaryOptions {
    std::filesystem::path stateDir = "/var/lib/netpas";           // its own folder is `secretary` in there
    std::filesystem::path socket = "/run/netpas/secretary.sock";  // its own door
    int listening = -1;                                           // … if somebody else has bound it
    std::string group = "netpas";
    std::string user = "netpas-secretary";  // to become, when started by root
    uint32_t owner = 0;                     // may everything through its own door, as root may
    secretary::HardLimits limits;
    std::string version;
    bool launched = false;                             // by an agent beside it, with which it ends
    bool ownNetwork = true;                            // false where the channel needs the network
    std::vector<std::filesystem::path> alsoReadWrite;  // of a serial line
    std::vector<std::string> groups;                   // … that may open it
    // The agent's end of the channel comes from here; called before anything is given up.
    std::function<std::unique_ptr<channel::LineSource>(boost::asio::io_context&)> line;
};

// Returns the process's exit status. Reports through `log`. Before any other thread runs.
[[nodiscard]] int runSecretary(const SecretaryOptions& options, const app::LogSink& log);

}  // namespace netpas::secretaryd
