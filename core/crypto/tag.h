// The keyed tag of a customer shim: SipHash-2-4 (DESIGN §6).
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace netpas {

using TagKey = std::array<uint8_t, 16>;

// What the tag covers of the inner packet. Lengths, IP id, checksums and TCP sequence are left out, because segmentation
// offload changes them after the tag is made.
struct TagInner {
    uint8_t version = 0;           // 4 or 6
    uint8_t protocol = 0;          // upper layer
    std::span<const uint8_t> src;  // 4 or 16 bytes
    std::span<const uint8_t> dst;
    uint16_t srcPort = 0;  // 0 without ports and in fragments that are not the first
    uint16_t dstPort = 0;
};

// `shim`: the first 16 bytes of the customer shim; `header`: the padded accounting header, at most 80 bytes, with the
// exit points as the sender wrote them.
[[nodiscard]] uint64_t customerTag(const TagKey& key, std::span<const uint8_t, 16> shim,
                                   std::span<const uint8_t> header, const TagInner& inner);

// In constant time.
[[nodiscard]] bool tagsEqual(uint64_t a, uint64_t b);

}  // namespace netpas
