// The book against itself.
#include <map>

#include "core/ledger/rows.h"

namespace netpas::ledger {

using store::Database;
using store::Statement;

namespace {

Result<void> checkAccounts(Database& database, std::vector<Discrepancy>& found) {
    auto transfers = database.prepare(
        "SELECT t.kind, t.debit, t.credit, t.amount, p.amount, p.debit, p.credit, t.id FROM transfer t"
        " LEFT JOIN transfer p ON p.id = t.pending ORDER BY t.id");
    if (!transfers) return fail(transfers.error());
    std::map<int64_t, Balance> balances;
    auto read = forEachRow(*transfers, [&](const Statement& row) -> Result<void> {
        const auto kind = static_cast<TransferKind>(row.integer(0));
        const Money amount = Money::fromEighths(row.integer(3));
        const Money resolves = Money::fromEighths(row.integer(4));
        const std::string name = "transfer " + std::to_string(row.integer(7));
        if (kind != TransferKind::Pending && (row.integer(1) != row.integer(5) || row.integer(2) != row.integer(6))) {
            found.push_back({name + " resolves one between other accounts"});
        }
        if (kind == TransferKind::Posted && amount > resolves) {
            found.push_back({name + " posts more than was set aside"});
        }
        if (!book(balances[row.integer(1)], balances[row.integer(2)], kind, amount, resolves)) {
            found.push_back({name + " makes a sum too large"});
        }
        return {};
    });
    if (!read) return read;
    auto stored = database.prepare("SELECT id FROM account");
    if (!stored) return fail(stored.error());
    read = forEachRow(*stored, [&](const Statement& row) -> Result<void> {
        balances.try_emplace(row.integer(0));
        return {};
    });
    if (!read) return read;
    for (const auto& [account, balance] : balances) {
        auto kept = readBalance(database, account);
        if (!kept) return tl::unexpected(kept.error());
        if (!(*kept == balance)) {
            found.push_back({"the sums of account " + std::to_string(account) + " are not those of its transfers"});
        }
    }
    return {};
}

struct Standings {
    std::string name;
    PurchaseState state;
    bool unfinished = false;
    int64_t opened = 0, resolved = 0, openKeys = 0;
    Money cap, openCaps, charged, posted;
};

void checkPurchase(const Standings& purchase, std::vector<Discrepancy>& found) {
    const auto tell = [&](const char* what) { found.push_back({purchase.name + what}); };
    if (purchase.unfinished == isFinal(purchase.state)) tell(" is listed wrongly as unfinished");
    if (holdsReservation(purchase.state)) {
        if (purchase.opened != 1 || purchase.resolved != 0) tell(" should hold exactly one reservation");
    } else {
        if (purchase.opened != purchase.resolved) tell(" holds money without a reason");
        if (purchase.openKeys != 0) tell(" is over, but one of its keys is not");
        if (purchase.posted != purchase.charged) tell(" was not charged the sum of its keys, or as a payment");
    }
    const auto committed = checkedAdd(purchase.openCaps, purchase.charged);
    if (!committed || *committed > purchase.cap) tell(" has keys for more than its cap");
}

Result<void> checkPurchases(Database& database, std::vector<Discrepancy>& found) {
    auto statement = database.prepare(
        "SELECT p.id, t.state, EXISTS (SELECT 1 FROM unfinished f WHERE f.purchase = p.id),"
        " (SELECT count(*) FROM transfer x WHERE x.purchase = p.id AND x.kind = 1),"
        " (SELECT count(*) FROM transfer x WHERE x.purchase = p.id AND x.kind > 1), p.cap,"
        " (SELECT count(*) FROM slice s LEFT JOIN slice_end e ON e.slice = s.id"
        "   WHERE s.purchase = p.id AND e.slice IS NULL),"
        " (SELECT sum(s.cap) FROM slice s LEFT JOIN slice_end e ON e.slice = s.id"
        "   WHERE s.purchase = p.id AND e.slice IS NULL),"
        " coalesce((SELECT sum(e.charged) FROM slice s JOIN slice_end e ON e.slice = s.id WHERE s.purchase = p.id), 0)"
        "   + coalesce((SELECT e.charged FROM payment_end e WHERE e.purchase = p.id), 0),"
        " (SELECT sum(x.amount) FROM transfer x WHERE x.purchase = p.id AND x.kind = 2)"
        " FROM purchase p LEFT JOIN transition t ON t.id = (SELECT max(id) FROM transition WHERE purchase = p.id)");
    if (!statement) return fail(statement.error());
    return forEachRow(*statement, [&](const Statement& row) -> Result<void> {
        const std::string name = "purchase " + std::to_string(row.integer(0));
        const auto state = purchaseStateFromNumber(row.integer(1));
        if (!state) {
            found.push_back({name + " has no state"});
            return {};
        }
        const auto money = [&](int column) { return Money::fromEighths(row.integer(column)); };
        checkPurchase({name, *state, row.integer(2) != 0, row.integer(3), row.integer(4), row.integer(6), money(5),
                       money(7), money(8), money(9)},
                      found);
        return {};
    });
}

Result<void> checkKeys(Database& database, std::vector<Discrepancy>& found) {
    auto statement =
        database.prepare("SELECT s.key FROM slice s JOIN slice_end e ON e.slice = s.id WHERE e.charged > s.cap");
    if (!statement) return fail(statement.error());
    return forEachRow(*statement, [&](const Statement& row) -> Result<void> {
        found.push_back({"session key " + std::to_string(row.integer(0)) + " was charged more than its cap"});
        return {};
    });
}

Result<void> checkReferences(Database& database, std::vector<Discrepancy>& found) {
    auto statement = database.prepare("PRAGMA foreign_key_check");
    if (!statement) return fail(statement.error());
    return forEachRow(*statement, [&](const Statement& row) -> Result<void> {
        found.push_back({"a row of " + std::string(row.text(0)) + " refers to none of " + std::string(row.text(2))});
        return {};
    });
}

}  // namespace

Result<std::vector<Discrepancy>> Ledger::check() const {
    std::vector<Discrepancy> found;
    for (const auto part : {checkAccounts, checkPurchases, checkKeys, checkReferences}) {
        if (auto done = part(m_impl->database, found); !done) return tl::unexpected(done.error());
    }
    return found;
}

}  // namespace netpas::ledger
