// Reads paid packets off a captured link: outer UDP, shim, accounting header, inner packet. Written from the formats'
// description and sharing no code with the product, so that it can contradict it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace netpas::lab {

struct PaidHop {
    uint16_t isp = 0;
    uint8_t serviceClass = 0;
    uint16_t exit = 0;          // of this ISP
    uint64_t priceEighths = 0;  // what its code stands for, in eighths of a nanodollar
};

struct PaidPacket {
    uint8_t kind = 0;  // 1 customer, 2 transit, 3 internal, 4 delivery
    uint8_t burst = 0;
    uint32_t keyId = 0;
    uint64_t sequence = 0;
    size_t headerBytes = 0;  // measured: what lies between the shim and the inner packet
    size_t innerBytes = 0;
    uint8_t innerVersion = 0;
    uint16_t innerPort = 0;  // destination, of UDP and TCP; 0: none, or a fragment
    uint8_t dscp = 0;        // of the outer packet
    std::vector<PaidHop> hops;
    uint64_t totalEighths() const;
};

// Of any packet, as far as it can be told without reassembly.
struct PlainPacket {
    bool ipv6 = false;
    uint8_t protocol = 0;
    uint8_t dscp = 0;
    std::array<uint8_t, 16> source{};
    std::array<uint8_t, 16> destination{};
    uint16_t sourcePort = 0;
    uint16_t destinationPort = 0;
    std::span<const uint8_t> payload;  // of UDP or TCP; empty for fragments
};

// `frame` from the Ethernet header on.
std::optional<PlainPacket> readPlainPacket(std::span<const uint8_t> frame);
// Nothing for what is not a NetPaS data packet, or is one that contradicts itself.
std::optional<PaidPacket> readPaidPacket(std::span<const uint8_t> frame);

}  // namespace netpas::lab
