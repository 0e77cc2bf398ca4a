// PostgreSQL behind store/sql.h, for books that outgrow one machine. The server keeps what it has acknowledged
// (synchronous_commit, fsync), and an advisory lock lets one writer at a time into a schema.
#pragma once

#include <chrono>
#include <string>

#include "core/store/sql.h"

namespace netpas::store {

struct PostgresProblem {
    StoreError error{};
    std::string text;  // for people, with the server's own words
};

// "postgresql://…", "postgres://…": a connection string, and not a file.
[[nodiscard]] bool isPostgres(std::string_view database);

struct PostgresOptions {
    std::string connection;  // libpq's connection string
    // How long to wait for the lock of a writer that has just died.
    std::chrono::milliseconds patience{3000};
};
[[nodiscard]] tl::expected<SqlDatabase, PostgresProblem> openPostgres(const PostgresOptions& options);

}  // namespace netpas::store
