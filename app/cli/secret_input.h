// Passphrases and recovery words from the terminal, unseen, or from a file.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "app/cli/client.h"
#include "secretary/vault/secret.h"

namespace netpas::cli {

// From `file` ("-": standard input) its first line; where it is empty, asked for on the terminal without echo.
[[nodiscard]] tl::expected<secretary::SecretText, Problem> readSecret(const std::string& prompt,
                                                                      const std::string& file);
// A new one, asked for twice on a terminal.
[[nodiscard]] tl::expected<secretary::SecretText, Problem> readNewSecret(const std::string& prompt,
                                                                         const std::string& file);
// All of the file, or of what is typed until an empty line: 24 words may be on several lines.
[[nodiscard]] tl::expected<secretary::SecretText, Problem> readWords(const std::string& file);

}  // namespace netpas::cli
