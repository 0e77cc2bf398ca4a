#include "core/store/sql_documents.h"

namespace netpas::store {

namespace {

constexpr size_t maxKind = 32;
constexpr size_t maxId = 128;
constexpr size_t maxBody = size_t{1} << 20;

bool isAllowed(const DocumentChange& change) {
    const Document& document = change.document;
    return !document.kind.empty() && document.kind.size() <= maxKind && document.id.size() <= maxId &&
           document.body.size() <= maxBody;
}

}  // namespace

tl::expected<void, StoreError> SqlDocuments::apply(std::span<const DocumentChange> changes) {
    auto transaction = Transaction::begin(m_database);
    if (!transaction) return tl::unexpected(transaction.error());
    for (const DocumentChange& change : changes) {
        if (!isAllowed(change)) return tl::unexpected(StoreError::Constraint);
        const Document& document = change.document;
        auto statement = m_database.prepare(change.erase ? "DELETE FROM " + m_table + " WHERE kind = ? AND id = ?"
                                                         : "INSERT OR REPLACE INTO " + m_table +
                                                               " (kind, id, body) VALUES (?, ?, ?)");
        if (!statement) return tl::unexpected(statement.error());
        statement->bind(1, std::string_view(document.kind)).bind(2, std::string_view(document.id));
        if (!change.erase) statement->bind(3, std::span<const uint8_t>(document.body));
        if (auto done = statement->run(); !done) return done;
    }
    return transaction->commit();
}

tl::expected<std::vector<Document>, StoreError> SqlDocuments::all(std::string_view kind) const {
    auto statement = m_database.prepare("SELECT id, body FROM " + m_table + " WHERE kind = ? ORDER BY id");
    if (!statement) return tl::unexpected(statement.error());
    statement->bind(1, kind);
    std::vector<Document> found;
    for (;;) {
        auto row = statement->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) return found;
        const auto body = statement->blob(1);
        found.push_back({std::string(kind), std::string(statement->text(0)), Bytes(body.begin(), body.end())});
    }
}

}  // namespace netpas::store
