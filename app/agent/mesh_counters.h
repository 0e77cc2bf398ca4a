// Which neighbours' counters the secretary is to be told. One thread.
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
    // Everything is told again.
    void tellAll() { m_told.clear(); }

private:
    using Key = std::pair<std::string, LinkAddress>;
    std::map<Key, channel::MeshCount> m_told;
};

}  // namespace netpas::agent
