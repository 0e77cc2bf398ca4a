#include "core/wire/shim.h"

#include "core/bytes.h"

namespace netpas {

std::string_view describe(ShimError error) {
    switch (error) {
    case ShimError::Truncated: return "the shim is cut short";
    case ShimError::UnknownVersion: return "the shim has an unknown version";
    case ShimError::UnknownKind: return "the shim has an unknown kind";
    case ShimError::ReservedBits: return "a reserved bit of the shim is set";
    case ShimError::EmptySegment: return "the shim allows segments of 0 bytes only";
    }
    return "unknown shim error";
}

tl::expected<ShimKind, ShimError> shimKind(std::span<const uint8_t> bytes) {
    if (bytes.size() < plainShimSize) return tl::unexpected(ShimError::Truncated);
    if (bytes[0] >> 4 != shimVersion) return tl::unexpected(ShimError::UnknownVersion);
    const uint8_t kind = bytes[0] & 0x0f;
    if (kind == static_cast<uint8_t>(ShimKind::Customer)) return ShimKind::Customer;
    if (kind < static_cast<uint8_t>(ShimKind::Transit) || kind > static_cast<uint8_t>(ShimKind::Delivery)) {
        return tl::unexpected(ShimError::UnknownKind);
    }
    if ((bytes[1] | bytes[2] | bytes[3]) != 0) return tl::unexpected(ShimError::ReservedBits);
    return static_cast<ShimKind>(kind);
}

tl::expected<CustomerShim, ShimError> decodeCustomerShim(std::span<const uint8_t> bytes) {
    const auto kind = shimKind(bytes);
    if (!kind) return tl::unexpected(kind.error());
    if (*kind != ShimKind::Customer) return tl::unexpected(ShimError::UnknownKind);
    if (bytes.size() < customerShimSize) return tl::unexpected(ShimError::Truncated);
    if ((bytes[1] & 0xc0) != 0) return tl::unexpected(ShimError::ReservedBits);
    CustomerShim shim;
    shim.burst = static_cast<uint8_t>(bytes[1] + 1);
    shim.segmentLimit = load16(&bytes[2]);
    shim.key = SessionKeyId(load32(&bytes[4]));
    shim.sequence = load64(&bytes[8]);
    shim.tag = load64(&bytes[16]);
    if (shim.segmentLimit == 0) return tl::unexpected(ShimError::EmptySegment);
    return shim;
}

void encodeCustomerShim(const CustomerShim& shim, std::span<uint8_t, customerShimSize> out) {
    out[0] = static_cast<uint8_t>((shimVersion << 4) | static_cast<uint8_t>(ShimKind::Customer));
    out[1] = static_cast<uint8_t>(shim.burst - 1);
    store16(&out[2], shim.segmentLimit);
    store32(&out[4], shim.key.value());
    store64(&out[8], shim.sequence);
    store64(&out[16], shim.tag);
}

void encodePlainShim(ShimKind kind, std::span<uint8_t, plainShimSize> out) {
    store32(out.data(), 0);
    out[0] = static_cast<uint8_t>((shimVersion << 4) | static_cast<uint8_t>(kind));
}

}  // namespace netpas
