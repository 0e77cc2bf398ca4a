#include "core/store/postgres/postgres.h"

#include <array>

#include "core/store/postgres/dialect.h"
#include "core/store/postgres/session.h"

namespace netpas::store {

namespace {

using pg::Parameter;
using pg::Session;

constexpr Oid int8Type = 20;
constexpr Oid textType = 25;
constexpr Oid byteaType = 17;

class ServerStatement final : public SqlStatement::Backend {
public:
    ServerStatement(std::shared_ptr<Session> session, std::string sql)
        : m_session(std::move(session)), m_sql(std::move(sql)) {}

    void bind(int index, int64_t value) override {
        std::string bytes(8, '\0');
        for (size_t i = 0; i < 8; ++i) bytes[7 - i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
        place(index) = {int8Type, std::move(bytes), false};
    }
    void bind(int index, std::string_view text) override { place(index) = {textType, dialect::text(text), false}; }
    void bind(int index, std::span<const uint8_t> blob) override {
        place(index) = {byteaType, std::string(blob.begin(), blob.end()), false};
    }
    void bindNull(int index) override { place(index) = {}; }

    tl::expected<bool, StoreError> step() override {
        if (!m_result) {
            auto result = m_session->ask(m_sql, m_parameters);
            if (!result) return tl::unexpected(result.error());
            m_result = std::move(*result);
            m_row = -1;
        }
        return ++m_row < PQntuples(m_result.get());
    }
    tl::expected<void, StoreError> run() override {
        auto queued = m_session->queue(m_sql, m_parameters);
        m_parameters.clear();
        m_result.reset();
        return queued;
    }

    [[nodiscard]] int64_t integer(int column) const override {
        const auto bytes = blob(column);
        uint64_t value = 0;
        for (const uint8_t byte : bytes) value = value << 8 | byte;
        // Narrower integers of the server are signed, too.
        if (bytes.size() == 4) return static_cast<int32_t>(value);
        return static_cast<int64_t>(value);
    }
    [[nodiscard]] std::string_view text(int column) const override {
        const auto bytes = blob(column);
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    [[nodiscard]] std::span<const uint8_t> blob(int column) const override {
        if (isNull(column)) return {};
        return {reinterpret_cast<const uint8_t*>(PQgetvalue(m_result.get(), m_row, column)),
                static_cast<size_t>(PQgetlength(m_result.get(), m_row, column))};
    }
    [[nodiscard]] bool isNull(int column) const override {
        return !m_result || m_row < 0 || m_row >= PQntuples(m_result.get()) ||
               PQgetisnull(m_result.get(), m_row, column) == 1;
    }

private:
    Parameter& place(int index) {
        const auto at = static_cast<size_t>(index);
        if (m_parameters.size() < at) m_parameters.resize(at);
        return m_parameters[at - 1];
    }

    std::shared_ptr<Session> m_session;
    std::string m_sql;
    std::vector<Parameter> m_parameters;
    pg::Result m_result;
    int m_row = -1;
};

class ServerDatabase final : public SqlDatabase::Backend {
public:
    explicit ServerDatabase(std::shared_ptr<Session> session) : m_session(std::move(session)) {}

    tl::expected<std::unique_ptr<SqlStatement::Backend>, StoreError> prepare(std::string_view sql) override {
        // Text that could not be translated (no connection) would fail for good.
        const std::string& text = m_session->translated(sql);
        if (text.empty()) return tl::unexpected(StoreError::Failed);
        return std::make_unique<ServerStatement>(m_session, text);
    }
    tl::expected<void, StoreError> begin() override { return m_session->begin(); }
    tl::expected<void, StoreError> commit() override { return m_session->commit(); }
    void rollback() override { m_session->recover(); }
    [[nodiscard]] bool inTransaction() const override { return m_session->inTransaction(); }
    [[nodiscard]] std::string lastMessage() const override { return m_session->message(); }

    tl::expected<void, StoreError> migrate(std::span<const std::string_view> steps) override {
        if (auto made = m_session->script("CREATE TABLE IF NOT EXISTS netpas_schema (version BIGINT NOT NULL);"); !made)
            return made;
        auto version = m_session->number("SELECT coalesce(max(version), 0) FROM netpas_schema");
        if (!version) return tl::unexpected(version.error());
        if (*version < 0 || static_cast<size_t>(*version) > steps.size())
            return tl::unexpected(StoreError::SchemaNewer);
        for (size_t next = static_cast<size_t>(*version); next < steps.size(); ++next) {
            auto done = m_session->script("BEGIN;" + dialect::schema(steps[next]) +
                                          "DELETE FROM netpas_schema; INSERT INTO netpas_schema VALUES (" +
                                          std::to_string(next + 1) + "); COMMIT;");
            if (!done) {
                m_session->recover();
                return done;
            }
        }
        return {};
    }

private:
    std::shared_ptr<Session> m_session;
};

}  // namespace

bool isPostgres(std::string_view database) {
    return database.starts_with("postgresql://") || database.starts_with("postgres://");
}

tl::expected<SqlDatabase, PostgresProblem> openPostgres(const PostgresOptions& options) {
    auto session = std::make_shared<Session>(options);
    if (auto opened = session->open(options.patience); !opened)
        return tl::unexpected(PostgresProblem{opened.error(), session->message()});
    return SqlDatabase(std::make_unique<ServerDatabase>(std::move(session)));
}

}  // namespace netpas::store
