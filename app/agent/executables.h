// Which program a local user's process runs, as the kernel knows it. The agent gives up the right to ask about other users' processes; a
// helper process keeps exactly that, and answers nothing else.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "app/common/privileges.h"

namespace netpas::agent {

class Executables {
public:
    // Forks. Early: before any thread runs and before a secret is in memory.
    [[nodiscard]] static tl::expected<std::unique_ptr<Executables>, app::PrivilegeFailure> start();
    ~Executables();
    Executables(const Executables&) = delete;
    Executables& operator=(const Executables&) = delete;

    // The path of what the process runs. Empty when it cannot be verified: the process is gone, is not that user's (its number was given to
    // a new one), its file was replaced or deleted, or it sees another file
    // under that path than this process does (a user may mount what they like in a namespace of their own). Waits some milliseconds.
    [[nodiscard]] std::string of(pid_t process, uid_t user);

private:
    Executables(pid_t helper, int socket) : m_helper(helper), m_socket(socket) {}
    pid_t m_helper;
    int m_socket;
    uint32_t m_last = 0;
};

}  // namespace netpas::agent
