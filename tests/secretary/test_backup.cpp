#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QTemporaryDir>
#include <QtTest>
#include <fstream>
#include <set>

#include "core/crypto/identity.h"
#include "secretary/vault/backup.h"
#include "secretary/vault/identity_store.h"
#include "tests/core/ledger_fixture.h"

using namespace netpas;
using namespace netpas::secretary;
namespace fs = std::filesystem;

namespace {

constexpr Argon2Cost cheap{1, 1024};

template <typename Result>
void must(const Result& result) {
    if (!result) qFatal("the test's own preparation failed");
}
constexpr SystemTime now = ledger::ledgerStart;

SecretText passphrase(const char* text = "backup passphrase") { return SecretText(std::string_view(text)); }

DataKey dataKey(uint8_t fill = 5) {
    DataKey key;
    key.bytes().fill(fill);
    return key;
}

// A secretary's folder with a book of `purchases` settled purchases, and one that is not settled.
struct Home {
    QTemporaryDir temporary;
    StateFolder folder{temporary.path().toStdString()};
    std::unique_ptr<ledger::Ledger> ledger;

    void open(uint8_t key = 5) {
        ledger.reset();
        auto opened = ledger::Ledger::open(folder.database(), dataKey(key).bytes());
        if (!opened) qFatal("%s", ledger::describe(opened.error()).data());
        ledger = std::move(*opened);
    }
    void fill(int purchases, size_t ballast = 0) {
        for (int i = 0; i < purchases; ++i) {
            const PurchaseId id = ledger->begin(ledger::request(), now)->id;
            const SessionKeyId key{static_cast<uint32_t>(id.value())};
            must(ledger->reserve(id, key, ledger::pathOfTwo(), "rule 1", now));
            ledger::Settlement settlement;
            settlement.charged = ledger::dollars("0.01");
            if (i + 1 < purchases) must(ledger->settle(id, settlement, now));
        }
        must(ledger->documents().put({"rule", "1", Bytes(ballast + 3, 7)}));
    }
    BackupResult<BackupManifest> backup(const fs::path& to, bool withIdentity = false) {
        auto snapshot = BackupSnapshot::begin(*ledger, folder, withIdentity);
        if (!snapshot) return tl::unexpected(snapshot.error());
        for (;;) {
            const auto done = snapshot->step(16);
            if (!done) return tl::unexpected(done.error());
            if (*done) break;
        }
        auto manifest = sealBackup(*snapshot, folder, passphrase(), cheap, now);
        if (manifest) fs::rename(folder.sealed(), to);
        return manifest;
    }
    [[nodiscard]] std::set<std::string> files() const {
        std::set<std::string> names;
        for (const auto& entry : fs::directory_iterator(folder.root)) names.insert(entry.path().filename());
        return names;
    }
};

std::string contentOf(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

class TestBackup : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void everythingComesBackOnAnotherMachine() {
        Home old, fresh;
        old.open();
        old.fill(3, 300'000);
        must(loadOrCreateSeed(old.ledger->documents(), old.folder.oldIdentity()));
        const fs::path file = fresh.folder.root / "netpas.backup";
        const auto manifest = old.backup(file);
        QVERIFY2(manifest, manifest ? "" : manifest.error().message.c_str());
        QVERIFY(!manifest->withIdentity);
        QVERIFY(!old.files().contains("snapshot.db"));

        const auto plan = prepareRestore(file, fresh.folder, passphrase(), dataKey(6), nullptr);
        QVERIFY2(plan, plan ? "" : plan.error().message.c_str());
        QCOMPARE(plan->purchases, uint64_t{3});
        QCOMPARE(plan->unsettled, uint64_t{1});
        QVERIFY(plan->needsIdentity);
        QVERIFY(commitRestore(fresh.folder));
        fresh.open(6);
        QCOMPARE(fresh.ledger->history(std::nullopt, 10)->size(), size_t{3});
        QCOMPARE(fresh.ledger->wallet()->debitsPosted, ledger::dollars("0.02"));
        QCOMPARE(*fresh.ledger->reserved(), ledger::dollars("0.05"));
        QCOMPARE(fresh.ledger->documents().all("rule")->front().body.size(), size_t{300'003});
        QVERIFY(fresh.ledger->documents().all(identityKind)->empty());
        QVERIFY(fresh.ledger->check()->empty());
    }

    void theIdentityIsInTheBackupOnlyWhenAskedFor() {
        Home home;
        home.open();
        home.fill(1);
        const auto seed = loadOrCreateSeed(home.ledger->documents(), home.folder.oldIdentity());
        const fs::path with = home.folder.root / "with", without = home.folder.root / "without";
        QVERIFY(home.backup(with, true)->withIdentity);
        QVERIFY(home.backup(without));
        Home fresh;
        QVERIFY(!prepareRestore(with, fresh.folder, passphrase(), dataKey(), nullptr)->needsIdentity);
        // The present identity stays when the backup has none.
        Home present;
        present.open();
        const auto kept = loadOrCreateSeed(present.ledger->documents(), present.folder.oldIdentity());
        const auto plan = prepareRestore(without, present.folder, passphrase(), dataKey(), &*kept);
        QVERIFY(plan->keepsIdentity);
        present.ledger.reset();
        QVERIFY(commitRestore(present.folder));
        present.open();
        const auto after = loadOrCreateSeed(present.ledger->documents(), present.folder.oldIdentity());
        QVERIFY(after->bytes() == kept->bytes());
        QVERIFY(after->bytes() != seed->bytes());
    }

    void aWrongPassphraseAndEveryDamageAreToldAndChangeNothing() {
        Home home;
        home.open();
        home.fill(2, 200'000);
        const fs::path file = home.folder.root / "netpas.backup";
        QVERIFY(home.backup(file));
        const std::string good = contentOf(file);
        const auto before = home.files();
        const auto refused = [&](const std::string& content, const char* pass = "backup passphrase") {
            std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
            const auto plan = prepareRestore(file, home.folder, passphrase(pass), dataKey(), nullptr);
            return plan ? std::string("accepted") : plan.error().message;
        };
        QVERIFY(refused(good, "another passphrase").find("not the passphrase") != std::string::npos);
        QVERIFY(refused("").find("no backup") != std::string::npos);
        QVERIFY(refused(good.substr(0, 40)).find("no backup") != std::string::npos);
        QVERIFY(refused(good.substr(0, good.size() - 1)).find("damaged") != std::string::npos);
        // Cut exactly between two chunks.
        QVERIFY(refused(good.substr(0, 56 + 2 * 65553)).find("damaged") != std::string::npos);
        QVERIFY(refused(good + "x").find("damaged") != std::string::npos);
        for (const size_t at : {size_t{12}, size_t{30}, size_t{50}, size_t{60}, good.size() / 2, good.size() - 1}) {
            std::string changed = good;
            changed[at] = static_cast<char>(changed[at] ^ 1);
            QVERIFY(refused(changed) != "accepted");
        }
        std::string swapped = good;  // two chunks change places
        std::swap_ranges(swapped.begin() + 56 + 65553, swapped.begin() + 56 + 2 * 65553, swapped.begin() + 56);
        QVERIFY(refused(swapped) != "accepted");
        QCOMPARE(home.files(), before);
        QVERIFY(home.ledger->check()->empty());
        QCOMPARE(refused(good), std::string("accepted"));
    }

    void aBookThatDoesNotAddUpIsNotRestored() {
        Home home;
        home.open();
        home.fill(2);
        home.ledger.reset();
        {
            store::DatabaseOptions options;
            options.path = home.folder.database();
            options.key = dataKey().bytes();
            QVERIFY(store::Database::open(options)->execute("UPDATE account SET debits_posted = debits_posted + 1"));
        }
        home.open();
        const fs::path file = home.folder.root / "netpas.backup";
        QVERIFY(home.backup(file));
        Home fresh;
        const auto plan = prepareRestore(file, fresh.folder, passphrase(), dataKey(), nullptr);
        QVERIFY(plan.error().message.find("does not add up") != std::string::npos);
        QVERIFY(fresh.files().empty());
    }

    void purchasesGoOnWhileTheBackupIsMade() {
        Home home;
        home.open();
        home.fill(2, 900'000);
        auto snapshot = BackupSnapshot::begin(*home.ledger, home.folder, false);
        QVERIFY(snapshot);
        for (int i = 0; !*snapshot->step(40); ++i) {
            if (i < 3) QVERIFY(home.ledger->begin(ledger::request(), now));
        }
        QVERIFY(sealBackup(*snapshot, home.folder, passphrase(), cheap, now));
        Home fresh;
        QCOMPARE(prepareRestore(home.folder.sealed(), fresh.folder, passphrase(), dataKey(), nullptr)->purchases,
                 uint64_t{5});
    }

    // At every point of backup, preparation and commit: the book is the old one or the new one, whole.
    void aKillInTheMiddleLeavesTheOldBookOrTheNewOne() {
        Home source;
        source.open();
        source.fill(5, 400'000);
        const fs::path file = source.folder.root / "netpas.backup";
        QVERIFY(source.backup(file));
        int replaced = 0, kept = 0;
        for (int round = 0; round < 25 || kept == 0 || replaced < 3; ++round) {
            Home home;
            home.open();
            home.fill(1);
            home.ledger.reset();
            const pid_t child = ::fork();
            QVERIFY(child >= 0);
            if (child == 0) {
                home.open();
                (void)home.backup(home.folder.root / "mine");
                const auto plan = prepareRestore(file, home.folder, passphrase(), dataKey(), nullptr);
                home.ledger.reset();
                if (plan) (void)commitRestore(home.folder);
                for (;;) ::pause();
            }
            ::usleep(static_cast<useconds_t>(3000 * round));
            ::kill(child, SIGKILL);
            ::waitpid(child, nullptr, 0);
            QVERIFY(tidy(home.folder));
            for (const char* left : {"snapshot.db", "snapshot.sealed", "restored.db", "restored.commit"}) {
                QVERIFY2(!home.files().contains(left), left);
            }
            home.open();
            const size_t purchases = home.ledger->history(std::nullopt, 10)->size();
            QVERIFY(purchases == 1 || purchases == 5);
            (purchases == 5 ? replaced : kept) += 1;
            QVERIFY(home.ledger->integrityCheck()->empty());
            QVERIFY(home.ledger->check()->empty());
        }
        QVERIFY(kept > 0 && replaced > 0);
    }

    // Each step of the exchange may be the last one before a crash.
    void anInterruptedExchangeIsFinishedAtTheNextStart() {
        for (const int stop : {0, 1, 2}) {
            Home home;
            home.open();
            home.fill(5);
            const fs::path file = home.folder.root / "netpas.backup";
            QVERIFY(home.backup(file));
            QVERIFY(prepareRestore(file, home.folder, passphrase(), dataKey(), nullptr));
            home.fill(2);  // what the restore will lose
            // The old database with a log that was not written back, as a kill leaves it.
            const std::string log = contentOf(home.folder.database().string() + "-wal");
            home.ledger.reset();
            std::ofstream(home.folder.database().string() + "-wal", std::ios::binary) << log;
            std::ofstream(home.folder.restoreMark()) << "restore\n";
            if (stop >= 1) {
                fs::rename(home.folder.database().string() + "-wal", home.folder.replaced().string() + "-wal");
            }
            if (stop >= 2) fs::rename(home.folder.database(), home.folder.replaced());
            QVERIFY(tidy(home.folder));
            home.open();
            QCOMPARE(home.ledger->history(std::nullopt, 10)->size(), size_t{5});
            QVERIFY(home.ledger->check()->empty());
            QVERIFY(fs::exists(home.folder.replaced()));
            QVERIFY(!fs::exists(home.folder.restoreMark()));
        }
    }

    void aFullDiskIsToldAndNothingIsLost() {
        const pid_t child = ::fork();
        QVERIFY(child >= 0);
        if (child == 0) ::_exit(onAFullDisk());
        int status = 0;
        ::waitpid(child, &status, 0);
        if (WEXITSTATUS(status) == 77) QSKIP("needs root for a small file system of its own");
        QCOMPARE(WEXITSTATUS(status), 0);
    }

    void theFirstReleasesFilesAreTakenOver() {
        QTemporaryDir temporary;
        const fs::path stateDir = temporary.path().toStdString();
        const StateFolder folder{stateDir / "secretary"};
        fs::create_directory(folder.root);
        const auto key = store::loadOrCreateKey(stateDir / "ledger.key");
        {
            auto ledger = ledger::Ledger::open(stateDir / "ledger.db", *key);
            QVERIFY((*ledger)->begin(ledger::request(), now));
        }
        QVERIFY(Identity::loadOrCreate(stateDir / "identity.key"));
        QVERIFY(adoptFirstRelease(stateDir, folder));
        QVERIFY(adoptFirstRelease(stateDir, folder));
        ManualClock clock;
        const auto vault = Vault::open(folder.vault(), clock);
        auto ledger = ledger::Ledger::open(folder.database(), vault->key()->bytes());
        QVERIFY(ledger);
        QCOMPARE((*ledger)->history(std::nullopt, 10)->size(), size_t{1});
        QVERIFY(fs::exists(folder.oldIdentity()));
        QVERIFY(!fs::exists(stateDir / "ledger.db"));
    }

private:
    static int onAFullDisk() {
        Home home;
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("tmpfs", home.folder.root.c_str(), "tmpfs", 0, "size=3m") != 0) {
            return 77;
        }
        home.open();
        home.fill(3, 1'000'000);
        const auto backup = home.backup(home.folder.root / "netpas.backup");
        if (backup || backup.error().message.find("free ") == std::string::npos) {
            std::fprintf(stderr, "%s\n", backup ? "the backup fitted" : backup.error().message.c_str());
            return 1;
        }
        const auto files = home.files();
        if (files.contains("snapshot.sealed")) return 2;
        if (!home.ledger->check()->empty()) return 3;
        if (!home.ledger->begin(ledger::request(), now)) return 4;
        home.ledger.reset();
        const bool tidied = tidy(home.folder) && !home.files().contains("snapshot.db");
        ::umount2(home.folder.root.c_str(), MNT_DETACH);
        return tidied ? 0 : 5;
    }
};

QTEST_GUILESS_MAIN(TestBackup)
#include "test_backup.moc"
