#include "cartographer/verify/moments.h"

#include <algorithm>

namespace netpas::verification {

namespace {

constexpr std::chrono::seconds wantedFor{60};

// A part of the way from one count to the next.
uint64_t between(uint64_t first, uint64_t last, double part) {
    return last < first ? last : first + static_cast<uint64_t>(static_cast<double>(last - first) * part);
}

}  // namespace

SteadyTime middle(const Reading& reading) { return reading.before + (reading.after - reading.before) / 2; }

std::optional<Counted> countedAt(const std::vector<Reading>& readings, SteadyTime moment,
                                 std::chrono::nanoseconds error) {
    const auto later = std::find_if(readings.begin(), readings.end(),
                                    [&](const Reading& reading) { return middle(reading) > moment; });
    if (later == readings.begin() || later == readings.end()) {
        if (readings.empty()) return std::nullopt;
        const Reading& nearest = later == readings.end() ? readings.back() : readings.front();
        if (moment - nearest.before > error || nearest.after - moment > error) return std::nullopt;
        return Counted{nearest.packets, nearest.bytes};
    }
    const Reading& earlier = *std::prev(later);
    if (later->after - earlier.before > 2 * error) return std::nullopt;
    const double part = std::chrono::duration<double>(moment - middle(earlier)) / (middle(*later) - middle(earlier));
    return Counted{between(earlier.packets, later->packets, part), between(earlier.bytes, later->bytes, part)};
}

SteadyTime Moments::of(std::chrono::nanoseconds active, SteadyTime came) {
    // Its signer began anew.
    if (active < m_active) m_late.clear();
    m_active = active;
    m_late.push_back(came.time_since_epoch() - active);
    if (m_late.size() > maxWindows) m_late.pop_front();
    return SteadyTime(active + *std::min_element(m_late.begin(), m_late.end()));
}

void CountLog::want(const Route& route, SteadyTime now) {
    if (m_flows.size() >= maxFlows && !m_flows.contains(route)) {
        m_flows.erase(std::min_element(m_flows.begin(), m_flows.end(),
                                       [](const auto& a, const auto& b) { return a.second.wanted < b.second.wanted; }));
    }
    m_flows[route].wanted = now;
}

void CountLog::add(const Route& route, const Reading& reading) {
    const auto known = m_flows.find(route);
    if (known == m_flows.end()) return;
    auto& readings = known->second.readings;
    // Counted anew.
    if (!readings.empty() && (reading.packets < readings.back().packets || reading.bytes < readings.back().bytes))
        readings.clear();
    readings.push_back(reading);
    if (readings.size() > maxReadings) readings.pop_front();
}

std::vector<Reading> CountLog::of(const Route& route) const {
    const auto known = m_flows.find(route);
    if (known == m_flows.end()) return {};
    return {known->second.readings.begin(), known->second.readings.end()};
}

void CountLog::clean(SteadyTime now) {
    std::erase_if(m_flows, [now](const auto& one) { return now - one.second.wanted > wantedFor; });
}

bool CountLog::wants(bool v6) const {
    return std::any_of(m_flows.begin(), m_flows.end(), [v6](const auto& one) { return one.first.source.isV6() == v6; });
}

}  // namespace netpas::verification
