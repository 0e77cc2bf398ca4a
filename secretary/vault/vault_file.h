// The database's key, wrapped with a key that Argon2id derives from a passphrase. Pure: no file, no clock.
//
// Format (big endian): magic "NETPASV" and version 1 (8 bytes) · passes (4) · memory in KiB (4) · salt (16) · nonce (24) ·
// key under XChaCha20-Poly1305 with all of the above authenticated (48).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "secretary/vault/secret.h"
#include "secretary/vault/vault_error.h"

namespace netpas::secretary {

struct Argon2Cost {
    uint32_t passes = 3;
    uint32_t memoryKib = 64 * 1024;

    // 64 MiB; on a machine with little memory (a dongle with 64 MB) 8 MiB with more passes.
    [[nodiscard]] static Argon2Cost forThisMachine();
    [[nodiscard]] static constexpr Argon2Cost small() { return {12, 8 * 1024}; }
    // Neither so little that it protects nothing, nor so much that a forged file takes the machine down.
    [[nodiscard]] constexpr bool isAllowed() const {
        return passes >= 1 && passes <= 64 && memoryKib >= 1024 && memoryKib <= 1024 * 1024;
    }
    bool operator==(const Argon2Cost&) const = default;
};

using Argon2Salt = std::array<uint8_t, 16>;

// Takes a tenth of a second to seconds, and the memory of `cost`. Any thread.
[[nodiscard]] tl::expected<DataKey, VaultError> deriveKey(const SecretText& passphrase, const Argon2Cost& cost,
                                                          const Argon2Salt& salt);

struct VaultFile {
    static constexpr size_t encodedSize = 104;

    Argon2Cost cost;
    Argon2Salt salt{};
    std::array<uint8_t, 24> nonce{};
    std::array<uint8_t, 48> wrapped{};

    [[nodiscard]] Bytes encode() const;
    [[nodiscard]] static tl::expected<VaultFile, VaultError> decode(ByteView bytes);

    // Both derive: see deriveKey.
    [[nodiscard]] static tl::expected<VaultFile, VaultError> wrap(const DataKey& key, const SecretText& passphrase,
                                                                  const Argon2Cost& cost);
    [[nodiscard]] tl::expected<DataKey, VaultError> unwrap(const SecretText& passphrase) const;

    bool operator==(const VaultFile&) const = default;
};

}  // namespace netpas::secretary
