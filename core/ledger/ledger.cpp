#include "core/ledger/ledger.h"

#include <algorithm>
#include <map>

#include "core/ledger/schema.h"

namespace netpas::ledger {

namespace {

using store::Database;
using store::Statement;
using store::StoreError;
using store::Transaction;

template <typename T>
using Result = tl::expected<T, LedgerError>;

enum class TransferKind : int64_t { Pending = 1, Posted = 2, Voided = 3 };

// Account numbers: the wallet, and what is owed to each first ISP.
constexpr int64_t walletAccount = 1;
constexpr int64_t payableAccount(IspId isp) { return 0x10000 + int64_t{isp.value()}; }

int64_t toStored(SystemTime time) { return time.time_since_epoch().count(); }
SystemTime timeFromStored(int64_t microseconds) { return SystemTime{std::chrono::microseconds{microseconds}}; }

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

auto fail(StoreError error) { return tl::unexpected(toLedgerError(error)); }

std::span<const uint8_t> bytes(const std::vector<uint8_t>& vector) { return {vector.data(), vector.size()}; }

Result<void> run(Database& database, std::string_view sql, auto... values) {
    auto statement = database.prepare(sql);
    if (!statement) return fail(statement.error());
    int index = 0;
    (statement->bind(++index, values), ...);
    if (auto done = statement->run(); !done) return fail(done.error());
    return {};
}

// The first column of the only row; nothing when there is no row or it is NULL.
Result<std::optional<int64_t>> single(Database& database, std::string_view sql, auto... values) {
    auto statement = database.prepare(sql);
    if (!statement) return fail(statement.error());
    int index = 0;
    (statement->bind(++index, values), ...);
    auto row = statement->step();
    if (!row) return fail(row.error());
    if (!*row || statement->isNull(0)) return std::optional<int64_t>{};
    return std::optional<int64_t>{statement->integer(0)};
}

int64_t rowOf(PurchaseId id) { return static_cast<int64_t>(id.value()); }

constexpr std::string_view selectPurchase =
    "SELECT p.id, p.uid, p.flow, p.cap, p.cap_per_second, p.duration_s, p.idempotency_key, p.fingerprint,"
    " p.requested_at, t.state, t.reason, t.decided_by, t.note, t.at, k.id,"
    " u.packets, u.bytes, u.amount, u.best_effort,"
    " (SELECT amount FROM transfer x WHERE x.purchase = p.id AND x.kind = 2),"
    " (SELECT count(*) FROM evidence e WHERE e.purchase = p.id AND e.accepted = 0)"
    " FROM purchase p"
    " JOIN transition t ON t.id = (SELECT max(id) FROM transition WHERE purchase = p.id)"
    " LEFT JOIN session_key k ON k.purchase = p.id"
    " LEFT JOIN usage u ON u.purchase = p.id ";

Result<Purchase> readPurchase(const Statement& row) {
    Purchase purchase;
    purchase.id = PurchaseId{static_cast<uint64_t>(row.integer(0))};
    purchase.request.uid = static_cast<uint32_t>(row.integer(1));
    const auto flow = FlowMatch::parse(row.text(2));
    const auto state = purchaseStateFromNumber(row.integer(9));
    const auto reason = endReasonFromNumber(row.integer(10));
    if (!flow || !state || !reason) return tl::unexpected(LedgerError::Damaged);
    purchase.request.flow = *flow;
    purchase.request.cap = Money::fromEighths(row.integer(3));
    purchase.request.capPerSecond = Money::fromEighths(row.integer(4));
    if (!row.isNull(5)) purchase.request.duration = std::chrono::seconds{row.integer(5)};
    purchase.request.idempotencyKey = row.text(6);
    purchase.request.fingerprint = row.text(7);
    purchase.requestedAt = timeFromStored(row.integer(8));
    purchase.state = *state;
    purchase.reason = *reason;
    purchase.decidedBy = row.text(11);
    purchase.note = row.text(12);
    purchase.changedAt = timeFromStored(row.integer(13));
    if (!row.isNull(14)) purchase.key = SessionKeyId{static_cast<uint32_t>(row.integer(14))};
    purchase.usage = {static_cast<uint64_t>(row.integer(15)), static_cast<uint64_t>(row.integer(16)),
                      Money::fromEighths(row.integer(17)), static_cast<uint64_t>(row.integer(18))};
    if (!row.isNull(19)) {
        purchase.charged = Money::fromEighths(row.integer(19));
    } else if (*state == PurchaseState::Settled) {
        purchase.charged = Money::zero();  // voided
    }
    purchase.disputed = row.integer(20) > 0;
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

Result<std::vector<Purchase>> readAll(Database& database, Statement& statement) {
    std::vector<Purchase> purchases;
    for (;;) {
        auto row = statement.step();
        if (!row) return fail(row.error());
        if (!*row) break;
        auto purchase = readPurchase(statement);
        if (!purchase) return tl::unexpected(purchase.error());
        purchases.push_back(std::move(*purchase));
    }
    for (Purchase& purchase : purchases) {
        if (auto read = readPath(database, purchase); !read) return tl::unexpected(read.error());
    }
    return purchases;
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

// `resolves` is the amount of the pending transfer that a posted or voided one puts an end to.
bool book(Balance& debit, Balance& credit, TransferKind kind, Money amount, Money resolves) {
    switch (kind) {
    case TransferKind::Pending: return grow(debit.debitsPending, amount) && grow(credit.creditsPending, amount);
    case TransferKind::Posted:
        return grow(debit.debitsResolved, resolves) && grow(credit.creditsResolved, resolves) &&
               grow(debit.debitsPosted, amount) && grow(credit.creditsPosted, amount);
    case TransferKind::Voided: return grow(debit.debitsResolved, resolves) && grow(credit.creditsResolved, resolves);
    }
    return false;
}

struct PendingTransfer {
    int64_t id = 0;
    int64_t debit = 0;
    int64_t credit = 0;
    Money amount;
};

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

Result<void> insertEvidence(Database& database, PurchaseId id, const Evidence& evidence, SystemTime now) {
    return run(database,
               "INSERT INTO evidence (purchase, kind, message, signature, accepted, at) VALUES (?, ?, ?, ?, ?, ?)",
               rowOf(id), std::string_view(evidence.kind), bytes(evidence.message), bytes(evidence.signature),
               int64_t{evidence.accepted ? 1 : 0}, toStored(now));
}

struct Standing {
    PurchaseState state;
    EndReason reason;
    std::string decidedBy;
    std::string note;
};

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

// A first reason stays, and so does its note.
Result<Standing> step(Database& database, PurchaseId id, PurchaseState to, EndReason reason, const std::string& note) {
    auto now = standing(database, id);
    if (!now) return now;
    if (!mayFollow(now->state, to)) return tl::unexpected(LedgerError::WrongState);
    now->state = to;
    if (now->reason == EndReason::None) now->reason = reason;
    if (now->note.empty()) now->note = note;
    return now;
}

}  // namespace

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
    case LedgerError::WrongState: return "the purchase is not in a state for that";
    case LedgerError::IdempotencyConflict: return "the Idempotency-Key was used for another request";
    case LedgerError::AmountTooHigh: return "the amount is above what was set aside";
    case LedgerError::Overflow: return "an amount is too large";
    }
    return "unknown";
}

struct Ledger::Impl {
    Database database;

