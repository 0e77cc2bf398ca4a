#include "core/ledger/ledger.h"

#include "core/ledger/rows.h"
#include "core/ledger/schema.h"

namespace netpas::ledger {

using store::Database;
using store::Statement;

std::string_view describe(LedgerError error) {
    switch (error) {
    case LedgerError::CannotOpen:
        return "the ledger cannot be opened: check that its folder and key file are the agent's own";
    case LedgerError::InUse: return "the ledger is in use by another agent";
    case LedgerError::NewerSchema: return "the ledger was written by a newer version of this program";
    case LedgerError::Storage: return "the ledger could not be written";
    case LedgerError::Damaged: return "the ledger is damaged";
    case LedgerError::KeyUsed: return "the session key identifier was used before";
    case LedgerError::UnknownPurchase: return "there is no such purchase";
    case LedgerError::UnknownKey: return "there is no such session key";
    case LedgerError::KeyOpen: return "a session key of the purchase has not ended yet";
    case LedgerError::WrongState: return "the purchase is not in a state for that";
    case LedgerError::IdempotencyConflict: return "the Idempotency-Key was used for another request";
    case LedgerError::AmountTooHigh: return "the amount is above what was set aside";
    case LedgerError::Overflow: return "an amount is too large";
    }
    return "unknown";
}

Ledger::Ledger(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}
Ledger::~Ledger() = default;

Result<std::unique_ptr<Ledger>> Ledger::open(const std::filesystem::path& file, const store::DatabaseKey& key) {
    store::DatabaseOptions options;
    options.path = file;
    options.key = key;
    auto database = Database::open(options);
    store::wipeKey(options.key);
    if (!database) return fail(database.error());
    if (auto done = database->migrate(schemaSteps); !done) return fail(done.error());
    return std::unique_ptr<Ledger>(new Ledger(std::make_unique<Impl>(std::move(*database))));
}

int64_t Ledger::schemaVersion() { return static_cast<int64_t>(schemaSteps.size()); }

tl::expected<store::Snapshot, store::StoreError> Ledger::snapshot(const std::filesystem::path& file,
                                                                  const store::DatabaseKey& key) {
    return store::Snapshot::begin(m_impl->database, file, key);
}

store::Documents& Ledger::documents() { return m_impl->documents; }

Result<void> Ledger::group(const std::function<Result<void>()>& operations) { return m_impl->atomically(operations); }

Result<std::optional<PurchaseId>> Ledger::earlier(const NewPurchase& purchase) const {
    if (purchase.idempotencyKey.empty()) return std::optional<PurchaseId>{};
    // The last condition lets the index of such keys be used.
    auto earlier = m_impl->database.prepare(
        "SELECT id, fingerprint FROM purchase WHERE uid = ? AND idempotency_key = ? AND idempotency_key <> ''");
    if (!earlier) return fail(earlier.error());
    earlier->bind(1, int64_t{purchase.uid}).bind(2, std::string_view(purchase.idempotencyKey));
    auto row = earlier->step();
    if (!row) return fail(row.error());
    if (!*row) return std::optional<PurchaseId>{};
    if (earlier->text(1) != purchase.fingerprint) return tl::unexpected(LedgerError::IdempotencyConflict);
    return std::optional(PurchaseId{static_cast<uint64_t>(earlier->integer(0))});
}

Result<Ledger::Begun> Ledger::begin(const NewPurchase& purchase, SystemTime now) {
    Database& database = m_impl->database;
    return m_impl->atomically([&]() -> Result<Begun> {
        const auto known = earlier(purchase);
        if (!known) return tl::unexpected(known.error());
        if (*known) return Begun{**known, true};
        auto insert = database.prepare(
            "INSERT INTO purchase (uid, flow, cap, cap_per_second, duration_s, idempotency_key, fingerprint, "
            "requested_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
        if (!insert) return fail(insert.error());
        insert->bind(1, int64_t{purchase.uid}).bind(2, std::string_view(purchase.flow.toString()));
        insert->bind(3, purchase.cap.eighths()).bind(4, purchase.capPerSecond.eighths());
        if (purchase.duration) {
            insert->bind(5, int64_t{purchase.duration->count()});
        } else {
            insert->bindNull(5);
        }
        insert->bind(6, std::string_view(purchase.idempotencyKey)).bind(7, std::string_view(purchase.fingerprint));
        insert->bind(8, toStored(now));
        if (auto done = insert->run(); !done) return fail(done.error());
        const PurchaseId id{static_cast<uint64_t>(database.lastRowId())};
        if (auto done = run(database, "INSERT INTO unfinished VALUES (?)", rowOf(id)); !done) {
            return tl::unexpected(done.error());
        }
        auto written = writeStanding(database, id, {PurchaseState::Requested, EndReason::None, {}, {}}, now);
        if (written) written = writeContext(database, id, purchase.context);
        if (written && purchase.payment) written = writePayment(database, id, *purchase.payment);
        if (!written) return tl::unexpected(written.error());
        return Begun{id, false};
    });
}

Result<void> Ledger::reserve(PurchaseId id, const std::vector<LedgerHop>& path, const Why& why, SystemTime now) {
    Database& database = m_impl->database;
    return m_impl->atomically([&]() -> Result<void> {
        auto next = step(database, id, PurchaseState::Reserved, EndReason::None, {});
        if (!next) return tl::unexpected(next.error());
        if (path.empty()) return tl::unexpected(LedgerError::WrongState);
        next->decidedBy = why.rule;
        auto done = writeWhy(database, id, why);
        for (size_t i = 0; done && i < path.size(); ++i) {
            const LedgerHop& hop = path[i];
            done = run(database, "INSERT INTO hop VALUES (?, ?, ?, ?, ?, ?, ?)", rowOf(id), static_cast<int64_t>(i),
                       int64_t{hop.isp.value()}, int64_t{hop.service.value()}, int64_t{hop.exit.value()},
                       std::string_view(hop.className), hop.quotedPrice.eighths());
        }
        if (!done) return done;
        auto cap = single(database, "SELECT cap FROM purchase WHERE id = ?", rowOf(id));
        if (!cap || !*cap) return tl::unexpected(cap ? LedgerError::Damaged : cap.error());
        done = transfer(database, id, TransferKind::Pending, {0, walletAccount, payableAccount(path.front().isp), {}},
                        Money::fromEighths(**cap), now);
        if (!done) return done;
        return writeStanding(database, id, *next, now);
    });
}

Result<void> Ledger::judged(PurchaseId id, const Context& context) {
    if (context.unitPrice == Money::zero()) return {};
    return run(m_impl->database,
               "UPDATE context SET contact = ?, contact_group = ?, quality = ?, unit = ?, unit_price = ?"
               " WHERE purchase = ?",
               std::string_view(context.contact), std::string_view(context.group), std::string_view(context.quality),
               numberOf(context.unit), context.unitPrice.eighths(), rowOf(id));
}

Result<void> Ledger::refuse(PurchaseId id, EndReason reason, const std::string& note, SystemTime now,
                            const std::optional<Why>& why) {
    return m_impl->atomically([&]() -> Result<void> {
        auto done = advance(id, PurchaseState::Refused, reason, note, now);
        if (done && why) done = writeWhy(m_impl->database, id, *why);
        return done;
    });
}

Result<void> Ledger::advance(PurchaseId id, PurchaseState to, EndReason reason, const std::string& note,
                             SystemTime now) {
    // These two move money and have calls of their own.
    if (to == PurchaseState::Reserved || to == PurchaseState::Settled) return tl::unexpected(LedgerError::WrongState);
    Database& database = m_impl->database;
    return m_impl->atomically([&]() -> Result<void> {
        auto next = step(database, id, to, reason, note);
        if (!next) return tl::unexpected(next.error());
        return writeStanding(database, id, *next, now);
    });
}

Result<void> Ledger::label(PurchaseId id, const std::string& text, SystemTime now) {
    Database& database = m_impl->database;
    return m_impl->atomically([&]() -> Result<void> {
        if (auto known = standing(database, id); !known) return tl::unexpected(known.error());
        return run(database, "INSERT INTO label (purchase, text, at) VALUES (?, ?, ?)", rowOf(id),
                   std::string_view(text), toStored(now));
    });
}

}  // namespace netpas::ledger
