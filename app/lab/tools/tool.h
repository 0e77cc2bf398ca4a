// Traffic tools: small programs that scenarios run on hosts. Each is a hidden subcommand `netpas-lab tool NAME`, prints a
// line "ready" once it can do its work, and one line of JSON with what it saw when it ends or gets SIGTERM.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "app/lab/json.h"
#include "app/lab/lab.h"

namespace netpas::lab {

class Tool {
public:
    // Starts `netpas-lab tool NAME ARGUMENTS...` on a node and waits for its "ready".
    static Expected<Tool> start(Lab& lab, const std::string& node, const std::string& name,
                                std::vector<std::string> arguments);
    // The same for any other program of the lab's own (nginx, mpv); its output is kept but not awaited.
    static Expected<Tool> startProgram(Lab& lab, const std::string& node, const std::string& name,
                                       std::vector<std::string> argv,
                                       std::map<std::string, std::string> environment = {});

    Process& process() { return m_process; }
    // Waits until it ends by itself.
    Expected<Json> finish(std::chrono::milliseconds limit);
    // Asks it to end now.
    Expected<Json> stop(std::chrono::milliseconds limit = std::chrono::seconds(10));
    std::string output() const;

private:
    explicit Tool(Process process) : m_process(std::move(process)) {}
    Process m_process;
};

}  // namespace netpas::lab
