// What the books need of a database, whichever it is: one SQL text in the subset that SQLCipher and PostgreSQL share, with the
// few differences mended by the implementation. One thread owns a SqlDatabase and everything made from it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

#include "core/store/database.h"

namespace netpas::store {

// A prepared statement. Parameters ("?", numbered from 1) and columns (from 0) as in SQLite.
class SqlStatement {
public:
    class Backend {
    public:
        virtual ~Backend() = default;
        virtual void bind(int index, int64_t value) = 0;
        virtual void bind(int index, std::string_view text) = 0;
        virtual void bind(int index, std::span<const uint8_t> blob) = 0;
        virtual void bindNull(int index) = 0;
        [[nodiscard]] virtual tl::expected<bool, StoreError> step() = 0;
        [[nodiscard]] virtual tl::expected<void, StoreError> run() = 0;
        [[nodiscard]] virtual int64_t integer(int column) const = 0;
        [[nodiscard]] virtual std::string_view text(int column) const = 0;
        [[nodiscard]] virtual std::span<const uint8_t> blob(int column) const = 0;
        [[nodiscard]] virtual bool isNull(int column) const = 0;
    };

    explicit SqlStatement(std::unique_ptr<Backend> backend) : m_backend(std::move(backend)) {}

    SqlStatement& bind(int index, int64_t value) { return m_backend->bind(index, value), *this; }
    SqlStatement& bind(int index, std::string_view text) { return m_backend->bind(index, text), *this; }
    SqlStatement& bind(int index, std::span<const uint8_t> blob) { return m_backend->bind(index, blob), *this; }
    SqlStatement& bindNull(int index) { return m_backend->bindNull(index), *this; }

    // True while there is a row.
    [[nodiscard]] tl::expected<bool, StoreError> step() { return m_backend->step(); }
    // One step that expects no row, then ready to be bound again. A server may say only at commit() that it failed.
    [[nodiscard]] tl::expected<void, StoreError> run() { return m_backend->run(); }
    [[nodiscard]] int64_t integer(int column) const { return m_backend->integer(column); }
    // Views are valid until the next step, run or destruction.
    [[nodiscard]] std::string_view text(int column) const { return m_backend->text(column); }
    [[nodiscard]] std::span<const uint8_t> blob(int column) const { return m_backend->blob(column); }
    [[nodiscard]] bool isNull(int column) const { return m_backend->isNull(column); }

private:
    std::unique_ptr<Backend> m_backend;
};

class SqlDatabase {
public:
    class Backend {
    public:
        virtual ~Backend() = default;
        [[nodiscard]] virtual tl::expected<std::unique_ptr<SqlStatement::Backend>, StoreError> prepare(
            std::string_view sql) = 0;
        [[nodiscard]] virtual tl::expected<void, StoreError> begin() = 0;
        [[nodiscard]] virtual tl::expected<void, StoreError> commit() = 0;
        virtual void rollback() = 0;
        [[nodiscard]] virtual bool inTransaction() const = 0;
        [[nodiscard]] virtual tl::expected<void, StoreError> migrate(std::span<const std::string_view> steps) = 0;
        [[nodiscard]] virtual std::string lastMessage() const = 0;
    };

    explicit SqlDatabase(std::unique_ptr<Backend> backend) : m_backend(std::move(backend)) {}
    // The embedded one.
    explicit SqlDatabase(Database database);

    [[nodiscard]] tl::expected<SqlStatement, StoreError> prepare(std::string_view sql);
    [[nodiscard]] tl::expected<void, StoreError> begin() { return m_backend->begin(); }
    // What it has returned for survives a power cut. When it fails, nothing of the transaction counts: whether the database
    // kept it all the same (the connection was lost in between) is seen by reading it anew.
    [[nodiscard]] tl::expected<void, StoreError> commit() { return m_backend->commit(); }
    // Also what a lost connection waits for before it is made anew: nobody goes on as if nothing had happened.
    void rollback() { m_backend->rollback(); }
    [[nodiscard]] bool inTransaction() const { return m_backend->inTransaction(); }
    // As Database::migrate; types and keys are written as for SQLite.
    [[nodiscard]] tl::expected<void, StoreError> migrate(std::span<const std::string_view> steps) {
        return m_backend->migrate(steps);
    }
    [[nodiscard]] std::string lastMessage() const { return m_backend->lastMessage(); }

private:
    std::unique_ptr<Backend> m_backend;
};

}  // namespace netpas::store
