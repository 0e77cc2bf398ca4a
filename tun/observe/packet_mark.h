// What a packet is known by at every node that it passes: a hash over what no hop changes. Pure, any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "core/bytes.h"
#include "core/net_address.h"

namespace netpas::tun {

struct PacketMark {
    IpAddress source, destination;
    uint64_t hash = 0;
};

// Enough of any packet, from its IP header on.
inline constexpr size_t markedBytes = 128;

// `packet` begins with the IP header and may end early. Nothing: it is no IP packet, it is a later fragment, or not enough of it is there.
//
// The hash is over addresses, protocol, the transport header without its checksum (TCP 20 bytes, UDP and others the first four) and 40 bytes behind that or as many as the
// packet has: never TTL, traffic class, checksum or length.
[[nodiscard]] std::optional<PacketMark> markOf(ByteView packet);
// The same number for the same two addresses.
[[nodiscard]] uint64_t flowNumber(const IpAddress& source, const IpAddress& destination);

}  // namespace netpas::tun
