// Micropayments in the book: made ones are purchases that are settled at once, received ones have tables of their own.
#include "core/ledger/rows.h"

namespace netpas::ledger {

using store::Database;
using store::Statement;

std::string_view describe(PaymentEnd end) {
    switch (end) {
    case PaymentEnd::Posted: return "posted";
    case PaymentEnd::Expired: return "expired";
    case PaymentEnd::Cancelled: return "cancelled";
    case PaymentEnd::Refused: return "refused";
    }
    return "unknown";
}

std::string_view describe(ReceiptState state) {
    switch (state) {
    case ReceiptState::Confirmed: return "confirmed";
    case ReceiptState::Taken: return "posted";
    case ReceiptState::Cancelled: return "cancelled";
    case ReceiptState::Late: return "late";
    }
    return "unknown";
}

std::optional<PaymentEnd> paymentEndFromNumber(int64_t number) {
    if (number < int64_t{1} || number > static_cast<int64_t>(PaymentEnd::Refused)) return std::nullopt;
    return static_cast<PaymentEnd>(number);
}

std::optional<ReceiptState> receiptStateFromNumber(int64_t number) {
    if (number < int64_t{1} || number > static_cast<int64_t>(ReceiptState::Late)) return std::nullopt;
    return static_cast<ReceiptState>(number);
}

namespace {

EndReason reasonOf(PaymentEnd end) {
    switch (end) {
    case PaymentEnd::Posted: return EndReason::PaymentPosted;
    case PaymentEnd::Expired: return EndReason::PaymentExpired;
    case PaymentEnd::Cancelled: return EndReason::PaymentCancelled;
    case PaymentEnd::Refused: return EndReason::PaymentRefused;
    }
    return EndReason::None;
}

TransferKind kindOf(PaymentEnd end) {
    if (end == PaymentEnd::Posted) return TransferKind::Posted;
    return end == PaymentEnd::Expired ? TransferKind::Expired : TransferKind::Voided;
}

template <size_t Size>
bool readArray(const Statement& row, int column, std::array<uint8_t, Size>& into) {
    const auto bytes = row.blob(column);
    if (bytes.size() != Size) return false;
    std::copy(bytes.begin(), bytes.end(), into.begin());
    return true;
}

Bytes bytesOf(const payments::Payment& payment) {
    Writer writer;
    payments::encode(writer, payment);
    return writer.take();
}

constexpr std::string_view selectReceipt =
    "SELECT r.number, r.payment, r.confirmed, r.received_at, e.state, e.final, e.at FROM receipt r"
    " JOIN receipt_event e ON e.number = (SELECT max(number) FROM receipt_event WHERE receipt = r.number) ";

Result<Receipt> readReceipt(const Statement& row) {
    Receipt receipt;
    Reader reader(row.blob(1));
    receipt.payment = payments::decodePayment(reader);
    const auto state = receiptStateFromNumber(row.integer(4));
    if (!reader.finished() || !state) return tl::unexpected(LedgerError::Damaged);
    receipt.number = row.integer(0);
    receipt.confirmed = timeFromStored(row.integer(2));
    receipt.receivedAt = timeFromStored(row.integer(3));
    receipt.state = *state;
    receipt.final = row.integer(5) != 0;
    receipt.changedAt = timeFromStored(row.integer(6));
    return receipt;
}

Result<std::vector<Receipt>> readReceipts(Statement& statement) {
    std::vector<Receipt> receipts;
    const auto read = forEachRow(statement, [&](const Statement& row) -> Result<void> {
        auto receipt = readReceipt(row);
        if (!receipt) return tl::unexpected(receipt.error());
        receipts.push_back(std::move(*receipt));
        return {};
    });
    if (!read) return tl::unexpected(read.error());
    return receipts;
}

Result<std::optional<Receipt>> findReceipt(Database& database, const payments::PaymentId& id) {
    auto statement = database.prepare(std::string(selectReceipt) + "WHERE r.id = ?");
    if (!statement) return fail(statement.error());
    statement->bind(1, std::span<const uint8_t>(id));
    auto found = readReceipts(*statement);
    if (!found) return tl::unexpected(found.error());
    return found->empty() ? std::optional<Receipt>{} : std::optional(std::move(found->front()));
}

}  // namespace

// --- made

Result<void> writePayment(Database& database, PurchaseId id, const PaymentTerms& terms) {
    return run(database, "INSERT INTO payment (purchase, payee, isp, amount, description) VALUES (?, ?, ?, ?, ?)",
               rowOf(id), std::span<const uint8_t>(terms.payee.bytes()), int64_t{terms.isp.value()},
               terms.amount.eighths(), std::string_view(terms.description));
}

Result<void> readPayment(Database& database, Purchase& purchase) {
    auto statement = database.prepare(
        "SELECT p.payee, p.isp, p.amount, p.description, o.id, o.expires, e.state, e.charged, e.disputed, e.isp,"
        " e.reason, e.most, e.remedy, o.salt FROM payment p LEFT JOIN payment_order o ON o.purchase = p.purchase"
        " LEFT JOIN payment_end e ON e.purchase = p.purchase WHERE p.purchase = ?");
    if (!statement) return fail(statement.error());
    statement->bind(1, rowOf(purchase.id));
    auto row = statement->step();
    if (!row) return fail(row.error());
    if (!*row) return {};
    PaymentBook book;
    std::array<uint8_t, NodeId::size> payee{};
    if (!readArray(*statement, 0, payee)) return tl::unexpected(LedgerError::Damaged);
    book.terms = {NodeId(payee), IspId{static_cast<uint16_t>(statement->integer(1))},
                  Money::fromEighths(statement->integer(2)), std::string(statement->text(3))};
    if (!statement->isNull(4)) {
        book.id.emplace();
        if (!readArray(*statement, 4, *book.id)) return tl::unexpected(LedgerError::Damaged);
        book.expires = timeFromStored(statement->integer(5));
    }
    if (!statement->isNull(13)) {
        book.salt.emplace();
        if (!readArray(*statement, 13, *book.salt)) return tl::unexpected(LedgerError::Damaged);
    }
    if (!statement->isNull(6)) {
        const auto end = paymentEndFromNumber(statement->integer(6));
        if (!end) return tl::unexpected(LedgerError::Damaged);
        book.result = PaymentResult{*end,
                                    Money::fromEighths(statement->integer(7)),
                                    statement->integer(8) != 0,
                                    IspId{static_cast<uint16_t>(statement->integer(9))},
                                    static_cast<uint8_t>(statement->integer(10)),
                                    Money::fromEighths(statement->integer(11)),
                                    std::string(statement->text(12))};
        purchase.disputed = purchase.disputed || book.result->disputed;
    }
    purchase.request.payment = book.terms;
    purchase.payment = std::move(book);
    return {};
}

Result<void> Ledger::promise(PurchaseId id, const payments::PaymentId& payment, SystemTime expires,
                             const std::optional<payments::DescriptionSalt>& salt) {
    return m_impl->atomically([&]() -> Result<void> {
        const auto at = standing(m_impl->database, id);
        if (!at) return tl::unexpected(at.error());
        if (at->state != PurchaseState::Reserved) return tl::unexpected(LedgerError::WrongState);
        auto insert =
            m_impl->database.prepare("INSERT INTO payment_order (purchase, id, salt, expires) VALUES (?, ?, ?, ?)");
        if (!insert) return fail(insert.error());
        insert->bind(1, rowOf(id)).bind(2, std::span<const uint8_t>(payment)).bind(4, toStored(expires));
        if (salt) {
            insert->bind(3, std::span<const uint8_t>(*salt));
        } else {
            insert->bindNull(3);
        }
        if (auto done = insert->run(); !done) return fail(done.error());
        return {};
    });
}

Result<void> Ledger::settlePayment(PurchaseId id, const PaymentResult& result, const std::string& note,
                                   const std::optional<Evidence>& evidence, SystemTime now) {
    Database& database = m_impl->database;
    return m_impl->atomically([&]() -> Result<void> {
        auto next = step(database, id, PurchaseState::Settled, reasonOf(result.end), note);
        if (!next) return tl::unexpected(next.error());
        const auto pending = pendingOf(database, id);
        if (!pending) return tl::unexpected(pending.error());
        const bool posted = result.end == PaymentEnd::Posted;
        if (result.charged.isNegative() || result.charged > pending->amount ||
            posted != (result.charged > Money::zero())) {
            return tl::unexpected(LedgerError::AmountTooHigh);
        }
        if (evidence) {
            const auto kept = insertEvidence(database, id, *evidence, now);
            if (!kept) return tl::unexpected(kept.error());
        }
        auto done = transfer(database, id, kindOf(result.end), *pending, result.charged, now);
        if (done) {
            done = run(database,
                       "INSERT INTO payment_end (purchase, state, charged, disputed, isp, reason, most, remedy, at)"
                       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       rowOf(id), static_cast<int64_t>(result.end), result.charged.eighths(),
                       int64_t{result.disputed ? 1 : 0}, int64_t{result.where.value()}, int64_t{result.reason},
                       result.limit.eighths(), std::string_view(result.remedy), toStored(now));
        }
        return done ? writeStanding(database, id, *next, now) : done;
    });
}

// --- received

Result<Receipt> Ledger::receive(const payments::Payment& payment, SystemTime now) {
    Database& database = m_impl->database;
    return m_impl->atomically([&]() -> Result<Receipt> {
        auto known = findReceipt(database, payment.id);
        if (!known) return tl::unexpected(known.error());
        if (*known) {
            if ((*known)->payment != payment) return tl::unexpected(LedgerError::IdempotencyConflict);
            return std::move(**known);
        }
        auto done =
            run(database, "INSERT INTO receipt (id, payment, amount, confirmed, received_at) VALUES (?, ?, ?, ?, ?)",
                std::span<const uint8_t>(payment.id), std::span<const uint8_t>(bytesOf(payment)),
                payment.amount.eighths(), toStored(now), toStored(now));
        if (!done) return tl::unexpected(done.error());
        done = run(database, "INSERT INTO receipt_event (receipt, state, final, at) VALUES (?, ?, ?, ?)",
                   database.lastRowId(), static_cast<int64_t>(ReceiptState::Confirmed), int64_t{0}, toStored(now));
        if (!done) return tl::unexpected(done.error());
        auto written = findReceipt(database, payment.id);
        if (!written) return tl::unexpected(written.error());
        if (!*written) return tl::unexpected(LedgerError::Damaged);
        return std::move(**written);
    });
}

Result<bool> Ledger::advanceReceipt(const payments::PaymentId& id, ReceiptState state, bool final, SystemTime now) {
    Database& database = m_impl->database;
    return m_impl->atomically([&]() -> Result<bool> {
        const auto known = findReceipt(database, id);
        if (!known) return tl::unexpected(known.error());
        if (!*known) return tl::unexpected(LedgerError::UnknownPurchase);
        if ((*known)->final || ((*known)->state == state && !final)) return false;
        const auto done = run(database, "INSERT INTO receipt_event (receipt, state, final, at) VALUES (?, ?, ?, ?)",
                              (*known)->number, static_cast<int64_t>(state), int64_t{final ? 1 : 0}, toStored(now));
        if (!done) return tl::unexpected(done.error());
        return true;
    });
}

Result<std::vector<Receipt>> Ledger::receipts(uint32_t limit, std::optional<int64_t> before) const {
    auto statement = m_impl->database.prepare(
        std::string(selectReceipt) + "WHERE r.number < ? ORDER BY r.number DESC LIMIT " + std::to_string(limit));
    if (!statement) return fail(statement.error());
    statement->bind(1, before.value_or(INT64_MAX));
    return readReceipts(*statement);
}

Result<std::vector<Receipt>> Ledger::openReceipts() const {
    auto statement = m_impl->database.prepare(
        std::string(selectReceipt) +
        "WHERE r.number NOT IN (SELECT receipt FROM receipt_event WHERE final = 1) ORDER BY r.number");
    if (!statement) return fail(statement.error());
    return readReceipts(*statement);
}

Result<Money> Ledger::receivedSince(SystemTime since) const {
    auto sum = single(m_impl->database,
                      "SELECT sum(r.amount) FROM receipt r JOIN receipt_event e ON e.number ="
                      " (SELECT max(number) FROM receipt_event WHERE receipt = r.number)"
                      " WHERE e.state = ? AND r.received_at >= ?",
                      static_cast<int64_t>(ReceiptState::Taken), toStored(since));
    if (!sum) return tl::unexpected(sum.error());
    return Money::fromEighths(sum->value_or(0));
}

}  // namespace netpas::ledger
