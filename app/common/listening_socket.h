// A Unix socket that one process binds and another one serves.
#pragma once

#include <filesystem>
#include <string>

#include <tl/expected.hpp>

#include "app/common/privileges.h"

namespace netpas::app {

// Listens; the descriptor is the caller's, and is not closed by exec. Takes the place of a socket that nobody listens on, refuses one
// that answers. `group` by name; empty, or of a group that does not exist: the process's.
[[nodiscard]] tl::expected<int, PrivilegeFailure> listenOnUnix(const std::filesystem::path& path, unsigned mode,
                                                               const std::string& group);

// Holds a lock on the folder for as long as the process and its children live; they inherit it. False: somebody else has it.
[[nodiscard]] bool lockFolder(const std::filesystem::path& folder);

}  // namespace netpas::app
