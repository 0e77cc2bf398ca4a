#include "app/lab/tools/crowd_journal.h"

#include <array>

namespace netpas::lab {

using store::Statement;
using store::StoreError;

namespace {

constexpr std::string_view schema = R"sql(
CREATE TABLE attempt (
    id BLOB PRIMARY KEY, intent INTEGER NOT NULL, payer TEXT NOT NULL, body BLOB NOT NULL, state INTEGER NOT NULL,
    confirmation BLOB NOT NULL) WITHOUT ROWID;
CREATE UNIQUE INDEX paid_once ON attempt (intent) WHERE state <> 3;
CREATE TABLE receipt (
    id BLOB PRIMARY KEY, payee TEXT NOT NULL, payment BLOB NOT NULL, confirmation BLOB NOT NULL, forged INTEGER NOT NULL,
    state INTEGER NOT NULL) WITHOUT ROWID;
)sql";
constexpr std::array<std::string_view, 1> steps{schema};

tl::unexpected<LabError> failed(StoreError error) {
    return fail(LabErrc::State, "a crowd's journal: " + std::string(store::describe(error)));
}

template <typename Value>
Bytes bytesOf(const Value& value) {
    Writer writer;
    payments::encode(writer, value);
    return writer.take();
}

payments::PaymentId idOf(std::span<const uint8_t> blob) {
    payments::PaymentId id{};
    if (blob.size() == id.size()) std::copy(blob.begin(), blob.end(), id.begin());
    return id;
}

}  // namespace

Expected<CrowdJournal> CrowdJournal::open(const std::filesystem::path& file) {
    const auto key = store::loadOrCreateKey(file.string() + ".key");
    if (!key) return failed(key.error());
    auto database = store::Database::open({file, *key, true, std::chrono::milliseconds(2000)});
    if (!database) return failed(database.error());
    if (auto migrated = database->migrate(steps); !migrated) return failed(migrated.error());
    CrowdJournal journal(std::move(*database));
    LAB_TRY(journal.load());
    return journal;
}

Expected<void> CrowdJournal::load() {
    auto attempts = m_database.prepare("SELECT id, intent, payer, body, state, confirmation FROM attempt");
    if (!attempts) return failed(attempts.error());
    while (true) {
        const auto row = attempts->step();
        if (!row) return failed(row.error());
        if (!*row) break;
        Attempt attempt;
        attempt.intent = static_cast<uint64_t>(attempts->integer(1));
        attempt.payer = attempts->text(2);
        Reader body(attempts->blob(3));
        attempt.order = payments::decodeSignedOrder(body);
        attempt.state = static_cast<AttemptState>(attempts->integer(4));
        Reader confirmation(attempts->blob(5));
        if (confirmation.remaining() > 0) attempt.confirmation = payments::decodeConfirmation(confirmation);
        if (!body.finished() || !confirmation.finished()) return failed(StoreError::Damaged);
        m_attempts.emplace(idOf(attempts->blob(0)), std::move(attempt));
    }
    auto receipts = m_database.prepare("SELECT id, payee, payment, confirmation, forged, state FROM receipt");
    if (!receipts) return failed(receipts.error());
    while (true) {
        const auto row = receipts->step();
        if (!row) return failed(row.error());
        if (!*row) return {};
        Receipt receipt;
        receipt.payee = receipts->text(1);
        Reader payment(receipts->blob(2));
        receipt.payment = payments::decodePayment(payment);
        Reader confirmation(receipts->blob(3));
        receipt.confirmation = payments::decodeConfirmation(confirmation);
        receipt.forged = receipts->integer(4) != 0;
        receipt.state = static_cast<ReceiptState>(receipts->integer(5));
        if (!payment.finished() || !confirmation.finished()) return failed(StoreError::Damaged);
        m_receipts.emplace(idOf(receipts->blob(0)), std::move(receipt));
    }
}

Expected<Statement> CrowdJournal::write(std::string_view sql) {
    if (!m_database.inTransaction()) {
        if (auto begun = m_database.begin(); !begun) return failed(begun.error());
    }
    auto statement = m_database.prepare(sql);
    if (!statement) return failed(statement.error());
    return std::move(*statement);
}

Expected<void> CrowdJournal::add(const Attempt& attempt) {
    auto row = write("INSERT INTO attempt (id, intent, payer, body, state, confirmation) VALUES (?, ?, ?, ?, ?, x'')");
    if (!row) return tl::unexpected(row.error());
    const payments::PaymentId& id = attempt.order.order.payment.id;
    const Bytes body = bytesOf(attempt.order);
    row->bind(1, std::span<const uint8_t>(id)).bind(2, static_cast<int64_t>(attempt.intent)).bind(3, attempt.payer);
    row->bind(4, body).bind(5, static_cast<int64_t>(attempt.state));
    if (auto done = row->run(); !done) return failed(done.error());
    m_attempts.emplace(id, attempt);
    return {};
}

Expected<void> CrowdJournal::end(const payments::PaymentId& id, AttemptState state,
                                 const std::optional<payments::PaymentConfirmation>& confirmation) {
    auto row = write("UPDATE attempt SET state = ?, confirmation = ? WHERE id = ?");
    if (!row) return tl::unexpected(row.error());
    const Bytes body = confirmation ? bytesOf(*confirmation) : Bytes();
    row->bind(1, static_cast<int64_t>(state)).bind(2, body).bind(3, std::span<const uint8_t>(id));
    if (auto done = row->run(); !done) return failed(done.error());
    Attempt& attempt = m_attempts.at(id);
    attempt.state = state;
    attempt.confirmation = confirmation;
    return {};
}

Expected<void> CrowdJournal::add(const Receipt& receipt) {
    auto row = write("INSERT INTO receipt (id, payee, payment, confirmation, forged, state) VALUES (?, ?, ?, ?, ?, ?)");
    if (!row) return tl::unexpected(row.error());
    const Bytes payment = bytesOf(receipt.payment);
    const Bytes confirmation = bytesOf(receipt.confirmation);
    row->bind(1, std::span<const uint8_t>(receipt.payment.id)).bind(2, receipt.payee).bind(3, payment);
    row->bind(4, confirmation).bind(5, int64_t{receipt.forged}).bind(6, static_cast<int64_t>(receipt.state));
    if (auto done = row->run(); !done) return failed(done.error());
    m_receipts.emplace(receipt.payment.id, receipt);
    return {};
}

Expected<void> CrowdJournal::end(const payments::PaymentId& id, ReceiptState state) {
    auto row = write("UPDATE receipt SET state = ? WHERE id = ?");
    if (!row) return tl::unexpected(row.error());
    row->bind(1, static_cast<int64_t>(state)).bind(2, std::span<const uint8_t>(id));
    if (auto done = row->run(); !done) return failed(done.error());
    m_receipts.at(id).state = state;
    return {};
}

Expected<void> CrowdJournal::commit() {
    if (!m_database.inTransaction()) return {};
    if (auto done = m_database.commit(); !done) return failed(done.error());
    return {};
}

}  // namespace netpas::lab
