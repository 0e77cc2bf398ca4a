#include "tun/observe/sightings.h"

#include <algorithm>

namespace netpas::tun {

Sightings::Sightings(size_t capacity) : m_capacity(std::max(capacity, size_t{1})) {}

void Sightings::see(uint64_t flow, const Sighting& sighting, bool arrives) {
    if (const auto known = m_places.find(sighting.hash); known != m_places.end()) {
        Entry& entry = m_entries[known->second];
        entry.sighting.nanoseconds = std::min(entry.sighting.nanoseconds, sighting.nanoseconds);
        entry.arrivals += arrives ? 1 : 0;
        return;
    }
    if (m_entries.size() < m_capacity) {
        m_entries.emplace_back();
    } else {
        m_places.erase(m_entries[m_next].sighting.hash);
    }
    m_entries[m_next] = {sighting, flow, arrives ? 1U : 0U};
    m_places[sighting.hash] = m_next;
    m_next = (m_next + 1) % m_capacity;
}

std::optional<uint64_t> Sightings::timeOf(uint64_t hash) const {
    const auto known = m_places.find(hash);
    if (known == m_places.end()) return std::nullopt;
    return m_entries[known->second].sighting.nanoseconds;
}

std::vector<Sighting> Sightings::of(uint64_t flow, uint64_t since) const {
    std::vector<Sighting> found;
    const size_t oldest = m_entries.size() < m_capacity ? 0 : m_next;
    for (size_t i = 0; i < m_entries.size(); ++i) {
        const Entry& entry = m_entries[(oldest + i) % m_entries.size()];
        if (entry.flow == flow && entry.arrivals <= 1 && entry.sighting.nanoseconds >= since)
            found.push_back(entry.sighting);
    }
    return found;
}

}  // namespace netpas::tun
