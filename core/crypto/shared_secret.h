// What two identities know together and nobody else does (X25519 between their keys, as RFC 7748 has it).
#pragma once

#include <array>
#include <optional>

#include "core/crypto/identity.h"

namespace netpas {

using SharedSecret = std::array<uint8_t, 32>;

// The same from either end. Nothing: `theirs` is no key that anybody could have. Pure; any thread.
[[nodiscard]] std::optional<SharedSecret> sharedSecret(const Identity& mine, const PublicKey& theirs);

}  // namespace netpas
