// Records are kept for some days; of older ones only sums stay, so that no balance changes and the books do not grow for ever.
#include "core/accounting/books.h"

namespace netpas::accounting {

using store::StoreError;

namespace {

constexpr auto complaintsKept = std::chrono::days(30);
constexpr size_t mostAtOnce = 2000;  // a second's work of the server must not wait for it

int64_t micros(SystemTime time) { return time.time_since_epoch().count(); }

std::optional<Confirmation> fromBody(ByteView body) {
    Reader reader(body);
    Confirmation confirmation = decodeConfirmation(reader);
    if (!reader.finished()) return std::nullopt;
    return confirmation;
}

void addTo(BillSide& side, Money amount) {
    side.total = checkedAdd(side.total, amount).value_or(Money::max());
    ++side.count;
}

}  // namespace

void Books::summarise(const Confirmation& one, Role role, const UpstreamOf& upstreamOf) {
    const auto put = [&](SumKind kind, IspId isp) {
        addTo(m_summarised[{kind, isp}], one.amount);
        m_dirtySummaries.insert({kind, isp});
    };
    const auto here = hopOf(one.header, m_options.isp);
    switch (role) {
    case Role::Made: return put(SumKind::MadeFor, one.beneficiary);
    case Role::SelfMade: put(SumKind::ConfirmedOwn, one.beneficiary); break;
    case Role::Countersigned: put(SumKind::ConfirmedOwn, one.confirming); break;
    case Role::Forwarded:
        if (here && *here + 1 < one.header.hops().size()) {
            const IspId next = one.header.hops()[*here + 1].isp;
            put(SumKind::OwedTo, next);
            put(SumKind::ConfirmedVia, next);
        }
        put(SumKind::ConfirmedIsp, one.beneficiary);
        break;
    case Role::Relayed: break;
    }
    const auto upstream = upstreamOf(one, role);
    if (upstream && !upstream->isSibling()) put(SumKind::OwedBy, upstream->isp);
}

bool Books::pruneConfirmations(SystemTime logFrom, const UpstreamOf& upstreamOf) {
    if (m_failed) return false;
    auto rows = m_database.prepare("SELECT number, role, body FROM confirmation WHERE made < ? ORDER BY made LIMIT ?");
    if (!rows) return false;
    // Those that still wait for a neighbour stay; there may be more of them than are looked at otherwise.
    const size_t most = mostAtOnce + m_outbox.size();
    rows->bind(1, micros(logFrom)).bind(2, static_cast<int64_t>(most));
    std::vector<int64_t> gone;
    size_t seen = 0;
    for (auto row = rows->step(); row && *row; row = rows->step()) {
        ++seen;
        const auto one = fromBody(rows->blob(2));
        if (!one) continue;
        const auto role = static_cast<Role>(rows->integer(1));
        const auto upstream = upstreamOf(*one, role);
        if (upstream && waiting(*upstream, one->id) != nullptr) continue;
        summarise(*one, role, upstreamOf);
        gone.push_back(rows->integer(0));
    }
    for (const int64_t number : gone) {
        auto* s = statement("DELETE FROM confirmation WHERE number = ?");
        if (s == nullptr) return false;
        s->bind(1, number);
        run(s);
    }
    return seen == most && !gone.empty();
}

// Micropayments that have ended long ago: their sums, then the rows.
bool Books::pruneOldPayments(SystemTime before, SystemTime now) {
    if (m_failed) return false;
    auto rows = m_database.prepare("SELECT id, body FROM payment WHERE received < ? AND open_until < ? LIMIT ?");
    if (!rows) return false;
    rows->bind(1, micros(before)).bind(2, micros(now)).bind(3, static_cast<int64_t>(mostAtOnce));
    std::vector<Bytes> gone;
    for (auto row = rows->step(); row && *row; row = rows->step()) {
        const auto record = decodeRecord(rows->blob(1));
        if (record && !(record->toldFrom && record->toldTo)) continue;  // it leaves the memory first
        const ByteView id = rows->blob(0);
        gone.emplace_back(id.begin(), id.end());
        if (!record) continue;
        const auto put = [&](PaymentSum kind, const Party& party, Money amount) {
            addTo(m_summarisedPayments[{kind, party}], amount);
            m_dirtyPaymentSummaries.insert({kind, party});
        };
        if (record->state != PaymentState::Confirmed && record->state != PaymentState::Cancelled) continue;
        put(PaymentSum::OwedBy, record->from, record->owed);
        put(PaymentSum::OwedTo, record->to, record->passed);
        if (record->state != PaymentState::Cancelled) continue;
        put(PaymentSum::TakenBackFrom, record->from, record->owed);
        put(PaymentSum::TakenBackTo, record->to, record->passed);
    }
    for (const Bytes& id : gone) {
        auto* s = statement("DELETE FROM payment WHERE id = ?");
        if (s == nullptr) return false;
        s->bind(1, std::span<const uint8_t>(id));
        run(s);
    }
    return gone.size() == mostAtOnce;
}

// Session keys that are final and old: the customer keeps owing what they have cost.
bool Books::pruneKeys(SystemTime before) {
    std::vector<SessionKeyId> gone;
    for (const auto& [id, record] : m_keys) {
        if (record.state == KeyState::Final && record.finalised < before) gone.push_back(id);
        if (gone.size() == mostAtOnce) break;
    }
    for (const SessionKeyId id : gone) {
        const KeyRecord& record = m_keys.at(id);
        Retired& retired = m_retired[record.customer];
        retired.amount = checkedAdd(retired.amount, record.usage.amount).value_or(Money::max());
        retired.packets += record.usage.packets;
        ++retired.keys;
        m_dirtyRetired.insert(record.customer);
        for (const char* sql : {"DELETE FROM session_key WHERE id = ?", "DELETE FROM key_counter WHERE key = ?"}) {
            auto* s = statement(sql);
            if (s == nullptr) return false;
            s->bind(1, int64_t{id.value()});
            run(s);
        }
        std::erase_if(m_keyCounters, [&](const auto& counter) { return counter.first.second == id; });
        m_keys.erase(id);
    }
    return gone.size() == mostAtOnce;
}

tl::expected<void, StoreError> Books::readPayments(const std::function<void(Bytes)>& each) {
    auto rows = m_database.prepare("SELECT body FROM payment ORDER BY received");
    if (!rows) return tl::unexpected(rows.error());
    while (true) {
        const auto row = rows->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) return {};
        const ByteView body = rows->blob(0);
        each(Bytes(body.begin(), body.end()));
    }
}

