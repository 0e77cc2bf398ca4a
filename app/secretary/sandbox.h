// What the secretary gives up before it opens its books (DESIGN §2): its user, every capability, the network, other files, and the system
// calls that it has no use for. Linux only; before any other thread runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/common/privileges.h"

namespace netpas::secretary {

struct SandboxOptions {
    std::string user = "netpas-secretary";  // to become, when started by root; without it: same user, no capabilities
    std::filesystem::path stateFolder;      // private to it, made if it is not there; all it may write
    std::vector<std::filesystem::path>
        alsoReadWrite;                // a serial device and the folder of its name; what is missing is skipped
    std::vector<std::string> groups;  // to stay in: "dialout" for a serial device
    bool endsWithParent = false;      // started by launch.h
    bool ownNetwork = true;  // an empty network namespace of its own, when root; false where the channel is TLS
};

struct SandboxReport {
    std::vector<std::string> notes;     // what holds now
    std::vector<std::string> warnings;  // what could not be given up, with the remedy
};

// Descriptors that are open stay: the channel, the listening secretary.sock.
[[nodiscard]] tl::expected<SandboxReport, app::PrivilegeFailure> enterSandbox(const SandboxOptions& options);

// The two parts that the kernel may not have; false with errno. enterSandbox() calls them.
// From now on only these folders can be written, and these and what is public read.
enum class Network : uint8_t { None, Kept };
[[nodiscard]] bool restrictFiles(const std::vector<std::filesystem::path>& readWrite,
                                 const std::vector<std::filesystem::path>& readable = {},
                                 Network network = Network::None);
// From now on only the system calls that a secretary needs work, others fail with EPERM: no new socket, no program, no debugging.
[[nodiscard]] bool restrictSystemCalls();

}  // namespace netpas::secretary
