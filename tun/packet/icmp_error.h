// "Too big": what a router says when a packet does not fit and must not be fragmented (RFC 792, RFC 1191; RFC 4443 §3.2).
#pragma once

#include "tun/packet/ip_packet.h"

#include <tl/expected.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace netpas::tun {

// Why no error may be sent about a packet (RFC 1122 §3.2.2, RFC 4443 §2.4).
enum class IcmpRefusal : uint8_t {
    AboutIcmpError,    // never an error about an error
    LaterFragment,     // IPv4: only the first fragment is answered
    MayBeFragmented,   // IPv4 without DF
    NoSingleSender,    // the source is unspecified, multicast, broadcast or loopback
    ToManyReceivers,   // IPv4: the destination is multicast or broadcast
    MtuTooSmall,       // below 68 (IPv4) or 1280 (IPv6), which no link may have
    BadRouterAddress,  // not 4 or 16 bytes as the packet's family has it
    NoRoom,            // `out` is shorter than maxIcmpErrorSize
};
[[nodiscard]] std::string_view describe(IcmpRefusal refusal) noexcept;

// IPv4 quotes so that the whole has at most 576 bytes (RFC 1812 §4.3.2.3), IPv6 1280.
inline constexpr size_t maxIcmpErrorSize = 1280;

// Writes the whole IP packet of an ICMPv4 "fragmentation needed" or an ICMPv6 "packet too big", from `router` (raw address, of the packet's
// family) to the packet's sender, and returns its length. `mtu` is the greatest length that the packet may have.
[[nodiscard]] tl::expected<size_t, IcmpRefusal> buildTooBig(const PacketView& packet, uint32_t mtu,
                                                            std::span<const uint8_t> router,
                                                            std::span<uint8_t> out) noexcept;

// The same in the name of the packet's destination, for a sender on this machine: there is no router in between.
[[nodiscard]] tl::expected<size_t, IcmpRefusal> buildTooBig(const PacketView& packet, uint32_t mtu,
                                                            std::span<uint8_t> out) noexcept;

}  // namespace netpas::tun
