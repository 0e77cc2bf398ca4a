// Joining what belongs together before it is handed to the kernel: consecutive TCP segments of a flow become one frame, equal datagrams
// of a flow one train, so that the kernel's stack is crossed once for up to 64 KiB.
//
// The packets are not copied: a frame refers to their payloads and to one rewritten header. What is joined is exactly what splitting at the same
// size gives back (but for the identification of unfragmentable IPv4 packets that all have the same one, which means nothing: RFC 6864). Checksums are verified first; a packet whose checksum is wrong passes as it is, alone, and the receiver judges it.
#pragma once

#include "tun/packet/frame.h"
#include "tun/packet/ip_packet.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace netpas::tun {

struct CoalesceOptions {
    bool tcp4 = true;
    bool tcp6 = true;
    bool udp = false;        // only where the device takes vnet_gso::udp
    size_t capacity = 1024;  // packets per batch
};

// One thread. All memory is taken by the constructor.
class Coalescer {
public:
    explicit Coalescer(const CoalesceOptions& options);

    // Offers a packet whose bytes stay as they are until clear(). The packets of a flow keep their order. False: full, take the frames first.
    [[nodiscard]] bool add(std::span<const uint8_t> packet) noexcept;
    // The same for a caller that has parsed the packet.
    [[nodiscard]] bool add(const PacketView& packet) noexcept;

    // The frames of everything added since clear(), in the order of their first packets.
    [[nodiscard]] std::span<const OutgoingFrame> frames() noexcept;
    void clear() noexcept;

    [[nodiscard]] size_t packets() const noexcept { return m_packetCount; }

private:
    static constexpr size_t maxHeaders = 40 + 60;  // IPv6 without extensions, TCP with options
    static constexpr size_t openFrames = 64;       // power of 2
    static constexpr size_t maxDatagrams = 64;     // UDP_MAX_SEGMENTS of older kernels
    static constexpr size_t maxSegments = 512;     // a device writes a frame with one system call: below IOV_MAX
    static constexpr uint32_t none = UINT32_MAX;

    struct Packet {
        std::span<const uint8_t> bytes;  // the whole packet if it is the first of its frame, else the payload
        uint32_t next = none;
    };
    struct Frame {
        PacketView first;
        uint32_t firstPacket = none;
        uint32_t lastPacket = none;
        uint32_t packets = 0;
        uint32_t length = 0;        // of the frame so far
        uint32_t step = 0;          // payload bytes of each packet
        uint32_t nextSequence = 0;  // TCP
        uint8_t flags = 0;          // TCP flags of all packets
        bool fixedIdentification = false;
        std::array<uint8_t, maxHeaders> headers;
    };
    [[nodiscard]] bool tcpMayJoin(const PacketView& packet) const noexcept;
    [[nodiscard]] bool udpMayJoin(const PacketView& packet) const noexcept;
    [[nodiscard]] static bool soundChecksums(const PacketView& packet) noexcept;
    [[nodiscard]] bool continues(const Frame& frame, const PacketView& packet) const noexcept;
    [[nodiscard]] bool sameIpHeader(const Frame& frame, const PacketView& packet) const noexcept;
    [[nodiscard]] bool sameTcpHeader(const Frame& frame, const PacketView& packet) const noexcept;
    uint32_t open(const PacketView& packet) noexcept;
    [[nodiscard]] bool append(Frame& frame, const PacketView& packet) noexcept;
    [[nodiscard]] OutgoingFrame finish(Frame& frame, size_t& piece) noexcept;
    [[nodiscard]] VnetHeader writeHeaders(Frame& frame) const noexcept;

    CoalesceOptions m_options;
    std::vector<Packet> m_packets;
    std::vector<Frame> m_frames;
    std::vector<std::span<const uint8_t>> m_pieces;
    std::vector<OutgoingFrame> m_out;
    std::array<uint32_t, openFrames> m_open;  // by flow hash: the frame that may still grow
    size_t m_packetCount = 0;
    size_t m_frameCount = 0;
};

}  // namespace netpas::tun
