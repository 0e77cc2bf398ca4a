#include "app/lab/frame_splitter.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace netpas::lab {
namespace {

constexpr size_t ethernetHeader = 14;
constexpr uint8_t tcp = 6;
constexpr uint8_t udp = 17;

uint16_t read16(std::span<const uint8_t> bytes, size_t at) {
    return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
void write16(std::span<uint8_t> bytes, size_t at, uint32_t value) {
    bytes[at] = static_cast<uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<uint8_t>(value);
}
uint32_t read32(std::span<const uint8_t> bytes, size_t at) {
    return uint32_t{read16(bytes, at)} << 16 | read16(bytes, at + 2);
}
void write32(std::span<uint8_t> bytes, size_t at, uint32_t value) {
    write16(bytes, at, value >> 16);
    write16(bytes, at + 2, value & 0xffff);
}

uint64_t sum(std::span<const uint8_t> bytes, uint64_t start = 0) {
    uint64_t total = start;
    size_t at = 0;
    for (; at + 1 < bytes.size(); at += 2) total += read16(bytes, at);
    if (at < bytes.size()) total += uint64_t{bytes[at]} << 8;
    return total;
}

uint16_t fold(uint64_t total) {
    while (total >> 16 != 0) total = (total & 0xffff) + (total >> 16);
    return static_cast<uint16_t>(~total);
}

struct Layout {
    bool ipv4 = false;
    uint8_t protocol = 0;
    size_t transport = 0;  // offset of the TCP or UDP header
    size_t payload = 0;
};

// The offset of the transport header comes from the checksum's start, which skips extension headers.
std::optional<Layout> layoutOf(std::span<const uint8_t> frame, const OffloadInfo& offload) {
    Layout layout;
    if (frame.size() < ethernetHeader + 20) return std::nullopt;
    const uint16_t type = read16(frame, 12);
    if (type != 0x0800 && type != 0x86dd) return std::nullopt;
    layout.ipv4 = type == 0x0800;
    layout.transport = layout.ipv4 ? ethernetHeader + size_t{frame[14] & 0xfU} * 4 : offload.checksumStart;
    if (offload.gsoType == OffloadInfo::gsoUdp) {
        layout.protocol = udp;
        layout.payload = layout.transport + 8;
    } else {
        layout.protocol = tcp;
        if (frame.size() < layout.transport + 20) return std::nullopt;
        layout.payload = layout.transport + size_t{static_cast<uint8_t>(frame[layout.transport + 12] >> 4U)} * 4;
    }
    const size_t smallest = layout.ipv4 ? ethernetHeader + 20 : ethernetHeader + 40;
    if (layout.transport < smallest || layout.payload > frame.size()) return std::nullopt;
    return layout;
}

uint64_t pseudoHeader(std::span<const uint8_t> frame, const Layout& layout, size_t transportLength) {
    const auto addresses = layout.ipv4 ? frame.subspan(ethernetHeader + 12, 8) : frame.subspan(ethernetHeader + 8, 32);
    return sum(addresses) + layout.protocol + transportLength;
}

// Lengths, identification, sequence, flags and checksums of segment number `index`.
void finishSegment(std::span<uint8_t> segment, const Layout& layout, size_t index, size_t offset, bool last) {
    if (layout.ipv4) {
        write16(segment, ethernetHeader + 2, static_cast<uint32_t>(segment.size() - ethernetHeader));
        write16(segment, ethernetHeader + 4, read16(segment, ethernetHeader + 4) + static_cast<uint32_t>(index));
        write16(segment, ethernetHeader + 10, 0);
        write16(segment, ethernetHeader + 10,
                fold(sum(segment.subspan(ethernetHeader, layout.transport - ethernetHeader))));
    } else {
        write16(segment, ethernetHeader + 4, static_cast<uint32_t>(segment.size() - ethernetHeader - 40));
    }
    const size_t transportLength = segment.size() - layout.transport;
    size_t checksumAt = layout.transport + 6;
    if (layout.protocol == tcp) {
        write32(segment, layout.transport + 4, read32(segment, layout.transport + 4) + static_cast<uint32_t>(offset));
        constexpr uint8_t finOrPush = 0x09;
        constexpr uint8_t congestionWindowReduced = 0x80;
        if (!last) segment[layout.transport + 13] &= static_cast<uint8_t>(~finOrPush);
        if (index != 0) segment[layout.transport + 13] &= static_cast<uint8_t>(~congestionWindowReduced);
        checksumAt = layout.transport + 16;
    } else {
        write16(segment, layout.transport + 4, static_cast<uint32_t>(transportLength));
    }
    write16(segment, checksumAt, 0);
    uint16_t value = fold(sum(segment.subspan(layout.transport), pseudoHeader(segment, layout, transportLength)));
    if (layout.protocol == udp && value == 0) value = 0xffff;
    write16(segment, checksumAt, value);
}

bool completeChecksum(std::span<uint8_t> frame, const OffloadInfo& offload) {
    const size_t at = size_t{offload.checksumStart} + offload.checksumOffset;
    if (offload.checksumStart >= frame.size() || at + 2 > frame.size()) return false;
    // The field holds the pseudo header's sum already.
    uint16_t value = fold(sum(frame.subspan(offload.checksumStart)));
    if (offload.checksumOffset == 6 && value == 0) value = 0xffff;
    write16(frame, at, value);
    return true;
}

}  // namespace

bool splitFrame(std::span<uint8_t> frame, const OffloadInfo& offload, const PacketSink& sink) {
    const uint8_t type = offload.gsoType & static_cast<uint8_t>(~OffloadInfo::gsoEcnFlag);
    if (type == OffloadInfo::gsoNone || offload.gsoSize == 0) {
        const bool good = !offload.needsChecksum() || completeChecksum(frame, offload);
        sink(frame);
        return good;
    }
    OffloadInfo plain = offload;
    plain.gsoType = type;
    const auto layout = layoutOf(frame, plain);
    if (!layout) {
        sink(frame);
        return false;
    }
    const auto payload = frame.subspan(layout->payload);
    std::array<uint8_t, 65536> segment;
    std::copy_n(frame.begin(), layout->payload, segment.begin());
    size_t index = 0;
    for (size_t offset = 0; offset < payload.size(); offset += offload.gsoSize, ++index) {
        const size_t size = std::min<size_t>(offload.gsoSize, payload.size() - offset);
        std::copy_n(frame.begin(), layout->payload, segment.begin());
        std::copy_n(payload.begin() + static_cast<std::ptrdiff_t>(offset), size,
                    segment.begin() + static_cast<std::ptrdiff_t>(layout->payload));
        const std::span<uint8_t> packet(segment.data(), layout->payload + size);
        finishSegment(packet, *layout, index, offset, offset + size == payload.size());
        sink(packet);
    }
    return true;
}

}  // namespace netpas::lab
