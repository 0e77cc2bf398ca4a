// The tables in the program's words. Inside the ledger only; every function runs within the caller's transaction.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/ledger/ledger.h"
#include "core/store/database.h"
#include "core/store/sql_documents.h"

namespace netpas::ledger {

template <typename T>
using Result = tl::expected<T, LedgerError>;

// Posted, voided and expired ones put an end to a pending one. Numbers are stored.
enum class TransferKind : int64_t { Pending = 1, Posted = 2, Voided = 3, Expired = 4 };

// Account numbers: the wallet, and what is owed to each first ISP.
constexpr int64_t walletAccount = 1;
constexpr int64_t payableAccount(IspId isp) { return 0x10000 + int64_t{isp.value()}; }

constexpr int64_t toStored(SystemTime time) { return time.time_since_epoch().count(); }
constexpr SystemTime timeFromStored(int64_t microseconds) {
    return SystemTime{std::chrono::microseconds{microseconds}};
}
constexpr int64_t rowOf(PurchaseId id) { return static_cast<int64_t>(id.value()); }

[[nodiscard]] LedgerError toLedgerError(store::StoreError error);
inline auto fail(store::StoreError error) { return tl::unexpected(toLedgerError(error)); }

Result<void> run(store::Database& database, std::string_view sql, auto... values) {
    auto statement = database.prepare(sql);
    if (!statement) return fail(statement.error());
    int index = 0;
    (statement->bind(++index, values), ...);
    if (auto done = statement->run(); !done) return fail(done.error());
    return {};
}

// The first column of the only row; nothing when there is no row or it is NULL.
Result<std::optional<int64_t>> single(store::Database& database, std::string_view sql, auto... values) {
    auto statement = database.prepare(sql);
    if (!statement) return fail(statement.error());
    int index = 0;
    (statement->bind(++index, values), ...);
    auto row = statement->step();
    if (!row) return fail(row.error());
    if (!*row || statement->isNull(0)) return std::optional<int64_t>{};
    return std::optional<int64_t>{statement->integer(0)};
}

// Calls `take` for every row.
template <typename Take>
Result<void> forEachRow(store::Statement& statement, Take&& take) {
    for (;;) {
        auto row = statement.step();
        if (!row) return fail(row.error());
        if (!*row) return {};
        if (Result<void> taken = take(statement); !taken) return taken;
    }
}

// To be followed by WHERE, ORDER BY and LIMIT; p is the purchase, t its last transition, c its context.
extern const std::string_view selectPurchase;
[[nodiscard]] Result<std::vector<Purchase>> readPurchases(store::Database& database, store::Statement& statement);
// The eleven columns of a context from `column` on, NULL where there is none.
inline constexpr int contextWidth = 11;
inline constexpr std::string_view contextColumns =
    "c.app, c.purpose, c.payee, c.contact, c.contact_group, c.domain, c.node, c.user_name, c.quality, c.unit,"
    " c.unit_price";
[[nodiscard]] Result<Context> readContext(const store::Statement& row, int column);
[[nodiscard]] Result<void> writeContext(store::Database& database, PurchaseId id, const Context& context);
[[nodiscard]] Result<void> writeWhy(store::Database& database, PurchaseId id, const Why& why);

[[nodiscard]] Result<Balance> readBalance(store::Database& database, int64_t account);
// `resolves` is the amount of the pending transfer that another one puts an end to. False: a sum is too large.
[[nodiscard]] bool book(Balance& debit, Balance& credit, TransferKind kind, Money amount, Money resolves);

[[nodiscard]] Result<void> writePayment(store::Database& database, PurchaseId id, const PaymentTerms& terms);
// Nothing changes when the purchase is no micropayment.
[[nodiscard]] Result<void> readPayment(store::Database& database, Purchase& purchase);

struct PendingTransfer {
    int64_t id = 0;
    int64_t debit = 0;
    int64_t credit = 0;
    Money amount;
};
[[nodiscard]] Result<void> transfer(store::Database& database, PurchaseId purchase, TransferKind kind,
                                    const PendingTransfer& of, Money amount, SystemTime now);
[[nodiscard]] Result<PendingTransfer> pendingOf(store::Database& database, PurchaseId purchase);
// The row written.
[[nodiscard]] Result<int64_t> insertEvidence(store::Database& database, PurchaseId id, const Evidence& evidence,
                                             SystemTime now);

struct Standing {
    PurchaseState state;
    EndReason reason;
    std::string decidedBy;
    std::string note;
};
[[nodiscard]] Result<Standing> standing(store::Database& database, PurchaseId id);
[[nodiscard]] Result<void> writeStanding(store::Database& database, PurchaseId id, const Standing& next,
                                         SystemTime now);
// What a purchase stands at after a step; a first reason stays, and so does its note.
[[nodiscard]] Result<Standing> step(store::Database& database, PurchaseId id, PurchaseState to, EndReason reason,
                                    const std::string& note);

struct Ledger::Impl {
    explicit Impl(store::Database opened) : database(std::move(opened)) {}

    store::Database database;
    store::SqlDocuments documents{database, "document"};

    // Runs `body` in one transaction, or in a part of the present one: all of it is kept, or none.
    template <typename Body>
    auto atomically(Body&& body) -> decltype(body()) {
        auto transaction = store::Transaction::begin(database);
        if (!transaction) return fail(transaction.error());
        auto result = body();
        if (!result) return result;
        if (auto done = transaction->commit(); !done) return fail(done.error());
        return result;
    }
};

}  // namespace netpas::ledger
