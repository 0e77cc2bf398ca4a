// How the database's key is kept: in a file that only its owner reads, for boxes that start unattended; or wrapped with
// a passphrase. A new passphrase wraps the same key again. Control thread; what derives a key may run elsewhere.
#pragma once

#include <filesystem>
#include <optional>

#include <tl/expected.hpp>

#include "core/clock.h"
#include "secretary/vault/secret.h"
#include "secretary/vault/vault_file.h"

namespace netpas::secretary {

enum class Protection : uint8_t { KeyFile, Passphrase };

struct VaultFiles {
    std::filesystem::path vault;    // the wrapped key
    std::filesystem::path keyFile;  // the bare key
    std::filesystem::path database;
};

class Vault {
public:
    static constexpr std::chrono::seconds pause{2};  // after a wrong passphrase; the same each time, nobody is shut out

    // With a passphrase: locked. With a key file: open. With neither, and no database yet: makes a key file.
    [[nodiscard]] static tl::expected<Vault, VaultError> open(VaultFiles files, const Clock& clock);

    [[nodiscard]] Protection protection() const { return m_file ? Protection::Passphrase : Protection::KeyFile; }
    [[nodiscard]] bool locked() const { return !m_key; }
    // Null while locked.
    [[nodiscard]] const DataKey* key() const { return m_key ? &*m_key : nullptr; }
    [[nodiscard]] std::optional<Argon2Cost> cost() const;

    // A try at the passphrase, in three steps so that the second can run on another thread: what to unwrap; unwrapping;
    // and taking its result. One at a time.
    [[nodiscard]] tl::expected<VaultFile, VaultError> beginTry();
    // Unlocks; while unlocked it proves that who asks knows the passphrase.
    [[nodiscard]] tl::expected<void, VaultError> endTry(tl::expected<DataKey, VaultError> unwrapped);
    // All three at once.
    [[nodiscard]] tl::expected<void, VaultError> tryPassphrase(const SecretText& passphrase);
    // Where a key file protects.
    [[nodiscard]] tl::expected<void, VaultError> unlockWithoutPassphrase();
    // Wipes the key.
    void lock();

    // Durable when it returns: from now on the passphrase that `wrapped` was made with protects. `wrapped` holds the present
    // key. A crash in between leaves the old protection or the new one.
    [[nodiscard]] tl::expected<void, VaultError> protectWith(const VaultFile& wrapped);
    // Back to a key file.
    [[nodiscard]] tl::expected<void, VaultError> unprotect();

    [[nodiscard]] static bool isAllowed(const SecretText& passphrase);

private:
    Vault(VaultFiles files, const Clock& clock) : m_files(std::move(files)), m_clock(&clock) {}
    void forgetKeyFile();

    VaultFiles m_files;
    const Clock* m_clock;
    std::optional<VaultFile> m_file;
    std::optional<DataKey> m_key;
    SteadyTime m_nextTry{};
    bool m_trying = false;
};

}  // namespace netpas::secretary
