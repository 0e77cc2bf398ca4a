// Turns frames as the kernel hands them to a packet socket (segmentation and checksums left to be done by a device)
// into the packets that a wire would carry. Independent of the product's own packet code.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace netpas::lab {

// The layout of struct virtio_net_hdr (virtio 1.2 §5.1.6), host byte order; its C header is not valid C++.
struct OffloadInfo {
    static constexpr uint8_t flagNeedsChecksum = 1;
    static constexpr uint8_t gsoNone = 0;
    static constexpr uint8_t gsoUdp = 5;         // UDP segmentation
    static constexpr uint8_t gsoEcnFlag = 0x80;  // others: TCP over IPv4 or IPv6

    uint8_t flags = 0;
    uint8_t gsoType = gsoNone;
    uint16_t headerLength = 0;  // a hint that is not always right; not used
    uint16_t gsoSize = 0;
    uint16_t checksumStart = 0;
    uint16_t checksumOffset = 0;

    bool needsChecksum() const { return (flags & flagNeedsChecksum) != 0; }
};
static_assert(sizeof(OffloadInfo) == 10);

using PacketSink = std::function<void(std::span<const uint8_t> frame)>;

// Calls the sink once for each packet. `frame` begins with an Ethernet header and is changed in place.
// A frame whose parts contradict each other is passed on as it is; false then.
bool splitFrame(std::span<uint8_t> frame, const OffloadInfo& offload, const PacketSink& sink);

}  // namespace netpas::lab
