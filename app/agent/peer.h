// Who is at the other end of a local socket (Linux).
#pragma once

#include <cstdint>
#include <string>

namespace netpas::agent {

// The program file that the process runs, as the kernel says; empty when it is gone, is another user's than `uid` by now
// (its number was given to a new process), or may not be looked at.
[[nodiscard]] std::string executableOf(int32_t pid, uint32_t uid);

}  // namespace netpas::agent
