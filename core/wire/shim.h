// The shim in front of the accounting header in a UDP datagram (DESIGN §6; core/wire/FORMAT.md).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include <tl/expected.hpp>

#include "core/ids.h"

namespace netpas {

inline constexpr uint16_t dataPort = 46721;        // UDP: shim, accounting header, inner packet
inline constexpr uint16_t accountingPort = 46722;  // TCP: accounting overlay over TLS
inline constexpr uint16_t directoryPort = 46723;   // TCP: directory over HTTPS

enum class ShimKind : uint8_t {
    Customer = 1,  // endhost → first edge router; authenticated
    Transit = 2,   // edge router → edge router of the next ISP
    Internal = 3,  // edge router → edge router of the same ISP
    Delivery = 4,  // last edge router → endpoint that takes part
};

enum class ShimError {
    Truncated,
    UnknownVersion,
    UnknownKind,
    ReservedBits,  // a bit that must be zero is not
    EmptySegment,  // a segment limit of 0
};

[[nodiscard]] std::string_view describe(ShimError error);

inline constexpr uint8_t shimVersion = 1;
inline constexpr size_t plainShimSize = 4;  // Transit, Internal, Delivery
inline constexpr size_t customerShimSize = 24;
inline constexpr size_t taggedShimSize = 16;  // the part of a customer shim that its tag covers
inline constexpr uint8_t maxBurst = 64;

struct CustomerShim {
    uint8_t burst = 1;          // packets that the tag authorises, 1..64
    uint16_t segmentLimit = 0;  // bytes of the longest inner packet of the burst, ≥ 1
    SessionKeyId key;
    uint64_t sequence = 0;  // of the burst's first packet; the next burst has sequence + burst
    uint64_t tag = 0;

    friend bool operator==(const CustomerShim&, const CustomerShim&) = default;
};

// The kind of the shim at the front of `bytes`. Checks version, kind and, for the plain kinds, length and reserved bits.
[[nodiscard]] tl::expected<ShimKind, ShimError> shimKind(std::span<const uint8_t> bytes);
[[nodiscard]] tl::expected<CustomerShim, ShimError> decodeCustomerShim(std::span<const uint8_t> bytes);
// Writes 24 bytes; the tag is what the struct says. burst in 1..64.
void encodeCustomerShim(const CustomerShim& shim, std::span<uint8_t, customerShimSize> out);
void encodePlainShim(ShimKind kind, std::span<uint8_t, plainShimSize> out);

}  // namespace netpas
