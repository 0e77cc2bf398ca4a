// What a command line that makes no sense probably meant, and the order in which help lists the verbs. No network.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "app/cli/client.h"

namespace netpas::cli {

// `words`: without the program's name.
[[nodiscard]] Problem problemWith(const CLI::App& app, const CLI::ParseError& error,
                                  const std::vector<std::string>& words);

// Help lists verbs by what they are about. Throws std::logic_error when a verb has no group.
void groupVerbs(CLI::App& app);

// Of the verb that the words lead to.
[[nodiscard]] tl::expected<std::string, Problem> helpFor(const CLI::App& app, const std::vector<std::string>& words);

// What a person types as an option's value; empty: anything.
[[nodiscard]] std::vector<std::string> choicesOf(const CLI::Option& option);
[[nodiscard]] bool takesValue(const CLI::Option& option);

}  // namespace netpas::cli
