// Everything that a process has in memory, and the search for secrets in it, whatever way they are written there.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/lab/error.h"

namespace netpas::lab {

using Pattern = std::vector<uint8_t>;

// A copy of every page that exists, those that the process itself may not read among them. Needs root.
class ProcessMemory {
public:
    static Expected<ProcessMemory> read(pid_t pid);

    // Pages that follow each other stand in one run.
    const std::vector<std::vector<uint8_t>>& runs() const { return m_runs; }
    size_t bytes() const;
    size_t count(const Pattern& pattern) const;
    // What stands behind each occurrence, `size` bytes.
    std::vector<Pattern> behind(const Pattern& pattern, size_t size) const;

private:
    std::vector<std::vector<uint8_t>> m_runs;
};

// How key material may stand somewhere: raw, either half alone, backwards, in hexadecimal, in base64 at each alignment.
std::vector<Pattern> formsOf(std::span<const uint8_t> key);
// Of a text: as it is, in UTF-16, and the first half alone.
std::vector<Pattern> formsOf(std::string_view text);

// Children and their children, without `pid` itself.
std::vector<pid_t> descendantsOf(pid_t pid);
// Arguments, with spaces between them.
std::string commandLineOf(pid_t pid);
// As prctl(PR_SET_NAME) left it.
std::string nameOfProcess(pid_t pid);

}  // namespace netpas::lab
