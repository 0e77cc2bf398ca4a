#include "tun/forwarding/forwarding_meters.h"

#include <algorithm>

namespace netpas::tun {

namespace {

// Of each counter: whose it is, and what it counts.
template <typename Visit>
void eachElement(const ForwardingState& state, Visit visit) {
    using Element = ForwardingMeters::Element;
    for (const ForwardingNeighbour& one : state.neighbours) {
        const std::string link = linkText(one.link);
        visit(one, Element{"arrived", one.interface, link}, &NeighbourMeter::arrived);
        visit(one, Element{"taken", one.interface, link}, &NeighbourMeter::taken);
        for (const IpAddress& hop : one.nextHops)
            visit(one, Element{hop.isV6() ? "sent6" : "sent4", one.interface, hop.toString()}, &NeighbourMeter::sent);
    }
}

}  // namespace

void ForwardingMeters::read(const ForwardingState& state, const Counts& counts) {
    ++m_readings;
    eachElement(state, [&](const ForwardingNeighbour& one, const Element& element, PacketCount NeighbourMeter::*what) {
        Total& total = m_totals[{one.interface, one.link}];
        total.seen = m_readings;
        const auto now = counts.find(element);
        if (now == counts.end()) return;
        PacketCount& last = m_last[element];
        (total.meter.*what).packets += now->second.packets - std::min(last.packets, now->second.packets);
        (total.meter.*what).bytes += now->second.bytes - std::min(last.bytes, now->second.bytes);
        last = now->second;
    });
    while (m_totals.size() > mostRemembered) {
        // Who has been away longest. Who is in the state never is.
        m_totals.erase(std::min_element(m_totals.begin(), m_totals.end(),
                                        [](const auto& a, const auto& b) { return a.second.seen < b.second.seen; }));
    }
}

void ForwardingMeters::keepOnly(const ForwardingState& state) {
    Counts kept;
    eachElement(state, [&](const ForwardingNeighbour&, const Element& element, PacketCount NeighbourMeter::*) {
        if (const auto last = m_last.find(element); last != m_last.end()) kept.insert(*last);
    });
    m_last = std::move(kept);
}

NeighbourMeter ForwardingMeters::of(const ForwardingNeighbour& neighbour) const {
    const auto at = m_totals.find({neighbour.interface, neighbour.link});
    return at == m_totals.end() ? NeighbourMeter{} : at->second.meter;
}

}  // namespace netpas::tun
