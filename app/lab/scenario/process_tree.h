// The processes below another one, as the kernel has them.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace netpas::lab {

// The first whose command line (its arguments with blanks between) contains the text.
std::optional<pid_t> descendantWith(pid_t ancestor, const std::string& text);

// What a process has taken until now, and has now.
struct ProcessLoad {
    double seconds = 0;  // of a processor
    double bytes = 0;    // of memory, resident
};
ProcessLoad loadOf(pid_t pid);

}  // namespace netpas::lab
