#include "tun/edge/edge_books.h"

#include <algorithm>

namespace netpas::tun {

namespace {

void addTo(Money& sum, Money more) { sum = Money::fromEighths(sum.eighths() + more.eighths()); }
void takeFrom(Money& sum, Money less) { sum = Money::fromEighths(sum.eighths() - less.eighths()); }

void combine(IngressCounters& a, const IngressCounters& b, bool add) {
    a.packets = add ? a.packets + b.packets : a.packets - b.packets;
    a.bytes = add ? a.bytes + b.bytes : a.bytes - b.bytes;
    (add ? addTo : takeFrom)(a.upstream, b.upstream);
}

void combine(LinkCounters& a, const LinkCounters& b, bool add) {
    a.packets = add ? a.packets + b.packets : a.packets - b.packets;
    a.bytes = add ? a.bytes + b.bytes : a.bytes - b.bytes;
    (add ? addTo : takeFrom)(a.own, b.own);
    (add ? addTo : takeFrom)(a.downstream, b.downstream);
}

void combine(DeliveredCounters& a, const DeliveredCounters& b, bool add) {
    a.packets = add ? a.packets + b.packets : a.packets - b.packets;
    a.bytes = add ? a.bytes + b.bytes : a.bytes - b.bytes;
    (add ? addTo : takeFrom)(a.own, b.own);
}

void combine(PaymentCounter& a, const PaymentCounter& b, bool add) {
    a.packets = add ? a.packets + b.packets : a.packets - b.packets;
    (add ? addTo : takeFrom)(a.amount, b.amount);
}

void combine(KeyCounters& a, const KeyCounters& b, bool add) {
    a.packets = add ? a.packets + b.packets : a.packets - b.packets;
    a.bytes = add ? a.bytes + b.bytes : a.bytes - b.bytes;
    (add ? addTo : takeFrom)(a.amount, b.amount);
    a.nextSequence = std::max(a.nextSequence, b.nextSequence);
}

template <typename Map>
void combineMaps(Map& a, const Map& b, bool add) {
    for (const auto& [key, counters] : b) combine(a[key], counters, add);
}

void combineAll(EdgeTotals& a, const EdgeTotals& b, bool add) {
    for (size_t i = 0; i < verdictCount; ++i) {
        a.verdicts[i] = add ? a.verdicts[i] + b.verdicts[i] : a.verdicts[i] - b.verdicts[i];
    }
    combineMaps(a.ingress, b.ingress, add);
    combineMaps(a.links, b.links, add);
    combine(a.delivered, b.delivered, add);
    combineMaps(a.downstream, b.downstream, add);
    combineMaps(a.keys, b.keys, add);
}

}  // namespace

void EdgeTotals::add(const EdgeTotals& other) { combineAll(*this, other, true); }
void EdgeTotals::subtract(const EdgeTotals& other) { combineAll(*this, other, false); }

EdgeBooks::EdgeBooks(EdgeTotals lifetime, EdgeTotals tail)
    : m_before(std::move(lifetime)), m_tail(std::move(tail)), m_now(m_tail) {
    m_before.keys.clear();
}

void EdgeBooks::take(const EdgeReport& report) {
    EdgeTotals fresh;
    fresh.verdicts = report.verdicts;
    for (const auto& entry : report.ingress) combine(fresh.ingress[entry.isp], entry.counters, true);
    for (const auto& entry : report.links) combine(fresh.links[{entry.isp, entry.exit}], entry.counters, true);
    fresh.delivered = report.delivered;
    for (const auto& entry : report.downstream) fresh.downstream[{entry.neighbour, entry.isp}] = entry.counter;

    auto keys = std::move(m_now.keys);
    EdgeTotals tail = m_tail;
    tail.keys.clear();
    fresh.keys = std::move(keys);
    fresh.add(tail);
    m_now = std::move(fresh);
    for (const auto& entry : report.keys) takeKey(entry.id, entry.counters);
}

void EdgeBooks::takeKey(SessionKeyId id, const KeyCounters& counters) {
    KeyCounters& known = m_now.keys[id] = counters;
    if (const auto old = m_tail.keys.find(id); old != m_tail.keys.end()) combine(known, old->second, true);
}

KeyCounters EdgeBooks::key(SessionKeyId id) const {
    const auto found = m_now.keys.find(id);
    return found == m_now.keys.end() ? KeyCounters{} : found->second;
}

void EdgeBooks::sentAggregates() {
    auto keys = std::move(m_sent.keys);
    m_sent.verdicts = m_now.verdicts;
    m_sent.ingress = m_now.ingress;
    m_sent.links = m_now.links;
    m_sent.delivered = m_now.delivered;
    m_sent.downstream = m_now.downstream;
    m_sent.keys = std::move(keys);
    m_anythingSent = true;
}

void EdgeBooks::sentKey(SessionKeyId id) {
    m_sent.keys[id] = key(id);
    m_anythingSent = true;
}

EdgeTotals EdgeBooks::unsent() const {
    EdgeTotals rest = m_now;
    rest.subtract(m_sent);
    std::erase_if(rest.keys, [](const auto& entry) { return entry.second.packets == 0; });
    return rest;
}

EdgeTotals EdgeBooks::inheritedTail() const { return m_anythingSent ? EdgeTotals{} : m_tail; }

EdgeTotals EdgeBooks::lifetime() const {
    EdgeTotals total = m_now;
    total.subtract(m_tail);  // the tail was counted by the incarnation before
    total.keys.clear();
    total.add(m_before);
    total.keys.clear();
    return total;
}

void EdgeBooks::forget(SessionKeyId id) {
    m_now.keys.erase(id);
    m_sent.keys.erase(id);
    m_tail.keys.erase(id);
}

}  // namespace netpas::tun
