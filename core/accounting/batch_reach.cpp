#include "core/accounting/batch_reach.h"

namespace netpas::accounting {

bool BatchReach::heard(IspId neighbour, const BatchAbility& ability) {
    std::map<IspId, uint8_t> told;
    for (const BatchIsp& entry : ability.isps) {
        // The neighbour speaks for itself first; nobody else is nearer than one.
        if (entry.isp == m_self || (entry.distance == 0) != (entry.isp == neighbour)) continue;
        const auto [at, isNew] = told.emplace(entry.isp, entry.distance);
        if (!isNew) at->second = std::min(at->second, entry.distance);
    }
    auto& before = m_by[neighbour];
    if (before == told) return false;
    before = std::move(told);
    return true;
}

bool BatchReach::lost(IspId neighbour) { return m_by.erase(neighbour) > 0; }

BatchAbility BatchReach::toTell(IspId neighbour) const {
    std::map<IspId, uint8_t> best;
    for (const auto& [by, isps] : m_by) {
        if (by == neighbour) continue;
        for (const auto& [isp, distance] : isps) {
            if (distance >= maxBatchDistance || isp == neighbour) continue;
            const auto further = static_cast<uint8_t>(distance + 1);
            const auto [at, isNew] = best.emplace(isp, further);
            if (!isNew) at->second = std::min(at->second, further);
        }
    }
    BatchAbility ability{{{m_self, 0}}};
    for (const auto& [isp, distance] : best) {
        if (isp != m_self) ability.isps.push_back({isp, distance});
    }
    return ability;
}

bool BatchReach::takes(IspId neighbour) const {
    const auto told = m_by.find(neighbour);
    return told != m_by.end() && told->second.contains(neighbour);
}

bool BatchReach::takesUpTo(const AccountingHeader& header, size_t hop) const {
    const auto hops = header.hops();
    const auto told = m_by.find(hops[hop].isp);
    if (told == m_by.end()) return false;
    for (size_t i = 0; i <= hop; ++i) {
        if (!told->second.contains(hops[i].isp)) return false;
    }
    return true;
}

}  // namespace netpas::accounting
