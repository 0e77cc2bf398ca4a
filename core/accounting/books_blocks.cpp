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
    if (auto loaded = loadComplaints(); !loaded) return loaded;
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

tl::expected<void, StoreError> Books::loadComplaints() {
    auto complaints = m_database.prepare("SELECT payee, body, looked_at FROM complaint");
    if (!complaints) return tl::unexpected(complaints.error());
    while (true) {
        const auto row = complaints->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) break;
        Reader reader(complaints->blob(1));
        const PayeeComplaint complaint = readPayeeComplaint(reader);
        if (!reader.finished()) return tl::unexpected(StoreError::Damaged);
        if (complaints->integer(2) != 0) {
            m_settledComplaints.insert(complaint.payment);
        } else {
            m_complaints[std::string(complaints->text(0))].emplace(complaint.payment, complaint);
        }
    }
    auto waiting = m_database.prepare("SELECT party, body FROM complaint_outbox");
    if (!waiting) return tl::unexpected(waiting.error());
    while (true) {
        const auto row = waiting->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) return {};
        const auto party = Party::parse(waiting->text(0));
        Reader reader(waiting->blob(1));
        const PayeeComplaint complaint = readPayeeComplaint(reader);
        if (!party || !reader.finished()) return tl::unexpected(StoreError::Damaged);
        m_complaintOutbox.emplace(complaint.payment, WaitingComplaint{*party, complaint});
    }
}

bool Books::addComplaint(const std::string& customer, const PayeeComplaint& complaint, SystemTime now) {
    m_now = now;
    if (m_settledComplaints.contains(complaint.payment)) return false;
    if (!m_complaints[customer].emplace(complaint.payment, complaint).second) return false;
    Writer body;
    write(body, complaint);
    if (auto* s = statement("INSERT OR REPLACE INTO complaint (payment, payee, time, body) VALUES (?, ?, ?, ?)")) {
        s->bind(1, std::span<const uint8_t>(complaint.payment)).bind(2, customer);
        // When it came: what it says of itself may be anything.
        s->bind(3, now.time_since_epoch().count()).bind(4, std::span<const uint8_t>(body.data()));
        run(s);
    }
    return true;
}

void Books::settleComplaints(const std::string& customer) {
    const auto found = m_complaints.find(customer);
    if (found == m_complaints.end()) return;
    for (const auto& [payment, complaint] : found->second) m_settledComplaints.insert(payment);
    m_complaints.erase(found);
    if (auto* s = statement("UPDATE complaint SET looked_at = 1 WHERE payee = ?")) {
        s->bind(1, customer);
        run(s);
    }
}

void Books::queueComplaint(const Party& to, const PayeeComplaint& complaint) {
    if (!m_complaintOutbox.emplace(complaint.payment, WaitingComplaint{to, complaint}).second) return;
    Writer body;
    write(body, complaint);
    if (auto* s = statement("INSERT INTO complaint_outbox (payment, party, body) VALUES (?, ?, ?)")) {
        s->bind(1, std::span<const uint8_t>(complaint.payment)).bind(2, to.text());
        s->bind(3, std::span<const uint8_t>(body.data()));
        run(s);
    }
}

void Books::unqueueComplaint(const payments::PaymentId& payment) {
    if (m_complaintOutbox.erase(payment) == 0) return;
    if (auto* s = statement("DELETE FROM complaint_outbox WHERE payment = ?")) {
        s->bind(1, std::span<const uint8_t>(payment));
        run(s);
    }
}

// Those about payments that no log has any more: they could not be told again.
void Books::pruneComplaints(SystemTime before) {
    std::vector<payments::PaymentId> waiting;
    for (const auto& [payment, one] : m_complaintOutbox) {
        if (one.complaint.time < before) waiting.push_back(payment);
    }
    for (const payments::PaymentId& payment : waiting) unqueueComplaint(payment);
    auto rows = m_database.prepare("SELECT payment, payee FROM complaint WHERE time < ?");
    if (m_failed || !rows) return;
    rows->bind(1, before.time_since_epoch().count());
    bool any = false;
    for (auto row = rows->step(); row && *row; row = rows->step()) {
        any = true;
        payments::PaymentId payment{};
        const auto blob = rows->blob(0);
        std::copy_n(blob.begin(), std::min(blob.size(), payment.size()), payment.begin());
        m_settledComplaints.erase(payment);
        const auto found = m_complaints.find(std::string(rows->text(1)));
        if (found != m_complaints.end()) found->second.erase(payment);
    }
    auto* s = any ? statement("DELETE FROM complaint WHERE time < ?") : nullptr;
    if (s == nullptr) return;
    s->bind(1, before.time_since_epoch().count());
    run(s);
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
