// What was counted of neighbours, as numbers that only grow. The packet filter counts by element of its sets and forgets those that are deleted; here each
// element's growth goes to whoever has it, and stays there. Pure; one thread.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "tun/forwarding/forwarding.h"

namespace netpas::tun {

class ForwardingMeters {
public:
    // A counter: the set, the interface and the address in it, as nftables writes them.
    using Element = std::tuple<std::string, std::string, std::string>;
    using Counts = std::map<Element, PacketCount>;
    static constexpr size_t mostRemembered = 4 * maxForwardingNeighbours;

    // What has come since the counters were last read belongs to those who have them in `state`.
    void read(const ForwardingState& state, const Counts& counts);
    // All other counters were deleted: they begin at zero when they come back.
    void keepOnly(const ForwardingState& state);
    // Since this neighbour was first in a state that was read.
    [[nodiscard]] NeighbourMeter of(const ForwardingNeighbour& neighbour) const;

private:
    struct Total {
        NeighbourMeter meter;
        uint64_t seen = 0;  // the last reading that had it
    };
    Counts m_last;
    std::map<std::pair<std::string, LinkAddress>, Total> m_totals;
    uint64_t m_readings = 0;
};

}  // namespace netpas::tun
