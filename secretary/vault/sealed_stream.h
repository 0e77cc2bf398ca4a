// A stream of any length under a passphrase: nobody without it reads it, changes it, cuts it short or puts it together
// anew. Pure: no file.
//
// Format (big endian): magic "NETPASB" and version 1 (8 bytes) · Argon2id passes (4) · memory in KiB (4) · salt (16) ·
// header of libsodium's secretstream (24) · chunks of 65,536 bytes and the last of any length, each with 17 bytes more
// (XChaCha20-Poly1305); the last one is marked as such, the first authenticates all of the above.
#pragma once

#include <memory>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "secretary/vault/vault_file.h"

namespace netpas::secretary {

inline constexpr size_t sealedChunk = 65536;
inline constexpr size_t sealedOverhead = 17;

struct SealedHead {
    static constexpr size_t encodedSize = 56;

    Argon2Cost cost;
    Argon2Salt salt{};
    std::array<uint8_t, 24> stream{};

    [[nodiscard]] Bytes encode() const;
    [[nodiscard]] static tl::expected<SealedHead, VaultError> decode(ByteView bytes);
    bool operator==(const SealedHead&) const = default;
};

class Sealer {
public:
    // Derives the key.
    [[nodiscard]] static tl::expected<Sealer, VaultError> begin(const SecretText& passphrase, const Argon2Cost& cost);
    Sealer(Sealer&&) noexcept;
    ~Sealer();

    [[nodiscard]] const SealedHead& head() const;
    // A whole chunk; the last one may be shorter, even empty.
    [[nodiscard]] Bytes seal(ByteView chunk, bool last);

private:
    struct State;
    explicit Sealer(std::unique_ptr<State> state);
    std::unique_ptr<State> m_state;
};

class Unsealer {
public:
    // Derives the key; a wrong passphrase shows at the first chunk.
    [[nodiscard]] static tl::expected<Unsealer, VaultError> begin(const SealedHead& head, const SecretText& passphrase);
    Unsealer(Unsealer&&) noexcept;
    ~Unsealer();

    // The first chunk fails as WrongPassphrase, later ones as Malformed. Nothing may follow the last one.
    [[nodiscard]] tl::expected<Bytes, VaultError> open(ByteView chunk);
    // The last chunk was opened: nothing is missing.
    [[nodiscard]] bool finished() const;

private:
    struct State;
    explicit Unsealer(std::unique_ptr<State> state);
    std::unique_ptr<State> m_state;
};

}  // namespace netpas::secretary
