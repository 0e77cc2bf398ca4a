// Session keys of a purchase, what was used with them, and the settlement that they add up to.
#include "core/ledger/rows.h"

namespace netpas::ledger {

using store::Database;
using store::Statement;

namespace {

struct Slice {
    int64_t row = 0;
    PurchaseId purchase;
    Money cap;
    bool ended = false;
};

Result<Slice> findSlice(Database& database, SessionKeyId key) {
    auto statement = database.prepare(
        "SELECT s.id, s.purchase, s.cap, e.slice FROM slice s LEFT JOIN slice_end e ON e.slice = s.id WHERE s.key = ?");
    if (!statement) return fail(statement.error());
    statement->bind(1, int64_t{key.value()});
    auto row = statement->step();
    if (!row) return fail(row.error());
    if (!*row) return tl::unexpected(LedgerError::UnknownKey);
    return Slice{statement->integer(0), PurchaseId{static_cast<uint64_t>(statement->integer(1))},
                 Money::fromEighths(statement->integer(2)), !statement->isNull(3)};
}

struct Slices {
    Money open;     // caps of keys that have not ended
    Money charged;  // of those that have
    size_t openCount = 0;
    std::optional<SessionKeyId> lastOpen;
};

Result<Slices> slicesOf(Database& database, PurchaseId purchase) {
    auto statement = database.prepare(
        "SELECT s.cap, e.charged, s.key FROM slice s LEFT JOIN slice_end e ON e.slice = s.id WHERE s.purchase = ?");
    if (!statement) return fail(statement.error());
    statement->bind(1, rowOf(purchase));
    Slices slices;
    const auto read = forEachRow(*statement, [&](const Statement& row) -> Result<void> {
        const bool ended = !row.isNull(1);
        Money& sum = ended ? slices.charged : slices.open;
        const auto total = checkedAdd(sum, Money::fromEighths(row.integer(ended ? 1 : 0)));
        if (!total) return tl::unexpected(LedgerError::Overflow);
        sum = *total;
        if (!ended) {
            ++slices.openCount;
            slices.lastOpen = SessionKeyId{static_cast<uint32_t>(row.integer(2))};
        }
        return {};
    });
    if (!read) return tl::unexpected(read.error());
    return slices;
}

Result<Standing> standingWithReservation(Database& database, PurchaseId id) {
    auto now = standing(database, id);
    if (now && !holdsReservation(now->state)) return tl::unexpected(LedgerError::WrongState);
    return now;
}

}  // namespace

Result<void> Ledger::addKey(PurchaseId id, SessionKeyId key, Money cap, SystemTime now) {
    Database& database = m_impl->database;
    return m_impl->atomically([&]() -> Result<void> {
        const auto at = standingWithReservation(database, id);
        if (!at) return tl::unexpected(at.error());
        if (at->state >= PurchaseState::Stopping) return tl::unexpected(LedgerError::WrongState);
        const auto used = single(database, "SELECT id FROM slice WHERE key = ?", int64_t{key.value()});
        if (!used) return tl::unexpected(used.error());
        if (*used) return tl::unexpected(LedgerError::KeyUsed);
        const auto reservation = pendingOf(database, id);
        if (!reservation) return tl::unexpected(reservation.error());
        const auto slices = slicesOf(database, id);
        if (!slices) return tl::unexpected(slices.error());
        const auto committed = checkedAdd(slices->open, slices->charged);
        const auto total = committed ? checkedAdd(*committed, cap) : committed;
        if (cap.isNegative() || !total || *total > reservation->amount) {
            return tl::unexpected(LedgerError::AmountTooHigh);
        }
        return run(database, "INSERT INTO slice (key, purchase, cap, opened_at) VALUES (?, ?, ?, ?)",
                   int64_t{key.value()}, rowOf(id), cap.eighths(), toStored(now));
    });
}

Result<void> Ledger::closeKey(SessionKeyId key, const KeyEnd& end, const std::optional<Evidence>& evidence,
                              SystemTime now) {
    Database& database = m_impl->database;
    return m_impl->atomically([&]() -> Result<void> {
        const auto slice = findSlice(database, key);
        if (!slice) return tl::unexpected(slice.error());
        const auto at = standingWithReservation(database, slice->purchase);
        if (!at) return tl::unexpected(at.error());
        if (slice->ended) return tl::unexpected(LedgerError::WrongState);
        if (end.charged.isNegative() || end.charged > slice->cap) return tl::unexpected(LedgerError::AmountTooHigh);
        std::optional<int64_t> proof;
        if (evidence) {
            Evidence kept = *evidence;
            kept.accepted = !end.disputed;
            const auto row = insertEvidence(database, slice->purchase, kept, now);
            if (!row) return tl::unexpected(row.error());
            proof = *row;
        }
        auto insert = database.prepare(
            "INSERT INTO slice_end (slice, charged, disputed, evidence, note, at) VALUES (?, ?, ?, ?, ?, ?)");
        if (!insert) return fail(insert.error());
        insert->bind(1, slice->row).bind(2, end.charged.eighths()).bind(3, int64_t{end.disputed ? 1 : 0});
        if (proof) {
            insert->bind(4, *proof);
        } else {
            insert->bindNull(4);
        }
        insert->bind(5, std::string_view(end.note)).bind(6, toStored(now));
        if (auto done = insert->run(); !done) return fail(done.error());
        return {};
    });
}

Result<void> Ledger::recordEvidence(PurchaseId id, const Evidence& evidence, SystemTime now) {
    Database& database = m_impl->database;
    return m_impl->atomically([&]() -> Result<void> {
        const auto at = standing(database, id);
        if (!at) return tl::unexpected(at.error());
        if (isFinal(at->state)) return tl::unexpected(LedgerError::WrongState);
        const auto row = insertEvidence(database, id, evidence, now);
        if (!row) return tl::unexpected(row.error());
        return {};
    });
}

Result<std::vector<KeptEvidence>> Ledger::evidence(PurchaseId id) const {
    auto statement = m_impl->database.prepare(
        "SELECT kind, message, signature, accepted, at FROM evidence WHERE purchase = ? ORDER BY id");
    if (!statement) return fail(statement.error());
    statement->bind(1, rowOf(id));
    std::vector<KeptEvidence> all;
    const auto bytes = [](std::span<const uint8_t> view) { return std::vector<uint8_t>(view.begin(), view.end()); };
    for (auto row = statement->step();; row = statement->step()) {
        if (!row) return fail(row.error());
        if (!*row) return all;
        all.push_back({{std::string(statement->text(0)), bytes(statement->blob(1)), bytes(statement->blob(2)),
                        statement->integer(3) != 0},
                       SystemTime(std::chrono::microseconds(statement->integer(4)))});
    }
}

Result<Money> Ledger::settle(PurchaseId id, EndReason reason, const std::string& note, SystemTime now) {
    Database& database = m_impl->database;
    return m_impl->atomically([&]() -> Result<Money> {
        auto next = step(database, id, PurchaseState::Settled, reason, note);
        if (!next) return tl::unexpected(next.error());
        const auto pending = pendingOf(database, id);
        if (!pending) return tl::unexpected(pending.error());
        const auto slices = slicesOf(database, id);
        if (!slices) return tl::unexpected(slices.error());
        if (slices->openCount > 0) return tl::unexpected(LedgerError::KeyOpen);
        if (slices->charged > pending->amount) return tl::unexpected(LedgerError::Damaged);
        const bool timeOver = next->reason == EndReason::KeyExpired || next->reason == EndReason::DurationOver;
        const TransferKind kind = slices->charged > Money::zero() ? TransferKind::Posted
                                  : timeOver                      ? TransferKind::Expired
                                                                  : TransferKind::Voided;
        auto done = transfer(database, id, kind, *pending, slices->charged, now);
        if (done) done = writeStanding(database, id, *next, now);
        if (!done) return tl::unexpected(done.error());
        return slices->charged;
    });
}

namespace {

// The row grows to the counters given, never shrinks.
Result<void> growUsage(Statement& write, int64_t row, const Usage& usage) {
    write.bind(1, row).bind(2, static_cast<int64_t>(usage.packets)).bind(3, static_cast<int64_t>(usage.bytes));
    write.bind(4, usage.amount.eighths()).bind(5, static_cast<int64_t>(usage.bestEffortPackets));
    if (auto done = write.run(); !done) return fail(done.error());
    return {};
}

}  // namespace

Result<void> Ledger::recordUsage(std::span<const UsageUpdate> purchases, std::span<const KeyUsageUpdate> keys) {
    if (purchases.empty() && keys.empty()) return {};
    Database& database = m_impl->database;
    return m_impl->atomically([&]() -> Result<void> {
        auto whole = database.prepare(
            "INSERT OR REPLACE INTO usage (purchase, packets, bytes, amount, best_effort)"
            " SELECT ?1, max(?2, coalesce(u.packets, 0)), max(?3, coalesce(u.bytes, 0)),"
            " max(?4, coalesce(u.amount, 0)), max(?5, coalesce(u.best_effort, 0))"
            " FROM purchase p LEFT JOIN usage u ON u.purchase = p.id WHERE p.id = ?1");
        if (!whole) return fail(whole.error());
        for (const UsageUpdate& update : purchases) {
            if (auto done = growUsage(*whole, rowOf(update.id), update.usage); !done) return done;
        }
        auto part = database.prepare(
            "INSERT OR REPLACE INTO key_usage (slice, packets, bytes, amount, best_effort)"
            " SELECT s.id, max(?2, coalesce(u.packets, 0)), max(?3, coalesce(u.bytes, 0)),"
            " max(?4, coalesce(u.amount, 0)), max(?5, coalesce(u.best_effort, 0))"
            " FROM slice s LEFT JOIN key_usage u ON u.slice = s.id WHERE s.key = ?1");
        if (!part) return fail(part.error());
        for (const KeyUsageUpdate& update : keys) {
            if (auto done = growUsage(*part, int64_t{update.key.value()}, update.usage); !done) return done;
        }
        return {};
    });
}

// One key for the whole purchase.
Result<void> Ledger::reserve(PurchaseId id, SessionKeyId key, const std::vector<LedgerHop>& path,
                             const std::string& decidedBy, SystemTime now) {
    return m_impl->atomically([&]() -> Result<void> {
        const auto used = single(m_impl->database, "SELECT id FROM slice WHERE key = ?", int64_t{key.value()});
        if (!used) return tl::unexpected(used.error());
        if (*used) return tl::unexpected(LedgerError::KeyUsed);
        if (auto done = reserve(id, path, Why{decidedBy, {}, {}, {}}, now); !done) return done;
        const auto pending = pendingOf(m_impl->database, id);
        if (!pending) return tl::unexpected(pending.error());
        return addKey(id, key, pending->amount, now);
    });
}

Result<void> Ledger::settle(PurchaseId id, const Settlement& settlement, SystemTime now) {
    return m_impl->atomically([&]() -> Result<void> {
        const auto slices = slicesOf(m_impl->database, id);
        if (!slices) return tl::unexpected(slices.error());
        if (slices->openCount > 1) return tl::unexpected(LedgerError::KeyOpen);
        if (slices->lastOpen) {
            const KeyEnd end{settlement.charged, settlement.disputed, {}};
            if (auto done = closeKey(*slices->lastOpen, end, settlement.evidence, now); !done) return done;
        }
        const auto done = settle(id, settlement.reason, settlement.note, now);
        if (!done) return tl::unexpected(done.error());
        return {};
    });
}

}  // namespace netpas::ledger
