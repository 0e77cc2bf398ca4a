// What the owning thread asks of a processor between batches: keys, levels, reports.
#include <algorithm>

#include "tun/edge/edge_processor.h"

namespace netpas::tun {

tl::expected<void, KeyError> EdgeProcessor::installKey(const SessionKey& key, uint64_t nextSequence, SteadyTime now,
                                                       uint16_t customer) {
    return m_keys.install(key, nextSequence, now, customer);
}

std::optional<KeyCounters> EdgeProcessor::removeKey(SessionKeyId id) { return m_keys.remove(id); }

void EdgeProcessor::restoreCustomerLevel(size_t index, Money level) { m_customerBuckets[index].restore(level); }

void EdgeProcessor::restoreNeighbourLevel(size_t index, Money level) { m_neighbourBuckets[index].restore(level); }

void EdgeProcessor::restorePlace(const HeldPlace& place, EdgeTime now) {
    m_steadyMicros = MoneyBucket::micros(now.steady);
    m_wallMicros = now.wall.time_since_epoch().count();
    m_reservations.restore(place, m_wallMicros - m_steadyMicros, m_steadyMicros);
}

void EdgeProcessor::markAllKeys() {
    m_dirtyKeys.clear();
    m_keys.forEach([this](KeyRecord& key) {
        key.dirty = true;
        m_dirtyKeys.push_back(key.id);
    });
}

void EdgeProcessor::clearInvestigation(uint8_t slot) {
    if (slot < m_investigations.size()) m_investigations[slot] = {};
}

void EdgeProcessor::flushSamples() {
    for (SampleStream& stream : m_upstreamSamples) stream.flush(m_samples);
    m_ownSamples.flush(m_samples);
}

void EdgeProcessor::harvest(EdgeReport& report, size_t keyLimit) {
    report.verdicts = m_verdicts;
    report.ingress.clear();
    for (size_t n = 0; n < m_ingress.size(); ++n) report.ingress.push_back({m_neighbourIsps[n], m_ingress[n]});
    report.links.clear();
    for (size_t l = 0; l < m_links.size(); ++l) {
        report.links.push_back({m_linkNames[l].first, m_linkNames[l].second, m_links[l]});
    }
    for (const auto& [counter, counters] : m_delegated) report.links.push_back({m_isp, counter, counters});
    report.delivered = m_delivered;
    report.downstream.clear();
    for (size_t n = 0; n < m_downstream.size(); ++n) {
        for (const IspId isp : m_downstream[n].touched()) {
            report.downstream.push_back({m_neighbourIsps[n], isp, m_downstream[n].at(isp)});
        }
    }
    report.investigations.clear();
    if (m_investigating) report.investigations.assign(m_investigations.begin(), m_investigations.end());
    report.customers.clear();
    for (const MoneyBucket& bucket : m_customerBuckets) report.customers.push_back({bucket.level(), bucket.limited()});
    report.neighbours.clear();
    for (const MoneyBucket& bucket : m_neighbourBuckets)
        report.neighbours.push_back({bucket.level(), bucket.limited()});
    report.places.clear();
    m_reservations.appendTo(report.places, m_wallMicros - m_steadyMicros);
    report.keys.clear();
    while (!m_dirtyKeys.empty() && report.keys.size() < keyLimit) {
        const SessionKeyId id = m_dirtyKeys.back();
        m_dirtyKeys.pop_back();
        KeyRecord* key = m_keys.find(id);
        if (key == nullptr || !key->dirty) continue;  // removed since, and perhaps installed anew
        key->dirty = false;
        report.keys.push_back({id, key->counters()});
    }
    report.moreKeys = !m_dirtyKeys.empty();
    report.keysInstalled = m_keys.size();
    report.samplesDropped = m_samples.dropped();
}

}  // namespace netpas::tun
