#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include <QTemporaryDir>
#include <QtTest>
#include <array>

#include "core/store/database.h"
#include "core/store/snapshot.h"

using namespace netpas::store;

namespace {

constexpr std::array<std::string_view, 1> firstSteps{"CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c BLOB UNIQUE);"};
constexpr std::array<std::string_view, 2> bothSteps{firstSteps[0], "ALTER TABLE t ADD COLUMN d INTEGER;"};

struct Folder {
    std::filesystem::path file(const char* name) const { return (folder.path() + "/" + name).toStdString(); }
    DatabaseOptions options(uint8_t key = 1) const {
        DatabaseOptions out;
        out.path = file("test.db");
        out.key.fill(key);
        out.busyTimeout = std::chrono::milliseconds(50);
        return out;
    }
    QTemporaryDir folder;
};

int64_t countRows(Database& database) {
    auto statement = database.prepare("SELECT count(*) FROM t");
    return statement && statement->step().value_or(false) ? statement->integer(0) : -1;
}

mode_t modeOf(const std::filesystem::path& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
}

}  // namespace

class TestStore : public QObject {
    Q_OBJECT

private slots:
    void valuesComeBackAsTheyWereWritten() {
        Folder f;
        auto database = Database::open(f.options());
        QVERIFY(database.has_value());
        QVERIFY(database->migrate(firstSteps).has_value());
        auto insert = database->prepare("INSERT INTO t (a, b, c) VALUES (?, ?, ?)");
        QVERIFY(insert.has_value());
        const std::vector<uint8_t> blob{0, 1, 255};
        insert->bind(1, INT64_MIN).bind(2, std::string_view("ü\0x", 4)).bind(3, std::span(blob));
        QVERIFY(insert->run().has_value());
        insert->bind(1, int64_t{2}).bind(2, std::string_view("")).bindNull(3);
        QVERIFY(insert->run().has_value());
        auto select = database->prepare("SELECT a, b, c FROM t ORDER BY a");
        QVERIFY(select->step().value());
        QCOMPARE(select->integer(0), INT64_MIN);
        QCOMPARE(select->text(1), std::string_view("ü\0x", 4));
        QVERIFY(std::ranges::equal(select->blob(2), blob));
        QVERIFY(select->step().value());
        QVERIFY(!select->isNull(1));
        QVERIFY(select->isNull(2));
        QVERIFY(!select->step().value());
    }

    void aTextThatIsPreparedAgainBeginsAnew() {
        Folder f;
        auto database = Database::open(f.options());
        QVERIFY(database->migrate(firstSteps).has_value());
        constexpr std::string_view insert = "INSERT INTO t (a, b, c) VALUES (?, ?, ?)";
        for (const int64_t value : {1, 2, 3}) {
            auto statement = database->prepare(insert);
            // The third value is not bound the second time: nothing is left of the first.
            statement->bind(1, value).bind(2, std::string_view("x"));
            if (value == 1) statement->bind(3, std::span<const uint8_t>(std::array<uint8_t, 1>{7}));
            QVERIFY(statement->run().has_value());
        }
        constexpr std::string_view select = "SELECT a, c FROM t ORDER BY a";
        {
            auto half = database->prepare(select);
            QVERIFY(half->step().value());
            auto other = database->prepare(select);  // while the first is in use
            QVERIFY(other->step().value());
            QVERIFY(half->step().value());
            QCOMPARE(other->integer(0), int64_t{1});
            QCOMPARE(half->integer(0), int64_t{2});
            QVERIFY(half->isNull(1));
        }
        auto again = database->prepare(select);
        QVERIFY(again->step().value());
        QCOMPARE(again->integer(0), int64_t{1});
        // More texts than are kept, and a table that is gone.
        for (int i = 0; i < 200; ++i) {
            auto one = database->prepare("SELECT " + std::to_string(i) + " FROM t");
            QVERIFY(one && one->step().value());
            QCOMPARE(one->integer(0), int64_t{i});
        }
        again->reset();
        QVERIFY(database->execute("DROP TABLE t;").has_value());
        auto gone = database->prepare(select);
        QVERIFY(!gone || !gone->step());
    }

