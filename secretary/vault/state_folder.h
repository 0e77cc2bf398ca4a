// Where the secretary keeps what, under one folder that only it may enter.
#pragma once

#include <filesystem>

#include <tl/expected.hpp>

#include "secretary/vault/vault.h"

namespace netpas::secretary {

struct StateFolder {
    std::filesystem::path root;

    [[nodiscard]] std::filesystem::path database() const { return root / "secretary.db"; }
    [[nodiscard]] VaultFiles vault() const { return {root / "vault", root / "secretary.key", database()}; }
    // Of the first release: moves into the database.
    [[nodiscard]] std::filesystem::path oldIdentity() const { return root / "identity.key"; }
    // While a backup is made or read.
    [[nodiscard]] std::filesystem::path snapshot() const { return root / "snapshot.db"; }
    [[nodiscard]] std::filesystem::path sealed() const { return root / "snapshot.sealed"; }
    [[nodiscard]] std::filesystem::path incoming() const { return root / "incoming.backup"; }
    // A restored database, ready to take the database's place, and the mark that it shall.
    [[nodiscard]] std::filesystem::path restored() const { return root / "restored.db"; }
    [[nodiscard]] std::filesystem::path restoreMark() const { return root / "restored.commit"; }
    // There once was a database.
    [[nodiscard]] std::filesystem::path begun() const { return root / "begun"; }
    // What was replaced by the last restore.
    [[nodiscard]] std::filesystem::path replaced() const { return root / "replaced.db"; }
};

// Call before the database is opened. Finishes a restore that a crash interrupted, removes what an interrupted backup
// left.
[[nodiscard]] tl::expected<void, VaultError> tidy(const StateFolder& folder);

// A database was here, and is gone or empty: to begin anew would forget what was spent and who the user is.
[[nodiscard]] bool databaseIsLost(const StateFolder& folder);
// After the database was opened.
void markBegun(const StateFolder& folder);

// The first release kept its ledger and keys in the state folder itself: moves them into `folder`. Call before tidy(),
// while nobody has them open; after a crash in between call it again.
[[nodiscard]] tl::expected<void, VaultError> adoptFirstRelease(const std::filesystem::path& stateDir,
                                                               const StateFolder& folder);

}  // namespace netpas::secretary
