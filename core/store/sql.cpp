#include "core/store/sql.h"

namespace netpas::store {

namespace {

class EmbeddedStatement final : public SqlStatement::Backend {
public:
    explicit EmbeddedStatement(Statement statement) : m_statement(std::move(statement)) {}
    void bind(int index, int64_t value) override { m_statement.bind(index, value); }
    void bind(int index, std::string_view text) override { m_statement.bind(index, text); }
    void bind(int index, std::span<const uint8_t> blob) override { m_statement.bind(index, blob); }
    void bindNull(int index) override { m_statement.bindNull(index); }
    tl::expected<bool, StoreError> step() override { return m_statement.step(); }
    tl::expected<void, StoreError> run() override { return m_statement.run(); }
    [[nodiscard]] int64_t integer(int column) const override { return m_statement.integer(column); }
    [[nodiscard]] std::string_view text(int column) const override { return m_statement.text(column); }
    [[nodiscard]] std::span<const uint8_t> blob(int column) const override { return m_statement.blob(column); }
    [[nodiscard]] bool isNull(int column) const override { return m_statement.isNull(column); }

private:
    Statement m_statement;
};

class EmbeddedDatabase final : public SqlDatabase::Backend {
public:
    explicit EmbeddedDatabase(Database database) : m_database(std::move(database)) {}
    tl::expected<std::unique_ptr<SqlStatement::Backend>, StoreError> prepare(std::string_view sql) override {
        auto statement = m_database.prepare(sql);
        if (!statement) return tl::unexpected(statement.error());
        return std::make_unique<EmbeddedStatement>(std::move(*statement));
    }
    tl::expected<void, StoreError> begin() override { return m_database.begin(); }
    tl::expected<void, StoreError> commit() override { return m_database.commit(); }
    void rollback() override { m_database.rollback(); }
    [[nodiscard]] bool inTransaction() const override { return m_database.inTransaction(); }
    tl::expected<void, StoreError> migrate(std::span<const std::string_view> steps) override {
        return m_database.migrate(steps);
    }
    [[nodiscard]] std::string lastMessage() const override { return m_database.lastMessage(); }

private:
    Database m_database;
};

}  // namespace

SqlDatabase::SqlDatabase(Database database) : m_backend(std::make_unique<EmbeddedDatabase>(std::move(database))) {}

tl::expected<SqlStatement, StoreError> SqlDatabase::prepare(std::string_view sql) {
    auto statement = m_backend->prepare(sql);
    if (!statement) return tl::unexpected(statement.error());
    return SqlStatement(std::move(*statement));
}

}  // namespace netpas::store
