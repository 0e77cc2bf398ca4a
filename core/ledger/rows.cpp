#include "core/ledger/rows.h"

namespace netpas::ledger {

using store::Database;
using store::Statement;
using store::StoreError;

LedgerError toLedgerError(StoreError error) {
    switch (error) {
    case StoreError::InUse: return LedgerError::InUse;
    case StoreError::SchemaNewer: return LedgerError::NewerSchema;
    case StoreError::Damaged: return LedgerError::Damaged;
    case StoreError::KeyFile:
    case StoreError::CannotOpen:
    case StoreError::WrongKey: return LedgerError::CannotOpen;
    case StoreError::Full:
    case StoreError::Constraint:
    case StoreError::Failed: return LedgerError::Storage;
    }
    return LedgerError::Storage;
}

const std::string_view selectPurchase =
    "SELECT p.id, p.uid, p.flow, p.cap, p.cap_per_second, p.duration_s, p.idempotency_key, p.fingerprint,"
    " p.requested_at, t.state, t.reason, t.decided_by, t.note, t.at,"
    " u.packets, u.bytes, u.amount, u.best_effort, x.kind, x.amount,"
    " (SELECT text FROM label l WHERE l.purchase = p.id ORDER BY l.id DESC LIMIT 1),"
    " d.rule, d.decider, d.sentence, d.runner_up,"
    " c.app, c.purpose, c.payee, c.contact, c.contact_group, c.domain, c.node, c.user_name, c.quality, c.unit,"
    " c.unit_price"
    " FROM purchase p"
    " JOIN transition t ON t.id = (SELECT max(id) FROM transition WHERE purchase = p.id)"
    " LEFT JOIN transfer x ON x.purchase = p.id AND x.pending IS NOT NULL"
    " LEFT JOIN usage u ON u.purchase = p.id"
    " LEFT JOIN decision d ON d.purchase = p.id"
    " LEFT JOIN context c ON c.purchase = p.id ";

namespace {

Usage readUsage(const Statement& row, int column) {
    return {static_cast<uint64_t>(row.integer(column)), static_cast<uint64_t>(row.integer(column + 1)),
            Money::fromEighths(row.integer(column + 2)), static_cast<uint64_t>(row.integer(column + 3))};
}

Result<Purchase> readPurchase(const Statement& row) {
    Purchase purchase;
    purchase.id = PurchaseId{static_cast<uint64_t>(row.integer(0))};
    purchase.request.uid = static_cast<uint32_t>(row.integer(1));
    const auto flow = FlowMatch::parse(row.text(2));
    const auto state = purchaseStateFromNumber(row.integer(9));
    const auto reason = endReasonFromNumber(row.integer(10));
    auto context = readContext(row, 25);
    if (!flow || !state || !reason || !context) return tl::unexpected(LedgerError::Damaged);
    purchase.request.flow = *flow;
    purchase.request.cap = Money::fromEighths(row.integer(3));
    purchase.request.capPerSecond = Money::fromEighths(row.integer(4));
    if (!row.isNull(5)) purchase.request.duration = std::chrono::seconds{row.integer(5)};
    purchase.request.idempotencyKey = row.text(6);
    purchase.request.fingerprint = row.text(7);
    purchase.request.context = std::move(*context);
    purchase.requestedAt = timeFromStored(row.integer(8));
    purchase.state = *state;
    purchase.reason = *reason;
    purchase.decidedBy = row.text(11);
    purchase.note = row.text(12);
    purchase.changedAt = timeFromStored(row.integer(13));
    purchase.usage = readUsage(row, 14);
    if (*state == PurchaseState::Settled) {
        const bool posted = row.integer(18) == static_cast<int64_t>(TransferKind::Posted);
        purchase.charged = posted ? Money::fromEighths(row.integer(19)) : Money::zero();
        purchase.expired = row.integer(18) == static_cast<int64_t>(TransferKind::Expired);
    }
    purchase.label = row.text(20);
    if (!row.isNull(21)) {
        purchase.why = Why{std::string(row.text(21)), std::string(row.text(22)), std::string(row.text(23)),
                           std::string(row.text(24))};
    }
    return purchase;
}

Result<void> readPath(Database& database, Purchase& purchase) {
    auto hops =
        database.prepare("SELECT isp, class, exit, class_name, price FROM hop WHERE purchase = ? ORDER BY position");
    if (!hops) return fail(hops.error());
    hops->bind(1, rowOf(purchase.id));
    for (;;) {
        auto row = hops->step();
        if (!row) return fail(row.error());
        if (!*row) return {};
        purchase.path.push_back({IspId{static_cast<uint16_t>(hops->integer(0))},
                                 ServiceClass{static_cast<uint8_t>(hops->integer(1))},
                                 ExitPoint{static_cast<uint16_t>(hops->integer(2))}, std::string(hops->text(3)),
                                 Money::fromEighths(hops->integer(4))});
    }
}

Result<void> readKeys(Database& database, Purchase& purchase) {
    auto keys = database.prepare(
        "SELECT s.key, s.cap, s.opened_at, e.charged, e.disputed, e.note, e.at,"
        " u.packets, u.bytes, u.amount, u.best_effort FROM slice s"
        " LEFT JOIN slice_end e ON e.slice = s.id LEFT JOIN key_usage u ON u.slice = s.id"
        " WHERE s.purchase = ? ORDER BY s.id");
    if (!keys) return fail(keys.error());
    keys->bind(1, rowOf(purchase.id));
    return forEachRow(*keys, [&](const Statement& row) -> Result<void> {
        KeySlice slice;
        slice.key = SessionKeyId{static_cast<uint32_t>(row.integer(0))};
        slice.cap = Money::fromEighths(row.integer(1));
        slice.openedAt = timeFromStored(row.integer(2));
        slice.usage = readUsage(row, 7);
        if (!row.isNull(3)) {
            slice.end = KeyEnd{Money::fromEighths(row.integer(3)), row.integer(4) != 0, std::string(row.text(5))};
            slice.endedAt = timeFromStored(row.integer(6));
            purchase.disputed = purchase.disputed || slice.end->disputed;
        }
        purchase.key = slice.key;
        purchase.keys.push_back(std::move(slice));
        return {};
    });
}

}  // namespace

Result<std::vector<Purchase>> readPurchases(Database& database, Statement& statement) {
    std::vector<Purchase> purchases;
    auto read = forEachRow(statement, [&](const Statement& row) -> Result<void> {
        auto purchase = readPurchase(row);
        if (!purchase) return tl::unexpected(purchase.error());
        purchases.push_back(std::move(*purchase));
        return {};
    });
    for (size_t i = 0; read && i < purchases.size(); ++i) {
        read = readPath(database, purchases[i]);
        if (read) read = readKeys(database, purchases[i]);
        if (read) read = readPayment(database, purchases[i]);
    }
    if (!read) return tl::unexpected(read.error());
    return purchases;
}

Result<Context> readContext(const Statement& row, int column) {
    Context context;
    if (row.isNull(column)) return context;  // written by the first release
    std::string* const texts[] = {&context.app,    &context.purpose, &context.payee, &context.contact, &context.group,
                                  &context.domain, &context.node,    &context.user,  &context.quality};
    for (std::string* text : texts) *text = row.text(column++);
    const auto unit = priceUnitFromNumber(row.integer(column++));
    if (!unit) return tl::unexpected(LedgerError::Damaged);
    context.unit = *unit;
    context.unitPrice = Money::fromEighths(row.integer(column));
    return context;
}

Result<void> writeContext(Database& database, PurchaseId id, const Context& context) {
    const auto text = [](const std::string& value) { return std::string_view(value); };
    return run(database, "INSERT INTO context VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rowOf(id),
               text(context.app), text(context.purpose), text(context.payee), text(context.contact),
               text(context.group), text(context.domain), text(context.node), text(context.user), text(context.quality),
               numberOf(context.unit), context.unitPrice.eighths());
}

Result<void> writeWhy(Database& database, PurchaseId id, const Why& why) {
    return run(database, "INSERT INTO decision (purchase, rule, decider, sentence, runner_up) VALUES (?, ?, ?, ?, ?)",
               rowOf(id), std::string_view(why.rule), std::string_view(why.decider), std::string_view(why.sentence),
               std::string_view(why.runnerUp));
}

Result<Balance> readBalance(Database& database, int64_t account) {
    auto statement = database.prepare(
        "SELECT debits_pending, debits_resolved, debits_posted, credits_pending, credits_resolved, credits_posted"
        " FROM account WHERE id = ?");
    if (!statement) return fail(statement.error());
    statement->bind(1, account);
    auto row = statement->step();
    if (!row) return fail(row.error());
    if (!*row) return Balance{};
    const auto money = [&](int column) { return Money::fromEighths(statement->integer(column)); };
    return Balance{money(0), money(1), money(2), money(3), money(4), money(5)};
}

namespace {

Result<void> writeBalance(Database& database, int64_t account, const Balance& balance) {
    return run(database, "INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?, ?, ?, ?)", account,
               balance.debitsPending.eighths(), balance.debitsResolved.eighths(), balance.debitsPosted.eighths(),
               balance.creditsPending.eighths(), balance.creditsResolved.eighths(), balance.creditsPosted.eighths());
}

bool grow(Money& sum, Money by) {
    const auto total = checkedAdd(sum, by);
    if (total) sum = *total;
    return total.has_value();
}

}  // namespace

bool book(Balance& debit, Balance& credit, TransferKind kind, Money amount, Money resolves) {
    switch (kind) {
    case TransferKind::Pending: return grow(debit.debitsPending, amount) && grow(credit.creditsPending, amount);
    case TransferKind::Posted:
        return grow(debit.debitsResolved, resolves) && grow(credit.creditsResolved, resolves) &&
               grow(debit.debitsPosted, amount) && grow(credit.creditsPosted, amount);
    case TransferKind::Voided:
    case TransferKind::Expired: return grow(debit.debitsResolved, resolves) && grow(credit.creditsResolved, resolves);
    }
    return false;
}

Result<void> transfer(Database& database, PurchaseId purchase, TransferKind kind, const PendingTransfer& of,
                      Money amount, SystemTime now) {
    auto debit = readBalance(database, of.debit);
    auto credit = readBalance(database, of.credit);
    if (!debit) return tl::unexpected(debit.error());
    if (!credit) return tl::unexpected(credit.error());
    if (!book(*debit, *credit, kind, amount, of.amount)) return tl::unexpected(LedgerError::Overflow);
    auto insert = database.prepare(
        "INSERT INTO transfer (purchase, kind, pending, debit, credit, amount, at) VALUES (?, ?, ?, ?, ?, ?, ?)");
    if (!insert) return fail(insert.error());
    insert->bind(1, rowOf(purchase)).bind(2, static_cast<int64_t>(kind)).bind(4, of.debit).bind(5, of.credit);
    insert->bind(6, amount.eighths()).bind(7, toStored(now));
    if (kind == TransferKind::Pending) {
        insert->bindNull(3);
    } else {
        insert->bind(3, of.id);
    }
    if (auto done = insert->run(); !done) return fail(done.error());
    if (auto written = writeBalance(database, of.debit, *debit); !written) return written;
    return writeBalance(database, of.credit, *credit);
}

Result<PendingTransfer> pendingOf(Database& database, PurchaseId purchase) {
    auto statement = database.prepare(
        "SELECT id, debit, credit, amount FROM transfer t WHERE purchase = ? AND kind = 1"
        " AND NOT EXISTS (SELECT 1 FROM transfer r WHERE r.pending = t.id)");
    if (!statement) return fail(statement.error());
    statement->bind(1, rowOf(purchase));
    auto row = statement->step();
    if (!row) return fail(row.error());
    if (!*row) return tl::unexpected(LedgerError::WrongState);
    return PendingTransfer{statement->integer(0), statement->integer(1), statement->integer(2),
                           Money::fromEighths(statement->integer(3))};
}

Result<int64_t> insertEvidence(Database& database, PurchaseId id, const Evidence& evidence, SystemTime now) {
    const auto bytes = [](const std::vector<uint8_t>& vector) { return std::span<const uint8_t>(vector); };
    auto done = run(database,
                    "INSERT INTO evidence (purchase, kind, message, signature, accepted, at) VALUES (?, ?, ?, ?, ?, ?)",
                    rowOf(id), std::string_view(evidence.kind), bytes(evidence.message), bytes(evidence.signature),
                    int64_t{evidence.accepted ? 1 : 0}, toStored(now));
    if (!done) return tl::unexpected(done.error());
    return database.lastRowId();
}

Result<Standing> standing(Database& database, PurchaseId id) {
    auto statement = database.prepare(
        "SELECT state, reason, decided_by, note FROM transition WHERE purchase = ? ORDER BY id DESC LIMIT 1");
    if (!statement) return fail(statement.error());
    statement->bind(1, rowOf(id));
    auto row = statement->step();
    if (!row) return fail(row.error());
    if (!*row) return tl::unexpected(LedgerError::UnknownPurchase);
    const auto state = purchaseStateFromNumber(statement->integer(0));
    const auto reason = endReasonFromNumber(statement->integer(1));
    if (!state || !reason) return tl::unexpected(LedgerError::Damaged);
    return Standing{*state, *reason, std::string(statement->text(2)), std::string(statement->text(3))};
}

Result<void> writeStanding(Database& database, PurchaseId id, const Standing& next, SystemTime now) {
    auto written = run(
        database, "INSERT INTO transition (purchase, state, reason, decided_by, note, at) VALUES (?, ?, ?, ?, ?, ?)",
        rowOf(id), static_cast<int64_t>(next.state), static_cast<int64_t>(next.reason),
        std::string_view(next.decidedBy), std::string_view(next.note), toStored(now));
    if (!written || !isFinal(next.state)) return written;
    return run(database, "DELETE FROM unfinished WHERE purchase = ?", rowOf(id));
}

Result<Standing> step(Database& database, PurchaseId id, PurchaseState to, EndReason reason, const std::string& note) {
    auto now = standing(database, id);
    if (!now) return now;
    if (!mayFollow(now->state, to)) return tl::unexpected(LedgerError::WrongState);
    now->state = to;
    if (now->reason == EndReason::None) now->reason = reason;
    if (now->note.empty()) now->note = note;
    return now;
}

}  // namespace netpas::ledger
