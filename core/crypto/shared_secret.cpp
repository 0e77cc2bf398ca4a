#include "core/crypto/shared_secret.h"

#include <sodium.h>

namespace netpas {

std::optional<SharedSecret> sharedSecret(const Identity& mine, const PublicKey& theirs) {
    std::array<uint8_t, crypto_scalarmult_curve25519_BYTES> here{}, there{}, point{};
    std::array<uint8_t, crypto_sign_ed25519_SECRETKEYBYTES> key{};
    Identity::Seed seed = mine.seed();
    PublicKey unused;
    crypto_sign_ed25519_seed_keypair(unused.bytes.data(), key.data(), seed.data());
    const bool good = crypto_sign_ed25519_sk_to_curve25519(here.data(), key.data()) == 0 &&
                      crypto_sign_ed25519_pk_to_curve25519(there.data(), theirs.bytes.data()) == 0 &&
                      crypto_scalarmult_curve25519(point.data(), here.data(), there.data()) == 0;
    const auto secret = blake2b256(point);  // a point is not evenly spread
    sodium_memzero(seed.data(), seed.size());
    sodium_memzero(key.data(), key.size());
    sodium_memzero(here.data(), here.size());
    sodium_memzero(point.data(), point.size());
    return good ? std::optional(secret) : std::nullopt;
}

}  // namespace netpas
