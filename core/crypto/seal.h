// Secrets in a store that others can read: sealed with a key that stays with the program (XChaCha20-Poly1305).
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "core/bytes.h"

namespace netpas {

// Copies keep the key; it is wiped with each. Pure but for the randomness of nonces; any thread.
class Seal {
public:
    using Key = std::array<uint8_t, 32>;

    // The key is derived from `master`, so that the same one may serve other purposes.
    explicit Seal(const Key& master);
    Seal(const Seal&) = default;
    Seal& operator=(const Seal&) = default;
    ~Seal();

    // `place` says where it is kept: what is sealed opens nowhere else.
    [[nodiscard]] Bytes close(ByteView secret, std::string_view place) const;
    // Nothing: another key, another place, or changed.
    [[nodiscard]] std::optional<Bytes> open(ByteView sealed, std::string_view place) const;

private:
    Key m_key{};
};

}  // namespace netpas
