// Runs a helper program (ip, tc) to its end.
#pragma once

#include <string>
#include <vector>

#include "app/lab/error.h"

namespace netpas::lab {

struct CommandResult {
    int status = 0;  // exit status, or 128 + signal
    std::string out;
    std::string err;
};

// Feeds `input`, collects both outputs. Fails only when the program cannot be started.
Expected<CommandResult> runCommand(const std::vector<std::string>& argv, const std::string& input = {});
// The same, but a status other than 0 is an error that quotes what the program said.
Expected<std::string> requireCommand(const std::vector<std::string>& argv, const std::string& input = {});

}  // namespace netpas::lab
