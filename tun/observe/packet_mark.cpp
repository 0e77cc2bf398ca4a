#include "tun/observe/packet_mark.h"

#include <algorithm>

#include "core/crypto/identity.h"

namespace netpas::tun {

namespace {

constexpr size_t header4 = 20, header6 = 40, payload = 40;
constexpr uint8_t tcp = 6, udp = 17;

uint64_t number(ByteView text) {
    const auto digest = blake2b256(text);
    return load64(digest.data());
}

// Where the parts of a packet are.
struct Layout {
    ByteView source, destination, rest;
    uint8_t protocol = 0;
    size_t payloadLength = 0;  // behind the IP header, by the packet's own word
};

std::optional<Layout> layout4(ByteView packet) {
    if (packet.size() < header4) return std::nullopt;
    const size_t length = size_t{4} * (packet[0] & 15U), total = load16(packet.data() + 2);
    const bool laterFragment = (load16(packet.data() + 6) & 0x1fffU) != 0;
    if (length < header4 || total < length || packet.size() < length || laterFragment) return std::nullopt;
    return Layout{packet.subspan(12, 4), packet.subspan(16, 4), packet.subspan(length), packet[9], total - length};
}

// With extension headers what follows is taken as it is: no hop changes it either.
std::optional<Layout> layout6(ByteView packet) {
    constexpr uint8_t fragment = 44;
    if (packet.size() < header6 || packet[6] == fragment) return std::nullopt;
    return Layout{packet.subspan(8, 16), packet.subspan(24, 16), packet.subspan(header6), packet[6],
                  load16(packet.data() + 4)};
}

}  // namespace

std::optional<PacketMark> markOf(ByteView packet) {
    if (packet.empty()) return std::nullopt;
    const unsigned version = packet[0] >> 4;
    const auto layout = version == 4 ? layout4(packet) : version == 6 ? layout6(packet) : std::nullopt;
    if (!layout) return std::nullopt;
    // Padding of the link is not part of it.
    const ByteView rest = layout->rest.first(std::min(layout->rest.size(), layout->payloadLength));
    const size_t header = layout->protocol == tcp ? 20 : layout->protocol == udp ? 8 : 4;
    if (rest.size() < std::min(layout->payloadLength, header + payload)) return std::nullopt;
    const size_t unchanged = layout->protocol == tcp ? 16 : 4;  // in front of checksum and length
    Writer writer;
    writer.bytes(layout->source);
    writer.bytes(layout->destination);
    writer.u8(layout->protocol);
    writer.bytes(rest.first(std::min(rest.size(), unchanged)));
    if (rest.size() > header) writer.bytes(rest.subspan(header, std::min(payload, rest.size() - header)));
    const auto source = IpAddress::fromBytes(layout->source), destination = IpAddress::fromBytes(layout->destination);
    if (!source || !destination) return std::nullopt;
    return PacketMark{*source, *destination, number(writer.data())};
}

uint64_t flowNumber(const IpAddress& source, const IpAddress& destination) {
    Writer writer;
    writer.bytes(source.bytes());
    writer.bytes(destination.bytes());
    return number(writer.data());
}

}  // namespace netpas::tun
