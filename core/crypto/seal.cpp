#include "core/crypto/seal.h"

#include <sodium.h>

#include <algorithm>

namespace netpas {

namespace {

constexpr size_t nonceSize = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr size_t tagSize = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr char purpose[crypto_kdf_CONTEXTBYTES + 1] = "NPseal 1";

static_assert(sizeof(Seal::Key) == crypto_kdf_KEYBYTES);
static_assert(sizeof(Seal::Key) == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);

const uint8_t* bytesOf(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }

}  // namespace

Seal::Seal(const Key& master) { crypto_kdf_derive_from_key(m_key.data(), m_key.size(), 1, purpose, master.data()); }

Seal::~Seal() { sodium_memzero(m_key.data(), m_key.size()); }

Bytes Seal::close(ByteView secret, std::string_view place) const {
    Bytes sealed(nonceSize + secret.size() + tagSize);
    randombytes_buf(sealed.data(), nonceSize);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data() + nonceSize, nullptr, secret.data(), secret.size(),
                                               bytesOf(place), place.size(), nullptr, sealed.data(), m_key.data());
    return sealed;
}

std::optional<Bytes> Seal::open(ByteView sealed, std::string_view place) const {
    if (sealed.size() < nonceSize + tagSize) return std::nullopt;
    Bytes secret(sealed.size() - nonceSize - tagSize);
    const bool good = crypto_aead_xchacha20poly1305_ietf_decrypt(
                          secret.data(), nullptr, nullptr, sealed.data() + nonceSize, sealed.size() - nonceSize,
                          bytesOf(place), place.size(), sealed.data(), m_key.data()) == 0;
    if (!good) return std::nullopt;
    return secret;
}

}  // namespace netpas
