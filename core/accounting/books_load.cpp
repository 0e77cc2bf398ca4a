#include "core/accounting/books.h"

namespace netpas::accounting {

using store::StoreError;

namespace {

constexpr uint8_t sealedMark = 0;  // no message has this type

std::string placeOf(SessionKeyId id) { return "session_key " + std::to_string(id.value()); }

SystemTime time(int64_t micros) { return SystemTime(std::chrono::microseconds(micros)); }

// Runs `each` on every row; stops at the first that it calls damaged.
template <typename Each>
tl::expected<void, StoreError> forEachRow(store::SqlDatabase& database, std::string_view sql, Each each) {
    auto statement = database.prepare(sql);
    if (!statement) return tl::unexpected(statement.error());
    while (true) {
        const auto row = statement->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) return {};
        if (!each(*statement)) return tl::unexpected(StoreError::Damaged);
    }
}

bool addTo(Money& total, Money by) {
    const auto sum = checkedAdd(total, by);
    if (sum) total = *sum;
    return sum.has_value();
}

}  // namespace

tl::expected<void, StoreError> Books::load(SystemTime now) {
    m_now = now;
    if (auto done = loadCustomersAndKeys(); !done) return done;
    if (auto done = loadCounters(); !done) return done;
    if (auto done = loadConfirmations(now); !done) return done;
    if (auto done = loadSumsAndAlarms(); !done) return done;
    if (auto done = loadDisputes(); !done) return done;
    if (auto done = loadPayments(now); !done) return done;
    if (auto done = loadSummaries(); !done) return done;
    if (auto done = loadBlocks(); !done) return done;
    return loadBills(now);
}

tl::expected<void, StoreError> Books::loadCustomersAndKeys() {
    auto customers = forEachRow(m_database, "SELECT name, key FROM customer", [&](store::SqlStatement& row) {
        PublicKey key;
        const auto blob = row.blob(1);
        if (blob.size() != key.bytes.size()) return false;
        std::copy(blob.begin(), blob.end(), key.bytes.begin());
        m_customers.emplace(row.text(0), key);
        m_customerOf.emplace(key.bytes, row.text(0));
        return true;
    });
    if (!customers) return customers;
    std::vector<SessionKeyId> bare;
    bool otherKey = false;
    auto keys =
        forEachRow(m_database, "SELECT record, customer, router, state, registered, finalised, id FROM session_key",
                   [&](store::SqlStatement& row) {
                       const SessionKeyId id(static_cast<uint32_t>(row.integer(6)));
                       const auto registered = keyFrom(id, row.blob(0));
                       otherKey = otherKey || (!registered && !row.blob(0).empty() && row.blob(0)[0] == sealedMark);
                       if (!registered || row.integer(3) < 0 || row.integer(3) > 3) return false;
                       if (m_options.seal && row.blob(0)[0] != sealedMark) bare.push_back(id);
                       KeyRecord record;
                       record.key = registered->key;
                       record.signature = registered->signature;
                       record.customer = row.text(1);
                       record.router = row.text(2);
                       record.state = static_cast<KeyState>(row.integer(3));
                       record.registered = time(row.integer(4));
                       record.finalised = time(row.integer(5));
                       m_keys.emplace(record.key.id, std::move(record));
                       return true;
                   });
    if (otherKey) return tl::unexpected(StoreError::WrongKey);
    return keys ? sealKeys(bare) : keys;
}

// --- secrets of session keys: the registration as it came, or 0 and the sealed one

Bytes Books::keyBody(const KeyRecord& record) const {
    Bytes body = encode(Message(RegisterKey{0, record.key, record.signature}));
    if (!m_options.seal) return body;
    Bytes sealed = m_options.seal->close(body, placeOf(record.key.id));
    sealed.insert(sealed.begin(), sealedMark);
    return sealed;
}

std::optional<RegisterKey> Books::keyFrom(SessionKeyId id, ByteView body) const {
    std::optional<Bytes> opened;
    if (!body.empty() && body[0] == sealedMark) {
        if (m_options.seal) opened = m_options.seal->open(body.subspan(1), placeOf(id));
        if (!opened) return std::nullopt;
        body = *opened;
    }
    const auto message = decode(body);
    const auto* registered = message ? std::get_if<RegisterKey>(&*message) : nullptr;
    return registered == nullptr ? std::nullopt : std::optional(*registered);
}

// Rows from before they were sealed.
tl::expected<void, StoreError> Books::sealKeys(const std::vector<SessionKeyId>& ids) {
    if (ids.empty()) return {};
    for (const SessionKeyId id : ids) {
        auto* s = statement("UPDATE session_key SET record = ? WHERE id = ?");
        if (s == nullptr) break;
        const Bytes body = keyBody(m_keys.at(id));
        s->bind(1, body).bind(2, int64_t{id.value()});
        run(s);
    }
    if (m_failed) return tl::unexpected(*m_failed);
    m_dirty = false;
    return m_database.commit();
}

