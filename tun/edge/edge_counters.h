// What an edge router counts (NetPaS §5.1 steps 6 to 8), cumulative since this start of the router.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/ids.h"
#include "core/money.h"
#include "tun/edge/edge_tables.h"
#include "tun/edge/key_table.h"
#include "tun/edge/verdict.h"

namespace netpas::tun {

// Packets that arrived from one neighbour and passed the checks before step 1, and what they pay that neighbour.
struct IngressCounters {
    uint64_t packets = 0;
    uint64_t bytes = 0;  // of inner packets, here and below
    Money upstream;
    friend bool operator==(const IngressCounters&, const IngressCounters&) = default;
};

// Step 6: packets that left over one link.
struct LinkCounters {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    Money own;         // for this ISP's service
    Money downstream;  // for all later ISPs
    friend bool operator==(const LinkCounters&, const LinkCounters&) = default;
};

// Step 6 at the last ISP, what it confirms itself.
struct DeliveredCounters {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    Money own;
    friend bool operator==(const DeliveredCounters&, const DeliveredCounters&) = default;
};

// Step 7: what left towards one neighbour for one ISP, that neighbour or a later one.
struct PaymentCounter {
    uint64_t packets = 0;
    Money amount;
    friend bool operator==(const PaymentCounter&, const PaymentCounter&) = default;
};

// Step 8: one path, exactly; by position on the path.
struct InvestigationCounters {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    std::array<Money, 16> amounts{};
};

// Step 7's counters of one neighbour, by ISP. The list of what was ever counted spares readers the 65,536 cells.
class DownstreamCounters {
public:
    DownstreamCounters() : m_cells(std::make_unique<PaymentCounter[]>(65536)) {}

    void add(IspId isp, Money amount, uint64_t packets = 1) {
        PaymentCounter& cell = m_cells[isp.value()];
        if (cell.packets == 0) m_touched.push_back(isp);
        cell.packets += packets;
        cell.amount = Money::fromEighths(cell.amount.eighths() + amount.eighths());
    }
    [[nodiscard]] const std::vector<IspId>& touched() const { return m_touched; }
    [[nodiscard]] const PaymentCounter& at(IspId isp) const { return m_cells[isp.value()]; }

private:
    std::unique_ptr<PaymentCounter[]> m_cells;
    std::vector<IspId> m_touched;
};

// A place in a class with a guarantee (NetPaS §3.1.1) that somebody has paid for.
struct HeldPlace {
    ServiceClass service{0};
    std::vector<uint8_t> ends;  // source and destination address: 8 or 32 bytes
    int64_t untilMicros = 0;    // since the epoch, by the wall clock
    friend bool operator==(const HeldPlace&, const HeldPlace&) = default;
};

// An exact cut through all counters between two batches. Everything is cumulative; the keys are those that changed.
struct EdgeReport {
    struct Ingress {
        IspId isp;
        IngressCounters counters;
    };
    struct Link {
        IspId isp;
        ExitPoint exit;
        LinkCounters counters;
    };
    struct Downstream {
        IspId neighbour;
        IspId isp;
        PaymentCounter counter;
    };
    struct Key {
        SessionKeyId id;
        KeyCounters counters;
    };
    struct Bucket {
        Money level;
        bool limited = false;
    };

    std::array<uint64_t, verdictCount> verdicts{};
    std::vector<Ingress> ingress;  // one per neighbour, in the configuration's order
    std::vector<Link> links;       // one per link, likewise; then what others confirm, with this ISP and their counters
    DeliveredCounters delivered;
    std::vector<Downstream> downstream;
    std::vector<InvestigationCounters> investigations;  // by slot; empty when nothing is investigated
    std::vector<Bucket> customers;                      // likewise
    std::vector<Bucket> neighbours;
    std::vector<HeldPlace> places;
    std::vector<Key> keys;
    bool moreKeys = false;  // harvest again for the rest
    uint64_t keysInstalled = 0;
    uint64_t samplesDropped = 0;
};

}  // namespace netpas::tun
