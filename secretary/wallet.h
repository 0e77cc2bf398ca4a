// The user's identity, and the session keys minted under it (DESIGN §6, NetPaS §4.1.2). One thread.
#pragma once

#include <filesystem>
#include <vector>

#include <tl/expected.hpp>

#include "core/crypto/identity.h"
#include "core/session_key.h"

namespace netpas::secretary {

class Wallet {
public:
    // Loads the identity, or makes one at the first start.
    [[nodiscard]] static tl::expected<Wallet, IdentityError> open(const std::filesystem::path& identityFile);

    [[nodiscard]] const Identity& identity() const { return m_identity; }
    // A fresh key: identifier and secret are random, the identifier never 0. The secret is in memory only, here and in
    // what the caller makes of it.
    [[nodiscard]] SessionKey mint(Money cap, Money capPerSecond, std::vector<IspId> allowed, SystemTime expires) const;

private:
    explicit Wallet(Identity identity) : m_identity(std::move(identity)) {}
    Identity m_identity;
};

}  // namespace netpas::secretary
