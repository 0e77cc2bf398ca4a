// What the subcommands of netpas-lab do. Each returns an exit status: 0 done, 1 failed, 2 usage.
#pragma once

#include <string>
#include <vector>

#include "app/lab/error.h"

namespace netpas::lab {

int report(const LabError& error);  // to standard error; returns the exit status

int commandUp(const std::string& topology, const std::string& name, bool bare);
int commandDown(const std::string& name, bool all);
int commandStatus(const std::string& name, bool json);
int commandList(bool json);
// seconds 0: until Ctrl-C or the lab's end. FILE "-" is standard output.
int commandCapture(const std::string& name, const std::string& link, const std::string& file, double seconds);
// Replaces this process by the command.
int commandExec(const std::string& name, const std::string& node, std::vector<std::string> command);

}  // namespace netpas::lab
