#include "tun/packet/segment.h"

#include <algorithm>
#include <cstring>

#include "core/bytes.h"

namespace netpas::tun {
namespace {

constexpr size_t ipv6HeaderSize = 40;
constexpr size_t minimumTcpPayload = 8;
constexpr size_t maxSegments = 65535;
// Offsets within the TCP header.
constexpr size_t tcpSequence = 4;
constexpr size_t tcpFlags = 13;
constexpr size_t tcpChecksum = 16;
constexpr size_t tcpUrgent = 18;
// Offsets within the UDP header.
constexpr size_t udpLength = 4;
constexpr size_t udpChecksum = 6;

using Failure = tl::unexpected<SegmentError>;

tl::expected<bool, SegmentError> isTcpTrain(const VnetHeader& frame, const PacketView& packet) noexcept {
    switch (frame.gsoType & ~vnet_gso::ecn) {
    case vnet_gso::tcp4:
        if (packet.version != 4 || !packet.wholeTcp()) return Failure(SegmentError::GsoTypeContradictsPacket);
        return true;
    case vnet_gso::tcp6:
        if (packet.version != 6 || !packet.wholeTcp()) return Failure(SegmentError::GsoTypeContradictsPacket);
        return true;
    case vnet_gso::udp:
        if (!packet.wholeUdp()) return Failure(SegmentError::GsoTypeContradictsPacket);
        return false;
    default: return Failure(SegmentError::UnknownGsoType);
    }
}

// Whether the checksum that is to be completed is the one of the packet's TCP or UDP header.
bool namesTransportChecksum(const VnetHeader& frame, const PacketView& packet) noexcept {
    const size_t field = packet.protocol == ipproto::tcp ? tcpChecksum : udpChecksum;
    return frame.checksumStart == packet.l4Offset && frame.checksumOffset == field;
}

}  // namespace

std::string_view describe(SegmentError error) noexcept {
    switch (error) {
    case SegmentError::UnknownGsoType: return "unknown kind of segmentation";
    case SegmentError::GsoTypeContradictsPacket: return "the kind of segmentation does not suit the packet";
    case SegmentError::GsoSizeZero: return "segments of no bytes";
    case SegmentError::GsoWithoutChecksum: return "segmentation without checksum offload";
    case SegmentError::ChecksumBeyondPacket: return "the checksum lies outside the packet";
    case SegmentError::ChecksumElsewhere: return "the checksum is not the one of the upper-layer header";
    case SegmentError::NoRoomForPayload: return "the maximum leaves no room for payload";
    case SegmentError::TooManySegments: return "too many segments";
    case SegmentError::SynInTrain: return "a SYN cannot be split";
    case SegmentError::SourceRouted: return "a source-routed packet cannot be split";
    }
    return "unknown segmentation error";
}

tl::expected<Segmenter, SegmentError> Segmenter::plan(const VnetHeader& frame, const PacketView& packet,
                                                      size_t maximum) noexcept {
    tl::expected<Segmenter, SegmentError> result;
    Segmenter& plan = *result;
    plan.m_packet = packet;
    const bool needsChecksum = (frame.flags & vnet_flag::needsChecksum) != 0;
    if (needsChecksum && size_t{frame.checksumStart} + frame.checksumOffset + 2 > packet.totalLength) {
        result = Failure(SegmentError::ChecksumBeyondPacket);
        return result;
    }
    const auto made =
        frame.gsoType == vnet_gso::none ? plan.planSingle(frame, maximum) : plan.planTrain(frame, maximum);
    if (made) {
        plan.m_exceeds = plan.packetSize() > maximum;
    } else {
        result = Failure(made.error());
    }
    return result;
}

tl::expected<void, SegmentError> Segmenter::planTrain(const VnetHeader& frame, size_t maximum) noexcept {
    const auto tcp = isTcpTrain(frame, m_packet);
    if (!tcp) return Failure(tcp.error());
    if ((frame.flags & vnet_flag::needsChecksum) == 0) return Failure(SegmentError::GsoWithoutChecksum);
    if (!namesTransportChecksum(frame, m_packet)) return Failure(SegmentError::ChecksumElsewhere);
    if (frame.gsoSize == 0) return Failure(SegmentError::GsoSizeZero);
    if (m_packet.sourceRouted) return Failure(SegmentError::SourceRouted);
    return share(*tcp, frame.gsoSize, maximum);
}

// Shares the payload out in steps; TCP in smaller ones than asked for where the maximum demands it.
tl::expected<void, SegmentError> Segmenter::share(bool tcp, size_t step, size_t maximum) noexcept {
    m_headers = static_cast<uint32_t>(m_packet.headersLength());
    m_payload = static_cast<uint32_t>(m_packet.payloadLength());
    if (tcp) {
        if ((m_packet.data[m_packet.l4Offset + tcpFlags] & tcp_flag::syn) != 0)
            return Failure(SegmentError::SynInTrain);
        const size_t room = maximum > m_headers ? maximum - m_headers : 0;
        if (room < minimumTcpPayload && m_payload > room) return Failure(SegmentError::NoRoomForPayload);
        step = std::min(step, std::max<size_t>(room, 1));
    }
    m_step = static_cast<uint32_t>(step);
    m_count = std::max<uint32_t>(1, (m_payload + m_step - 1) / m_step);
    if (m_count > maxSegments) return Failure(SegmentError::TooManySegments);
    m_kind = tcp ? Kind::Tcp : Kind::Udp;
    prepareHeaders();
    return {};
}

tl::expected<void, SegmentError> Segmenter::planSingle(const VnetHeader& frame, size_t maximum) noexcept {
    const bool needsChecksum = (frame.flags & vnet_flag::needsChecksum) != 0;
    const bool mayBeSplit = m_packet.totalLength > maximum && m_packet.wholeTcp() && !m_packet.sourceRouted &&
                            (m_packet.data[m_packet.l4Offset + tcpFlags] & tcp_flag::syn) == 0;
    // Splitting writes new checksums and must not make a damaged packet look sound.
    if (mayBeSplit && (needsChecksum ? namesTransportChecksum(frame, m_packet) : transportChecksumHolds(m_packet))) {
        return share(true, m_packet.payloadLength(), maximum);
    }
    m_headers = m_packet.totalLength;
    m_step = 0;
    if (needsChecksum) {
        m_kind = Kind::CompleteChecksum;
        m_checksumStart = frame.checksumStart;
        m_checksumOffset = frame.checksumOffset;
    }
    return {};
}

void Segmenter::prepareHeaders() noexcept {
    std::array<uint8_t, 60> header{};
    if (m_packet.version == 4) {
        std::memcpy(header.data(), m_packet.data, m_packet.l4Offset);
        m_identification = load16(header.data() + 4);
        store32(header.data() + 2, 0);  // length and identification
        store16(header.data() + 10, 0);
        m_ipSum.add(std::span(header).first(m_packet.l4Offset));
    }
    const uint8_t* l4 = m_packet.data + m_packet.l4Offset;
    std::memcpy(header.data(), l4, m_packet.l4HeaderLength);
    if (m_kind == Kind::Tcp) {
        m_sequence = load32(l4 + tcpSequence);
        m_flags = l4[tcpFlags];
        m_urgent = load16(l4 + tcpUrgent);
        store32(header.data() + tcpSequence, 0);
        header[tcpFlags] = 0;
        store32(header.data() + tcpChecksum, 0);  // and the urgent pointer
    } else {
        store32(header.data() + udpLength, 0);  // and the checksum
    }
    m_l4Sum = pseudoHeaderSum(m_packet, 0).add(std::span(header).first(m_packet.l4HeaderLength));
}

size_t Segmenter::packetBytes(size_t first, size_t count) const noexcept {
    if (count == 0) return 0;
    const bool toTheEnd = first + count == m_count;
    return (count - 1) * packetSize() + (toTheEnd ? lastPacketSize() : packetSize());
}

size_t Segmenter::write(size_t first, size_t count, size_t headroom, std::span<uint8_t> out) const noexcept {
    uint8_t* at = out.data();
    for (size_t index = first; index < first + count; ++index) {
        writePacket(index, at + headroom);
        at += headroom + packetSize();
    }
    return writtenSize(first, count, headroom);
}

size_t Segmenter::write(size_t first, size_t count, std::span<const uint8_t> prefix,
                        std::span<uint8_t> out) const noexcept {
    uint8_t* at = out.data();
    for (size_t index = first; index < first + count; ++index) {
        std::memcpy(at, prefix.data(), prefix.size());
        writePacket(index, at + prefix.size());
        at += prefix.size() + packetSize();
    }
    return writtenSize(first, count, prefix.size());
}

void Segmenter::writePacket(size_t index, uint8_t* out) const noexcept {
    if (m_kind == Kind::Verbatim || m_kind == Kind::CompleteChecksum) return writeSingle(out);
    const size_t offset = index * m_step;
    const bool last = index + 1 == m_count;
    const size_t payload = last ? m_payload - offset : m_step;
    const auto l4Length = static_cast<uint32_t>(m_packet.l4HeaderLength + payload);

    std::memcpy(out, m_packet.data, m_headers);
    writeLengths(index, m_headers + payload, out);
    InternetSum sum = m_l4Sum;
    sum.addCopying({m_packet.data + m_headers + offset, payload}, out + m_headers);
    sum.addNumber32(l4Length);
    uint8_t* l4 = out + m_packet.l4Offset;
    if (m_kind == Kind::Tcp) {
        writeTcpFields(index, last, l4, sum);
        sum.storeChecksum(l4 + tcpChecksum);
        return;
    }
    store16(l4 + udpLength, static_cast<uint16_t>(l4Length));
    sum.addNumber32(l4Length);
    sum.storeUdpChecksum(l4 + udpChecksum);
}

void Segmenter::writeSingle(uint8_t* out) const noexcept {
    if (m_kind == Kind::Verbatim) {
        std::memcpy(out, m_packet.data, m_packet.totalLength);
        return;
    }
    std::memcpy(out, m_packet.data, m_checksumStart);
    InternetSum sum;
    sum.addCopying(m_packet.bytes().subspan(m_checksumStart), out + m_checksumStart);
    uint8_t* field = out + m_checksumStart + m_checksumOffset;
    if (m_packet.protocol == ipproto::udp) {
        sum.storeUdpChecksum(field);
    } else {
        sum.storeChecksum(field);
    }
}

void Segmenter::writeLengths(size_t index, size_t length, uint8_t* out) const noexcept {
    if (m_packet.version == 6) {
        store16(out + 4, static_cast<uint16_t>(length - ipv6HeaderSize));
        return;
    }
    const auto identification = static_cast<uint16_t>(m_identification + index);
    store16(out + 2, static_cast<uint16_t>(length));
    store16(out + 4, identification);
    InternetSum sum = m_ipSum;
    sum.addNumber16(static_cast<uint16_t>(length)).addNumber16(identification).storeChecksum(out + 10);
}

void Segmenter::writeTcpFields(size_t index, bool last, uint8_t* tcp, InternetSum& sum) const noexcept {
    const auto offset = static_cast<uint32_t>(index * m_step);
    uint8_t flags = m_flags;
    if (!last) flags &= static_cast<uint8_t>(~(tcp_flag::fin | tcp_flag::psh | tcp_flag::rst));
    if (index > 0) flags &= static_cast<uint8_t>(~tcp_flag::cwr);
    // The pointer counts from the packet's own sequence number.
    uint16_t urgent = m_urgent;
    if ((flags & tcp_flag::urg) != 0) {
        const bool ahead = urgent > offset;
        urgent = ahead ? static_cast<uint16_t>(urgent - offset) : uint16_t{0};
        if (!ahead && index > 0) flags &= static_cast<uint8_t>(~tcp_flag::urg);
    }
    store32(tcp + tcpSequence, m_sequence + offset);
    tcp[tcpFlags] = flags;
    store16(tcp + tcpUrgent, urgent);
    sum.addNumber32(m_sequence + offset).addNumber16(flags).addNumber16(urgent);
}

}  // namespace netpas::tun
