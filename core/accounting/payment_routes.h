// Which ISPs of the overlay can be paid through whom, and what that costs: each neighbour announces the ways that it has
// (path vector; the overlay may be richer than the network that carries packets, NetPaS §3.2). The servers of one ISP tell
// each other their neighbours' ways only, as they are: no hop, no fee, and never further inside. One thread.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "core/accounting/payment_record.h"

namespace netpas::accounting {

class PaymentRoutes {
public:
    PaymentRoutes(IspId isp, FeeModel fee) : m_isp(isp), m_fee(fee) {}

    // In place of what the neighbour announced before. Ways that lead through us, or begin elsewhere than with the
    // neighbour, are left out. True when what we announce has changed.
    bool announced(const Party& neighbour, const AnnounceRoutes& routes);
    // It is gone; its ways with it.
    bool lost(const Party& neighbour);
    // What to tell that neighbour: ourselves, and every best way that does not lead through it.
    [[nodiscard]] AnnounceRoutes toTell(IspId neighbour) const;
    // What to tell the siblings: every best way that begins with a neighbour of this server.
    [[nodiscard]] AnnounceRoutes toTellSiblings() const;
    // The first sibling that says that this ISP is its neighbour.
    [[nodiscard]] std::optional<Party> siblingBeside(IspId neighbour) const;
    // Fees along the cheapest way for that amount, this ISP's first; of equals the shortest. Nothing: no way.
    [[nodiscard]] std::optional<std::vector<payments::Fee>> way(IspId to, Money amount) const;

private:
    enum class Heard { FromNeighbours, FromAll };
    [[nodiscard]] std::vector<std::vector<RouteHop>> best(Heard from) const;
    // To neighbours, and to siblings.
    [[nodiscard]] std::pair<std::vector<std::vector<RouteHop>>, std::vector<std::vector<RouteHop>>> told() const;

    IspId m_isp;
    FeeModel m_fee;
    std::map<Party, std::vector<PaymentRoute>> m_heard;  // by neighbour or sibling
};

}  // namespace netpas::accounting
