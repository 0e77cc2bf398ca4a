#include "core/accounting/books.h"

#include "core/accounting/books_schema.h"
#include "core/accounting/wire_parts.h"

namespace netpas::accounting {

using store::StoreError;

namespace {

constexpr size_t alarmsKept = 1000;

int64_t micros(SystemTime time) { return time.time_since_epoch().count(); }

}  // namespace

std::string_view describe(AlarmKind kind) {
    switch (kind) {
    case AlarmKind::CounterWentBack: return "counter-went-back";
    case AlarmKind::TooMuchConfirmed: return "too-much-confirmed";
    case AlarmKind::TooLittleConfirmed: return "too-little-confirmed";
    case AlarmKind::Refused: return "refused";
    case AlarmKind::BadConfirmation: return "bad-confirmation";
    case AlarmKind::Overflow: return "overflow";
    case AlarmKind::Dispute: return "dispute";
    case AlarmKind::WrongSignature: return "wrong-signature";
    case AlarmKind::PayeeComplaint: return "complaint";
    }
    return "unknown";
}

tl::expected<Books, StoreError> Books::open(const Options& options, SystemTime now) {
    auto database = store::Database::open({options.path, options.key, true, std::chrono::milliseconds(500)});
    if (!database) return tl::unexpected(database.error());
    return open(store::SqlDatabase(std::move(*database)), options, now);
}

tl::expected<Books, StoreError> Books::open(store::SqlDatabase database, const Options& options, SystemTime now) {
    if (auto migrated = database.migrate(booksSteps); !migrated) return tl::unexpected(migrated.error());
    Books books(std::move(database), options);
    if (auto loaded = books.load(now); !loaded) return tl::unexpected(loaded.error());
    return books;
}

// --- groups

// Prepared once for each literal; nullptr once the group has failed. Opens the group's transaction.
store::SqlStatement* Books::statement(const char* sql) {
    if (m_failed) return nullptr;
    m_dirty = true;
    if (!m_database.inTransaction()) {
        if (auto begun = m_database.begin(); !begun) {
            m_failed = begun.error();
            return nullptr;
        }
    }
    auto found = m_statements.find(sql);
    if (found == m_statements.end()) {
        auto prepared = m_database.prepare(sql);
        if (!prepared) {
            m_failed = prepared.error();
            return nullptr;
        }
        found = m_statements.emplace(sql, std::move(*prepared)).first;
    }
    return &found->second;
}

void Books::run(store::SqlStatement* statement) {
    if (statement == nullptr) return;
    if (auto done = statement->run(); !done && !m_failed) m_failed = done.error();
}

tl::expected<void, StoreError> Books::commit() {
    // After a failure to read the books anew there is nothing to stand on, even when nothing was to be written.
    if (!m_dirty && !m_failed) return {};
    if (!m_failed) writeSums();
    if (!m_failed) writeBills();
    if (!m_failed) writeSummaries();
    if (!m_failed) {
        if (auto done = m_database.commit(); !done) m_failed = done.error();
    }
    m_dirty = false;
    if (!m_failed) return {};
    const StoreError error = *m_failed;
    const std::string why = m_database.lastMessage();
    m_database.rollback();
    reload();
    m_failure = why;
    return tl::unexpected(error);
}

void Books::writeSums() {
    for (const auto& [which, unused] : m_dirtySums) {
        const Sum& sum = m_sums[which];
        auto* s = statement("INSERT OR REPLACE INTO sum (kind, isp, total, count, largest) VALUES (?, ?, ?, ?, ?)");
        if (s == nullptr) return;
        s->bind(1, static_cast<int64_t>(which.first))
            .bind(2, int64_t{which.second.value()})
            .bind(3, sum.total.eighths());
        s->bind(4, static_cast<int64_t>(sum.count)).bind(5, sum.largest.eighths());
        run(s);
    }
    m_dirtySums.clear();
    writePayments();
}

// The memory is made anew from what the database kept.
void Books::reload() {
    Books fresh(std::move(m_database), m_options);
    m_statements.clear();
    const auto loaded = fresh.load(m_now);
    *this = std::move(fresh);
    m_readable = loaded.has_value();
    if (!loaded) m_failed = loaded.error();
}

// --- customers

std::optional<std::string> Books::customerOf(const PublicKey& key) const {
    const auto found = m_customerOf.find(key.bytes);
    return found == m_customerOf.end() ? std::nullopt : std::optional(found->second);
}

void Books::enrol(const std::string& customer, const PublicKey& key, SystemTime now) {
    m_now = now;
    if (const auto before = m_customers.find(customer); before != m_customers.end())
        m_customerOf.erase(before->second.bytes);
    m_customers[customer] = key;
    m_customerOf[key.bytes] = customer;
    if (auto* s = statement("INSERT OR REPLACE INTO customer (name, key, joined) VALUES (?, ?, ?)")) {
        s->bind(1, customer).bind(2, std::span<const uint8_t>(key.bytes)).bind(3, micros(now));
        run(s);
    }
}

void Books::forget(const std::string& customer) {
    if (const auto known = m_customers.find(customer); known != m_customers.end()) {
        m_customerOf.erase(known->second.bytes);
        m_customers.erase(known);
    }
    if (auto* s = statement("DELETE FROM customer WHERE name = ?")) {
        s->bind(1, customer);
        run(s);
    }
}

// --- session keys

const KeyRecord* Books::key(SessionKeyId id) const {
    const auto found = m_keys.find(id);
    return found == m_keys.end() ? nullptr : &found->second;
}

void Books::addKey(KeyRecord record) {
    m_now = record.registered;
    const Bytes message = keyBody(record);
    if (auto* s = statement("INSERT INTO session_key (id, record, customer, router, state, registered, finalised) "
                            "VALUES (?, ?, ?, ?, ?, ?, 0)")) {
        s->bind(1, int64_t{record.key.id.value()}).bind(2, message).bind(3, record.customer).bind(4, record.router);
        s->bind(5, static_cast<int64_t>(record.state)).bind(6, micros(record.registered));
        run(s);
    }
    const SessionKeyId id = record.key.id;
    m_keys.insert_or_assign(id, std::move(record));
}

void Books::setKeyState(SessionKeyId id, KeyState state, SystemTime now) {
    m_now = now;
    const auto found = m_keys.find(id);
    if (found == m_keys.end() || found->second.state == state) return;
    found->second.state = state;
    if (state == KeyState::Final) found->second.finalised = now;
    if (auto* s = statement("UPDATE session_key SET state = ?, finalised = ? WHERE id = ?")) {
        s->bind(1, static_cast<int64_t>(state)).bind(2, micros(found->second.finalised)).bind(3, int64_t{id.value()});
        run(s);
    }
}

// --- sums and alarms

void Books::add(SumKind kind, IspId isp, Money amount, SystemTime now) {
    Sum& sum = m_sums[{kind, isp}];
    if (!raise(sum.total, amount, "sum " + std::to_string(static_cast<int>(kind)), now)) return;
    ++sum.count;
    sum.largest = std::max(sum.largest, amount);
    m_dirtySums[{kind, isp}] = true;
    m_dirty = true;
}

Sum Books::sum(SumKind kind, IspId isp) const {
    const auto found = m_sums.find({kind, isp});
    return found == m_sums.end() ? Sum{} : found->second;
}

// False when the total would not fit: it stays, and an alarm says so.
bool Books::raise(Money& total, Money by, const std::string& subject, SystemTime now) {
    const auto sum = checkedAdd(total, by);
    if (!sum) {
        alarm(AlarmKind::Overflow, subject, "the amount does not fit the books", now);
        return false;
    }
    total = *sum;
    return true;
}

void Books::alarm(AlarmKind kind, std::string subject, std::string text, SystemTime now, Bytes evidence) {
    m_now = now;
    ++m_alarmCount;
    if (auto* s =
            statement("INSERT INTO alarm (number, time, kind, subject, text, evidence) VALUES (?, ?, ?, ?, ?, ?)")) {
        s->bind(1, static_cast<int64_t>(m_alarmCount)).bind(2, micros(now)).bind(3, static_cast<int64_t>(kind));
        s->bind(4, subject).bind(5, text).bind(6, evidence);
        run(s);
    }
    m_alarms.push_back(
        {static_cast<int64_t>(m_alarmCount), now, kind, std::move(subject), std::move(text), std::move(evidence)});
    if (m_alarms.size() > alarmsKept) m_alarms.pop_front();
}

}  // namespace netpas::accounting
