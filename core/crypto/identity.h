// Ed25519 identities of users and ISPs (DESIGN §8).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "core/ids.h"

namespace netpas {

// Call once before anything random or cryptographic; false when libsodium cannot start. Any thread, idempotent.
[[nodiscard]] bool initCrypto();

struct PublicKey {
    std::array<uint8_t, 32> bytes{};

    [[nodiscard]] static std::optional<PublicKey> parse(std::string_view hex);
    [[nodiscard]] std::string hex() const;
    [[nodiscard]] NodeId nodeId() const;
    friend auto operator<=>(const PublicKey&, const PublicKey&) = default;
};

struct Signature {
    std::array<uint8_t, 64> bytes{};
    friend auto operator<=>(const Signature&, const Signature&) = default;
};

enum class IdentityError {
    CannotRead,  // missing or unreadable file
    CannotWrite,
    TooOpen,    // others may read the file: chmod 600
    Malformed,  // not 64 hexadecimal digits
};

[[nodiscard]] std::string_view describe(IdentityError error);

// A private key. Wiped from memory at the end of its life; moved, never copied.
class Identity {
public:
    using Seed = std::array<uint8_t, 32>;

    [[nodiscard]] static Identity generate();
    [[nodiscard]] static Identity fromSeed(const Seed& seed);
    // The file holds the seed as 64 hexadecimal digits and is readable by its owner only.
    [[nodiscard]] static tl::expected<Identity, IdentityError> load(const std::filesystem::path& file);
    // Creates the file (mode 0600, synced) or loads what is there.
    [[nodiscard]] static tl::expected<Identity, IdentityError> loadOrCreate(const std::filesystem::path& file);

    Identity(Identity&& other) noexcept;
    Identity& operator=(Identity&& other) noexcept;
    Identity(const Identity&) = delete;
    Identity& operator=(const Identity&) = delete;
    ~Identity();

    [[nodiscard]] const PublicKey& publicKey() const { return m_public; }
    [[nodiscard]] NodeId nodeId() const { return m_public.nodeId(); }
    [[nodiscard]] Signature sign(std::span<const uint8_t> message) const;
    // For the TLS library, which wants the key itself. The caller wipes its copy.
    [[nodiscard]] Seed seed() const;

private:
    Identity() = default;

    std::array<uint8_t, 64> m_secret{};  // libsodium's form: seed, then public key
    PublicKey m_public;
};

[[nodiscard]] bool verify(const PublicKey& key, std::span<const uint8_t> message, const Signature& signature);

[[nodiscard]] std::array<uint8_t, 32> blake2b256(std::span<const uint8_t> message);

}  // namespace netpas
