// What is wrong with the secretary's state, and what to do about it. Reads only.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/ledger/ledger.h"
#include "secretary/vault/state_folder.h"

namespace netpas::secretary {

struct Finding {
    enum class Level : uint8_t { Good, Warning, Bad };
    Level level = Level::Good;
    std::string check;    // short and stable, for programs: "database", "clock", …
    std::string message;  // for people
    std::string remedy;   // what to do; empty when all is well
};

// Folder, files, permissions, free space, leftovers: without any key.
[[nodiscard]] std::vector<Finding> examineFolder(const StateFolder& folder);
// Every page, every sum, and the clock against the newest entry.
[[nodiscard]] std::vector<Finding> examineLedger(const ledger::Ledger& ledger, SystemTime now);
// A ledger that does not open.
[[nodiscard]] Finding describeUnopened(ledger::LedgerError error);

[[nodiscard]] Finding::Level worst(const std::vector<Finding>& findings);
[[nodiscard]] std::string_view nameOf(Finding::Level level);

}  // namespace netpas::secretary
