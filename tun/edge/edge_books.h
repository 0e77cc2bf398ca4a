// The router's counters as the control thread knows them: since the start, sent to the accounting server, and for good.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>

#include "core/ids.h"
#include "tun/edge/edge_counters.h"

namespace netpas::tun {

struct EdgeTotals {
    std::array<uint64_t, verdictCount> verdicts{};
    std::map<IspId, IngressCounters> ingress;
    std::map<std::pair<IspId, ExitPoint>, LinkCounters> links;
    DeliveredCounters delivered;
    std::map<std::pair<IspId, IspId>, PaymentCounter> downstream;  // next neighbour, ISP
    std::unordered_map<SessionKeyId, KeyCounters> keys;

    // Key sequences are not summed: the higher one counts.
    void add(const EdgeTotals& other);
    // `other` is an earlier state of these totals, so nothing goes below zero.
    void subtract(const EdgeTotals& other);
    friend bool operator==(const EdgeTotals&, const EdgeTotals&) = default;
};

// The processor counts from zero at every start, and so does the accounting server, which adds up the incarnations of a
// router. What one incarnation counted and could not send is sent by the next one, if the router ended in good order
// (the tail). After a crash the tail is unknown and left out: nothing is ever charged twice.
// Owner: the control thread.
class EdgeBooks {
public:
    // `lifetime` without keys; `tail` as the last incarnation left it.
    EdgeBooks(EdgeTotals lifetime, EdgeTotals tail);

    // A harvest: everything but the keys replaces what was known, the keys in it theirs.
    void take(const EdgeReport& report);

    // One key between two reports: its final counters.
    void takeKey(SessionKeyId id, const KeyCounters& counters);

    // For the accounting server: this incarnation, with the tail of the last one.
    [[nodiscard]] const EdgeTotals& now() const { return m_now; }
    [[nodiscard]] KeyCounters key(SessionKeyId id) const;
    // A report with everything but keys, or with these keys, was handed to the connection.
    void sentAggregates();
    void sentKey(SessionKeyId id);

    // What the next incarnation must send. Keys without packets are left out.
    [[nodiscard]] EdgeTotals unsent() const;
    // The tail that this incarnation began with, as long as nothing of it was sent; otherwise nothing.
    [[nodiscard]] EdgeTotals inheritedTail() const;
    // Since the router was first set up; without keys.
    [[nodiscard]] EdgeTotals lifetime() const;
    // The key is gone for good: its final counters were answered.
    void forget(SessionKeyId id);

private:
    EdgeTotals m_before;  // lifetime up to this start
    EdgeTotals m_tail;
    EdgeTotals m_now;  // tail + current
    EdgeTotals m_sent;
    bool m_anythingSent = false;
};

}  // namespace netpas::tun
