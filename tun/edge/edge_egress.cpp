#include "tun/edge/edge_egress.h"

#include <algorithm>
#include <cstring>

namespace netpas::tun {

EdgeEgress::Lane& EdgeEgress::laneOf(uint8_t dscp) {
    for (Lane& lane : m_lanes) {
        if (lane.dscp == dscp) return lane;
    }
    m_lanes.push_back({dscp, {}});
    return m_lanes.back();
}

bool EdgeEgress::empty() const {
    return std::all_of(m_lanes.begin(), m_lanes.end(), [](const Lane& lane) { return lane.datagrams.empty(); });
}

void EdgeEgress::flush(std::span<uint8_t>& arena) {
    for (Lane& lane : m_lanes) {
        if (lane.datagrams.empty()) continue;
        buildTrains(lane, arena);
        lane.datagrams.clear();
    }
    send();
}

void EdgeEgress::buildTrains(const Lane& lane, std::span<uint8_t>& arena) {
    const auto& datagrams = lane.datagrams;
    for (size_t from = 0; from < datagrams.size();) {
        const size_t segment = datagrams[from].size();
        size_t bytes = segment;
        size_t to = from + 1;
        bool contiguous = true;
        // Equal lengths, and at the end one that is shorter.
        while (to < datagrams.size() && to - from < maxTrainSegments && bytes + datagrams[to].size() <= maxTrainBytes &&
               datagrams[to].size() <= segment && datagrams[to - 1].size() == segment) {
            contiguous = contiguous && datagrams[to - 1].data() + segment == datagrams[to].data();
            bytes += datagrams[to].size();
            ++to;
        }
        OutgoingTrain train;
        train.segmentSize = static_cast<uint16_t>(segment);
        train.trafficClass = static_cast<uint8_t>(lane.dscp << 2);
        train.to = m_to;
        if (contiguous) {
            train.data = {datagrams[from].data(), bytes};
        } else {
            train.data = arena.first(bytes);
            for (size_t i = from; i < to; ++i) {
                std::memcpy(arena.data(), datagrams[i].data(), datagrams[i].size());
                arena = arena.subspan(datagrams[i].size());
            }
        }
        m_trains.push_back(train);
        from = to;
    }
}

void EdgeEgress::send() {
    if (m_trains.empty()) return;
    m_socket->send(m_trains);
    for (const OutgoingTrain& train : m_trains) {
        const size_t lost = train.datagrams() - train.datagramsSent;
        ++m_counters.trains;
        m_counters.datagrams += train.datagramsSent;
        switch (train.outcome) {
        case SendOutcome::Sent: break;
        case SendOutcome::Pending:
        case SendOutcome::Full: m_counters.full += lost; break;
        case SendOutcome::TooBig:
        case SendOutcome::Unreachable:
        case SendOutcome::Failed: m_counters.failed += lost; break;
        }
    }
    m_trains.clear();
}

}  // namespace netpas::tun
