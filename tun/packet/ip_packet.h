// Reading IPv4 and IPv6 packets: where the headers lie, which flow a packet belongs to, and whether its lengths agree with each other.
//
// parseHeaders() is what the packet threads use: no copy, no allocation, no exception. parsePacket() adds the flow as addresses, and the
// flow which an ICMP error quotes. Both refuse a packet that contradicts itself; a packet that was refused is never rewritten by anyone.
#pragma once

#include "core/flow.h"

#include <tl/expected.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

// IPv6 extension headers, beside the protocols that core names.
namespace netpas::ipproto {
inline constexpr uint8_t hopByHop = 0;
inline constexpr uint8_t routing = 43;
inline constexpr uint8_t fragment = 44;
inline constexpr uint8_t authentication = 51;
inline constexpr uint8_t destinationOptions = 60;
}  // namespace netpas::ipproto

namespace netpas::tun {

namespace tcp_flag {
inline constexpr uint8_t fin = 0x01;
inline constexpr uint8_t syn = 0x02;
inline constexpr uint8_t rst = 0x04;
inline constexpr uint8_t psh = 0x08;
inline constexpr uint8_t ack = 0x10;
inline constexpr uint8_t urg = 0x20;
inline constexpr uint8_t ece = 0x40;
inline constexpr uint8_t cwr = 0x80;
}  // namespace tcp_flag

enum class PacketError : uint8_t {
    Empty,
    UnknownVersion,
    TruncatedIpHeader,   // fewer bytes than the fixed IP header, or than the IPv4 header length says
    BadIpHeaderLength,   // IPv4 header length below 20
    LengthBelowHeader,   // the packet's length field is smaller than its own header
    LengthBeyondPacket,  // the length field promises more bytes than there are
    BytesBehindPacket,   // there are more bytes than the length field says
    BadFragment,         // not a multiple of 8 although more follow, or it ends beyond 65535
    TruncatedExtension,  // an IPv6 extension header reaches beyond the packet
    TooManyExtensions,   // more than 8 IPv6 extension headers
    MisplacedHopByHop,   // hop-by-hop options that do not follow the IPv6 header at once
    TruncatedTransport,  // no room for the TCP, UDP or ICMP header
    BadTcpHeaderLength,  // TCP data offset below 5 or beyond the packet
    BadUdpLength,        // UDP length below 8 or beyond the packet
};
[[nodiscard]] std::string_view describe(PacketError error) noexcept;

// What parseHeaders() found. Refers to the packet's bytes, which must outlive it.
struct PacketView {
    const uint8_t* data = nullptr;
    uint32_t totalLength = 0;  // bytes, IP header included
    uint32_t fragmentId = 0;   // IPv4: always the identification field; IPv6: 0 without fragment header
    uint16_t l4Offset =
        0;  // where the upper-layer header (or a later fragment's payload) begins: IP header with extensions
    uint16_t l4HeaderLength = 0;  // TCP with options, UDP 8, ICMP 8; 0 for other protocols and for later fragments
    uint16_t sourcePort = 0;      // host order; 0 where the packet has no ports
    uint16_t destinationPort = 0;
    uint16_t fragmentOffset = 0;  // bytes
    uint8_t version = 0;          // 4 or 6
    uint8_t protocol = 0;         // the upper protocol, behind IPv6 extension headers
    bool fragment = false;        // one of several fragments (an IPv6 atomic fragment is none)
    bool firstFragment = false;   // a fragment, and the one that has the upper-layer header
    bool dontFragment = false;    // IPv4 DF; always true for IPv6
    bool extensions = false;      // IPv4 options or IPv6 extension headers stand between the fixed header and l4Offset
    bool sourceRouted =
        false;  // an IPv6 routing header with segments left: the destination address is not the final one

    [[nodiscard]] std::span<const uint8_t> bytes() const noexcept { return {data, totalLength}; }
    [[nodiscard]] std::span<const uint8_t> source() const noexcept {
        return version == 4 ? std::span{data + 12, 4} : std::span{data + 8, 16};
    }
    [[nodiscard]] std::span<const uint8_t> destination() const noexcept {
        return version == 4 ? std::span{data + 16, 4} : std::span{data + 24, 16};
    }
    // TOS or traffic class: DSCP in the upper 6 bits, ECN in the lower 2.
    [[nodiscard]] uint8_t trafficClass() const noexcept {
        return version == 4 ? data[1] : static_cast<uint8_t>(data[0] << 4 | data[1] >> 4);
    }
    [[nodiscard]] size_t headersLength() const noexcept { return size_t{l4Offset} + l4HeaderLength; }
    [[nodiscard]] size_t payloadLength() const noexcept { return totalLength - headersLength(); }
    // False for every fragment: only then may l4 fields be rewritten.
    [[nodiscard]] bool wholeTcp() const noexcept { return protocol == ipproto::tcp && !fragment; }
    [[nodiscard]] bool wholeUdp() const noexcept { return protocol == ipproto::udp && !fragment; }
};

// The packet must be exactly as long as it says.
[[nodiscard]] tl::expected<PacketView, PacketError> parseHeaders(std::span<const uint8_t> packet) noexcept;

// Reads what an ICMP error quotes: as parseHeaders(), but the packet may be cut off anywhere behind the first 8 upper-layer bytes.
[[nodiscard]] tl::expected<PacketView, PacketError> parseQuotedHeaders(std::span<const uint8_t> quote) noexcept;

// Whether the packet is an ICMP or ICMPv6 error message, that is, quotes another packet.
[[nodiscard]] bool isIcmpError(const PacketView& packet) noexcept;

struct ParsedPacket : PacketView {
    FlowKey flow;
    std::optional<FlowKey>
        quoted;  // ICMP errors only: the flow as the packet that caused the error had it (source = its sender)
};
[[nodiscard]] tl::expected<ParsedPacket, PacketError> parsePacket(std::span<const uint8_t> packet) noexcept;

[[nodiscard]] FlowKey flowOf(const PacketView& packet) noexcept;

// Replaces the DSCP and leaves the ECN bits; keeps the IPv4 header checksum right (or as wrong as it was). The packet has been parsed.
void rewriteDscp(std::span<uint8_t> packet, uint8_t dscp) noexcept;

}  // namespace netpas::tun
