#include "app/lab/tools/payment_meter.h"

#include "app/lab/lab.h"

namespace netpas::lab {
namespace {

constexpr size_t ethernetSize = 14;
constexpr size_t udpSize = 8;
constexpr uint16_t dataPortNumber = 46721;

uint16_t number16(std::span<const uint8_t> bytes, size_t at) {
    return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

// Where the UDP header begins in a frame that holds a whole datagram, and the addresses. No extension headers: nobody in the lab
// puts any in front of the datagrams of ISPs and agents.
std::optional<std::span<const uint8_t>> udpIn(std::span<const uint8_t> frame, DataPacket& packet) {
    if (frame.size() < ethernetSize + 20) return std::nullopt;
    const std::span<const uint8_t> ip = frame.subspan(ethernetSize);
    size_t addresses = 0;
    size_t length = 0;
    size_t begin = 0;
    size_t end = 0;
    if (ip[0] >> 4 == 4) {
        constexpr uint16_t fragmentOffset = 0x1fff;
        if (ip[9] != 17 || (number16(ip, 6) & fragmentOffset) != 0) return std::nullopt;
        addresses = 12;
        length = 4;
        begin = size_t{ip[0] & 0xfU} * 4;
        end = number16(ip, 2);
        packet.ttl = ip[8];
    } else if (ip[0] >> 4 == 6 && ip.size() >= 40) {
        if (ip[6] != 17) return std::nullopt;
        addresses = 8;
        length = 16;
        begin = 40;
        end = begin + number16(ip, 4);
        packet.ttl = ip[7];
    } else {
        return std::nullopt;
    }
    if (end > ip.size() || begin + udpSize > end) return std::nullopt;
    packet.src = *IpAddress::fromBytes(ip.subspan(addresses, length));
    packet.dst = *IpAddress::fromBytes(ip.subspan(addresses + length, length));
    return ip.subspan(begin, end - begin);
}

// Value of a price code in eighths of a nanodollar (DESIGN §4): five bits of exponent, three of mantissa.
int64_t eighthsOf(uint8_t code) { return int64_t{8 + (code & 7)} << (code >> 3); }

}  // namespace

std::optional<DataPacket> dataPacketIn(std::span<const uint8_t> frame) {
    DataPacket packet;
    const auto udp = udpIn(frame, packet);
    if (!udp || number16(*udp, 2) != dataPortNumber) return std::nullopt;
    packet.payload = udp->subspan(udpSize);
    if (packet.payload.empty() || packet.payload[0] >> 4 != 1) return std::nullopt;
    const size_t shim = (packet.payload[0] & 0xf) == 1 ? 24 : 4;
    if (packet.payload.size() < shim + 8) return std::nullopt;
    const size_t hops = size_t{packet.payload[shim]} / 16 + 1;
    const size_t header = (5 * hops + 3) / 4 * 4;
    if (packet.payload.size() < shim + header) return std::nullopt;
    packet.header = packet.payload.subspan(shim, header);
    packet.inner = packet.payload.subspan(shim + header);
    return packet;
}

std::optional<std::string> interfaceAt(const Lab& lab, const std::string& link, const std::string& node) {
    for (const auto& ends : lab.plan().links) {
        if (lab.topology().links[ends[0].link].name != link) continue;
        for (const InterfacePlan& end : ends) {
            if (end.node == node) return end.name;
        }
    }
    return std::nullopt;
}

Expected<std::unique_ptr<PaymentMeter>> PaymentMeter::start(Lab& lab, const std::string& link, const std::string& node,
                                                            std::function<bool(const DataPacket&)> filter) {
    const auto interface = interfaceAt(lab, link, node);
    if (!interface) return fail(LabErrc::Usage, node + " has no end at link " + link);
    std::unique_ptr<PaymentMeter> meter(new PaymentMeter);
    meter->m_filter = std::move(filter);
    auto capture =
        LinkCapture::start(lab.netns(node), *interface, CaptureFilter::NetpasData,
                           [counting = meter.get()](const CapturedPacket& packet) { counting->take(packet); });
    if (!capture) return tl::unexpected(capture.error());
    meter->m_capture = std::move(*capture);
    return meter;
}

void PaymentMeter::take(const CapturedPacket& captured) {
    if (captured.direction != PacketDirection::Outgoing) return;
    const auto packet = dataPacketIn(captured.frame);
    if (!packet || (m_filter && !m_filter(*packet))) return;
    const std::lock_guard lock(m_mutex);
    if (!m_count.first) m_count.first = std::chrono::steady_clock::now();
    ++m_count.packets;
    const size_t hops = size_t{packet->header[0]} / 16 + 1;
    for (size_t hop = 0; hop < hops; ++hop) {
        const int64_t price = eighthsOf(packet->header[5 * hop + 4]);
        m_count.amount = Money::fromEighths(m_count.amount.eighths() + price);
        Money& one = m_count.perIsp[number16(packet->header, 5 * hop + 2)];
        one = Money::fromEighths(one.eighths() + price);
    }
}

PaymentCount PaymentMeter::count() const {
    const std::lock_guard lock(m_mutex);
    return m_count;
}

Expected<PaymentCount> PaymentMeter::stop() {
    const CaptureStatistics statistics = m_capture->stop();
    if (statistics.lost != 0) {
        return fail(LabErrc::Evidence, "a capture lost " + std::to_string(statistics.lost) + " packets");
    }
    return count();
}

}  // namespace netpas::lab
