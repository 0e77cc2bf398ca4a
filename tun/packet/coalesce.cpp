#include "tun/packet/coalesce.h"

#include <algorithm>
#include <cstring>

#include "core/bytes.h"
#include "tun/packet/checksum.h"

namespace netpas::tun {
namespace {

constexpr size_t ipv4HeaderSize = 20;
constexpr size_t ipv6HeaderSize = 40;
// Offsets within the TCP header.
constexpr size_t tcpSequence = 4;
constexpr size_t tcpAcknowledgement = 8;
constexpr size_t tcpFlags = 13;
constexpr size_t tcpWindow = 14;
constexpr size_t tcpChecksum = 16;
constexpr size_t tcpUrgent = 18;
constexpr size_t tcpOptions = 20;
// Offsets within the UDP header.
constexpr size_t udpLength = 4;
constexpr size_t udpChecksum = 6;

constexpr uint8_t endsFrame = tcp_flag::psh | tcp_flag::fin;
// What the first segment's header could not say for all of them.
constexpr uint8_t neverJoined = tcp_flag::syn | tcp_flag::rst | tcp_flag::urg | tcp_flag::ece | tcp_flag::cwr;

const uint8_t* l4(const PacketView& packet) noexcept { return packet.data + packet.l4Offset; }

// Addresses and ports lie side by side in packets without options: 12 or 36 bytes.
uint32_t flowSlot(const PacketView& packet) noexcept {
    uint64_t hash = 0;
    uint64_t word = 0;
    const size_t begin = packet.version == 4 ? 12 : 8;
    const size_t words = packet.version == 4 ? 1 : 4;
    for (size_t i = 0; i < words; ++i) {
        std::memcpy(&word, packet.data + begin + i * 8, 8);
        hash = (hash ^ word) * 0x9e37'79b9'7f4a'7c15u;
        hash ^= hash >> 32;
    }
    hash = (hash ^ (uint64_t{packet.sourcePort} << 16 | packet.destinationPort)) * 0x9e37'79b9'7f4a'7c15u;
    return static_cast<uint32_t>(hash >> 32);
}

bool sameBytes(const uint8_t* a, const uint8_t* b, size_t size) noexcept { return std::memcmp(a, b, size) == 0; }

}  // namespace

Coalescer::Coalescer(const CoalesceOptions& options) : m_options(options) {
    m_packets.resize(options.capacity);
    m_frames.resize(options.capacity);
    m_pieces.resize(options.capacity * 2);
    m_out.resize(options.capacity);
    m_open.fill(none);
}

bool Coalescer::add(std::span<const uint8_t> packet) noexcept {
    const auto view = parseHeaders(packet);
    if (view) return add(*view);
    if (m_packetCount == m_packets.size()) return false;
    // Nothing is known about it: it passes as it is, and the kernel judges.
    PacketView opaque;
    opaque.data = packet.data();
    opaque.totalLength = static_cast<uint32_t>(packet.size());
    open(opaque);
    return true;
}

bool Coalescer::add(const PacketView& packet) noexcept {
    if (m_packetCount == m_packets.size()) return false;
    if (packet.fragment || (packet.protocol != ipproto::tcp && packet.protocol != ipproto::udp)) {
        open(packet);
        return true;
    }
    uint32_t& slot = m_open[flowSlot(packet) % openFrames];
    const bool joins = packet.protocol == ipproto::tcp ? tcpMayJoin(packet) : udpMayJoin(packet);
    if (!joins) {
        // It must not be overtaken by later packets of its flow.
        slot = none;
        open(packet);
        return true;
    }
    if (slot != none && continues(m_frames[slot], packet)) {
        if (!append(m_frames[slot], packet)) slot = none;
        return true;
    }
    slot = open(packet);
    if ((m_frames[slot].flags & endsFrame) != 0) slot = none;
    return true;
}

bool Coalescer::tcpMayJoin(const PacketView& packet) const noexcept {
    if (!(packet.version == 4 ? m_options.tcp4 : m_options.tcp6)) return false;
    if (packet.extensions || packet.payloadLength() == 0) return false;
    const uint8_t flags = l4(packet)[tcpFlags];
    if ((flags & neverJoined) != 0 || (flags & tcp_flag::ack) == 0) return false;
    return soundChecksums(packet);
}

bool Coalescer::udpMayJoin(const PacketView& packet) const noexcept {
    if (!m_options.udp || packet.extensions || packet.payloadLength() == 0) return false;
    if (load16(l4(packet) + udpLength) != packet.totalLength - packet.l4Offset) return false;
    if (load16(l4(packet) + udpChecksum) == 0) return false;  // the sender wants none
    return soundChecksums(packet);
}

bool Coalescer::soundChecksums(const PacketView& packet) noexcept {
    if (packet.version == 4 && !ipv4HeaderChecksumHolds(packet.bytes().first(ipv4HeaderSize))) return false;
    return transportChecksumHolds(packet);
}

bool Coalescer::continues(const Frame& frame, const PacketView& packet) const noexcept {
    const PacketView& first = frame.first;
    if (first.version != packet.version || first.protocol != packet.protocol) return false;
    if (first.sourcePort != packet.sourcePort || first.destinationPort != packet.destinationPort) return false;
    if (packet.payloadLength() > frame.step || frame.length + packet.payloadLength() > maxFrameSize) return false;
    if (!sameIpHeader(frame, packet)) return false;
    if (packet.protocol == ipproto::udp) return frame.packets < maxDatagrams;
    return frame.packets < maxSegments && sameTcpHeader(frame, packet);
}

bool Coalescer::sameIpHeader(const Frame& frame, const PacketView& packet) const noexcept {
    const uint8_t* a = frame.first.data;
    const uint8_t* b = packet.data;
    if (packet.version == 6) {
        // Version, class, flow label; next header, hop limit, addresses. Only the length may differ.
        return sameBytes(a, b, 4) && sameBytes(a + 6, b + 6, ipv6HeaderSize - 6);
    }
    // Version, header length, TOS; flags; TTL, protocol; addresses.
    if (!sameBytes(a, b, 2) || !sameBytes(a + 6, b + 6, 4) || !sameBytes(a + 12, b + 12, 8)) return false;
    const auto ahead = static_cast<uint16_t>(packet.fragmentId - frame.first.fragmentId);
    const bool fixed = ahead == 0 && packet.dontFragment;
    if (frame.packets == 1) return ahead == 1 || fixed;
    return frame.fixedIdentification ? fixed : ahead == frame.packets;
}

bool Coalescer::sameTcpHeader(const Frame& frame, const PacketView& packet) const noexcept {
    const uint8_t* a = l4(frame.first);
    const uint8_t* b = l4(packet);
    if (frame.first.l4HeaderLength != packet.l4HeaderLength || load32(b + tcpSequence) != frame.nextSequence)
        return false;
    // Acknowledgement and data offset; window; urgent pointer; options, timestamps among them.
    return sameBytes(a + tcpAcknowledgement, b + tcpAcknowledgement, tcpFlags - tcpAcknowledgement) &&
           sameBytes(a + tcpWindow, b + tcpWindow, 2) && sameBytes(a + tcpUrgent, b + tcpUrgent, 2) &&
           sameBytes(a + tcpOptions, b + tcpOptions, size_t{packet.l4HeaderLength} - tcpOptions);
}

uint32_t Coalescer::open(const PacketView& packet) noexcept {
    const auto packetIndex = static_cast<uint32_t>(m_packetCount++);
    const auto frameIndex = static_cast<uint32_t>(m_frameCount++);
    m_packets[packetIndex] = {packet.bytes(), none};
    Frame& frame = m_frames[frameIndex];
    frame.first = packet;
    frame.firstPacket = frame.lastPacket = packetIndex;
    frame.packets = 1;
    frame.length = packet.totalLength;
    frame.step = static_cast<uint32_t>(packet.payloadLength());
    frame.flags = 0;
    frame.fixedIdentification = false;
    if (packet.wholeTcp()) {
        frame.flags = l4(packet)[tcpFlags];
        frame.nextSequence = load32(l4(packet) + tcpSequence) + frame.step;
    }
    return frameIndex;
}

// False when the frame can grow no further.
bool Coalescer::append(Frame& frame, const PacketView& packet) noexcept {
    const auto index = static_cast<uint32_t>(m_packetCount++);
    const auto payload = static_cast<uint32_t>(packet.payloadLength());
    m_packets[index] = {packet.bytes().subspan(packet.headersLength()), none};
    m_packets[frame.lastPacket].next = index;
    frame.lastPacket = index;
    if (frame.packets == 1) frame.fixedIdentification = packet.fragmentId == frame.first.fragmentId;
    ++frame.packets;
    frame.length += payload;
    if (packet.protocol == ipproto::tcp) {
        frame.flags |= l4(packet)[tcpFlags];
        frame.nextSequence += payload;
    }
    return payload == frame.step && (frame.flags & endsFrame) == 0;
}

std::span<const OutgoingFrame> Coalescer::frames() noexcept {
    size_t piece = 0;
    for (size_t index = 0; index < m_frameCount; ++index) m_out[index] = finish(m_frames[index], piece);
    return std::span(m_out).first(m_frameCount);
}

OutgoingFrame Coalescer::finish(Frame& frame, size_t& piece) noexcept {
    const size_t begin = piece;
    OutgoingFrame out;
    std::span<const uint8_t> firstBytes = m_packets[frame.firstPacket].bytes;
    if (frame.packets > 1) {
        out.vnet = writeHeaders(frame);
        const size_t headers = frame.first.headersLength();
        m_pieces[piece++] = std::span(frame.headers).first(headers);
        firstBytes = firstBytes.subspan(headers);
    }
    m_pieces[piece++] = firstBytes;
    for (uint32_t next = m_packets[frame.firstPacket].next; next != none; next = m_packets[next].next) {
        m_pieces[piece++] = m_packets[next].bytes;
    }
    out.pieces = std::span(m_pieces).subspan(begin, piece - begin);
    return out;
}

VnetHeader Coalescer::writeHeaders(Frame& frame) const noexcept {
    const PacketView& first = frame.first;
    const bool tcp = first.protocol == ipproto::tcp;
    uint8_t* ip = frame.headers.data();
    uint8_t* upper = ip + first.l4Offset;
    const uint32_t upperLength = frame.length - first.l4Offset;
    std::memcpy(ip, first.data, first.headersLength());
    if (first.version == 4) {
        store16(ip + 2, static_cast<uint16_t>(frame.length));
        storeIpv4HeaderChecksum({ip, ipv4HeaderSize});
    } else {
        store16(ip + 4, static_cast<uint16_t>(upperLength));
    }
    if (tcp) {
        upper[tcpFlags] = frame.flags;
    } else {
        store16(upper + udpLength, static_cast<uint16_t>(upperLength));
    }
    const size_t field = tcp ? tcpChecksum : udpChecksum;
    pseudoHeaderSum(first, upperLength).storeSum(upper + field);

    VnetHeader vnet;
    vnet.flags = vnet_flag::needsChecksum;
    vnet.gsoType = !tcp ? vnet_gso::udp : first.version == 4 ? vnet_gso::tcp4 : vnet_gso::tcp6;
    vnet.headersLength = static_cast<uint16_t>(first.headersLength());
    vnet.gsoSize = static_cast<uint16_t>(frame.step);
    vnet.checksumStart = first.l4Offset;
    vnet.checksumOffset = static_cast<uint16_t>(field);
    return vnet;
}

void Coalescer::clear() noexcept {
    m_packetCount = 0;
    m_frameCount = 0;
    m_open.fill(none);
}

}  // namespace netpas::tun
