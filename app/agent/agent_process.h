// The agent as a process: data plane, cartographer, the local API's socket, and a channel to its secretary. It holds no private
// key and no ledger. Control thread.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/agent/measurements.h"
#include "app/agent/mesh.h"
#include "app/common/log.h"
#include "app/secretary/launch.h"
#include "core/channel/line.h"
#include "core/net_address.h"

namespace boost::asio {
class io_context;
}

namespace netpas::agent {

struct AgentOptions {
    std::filesystem::path stateFolder = "/var/lib/netpas/agent";
    std::filesystem::path formerCache;  // of menus, from an earlier layout; taken over when it is there
    std::filesystem::path socket = "/run/netpas/netpasd.sock";
    std::string group = "netpas";
    std::string user = "netpas";      // to become, when started by root
    std::vector<std::string> groups;  // to stay in: "dialout" where the secretary is behind a serial line
    std::string device = "netpas0";
    std::string babel;                    // the path or port of babeld's local interface; empty: none
    std::string babelWords;               // what it is told of each interface of the mesh besides its cost
    std::optional<Endpoint> listenTcp;    // loopback; for holders of tokens on this machine
    std::filesystem::path sinkAuthority;  // certificates by which sinks are trusted; empty: the system's
    std::optional<Endpoint> listenTls;    // for devices behind this machine
    std::set<std::string> roaming;        // those of them that this machine is a home agent for (NetPaS §3.1.4)
    std::vector<Endpoint> sellReverse;    // for who buys better service for packets that come from here
    std::chrono::milliseconds stopWithin{4000};
    MeasureOptions measure;
    std::optional<std::chrono::nanoseconds> clockError;  // of this machine's clock; nothing: what the kernel says
    std::optional<MeshOptions> mesh;                     // none: packets of neighbours are not looked at
    std::optional<SharingOptions> share;                 // with a community; none: nothing is told or heard
};

// How the secretary is reached: one that was started beside the agent, or a line to one elsewhere.
struct SecretaryAccess {
    std::unique_ptr<secretary::LaunchedSecretary> launched;
    std::function<std::unique_ptr<channel::LineSource>(boost::asio::io_context&)> line;  // used when none was launched
};

// Returns the process's exit status. Reports through `log`. Before any other thread runs.
[[nodiscard]] int runAgent(const AgentOptions& options, SecretaryAccess secretary, const app::LogSink& log);

}  // namespace netpas::agent
