#include "app/isp/server_program.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>
#include <cstdio>

namespace netpas::isp {

tl::expected<ServerOptions, int> serverOptions(const ServerProgram& program,
                                               const std::vector<std::string>& arguments) {
    CLI::App app(program.description, std::string("netpas-isp ") + program.name);
    ServerOptions options;
    std::string level = "info";
    app.add_option("--config", options.file, std::string(program.configures) + " configuration (TOML)")->required();
    app.add_flag("--check", options.check, "only say whether the configuration is good");
    app.add_option("--log-level", level, "trace, debug, info, warn, error or off");
    try {
        app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError& error) {
        return tl::unexpected(app.exit(error) == 0 ? 0 : 2);
    }
    spdlog::set_default_logger(spdlog::stderr_logger_mt(program.name));
    spdlog::set_level(spdlog::level::from_str(level));
    return options;
}

int sayProblems(const std::vector<ConfigProblem>& problems) {
    for (const ConfigProblem& problem : problems) std::fprintf(stderr, "%s\n", problem.toString().c_str());
    return 2;
}

int sayGood(const std::string& file) { return std::printf("%s is good\n", file.c_str()) > 0 ? 0 : 1; }

}  // namespace netpas::isp
