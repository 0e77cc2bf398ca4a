// What accounting server, edge router and directory have in common as programs: options, log, configuration file.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "app/isp/edge_config.h"

namespace netpas::isp {

struct ServerProgram {
    const char* name;         // behind `netpas-isp`, and in the log
    const char* description;  // for --help
    const char* configures;   // whose configuration --config names
};

struct ServerOptions {
    std::string file;
    bool check = false;  // only say whether the file is good
};

// Reads the arguments and opens the log. The error is the exit code; what is wrong has been said.
[[nodiscard]] tl::expected<ServerOptions, int> serverOptions(const ServerProgram& program,
                                                             const std::vector<std::string>& arguments);
// Say how the file is; the result is the exit code.
int sayProblems(const std::vector<ConfigProblem>& problems);
int sayGood(const std::string& file);

// `read` makes settings of the file; `serve` runs with them and the file's name until it is told to stop.
template <class Read, class Serve>
int runServer(const ServerProgram& program, const std::vector<std::string>& arguments, Read read, Serve serve) {
    const auto options = serverOptions(program, arguments);
    if (!options) return options.error();
    auto settings = read(options->file);
    if (!settings) return sayProblems(settings.error());
    if (options->check) return sayGood(options->file);
    return serve(std::move(*settings), options->file);
}

}  // namespace netpas::isp
