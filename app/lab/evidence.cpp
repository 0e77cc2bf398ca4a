#include "app/lab/evidence.h"

#include <algorithm>

namespace netpas::lab {
namespace {

constexpr uint16_t dataPort = 46721;
constexpr size_t ethernetHeader = 14;

uint16_t word(std::span<const uint8_t> bytes, size_t at) {
    return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

uint64_t number(std::span<const uint8_t> bytes, size_t at, size_t length) {
    uint64_t value = 0;
    for (size_t i = 0; i < length; ++i) value = value << 8 | bytes[at + i];
    return value;
}

struct Inner {
    uint8_t version = 0;
    size_t length = 0;
    uint16_t port = 0;
};

uint16_t portAt(std::span<const uint8_t> inner, uint8_t protocol, size_t transport, bool fragment) {
    const bool has = (protocol == 6 || protocol == 17) && !fragment && inner.size() >= transport + 4;
    return has ? word(inner, transport + 2) : uint16_t{0};
}

// An inner packet must fill the rest exactly.
std::optional<Inner> innerAt(std::span<const uint8_t> rest) {
    if (rest.size() >= 20 && rest[0] >> 4 == 4 && word(rest, 2) == rest.size()) {
        const bool fragment = (word(rest, 6) & 0x3fff) != 0;
        return Inner{4, rest.size(), portAt(rest, rest[9], size_t{rest[0] & 0xfU} * 4, fragment)};
    }
    if (rest.size() >= 40 && rest[0] >> 4 == 6 && word(rest, 4) + size_t{40} == rest.size())
        return Inner{6, rest.size(), portAt(rest, rest[6], 40, false)};
    return std::nullopt;
}

// Price code: five bits of exponent, three of mantissa; (8 + m) times two to the e eighths of a nanodollar.
uint64_t priceOf(uint8_t code) { return uint64_t{8U + (code & 7U)} << (code >> 3); }

std::vector<PaidHop> hopsOf(std::span<const uint8_t> header) {
    std::vector<PaidHop> hops;
    const size_t count = size_t{static_cast<uint8_t>(header[0] >> 4U)} + 1;
    if (count * 5 > header.size()) return hops;
    for (size_t i = 0; i < count; ++i) {
        const uint64_t block = number(header, i * 5, 5);
        PaidHop hop;
        hop.serviceClass = static_cast<uint8_t>(block >> 24 & 0x3f);
        hop.isp = static_cast<uint16_t>(block >> 8 & 0xffff);
        hop.priceEighths = priceOf(static_cast<uint8_t>(block & 0xff));
        if (i > 0) hops.back().exit = static_cast<uint16_t>(block >> 30 & 0x3ff);
        hops.push_back(hop);
    }
    return hops;
}

}  // namespace

uint64_t PaidPacket::totalEighths() const {
    uint64_t total = 0;
    for (const PaidHop& hop : hops) total += hop.priceEighths;
    return total;
}

std::optional<PlainPacket> readPlainPacket(std::span<const uint8_t> frame) {
    if (frame.size() < ethernetHeader + 20) return std::nullopt;
    const uint16_t type = word(frame, 12);
    const auto ip = frame.subspan(ethernetHeader);
    PlainPacket packet;
    size_t transport = 0;
    size_t end = 0;
    bool fragment = false;
    if (type == 0x0800) {
        transport = size_t{ip[0] & 0xfU} * 4;
        end = word(ip, 2);
        packet.dscp = ip[1] >> 2;
        packet.protocol = ip[9];
        fragment = (word(ip, 6) & 0x3fff) != 0;
        std::copy_n(ip.begin() + 12, 4, packet.source.begin());
        std::copy_n(ip.begin() + 16, 4, packet.destination.begin());
    } else if (type == 0x86dd && ip.size() >= 40) {
        packet.ipv6 = true;
        transport = 40;
        end = size_t{word(ip, 4)} + 40;
        packet.dscp = static_cast<uint8_t>((word(ip, 0) >> 6) & 0x3f);
        packet.protocol = ip[6];
        std::copy_n(ip.begin() + 8, 16, packet.source.begin());
        std::copy_n(ip.begin() + 24, 16, packet.destination.begin());
    } else {
        return std::nullopt;
    }
    if (end > ip.size() || transport > end) return std::nullopt;
    const auto body = ip.subspan(transport, end - transport);
    constexpr uint8_t tcp = 6;
    constexpr uint8_t udp = 17;
    if (fragment || (packet.protocol != tcp && packet.protocol != udp)) return packet;
    if (body.size() < (packet.protocol == udp ? 8U : 20U)) return std::nullopt;
    packet.sourcePort = word(body, 0);
    packet.destinationPort = word(body, 2);
    const size_t head = packet.protocol == udp ? 8 : size_t{static_cast<uint8_t>(body[12] >> 4U)} * 4;
    if (head <= body.size()) packet.payload = body.subspan(head);
    return packet;
}

std::optional<PaidPacket> readPaidPacket(std::span<const uint8_t> frame) {
    const auto outer = readPlainPacket(frame);
    if (!outer || outer->protocol != 17 || outer->destinationPort != dataPort || outer->payload.size() < 4)
        return std::nullopt;
    const auto payload = outer->payload;
    if (payload[0] >> 4 != 1) return std::nullopt;
    PaidPacket packet;
    packet.dscp = outer->dscp;
    packet.kind = payload[0] & 0xf;
    if (packet.kind < 1 || packet.kind > 4) return std::nullopt;
    size_t shim = 4;
    if (packet.kind == 1) {
        shim = 24;
        if (payload.size() < shim) return std::nullopt;
        packet.burst = static_cast<uint8_t>((payload[1] & 0x3f) + 1);
        packet.keyId = static_cast<uint32_t>(number(payload, 4, 4));
        packet.sequence = number(payload, 8, 8);
    }
    // The header's length is measured from the far side: the only multiple of four behind which an inner packet fills the
    // rest exactly. What the header says of itself must agree.
    for (size_t length = 8; length <= 80 && shim + length < payload.size(); length += 4) {
        const auto inner = innerAt(payload.subspan(shim + length));
        if (!inner) continue;
        packet.hops = hopsOf(payload.subspan(shim, length));
        if (packet.hops.empty() || ((packet.hops.size() * 5 + 3) & ~size_t{3}) != length) continue;
        packet.headerBytes = length;
        packet.innerBytes = inner->length;
        packet.innerVersion = inner->version;
        packet.innerPort = inner->port;
        return packet;
    }
    return std::nullopt;
}

}  // namespace netpas::lab
