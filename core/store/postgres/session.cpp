#include "core/store/postgres/session.h"

#include <array>
#include <thread>

#include "core/store/postgres/dialect.h"

namespace netpas::store::pg {

namespace {

// So many statements' answers fit any socket buffer: the server never waits for us to read while we write.
constexpr size_t mostQueued = 128;
constexpr auto lockRetry = std::chrono::milliseconds(50);

// One writer for a schema of a database.
constexpr const char* takeLock =
    "SELECT CASE WHEN pg_try_advisory_lock(hashtextextended('netpas books ' || "
    "current_schema(), 0)) THEN 1::bigint ELSE 0::bigint END";

StoreError errorOf(std::string_view state) {
    if (state == "53100") return StoreError::Full;
    if (state.starts_with("23")) return StoreError::Constraint;
    if (state.starts_with("XX")) return StoreError::Damaged;
    if (state.starts_with("28") || state == "3D000" || state == "42501" || state == "25006")
        return StoreError::CannotOpen;
    if (state == "55P03" || state == "55006") return StoreError::InUse;
    return StoreError::Failed;
}

std::string trimmed(const char* message) {
    std::string text = message != nullptr ? message : "";
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text;
}

bool isError(const PGresult* result) {
    const ExecStatusType status = PQresultStatus(result);
    return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_PIPELINE_SYNC;
}

int64_t integerIn(const PGresult* result) {
    if (PQntuples(result) == 0 || PQgetlength(result, 0, 0) != 8) return 0;
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | static_cast<uint8_t>(PQgetvalue(result, 0, 0)[i]);
    return static_cast<int64_t>(value);
}

}  // namespace

// --- the connection

tl::expected<void, StoreError> Session::open(std::chrono::milliseconds patience) {
    if (auto done = connect(); !done) return done;
    auto good = checkDurability();
    if (good) good = lock(patience);
    if (!good) close();
    return good;
}

tl::expected<void, StoreError> Session::connect() {
    close();
    // What stands in the connection string goes before these.
    static constexpr std::array<const char*, 7> names{"connect_timeout",
                                                      "tcp_user_timeout",
                                                      "keepalives_idle",
                                                      "fallback_application_name",
                                                      "client_encoding",
                                                      "dbname",
                                                      nullptr};
    const std::array<const char*, 7> values{
        "5", "15000", "10", "netpas-isp accounting", "UTF8", m_options.connection.c_str(), nullptr};
    m_connection = PQconnectdbParams(names.data(), values.data(), 1);
    if (PQstatus(m_connection) != CONNECTION_OK) {
        m_message = trimmed(PQerrorMessage(m_connection));
        close();
        return tl::unexpected(StoreError::CannotOpen);
    }
    return script("SET client_min_messages = warning; SET standard_conforming_strings = on;");
}

// A server that acknowledges what it may lose is no place for books.
tl::expected<void, StoreError> Session::checkDurability() {
    auto unsafe =
        number("SELECT count(*) FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'");
    if (!unsafe) return tl::unexpected(unsafe.error());
    if (*unsafe > 0) {
        m_message = "the server runs with fsync or full_page_writes off: switch them on, a power cut would lose money";
        return tl::unexpected(StoreError::CannotOpen);
    }
    auto lazy = number("SELECT count(*) FROM pg_settings WHERE name = 'synchronous_commit' AND setting = 'off'");
    if (!lazy) return tl::unexpected(lazy.error());
    if (*lazy > 0) return script("SET synchronous_commit = on;");
    return {};
}

tl::expected<void, StoreError> Session::lock(std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    const std::string before = m_backend;
    auto self =
        ask("SELECT pid || ' ' || extract(epoch FROM backend_start) FROM pg_stat_activity WHERE pid = "
            "pg_backend_pid()",
            {});
    if (!self) return tl::unexpected(self.error());
    if (PQntuples(self->get()) == 1) m_backend = PQgetvalue(self->get(), 0, 0);
    while (true) {
        auto taken = number(takeLock);
        if (!taken) return tl::unexpected(taken.error());
        if (*taken == 1) return {};
        // The server may not have noticed yet that our former connection is gone.
        if (!before.empty()) {
            const Parameter former{25, before, false};
            auto ended =
                ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid || ' ' || extract(epoch "
                    "FROM backend_start) = $1",
                    {former});
            if (!ended) return tl::unexpected(ended.error());
        }
        if (std::chrono::steady_clock::now() >= end) {
            m_message = "another server writes these books";
            return tl::unexpected(StoreError::InUse);
        }
        std::this_thread::sleep_for(lockRetry);
    }
}

void Session::close() {
    PQfinish(m_connection);
    m_connection = nullptr;
    m_prepared.clear();
    m_inTransaction = false;
    m_broken = false;
    m_queued = 0;
}

StoreError Session::lost() {
    if (m_connection != nullptr) m_message = trimmed(PQerrorMessage(m_connection));
    if (m_message.empty()) m_message = "the connection to the database server is lost";
    const StoreError error = m_failed.value_or(StoreError::Failed);
    m_failed = error;
    m_broken = true;
    return error;
}

StoreError Session::note(const PGresult* result) {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const StoreError error = errorOf(state != nullptr ? state : "");
    if (!m_failed) {
        m_failed = error;
        m_message = trimmed(PQresultErrorMessage(result));
    }
    return *m_failed;
}

tl::expected<void, StoreError> Session::ready() {
    if (m_failed) return tl::unexpected(*m_failed);
    if (m_connection != nullptr && !m_broken && PQstatus(m_connection) == CONNECTION_OK) return {};
    // Lost without anybody having been told: that comes first.
    if (m_connection != nullptr) return tl::unexpected(lost());
    auto opened = open(std::chrono::milliseconds(500));
    if (!opened) m_failed = opened.error();
    return opened;
}

void Session::recover() {
    m_failed.reset();
    if (m_connection == nullptr) return;
    if (m_broken || PQstatus(m_connection) != CONNECTION_OK) return close();
    // Whatever was under way is thrown away with the names that may or may not have been prepared.
    if (m_queued > 0) (void)collect(m_queued);
    m_failed.reset();
    m_prepared.clear();
    const bool good = !m_broken && script("ROLLBACK; DEALLOCATE ALL;").has_value();
    m_inTransaction = false;
    if (!good) close();
    m_failed.reset();
}

// --- statements

tl::expected<void, StoreError> Session::send(const std::string& sql, const std::vector<Parameter>& parameters) {
    if (PQpipelineStatus(m_connection) == PQ_PIPELINE_OFF && PQenterPipelineMode(m_connection) == 0)
        return tl::unexpected(lost());
    std::vector<Oid> types;
    std::vector<const char*> values;
    std::vector<int> lengths;
    std::vector<int> formats;
    for (const Parameter& parameter : parameters) {
        types.push_back(parameter.type);
        values.push_back(parameter.isNull ? nullptr : parameter.bytes.data());
        lengths.push_back(static_cast<int>(parameter.bytes.size()));
        formats.push_back(1);
    }
    const int count = static_cast<int>(parameters.size());
    const auto [entry, isNew] = m_prepared.try_emplace(sql);
    if (isNew) {
        entry->second = "n" + std::to_string(m_nextName++);
        if (PQsendPrepare(m_connection, entry->second.c_str(), sql.c_str(), count, types.data()) == 0)
            return tl::unexpected(lost());
        ++m_queued;
    }
    if (PQsendQueryPrepared(m_connection, entry->second.c_str(), count, values.data(), lengths.data(), formats.data(),
                            1) == 0)
        return tl::unexpected(lost());
    ++m_queued;
    return {};
}

// The answers to everything sent; the last one's result.
tl::expected<Result, StoreError> Session::collect(size_t expected) {
    m_queued = 0;
    if (PQpipelineSync(m_connection) == 0) return tl::unexpected(lost());
    Result last;
    for (size_t answers = 0; answers <= expected;) {
        Result result(PQgetResult(m_connection));
        if (!result) return tl::unexpected(lost());  // nothing more comes
        ++answers;
        if (isError(result.get()) && PQresultStatus(result.get()) != PGRES_PIPELINE_ABORTED) (void)note(result.get());
        if (PQstatus(m_connection) != CONNECTION_OK) return tl::unexpected(lost());
        if (PQresultStatus(result.get()) == PGRES_PIPELINE_SYNC) break;
        last = std::move(result);
        // Each answer is followed by nothing; the sync is not.
        Result end(PQgetResult(m_connection));
    }
    if (m_failed) return tl::unexpected(*m_failed);
    return last;
}

tl::expected<void, StoreError> Session::queue(const std::string& sql, const std::vector<Parameter>& parameters) {
    if (auto good = ready(); !good) return good;
    if (auto sent = send(sql, parameters); !sent) return sent;
    if (m_queued < mostQueued) return {};
    return flush();
}

tl::expected<void, StoreError> Session::flush() {
    if (auto good = ready(); !good) return good;
    if (m_queued == 0) return {};
    auto done = collect(m_queued);
    if (!done) return tl::unexpected(done.error());
    return {};
}

tl::expected<Result, StoreError> Session::ask(const std::string& sql, const std::vector<Parameter>& parameters) {
    if (auto flushed = flush(); !flushed) return tl::unexpected(flushed.error());
    if (auto sent = send(sql, parameters); !sent) return tl::unexpected(sent.error());
    return collect(m_queued);
}

tl::expected<void, StoreError> Session::script(const std::string& sql) {
    if (m_queued > 0) {
        if (auto flushed = flush(); !flushed) return flushed;
    }
    if (PQpipelineStatus(m_connection) != PQ_PIPELINE_OFF && PQexitPipelineMode(m_connection) == 0)
        return tl::unexpected(lost());
    const Result result(PQexec(m_connection, sql.c_str()));
    if (PQstatus(m_connection) != CONNECTION_OK) return tl::unexpected(lost());
    if (isError(result.get())) return tl::unexpected(note(result.get()));
    return {};
}

tl::expected<int64_t, StoreError> Session::number(const std::string& sql) {
    auto result = ask(sql, {});
    if (!result) return tl::unexpected(result.error());
    return integerIn(result->get());
}

tl::expected<void, StoreError> Session::begin() {
    auto begun = queue("BEGIN", {});
    if (begun) m_inTransaction = true;
    return begun;
}

tl::expected<void, StoreError> Session::commit() {
    auto done = ask("COMMIT", {});
    // A transaction that the server has given up answers COMMIT with ROLLBACK.
    const bool kept = done && std::string_view(PQcmdStatus(done->get())) == "COMMIT";
    if (kept) {
        m_inTransaction = false;
        return {};
    }
    if (done) m_failed = StoreError::Failed;
    return tl::unexpected(m_failed.value_or(StoreError::Failed));
}

// --- dialect

std::vector<std::string> Session::primaryKey(const std::string& table) {
    std::vector<std::string> columns;
    const Parameter name{25, table, false};
    const auto result =
        ask("SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND "
            "a.attnum = ANY(i.indkey) WHERE i.indrelid = to_regclass($1) AND i.indisprimary",
            {name});
    for (int row = 0; result && row < PQntuples(result->get()); ++row)
        columns.emplace_back(PQgetvalue(result->get(), row, 0));
    return columns;
}

const std::string& Session::translated(std::string_view sql) {
    const auto known = m_translated.find(sql);
    if (known != m_translated.end()) return known->second;
    std::string text = dialect::query(sql, [this](const std::string& table) { return primaryKey(table); });
    // What a lost connection could not tell is asked again.
    static const std::string failed;
    if (m_failed) return failed;
    return m_translated.emplace(std::string(sql), std::move(text)).first->second;
}

}  // namespace netpas::store::pg
