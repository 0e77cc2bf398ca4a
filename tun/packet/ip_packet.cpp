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
    bool whole;
    PacketView view;

    tl::expected<PacketView, PacketError> run() noexcept;
    tl::expected<void, PacketError> ipv4() noexcept;
    tl::expected<void, PacketError> ipv6() noexcept;
    tl::expected<void, PacketError> ipv6Extensions() noexcept;
    tl::expected<void, PacketError> ipv6Fragment(const uint8_t* header) noexcept;
    tl::expected<void, PacketError> length(size_t stated, size_t header) noexcept;
    tl::expected<void, PacketError> fragmentLength() const noexcept;
    tl::expected<void, PacketError> transport() noexcept;
    tl::expected<void, PacketError> tcp() noexcept;
    tl::expected<void, PacketError> udp() noexcept;

    [[nodiscard]] size_t available() const noexcept { return bytes.size() - view.l4Offset; }
    void ports() noexcept {
        view.sourcePort = load16(bytes.data() + view.l4Offset);
        view.destinationPort = load16(bytes.data() + view.l4Offset + 2);
    }
};

tl::expected<PacketView, PacketError> Scan::run() noexcept {
    if (bytes.empty()) return Failure(PacketError::Empty);
    view.data = bytes.data();
    view.version = bytes[0] >> 4;
    if (view.version != 4 && view.version != 6) return Failure(PacketError::UnknownVersion);
    if (const auto ip = view.version == 4 ? ipv4() : ipv6(); !ip) return Failure(ip.error());
    if (const auto upper = transport(); !upper) return Failure(upper.error());
    return view;
}

tl::expected<void, PacketError> Scan::length(size_t stated, size_t header) noexcept {
    if (stated < header) return Failure(PacketError::LengthBelowHeader);
    if (whole && stated > bytes.size()) return Failure(PacketError::LengthBeyondPacket);
    if (whole && stated < bytes.size()) return Failure(PacketError::BytesBehindPacket);
    // A quote may have padding or ICMP extensions (RFC 4884) behind it.
    if (stated < bytes.size()) bytes = bytes.first(stated);
    view.totalLength = static_cast<uint32_t>(bytes.size());
    return {};
}

tl::expected<void, PacketError> Scan::ipv4() noexcept {
    if (bytes.size() < ipv4HeaderSize) return Failure(PacketError::TruncatedIpHeader);
    const uint8_t* ip = bytes.data();
    const size_t header = size_t{ip[0] & 0x0fu} * 4;
    if (header < ipv4HeaderSize) return Failure(PacketError::BadIpHeaderLength);
    if (header > bytes.size()) return Failure(PacketError::TruncatedIpHeader);
    if (const auto fits = length(load16(ip + 2), header); !fits) return fits;

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
    if (!view.fragment) return {};
    if (whole && more && available() % 8 != 0) return Failure(PacketError::BadFragment);
    return fragmentLength();
}

// A fragment must not reach beyond what a reassembled packet can be.
tl::expected<void, PacketError> Scan::fragmentLength() const noexcept {
    if (whole && size_t{view.fragmentOffset} + available() > 65535) return Failure(PacketError::BadFragment);
    return {};
}

tl::expected<void, PacketError> Scan::ipv6() noexcept {
    if (bytes.size() < ipv6HeaderSize) return Failure(PacketError::TruncatedIpHeader);
    const size_t stated = ipv6HeaderSize + load16(bytes.data() + 4);
    if (const auto fits = length(stated, ipv6HeaderSize); !fits) return fits;
    view.dontFragment = true;
    view.l4Offset = ipv6HeaderSize;
    view.protocol = bytes[6];
    return ipv6Extensions();
}