bool Books::prune(SystemTime now, SystemTime logFrom, const UpstreamOf& upstreamOf) {
    m_now = now;
    m_replay.advance(now);
    prunePayments(now);
    bool more = pruneConfirmations(logFrom, upstreamOf);
    more = pruneBatches(logFrom, upstreamOf) || more;
    // What a payer has spent in a day must be there.
    const SystemTime paymentsFrom = std::min(logFrom, now - std::chrono::hours(25));
    more = pruneOldPayments(paymentsFrom, now) || more;
    more = pruneKeys(logFrom) || more;
    // A neighbour that goes on sending nonsense must not fill the disk.
    run(statement("DELETE FROM alarm WHERE number <= (SELECT max(number) FROM alarm) - 100000"));
    if (auto* s = statement("DELETE FROM certified_payee WHERE until <= ?")) {
        s->bind(1, micros(now));
        run(s);
    }
    pruneComplaints(std::min(paymentsFrom, now - complaintsKept) - std::chrono::days(1));
    if (auto* s = statement("DELETE FROM delegated WHERE made < ?")) {
        s->bind(1, micros(logFrom));
        run(s);
    }
    return more;
}

BillSide Books::summarised(SumKind kind, IspId isp) const {
    const auto found = m_summarised.find({kind, isp});
    return found == m_summarised.end() ? BillSide{} : found->second;
}

BillSide Books::summarised(PaymentSum kind, const Party& party) const {
    const auto found = m_summarisedPayments.find({kind, party});
    return found == m_summarisedPayments.end() ? BillSide{} : found->second;
}

Books::Retired Books::retired(const std::string& customer) const {
    const auto found = m_retired.find(customer);
    return found == m_retired.end() ? Retired{} : found->second;
}

void Books::writeSummaries() {
    for (const auto& which : m_dirtySummaries) {
        const BillSide& side = m_summarised.at(which);
        auto* s = statement("INSERT OR REPLACE INTO summarised (kind, isp, total, count) VALUES (?, ?, ?, ?)");
        if (s == nullptr) return;
        s->bind(1, static_cast<int64_t>(which.first)).bind(2, int64_t{which.second.value()});
        s->bind(3, side.total.eighths()).bind(4, static_cast<int64_t>(side.count));
        run(s);
    }
    for (const auto& which : m_dirtyPaymentSummaries) {
        const BillSide& side = m_summarisedPayments.at(which);
        auto* s =
            statement("INSERT OR REPLACE INTO summarised_payment (kind, party, total, count) VALUES (?, ?, ?, ?)");
        if (s == nullptr) return;
        s->bind(1, static_cast<int64_t>(which.first)).bind(2, which.second.text());
        s->bind(3, side.total.eighths()).bind(4, static_cast<int64_t>(side.count));
        run(s);
    }
    for (const std::string& customer : m_dirtyRetired) {
        const Retired& retired = m_retired.at(customer);
        auto* s = statement("INSERT OR REPLACE INTO retired_key (customer, amount, packets, keys) VALUES (?, ?, ?, ?)");
        if (s == nullptr) return;
        s->bind(1, customer).bind(2, retired.amount.eighths()).bind(3, static_cast<int64_t>(retired.packets));
        s->bind(4, static_cast<int64_t>(retired.keys));
        run(s);
    }
    m_dirtySummaries.clear();
    m_dirtyPaymentSummaries.clear();
    m_dirtyRetired.clear();
}

tl::expected<void, StoreError> Books::loadSummaries() {
    auto sums = m_database.prepare("SELECT kind, isp, total, count FROM summarised");
    if (!sums) return tl::unexpected(sums.error());
    while (true) {
        const auto row = sums->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) break;
        m_summarised[{static_cast<SumKind>(sums->integer(0)), IspId(static_cast<uint16_t>(sums->integer(1)))}] = {
            Money::fromEighths(sums->integer(2)), static_cast<uint64_t>(sums->integer(3))};
    }
    auto payments = m_database.prepare("SELECT kind, party, total, count FROM summarised_payment");
    if (!payments) return tl::unexpected(payments.error());
    while (true) {
        const auto row = payments->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) break;
        const auto party = Party::parse(payments->text(1));
        if (!party) return tl::unexpected(StoreError::Damaged);
        m_summarisedPayments[{static_cast<PaymentSum>(payments->integer(0)), *party}] = {
            Money::fromEighths(payments->integer(2)), static_cast<uint64_t>(payments->integer(3))};
    }
    auto keys = m_database.prepare("SELECT customer, amount, packets, keys FROM retired_key");
    if (!keys) return tl::unexpected(keys.error());
    while (true) {
        const auto row = keys->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) return {};
        m_retired[std::string(keys->text(0))] = {Money::fromEighths(keys->integer(1)),
                                                 static_cast<uint64_t>(keys->integer(2)),
                                                 static_cast<uint64_t>(keys->integer(3))};
    }
}

}  // namespace netpas::accounting
