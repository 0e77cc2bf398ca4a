// Documents in a table of an encrypted database.
#pragma once

#include "core/store/documents.h"

namespace netpas::store {

class SqlDocuments final : public Documents {
public:
    // The table: kind TEXT, id TEXT, body BLOB with a unique index over kind and id; `table` is a name of the program's
    // own. The database must outlive this.
    SqlDocuments(Database& database, std::string table) : m_database(database), m_table(std::move(table)) {}

    tl::expected<void, StoreError> apply(std::span<const DocumentChange> changes) override;
    tl::expected<std::vector<Document>, StoreError> all(std::string_view kind) const override;

private:
    Database& m_database;
    std::string m_table;
};

}  // namespace netpas::store
