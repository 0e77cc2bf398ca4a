// Packets as they stand on the wire, written down field by field and with checksums computed by other means than the code under test; and a
// plain builder for the many others, which is itself held against them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tun/packet/frame.h"

namespace reference {

using Packet = std::vector<uint8_t>;

inline const Packet tcp4 = {
    0x45, 0x00,              // version 4, header of 5 words; TOS
    0x00, 0x39,              // total length 57
    0x1c, 0x46,              // identification
    0x40, 0x00,              // DF, offset 0
    0x40, 0x06,              // TTL 64, TCP
    0x32, 0x42,              // header checksum
    0xc0, 0x00, 0x02, 0x01,  // 192.0.2.1
    0xc6, 0x33, 0x64, 0x02,  // 198.51.100.2
    0x9c, 0x40, 0x01, 0xbb,  // ports 40000, 443
    0x01, 0x02, 0x03, 0x04,  // sequence number
    0x0a, 0x0b, 0x0c, 0x0d,  // acknowledgement number
    0x80, 0x18,              // header of 8 words; PSH, ACK
    0x01, 0xf5,              // window 501
    0x9a, 0xeb,              // checksum
    0x00, 0x00,              // urgent pointer
    0x01, 0x01, 0x08, 0x0a,  // no-op, no-op, timestamps, 10 bytes
    0x00, 0x00, 0x03, 0xe8,  // value 1000
    0x00, 0x00, 0x07, 0xd0,  // echo 2000
    0x61, 0x62, 0x63, 0x64, 0x65,
};

inline const Packet udp4 = {
    0x45, 0xb8,              // version 4, header of 5 words; DSCP 46
    0x00, 0x1f,              // total length 31
    0x00, 0x07,              // identification
    0x00, 0x00,              // may be fragmented
    0x40, 0x11,              // TTL 64, UDP
    0x8d, 0xd8,              // header checksum
    0xc0, 0x00, 0x02, 0x01,  // 192.0.2.1
    0xc6, 0x33, 0x64, 0x02,  // 198.51.100.2
    0x13, 0x8c, 0x13, 0x8e,  // ports 5004, 5006
    0x00, 0x0b,              // length 11
    0xfa, 0x0c,              // checksum
    0x78, 0x79, 0x7a,
};

inline const Packet icmp4 = {
    0x45, 0x00,              // version 4, header of 5 words; TOS
    0x00, 0x20,              // total length 32
    0x1c, 0x46,              // identification
    0x40, 0x00,              // DF
    0x40, 0x01,              // TTL 64, ICMP
    0x32, 0x60,              // header checksum
    0xc0, 0x00, 0x02, 0x01,  // 192.0.2.1
    0xc6, 0x33, 0x64, 0x02,  // 198.51.100.2
    0x08, 0x00, 0x06, 0xfa,  // echo request, checksum
    0x12, 0x34, 0x00, 0x01,  // identifier, sequence
    0x70, 0x69, 0x6e, 0x67,
};

// A router tells 192.0.2.1 that tcp4 should have at most 1400 bytes.
inline const Packet tooBig4 = {
    0x45,
    0xc0,  // version 4, header of 5 words; internetwork control
    0x00,
    0x38,  // total length 56
    0x00,
    0x00,  // identification
    0x00,
    0x00,  // no flags
    0x40,
    0x01,  // TTL 64, ICMP
    0x7b,
    0xfa,  // header checksum
    0xcb,
    0x00,
    0x71,
    0x09,  // 203.0.113.9
    0xc0,
    0x00,
    0x02,
    0x01,  // 192.0.2.1
    0x03,
    0x04,
    0x55,
    0x82,  // unreachable, fragmentation needed, checksum
    0x00,
    0x00,
    0x05,
    0x78,  // unused, MTU 1400
    // tcp4's IP header and first 8 bytes
    0x45,
    0x00,
    0x00,
    0x39,
    0x1c,
    0x46,
    0x40,
    0x00,
    0x40,
    0x06,
    0x32,
    0x42,
    0xc0,
    0x00,
    0x02,
    0x01,  //
    0xc6,
    0x33,
    0x64,
    0x02,
    0x9c,
    0x40,
    0x01,
    0xbb,
    0x01,
    0x02,
    0x03,
    0x04,
};

inline const Packet tcp6 = {
    0x60, 0x01, 0x23, 0x45,                          // version 6, class 0, flow label 0x12345
    0x00, 0x16, 0x06, 0x40,                          // payload length 22, TCP, hop limit 64
    0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00,  // 2001:db8::1
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,  //
    0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x01,  // 2001:db8:0:1::2
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,  //
    0x9c, 0x40, 0x01, 0xbb,                          // ports 40000, 443
    0x00, 0x00, 0x00, 0x01,                          // sequence number
    0x00, 0x00, 0x00, 0x02,                          // acknowledgement number
    0x50, 0x10, 0x01, 0xf5,                          // header of 5 words, ACK, window 501
    0x53, 0x07, 0x00, 0x00,                          // checksum, urgent pointer
    0x61, 0x62,
};

inline const Packet udp6 = {
    0x6b, 0x81, 0x23, 0x45,                          // version 6, class 0xb8 (DSCP 46), flow label 0x12345
    0x00, 0x0b, 0x11, 0x40,                          // payload length 11, UDP, hop limit 64
    0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00,  // 2001:db8::1
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,  //
    0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x01,  // 2001:db8:0:1::2
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,  //
    0x13, 0x8c, 0x13, 0x8e,                          // ports 5004, 5006
    0x00, 0x0b, 0x8a, 0xce,                          // length 11, checksum
    0x78, 0x79, 0x7a,
};

inline const Packet extended6 = {
    0x60, 0x01, 0x23, 0x45,                          // version 6, class 0, flow label 0x12345
    0x00, 0x1b, 0x00, 0x40,                          // payload length 27, hop-by-hop options, hop limit 64
    0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00,  // 2001:db8::1
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,  //
    0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x01,  // 2001:db8:0:1::2
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,  //
    0x3c, 0x00, 0x01, 0x04, 0x00, 0x00, 0x00, 0x00,  // next: destination options; 8 bytes; padding
    0x11, 0x00, 0x01, 0x04, 0x00, 0x00, 0x00, 0x00,  // next: UDP; 8 bytes; padding
    0x13, 0x8c, 0x13, 0x8e,                          // ports 5004, 5006
    0x00, 0x0b, 0x8a, 0xce,                          // length 11, checksum
    0x78, 0x79, 0x7a,
};

inline const Packet icmp6 = {
    0x60, 0x01, 0x23, 0x45,                          // version 6, class 0, flow label 0x12345
    0x00, 0x0c, 0x3a, 0x40,                          // payload length 12, ICMPv6, hop limit 64
    0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00,  // 2001:db8::1
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,  //
    0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x01,  // 2001:db8:0:1::2
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,  //
    0x80, 0x00, 0x33, 0x3d,                          // echo request, checksum
    0x12, 0x34, 0x00, 0x01,                          // identifier, sequence
    0x70, 0x69, 0x6e, 0x67,
};

// A router tells 2001:db8::1 that udp6 should have at most 1400 bytes.
inline const Packet tooBig6 = {
    0x60,
    0x01,
    0x23,
    0x45,  // version 6, class 0, flow label 0x12345
    0x00,
    0x3b,
    0x3a,
    0x40,  // payload length 59, ICMPv6, hop limit 64
    0x20,
    0x01,
    0x0d,
    0xb8,
    0x00,
    0x09,
    0x00,
    0x00,  // 2001:db8:9::9
    0x00,
    0x00,
    0x00,
    0x00,
    0x00,
    0x00,
    0x00,
    0x09,  //
    0x20,
    0x01,
    0x0d,
    0xb8,
    0x00,
    0x00,
    0x00,
    0x00,  // 2001:db8::1
    0x00,
    0x00,
    0x00,
    0x00,
    0x00,
    0x00,
    0x00,
    0x01,  //
    0x02,
    0x00,
    0xfc,
    0x97,  // packet too big, checksum
    0x00,
    0x00,
    0x05,
    0x78,  // MTU 1400
    // udp6
    0x6b,
    0x81,
    0x23,
    0x45,
    0x00,
    0x0b,
    0x11,
    0x40,
    0x20,
    0x01,
    0x0d,
    0xb8,
    0x00,
    0x00,
    0x00,
    0x00,  //
    0x00,
    0x00,
    0x00,
    0x00,
    0x00,
    0x00,
    0x00,
    0x01,
    0x20,
    0x01,
    0x0d,
    0xb8,
    0x00,
    0x00,
    0x00,
    0x01,  //
    0x00,
    0x00,
    0x00,
    0x00,
    0x00,
    0x00,
    0x00,
    0x02,
    0x13,
    0x8c,
    0x13,
    0x8e,
    0x00,
    0x0b,
    0x8a,
    0xce,  //
    0x78,
    0x79,
    0x7a,
};

inline uint16_t get16(const Packet& packet, size_t at) {
    return static_cast<uint16_t>(packet[at] << 8 | packet[at + 1]);
}
inline uint32_t get32(const Packet& packet, size_t at) {
    return uint32_t{get16(packet, at)} << 16 | get16(packet, at + 2);
}
inline void put16(Packet& packet, size_t at, unsigned value) {
    packet[at] = static_cast<uint8_t>(value >> 8);
    packet[at + 1] = static_cast<uint8_t>(value);
}
inline void put32(Packet& packet, size_t at, uint32_t value) {
    put16(packet, at, value >> 16);
    put16(packet, at + 2, value & 0xffff);
}

// RFC 1071 as it stands there: 16 bits at a time, in network order.
inline uint32_t slowSum(std::span<const uint8_t> bytes, uint32_t sum = 0) {
    for (size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? bytes[i] * 256u : bytes[i];
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}
inline uint16_t slowChecksum(std::span<const uint8_t> bytes, uint32_t sum = 0) {
    return static_cast<uint16_t>(~slowSum(bytes, sum));
}

// What a builder starts from; everything else follows.
struct Recipe {
    bool v6 = false;
    uint8_t protocol = 6;
    uint32_t sequence = 1000;
    uint8_t flags = 0x10;  // ACK
    uint16_t identification = 100;
    bool dontFragment = true;
    uint8_t trafficClass = 0;
    uint16_t sourcePort = 40000;
    uint8_t ttl = 64;
    uint16_t window = 501;
    uint16_t urgent = 0;
    uint32_t acknowledgement = 0x0a0b0c0d;
    Packet options = {0x01, 0x01, 0x08, 0x0a, 0x00, 0x00, 0x03, 0xe8, 0x00, 0x00, 0x07, 0xd0};
    Packet payload;
};

inline Packet someBytes(size_t size, uint32_t seed = 1) {
    Packet bytes(size);
    for (uint8_t& byte : bytes) {
        seed = seed * 1664525 + 1013904223;
        byte = static_cast<uint8_t>(seed >> 24);
    }
    return bytes;
}

inline uint32_t pseudoSum(const Packet& packet, size_t l4, uint8_t protocol) {
    const bool v6 = packet[0] >> 4 == 6;
    const auto addresses = std::span(packet).subspan(v6 ? 8 : 12, v6 ? 32 : 8);
    return slowSum(addresses) + static_cast<uint32_t>(packet.size() - l4) + protocol;
}

inline size_t l4Of(const Recipe& recipe) { return recipe.v6 ? 40 : 20; }
inline size_t headersOf(const Recipe& recipe) {
    return l4Of(recipe) + (recipe.protocol == 6 ? 20 + recipe.options.size() : 8);
}

// Writes lengths and all checksums anew.
inline void seal(Packet& packet) {
    const bool v6 = packet[0] >> 4 == 6;
    const size_t l4 = v6 ? 40 : 20;
    const uint8_t protocol = packet[v6 ? 6 : 9];
    put16(packet, v6 ? 4 : 2, static_cast<unsigned>(v6 ? packet.size() - 40 : packet.size()));
    if (!v6) {
        put16(packet, 10, 0);
        put16(packet, 10, slowChecksum(std::span(packet).first(20)));
    }
    const size_t field = l4 + (protocol == 6 ? 16 : 6);
    if (protocol == 17) put16(packet, l4 + 4, static_cast<unsigned>(packet.size() - l4));
    put16(packet, field, 0);
    const uint16_t checksum = slowChecksum(std::span(packet).subspan(l4), pseudoSum(packet, l4, protocol));
    put16(packet, field, protocol == 17 && checksum == 0 ? 0xffff : checksum);
}

inline Packet build(const Recipe& recipe) {
    const size_t l4 = l4Of(recipe);
    Packet packet(headersOf(recipe), 0);
    if (recipe.v6) {
        put32(packet, 0, 0x60012345u | uint32_t{recipe.trafficClass} << 20);
        packet[6] = recipe.protocol;
        packet[7] = recipe.ttl;
        std::copy_n(tcp6.begin() + 8, 32, packet.begin() + 8);
    } else {
        packet[0] = 0x45;
        packet[1] = recipe.trafficClass;
        put16(packet, 4, recipe.identification);
        put16(packet, 6, recipe.dontFragment ? 0x4000 : 0);
        packet[8] = recipe.ttl;
        packet[9] = recipe.protocol;
        std::copy_n(tcp4.begin() + 12, 8, packet.begin() + 12);
    }
    put16(packet, l4, recipe.sourcePort);
    put16(packet, l4 + 2, 443);
    if (recipe.protocol == 6) {
        put32(packet, l4 + 4, recipe.sequence);
        put32(packet, l4 + 8, recipe.acknowledgement);
        packet[l4 + 12] = static_cast<uint8_t>((20 + recipe.options.size()) / 4 << 4);
        packet[l4 + 13] = recipe.flags;
        put16(packet, l4 + 14, recipe.window);
        put16(packet, l4 + 18, recipe.urgent);
        std::copy(recipe.options.begin(), recipe.options.end(), packet.begin() + static_cast<long>(l4) + 20);
    }
    packet.insert(packet.end(), recipe.payload.begin(), recipe.payload.end());
    seal(packet);
    return packet;
}

// The packet as the kernel hands it over before checksums and segmentation are done.
struct Offloaded {
    Packet packet;
    netpas::tun::VnetHeader vnet;
};

inline Offloaded offload(const Recipe& recipe, uint16_t gsoSize) {
    Offloaded frame{build(recipe), {}};
    const size_t l4 = l4Of(recipe);
    const size_t field = recipe.protocol == 6 ? 16 : 6;
    put16(frame.packet, l4 + field, slowSum({}, pseudoSum(frame.packet, l4, recipe.protocol)));
    frame.vnet.flags = netpas::tun::vnet_flag::needsChecksum;
    frame.vnet.headersLength = static_cast<uint16_t>(headersOf(recipe));
    frame.vnet.gsoSize = gsoSize;
    frame.vnet.checksumStart = static_cast<uint16_t>(l4);
    frame.vnet.checksumOffset = static_cast<uint16_t>(field);
    if (gsoSize == 0) return frame;
    frame.vnet.gsoType = recipe.protocol == 17 ? netpas::tun::vnet_gso::udp
                         : recipe.v6           ? netpas::tun::vnet_gso::tcp6
                                               : netpas::tun::vnet_gso::tcp4;
    if ((recipe.flags & 0x80) != 0) frame.vnet.gsoType |= netpas::tun::vnet_gso::ecn;
    return frame;
}

}  // namespace reference