tl::expected<void, PacketError> Scan::ipv6Extensions() noexcept {
    for (size_t seen = 0;; ++seen) {
        const bool known = view.protocol == ipproto::hopByHop || view.protocol == ipproto::routing ||
                           view.protocol == ipproto::fragment || view.protocol == ipproto::authentication ||
                           view.protocol == ipproto::destinationOptions;
        if (!known) return {};
        if (seen == maxExtensions) return Failure(PacketError::TooManyExtensions);
        if (view.protocol == ipproto::hopByHop && seen > 0) return Failure(PacketError::MisplacedHopByHop);
        if (available() < 8) return Failure(PacketError::TruncatedExtension);
        const uint8_t* header = bytes.data() + view.l4Offset;
        size_t size = (size_t{header[1]} + 1) * 8;
        if (view.protocol == ipproto::authentication) size = (size_t{header[1]} + 2) * 4;
        if (view.protocol == ipproto::fragment) size = 8;
        if (size > available()) return Failure(PacketError::TruncatedExtension);
        const bool isFragment = view.protocol == ipproto::fragment;
        if (view.protocol == ipproto::routing && header[3] != 0) view.sourceRouted = true;
        view.extensions = true;
        view.l4Offset = static_cast<uint16_t>(view.l4Offset + size);
        view.protocol = header[0];
        if (!isFragment) continue;
        if (const auto fits = ipv6Fragment(header); !fits) return fits;
        // What follows the header of a later fragment is payload, whatever the next header would be.
        if (view.fragmentOffset != 0) return {};
    }
}

tl::expected<void, PacketError> Scan::ipv6Fragment(const uint8_t* header) noexcept {
    const uint16_t field = load16(header + 2);
    const bool more = (field & 1) != 0;
    view.fragmentOffset = static_cast<uint16_t>(field & 0xfff8);
    view.fragment = more || view.fragmentOffset != 0;
    view.firstFragment = more && view.fragmentOffset == 0;
    view.fragmentId = load32(header + 4);
    if (whole && more && available() % 8 != 0) return Failure(PacketError::BadFragment);
    return fragmentLength();
}

tl::expected<void, PacketError> Scan::transport() noexcept {
    if (view.fragment && !view.firstFragment) return {};
    if (view.protocol == ipproto::tcp) return tcp();
    if (view.protocol == ipproto::udp) return udp();
    const uint8_t icmpOfFamily = view.version == 4 ? ipproto::icmp : ipproto::icmp6;
    if (view.protocol != icmpOfFamily) return {};
    // ICMPv6 has messages of 4 bytes on paper only; every one defined has 8.
    if (available() < icmpHeaderSize) return Failure(PacketError::TruncatedTransport);
    view.l4HeaderLength = icmpHeaderSize;
    return {};
}

tl::expected<void, PacketError> Scan::tcp() noexcept {
    if (available() < quotedTransport) return Failure(PacketError::TruncatedTransport);
    ports();
    // A quote, or a first fragment at the smallest MTU, may end within the TCP header: then it is only known up to there.
    if ((!whole || view.fragment) && available() < tcpHeaderSize) {
        view.l4HeaderLength = static_cast<uint16_t>(available());
        return {};
    }
    if (available() < tcpHeaderSize) return Failure(PacketError::TruncatedTransport);
    const size_t header = static_cast<size_t>(bytes[view.l4Offset + 12u] >> 4) * 4;
    if (header < tcpHeaderSize) return Failure(PacketError::BadTcpHeaderLength);
    if (header > available()) {
        if (whole && !view.fragment) return Failure(PacketError::BadTcpHeaderLength);
        view.l4HeaderLength = static_cast<uint16_t>(available());
        return {};
    }
    view.l4HeaderLength = static_cast<uint16_t>(header);
    return {};
}

tl::expected<void, PacketError> Scan::udp() noexcept {
    if (available() < udpHeaderSize) return Failure(PacketError::TruncatedTransport);
    ports();
    view.l4HeaderLength = udpHeaderSize;
    const size_t stated = load16(bytes.data() + view.l4Offset + 4);
    if (stated < udpHeaderSize) return Failure(PacketError::BadUdpLength);
    if (whole && !view.fragment && stated > available()) return Failure(PacketError::BadUdpLength);
    return {};
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
    return Scan{packet, true, {}}.run();
}

tl::expected<PacketView, PacketError> parseQuotedHeaders(std::span<const uint8_t> quote) noexcept {
    return Scan{quote, false, {}}.run();
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
