// Micropayments in the books: the open ones in memory, all of them in the database.
#include "core/accounting/books.h"

namespace netpas::accounting {

using store::StoreError;

namespace {

constexpr std::chrono::hours window{24};
// A payment may be open for a day.
constexpr std::chrono::hours longestOpen{25};
// A payment that has ended is asked about for some time yet, and its id must not be taken again.
constexpr std::chrono::minutes remembered{10};

int64_t micros(SystemTime time) { return time.time_since_epoch().count(); }

Money minus(Money a, Money b) { return checkedSub(a, b).value_or(Money::zero()); }

// Until when it is in memory.
SystemTime keptUntil(const PaymentRecord& record) {
    return record.payment.expires + std::chrono::seconds(64) + remembered;
}

constexpr int64_t unheard = INT64_MAX;  // open_until of those that have left the memory

bool isHeard(const PaymentRecord& record) { return record.toldFrom && record.toldTo; }

int64_t minuteOf(SystemTime time) {
    return std::chrono::duration_cast<std::chrono::minutes>(time.time_since_epoch()).count();
}

}  // namespace

const PaymentRecord* Books::payment(const payments::PaymentId& id) const {
    const auto found = m_payments.find(id);
    return found == m_payments.end() ? nullptr : &found->second;
}

std::optional<PaymentRecord> Books::paymentEver(const payments::PaymentId& id) {
    if (const auto found = m_payments.find(id); found != m_payments.end()) return found->second;
    if (m_failed) return std::nullopt;
    auto row = m_database.prepare("SELECT body FROM payment WHERE id = ?");
    if (!row) return std::nullopt;
    row->bind(1, std::span<const uint8_t>(id));
    const auto there = row->step();
    return there && *there ? decodeRecord(row->blob(0)) : std::nullopt;
}

void Books::setPayment(PaymentRecord record, SystemTime now) {
    m_now = now;
    const payments::PaymentId id = record.payment.id;
    const auto before = m_payments.find(id);
    const bool isNew = before == m_payments.end();
    if (isNew || before->second.state != record.state) record.changed = now;
    const bool wasPending = !isNew && before->second.state == PaymentState::Pending;
    const bool isPending = record.state == PaymentState::Pending;
    Money& pending = m_pending[record.from];
    if (wasPending && !isPending) pending = minus(pending, record.owed);
    if (!wasPending && isPending) pending = checkedAdd(pending, record.owed).value_or(Money::max());
    const bool counted = !isNew && before->second.counts();
    if (counted != record.counts()) countSpent(record, record.counts());
    m_payments.insert_or_assign(id, std::move(record));
    m_dirtyPayments.insert(id);
    m_dirty = true;
}

void Books::setHeard(const payments::PaymentId& id, bool cancellation, SystemTime now) {
    m_now = now;
    const auto known = m_payments.find(id);
    if (known != m_payments.end()) {
        (cancellation ? known->second.toldTo : known->second.toldFrom) = true;
        m_dirtyPayments.insert(id);
        return;
    }
    auto record = paymentEver(id);
    if (!record) return;
    (cancellation ? record->toldTo : record->toldFrom) = true;
    writePayment(*record, isHeard(*record) ? micros(keptUntil(*record)) : unheard);
}

void Books::writePayments() {
    for (const payments::PaymentId& id : m_dirtyPayments) {
        const auto known = m_payments.find(id);
        if (known != m_payments.end()) writePayment(known->second, micros(keptUntil(known->second)));
    }
    m_dirtyPayments.clear();
    for (const auto& which : m_dirtyPaymentSums) {
        const Sum& sum = m_paymentSums[which];
        auto* s = statement("INSERT OR REPLACE INTO payment_sum (kind, party, total, count) VALUES (?, ?, ?, ?)");
        if (s == nullptr) return;
        s->bind(1, static_cast<int64_t>(which.first)).bind(2, which.second.text()).bind(3, sum.total.eighths());
        s->bind(4, static_cast<int64_t>(sum.count));
        run(s);
    }
    m_dirtyPaymentSums.clear();
}

void Books::writePayment(const PaymentRecord& record, int64_t openUntil) {
    const payments::PaymentId& id = record.payment.id;
    const Bytes body = encodeRecord(record);
    const bool isNew = m_payments.contains(id) && !m_paymentNumbers.contains(id);
    if (!isNew) {
        if (auto* s = statement("UPDATE payment SET open_until = ?, body = ? WHERE id = ?")) {
            s->bind(1, openUntil).bind(2, body).bind(3, std::span<const uint8_t>(id));
            run(s);
        }
        return;
    }
    if (auto* s = statement("INSERT INTO payment (number, id, from_party, received, open_until, body) "
                            "VALUES (?, ?, ?, ?, ?, ?)")) {
        s->bind(1, m_nextPayment).bind(2, std::span<const uint8_t>(id)).bind(3, record.from.text());
        s->bind(4, micros(record.received)).bind(5, openUntil).bind(6, body);
        run(s);
        m_paymentNumbers.emplace(id, m_nextPayment++);
    }
}

// Only customers have a limit for the day.
void Books::countSpent(const PaymentRecord& record, bool more) {
    if (!record.from.isCustomer()) return;
    Window& spent = m_windows[record.from];
    const int64_t minute = minuteOf(record.received);
    if (more) {
        Money& there = spent.minutes[minute];
        there = checkedAdd(there, record.owed).value_or(Money::max());
        spent.total = checkedAdd(spent.total, record.owed).value_or(Money::max());
    } else if (const auto there = spent.minutes.find(minute); there != spent.minutes.end()) {
        there->second = minus(there->second, record.owed);
        spent.total = minus(spent.total, record.owed);
    }
}

Money Books::pendingOf(const Party& party) const {
    const auto found = m_pending.find(party);
    return found == m_pending.end() ? Money::zero() : found->second;
}

// Parties are in order: customers last, then by ISP, then by server.
Money Books::pendingOf(IspId neighbour) const {
    Money sum;
    for (auto at = m_pending.lower_bound(Party{{}, neighbour}); at != m_pending.end(); ++at) {
        if (at->first.isCustomer() || at->first.isp != neighbour) break;
        sum = checkedAdd(sum, at->second).value_or(Money::max());
    }
    return sum;
}

Money Books::total(PaymentSum kind, IspId neighbour) const {
    Money sum;
    for (auto at = m_paymentSums.lower_bound({kind, Party{{}, neighbour}}); at != m_paymentSums.end(); ++at) {
        const auto& [which, party] = at->first;
        if (which != kind || party.isCustomer() || party.isp != neighbour) break;
        sum = checkedAdd(sum, at->second.total).value_or(Money::max());
    }
    return sum;
}

Money Books::spentOf(const Party& party, SystemTime now) {
    const auto found = m_windows.find(party);
    if (found == m_windows.end()) return Money::zero();
    Window& spent = found->second;
    while (!spent.minutes.empty() && spent.minutes.begin()->first < minuteOf(now - window)) {
        spent.total = minus(spent.total, spent.minutes.begin()->second);
        spent.minutes.erase(spent.minutes.begin());
    }
    return spent.total;
}

Money Books::spentIn(const Party& party, SystemTime now) const {
    const auto found = m_windows.find(party);
    if (found == m_windows.end()) return Money::zero();
    Money sum = found->second.total;
    for (const auto& [minute, amount] : found->second.minutes) {
        if (minute >= minuteOf(now - window)) break;
        sum = minus(sum, amount);
    }
    return sum;
}

void Books::add(PaymentSum kind, const Party& party, Money amount, SystemTime now) {
    Sum& sum = m_paymentSums[{kind, party}];
    if (!raise(sum.total, amount, "payments of " + party.text(), now)) return;
    ++sum.count;
    sum.largest = std::max(sum.largest, amount);
    m_dirtyPaymentSums.insert({kind, party});
    m_dirty = true;
}

Sum Books::sum(PaymentSum kind, const Party& party) const {
    const auto found = m_paymentSums.find({kind, party});
    return found == m_paymentSums.end() ? Sum{} : found->second;
}

void Books::forgetCertified(SystemTime now) {
    m_now = now;
    if (m_certified.empty()) return;
    m_certified.clear();
    run(statement("DELETE FROM certified_payee"));
}

std::optional<uint8_t> Books::certifiedClasses(const NodeId& payee, SystemTime now) const {
    const auto found = m_certified.find(payee);
    if (found == m_certified.end() || found->second.until <= now) return std::nullopt;
    return found->second.classes;
}

void Books::setCertified(const NodeId& payee, uint8_t classes, SystemTime until, SystemTime now) {
    m_now = now;
    m_certified[payee] = {classes, until};
    if (auto* s = statement("INSERT OR REPLACE INTO certified_payee (payee, classes, until) VALUES (?, ?, ?)")) {
        s->bind(1, payee.bytes()).bind(2, int64_t{classes}).bind(3, micros(until));
        run(s);
    }
}

void Books::prunePayments(SystemTime now) {
    std::erase_if(m_payments, [&](const auto& item) {
        const auto& [id, record] = item;
        if (record.state == PaymentState::Pending || keptUntil(record) >= now || m_dirtyPayments.contains(id))
            return false;
        if (!isHeard(record)) {  // until the neighbour is there again
            writePayment(record, unheard);
            noteUnheard(record);
        }
        m_paymentNumbers.erase(id);
        return true;
    });
    std::erase_if(m_certified, [&](const auto& item) { return item.second.until <= now; });
}

void Books::noteUnheard(const PaymentRecord& record) {
    if (!record.toldFrom) m_unheard.insert(record.from);
    if (!record.toldTo) m_unheard.insert(record.to);
}

std::vector<PaymentRecord> Books::unheardBy(const Party& party, size_t most) {
    std::vector<PaymentRecord> found;
    if (m_failed || !m_unheard.contains(party)) return found;
    auto rows = m_database.prepare("SELECT body FROM payment WHERE open_until = 9223372036854775807 ORDER BY number");
    if (!rows) return found;
    while (found.size() < most) {
        const auto row = rows->step();
        if (!row || !*row) break;
        auto record = decodeRecord(rows->blob(0));
        if (!record) continue;
        const bool his = (record->from == party && !record->toldFrom) || (record->to == party && !record->toldTo);
        if (his) found.push_back(std::move(*record));
    }
    if (found.empty()) m_unheard.erase(party);
    return found;
}

tl::expected<void, StoreError> Books::loadUnheard() {
    auto rows = m_database.prepare("SELECT body FROM payment WHERE open_until = 9223372036854775807");
    if (!rows) return tl::unexpected(rows.error());
    while (true) {
        const auto row = rows->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) return {};
        const auto record = decodeRecord(rows->blob(0));
        if (!record) return tl::unexpected(StoreError::Damaged);
        noteUnheard(*record);
    }
}

