#include "secretary/vault/vault.h"

#include <sodium.h>

#include <algorithm>

#include "core/crypto/identity.h"
#include "secretary/vault/private_file.h"

namespace netpas::secretary {

namespace {

constexpr size_t shortest = 8;
constexpr size_t longest = 1024;

bool isThere(const std::filesystem::path& file) {
    std::error_code error;
    return std::filesystem::exists(std::filesystem::symlink_status(file, error));
}

tl::expected<DataKey, VaultError> readKeyFile(const std::filesystem::path& file) {
    DataKey key;
    auto bytes = readPrivateFile(file, key.bytes().size());
    if (!bytes) return tl::unexpected(bytes.error());
    if (bytes->size() != key.bytes().size()) return tl::unexpected(VaultError::Malformed);
    std::copy(bytes->begin(), bytes->end(), key.bytes().begin());
    wipe(bytes->data(), bytes->size());
    return key;
}

bool isSame(const DataKey& a, const DataKey& b) {
    return sodium_memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0;
}

}  // namespace

tl::expected<Vault, VaultError> Vault::open(VaultFiles files, const Clock& clock) {
    if (!initCrypto()) return tl::unexpected(VaultError::NoMemory);
    Vault vault(std::move(files), clock);
    if (isThere(vault.m_files.vault)) {
        const auto bytes = readPrivateFile(vault.m_files.vault, VaultFile::encodedSize);
        if (!bytes) return tl::unexpected(bytes.error());
        const auto file = VaultFile::decode(*bytes);
        if (!file) return tl::unexpected(file.error());
        vault.m_file = *file;
        return vault;
    }
    if (!isThere(vault.m_files.keyFile)) {
        if (isThere(vault.m_files.database)) return tl::unexpected(VaultError::NoKey);
        DataKey fresh;
        randombytes_buf(fresh.bytes().data(), fresh.bytes().size());
        const auto written = writePrivateFile(vault.m_files.keyFile, fresh.bytes());
        if (!written) return tl::unexpected(written.error());
    }
    auto unlocked = vault.unlockWithoutPassphrase();
    if (!unlocked) return tl::unexpected(unlocked.error());
    return vault;
}

std::optional<Argon2Cost> Vault::cost() const {
    if (!m_file) return std::nullopt;
    return m_file->cost;
}

tl::expected<VaultFile, VaultError> Vault::beginTry() {
    if (!m_file) return tl::unexpected(VaultError::NotProtected);
    if (m_trying || m_clock->steady() < m_nextTry) return tl::unexpected(VaultError::TooSoon);
    m_trying = true;
    return *m_file;
}

tl::expected<void, VaultError> Vault::endTry(tl::expected<DataKey, VaultError> unwrapped) {
    m_trying = false;
    if (unwrapped && m_key && !isSame(*m_key, *unwrapped)) unwrapped = tl::unexpected(VaultError::WrongPassphrase);
    if (!unwrapped) {
        if (unwrapped.error() == VaultError::WrongPassphrase) m_nextTry = m_clock->steady() + pause;
        return tl::unexpected(unwrapped.error());
    }
    m_key = std::move(*unwrapped);
    forgetKeyFile();
    return {};
}

tl::expected<void, VaultError> Vault::tryPassphrase(const SecretText& passphrase) {
    const auto file = beginTry();
    if (!file) return tl::unexpected(file.error());
    return endTry(file->unwrap(passphrase));
}

tl::expected<void, VaultError> Vault::unlockWithoutPassphrase() {
    if (m_file) return tl::unexpected(VaultError::Locked);
    auto key = readKeyFile(m_files.keyFile);
    if (!key) return tl::unexpected(key.error());
    m_key = std::move(*key);
    return {};
}

void Vault::lock() { m_key.reset(); }

tl::expected<void, VaultError> Vault::protectWith(const VaultFile& wrapped) {
    if (!m_key) return tl::unexpected(VaultError::Locked);
    if (auto written = writePrivateFile(m_files.vault, wrapped.encode()); !written) return written;
    m_file = wrapped;
    return destroyPrivateFile(m_files.keyFile);
}

tl::expected<void, VaultError> Vault::unprotect() {
    if (!m_key) return tl::unexpected(VaultError::Locked);
    if (!m_file) return {};
    if (auto written = writePrivateFile(m_files.keyFile, m_key->bytes()); !written) return written;
    if (auto gone = destroyPrivateFile(m_files.vault); !gone) return gone;
    m_file.reset();
    return {};
}

// A crash between the two steps of protectWith() or unprotect() leaves both; the passphrase counts then.
void Vault::forgetKeyFile() {
    const auto left = readKeyFile(m_files.keyFile);
    if (m_file && left && isSame(*left, *m_key)) (void)destroyPrivateFile(m_files.keyFile);
    if (m_file && !left && left.error() == VaultError::CannotRead)
        (void)destroyPrivateFile(m_files.keyFile);  // what a crash left half destroyed
}

bool Vault::isAllowed(const SecretText& passphrase) {
    return passphrase.view().size() >= shortest && passphrase.view().size() <= longest;
}

}  // namespace netpas::secretary
