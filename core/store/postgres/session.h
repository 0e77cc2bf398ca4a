// Inside core/store/postgres only: one connection to the server, with what must be true of it. One thread.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/store/postgres/postgres.h"

namespace netpas::store::pg {

struct FreeResult {
    void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, FreeResult>;

struct Parameter {
    Oid type = 0;
    std::string bytes;
    bool isNull = true;
};

class Session {
public:
    explicit Session(PostgresOptions options) : m_options(std::move(options)) {}
    ~Session() { close(); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    [[nodiscard]] tl::expected<void, StoreError> open(std::chrono::milliseconds patience);

    // Sent with others and without waiting; whether it worked shows at the next flush().
    [[nodiscard]] tl::expected<void, StoreError> queue(const std::string& sql,
                                                       const std::vector<Parameter>& parameters);
    // Waits for everything that was queued. After a failure everything fails until recover().
    [[nodiscard]] tl::expected<void, StoreError> flush();
    [[nodiscard]] tl::expected<Result, StoreError> ask(const std::string& sql,
                                                       const std::vector<Parameter>& parameters);
    // Several statements, no parameters, nothing else under way.
    [[nodiscard]] tl::expected<void, StoreError> script(const std::string& sql);
    [[nodiscard]] tl::expected<int64_t, StoreError> number(const std::string& sql);

    [[nodiscard]] tl::expected<void, StoreError> begin();
    [[nodiscard]] tl::expected<void, StoreError> commit();
    // Leaves the transaction and whatever went wrong; a connection that is lost is made anew at the next use.
    void recover();
    [[nodiscard]] bool inTransaction() const { return m_inTransaction; }

    // Text in our dialect, translated once.
    [[nodiscard]] const std::string& translated(std::string_view sql);
    [[nodiscard]] const std::string& message() const { return m_message; }

private:
    [[nodiscard]] tl::expected<void, StoreError> connect();
    [[nodiscard]] tl::expected<void, StoreError> checkDurability();
    [[nodiscard]] tl::expected<void, StoreError> lock(std::chrono::milliseconds patience);
    [[nodiscard]] tl::expected<void, StoreError> ready();
    [[nodiscard]] tl::expected<void, StoreError> send(const std::string& sql, const std::vector<Parameter>& parameters);
    [[nodiscard]] tl::expected<Result, StoreError> collect(size_t expected);
    [[nodiscard]] std::vector<std::string> primaryKey(const std::string& table);
    StoreError note(const PGresult* result);
    StoreError lost();
    void close();

    PostgresOptions m_options;
    PGconn* m_connection = nullptr;
    std::optional<StoreError> m_failed;  // nothing is done until recover()
    bool m_inTransaction = false;
    bool m_broken = false;  // the connection is of no use any more
    size_t m_queued = 0;
    std::string m_message;
    std::string m_backend;  // this connection's process at the server, and since when: to end it when it is stuck there
    uint64_t m_nextName = 1;
    std::unordered_map<std::string, std::string> m_prepared;       // by text: name at the server
    std::map<std::string, std::string, std::less<>> m_translated;  // by our text
};

}  // namespace netpas::store::pg
