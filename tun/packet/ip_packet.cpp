#include "tun/packet/ip_packet.h"

#include "core/bytes.h"
#include "tun/packet/checksum.h"

namespace netpas::tun {
namespace {

constexpr size_t ipv4HeaderSize = 20;
constexpr size_t ipv6HeaderSize = 40;
constexpr size_t maxExtensions = 8;
constexpr size_t tcpHeaderSize = 20;
constexpr size_t udpHeaderSize = 8;
constexpr size_t icmpHeaderSize = 8;
constexpr size_t quotedTransport = 8;  // what every ICMP error quotes at least (RFC 792)

using Failure = tl::unexpected<PacketError>;

// `whole`: the packet is complete; otherwise it is a quote, whose own lengths may promise more than there is.
struct Scan {
    std::span<const uint8_t> bytes;
    PacketView& view;  // written in place: copying what has just been written byte by byte costs more than all the rest
    bool whole;
    PacketError error = PacketError::Empty;

    // The steps say false when `error` tells why.
    bool run() noexcept;
    bool ipv4() noexcept;
    bool ipv6() noexcept;
    bool ipv6Extensions() noexcept;
    bool ipv6Fragment(const uint8_t* header) noexcept;
    bool length(size_t stated, size_t header) noexcept;
    bool fragmentLength() noexcept;
    bool transport() noexcept;
    bool tcp() noexcept;
    bool udp() noexcept;

