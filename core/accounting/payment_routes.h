// Which ISPs of the overlay can be paid through whom, and what that costs: each neighbour announces the ways that it has
// (path vector; the overlay may be richer than the network that carries packets, NetPaS §3.2). One thread.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "core/accounting/payment_messages.h"

namespace netpas::accounting {

class PaymentRoutes {
public:
    PaymentRoutes(IspId isp, FeeModel fee) : m_isp(isp), m_fee(fee) {}

    // In place of what the neighbour announced before. Ways that lead through us, or begin elsewhere than with the
    // neighbour, are left out. True when what we announce has changed.
    bool announced(IspId neighbour, const AnnounceRoutes& routes);
    // It is gone; its ways with it.
    bool lost(IspId neighbour);
    // What to tell that neighbour: ourselves, and every best way that does not lead through it.
    [[nodiscard]] AnnounceRoutes toTell(IspId neighbour) const;
    // Fees along the cheapest way for that amount, this ISP's first; of equals the shortest. Nothing: no way.
    [[nodiscard]] std::optional<std::vector<payments::Fee>> way(IspId to, Money amount) const;

private:
    [[nodiscard]] std::vector<std::vector<RouteHop>> best() const;

    IspId m_isp;
    FeeModel m_fee;
    std::map<IspId, std::vector<PaymentRoute>> m_heard;  // by neighbour
};

}  // namespace netpas::accounting
