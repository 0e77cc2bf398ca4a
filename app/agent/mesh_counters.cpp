#include "app/agent/mesh_counters.h"

#include <algorithm>

namespace netpas::agent {

namespace {

constexpr size_t mostRemembered = 4096;

void keep(tun::PacketCount& before, tun::PacketCount& last, const tun::PacketCount& now) {
    before.bytes += last.bytes - std::min(last.bytes, now.bytes);
    before.packets += last.packets - std::min(last.packets, now.packets);
    last = now;
}

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
        if (!m_totals.contains(key) && m_totals.size() >= mostRemembered) m_totals.erase(m_totals.begin());
        auto& [before, last] = m_totals[key];
        last = meters[i];
        const channel::MeshCount count{
            key.first,
            key.second,
            before.arrived.packets + last.arrived.packets,
            before.arrived.bytes + last.arrived.bytes,
            before.taken.packets + last.taken.packets,
            before.taken.bytes + last.taken.bytes,
            before.sent.packets + last.sent.packets,
            before.sent.bytes + last.sent.bytes,
        };
        const auto told = m_told.find(key);
        if (told != m_told.end() && same(told->second, count)) continue;
        if (told == m_told.end() && m_told.size() >= mostRemembered) m_told.clear();
        m_told.insert_or_assign(key, count);
        all.push_back(count);
    }
    return all;
}

void MeshCounters::replaced(const std::vector<tun::ForwardingNeighbour>& neighbours,
                            const std::vector<tun::NeighbourMeter>& meters) {
    std::map<Key, tun::NeighbourMeter> now;
    for (size_t i = 0; i < neighbours.size() && i < meters.size(); ++i)
        now[{neighbours[i].interface, neighbours[i].link}] = meters[i];
    for (auto& [key, total] : m_totals) {
        const auto at = now.find(key);
        const tun::NeighbourMeter meter = at == now.end() ? tun::NeighbourMeter{} : at->second;
        keep(total.before.arrived, total.last.arrived, meter.arrived);
        keep(total.before.taken, total.last.taken, meter.taken);
        keep(total.before.sent, total.last.sent, meter.sent);
    }
}

}  // namespace netpas::agent
