// The same tests for books in the embedded database and in PostgreSQL: NETPAS_TEST_DATABASE=postgres chooses.
#pragma once

#include "core/crypto/hex.h"
#include "tests/core/books_opener.h"
#include "tests/core/postgres_server.h"

namespace netpas::accounting::test {

inline bool onPostgres() { return qEnvironmentVariable("NETPAS_TEST_DATABASE") == "postgres"; }

// One for all tests of the program. Null when there is none; `reason` says why.
inline netpas::test::PostgresServer* postgresServer(std::string* reason = nullptr) {
    static std::string why;
    static const auto server = netpas::test::PostgresServer::start(why);
    if (reason != nullptr) *reason = why;
    return server.get();
}

// A database for each path, as there would be a file.
inline std::string databaseFor(const std::filesystem::path& path) {
    const std::string text = path.string();
    const auto hash = blake2b256({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    return "b" + toHex({hash.data(), 16});
}

inline tl::expected<Books, store::StoreError> openOnServer(const Books::Options& options, SystemTime now) {
    auto database = store::openPostgres({postgresServer()->database(databaseFor(options.path))});
    if (!database) {
        qWarning("%s", database.error().text.c_str());
        return tl::unexpected(database.error().error);
    }
    return Books::open(std::move(*database), options, now);
}

inline const bool chosen = [] {
    if (onPostgres()) booksOpener() = openOnServer;
    return true;
}();

}  // namespace netpas::accounting::test

// In initTestCase: without the server that was asked for there is nothing to test.
#define NETPAS_NEED_DATABASE()                                                                              \
    do {                                                                                                    \
        std::string reason;                                                                                 \
        if (netpas::accounting::test::onPostgres() && !netpas::accounting::test::postgresServer(&reason)) { \
            QSKIP(reason.c_str());                                                                          \
        }                                                                                                   \
    } while (false)