tl::expected<void, StoreError> Books::loadCounters() {
    const auto router = [](store::SqlStatement& row, int column) { return std::string(row.text(column)); };
    const auto incarnation = [](store::SqlStatement& row, int column) {
        return static_cast<uint64_t>(row.integer(column));
    };
    const auto count = incarnation;
    const auto money = [](store::SqlStatement& row, int column) { return Money::fromEighths(row.integer(column)); };

    auto keys = forEachRow(m_database,
                           "SELECT router, incarnation, key, packets, bytes, amount, next_sequence FROM key_counter",
                           [&](store::SqlStatement& row) {
                               const SessionKeyId id(static_cast<uint32_t>(row.integer(2)));
                               const Usage usage{count(row, 3), count(row, 4), money(row, 5), count(row, 6)};
                               m_keyCounters[{{router(row, 0), incarnation(row, 1)}, id}] = usage;
                               const auto found = m_keys.find(id);
                               if (found == m_keys.end()) return true;
                               Usage& total = found->second.usage;
                               total.packets += usage.packets;
                               total.bytes += usage.bytes;
                               total.nextSequence = std::max(total.nextSequence, usage.nextSequence);
                               return addTo(total.amount, usage.amount);
                           });
    if (!keys) return keys;
    auto links = forEachRow(
        m_database, "SELECT router, incarnation, neighbour, exit, packets, bytes, own, downstream FROM link_counter",
        [&](store::SqlStatement& row) {
            const IspId neighbour(static_cast<uint16_t>(row.integer(2)));
            const ExitPoint exit(static_cast<uint16_t>(row.integer(3)));
            const LinkCounters counters{neighbour, exit, count(row, 4), count(row, 5), money(row, 6), money(row, 7)};
            m_linkCounters[{router(row, 0), incarnation(row, 1), neighbour, exit}] = counters;
            LinkTotals& total = m_linkTotals[neighbour];
            total.packets += counters.packets;
            total.bytes += counters.bytes;
            return addTo(total.own, counters.own) && addTo(total.downstream, counters.downstream);
        });
    if (!links) return links;
    auto isps = forEachRow(m_database, "SELECT which, router, incarnation, isp, amount FROM isp_counter",
                           [&](store::SqlStatement& row) {
                               const auto which = static_cast<IspCounter>(row.integer(0));
                               const IspId isp(static_cast<uint16_t>(row.integer(3)));
                               m_ispCounters[{which, {router(row, 1), incarnation(row, 2), isp}}] = money(row, 4);
                               auto& totals = which == IspCounter::Downstream ? m_downstreamTotals : m_upstreamTotals;
                               return addTo(totals[isp], money(row, 4));
                           });
    if (!isps) return isps;
    return forEachRow(m_database, "SELECT router, incarnation, name, packets FROM verdict_counter",
                      [&](store::SqlStatement& row) {
                          m_verdictCounters[{{router(row, 0), incarnation(row, 1)}, router(row, 2)}] = count(row, 3);
                          m_verdictTotals[router(row, 2)] += count(row, 3);
                          return true;
                      });
}

tl::expected<void, StoreError> Books::loadSumsAndAlarms() {
    auto sums =
        forEachRow(m_database, "SELECT kind, isp, total, count, largest FROM sum", [&](store::SqlStatement& row) {
            const auto kind = static_cast<SumKind>(row.integer(0));
            const IspId isp(static_cast<uint16_t>(row.integer(1)));
            m_sums[{kind, isp}] = {Money::fromEighths(row.integer(2)), static_cast<uint64_t>(row.integer(3)),
                                   Money::fromEighths(row.integer(4))};
            return true;
        });
    if (!sums) return sums;
    auto counted = forEachRow(m_database, "SELECT coalesce(max(number), 0) FROM alarm", [&](store::SqlStatement& row) {
        m_alarmCount = static_cast<uint64_t>(row.integer(0));
        return true;
    });
    if (!counted) return counted;
    return forEachRow(
        m_database, "SELECT number, time, kind, subject, text, evidence FROM alarm ORDER BY number DESC LIMIT 1000",
        [&](store::SqlStatement& row) {
            m_alarms.push_front({row.integer(0), time(row.integer(1)), static_cast<AlarmKind>(row.integer(2)),
                                 std::string(row.text(3)), std::string(row.text(4)),
                                 Bytes(row.blob(5).begin(), row.blob(5).end())});
            return true;
        });
}

}  // namespace netpas::accounting
