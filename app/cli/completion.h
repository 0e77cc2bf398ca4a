// Completion scripts for shells, made from the verbs and options themselves: they cannot disagree. No network.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace netpas::cli {

[[nodiscard]] std::string bashCompletion(const CLI::App& app);
[[nodiscard]] std::string zshCompletion(const CLI::App& app);
[[nodiscard]] std::string fishCompletion(const CLI::App& app);

}  // namespace netpas::cli