    bool refuse(PacketError why) noexcept {
        error = why;
        return false;
    }
    [[nodiscard]] size_t available() const noexcept { return bytes.size() - view.l4Offset; }
    void ports() noexcept {
        view.sourcePort = load16(bytes.data() + view.l4Offset);
        view.destinationPort = load16(bytes.data() + view.l4Offset + 2);
    }
};

bool Scan::run() noexcept {
    if (bytes.empty()) return refuse(PacketError::Empty);
    view.data = bytes.data();
    view.version = bytes[0] >> 4;
    if (view.version != 4 && view.version != 6) return refuse(PacketError::UnknownVersion);
    return (view.version == 4 ? ipv4() : ipv6()) && transport();
}

bool Scan::length(size_t stated, size_t header) noexcept {
    if (stated < header) return refuse(PacketError::LengthBelowHeader);
    if (whole && stated > bytes.size()) return refuse(PacketError::LengthBeyondPacket);
    if (whole && stated < bytes.size()) return refuse(PacketError::BytesBehindPacket);
    // A quote may have padding or ICMP extensions (RFC 4884) behind it.
    if (stated < bytes.size()) bytes = bytes.first(stated);
    view.totalLength = static_cast<uint32_t>(bytes.size());
    return true;
}

bool Scan::ipv4() noexcept {
    if (bytes.size() < ipv4HeaderSize) return refuse(PacketError::TruncatedIpHeader);
    const uint8_t* ip = bytes.data();
    const size_t header = size_t{ip[0] & 0x0fu} * 4;
    if (header < ipv4HeaderSize) return refuse(PacketError::BadIpHeaderLength);
    if (header > bytes.size()) return refuse(PacketError::TruncatedIpHeader);
    if (!length(load16(ip + 2), header)) return false;

    const uint16_t fragmentField = load16(ip + 6);
    view.l4Offset = static_cast<uint16_t>(header);
    view.extensions = header > ipv4HeaderSize;
    view.protocol = ip[9];
    view.fragmentId = load16(ip + 4);
    view.dontFragment = (fragmentField & 0x4000) != 0;
    view.fragmentOffset = static_cast<uint16_t>((fragmentField & 0x1fff) * 8);
    const bool more = (fragmentField & 0x2000) != 0;
    view.fragment = more || view.fragmentOffset != 0;
    view.firstFragment = more && view.fragmentOffset == 0;
    if (!view.fragment) return true;
    if (whole && more && available() % 8 != 0) return refuse(PacketError::BadFragment);
    return fragmentLength();
}

// A fragment must not reach beyond what a reassembled packet can be.
bool Scan::fragmentLength() noexcept {
    if (whole && size_t{view.fragmentOffset} + available() > 65535) return refuse(PacketError::BadFragment);
    return true;
}

bool Scan::ipv6() noexcept {
    if (bytes.size() < ipv6HeaderSize) return refuse(PacketError::TruncatedIpHeader);
    const size_t stated = ipv6HeaderSize + load16(bytes.data() + 4);
    if (!length(stated, ipv6HeaderSize)) return false;
    view.dontFragment = true;
    view.l4Offset = ipv6HeaderSize;
    view.protocol = bytes[6];
    return ipv6Extensions();
}

bool Scan::ipv6Extensions() noexcept {
    for (size_t seen = 0;; ++seen) {
        const bool known = view.protocol == ipproto::hopByHop || view.protocol == ipproto::routing ||
                           view.protocol == ipproto::fragment || view.protocol == ipproto::authentication ||
                           view.protocol == ipproto::destinationOptions;
        if (!known) return true;
        if (seen == maxExtensions) return refuse(PacketError::TooManyExtensions);
        if (view.protocol == ipproto::hopByHop && seen > 0) return refuse(PacketError::MisplacedHopByHop);
        if (available() < 8) return refuse(PacketError::TruncatedExtension);
        const uint8_t* header = bytes.data() + view.l4Offset;
        size_t size = (size_t{header[1]} + 1) * 8;
        if (view.protocol == ipproto::authentication) size = (size_t{header[1]} + 2) * 4;
        if (view.protocol == ipproto::fragment) size = 8;
        if (size > available()) return refuse(PacketError::TruncatedExtension);
        const bool isFragment = view.protocol == ipproto::fragment;
        if (view.protocol == ipproto::routing && header[3] != 0) view.sourceRouted = true;
        view.extensions = true;
        view.l4Offset = static_cast<uint16_t>(view.l4Offset + size);
        view.protocol = header[0];
        if (!isFragment) continue;
        if (!ipv6Fragment(header)) return false;
        // What follows the header of a later fragment is payload, whatever the next header would be.
        if (view.fragmentOffset != 0) return true;
    }
}

bool Scan::ipv6Fragment(const uint8_t* header) noexcept {
    const uint16_t field = load16(header + 2);
    const bool more = (field & 1) != 0;
    view.fragmentOffset = static_cast<uint16_t>(field & 0xfff8);
    view.fragment = more || view.fragmentOffset != 0;
    view.firstFragment = more && view.fragmentOffset == 0;
    view.fragmentId = load32(header + 4);
    if (whole && more && available() % 8 != 0) return refuse(PacketError::BadFragment);
    return fragmentLength();
}

bool Scan::transport() noexcept {
    if (view.fragment && !view.firstFragment) return true;
    if (view.protocol == ipproto::tcp) return tcp();
    if (view.protocol == ipproto::udp) return udp();
    const uint8_t icmpOfFamily = view.version == 4 ? ipproto::icmp : ipproto::icmp6;
    if (view.protocol != icmpOfFamily) return true;
    // ICMPv6 has messages of 4 bytes on paper only; every one defined has 8.
    if (available() < icmpHeaderSize) return refuse(PacketError::TruncatedTransport);
    view.l4HeaderLength = icmpHeaderSize;
    return true;
}

bool Scan::tcp() noexcept {
    if (available() < quotedTransport) return refuse(PacketError::TruncatedTransport);
    ports();
    // A quote, or a first fragment at the smallest MTU, may end within the TCP header: then it is only known up to there.
    if ((!whole || view.fragment) && available() < tcpHeaderSize) {
        view.l4HeaderLength = static_cast<uint16_t>(available());
        return true;
    }
    if (available() < tcpHeaderSize) return refuse(PacketError::TruncatedTransport);
    const size_t header = static_cast<size_t>(bytes[view.l4Offset + 12u] >> 4) * 4;
    if (header < tcpHeaderSize) return refuse(PacketError::BadTcpHeaderLength);
    if (header > available()) {
        if (whole && !view.fragment) return refuse(PacketError::BadTcpHeaderLength);
        view.l4HeaderLength = static_cast<uint16_t>(available());
        return true;
    }
    view.l4HeaderLength = static_cast<uint16_t>(header);
    return true;
}

bool Scan::udp() noexcept {
    if (available() < udpHeaderSize) return refuse(PacketError::TruncatedTransport);
    ports();
    view.l4HeaderLength = udpHeaderSize;
    const size_t stated = load16(bytes.data() + view.l4Offset + 4);
    if (stated < udpHeaderSize) return refuse(PacketError::BadUdpLength);
    if (whole && !view.fragment && stated > available()) return refuse(PacketError::BadUdpLength);
    return true;
}

FlowKey keyOf(const PacketView& packet) noexcept {
    FlowKey key;
    key.src = IpAddress::fromBytes(packet.source()).value_or(IpAddress{});
    key.dst = IpAddress::fromBytes(packet.destination()).value_or(IpAddress{});
    key.protocol = packet.protocol;
    key.srcPort = packet.sourcePort;
    key.dstPort = packet.destinationPort;
    return key;
}

}  // namespace

std::string_view describe(PacketError error) noexcept {
    switch (error) {
    case PacketError::Empty: return "empty packet";
    case PacketError::UnknownVersion: return "neither IPv4 nor IPv6";
    case PacketError::TruncatedIpHeader: return "IP header cut off";
    case PacketError::BadIpHeaderLength: return "IPv4 header length below 20";
    case PacketError::LengthBelowHeader: return "packet length below its header's";
    case PacketError::LengthBeyondPacket: return "packet shorter than it says";
    case PacketError::BytesBehindPacket: return "packet longer than it says";
    case PacketError::BadFragment: return "impossible fragment";
    case PacketError::TruncatedExtension: return "IPv6 extension header cut off";
    case PacketError::TooManyExtensions: return "too many IPv6 extension headers";
    case PacketError::MisplacedHopByHop: return "misplaced hop-by-hop options";
    case PacketError::TruncatedTransport: return "upper-layer header cut off";
    case PacketError::BadTcpHeaderLength: return "bad TCP header length";
    case PacketError::BadUdpLength: return "bad UDP length";
    }
    return "unknown packet error";
}

tl::expected<PacketView, PacketError> parseHeaders(std::span<const uint8_t> packet) noexcept {
    tl::expected<PacketView, PacketError> result;
    Scan scan{packet, *result, true};
    if (!scan.run()) result = Failure(scan.error);
    return result;
}

tl::expected<PacketView, PacketError> parseQuotedHeaders(std::span<const uint8_t> quote) noexcept {
    tl::expected<PacketView, PacketError> result;
    Scan scan{quote, *result, false};
    if (!scan.run()) result = Failure(scan.error);
    return result;
}

bool isIcmpError(const PacketView& packet) noexcept {
    if (packet.l4HeaderLength < icmpHeaderSize) return false;
    const uint8_t type = packet.data[packet.l4Offset];
    if (packet.version == 6) return packet.protocol == ipproto::icmp6 && type < 128;
    // Unreachable, source quench, redirect, time exceeded, parameter problem.
    return packet.protocol == ipproto::icmp && (type == 3 || type == 4 || type == 5 || type == 11 || type == 12);
}

tl::expected<ParsedPacket, PacketError> parsePacket(std::span<const uint8_t> packet) noexcept {
    const auto view = parseHeaders(packet);
    if (!view) return Failure(view.error());
    ParsedPacket parsed{*view, keyOf(*view), std::nullopt};
    if (isIcmpError(*view)) {
        const auto quote = parseQuotedHeaders(packet.subspan(view->headersLength()));
        if (quote && quote->version == view->version) parsed.quoted = keyOf(*quote);
    }
    return parsed;
}

FlowKey flowOf(const PacketView& packet) noexcept { return keyOf(packet); }

void rewriteDscp(std::span<uint8_t> packet, uint8_t dscp) noexcept {
    const uint16_t before = load16(packet.data());
    if (packet[0] >> 4 == 6) {
        // Version 4 bits, traffic class 8, flow label.
        store16(packet.data(), static_cast<uint16_t>((before & 0xf03f) | (dscp & 0x3f) << 6));
        return;
    }
    const auto after = static_cast<uint16_t>((before & 0xff03) | (dscp & 0x3f) << 2);
    store16(packet.data(), after);
    store16(packet.data() + 10, adjustChecksum(load16(packet.data() + 10), before, after));
}

}  // namespace netpas::tun
