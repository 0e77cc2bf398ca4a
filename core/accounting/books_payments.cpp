// Micropayments in the books: the open ones in memory, all of them in the database.
#include "core/accounting/books.h"

namespace netpas::accounting {

using store::StoreError;

namespace {

constexpr std::chrono::hours window{24};
// A payment that has ended is asked about for some time yet, and its id must not be taken again.
constexpr std::chrono::minutes remembered{10};

int64_t micros(SystemTime time) { return time.time_since_epoch().count(); }

Money minus(Money a, Money b) { return checkedSub(a, b).value_or(Money::zero()); }

SystemTime openUntil(const PaymentRecord& record) {
    if (!record.toldFrom || !record.toldTo) return SystemTime::max();
    return record.payment.expires + std::chrono::seconds(64) + remembered;
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
    if (before == m_payments.end() || before->second.state != record.state) record.changed = now;
    const bool wasPending = before != m_payments.end() && before->second.state == PaymentState::Pending;
    const bool isPending = record.state == PaymentState::Pending;
    Money& pending = m_pending[record.from];
    if (wasPending && !isPending) pending = minus(pending, record.owed);
    if (!wasPending && isPending) pending = checkedAdd(pending, record.owed).value_or(Money::max());
    Window& spent = m_windows[record.from];
    if (before == m_payments.end() && record.counts()) {
        spent.entries.emplace_back(record.received, id);
        spent.amounts.emplace(id, record.owed);
        spent.total = checkedAdd(spent.total, record.owed).value_or(Money::max());
    } else if (!record.counts()) {
        if (const auto counted = spent.amounts.find(id); counted != spent.amounts.end()) {
            spent.total = minus(spent.total, counted->second);
            spent.amounts.erase(counted);
        }
    }
    if (auto* s = statement(
            "INSERT OR REPLACE INTO payment (id, from_party, received, open_until, body) VALUES (?, ?, ?, ?, ?)")) {
        const SystemTime open = openUntil(record);
        s->bind(1, std::span<const uint8_t>(id)).bind(2, record.from.text()).bind(3, micros(record.received));
        s->bind(4, micros(open)).bind(5, encodeRecord(record));
        run(s);
    }
    m_payments.insert_or_assign(id, std::move(record));
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
    while (!spent.entries.empty() && spent.entries.front().first < now - window) {
        if (const auto counted = spent.amounts.find(spent.entries.front().second); counted != spent.amounts.end()) {
            spent.total = minus(spent.total, counted->second);
            spent.amounts.erase(counted);
        }
        spent.entries.pop_front();
    }
    return spent.total;
}

Money Books::spentIn(const Party& party, SystemTime now) const {
    const auto found = m_windows.find(party);
    if (found == m_windows.end()) return Money::zero();
    Money sum = found->second.total;
    for (const auto& [time, id] : found->second.entries) {
        if (time >= now - window) break;
        const auto counted = found->second.amounts.find(id);
        if (counted != found->second.amounts.end()) sum = minus(sum, counted->second);
    }
    return sum;
}

void Books::add(PaymentSum kind, const Party& party, Money amount, SystemTime now) {
    Sum& sum = m_paymentSums[{kind, party}];
    if (!raise(sum.total, amount, "payments of " + party.text(), now)) return;
    ++sum.count;
    sum.largest = std::max(sum.largest, amount);
    if (auto* s = statement("INSERT OR REPLACE INTO payment_sum (kind, party, total, count) VALUES (?, ?, ?, ?)")) {
        s->bind(1, static_cast<int64_t>(kind)).bind(2, party.text()).bind(3, sum.total.eighths());
        s->bind(4, static_cast<int64_t>(sum.count));
        run(s);
    }
}

Sum Books::sum(PaymentSum kind, const Party& party) const {
    const auto found = m_paymentSums.find({kind, party});
    return found == m_paymentSums.end() ? Sum{} : found->second;
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
        return item.second.state != PaymentState::Pending && openUntil(item.second) < now;
    });
    std::erase_if(m_certified, [&](const auto& item) { return item.second.until <= now; });
}

tl::expected<void, StoreError> Books::loadPayments(SystemTime now) {
    auto recent = m_database.prepare("SELECT body FROM payment WHERE received >= ?1 OR open_until >= ?2");
    if (!recent) return tl::unexpected(recent.error());
    recent->bind(1, micros(now - window)).bind(2, micros(now));
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
        if (record->counts()) {
            Window& spent = m_windows[record->from];
            spent.entries.emplace_back(record->received, id);
            spent.amounts.emplace(id, record->owed);
            spent.total = checkedAdd(spent.total, record->owed).value_or(Money::max());
        }
        if (openUntil(*record) >= now) m_payments.emplace(id, std::move(*record));
    }
    for (auto& [party, spent] : m_windows) std::sort(spent.entries.begin(), spent.entries.end());

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
