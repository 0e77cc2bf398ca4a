// Splitting a frame into packets that fit: TCP and UDP segmentation as a network card would do it, with all checksums, in one pass over the data.
//
// The packets of one frame differ only in length (the last one), IP identification, TCP sequence number, flags and checksums, so one customer
// tag can cover up to 64 of them (DESIGN §6), and they are written at equal distances, with room in front of each one, so that
// UDP_SEGMENT sends them as one train.
#pragma once

#include "tun/packet/checksum.h"
#include "tun/packet/frame.h"
#include "tun/packet/ip_packet.h"

#include <tl/expected.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace netpas::tun {

enum class SegmentError : uint8_t {
    UnknownGsoType,
    GsoTypeContradictsPacket,  // TCP segmentation of something that is no unfragmented TCP, and the like
    GsoSizeZero,
    GsoWithoutChecksum,    // segmentation is asked for, but not NEEDS_CSUM
    ChecksumBeyondPacket,  // checksum field or start outside the packet
    ChecksumElsewhere,     // segmentation, but another checksum than TCP's or UDP's
    NoRoomForPayload,      // the maximum leaves fewer than 8 bytes for TCP payload
    TooManySegments,       // more than 65535
    SynInTrain,            // TCP segmentation of a SYN
    SourceRouted,          // the final destination, which checksums cover, is not in the IPv6 header
};
[[nodiscard]] std::string_view describe(SegmentError error) noexcept;

// How one frame is going to be split. Refers to the frame's bytes.
class Segmenter {
public:
    // Nothing to write.
    Segmenter() noexcept = default;

    // `packet` is `frame`'s bytes, parsed. No segment exceeds `maximum` bytes if that can be helped: TCP is split, at `gsoSize` or below (a
    // plain TCP packet too, unless it carries SYN); datagrams and everything else keep their size, and then exceeds() is true.
    [[nodiscard]] static tl::expected<Segmenter, SegmentError> plan(const VnetHeader& frame, const PacketView& packet,
                                                                    size_t maximum) noexcept;

    [[nodiscard]] size_t count() const noexcept { return m_count; }
    // Length of every packet but the last, which is not longer: the segment limit of the customer shim.
    [[nodiscard]] size_t packetSize() const noexcept { return m_headers + (m_count == 1 ? m_payload : m_step); }
    [[nodiscard]] size_t lastPacketSize() const noexcept { return m_headers + m_payload - (m_count - 1) * m_step; }
    // Sum of the lengths of the packets `first` to `first + count - 1`.
    [[nodiscard]] size_t packetBytes(size_t first, size_t count) const noexcept;
    [[nodiscard]] bool exceeds() const noexcept { return m_exceeds; }

    // Bytes that write() needs.
    [[nodiscard]] size_t writtenSize(size_t first, size_t count, size_t headroom) const noexcept {
        return count * headroom + packetBytes(first, count);
    }
    // Writes the packets `first` to `first + count - 1` one behind the other, each after `headroom` bytes that are left alone. Returns the bytes
    // spanned; packet i begins at i * (headroom + packetSize()) + headroom. `out` has at least writtenSize() bytes.
    size_t write(size_t first, size_t count, size_t headroom, std::span<uint8_t> out) const noexcept;
    // The same with `prefix` copied in front of each packet.
    size_t write(size_t first, size_t count, std::span<const uint8_t> prefix, std::span<uint8_t> out) const noexcept;

private:
    enum class Kind : uint8_t { Verbatim, CompleteChecksum, Tcp, Udp };

    [[nodiscard]] tl::expected<void, SegmentError> planTrain(const VnetHeader& frame, size_t maximum) noexcept;
    [[nodiscard]] tl::expected<void, SegmentError> planSingle(const VnetHeader& frame, size_t maximum) noexcept;
    [[nodiscard]] tl::expected<void, SegmentError> share(bool tcp, size_t step, size_t maximum) noexcept;
    void prepareHeaders() noexcept;
    void writePacket(size_t index, uint8_t* out) const noexcept;
    void writeSingle(uint8_t* out) const noexcept;
    void writeTcpFields(size_t index, bool last, uint8_t* out, InternetSum& sum) const noexcept;
    void writeLengths(size_t index, size_t length, uint8_t* out) const noexcept;

    PacketView m_packet;
    InternetSum m_ipSum;      // IPv4 header without length, identification and checksum
    InternetSum m_l4Sum;      // pseudo-header without length, and upper-layer header without the fields that change
    uint32_t m_sequence = 0;  // TCP
    uint32_t m_headers = 0;   // bytes in front of the payload in every packet
    uint32_t m_payload = 0;   // bytes to be shared out
    uint32_t m_step = 0;      // payload bytes of every packet but the last
    uint32_t m_count = 1;
    uint16_t m_identification = 0;
    uint16_t m_urgent = 0;         // TCP urgent pointer, from the first segment's sequence number
    uint16_t m_checksumStart = 0;  // Kind::CompleteChecksum
    uint16_t m_checksumOffset = 0;
    uint8_t m_flags = 0;  // TCP
    Kind m_kind = Kind::Verbatim;
    bool m_exceeds = false;
};

}  // namespace netpas::tun
