// The limits that no rule and no answer goes beyond, as the only authority: what fits into them is granted.
#pragma once

#include "app/secretary/ports.h"
#include "core/clock.h"
#include "core/ledger/ledger.h"
#include "secretary/budget.h"

namespace netpas::secretaryd {

class HardLimitsAuthority final : public Authority {
public:
    HardLimitsAuthority(ledger::Ledger& ledger, const Clock& clock, secretary::HardLimits limits)
        : m_ledger(ledger), m_clock(clock), m_limits(limits) {}
    [[nodiscard]] std::optional<Denied> precheck(const ledger::NewPurchase& purchase) override;
    void authorize(PurchaseId id, const secretary::SpendRequest& request, bool byPerson,
                   std::function<void(Verdict)> done) override;
    void settled(PurchaseId, Money) override {}

private:
    [[nodiscard]] Verdict judge(Money worstCase) const;

    ledger::Ledger& m_ledger;
    const Clock& m_clock;
    secretary::HardLimits m_limits;
};

}  // namespace netpas::secretaryd
