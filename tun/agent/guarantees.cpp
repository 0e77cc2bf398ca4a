// Packets of a sender that carry nothing but the charges of guarantees (NetPaS §3.1.1).
#include <algorithm>
#include <array>

#include "core/bytes.h"
#include "core/wire/shim.h"
#include "tun/agent/packet_sender.h"
#include "tun/packet/checksum.h"

namespace netpas::tun {

namespace {

constexpr uint8_t noNextHeader = 59;
constexpr uint8_t hops = 64;

// An IP header and nothing behind it; returns its length.
size_t writePayloadFree(const TagIdentity& ends, std::span<uint8_t, 40> out) {
    std::fill(out.begin(), out.end(), uint8_t{0});
    if (ends.version == 6) {
        out[0] = 0x60;
        out[6] = noNextHeader;
        out[7] = hops;
        std::copy_n(ends.source.begin(), 16, out.begin() + 8);
        std::copy_n(ends.destination.begin(), 16, out.begin() + 24);
        return 40;
    }
    out[0] = 0x45;
    out[3] = 20;
    out[8] = hops;
    out[9] = noNextHeader;
    std::copy_n(ends.source.begin(), 4, out.begin() + 12);
    std::copy_n(ends.destination.begin(), 4, out.begin() + 16);
    storeIpv4HeaderChecksum(std::span<uint8_t>(out).first(20));
    return 20;
}

}  // namespace

void PacketSender::payGuarantees() {
    if (m_ends.empty()) return;
    for (const Flow& flow : m_flows) {
        if (flow.guarantees == 0) continue;
        const auto known = m_ends.find(flow.paid->flow.reservation);
        if (known != m_ends.end()) payGuarantee(flow, known->second);
    }
}

void PacketSender::payGuarantee(const Flow& flow, const TagIdentity& ends) {
    const AgentFlow& paid = flow.paid->flow;
    if (!flow.edge->usable() || m_wall >= paid.expires) return;
    const auto due = paid.reservation->take(flow.guarantees, m_now);
    if (due == ReservationClock::Due::Nothing) return;
    if (!sendCharge(flow, ends, due)) paid.reservation->failed(due, m_now);
}

bool PacketSender::sendCharge(const Flow& flow, const TagIdentity& ends, ReservationClock::Due what) {
    const AgentFlow& paid = flow.paid->flow;
    std::array<uint8_t, 40> inner;
    const size_t size = writePayloadFree(ends, inner);
    const auto header = priceHeader(paid.path, static_cast<uint32_t>(size), m_minute, what);
    if (!header || paid.gate->reserve(header->total(), 1, m_now).packets == 0) return false;
    std::array<uint8_t, customerShimSize + header_bytes::maxSize + 40> packet{};
    const size_t headerSize = header->encode(std::span(packet).subspan(customerShimSize));
    const auto shimBytes = std::span(packet).first<customerShimSize>();
    CustomerShim shim{1, static_cast<uint16_t>(size), paid.key, paid.gate->takeSequence(1), 0};
    encodeCustomerShim(shim, shimBytes);
    TagIdentity said = ends;
    said.sourcePort = said.destinationPort = 0;
    said.protocol = noNextHeader;
    shim.tag = customerTag(paid.secret, shimBytes.first<taggedShimSize>(),
                           std::span<const uint8_t>(packet).subspan(customerShimSize, headerSize), said.inner());
    encodeCustomerShim(shim, shimBytes);
    std::copy_n(inner.begin(), size, packet.begin() + static_cast<ptrdiff_t>(customerShimSize + headerSize));
    OutgoingTrain train;
    train.data = std::span<const uint8_t>(packet).first(customerShimSize + headerSize + size);
    train.segmentSize = static_cast<uint16_t>(train.data.size());
    flow.edge->send(std::span(&train, 1), m_now);
    if (train.datagramsSent == 0) {
        paid.gate->giveBack(header->total(), 1);
        return false;
    }
    flow.counters->addPaid(1, size, header->total().eighths());
    return true;
}

}  // namespace netpas::tun