    // Runs `body` in one transaction: all of it is durable afterwards, or none.
    template <typename Body>
    auto atomically(Body&& body) -> decltype(body()) {
        auto transaction = Transaction::begin(database);
        if (!transaction) return fail(transaction.error());
        auto result = body();
        if (!result) return result;
        if (auto done = transaction->commit(); !done) return fail(done.error());
        return result;
    }
};

Ledger::Ledger(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}
Ledger::~Ledger() = default;

Result<std::unique_ptr<Ledger>> Ledger::open(const std::filesystem::path& file, const store::DatabaseKey& key) {
    store::DatabaseOptions options;
    options.path = file;
    options.key = key;
    auto database = Database::open(options);
    if (!database) return fail(database.error());
    if (auto done = database->migrate(schemaSteps); !done) return fail(done.error());
    return std::unique_ptr<Ledger>(new Ledger(std::make_unique<Impl>(Impl{std::move(*database)})));
}

Result<Ledger::Begun> Ledger::begin(const NewPurchase& purchase, SystemTime now) {
    Database& database = m_impl->database;
    return m_impl->atomically([&]() -> Result<Begun> {
        if (!purchase.idempotencyKey.empty()) {
            auto earlier =
                database.prepare("SELECT id, fingerprint FROM purchase WHERE uid = ? AND idempotency_key = ?");
            if (!earlier) return fail(earlier.error());
            earlier->bind(1, int64_t{purchase.uid}).bind(2, std::string_view(purchase.idempotencyKey));
            auto row = earlier->step();
            if (!row) return fail(row.error());
            if (*row) {
                if (earlier->text(1) != purchase.fingerprint) return tl::unexpected(LedgerError::IdempotencyConflict);
                return Begun{PurchaseId{static_cast<uint64_t>(earlier->integer(0))}, true};
            }
        }
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
        if (!written) return tl::unexpected(written.error());
        return Begun{id, false};
    });
}

Result<void> Ledger::reserve(PurchaseId id, SessionKeyId key, const std::vector<LedgerHop>& path,
                             const std::string& decidedBy, SystemTime now) {
    Database& database = m_impl->database;
    return m_impl->atomically([&]() -> Result<void> {
        auto next = step(database, id, PurchaseState::Reserved, EndReason::None, {});
        if (!next) return tl::unexpected(next.error());
        if (path.empty()) return tl::unexpected(LedgerError::WrongState);
        next->decidedBy = decidedBy;
        auto used = single(database, "SELECT purchase FROM session_key WHERE id = ?", int64_t{key.value()});
        if (!used) return tl::unexpected(used.error());
        if (*used) return tl::unexpected(LedgerError::KeyUsed);
        auto done = run(database, "INSERT INTO session_key VALUES (?, ?)", int64_t{key.value()}, rowOf(id));
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

Result<void> Ledger::refuse(PurchaseId id, EndReason reason, const std::string& note, SystemTime now) {
    return advance(id, PurchaseState::Refused, reason, note, now);
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

Result<void> Ledger::recordUsage(std::span<const UsageUpdate> updates) {
    if (updates.empty()) return {};
    Database& database = m_impl->database;
    return m_impl->atomically([&]() -> Result<void> {
        auto write = database.prepare(
            "INSERT OR REPLACE INTO usage (purchase, packets, bytes, amount, best_effort)"
            " SELECT ?1, max(?2, coalesce(u.packets, 0)), max(?3, coalesce(u.bytes, 0)),"
            " max(?4, coalesce(u.amount, 0)), max(?5, coalesce(u.best_effort, 0))"
            " FROM purchase p LEFT JOIN usage u ON u.purchase = p.id WHERE p.id = ?1");
        if (!write) return fail(write.error());
        for (const UsageUpdate& update : updates) {
            write->bind(1, rowOf(update.id)).bind(2, static_cast<int64_t>(update.usage.packets));
            write->bind(3, static_cast<int64_t>(update.usage.bytes)).bind(4, update.usage.amount.eighths());
            write->bind(5, static_cast<int64_t>(update.usage.bestEffortPackets));
            if (auto done = write->run(); !done) return fail(done.error());
        }
        return {};
    });
}

Result<void> Ledger::settle(PurchaseId id, const Settlement& settlement, SystemTime now) {
    Database& database = m_impl->database;
    return m_impl->atomically([&]() -> Result<void> {
        auto next = step(database, id, PurchaseState::Settled, settlement.reason, settlement.note);
        if (!next) return tl::unexpected(next.error());
        auto pending = pendingOf(database, id);
        if (!pending) return tl::unexpected(pending.error());
        if (settlement.charged.isNegative() || settlement.charged > pending->amount) {
            return tl::unexpected(LedgerError::AmountTooHigh);
        }
        const bool posts = settlement.charged > Money::zero();
        auto done = transfer(database, id, posts ? TransferKind::Posted : TransferKind::Voided, *pending,
                             settlement.charged, now);
        if (done && settlement.evidence) {
            Evidence evidence = *settlement.evidence;
            evidence.accepted = !settlement.disputed;
            done = insertEvidence(database, id, evidence, now);
        }
        if (!done) return done;
        return writeStanding(database, id, *next, now);
    });
}

Result<Purchase> Ledger::find(PurchaseId id) const {
    Database& database = m_impl->database;
    auto statement = database.prepare(std::string(selectPurchase) + "WHERE p.id = ?");
    if (!statement) return fail(statement.error());
    statement->bind(1, rowOf(id));
    auto found = readAll(database, *statement);
    if (!found) return tl::unexpected(found.error());
    if (found->empty()) return tl::unexpected(LedgerError::UnknownPurchase);
    return std::move(found->front());
}

Result<std::vector<Purchase>> Ledger::unfinished() const {
    Database& database = m_impl->database;
    auto statement =
        database.prepare(std::string(selectPurchase) + "WHERE p.id IN (SELECT purchase FROM unfinished) ORDER BY p.id");
    if (!statement) return fail(statement.error());
    return readAll(database, *statement);
}

Result<std::vector<Purchase>> Ledger::history(std::optional<uint32_t> uid, uint32_t limit) const {
    Database& database = m_impl->database;
    auto statement = database.prepare(std::string(selectPurchase) + (uid ? "WHERE p.uid = ?2 " : "") +
                                      "ORDER BY p.id DESC LIMIT ?1");
    if (!statement) return fail(statement.error());
    statement->bind(1, int64_t{limit});
    if (uid) statement->bind(2, int64_t{*uid});
    return readAll(database, *statement);
}

Result<Money> Ledger::reserved() const {
    const auto balance = wallet();
    if (!balance) return tl::unexpected(balance.error());
    const auto held = checkedSub(balance->debitsPending, balance->debitsResolved);
    if (!held) return tl::unexpected(LedgerError::Damaged);
    return *held;
}

Result<Money> Ledger::spentSince(SystemTime since) const {
    auto sum = single(m_impl->database, "SELECT sum(amount) FROM transfer WHERE kind = 2 AND at >= ?", toStored(since));
    if (!sum) return tl::unexpected(sum.error());
    return Money::fromEighths(sum->value_or(0));
}

Result<Balance> Ledger::wallet() const { return readBalance(m_impl->database, walletAccount); }
Result<Balance> Ledger::payable(IspId firstIsp) const {
    return readBalance(m_impl->database, payableAccount(firstIsp));
}

namespace {

Result<void> checkAccounts(Database& database, std::vector<Discrepancy>& found) {
    auto transfers = database.prepare(
        "SELECT t.kind, t.debit, t.credit, t.amount, p.amount, p.debit, p.credit, t.id FROM transfer t"
        " LEFT JOIN transfer p ON p.id = t.pending ORDER BY t.id");
    if (!transfers) return fail(transfers.error());
    std::map<int64_t, Balance> balances;
    for (;;) {
        auto row = transfers->step();
        if (!row) return fail(row.error());
        if (!*row) break;
        const int64_t kind = transfers->integer(0);
        const Money amount = Money::fromEighths(transfers->integer(3));
        const Money resolves = Money::fromEighths(transfers->integer(4));
        const std::string name = "transfer " + std::to_string(transfers->integer(7));
        if (kind != 1 &&
            (transfers->integer(1) != transfers->integer(5) || transfers->integer(2) != transfers->integer(6))) {
            found.push_back({name + " resolves one between other accounts"});
        }
        if (kind == 2 && amount > resolves) found.push_back({name + " posts more than was set aside"});
        if (!book(balances[transfers->integer(1)], balances[transfers->integer(2)], static_cast<TransferKind>(kind),
                  amount, resolves)) {
            found.push_back({name + " makes a sum too large"});
        }
    }
    for (const auto& [account, balance] : balances) {
        auto stored = readBalance(database, account);
        if (!stored) return tl::unexpected(stored.error());
        if (!(*stored == balance)) {
            found.push_back({"the sums of account " + std::to_string(account) + " are not those of its transfers"});
        }
    }
    return {};
}

}  // namespace

Result<std::vector<Discrepancy>> Ledger::check() const {
    Database& database = m_impl->database;
    std::vector<Discrepancy> found;
    if (auto done = checkAccounts(database, found); !done) return tl::unexpected(done.error());
    auto statement = database.prepare(
        "SELECT p.id, t.state, EXISTS (SELECT 1 FROM unfinished f WHERE f.purchase = p.id),"
        " (SELECT count(*) FROM transfer x WHERE x.purchase = p.id AND x.kind = 1),"
        " (SELECT count(*) FROM transfer x WHERE x.purchase = p.id AND x.kind > 1)"
        " FROM purchase p LEFT JOIN transition t ON t.id = (SELECT max(id) FROM transition WHERE purchase = p.id)");
    if (!statement) return fail(statement.error());
    for (;;) {
        auto row = statement->step();
        if (!row) return fail(row.error());
        if (!*row) return found;
        const std::string name = "purchase " + std::to_string(statement->integer(0));
        const auto state = purchaseStateFromNumber(statement->integer(1));
        if (!state) {
            found.push_back({name + " has no state"});
            continue;
        }
        const int64_t opened = statement->integer(3), resolved = statement->integer(4);
        if ((statement->integer(2) != 0) == isFinal(*state))
            found.push_back({name + " is listed wrongly as unfinished"});
        if (holdsReservation(*state) && (opened != 1 || resolved != 0)) {
            found.push_back({name + " should hold exactly one reservation"});
        }
        if (!holdsReservation(*state) && opened != resolved) found.push_back({name + " holds money without a reason"});
    }
}

}  // namespace netpas::ledger
