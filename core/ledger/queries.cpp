// What is read back from the book.
#include <variant>

#include "core/ledger/rows.h"

namespace netpas::ledger {

using store::Database;
using store::Statement;

namespace {

// Searches for the text itself: LIKE's own signs mean nothing.
std::string containing(const std::string& text) {
    std::string pattern = "%";
    for (const char c : text) {
        if (c == '%' || c == '_' || c == '\\') pattern += '\\';
        pattern += c;
    }
    return pattern + "%";
}

struct Where {
    std::string sql;
    std::vector<std::variant<int64_t, std::string>> values;

    void add(const std::string& condition, std::variant<int64_t, std::string> value) {
        values.push_back(std::move(value));
        sql += (sql.empty() ? "WHERE " : " AND ") + condition + " ?" + std::to_string(values.size());
    }
    void bind(Statement& statement) const {
        for (size_t i = 0; i < values.size(); ++i) {
            const int index = static_cast<int>(i) + 1;
            if (const auto* number = std::get_if<int64_t>(&values[i])) {
                statement.bind(index, *number);
            } else {
                statement.bind(index, std::string_view(std::get<std::string>(values[i])));
            }
        }
    }
};

constexpr std::string_view searchedText =
    "(p.flow || char(10) || t.note || char(10) || coalesce(c.app || char(10) || c.purpose || char(10) || c.payee ||"
    " char(10) || c.contact || char(10) || c.contact_group || char(10) || c.domain || char(10) || c.node, '') ||"
    " char(10) || coalesce((SELECT text FROM label l WHERE l.purchase = p.id ORDER BY l.id DESC LIMIT 1), ''))";

Where whereOf(const HistoryFilter& filter) {
    Where where;
    if (filter.before) where.add("p.id <", rowOf(*filter.before));
    if (filter.uid) where.add("p.uid =", int64_t{*filter.uid});
    if (filter.node) where.add("coalesce(c.node, '') =", *filter.node);
    if (filter.since) where.add("p.requested_at >=", toStored(*filter.since));
    if (filter.until) where.add("p.requested_at <", toStored(*filter.until));
    if (filter.app) where.add("c.app =", *filter.app);
    if (filter.payee) where.add("c.payee =", *filter.payee);
    if (filter.paymentsOnly) where.add("EXISTS (SELECT 1 FROM payment y WHERE y.purchase = p.id) =", int64_t{1});
    if (!filter.text.empty()) {
        where.add(std::string(searchedText) + " LIKE", containing(filter.text));
        where.sql += " ESCAPE '\\'";
    }
    return where;
}

std::string_view columnOf(TotalsBy by) {
    switch (by) {
    case TotalsBy::App: return "coalesce(c.app, '')";
    case TotalsBy::Payee: return "coalesce(c.payee, '')";
    case TotalsBy::Purpose: return "coalesce(c.purpose, '')";
    case TotalsBy::Group: return "coalesce(c.contact_group, '')";
    case TotalsBy::Domain: return "coalesce(c.domain, '')";
    case TotalsBy::Node: return "coalesce(c.node, '')";
    case TotalsBy::User: return "coalesce(nullif(c.user_name, ''), p.uid)";
    case TotalsBy::Day: return "strftime('%Y-%m-%d', x.at / 1000000, 'unixepoch')";
    case TotalsBy::Month: return "strftime('%Y-%m', x.at / 1000000, 'unixepoch')";
    }
    return "''";
}

}  // namespace

Result<Purchase> Ledger::find(PurchaseId id) const {
    Database& database = m_impl->database;
    auto statement = database.prepare(std::string(selectPurchase) + "WHERE p.id = ?");
    if (!statement) return fail(statement.error());
    statement->bind(1, rowOf(id));
    auto found = readPurchases(database, *statement);
    if (!found) return tl::unexpected(found.error());
    if (found->empty()) return tl::unexpected(LedgerError::UnknownPurchase);
    return std::move(found->front());
}

Result<std::vector<Purchase>> Ledger::unfinished() const {
    Database& database = m_impl->database;
    auto statement =
        database.prepare(std::string(selectPurchase) + "WHERE p.id IN (SELECT purchase FROM unfinished) ORDER BY p.id");
    if (!statement) return fail(statement.error());
    return readPurchases(database, *statement);
}

Result<std::vector<Purchase>> Ledger::history(const HistoryFilter& filter) const {
    Database& database = m_impl->database;
    const Where where = whereOf(filter);
    auto statement = database.prepare(std::string(selectPurchase) + where.sql + " ORDER BY p.id DESC LIMIT " +
                                      std::to_string(filter.limit));
    if (!statement) return fail(statement.error());
    where.bind(*statement);
    return readPurchases(database, *statement);
}

Result<std::vector<Purchase>> Ledger::history(std::optional<uint32_t> uid, uint32_t limit) const {
    HistoryFilter filter;
    filter.uid = uid;
    filter.limit = limit;
    return history(filter);
}

Result<std::vector<Reservation>> Ledger::reservations() const {
    auto statement = m_impl->database.prepare(
        "SELECT p.id, p.uid, x.amount, x.at, (SELECT coalesce(sum(e.charged), 0) FROM slice s"
        " JOIN slice_end e ON e.slice = s.id WHERE s.purchase = p.id), " +
        std::string(contextColumns) +
        ", coalesce(d.rule, '')"
        " FROM unfinished f JOIN purchase p ON p.id = f.purchase JOIN transfer x ON x.purchase = p.id AND x.kind = 1"
        " LEFT JOIN context c ON c.purchase = p.id LEFT JOIN decision d ON d.purchase = p.id ORDER BY p.id");
    if (!statement) return fail(statement.error());
    std::vector<Reservation> found;
    const auto read = forEachRow(*statement, [&](const Statement& row) -> Result<void> {
        auto context = readContext(row, 5);
        if (!context) return tl::unexpected(context.error());
        found.push_back({PurchaseId{static_cast<uint64_t>(row.integer(0))}, static_cast<uint32_t>(row.integer(1)),
                         std::move(*context), std::string(row.text(5 + contextWidth)),
                         Money::fromEighths(row.integer(2)), Money::fromEighths(row.integer(4)),
                         timeFromStored(row.integer(3))});
        return {};
    });
    if (!read) return tl::unexpected(read.error());
    return found;
}

Result<std::vector<Posting>> Ledger::postedSince(SystemTime since) const {
    auto statement = m_impl->database.prepare(
        "SELECT p.id, p.uid, x.amount, x.at, " + std::string(contextColumns) +
        ", coalesce(d.rule, '')"
        " FROM transfer x JOIN purchase p ON p.id = x.purchase LEFT JOIN context c ON c.purchase = p.id"
        " LEFT JOIN decision d ON d.purchase = p.id WHERE x.kind = 2"
        " AND x.id >= (SELECT min(id) FROM transfer WHERE kind = 2 AND at >= ?) ORDER BY x.id");
    if (!statement) return fail(statement.error());
    statement->bind(1, toStored(since));
    std::vector<Posting> found;
    const auto read = forEachRow(*statement, [&](const Statement& row) -> Result<void> {
        auto context = readContext(row, 4);
        if (!context) return tl::unexpected(context.error());
        found.push_back({PurchaseId{static_cast<uint64_t>(row.integer(0))}, static_cast<uint32_t>(row.integer(1)),
                         std::move(*context), std::string(row.text(4 + contextWidth)),
                         Money::fromEighths(row.integer(2)), timeFromStored(row.integer(3))});
        return {};
    });
    if (!read) return tl::unexpected(read.error());
    return found;
}

Result<std::vector<Total>> Ledger::totals(TotalsBy by, std::optional<SystemTime> since, std::optional<SystemTime> until,
                                          std::optional<uint32_t> uid, const std::optional<std::string>& node) const {
    Where where;
    where.add("x.kind =", int64_t{2});
    if (since) where.add("x.at >=", toStored(*since));
    if (until) where.add("x.at <", toStored(*until));
    if (uid) where.add("p.uid =", int64_t{*uid});
    if (node) where.add("coalesce(c.node, '') =", *node);
    const bool inTime = by == TotalsBy::Day || by == TotalsBy::Month;
    auto statement = m_impl->database.prepare(
        "SELECT " + std::string(columnOf(by)) +
        " AS name, sum(x.amount), count(*) FROM transfer x JOIN purchase p ON p.id = x.purchase"
        " LEFT JOIN context c ON c.purchase = p.id " +
        where.sql + " GROUP BY name ORDER BY " + (inTime ? "name" : "sum(x.amount) DESC, name"));
    if (!statement) return fail(statement.error());
    where.bind(*statement);
    std::vector<Total> found;
    const auto read = forEachRow(*statement, [&](const Statement& row) -> Result<void> {
        found.push_back(
            {std::string(row.text(0)), Money::fromEighths(row.integer(1)), static_cast<uint64_t>(row.integer(2))});
        return {};
    });
    if (!read) return tl::unexpected(read.error());
    return found;
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

Result<std::vector<std::string>> Ledger::integrityCheck() const {
    auto found = m_impl->database.integrityCheck();
    if (!found) return fail(found.error());
    return std::move(*found);
}

Result<std::optional<SystemTime>> Ledger::lastEntry() const {
    auto at = single(m_impl->database, "SELECT max(at) FROM transition");
    if (!at) return tl::unexpected(at.error());
    if (!*at) return std::optional<SystemTime>{};
    return std::optional<SystemTime>{timeFromStored(**at)};
}

Result<Balance> Ledger::wallet() const { return readBalance(m_impl->database, walletAccount); }
Result<Balance> Ledger::payable(IspId firstIsp) const {
    return readBalance(m_impl->database, payableAccount(firstIsp));
}

}  // namespace netpas::ledger
