#include "core/crypto/tag.h"

#include <cstring>

#include <sodium.h>

#include "core/bytes.h"

namespace netpas {

static_assert(crypto_shorthash_siphash24_KEYBYTES == std::tuple_size_v<TagKey>);
static_assert(crypto_shorthash_siphash24_BYTES == sizeof(uint64_t));

uint64_t customerTag(const TagKey& key, std::span<const uint8_t, 16> shim, std::span<const uint8_t> header,
                     const TagInner& inner) {
    std::array<uint8_t, 16 + 80 + 2 + 32 + 4> message;  // every byte that is hashed is written below
    size_t length = 0;
    const auto append = [&](std::span<const uint8_t> part) {
        if (part.empty() || part.size() > message.size() - length)
            return;  // no caller has such a part; never past the end
        std::memcpy(message.data() + length, part.data(), part.size());
        length += part.size();
    };
    append(shim);
    append(header);
    const std::array<uint8_t, 2> kind = {inner.version, inner.protocol};
    append(kind);
    append(inner.src);
    append(inner.dst);
    std::array<uint8_t, 4> ports{};
    store16(ports.data(), inner.srcPort);
    store16(ports.data() + 2, inner.dstPort);
    append(ports);
    std::array<uint8_t, 8> tag{};
    crypto_shorthash_siphash24(tag.data(), message.data(), length, key.data());
    return load64(tag.data());
}

bool tagsEqual(uint64_t a, uint64_t b) { return sodium_memcmp(&a, &b, sizeof a) == 0; }

}  // namespace netpas
