// The processes below another one, as the kernel has them.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace netpas::lab {

// The first whose command line (its arguments with blanks between) contains the text.
std::optional<pid_t> descendantWith(pid_t ancestor, const std::string& text);

}  // namespace netpas::lab
