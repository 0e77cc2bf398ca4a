#include "core/store/database.h"

#include <sodium.h>
#include <sqlite3.h>

#include <cstdio>
#include <unordered_map>
#include <utility>

namespace netpas::store {

namespace {

// SQLCipher 4 changed page size, key derivation and page authentication; these are the values of the format
// that generation 3 writes, spelt out so that both generations make and open the same file. Generation 3
// ignores the names that it does not know, and has no other value for them.
constexpr const char* cipherSettings =
    "PRAGMA cipher_page_size = 4096;"
    "PRAGMA kdf_iter = 64000;"
    "PRAGMA cipher_kdf_algorithm = PBKDF2_HMAC_SHA1;"
    "PRAGMA cipher_hmac_algorithm = HMAC_SHA1;"
    "PRAGMA cipher_use_hmac = ON;"
    "PRAGMA cipher_plaintext_header_size = 0;";

std::string rawKeyLiteral(const DatabaseKey& key) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string literal;
    literal.reserve(key.size() * 2 + 3);  // never grows: no copy is left behind
    literal = "x'";
    for (uint8_t byte : key) {
        literal += digits[byte >> 4];
        literal += digits[byte & 15];
    }
    literal += "'";
    return literal;
}

}  // namespace

StoreError errorOf(int code) {
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return StoreError::InUse;
    case SQLITE_NOTADB: return StoreError::WrongKey;
    case SQLITE_FULL: return StoreError::Full;
    case SQLITE_CONSTRAINT: return StoreError::Constraint;
    case SQLITE_CORRUPT: return StoreError::Damaged;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY: return StoreError::CannotOpen;
    default: return StoreError::Failed;
    }
}

void wipeKey(DatabaseKey& key) { sodium_memzero(key.data(), key.size()); }

std::string_view describe(StoreError error) {
    switch (error) {
    case StoreError::KeyFile: return "the database key file is missing, unreadable, not private or not 32 bytes long";
    case StoreError::CannotOpen: return "the database file cannot be opened for writing";
    case StoreError::InUse: return "the database is in use by another process";
    case StoreError::WrongKey: return "the file is not a database of this program or its key is another one";
    case StoreError::SchemaNewer: return "the database was written by a newer version of this program";
    case StoreError::Full: return "no space is left for the database";
    case StoreError::Constraint: return "the database refused a duplicate or invalid row";
    case StoreError::Damaged: return "the database file is damaged";
    case StoreError::Failed: return "the database failed";
    }
    return "unknown";
}

// Statements that are not in use, by their text. One thread, like the database.
class StatementCache {
public:
    ~StatementCache() { close(); }

    sqlite3_stmt* take(std::string_view sql) {
        const auto found = m_shelf.find(sql);
        if (found == m_shelf.end()) return nullptr;
        sqlite3_stmt* const statement = found->second;
        m_shelf.erase(found);
        return statement;
    }
    void giveBack(sqlite3_stmt* statement) {
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        if (m_closed) {
            sqlite3_finalize(statement);
            return;
        }
        if (m_shelf.size() >= mostKept) {
            sqlite3_finalize(m_shelf.begin()->second);
            m_shelf.erase(m_shelf.begin());
        }
        // The text is SQLCipher's own copy, which lives as long as the statement.
        m_shelf.emplace(std::string_view(sqlite3_sql(statement)), statement);
    }
    // Before the database is closed: what is in use is finalized when it comes back.
    void close() {
        m_closed = true;
        for (const auto& [sql, statement] : m_shelf) sqlite3_finalize(statement);
        m_shelf.clear();
    }

private:
    static constexpr size_t mostKept = 64;
    std::unordered_multimap<std::string_view, sqlite3_stmt*> m_shelf;
    bool m_closed = false;
};

