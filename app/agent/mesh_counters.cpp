#include "app/agent/mesh_counters.h"

namespace netpas::agent {

namespace {

constexpr size_t mostTold = 4096;

bool same(const channel::MeshCount& a, const channel::MeshCount& b) {
    return a.arrivedBytes == b.arrivedBytes && a.arrivedPackets == b.arrivedPackets && a.takenBytes == b.takenBytes &&
           a.takenPackets == b.takenPackets && a.sentBytes == b.sentBytes && a.sentPackets == b.sentPackets;
}

}  // namespace

std::vector<channel::MeshCount> MeshCounters::changed(const std::vector<tun::ForwardingNeighbour>& neighbours,
                                                      const std::vector<tun::NeighbourMeter>& meters) {
    std::vector<channel::MeshCount> all;
    for (size_t i = 0; i < neighbours.size() && i < meters.size(); ++i) {
        const Key key{neighbours[i].interface, neighbours[i].link};
        const tun::NeighbourMeter& meter = meters[i];
        const channel::MeshCount count{key.first,           key.second,          meter.arrived.packets,
                                       meter.arrived.bytes, meter.taken.packets, meter.taken.bytes,
                                       meter.sent.packets,  meter.sent.bytes};
        const auto told = m_told.find(key);
        if (told != m_told.end() && same(told->second, count)) continue;
        if (told == m_told.end() && m_told.size() >= mostTold) m_told.clear();  // they are told once more
        m_told.insert_or_assign(key, count);
        all.push_back(count);
    }
    return all;
}

}  // namespace netpas::agent
