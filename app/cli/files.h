// Files that people name on the command line.
#pragma once

#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "app/cli/client.h"

namespace netpas::cli {

// All of it; "-" is standard input. At most 16 MiB.
[[nodiscard]] tl::expected<std::string, Problem> readFile(const std::string& file);
// Never replaces a file that is there.
[[nodiscard]] std::optional<Problem> writeNewFile(const std::string& file, const std::string& text);

}  // namespace netpas::cli
