// Visitors: accounts of strangers, who have paid before they spend (NetPaS §3.1.4).
#include "core/accounting/server_engine.h"
#include "core/accounting/visitors.h"

namespace netpas::accounting {

namespace {

Money subtract(Money a, Money b) { return checkedSub(a, b).value_or(Money::zero()); }

}  // namespace

// What was paid to the account, without what was taken back, what its keys have spent and what the open ones still may.
Money AccountingServer::Engine::leftOf(const std::string& account) const {
    const Party party{account, {}};
    Money left =
        subtract(m_books.sum(PaymentSum::OwedTo, party).total, m_books.sum(PaymentSum::TakenBackTo, party).total);
    left = subtract(left, m_books.retired(account).amount);
    for (const auto& [id, record] : m_books.keys()) {
        if (record.customer != account) continue;
        left = subtract(left, record.state == KeyState::Final ? record.usage.amount
                                                              : std::max(record.key.cap, record.usage.amount));
    }
    return std::max(left, Money::zero());
}

// Strangers cost nothing but memory, so there are never more than so many: those who are gone and have nothing make room.
bool AccountingServer::Engine::roomForVisitor(const CustomerConfig& line) {
    const auto ofLine = [&](const std::string& account) {
        return isVisitorAccount(account) && configuredName(account) == line.name;
    };
    const auto& all = m_books.customers();
    const auto count =
        static_cast<size_t>(std::count_if(all.begin(), all.end(), [&](const auto& one) { return ofLine(one.first); }));
    if (count < line.maxVisitors) return true;
    std::vector<std::string> gone;
    for (const auto& [account, key] : all) {
        const bool open =
            std::any_of(m_books.keys().begin(), m_books.keys().end(), [&, &name = account](const auto& one) {
                return one.second.customer == name && one.second.state != KeyState::Final;
            });
        if (ofLine(account) && !open && peersOf(account).empty() && leftOf(account) == Money::zero())
            gone.push_back(account);
    }
    for (const std::string& account : gone) {
        const auto known = m_books.customers().find(account);
        if (known == m_books.customers().end()) continue;
        m_payees.erase(known->second.nodeId());
        tellSiblings({false, {}, {known->second.nodeId()}});
        m_books.forget(account);
    }
    return count - gone.size() < line.maxVisitors;
}

}  // namespace netpas::accounting
