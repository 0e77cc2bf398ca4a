// A frame: one IP packet, or a run of segments that a network stack handles as one, with the header (virtio_net_hdr, 10 bytes) that says
// how it is to be split and which checksum is still to be completed. Linux's TUN devices exchange exactly these with IFF_VNET_HDR; devices of
// other platforms use plain frames only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace netpas::tun {

// Longest frame in both directions. An IPv6 packet could be 40 bytes longer; we never build or ask for one.
inline constexpr size_t maxFrameSize = 65535;

// A batch ends when it has so many bytes: reading on would push its first frames out of the processor's cache before anybody has
// looked at them. Measured with 64 KiB frames: a quarter less processor time than batches of 4 MiB.
inline constexpr size_t batchBytes = 256 * 1024;

namespace vnet_flag {
inline constexpr uint8_t needsChecksum =
    1;                                   // the field at checksumStart + checksumOffset holds the pseudo-header's sum
inline constexpr uint8_t dataValid = 2;  // the checksum was verified; ignored by Linux's TUN on write
}  // namespace vnet_flag

namespace vnet_gso {
inline constexpr uint8_t none = 0;
inline constexpr uint8_t tcp4 = 1;
inline constexpr uint8_t tcp6 = 4;
inline constexpr uint8_t udp = 5;     // a train of equal datagrams (UDP_SEGMENT), either family
inline constexpr uint8_t ecn = 0x80;  // flag: the first TCP segment has CWR
}  // namespace vnet_gso

// As it lies in front of the frame: host byte order, no padding.
struct VnetHeader {
    uint8_t flags = 0;
    uint8_t gsoType = vnet_gso::none;
    uint16_t headersLength = 0;  // IP and upper-layer header; a hint
    uint16_t gsoSize = 0;        // payload bytes of each segment
    uint16_t checksumStart = 0;
    uint16_t checksumOffset = 0;  // from checksumStart

    friend bool operator==(const VnetHeader&, const VnetHeader&) = default;
};
static_assert(sizeof(VnetHeader) == 10 && alignof(VnetHeader) == 2);

// A frame to be written, in pieces that together are the packet. Nothing is owned.
struct OutgoingFrame {
    VnetHeader vnet{};
    std::span<const std::span<const uint8_t>> pieces{};
};

}  // namespace netpas::tun
