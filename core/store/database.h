// Embedded encrypted storage: a thin RAII layer over SQLCipher's C interface.
// One thread owns a Database and everything made from it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

struct sqlite3;
struct sqlite3_stmt;

namespace netpas::store {

class StatementCache;

enum class StoreError {
    KeyFile,      // the key file cannot be made or read, is not private, or is not 32 bytes long
    CannotOpen,   // no such folder, no permission
    InUse,        // another process has this database open
    WrongKey,     // not a database, or encrypted with another key
    SchemaNewer,  // written by a newer version of this program
    Full,         // no space is left; nothing of the transaction was kept
    Constraint,   // a uniqueness or check constraint refused the row
    Damaged,      // the file fails its integrity checks
    Failed,       // anything else; Database::lastMessage() has SQLCipher's words
};

[[nodiscard]] std::string_view describe(StoreError error);

// A raw key: it encrypts pages directly, with no derivation from a passphrase.
using DatabaseKey = std::array<uint8_t, 32>;
void wipeKey(DatabaseKey& key);

// What a result code of SQLCipher means.
[[nodiscard]] StoreError errorOf(int code);

// Reads the key kept in `path`; on the first start makes it from system randomness, durably and readable by
// the owner only. A file that others may read is refused.
[[nodiscard]] tl::expected<DatabaseKey, StoreError> loadOrCreateKey(const std::filesystem::path& path);

// A prepared statement. Parameters are numbered from 1 and columns from 0, as in SQLite.
class Statement {
public:
    Statement(Statement&& other) noexcept;
    Statement& operator=(Statement&& other) noexcept;
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;
    ~Statement();

    Statement& bind(int index, int64_t value);
    Statement& bind(int index, std::string_view text);
    Statement& bind(int index, std::span<const uint8_t> blob);
    Statement& bindNull(int index);

    // True while there is a row. A failed bind shows here too.
    [[nodiscard]] tl::expected<bool, StoreError> step();
    // One step that expects no row, then ready to be bound again.
    [[nodiscard]] tl::expected<void, StoreError> run();
    void reset();

    [[nodiscard]] int64_t integer(int column) const;
    // Views are valid until the next step, reset or destruction.
    [[nodiscard]] std::string_view text(int column) const;
    [[nodiscard]] std::span<const uint8_t> blob(int column) const;
    [[nodiscard]] bool isNull(int column) const;

private:
    friend class Database;
    Statement(sqlite3_stmt* statement, std::shared_ptr<StatementCache> cache)
        : m_statement(statement), m_cache(std::move(cache)) {}
    void note(int code);
    void release();

    sqlite3_stmt* m_statement = nullptr;
    std::shared_ptr<StatementCache> m_cache;  // takes it back; null: it is finalized
    int m_bindCode = 0;
};

struct DatabaseOptions {
    std::filesystem::path path;
    DatabaseKey key{};
    // One process at a time; the lock goes with the process, however it ends.
    bool exclusive = true;
    std::chrono::milliseconds busyTimeout{2000};
};

// Write-ahead log with full synchronisation: what commit() has returned for survives a power cut.
class Database {
public:
    [[nodiscard]] static tl::expected<Database, StoreError> open(const DatabaseOptions& options);

    Database(Database&& other) noexcept;
    Database& operator=(Database&& other) noexcept;
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    ~Database();

    // Runs SQL text that returns no rows; several statements may be separated by semicolons.
    [[nodiscard]] tl::expected<void, StoreError> execute(const std::string& sql);
    // A text that was prepared before is taken from the shelf: preparing costs more than most statements do.
    [[nodiscard]] tl::expected<Statement, StoreError> prepare(std::string_view sql);

    [[nodiscard]] tl::expected<void, StoreError> begin();
    [[nodiscard]] tl::expected<void, StoreError> commit();
    void rollback() noexcept;
    [[nodiscard]] bool inTransaction() const;

    // Brings the schema from its stored version to steps.size(), each step in a transaction of its own.
    // Step i leads from version i to i + 1 and never changes once it was released.
    [[nodiscard]] tl::expected<void, StoreError> migrate(std::span<const std::string_view> steps);
    [[nodiscard]] tl::expected<int64_t, StoreError> schemaVersion();

    // What SQLCipher finds wrong when it reads and authenticates every page. Empty: nothing.
    [[nodiscard]] tl::expected<std::vector<std::string>, StoreError> integrityCheck();

    [[nodiscard]] int64_t lastRowId() const;
    [[nodiscard]] int64_t changes() const;
    [[nodiscard]] std::string lastMessage() const;

private:
    friend class Snapshot;
    friend class Transaction;
    explicit Database(sqlite3* handle);
    [[nodiscard]] tl::expected<int64_t, StoreError> pragmaInteger(std::string_view sql);

    sqlite3* m_handle = nullptr;
    int m_depth = 0;  // of nested transactions
    std::shared_ptr<StatementCache> m_cache;
};

// Rolls back unless it was committed. One inside another is a part of it: durable with the outermost, and rolled back
// alone. Once SQLCipher itself has given the outermost one up (disk full), everything inside it fails.
class Transaction {
public:
    [[nodiscard]] static tl::expected<Transaction, StoreError> begin(Database& database);
    Transaction(Transaction&& other) noexcept : m_database(std::exchange(other.m_database, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction();

    [[nodiscard]] tl::expected<void, StoreError> commit();

private:
    explicit Transaction(Database& database) : m_database(&database) { ++database.m_depth; }
    Database* m_database;
};

}  // namespace netpas::store
