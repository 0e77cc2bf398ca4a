// Which program asks: what a local user's process runs, as the kernel knows it; for our own messengers (`netpas`, the browser's host), who started it. The agent gives up the right to ask about other users' processes; a
// helper process keeps exactly that, and answers nothing else.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/common/privileges.h"

namespace netpas::agent {

struct Asker {
    std::string executable;  // empty: it cannot be verified
    pid_t process = 0;       // that runs it
};

class Executables {
public:
    // Forks. Early: before any thread runs and before a secret is in memory. `messengers`: paths of programs that ask for whoever
    // started them; left out, the `netpas` and `netpas-browser-host` of this installation.
    [[nodiscard]] static tl::expected<std::unique_ptr<Executables>, app::PrivilegeFailure> start(
        std::vector<std::string> messengers = ownMessengers());
    [[nodiscard]] static std::vector<std::string> ownMessengers();
    ~Executables();
    Executables(const Executables&) = delete;
    Executables& operator=(const Executables&) = delete;

    // The path of what the process runs. Empty when it cannot be verified: the process is gone, is not that user's (its number was given to
    // a new one), its file was replaced or deleted, or it sees another file
    // under that path than this process does (a user may mount what they like in a namespace of their own). Waits some milliseconds.
    [[nodiscard]] std::string of(pid_t process, uid_t user) { return asker(process, user).executable; }
    // The same, but a messenger's parent of the same user stands for it: a player's plug-in asks with the `netpas` command, a browser's extension
    // through `netpas-browser-host`, and a rule for the player must not be one for whatever else uses them. A parent that cannot be verified does not count. This is no weaker than
    // the path alone: a user's process can start any program of that user's and have it ask.
    [[nodiscard]] Asker asker(pid_t process, uid_t user);

private:
    Executables(pid_t helper, int socket) : m_helper(helper), m_socket(socket) {}
    pid_t m_helper;
    int m_socket;
    uint32_t m_last = 0;
};

}  // namespace netpas::agent
