// Packets of a sender that carry nothing but questions about guarantees and their charges (NetPaS §3.1.1), and the answers.
#include <algorithm>
#include <array>

#include "core/bytes.h"
#include "core/wire/reservation.h"
#include "core/wire/shim.h"
#include "tun/agent/packet_sender.h"
#include "tun/packet/checksum.h"

namespace netpas::tun {

namespace {

constexpr uint8_t hops = 64;
constexpr size_t longestQuestion = 40 + reservationQuestionSize;

// An IP header and the question behind it; returns its length.
size_t writeQuestion(const TagIdentity& ends, const ReservationQuestion& question,
                     std::span<uint8_t, longestQuestion> out) {
    std::fill(out.begin(), out.end(), uint8_t{0});
    const auto asked = encodeReservation(question);
    const size_t header = ends.version == 6 ? 40 : 20;
    std::copy(asked.begin(), asked.end(), out.begin() + static_cast<ptrdiff_t>(header));
    const size_t size = header + asked.size();
    if (ends.version == 6) {
        out[0] = 0x60;
        store16(out.data() + 4, static_cast<uint16_t>(asked.size()));
        out[6] = noNextHeader;
        out[7] = hops;
        std::copy_n(ends.source.begin(), 16, out.begin() + 8);
        std::copy_n(ends.destination.begin(), 16, out.begin() + 24);
        return size;
    }
    out[0] = 0x45;
    store16(out.data() + 2, static_cast<uint16_t>(size));
    out[8] = hops;
    out[9] = noNextHeader;
    std::copy_n(ends.source.begin(), 4, out.begin() + 12);
    std::copy_n(ends.destination.begin(), 4, out.begin() + 16);
    storeIpv4HeaderChecksum(std::span<uint8_t>(out).first(20));
    return size;
}

}  // namespace

void PacketSender::payGuarantees() {
    if (m_ends.empty()) return;
    for (const Flow& flow : m_flows) {
        if (flow.guarantees.empty()) continue;
        const auto known = m_ends.find(flow.paid->flow.reservation);
        if (known != m_ends.end()) payGuarantee(flow, known->second);
    }
}

void PacketSender::payGuarantee(const Flow& flow, const TagIdentity& ends) {
    const AgentFlow& paid = flow.paid->flow;
    if (!flow.edge->usable() || m_wall >= paid.expires) {
        paid.reservation->wait(m_now);
        return;
    }
    const auto task = paid.reservation->take(flow.guarantees, m_now);
    if (task.send && !sendQuestion(flow, ends, task)) paid.reservation->failed(task, m_now);
}

std::optional<BestEffortReason> PacketSender::unguaranteed(const Flow& flow, uint64_t bytes) {
    switch (flow.paid->flow.reservation->admit(bytes, m_now)) {
    case ReservationClock::Admission::Yes: return std::nullopt;
    case ReservationClock::Admission::NotYet: return BestEffortReason::NotReserved;
    case ReservationClock::Admission::NoPlace: return BestEffortReason::NoPlace;
    case ReservationClock::Admission::TooMuch: return BestEffortReason::OverReserved;
    }
    return BestEffortReason::NotReserved;
}

UdpSocket* PacketSender::answerSocket(bool v6) {
    static constexpr std::array<uint8_t, 16> zeros{};
    auto& socket = m_answers[v6 ? 1 : 0];
    if (!socket) {
        UdpOptions options;
        options.local.address = v6 ? IpAddress::fromBytes(zeros).value_or(IpAddress{}) : IpAddress{};
        options.mark = m_environment.edges.mark;
        options.receiveTrains = false;
        options.receiveBuffer = 64 << 10;
        auto opened = m_environment.sockets.open(options);
        if (opened) socket = std::move(*opened);
    }
    return socket.get();
}

void PacketSender::hearAnswers() {
    std::array<std::array<uint8_t, 64>, 8> memory;
    std::array<ReceivedTrain, 8> slots;
    for (const auto& socket : m_answers) {
        if (!socket) continue;
        for (size_t i = 0; i < slots.size(); ++i) slots[i].buffer = memory[i];
        const auto received = socket->receive(slots);
        for (size_t i = 0; i < received.value_or(0); ++i) {
            const auto answer = slots[i].truncated ? std::nullopt : decodeReservationAnswer(slots[i].data());
            if (!answer) continue;
            for (const auto& [reservation, ends] : m_ends) reservation->heard(*answer, m_now);
        }
    }
}

bool PacketSender::sendQuestion(const Flow& flow, const TagIdentity& ends, const ReservationClock::Task& what) {
    const AgentFlow& paid = flow.paid->flow;
    UdpSocket* const answers = answerSocket(flow.edge->v6());
    if (answers == nullptr) return false;
    const ReservationQuestion question{what.nonce, {flow.edge->localAddress(), answers->localEndpoint().port}};
    std::array<uint8_t, longestQuestion> inner;
    const size_t size = writeQuestion(ends, question, inner);
    const auto header = priceHeader(paid.path, static_cast<uint32_t>(size), m_minute, what.charges);
    if (!header || paid.gate->reserve(header->total(), 1, m_now).packets == 0) return false;
    std::array<uint8_t, customerShimSize + header_bytes::maxSize + longestQuestion> packet{};
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
