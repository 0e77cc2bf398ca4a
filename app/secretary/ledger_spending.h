// The ledger as budgets read it. Control thread.
#pragma once

#include "core/ledger/ledger.h"
#include "secretary/budgets/budgets.h"

namespace netpas::secretaryd {

// What the ledger's words are to budgets.
[[nodiscard]] secretary::budgets::Tags spendingTags(const ledger::Context& context, uint32_t uid, std::string rule);

class LedgerSpending final : public secretary::budgets::SpendingBook {
public:
    explicit LedgerSpending(const ledger::Ledger& ledger) : m_ledger(ledger) {}
    [[nodiscard]] std::optional<std::vector<secretary::budgets::OpenSpending>> open() const override;
    [[nodiscard]] std::optional<std::vector<secretary::budgets::PostedSpending>> postedSince(
        SystemTime since) const override;

private:
    const ledger::Ledger& m_ledger;
};

}  // namespace netpas::secretaryd
