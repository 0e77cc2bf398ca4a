#include "cartographer/measure/arrivals.h"

#include <utility>

namespace netpas::measure {

void Arrivals::take(SteadyTime now, const std::vector<PassiveTcp::Seen>& connections) {
    std::map<IpAddress, Line> next;
    std::map<IpAddress, uint64_t> more;
    for (const PassiveTcp::Seen& seen : connections) {
        const IpAddress& other = seen.subject.destination;
        next[other].received[seen.counts.cookie] = seen.counts.bytesReceived;
        const auto known = m_lines.find(other);
        if (known == m_lines.end()) continue;
        const auto before = known->second.received.find(seen.counts.cookie);
        if (before != known->second.received.end() && seen.counts.bytesReceived > before->second)
            more[other] += seen.counts.bytesReceived - before->second;
    }
    for (auto& [other, line] : next) {
        line.at = now;
        const auto known = m_lines.find(other);
        if (known == m_lines.end()) continue;
        line.rates = std::move(known->second.rates);
        const double passed = std::chrono::duration<double>(now - known->second.at).count();
        if (passed > 0) line.rates.push_back({now, static_cast<double>(more[other]) * 8 / passed});
        while (!line.rates.empty() && now - line.rates.front().at > memory) line.rates.pop_front();
    }
    m_lines = std::move(next);
}

std::deque<Arrivals::Rate> Arrivals::from(const IpAddress& other) const {
    const auto known = m_lines.find(other);
    return known != m_lines.end() ? known->second.rates : std::deque<Rate>{};
}

}  // namespace netpas::measure
