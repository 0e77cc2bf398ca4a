// One file with everything that the secretary knows: rules, contacts, budgets, agreements, what it learnt, the history and
// the payments that are not settled; the identity only when it is asked for (the recovery words restore that).
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "core/clock.h"
#include "core/ledger/ledger.h"
#include "secretary/vault/recovery_words.h"
#include "secretary/vault/sealed_stream.h"
#include "secretary/vault/state_folder.h"

namespace netpas::secretary {

struct BackupManifest {
    SystemTime made;
    uint32_t schema = 0;
    bool withIdentity = false;
    uint64_t databaseSize = 0;

    [[nodiscard]] Bytes encode() const;
    [[nodiscard]] static std::optional<BackupManifest> decode(ByteView bytes);
    bool operator==(const BackupManifest&) const = default;
};

struct BackupError {
    VaultError kind = VaultError::Malformed;
    std::string message;  // with the remedy
};
template <typename T>
using BackupResult = tl::expected<T, BackupError>;

// A snapshot of an open ledger with a key of its own, ready to be sealed. Control thread, a few pages a step.
class BackupSnapshot {
public:
    [[nodiscard]] static BackupResult<BackupSnapshot> begin(ledger::Ledger& ledger, const StateFolder& folder,
                                                            bool withIdentity);
    // True when it is whole.
    [[nodiscard]] BackupResult<bool> step(int pages);

private:
    friend BackupResult<BackupManifest> sealBackup(const BackupSnapshot&, const StateFolder&, const SecretText&,
                                                   const Argon2Cost&, SystemTime);
    BackupSnapshot(store::Snapshot snapshot, DataKey key, std::filesystem::path file, bool withIdentity)
        : m_snapshot(std::move(snapshot)),
          m_key(std::move(key)),
          m_file(std::move(file)),
          m_withIdentity(withIdentity) {}

    std::optional<store::Snapshot> m_snapshot;
    DataKey m_key;
    std::filesystem::path m_file;
    bool m_withIdentity;
};

// Writes folder.sealed(), durable when it returns, and removes the snapshot. Any thread; takes the time of a key derivation
// and of the disk.
[[nodiscard]] BackupResult<BackupManifest> sealBackup(const BackupSnapshot& snapshot, const StateFolder& folder,
                                                      const SecretText& passphrase, const Argon2Cost& cost,
                                                      SystemTime now);

// What a backup holds, once all of it was found to be genuine and consistent.
struct RestorePlan {
    BackupManifest manifest;
    uint64_t purchases = 0;      // at most as many as the identifiers given out
    uint64_t unsettled = 0;      // asked for at the ISP before anything else is bought
    bool keepsIdentity = false;  // the present one stays
    bool needsIdentity = false;  // neither the backup nor the present database has one
};

// Reads the backup at `sealed`, checks every byte and every sum, and lays a database under `key` ready at
// folder.restored(). `present`, the identity that is here, stays if the backup has none; may be null. Nothing is
// replaced yet. Any thread.
[[nodiscard]] BackupResult<RestorePlan> prepareRestore(const std::filesystem::path& sealed, const StateFolder& folder,
                                                       const SecretText& passphrase, const DataKey& key,
                                                       const SeedSecret* present);
// With the present database closed: puts the prepared one in its place, all or nothing, and keeps the old one as
// folder.replaced().
[[nodiscard]] BackupResult<void> commitRestore(const StateFolder& folder);

// The secretary's book holds nothing worth keeping: a restore may replace it without being told twice.
[[nodiscard]] bool isEmpty(const ledger::Ledger& ledger);

}  // namespace netpas::secretary
