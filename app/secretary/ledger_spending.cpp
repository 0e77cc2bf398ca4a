#include "app/secretary/ledger_spending.h"

#include <utility>

namespace netpas::secretaryd {

namespace budgets = secretary::budgets;

budgets::Tags spendingTags(const ledger::Context& context, uint32_t uid, std::string rule) {
    return {context.app,
            context.payee,
            context.purpose,
            context.node,
            context.user.empty() ? std::to_string(uid) : context.user,
            std::move(rule)};
}

std::optional<std::vector<budgets::OpenSpending>> LedgerSpending::open() const {
    const auto held = m_ledger.reservations();
    if (!held) return std::nullopt;
    std::vector<budgets::OpenSpending> list;
    for (const ledger::Reservation& one : *held) {
        // What ended keys were charged is posted with the purchase, and set aside until then.
        list.push_back({one.id, spendingTags(one.context, one.uid, one.rule), one.amount});
    }
    return list;
}

std::optional<std::vector<budgets::PostedSpending>> LedgerSpending::postedSince(SystemTime since) const {
    const auto posted = m_ledger.postedSince(since);
    if (!posted) return std::nullopt;
    std::vector<budgets::PostedSpending> list;
    for (const ledger::Posting& one : *posted)
        list.push_back({spendingTags(one.context, one.uid, one.rule), one.amount});
    return list;
}

}  // namespace netpas::secretaryd
