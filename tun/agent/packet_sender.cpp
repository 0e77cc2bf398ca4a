#include "tun/agent/packet_sender.h"

#include <algorithm>

#include "core/crypto/tag.h"
#include "core/wire/shim.h"
#include "tun/packet/icmp_error.h"

namespace netpas::tun {

namespace {

using namespace std::chrono_literals;

// Room for the trains of one system call; everything is sent when it is full. One train and one whole frame always fit.
constexpr size_t arenaSize = 512 << 10;
constexpr size_t unlimited = 65535;
constexpr size_t maxDatagramV4 = 65507;
constexpr size_t maxDatagramV6 = 65527;
// A sender that goes on as before, although its packets get through, is told again only now and then: each time may look like an error to it.
constexpr auto tooBigInterval = 10s;
constexpr auto newMtuInterval = 20ms;
// What every IPv6 link carries; IPv4 is treated alike.
constexpr size_t safeMtu = 1280;

BestEffortReason reasonOf(SpendLimit limit) {
    switch (limit) {
    case SpendLimit::None:
    case SpendLimit::Cap: return BestEffortReason::CapReached;
    case SpendLimit::PerSecond: return BestEffortReason::PerSecondCap;
    }
    return BestEffortReason::CapReached;
}

std::vector<ReservationClock::Hop> guaranteesOn(std::span<const AgentHop> path) {
    std::vector<ReservationClock::Hop> hops;
    for (size_t i = 0; i < path.size(); ++i) {
        if (!path[i].guarantee) continue;
        hops.push_back({static_cast<uint8_t>(i), path[i].isp, path[i].service, path[i].guarantee->bitsPerSecond});
    }
    return hops;
}

// To a multicast group of the link. Nothing of the kind is ever diverted: it is the kernel speaking for the device itself, as it does on
// every interface of a router (MLD reports).
bool staysOnTheLink(const PacketView& packet) {
    const auto to = packet.destination();
    return packet.version == 6 ? to[0] == 0xff && (to[1] & 0x0f) <= 2 : to[0] == 224 && to[1] == 0 && to[2] == 0;
}

// TCP in segments that do not fit: each is paid for as two, until its sender knows.
bool cutsAnew(const VnetHeader& frame, const PacketView& packet, const Segmenter& segmenter) {
    if (packet.protocol != ipproto::tcp || segmenter.count() < 2) return false;
    if (frame.gsoType == vnet_gso::none) return true;
    return segmenter.packetSize() < size_t{packet.l4Offset} + packet.l4HeaderLength + frame.gsoSize;
}

}  // namespace

PacketSender::Flow::Flow(const PaidFlow& flow, EdgeLink& link, CounterCell& cell)
    : paid(&flow),
      templates(flow.flow.path),
      edge(&link),
      counters(&cell),
      headroom(customerShimSize + templates.headerSize()) {
    if (flow.flow.reservation) guarantees = guaranteesOn(flow.flow.path);
}

PacketSender::PacketSender(const Environment& environment, unsigned queue, const SnapshotCell<PlaneState>& state,
                           SenderTotals& totals)
    : m_environment(environment),
      m_queue(queue),
      m_state(state),
      m_totals(totals),
      m_frameMemory(TrainPlan::maxFrames * maxFrameSize),
      m_slots(TrainPlan::maxFrames),
      m_cache(environment.translation),
      m_arena(arenaSize) {
    for (size_t i = 0; i < m_slots.size(); ++i) {
        m_slots[i].buffer = std::span(m_frameMemory).subspan(i * maxFrameSize, maxFrameSize);
    }
}

PacketSender::Round PacketSender::round() {
    m_now = m_environment.clock.steady();
    if (const PlaneState* state = m_state.refresh(); state != nullptr && m_state.generation() != m_adopted) {
        adopt(*state);
    }
    const auto read = m_environment.device.readBatch(m_queue, m_slots);
    beginRound();
    hearAnswers();
    payGuarantees();
    if (!read) return Round::Gone;
    if (*read == 0) return Round::Idle;
    m_totals.framesRead.store(m_totals.framesRead.load(std::memory_order_relaxed) + *read, std::memory_order_relaxed);
    for (size_t i = 0; i < *read; ++i) {
        if (!m_plan.hasRoom()) carryOut();
        planSlot(m_slots[i]);
    }
    carryOut();
    return Round::Busy;
}

SteadyTime PacketSender::nextEvent() const noexcept {
    SteadyTime next = SteadyTime::max();
    for (const auto& [endpoint, edge] : m_edges) next = std::min(next, edge->nextEvent());
    for (const auto& [clock, ends] : m_ends) {
        if (const auto due = clock->next()) next = std::min(next, *due);
    }
    return next;
}

void PacketSender::appendPollHandles(std::vector<int>& handles) const {
    for (const auto& [endpoint, edge] : m_edges) {
        if (const int handle = edge->pollHandle(); handle >= 0) handles.push_back(handle);
    }
    for (const auto& socket : m_answers) {
        if (socket && socket->pollHandle() >= 0) handles.push_back(socket->pollHandle());
    }
}

// Between two rounds: nothing refers to the old flows.
void PacketSender::adopt(const PlaneState& state) {
    m_adopted = m_state.generation();
    m_flows.clear();
    m_flows.reserve(state.flows.size());
    std::map<Endpoint, std::unique_ptr<EdgeLink>> edges;
    for (const PaidFlow& flow : state.flows) {
        const Endpoint& endpoint = flow.flow.edge;
        auto& edge = edges[endpoint];
        if (!edge) {
            auto known = m_edges.find(endpoint);
            edge = known != m_edges.end()
                       ? std::move(known->second)
                       : std::make_unique<EdgeLink>(m_environment.sockets, m_environment.edges, flow.edge, m_now);
        }
        m_flows.emplace_back(flow, *edge, flow.counters->cells[m_queue]);
    }
    m_edges = std::move(edges);
    std::erase_if(m_ends, [&](const auto& item) {
        return std::none_of(m_flows.begin(), m_flows.end(),
                            [&](const Flow& flow) { return flow.paid->flow.reservation == item.first; });
    });
    m_cache.assign(state.flows);
}

void PacketSender::beginRound() {
    m_wall = m_environment.clock.now();
    m_minute = minuteOfDay(m_wall);
    for (const auto& [endpoint, edge] : m_edges) edge->update(m_now);
}

void PacketSender::planSlot(const ReadSlot& slot) {
    const auto packet = parseHeaders(slot.packet());
    if (!packet) {
        queueBypass(slot.packet(), noFlow, BestEffortReason::NotUnderstood, false);
        return;
    }
    FlowCache::Entry& entry = m_cache.find(*packet, m_now);
    if (entry.flow == noFlow) {
        if (staysOnTheLink(*packet)) return;
        planUnpaid(slot, *packet, noFlow, BestEffortReason::NoPurchase, entry.translated);
        return;
    }
    const Flow& flow = m_flows[static_cast<size_t>(entry.flow)];
    if (!flow.edge->usable()) {
        planUnpaid(slot, *packet, entry.flow, BestEffortReason::EdgeUnreachable, entry.translated);
    } else if (m_wall >= flow.paid->flow.expires) {
        planUnpaid(slot, *packet, entry.flow, BestEffortReason::KeyExpired, entry.translated);
    } else {
        planPaid(slot, *packet, entry);
    }
}

void PacketSender::planUnpaid(const ReadSlot& slot, const PacketView& packet, int32_t flow, BestEffortReason reason,
                              bool translated) {
    const auto segmenter = Segmenter::plan(slot.vnet, packet, unlimited);
    if (!segmenter) {
        queueBypass(slot.packet(), flow, BestEffortReason::NotUnderstood, translated);
        return;
    }
    m_plan.addUnpaid(m_plan.addFrame(*segmenter), flow, reason, translated);
}

void PacketSender::planPaid(const ReadSlot& slot, const PacketView& packet, FlowCache::Entry& entry) {
    Flow& flow = m_flows[static_cast<size_t>(entry.flow)];
    const auto segmenter = Segmenter::plan(slot.vnet, packet, flow.innerLimit());
    if (!segmenter) {
        planUnpaid(slot, packet, entry.flow, BestEffortReason::NotUnderstood, entry.translated);
        return;
    }
    if (segmenter->packetSize() + flow.headroom > (flow.edge->v6() ? maxDatagramV6 : maxDatagramV4)) {
        planUnpaid(slot, packet, entry.flow, BestEffortReason::TooLong, entry.translated);
        return;
    }
    if (!flow.guarantees.empty()) {
        m_ends.insert_or_assign(flow.paid->flow.reservation, entry.identity);
        payGuarantee(flow, entry.identity);
        if (const auto why = unguaranteed(flow, segmenter->packetBytes(0, segmenter->count()))) {
            planUnpaid(slot, packet, entry.flow, *why, entry.translated);
            return;
        }
    }
    if (segmenter->exceeds() || cutsAnew(slot.vnet, packet, *segmenter))
        reportTooBig(packet, flow, entry.identity.hash());
    m_plan.addPaid(m_plan.addFrame(*segmenter), entry, flow.templates, m_minute, segmenter->exceeds());
}

// The packet itself goes its way, in an outer datagram that is fragmented; its sender learns what would fit without (RFC 1191, RFC 8201).
void PacketSender::reportTooBig(const PacketView& packet, const Flow& flow, uint64_t flowHash) {
    if (!packet.dontFragment) return;
    const size_t mtu = flow.innerLimit();
    TooBigNote& note = m_tooBigNotes[flowHash % m_tooBigNotes.size()];
    const auto interval = note.mtu == mtu ? std::chrono::nanoseconds(tooBigInterval) : newMtuInterval;
    if (note.mtu != 0 && m_now - note.told < interval) return;
    std::array<uint8_t, maxIcmpErrorSize> message;
    const auto length = buildTooBig(packet, static_cast<uint32_t>(mtu), message);
    if (!length) return;
    note = {mtu, m_now};
    BypassPacket bypass;
    bypass.packet = std::span(message).first(*length);
    const std::lock_guard lock(m_environment.bypassMutex);
    m_environment.bypass.send(std::span(&bypass, 1));
    if (bypass.outcome == BypassOutcome::Sent) flow.counters->addTooBig();
}

void PacketSender::carryOut() {
    for (const Train& train : m_plan.trains()) carryOutTrain(train);
    sendPending();
    for (const Unpaid& unpaid : m_plan.unpaid()) sendUnpaid(unpaid);
    flushBypass();
    m_plan.clear();
}

void PacketSender::carryOutTrain(const Train& train) {
    const Flow& flow = m_flows[static_cast<size_t>(train.flow)];
    const size_t bytes = size_t{train.count} * (size_t{train.headroom} + train.innerSize);
    if (m_pending == m_outgoing.size() || bytes > room().size() || (m_pending > 0 && m_pendingEdge != flow.edge)) {
        sendPending();
    }
    if (!flow.edge->usable()) {  // found out in this round
        refuseRest(train, 0, BestEffortReason::EdgeUnreachable);
        return;
    }
    SpendGate& gate = *flow.paid->flow.gate;
    const SpendGate::Grant grant = gate.reserve(train.each, train.count, m_now);
    if (grant.packets > 0) {
        writeTrain(train, static_cast<uint8_t>(grant.packets), gate.takeSequence(grant.packets));
        m_pendingEdge = flow.edge;
    }
    if (grant.packets < train.count) refuseRest(train, grant.packets, reasonOf(grant.limit));
}

// Writes the first packets of a train into the arena, each behind shim and header.
void PacketSender::writeTrain(const Train& train, uint8_t packets, uint64_t sequence) {
    const AgentFlow& flow = m_flows[static_cast<size_t>(train.flow)].paid->flow;
    std::array<uint8_t, customerShimSize + header_bytes::maxSize> prefix;
    const auto shimBytes = std::span(prefix).first<customerShimSize>();
    const auto header = std::span(train.header).first(train.headroom - customerShimSize);
    CustomerShim shim{packets, train.innerSize, flow.key, sequence, 0};
    encodeCustomerShim(shim, shimBytes);
    shim.tag = customerTag(flow.secret, shimBytes.first<taggedShimSize>(), header, train.identity.inner());
    encodeCustomerShim(shim, shimBytes);
    std::copy(header.begin(), header.end(), prefix.begin() + customerShimSize);
    const auto front = std::span<const uint8_t>(prefix).first(train.headroom);

    const size_t begin = m_used;
    uint32_t left = packets;
    for (uint32_t index = train.firstPiece; index != noPiece && left > 0; index = m_plan.piece(index).next) {
        const Piece& piece = m_plan.piece(index);
        const uint32_t count = std::min(piece.count, left);
        m_used += m_plan.segmenter(piece.frame).write(piece.first, count, front, room());
        left -= count;
    }
    OutgoingTrain& outgoing = m_outgoing[m_pending];
    outgoing = {};
    outgoing.data = std::span(m_arena).subspan(begin, m_used - begin);
    outgoing.segmentSize = static_cast<uint16_t>(train.headroom + train.innerSize);
    m_outgoingTrains[m_pending] = &train;
    m_outgoingPackets[m_pending] = packets;
    ++m_pending;
}

// The packets of a train from number `from` on are not paid for.
void PacketSender::refuseRest(const Train& train, uint32_t from, BestEffortReason reason) {
    sendPending();  // what is paid goes first
    for (uint32_t index = train.firstPiece; index != noPiece; index = m_plan.piece(index).next) {
        Piece piece = m_plan.piece(index);
        const uint32_t skipped = std::min(from, piece.count);
        from -= skipped;
        piece.first += skipped;
        piece.count -= skipped;
        if (piece.count > 0) sendUnpaid({piece, train.flow, reason, train.translated});
    }
    flushBypass();
}

void PacketSender::sendPending() {
    if (m_pending > 0) {
        const auto outgoing = std::span(m_outgoing).first(m_pending);
        m_pendingEdge->send(outgoing, m_now);
        const size_t count = std::exchange(m_pending, 0);
        for (size_t i = 0; i < count; ++i) settle(*m_outgoingTrains[i], m_outgoingPackets[i], m_outgoing[i]);
        flushBypass();
    }
    m_used = 0;
}

// Books what was sent; what was not goes best effort, out of the arena.
void PacketSender::settle(const Train& train, uint8_t packets, const OutgoingTrain& sent) {
    Flow& flow = m_flows[static_cast<size_t>(train.flow)];
    const size_t done = std::min<size_t>(sent.datagramsSent, packets);
    const size_t stride = sent.segmentSize;
    if (done > 0) {
        const size_t bytes = std::min(sent.data.size(), done * stride) - done * train.headroom;
        flow.counters->addPaid(done, bytes, train.each.eighths() * static_cast<int64_t>(done));
        m_totals.trainsSent.store(m_totals.trainsSent.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    if (done == packets) return;
    flow.paid->flow.gate->giveBack(train.each, static_cast<uint32_t>(packets - done));
    const BestEffortReason reason =
        sent.outcome == SendOutcome::Unreachable ? BestEffortReason::EdgeUnreachable : BestEffortReason::SendFailed;
    for (size_t at = done * stride; at < sent.data.size(); at += stride) {
        const auto datagram = sent.data.subspan(at, std::min(stride, sent.data.size() - at));
        queueBypass(datagram.subspan(train.headroom), train.flow, reason, train.translated);
    }
}

void PacketSender::sendUnpaid(const Unpaid& unpaid) {
    const Segmenter& segmenter = m_plan.segmenter(unpaid.piece.frame);
    for (uint32_t i = 0; i < unpaid.piece.count; ++i) {
        const uint32_t index = unpaid.piece.first + i;
        if (segmenter.writtenSize(index, 1, 0) > room().size()) {
            flushBypass();
            m_used = 0;
        }
        const size_t size = segmenter.write(index, 1, 0, room());
        queueBypass(std::span(m_arena).subspan(m_used, size), unpaid.flow, unpaid.reason, unpaid.translated);
        m_used += size;
    }
}

void PacketSender::queueBypass(std::span<const uint8_t> packet, int32_t flow, BestEffortReason reason,
                               bool translated) {
    if (m_bypassCount == m_bypass.size()) flushBypass();
    m_bypass[m_bypassCount] = {packet, BypassOutcome::Pending, translated};
    m_bypassNotes[m_bypassCount] = {flow, reason};
    ++m_bypassCount;
}

void PacketSender::flushBypass() {
    if (m_bypassCount == 0) return;
    const size_t count = std::exchange(m_bypassCount, 0);
    {
        const std::lock_guard lock(m_environment.bypassMutex);
        m_environment.bypass.send(std::span(m_bypass).first(count));
    }
    for (size_t i = 0; i < count; ++i) {
        const BypassPacket& packet = m_bypass[i];
        const bool sent =
            packet.outcome == BypassOutcome::Sent || (packet.outcome == BypassOutcome::TooBig && rescueTooBig(packet));
        const BypassNote& note = m_bypassNotes[i];
        cellOf(note.flow).addBestEffort(note.reason, 1, sent ? 0 : 1);
    }
}

// The ordinary way carries less than the device promised: TCP is cut smaller, other senders are told.
bool PacketSender::rescueTooBig(const BypassPacket& packet) {
    const auto parsed = parseHeaders(packet.packet);
    if (!parsed) return false;
    std::array<uint8_t, maxIcmpErrorSize> memory;
    BypassPacket part;
    const auto sendPart = [&](std::span<const uint8_t> bytes, bool translated) {
        part = {bytes, BypassOutcome::Pending, translated};
        const std::lock_guard lock(m_environment.bypassMutex);
        m_environment.bypass.send(std::span(&part, 1));
        return part.outcome == BypassOutcome::Sent;
    };
    const auto segmenter = Segmenter::plan({}, *parsed, safeMtu);
    if (segmenter && !segmenter->exceeds()) {
        bool all = true;
        for (size_t i = 0; i < segmenter->count(); ++i) {
            const size_t size = segmenter->write(i, 1, 0, memory);
            all = sendPart(std::span(memory).first(size), packet.translated) && all;
        }
        return all;
    }
    if (const auto length = buildTooBig(*parsed, safeMtu, memory)) sendPart(std::span(memory).first(*length), false);
    return false;
}

CounterCell& PacketSender::cellOf(int32_t flow) noexcept {
    return flow == noFlow ? m_totals.unowned : *m_flows[static_cast<size_t>(flow)].counters;
}

}  // namespace netpas::tun
