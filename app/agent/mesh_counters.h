// What the packet filter has counted of each neighbour, as numbers that only grow: the filter forgets who leaves its sets. One thread.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/channel/mesh_messages.h"
#include "tun/forwarding/forwarding.h"

namespace netpas::agent {

class MeshCounters {
public:
    // Of these neighbours, as read; those that have changed since they were last told.
    [[nodiscard]] std::vector<channel::MeshCount> changed(const std::vector<tun::ForwardingNeighbour>& neighbours,
                                                          const std::vector<tun::NeighbourMeter>& meters);
    // The sets were changed; what was read before is not lost with what left them. `meters`: as they stand now.
    void replaced(const std::vector<tun::ForwardingNeighbour>& neighbours,
                  const std::vector<tun::NeighbourMeter>& meters);
    // Everything is told again.
    void tellAll() { m_told.clear(); }

private:
    using Key = std::pair<std::string, LinkAddress>;
    struct Total {
        tun::NeighbourMeter before, last;  // what was forgotten, and what stands in the filter
    };
    std::map<Key, Total> m_totals;
    std::map<Key, channel::MeshCount> m_told;
};

}  // namespace netpas::agent
