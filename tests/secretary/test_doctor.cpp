#include <sys/stat.h>

#include <QTemporaryDir>
#include <QtTest>
#include <fstream>

#include "core/crypto/identity.h"
#include "secretary/vault/doctor.h"
#include "secretary/vault/private_file.h"
#include "tests/core/ledger_fixture.h"

using namespace netpas;
using namespace netpas::secretary;
namespace fs = std::filesystem;

namespace {

constexpr SystemTime now{std::chrono::hours{24} * 365 * 57};

struct Home {
    QTemporaryDir temporary;
    StateFolder folder{temporary.path().toStdString()};
    ManualClock clock{now};
    std::array<uint8_t, 32> key{};

    Home() {
        ::chmod(folder.root.c_str(), 0700);
        const auto vault = Vault::open(folder.vault(), clock);
        if (!vault) qFatal("cannot open the vault");
        key = vault->key()->bytes();
    }
    [[nodiscard]] std::unique_ptr<ledger::Ledger> open() const {
        auto opened = ledger::Ledger::open(folder.database(), key);
        return opened ? std::move(*opened) : nullptr;
    }
};

// The findings of one check that are not good.
std::string problems(const std::vector<Finding>& findings, const char* check) {
    std::string text;
    for (const Finding& finding : findings) {
        if (finding.check != check || finding.level == Finding::Level::Good) continue;
        if (finding.remedy.empty()) return "no remedy for: " + finding.message;
        text += finding.message + "; ";
    }
    return text;
}

}  // namespace

class TestDoctor : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void aHealthyHomeIsCalledSo() {
        Home home;
        const auto book = home.open();
        QVERIFY(book->begin(ledger::request(), now));
        QCOMPARE(worst(examineFolder(home.folder)), Finding::Level::Good);
        QCOMPARE(worst(examineLedger(*book, now)), Finding::Level::Good);
    }

    void filesThatOthersMayReadAreNamed() {
        Home home;
        QCOMPARE(::chmod(home.folder.vault().keyFile.c_str(), 0644), 0);
        const auto found = examineFolder(home.folder);
        QCOMPARE(worst(found), Finding::Level::Bad);
        QVERIFY(problems(found, "permissions").find("secretary.key") != std::string::npos);
    }

    void aMissingKeyAndASpoiltVaultAreNamed() {
        Home home;
        QVERIFY(home.open());
        QVERIFY(destroyPrivateFile(home.folder.vault().keyFile));
        QVERIFY(problems(examineFolder(home.folder), "vault").find("its key is not") != std::string::npos);
        const std::array<uint8_t, 4> rubbish{1, 2, 3, 4};
        QVERIFY(writePrivateFile(home.folder.vault().vault, rubbish));
        QVERIFY(problems(examineFolder(home.folder), "vault").find("damaged") != std::string::npos);
    }

    void aClockThatWasSetBackIsNoticed() {
        Home home;
        const auto book = home.open();
        QVERIFY(book->begin(ledger::request(), now));
        QCOMPARE(problems(examineLedger(*book, now - std::chrono::minutes{1}), "clock"), std::string());
        QVERIFY(problems(examineLedger(*book, now - std::chrono::hours{1}), "clock").find("set back") !=
                std::string::npos);
        QVERIFY(problems(examineLedger(*book, SystemTime{}), "clock").find("1970") != std::string::npos);
    }

    void aDamagedDatabaseIsFoundAndNeverSpentFrom() {
        Home home;
        {
            const auto book = home.open();
            QVERIFY(book->documents().put({"rule", "1", Bytes(200'000, 3)}));
        }
        const auto size = fs::file_size(home.folder.database());
        {
            std::fstream file(home.folder.database(), std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(static_cast<std::streamoff>(size / 2 + 100));
            file << "damage";
        }
        if (const auto book = home.open()) QVERIFY(!problems(examineLedger(*book, now), "database").empty());
        {
            std::fstream file(home.folder.database(), std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(100);
            file << "damage";
        }
        const auto opened = ledger::Ledger::open(home.folder.database(), home.key);
        QVERIFY(!opened);
        QVERIFY(describeUnopened(opened.error()).remedy.find("netpas restore") != std::string::npos);
    }

    void sumsThatAreNotThoseOfTheirEntriesAreFound() {
        Home home;
        {
            const auto book = home.open();
            const auto id = book->begin(ledger::request(), now)->id;
            QVERIFY(book->reserve(id, SessionKeyId{1}, ledger::pathOfTwo(), "rule 1", now));
        }
        {
            store::DatabaseOptions options;
            options.path = home.folder.database();
            options.key = home.key;
            QVERIFY(store::Database::open(options)->execute("UPDATE account SET debits_pending = 1"));
        }
        QVERIFY(problems(examineLedger(*home.open(), now), "book").find("account") != std::string::npos);
    }

    void aFolderThatIsNotThereIsTold() {
        const auto found = examineFolder(StateFolder{"/nonexistent/secretary"});
        QCOMPARE(found.size(), size_t{1});
        QCOMPARE(found[0].level, Finding::Level::Bad);
    }
};

QTEST_GUILESS_MAIN(TestDoctor)
#include "test_doctor.moc"
