// Blacklisted ISPs, frozen accounts, complaints, and what accounts receive: they outlive the server's process.
#include "core/accounting/books.h"

namespace netpas::accounting {

using store::StoreError;

namespace {

constexpr int64_t daysRemembered = 30;

}  // namespace

void Books::block(const Party& party, std::string reason, SystemTime now) {
    m_now = now;
    if (auto* s = statement("INSERT OR REPLACE INTO block (party, since, reason) VALUES (?, ?, ?)")) {
        s->bind(1, party.text()).bind(2, now.time_since_epoch().count()).bind(3, reason);
        run(s);
    }
    m_blocks[party] = {now, std::move(reason)};
}

void Books::unblock(const Party& party) {
    if (m_blocks.erase(party) == 0) return;
    if (auto* s = statement("DELETE FROM block WHERE party = ?")) {
        s->bind(1, party.text());
        run(s);
    }
}

tl::expected<void, StoreError> Books::loadBlocks() {
    auto rows = m_database.prepare("SELECT party, since, reason FROM block");
    if (!rows) return tl::unexpected(rows.error());
    while (true) {
        const auto row = rows->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) break;
        const auto party = Party::parse(rows->text(0));
        if (!party) return tl::unexpected(StoreError::Damaged);
        m_blocks[*party] = {SystemTime(std::chrono::microseconds(rows->integer(1))), std::string(rows->text(2))};
    }
    auto complaints = m_database.prepare("SELECT payee, body FROM complaint");
    if (!complaints) return tl::unexpected(complaints.error());
    while (true) {
        const auto row = complaints->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) break;
        Reader reader(complaints->blob(1));
        const PayeeComplaint complaint = readPayeeComplaint(reader);
        if (!reader.finished()) return tl::unexpected(StoreError::Damaged);
        m_complaints[std::string(complaints->text(0))].emplace(complaint.payment, complaint);
    }
    auto receipts = m_database.prepare("SELECT customer, day, total FROM receipt");
    if (!receipts) return tl::unexpected(receipts.error());
    while (true) {
        const auto row = receipts->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) return {};
        m_receipts[std::string(receipts->text(0))][receipts->integer(1)] = Money::fromEighths(receipts->integer(2));
    }
}

// --- complaints

bool Books::addComplaint(const std::string& customer, const PayeeComplaint& complaint) {
    if (!m_complaints[customer].emplace(complaint.payment, complaint).second) return false;
    Writer body;
    write(body, complaint);
    if (auto* s = statement("INSERT OR REPLACE INTO complaint (payment, payee, time, body) VALUES (?, ?, ?, ?)")) {
        s->bind(1, std::span<const uint8_t>(complaint.payment)).bind(2, customer);
        s->bind(3, complaint.time.time_since_epoch().count()).bind(4, std::span<const uint8_t>(body.data()));
        run(s);
    }
    return true;
}

void Books::forgetComplaints(const std::string& customer) {
    if (m_complaints.erase(customer) == 0) return;
    if (auto* s = statement("DELETE FROM complaint WHERE payee = ?")) {
        s->bind(1, customer);
        run(s);
    }
}

const std::map<payments::PaymentId, PayeeComplaint>& Books::complaints(const std::string& customer) const {
    static const std::map<payments::PaymentId, PayeeComplaint> none;
    const auto found = m_complaints.find(customer);
    return found == m_complaints.end() ? none : found->second;
}

// --- what an account receives, by day

void Books::receive(const std::string& customer, Money amount, SystemTime now) {
    const int64_t today = now.time_since_epoch() / std::chrono::days(1);
    auto& days = m_receipts[customer];
    if (!raise(days[today], amount, "receipts of customer " + customer, now)) return;
    if (auto* s = statement("INSERT OR REPLACE INTO receipt (customer, day, total) VALUES (?, ?, ?)")) {
        s->bind(1, customer).bind(2, today).bind(3, days[today].eighths());
        run(s);
    }
    if (days.begin()->first >= today - daysRemembered) return;
    std::erase_if(days, [&](const auto& day) { return day.first < today - daysRemembered; });
    if (auto* s = statement("DELETE FROM receipt WHERE customer = ? AND day < ?")) {
        s->bind(1, customer).bind(2, today - daysRemembered);
        run(s);
    }
}

Books::Receipts Books::receipts(const std::string& customer, SystemTime now) const {
    Receipts receipts;
    const auto found = m_receipts.find(customer);
    if (found == m_receipts.end()) return receipts;
    const int64_t today = now.time_since_epoch() / std::chrono::days(1);
    Money before;
    for (const auto& [day, total] : found->second) {
        Money& sum = day >= today - 1 ? receipts.recent : before;
        sum = checkedAdd(sum, total).value_or(Money::max());
    }
    receipts.usual = Money::fromEighths(before.eighths() / (daysRemembered - 1));
    return receipts;
}

}  // namespace netpas::accounting