tl::expected<void, StoreError> Books::loadPayments(SystemTime now) {
    // What was in memory when the server ended, however long ago, and the day.
    auto newest = m_database.prepare("SELECT coalesce(max(received), 0), coalesce(max(number), 0) FROM payment");
    if (!newest) return tl::unexpected(newest.error());
    const auto ended = newest->step();
    if (!ended) return tl::unexpected(ended.error());
    m_nextPayment = newest->integer(1) + 1;
    const int64_t since = std::min(micros(now), newest->integer(0)) - micros(SystemTime(longestOpen));
    auto recent = m_database.prepare("SELECT body, number, open_until FROM payment WHERE received >= ?");
    if (!recent) return tl::unexpected(recent.error());
    recent->bind(1, since);
    while (true) {
        const auto row = recent->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) break;
        auto record = decodeRecord(recent->blob(0));
        if (!record) return tl::unexpected(StoreError::Damaged);
        const payments::PaymentId id = record->payment.id;
        if (record->state == PaymentState::Pending) {
            Money& pending = m_pending[record->from];
            pending = checkedAdd(pending, record->owed).value_or(Money::max());
        }
        if (record->counts()) countSpent(*record, true);
        if (record->state != PaymentState::Pending) {
            if (recent->integer(2) == unheard) continue;
            if (keptUntil(*record) < now && isHeard(*record)) continue;
        }
        m_paymentNumbers.emplace(id, recent->integer(1));
        m_payments.emplace(id, std::move(*record));
    }

    if (auto waiting = loadUnheard(); !waiting) return waiting;
    auto sums = m_database.prepare("SELECT kind, party, total, count FROM payment_sum");
    if (!sums) return tl::unexpected(sums.error());
    while (true) {
        const auto row = sums->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) break;
        const auto party = Party::parse(sums->text(1));
        if (!party) return tl::unexpected(StoreError::Damaged);
        Sum& sum = m_paymentSums[{static_cast<PaymentSum>(sums->integer(0)), *party}];
        sum.total = Money::fromEighths(sums->integer(2));
        sum.count = static_cast<uint64_t>(sums->integer(3));
    }

    auto certified = m_database.prepare("SELECT payee, classes, until FROM certified_payee WHERE until > ?");
    if (!certified) return tl::unexpected(certified.error());
    certified->bind(1, micros(now));
    while (true) {
        const auto row = certified->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) return {};
        std::array<uint8_t, NodeId::size> node{};
        const auto blob = certified->blob(0);
        if (blob.size() != node.size()) return tl::unexpected(StoreError::Damaged);
        std::copy(blob.begin(), blob.end(), node.begin());
        m_certified[NodeId(node)] = {static_cast<uint8_t>(certified->integer(1)),
                                     SystemTime(std::chrono::microseconds(certified->integer(2)))};
    }
}

}  // namespace netpas::accounting