    void aStatementMayOutliveItsDatabase() {
        Folder f;
        auto database = Database::open(f.options());
        QVERIFY(database->migrate(firstSteps).has_value());
        auto statement = database->prepare("SELECT count(*) FROM t");
        QVERIFY(statement->step().value());
        database = tl::unexpected(StoreError::Failed);
        QCOMPARE(statement->integer(0), int64_t{0});
    }

    void everyUniquenessViolationIsAConstraintError() {
        Folder f;
        auto database = Database::open(f.options());
        QVERIFY(database->migrate(firstSteps).has_value());
        QVERIFY(database->execute("INSERT INTO t (a) VALUES (1);").has_value());
        QCOMPARE(database->execute("INSERT INTO t (a) VALUES (1);").error(), StoreError::Constraint);
        auto wrongIndex = database->prepare("SELECT 1");
        wrongIndex->bind(7, int64_t{1});
        QCOMPARE(wrongIndex->step().error(), StoreError::Failed);
    }

    void fileIsEncryptedAndOpensOnlyWithItsKey() {
        Folder f;
        {
            auto database = Database::open(f.options());
            QVERIFY(database->migrate(firstSteps).has_value());
            QVERIFY(database->execute("INSERT INTO t (b) VALUES ('a secret that must not be seen');").has_value());
        }
        std::ifstream in(f.file("test.db"), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
        QVERIFY(bytes.size() >= 4096);
        QVERIFY(bytes.find("secret") == std::string::npos);
        QVERIFY(bytes.find("SQLite format") == std::string::npos);
        QCOMPARE(modeOf(f.file("test.db")), mode_t{0600});
        const auto wrong = Database::open(f.options(2));
        QVERIFY(!wrong.has_value());
        QCOMPARE(wrong.error(), StoreError::WrongKey);
        auto right = Database::open(f.options());
        QVERIFY(right.has_value());
        QCOMPARE(countRows(*right), int64_t{1});
    }

    void damagedPageIsNoticed() {
        Folder f;
        {
            auto database = Database::open(f.options());
            QVERIFY(database->migrate(firstSteps).has_value());
            QVERIFY(database->execute("BEGIN; INSERT INTO t (b) VALUES (hex(randomblob(9000))); COMMIT;").has_value());
        }
        {
            std::fstream file(f.file("test.db"), std::ios::in | std::ios::out | std::ios::binary);
            file.seekg(4096 * 4 + 100);
            const auto byte = static_cast<char>(file.get() ^ 1);
            file.seekp(4096 * 4 + 100);
            file.put(byte);
        }
        auto database = Database::open(f.options());
        const bool noticed = !database || !database->execute("SELECT group_concat(b) FROM t;");
        QVERIFY(noticed);
    }

    void secondOpenerIsToldThatItIsInUse() {
        Folder f;
        auto first = Database::open(f.options());
        QVERIFY(first.has_value());
        const auto second = Database::open(f.options());
        QVERIFY(!second.has_value());
        QCOMPARE(second.error(), StoreError::InUse);
        { auto gone = std::move(*first); }
        QVERIFY(Database::open(f.options()).has_value());
    }

    void uncommittedTransactionIsRolledBack() {
        Folder f;
        auto database = Database::open(f.options());
        QVERIFY(database->migrate(firstSteps).has_value());
        {
            auto transaction = Transaction::begin(*database);
            QVERIFY(transaction.has_value());
            QVERIFY(database->execute("INSERT INTO t (a) VALUES (1);").has_value());
        }
        QVERIFY(!database->inTransaction());
        QCOMPARE(countRows(*database), int64_t{0});
        auto transaction = Transaction::begin(*database);
        QVERIFY(database->execute("INSERT INTO t (a) VALUES (1);").has_value());
        QVERIFY(transaction->commit().has_value());
        QCOMPARE(countRows(*database), int64_t{1});
    }

    void migrationsRunOnceAndANewerSchemaIsRefused() {
        Folder f;
        {
            auto database = Database::open(f.options());
            QVERIFY(database->migrate(firstSteps).has_value());
            QVERIFY(database->migrate(firstSteps).has_value());
            QCOMPARE(database->schemaVersion().value(), int64_t{1});
            QVERIFY(database->execute("INSERT INTO t (a) VALUES (5);").has_value());
        }
        {
            auto database = Database::open(f.options());
            QVERIFY(database->migrate(bothSteps).has_value());
            QCOMPARE(database->schemaVersion().value(), int64_t{2});
            QVERIFY(database->execute("UPDATE t SET d = 7 WHERE a = 5;").has_value());
        }
        auto older = Database::open(f.options());
        QCOMPARE(older->migrate(firstSteps).error(), StoreError::SchemaNewer);
    }

    void failedMigrationLeavesTheOldVersion() {
        Folder f;
        auto database = Database::open(f.options());
        constexpr std::array<std::string_view, 2> broken{firstSteps[0], "CREATE TABLE u (a); CREATE TABLE u (a);"};
        QVERIFY(!database->migrate(broken).has_value());
        QCOMPARE(database->schemaVersion().value(), int64_t{1});
        QVERIFY(!database->execute("SELECT * FROM u;").has_value());
    }

    // A child commits, tells so, keeps writing, and is killed: what it told is there, and the file is whole.
    void killedWriterLosesNothingThatItCommitted() {
        Folder f;
        {
            auto database = Database::open(f.options());
            QVERIFY(database->migrate(firstSteps).has_value());
        }
        int pipe[2];
        QCOMPARE(::pipe(pipe), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            auto database = Database::open(f.options());
            for (int64_t i = 1;; ++i) {
                const std::string row =
                    "INSERT INTO t (a, b) VALUES (" + std::to_string(i) + ", hex(randomblob(500)));";
                if (!database || !database->begin() || !database->execute(row) || !database->commit()) ::_exit(1);
                if (::write(pipe[1], &i, sizeof i) != sizeof i) ::_exit(1);
            }
        }
        ::close(pipe[1]);
        int64_t told = 0;
        while (told < 300 && ::read(pipe[0], &told, sizeof told) == sizeof told) {
        }
        ::kill(child, SIGKILL);
        for (int64_t last = 0; ::read(pipe[0], &last, sizeof last) == sizeof last;) told = last;
        ::close(pipe[0]);
        int status = 0;
        ::waitpid(child, &status, 0);
        QVERIFY(WIFSIGNALED(status));
        QVERIFY(told >= 300);
        auto database = Database::open(f.options());
        QVERIFY(database.has_value());
        const int64_t rows = countRows(*database);
        QVERIFY(rows == told || rows == told + 1);
        auto check = database->prepare("PRAGMA integrity_check");
        QVERIFY(check->step().value());
        QCOMPARE(check->text(0), std::string_view("ok"));
    }

    void fullDiskIsAnErrorAndKeepsNothingOfTheTransaction() {
        Folder f;
        auto database = Database::open(f.options());
        QVERIFY(database->migrate(firstSteps).has_value());
        QVERIFY(database->execute("PRAGMA max_page_count = 20;").has_value());
        QVERIFY(database->begin().has_value());
        QVERIFY(database->execute("INSERT INTO t (a) VALUES (1);").has_value());
        QCOMPARE(database->execute("INSERT INTO t (b) VALUES (hex(randomblob(200000)));").error(), StoreError::Full);
        database->rollback();
        QCOMPARE(countRows(*database), int64_t{0});
        QVERIFY(database->execute("INSERT INTO t (a) VALUES (1);").has_value());
    }

    void aSnapshotIsWholeWhileItsSourceGoesOn() {
        Folder f;
        auto database = Database::open(f.options());
        QVERIFY(database->migrate(firstSteps).has_value());
        QVERIFY(database->execute("INSERT INTO t (b) VALUES (hex(randomblob(400000)));").has_value());
        DatabaseOptions options = f.options(9);
        options.path = f.file("copy.db");
        {
            auto snapshot = Snapshot::begin(*database, options.path, options.key);
            QVERIFY(snapshot.has_value());
            int steps = 0;
            for (;;) {
                const auto done = snapshot->step(20);
                QVERIFY2(done.has_value(), done ? "" : describe(done.error()).data());
                if (*done) break;
                if (++steps <= 3) {
                    QVERIFY(database->execute("INSERT INTO t (b) VALUES ('meanwhile');").has_value());
                }
            }
            QVERIFY(steps > 3);
        }
        QVERIFY(!std::filesystem::exists(f.file("copy.db-wal")));
        QCOMPARE(Snapshot::begin(*database, options.path, options.key).error(), StoreError::Constraint);
        auto copy = Database::open(options);
        QVERIFY(copy.has_value());
        QCOMPARE(countRows(*copy), int64_t{4});
        QCOMPARE(copy->schemaVersion().value(), int64_t{1});
        QVERIFY(copy->integrityCheck()->empty());
        QCOMPARE(countRows(*database), int64_t{4});
        options.key.fill(1);
        options.path = f.file("copy.db");
        copy = tl::unexpected(StoreError::Failed);
        QCOMPARE(Database::open(options).error(), StoreError::WrongKey);
    }

    void nestedTransactionsAreKeptWithTheOutermostOnly() {
        Folder f;
        auto database = Database::open(f.options());
        QVERIFY(database->migrate(firstSteps).has_value());
        {
            auto outer = Transaction::begin(*database);
            {
                auto inner = Transaction::begin(*database);
                QVERIFY(database->execute("INSERT INTO t (a) VALUES (1);").has_value());
            }
            {
                auto inner = Transaction::begin(*database);
                QVERIFY(database->execute("INSERT INTO t (a) VALUES (2);").has_value());
                QVERIFY(inner->commit().has_value());
            }
            QCOMPARE(countRows(*database), int64_t{1});
        }
        QCOMPARE(countRows(*database), int64_t{0});
        // Given up from within by SQLCipher: what comes after in the same transaction fails too.
        QVERIFY(database->execute("PRAGMA max_page_count = 20;").has_value());
        {
            auto outer = Transaction::begin(*database);
            QCOMPARE(database->execute("INSERT INTO t (b) VALUES (hex(randomblob(200000)));").error(),
                     StoreError::Full);
            if (!database->inTransaction()) {
                QCOMPARE(Transaction::begin(*database).error(), StoreError::Failed);
                QVERIFY(!outer->commit().has_value());
            }
        }
        QVERIFY(Transaction::begin(*database)->commit().has_value());
    }

    void keyFileIsMadeOnceAndPrivate() {
        Folder f;
        const auto first = loadOrCreateKey(f.file("db.key"));
        QVERIFY(first.has_value());
        QCOMPARE(modeOf(f.file("db.key")), mode_t{0600});
        QCOMPARE(std::distance(std::filesystem::directory_iterator(f.folder.path().toStdString()), {}),
                 std::ptrdiff_t{1});
        const auto second = loadOrCreateKey(f.file("db.key"));
        QVERIFY(second == first);
        QVERIFY(*loadOrCreateKey(f.file("other.key")) != *first);
    }

    void keyFileThatOthersMayReadOrOfAnotherSizeIsRefused() {
        Folder f;
        QVERIFY(loadOrCreateKey(f.file("db.key")).has_value());
        QCOMPARE(::chmod(f.file("db.key").c_str(), 0640), 0);
        QCOMPARE(loadOrCreateKey(f.file("db.key")).error(), StoreError::KeyFile);
        QCOMPARE(::chmod(f.file("db.key").c_str(), 0600), 0);
        std::filesystem::resize_file(f.file("db.key"), 31);
        QCOMPARE(loadOrCreateKey(f.file("db.key")).error(), StoreError::KeyFile);
        QCOMPARE(loadOrCreateKey("/nonexistent/db.key").error(), StoreError::KeyFile);
        std::filesystem::create_symlink(f.file("elsewhere"), f.file("link.key"));
        QCOMPARE(loadOrCreateKey(f.file("link.key")).error(), StoreError::KeyFile);
    }
};

QTEST_APPLESS_MAIN(TestStore)
#include "test_store.moc"