namespace {

// Of what reads and writes rows; pragmas and the like may mean something else the next time.
bool isKept(std::string_view sql) {
    return sql.starts_with("SELECT ") || sql.starts_with("INSERT ") || sql.starts_with("UPDATE ") ||
           sql.starts_with("DELETE ");
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : m_statement(std::exchange(other.m_statement, nullptr)),
      m_cache(std::move(other.m_cache)),
      m_bindCode(other.m_bindCode) {}

Statement& Statement::operator=(Statement&& other) noexcept {
    if (this != &other) {
        release();
        m_statement = std::exchange(other.m_statement, nullptr);
        m_cache = std::move(other.m_cache);
        m_bindCode = other.m_bindCode;
    }
    return *this;
}

Statement::~Statement() { release(); }

void Statement::release() {
    if (m_statement == nullptr) return;
    if (m_cache) {
        m_cache->giveBack(m_statement);
    } else {
        sqlite3_finalize(m_statement);
    }
    m_statement = nullptr;
}

void Statement::note(int code) {
    if (m_bindCode == SQLITE_OK) m_bindCode = code;
}

Statement& Statement::bind(int index, int64_t value) {
    note(sqlite3_bind_int64(m_statement, index, value));
    return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
    note(sqlite3_bind_text64(m_statement, index, text.empty() ? "" : text.data(), text.size(), SQLITE_TRANSIENT,
                             SQLITE_UTF8));
    return *this;
}

Statement& Statement::bind(int index, std::span<const uint8_t> blob) {
    if (blob.empty()) {
        note(sqlite3_bind_zeroblob(m_statement, index, 0));
    } else {
        note(sqlite3_bind_blob64(m_statement, index, blob.data(), blob.size(), SQLITE_TRANSIENT));
    }
    return *this;
}

Statement& Statement::bindNull(int index) {
    note(sqlite3_bind_null(m_statement, index));
    return *this;
}

tl::expected<bool, StoreError> Statement::step() {
    if (m_bindCode != SQLITE_OK) return tl::unexpected(errorOf(m_bindCode));
    const int code = sqlite3_step(m_statement);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return tl::unexpected(errorOf(code));
}

tl::expected<void, StoreError> Statement::run() {
    auto row = step();
    reset();
    if (!row) return tl::unexpected(row.error());
    return {};
}

void Statement::reset() {
    sqlite3_reset(m_statement);
    sqlite3_clear_bindings(m_statement);
    m_bindCode = SQLITE_OK;
}

int64_t Statement::integer(int column) const { return sqlite3_column_int64(m_statement, column); }

std::string_view Statement::text(int column) const {
    const unsigned char* data = sqlite3_column_text(m_statement, column);
    if (data == nullptr) return {};
    return {reinterpret_cast<const char*>(data), static_cast<size_t>(sqlite3_column_bytes(m_statement, column))};
}

std::span<const uint8_t> Statement::blob(int column) const {
    const void* data = sqlite3_column_blob(m_statement, column);
    if (data == nullptr) return {};
    return {static_cast<const uint8_t*>(data), static_cast<size_t>(sqlite3_column_bytes(m_statement, column))};
}

bool Statement::isNull(int column) const { return sqlite3_column_type(m_statement, column) == SQLITE_NULL; }

tl::expected<Database, StoreError> Database::open(const DatabaseOptions& options) {
    sqlite3* handle = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    const int code = sqlite3_open_v2(options.path.c_str(), &handle, flags, nullptr);
    Database database(handle);
    if (code != SQLITE_OK) return tl::unexpected(errorOf(code));
    std::error_code ignored;
    std::filesystem::permissions(options.path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write,
                                 ignored);
    sqlite3_busy_timeout(handle, static_cast<int>(options.busyTimeout.count()));
    std::string literal = rawKeyLiteral(options.key);
    const int keyed = sqlite3_key(handle, literal.data(), static_cast<int>(literal.size()));
    sodium_memzero(literal.data(), literal.size());
    if (keyed != SQLITE_OK) return tl::unexpected(StoreError::WrongKey);
    if (auto set = database.execute(cipherSettings); !set) return tl::unexpected(set.error());
    if (options.exclusive) {
        if (auto set = database.execute("PRAGMA locking_mode = EXCLUSIVE;"); !set) return tl::unexpected(set.error());
    }
    // The first read is where a wrong key or a rival's lock shows.
    if (auto read = database.schemaVersion(); !read) return tl::unexpected(read.error());
    auto set = database.execute(
        "PRAGMA journal_mode = WAL;"
        "PRAGMA synchronous = FULL;"
        "PRAGMA foreign_keys = ON;"
        "PRAGMA temp_store = MEMORY;"
        "PRAGMA wal_autocheckpoint = 4000;");
    if (!set) return tl::unexpected(set.error());
    if (options.exclusive) {
        // An empty write transaction takes the lock now rather than at the first record.
        if (auto locked = database.execute("BEGIN IMMEDIATE; COMMIT;"); !locked) {
            return tl::unexpected(locked.error());
        }
    }
    return database;
}

Database::Database(sqlite3* handle) : m_handle(handle), m_cache(std::make_shared<StatementCache>()) {}

Database::Database(Database&& other) noexcept
    : m_handle(std::exchange(other.m_handle, nullptr)),
      m_depth(std::exchange(other.m_depth, 0)),
      m_cache(std::move(other.m_cache)) {}

Database& Database::operator=(Database&& other) noexcept {
    if (this != &other) {
        if (m_cache) m_cache->close();
        sqlite3_close_v2(m_handle);
        m_handle = std::exchange(other.m_handle, nullptr);
        m_depth = std::exchange(other.m_depth, 0);
        m_cache = std::move(other.m_cache);
    }
    return *this;
}

Database::~Database() {
    if (m_cache) m_cache->close();
    sqlite3_close_v2(m_handle);
}

tl::expected<void, StoreError> Database::execute(const std::string& sql) {
    const int code = sqlite3_exec(m_handle, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return tl::unexpected(errorOf(code));
    return {};
}

tl::expected<Statement, StoreError> Database::prepare(std::string_view sql) {
    const bool kept = isKept(sql);
    if (kept) {
        if (sqlite3_stmt* const ready = m_cache->take(sql)) return Statement(ready, m_cache);
    }
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v2(m_handle, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
    if (code != SQLITE_OK) return tl::unexpected(errorOf(code));
    return Statement(statement, kept ? m_cache : nullptr);
}

tl::expected<void, StoreError> Database::begin() { return execute("BEGIN IMMEDIATE;"); }

tl::expected<void, StoreError> Database::commit() {
    auto done = execute("COMMIT;");
    if (!done) rollback();
    return done;
}

void Database::rollback() noexcept {
    if (inTransaction()) sqlite3_exec(m_handle, "ROLLBACK;", nullptr, nullptr, nullptr);
}

bool Database::inTransaction() const { return sqlite3_get_autocommit(m_handle) == 0; }

tl::expected<int64_t, StoreError> Database::pragmaInteger(std::string_view sql) {
    auto statement = prepare(sql);
    if (!statement) return tl::unexpected(statement.error());
    auto row = statement->step();
    if (!row) return tl::unexpected(row.error());
    return *row ? statement->integer(0) : 0;
}

tl::expected<int64_t, StoreError> Database::schemaVersion() {
    // user_version alone may be answered without authenticating a page: count the schema too.
    if (auto read = pragmaInteger("SELECT count(*) FROM sqlite_master;"); !read) return read;
    return pragmaInteger("PRAGMA user_version;");
}

tl::expected<void, StoreError> Database::migrate(std::span<const std::string_view> steps) {
    auto version = schemaVersion();
    if (!version) return tl::unexpected(version.error());
    if (*version < 0 || static_cast<size_t>(*version) > steps.size()) return tl::unexpected(StoreError::SchemaNewer);
    for (size_t next = static_cast<size_t>(*version); next < steps.size(); ++next) {
        auto transaction = Transaction::begin(*this);
        if (!transaction) return tl::unexpected(transaction.error());
        if (auto done = execute(std::string(steps[next])); !done) return done;
        if (auto done = execute("PRAGMA user_version = " + std::to_string(next + 1) + ";"); !done) return done;
        if (auto done = transaction->commit(); !done) return done;
    }
    return {};
}

tl::expected<std::vector<std::string>, StoreError> Database::integrityCheck() {
    std::vector<std::string> found;
    // Generation 3 has no cipher_integrity_check and answers nothing; it authenticates each page that it reads.
    for (const std::string_view sql : {"PRAGMA cipher_integrity_check;", "PRAGMA integrity_check;"}) {
        auto statement = prepare(sql);
        if (!statement) return tl::unexpected(statement.error());
        for (;;) {
            auto row = statement->step();
            if (!row) return tl::unexpected(row.error());
            if (!*row) break;
            if (statement->text(0) != "ok") found.emplace_back(statement->text(0));
        }
    }
    return found;
}

int64_t Database::lastRowId() const { return sqlite3_last_insert_rowid(m_handle); }
int64_t Database::changes() const { return sqlite3_changes(m_handle); }
std::string Database::lastMessage() const { return sqlite3_errmsg(m_handle); }

tl::expected<Transaction, StoreError> Transaction::begin(Database& database) {
    if (database.m_depth > 0 && !database.inTransaction()) return tl::unexpected(StoreError::Failed);
    auto begun = database.m_depth > 0 ? database.execute("SAVEPOINT part;") : database.begin();
    if (!begun) return tl::unexpected(begun.error());
    return Transaction(database);
}

Transaction::~Transaction() {
    if (m_database == nullptr) return;
    if (--m_database->m_depth == 0) {
        m_database->rollback();
    } else if (m_database->inTransaction()) {
        (void)m_database->execute("ROLLBACK TO part; RELEASE part;");
    }
}

tl::expected<void, StoreError> Transaction::commit() {
    Database* database = std::exchange(m_database, nullptr);
    if (--database->m_depth > 0) return database->execute("RELEASE part;");
    return database->commit();
}

}  // namespace netpas::store
