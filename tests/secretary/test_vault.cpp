#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QTemporaryDir>
#include <QtTest>
#include <fstream>

#include "core/crypto/identity.h"
#include "secretary/vault/identity_store.h"
#include "secretary/vault/private_file.h"
#include "secretary/vault/vault.h"

using namespace netpas;
using namespace netpas::secretary;

namespace {

constexpr Argon2Cost cheap{1, 1024};

SecretText passphrase(const char* text = "correct horse") { return SecretText(std::string_view(text)); }

struct Box {
    QTemporaryDir folder;
    ManualClock clock;

    [[nodiscard]] std::filesystem::path file(const char* name) const { return folder.filePath(name).toStdString(); }
    [[nodiscard]] VaultFiles files() const { return {file("vault"), file("secretary.key"), file("secretary.db")}; }
    Vault open() {
        auto vault = Vault::open(files(), clock);
        if (!vault) qFatal("%s", describe(vault.error()).data());
        return std::move(*vault);
    }
    [[nodiscard]] bool has(const char* name) const { return std::filesystem::exists(file(name)); }
};

tl::expected<void, VaultError> protect(Vault& vault, const char* text = "correct horse") {
    const auto wrapped = VaultFile::wrap(*vault.key(), passphrase(text), cheap);
    if (!wrapped) return tl::unexpected(wrapped.error());
    return vault.protectWith(*wrapped);
}

}  // namespace

class TestVault : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void aFreshBoxStartsByItselfWithAPrivateKeyFile() {
        Box box;
        const auto key = box.open().key()->bytes();
        QVERIFY(box.open().key()->bytes() == key);
        struct stat status {};
        QCOMPARE(::stat(box.file("secretary.key").c_str(), &status), 0);
        QCOMPARE(status.st_mode & 0777, mode_t{0600});
        QCOMPARE(box.open().protection(), Protection::KeyFile);
    }

    void aPassphraseTakesTheKeyFileAwayAndOnlyItUnlocks() {
        Box box;
        Vault vault = box.open();
        const auto key = vault.key()->bytes();
        QVERIFY(protect(vault));
        QVERIFY(!box.has("secretary.key"));
        Vault again = box.open();
        QVERIFY(again.locked());
        QVERIFY(again.key() == nullptr);
        QCOMPARE(again.unlockWithoutPassphrase().error(), VaultError::Locked);
        QVERIFY(again.tryPassphrase(passphrase()));
        QVERIFY(again.key()->bytes() == key);
        again.lock();
        QVERIFY(again.locked());
    }

    void aWrongPassphraseIsToldAndTheNextTryWaitsTheSameTimeEachTime() {
        Box box;
        Vault vault = box.open();
        QVERIFY(protect(vault));
        vault.lock();
        for (int i = 0; i < 3; ++i) {
            QCOMPARE(vault.tryPassphrase(passphrase("wrong horse")).error(), VaultError::WrongPassphrase);
            QCOMPARE(vault.tryPassphrase(passphrase()).error(), VaultError::TooSoon);
            QVERIFY(vault.locked());
            box.clock.advance(Vault::pause);
        }
        QVERIFY(vault.tryPassphrase(passphrase()));
        // While it is open a try is only a proof, and a wrong one changes nothing.
        QCOMPARE(vault.tryPassphrase(passphrase("wrong horse")).error(), VaultError::WrongPassphrase);
        QVERIFY(!vault.locked());
    }

    void onlyOneTryAtATime() {
        Box box;
        Vault vault = box.open();
        QVERIFY(protect(vault));
        const auto first = vault.beginTry();
        QVERIFY(first);
        QCOMPARE(vault.beginTry().error(), VaultError::TooSoon);
        QVERIFY(vault.endTry(first->unwrap(passphrase())));
        QVERIFY(vault.beginTry());
    }

    void anotherPassphraseWrapsTheSameKey() {
        Box box;
        Vault vault = box.open();
        const auto key = vault.key()->bytes();
        QVERIFY(protect(vault, "first passphrase"));
        QVERIFY(protect(vault, "second passphrase"));
        Vault again = box.open();
        QCOMPARE(again.tryPassphrase(passphrase("first passphrase")).error(), VaultError::WrongPassphrase);
        box.clock.advance(Vault::pause);
        QVERIFY(again.tryPassphrase(passphrase("second passphrase")));
        QVERIFY(again.key()->bytes() == key);
        QVERIFY(again.unprotect());
        QVERIFY(!box.has("vault"));
        QVERIFY(box.open().key()->bytes() == key);
    }

    void aKeyFileLeftByACrashIsRemovedAtTheNextUnlock() {
        Box box;
        Vault vault = box.open();
        const auto key = vault.key()->bytes();
        QVERIFY(protect(vault));
        QVERIFY(writePrivateFile(box.file("secretary.key"), key));
        Vault again = box.open();
        QVERIFY(again.locked());
        QVERIFY(again.tryPassphrase(passphrase()));
        QVERIFY(!box.has("secretary.key"));
    }

    void aDatabaseWithoutItsKeyIsNotGivenANewOne() {
        Box box;
        std::ofstream(box.file("secretary.db")) << "x";
        QCOMPARE(Vault::open(box.files(), box.clock).error(), VaultError::NoKey);
        QVERIFY(!box.has("secretary.key"));
    }

    void filesThatOthersMayReadOrThatAreDamagedAreRefused() {
        Box box;
        { box.open(); }
        QCOMPARE(::chmod(box.file("secretary.key").c_str(), 0640), 0);
        QCOMPARE(Vault::open(box.files(), box.clock).error(), VaultError::TooOpen);
        QCOMPARE(::chmod(box.file("secretary.key").c_str(), 0600), 0);
        Vault vault = box.open();
        QVERIFY(protect(vault));
        std::fstream file(box.file("vault"), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(90);
        file.put('?');
        file.close();
        Vault damaged = box.open();
        QCOMPARE(damaged.tryPassphrase(passphrase()).error(), VaultError::WrongPassphrase);
        std::filesystem::resize_file(box.file("vault"), 50);
        QCOMPARE(Vault::open(box.files(), box.clock).error(), VaultError::Malformed);
    }

    void theFileFormatIsWhatTheDocumentSays() {
        VaultFile file;
        file.cost = {3, 65536};
        file.salt.fill(1);
        file.nonce.fill(2);
        file.wrapped.fill(3);
        Bytes bytes = file.encode();
        QCOMPARE(bytes.size(), VaultFile::encodedSize);
        QVERIFY(VaultFile::decode(bytes) == file);
        bytes[7] = 2;
        QCOMPARE(VaultFile::decode(bytes).error(), VaultError::Newer);
        bytes[7] = 1;
        bytes[8] = 0xff;  // four thousand million passes
        QCOMPARE(VaultFile::decode(bytes).error(), VaultError::Malformed);
    }

    void theCostIsUnderTheSeal() {
        DataKey key;
        key.bytes().fill(9);
        auto file = VaultFile::wrap(key, passphrase(), cheap);
        QVERIFY(file->unwrap(passphrase())->bytes() == key.bytes());
        file->cost.passes = 2;
        QCOMPARE(file->unwrap(passphrase()).error(), VaultError::WrongPassphrase);
    }

    // The process is killed at a random moment while it changes passphrases over and over.
    void aKillInAChangeOfPassphraseLosesNoKey() {
        Box box;
        std::array<uint8_t, 32> key{};
        {
            Vault vault = box.open();
            key = vault.key()->bytes();
            QVERIFY(protect(vault, "passphrase a"));
        }
        for (int round = 0; round < 30; ++round) {
            const pid_t child = ::fork();
            QVERIFY(child >= 0);
            if (child == 0) {
                Vault vault = box.open();
                if (!vault.tryPassphrase(passphrase("passphrase a"))) ::_exit(1);
                for (;;) {
                    (void)protect(vault, "passphrase a");
                    (void)vault.unprotect();
                    (void)protect(vault, "passphrase b");
                }
            }
            ::usleep(static_cast<useconds_t>(1000 + 1700 * round));
            ::kill(child, SIGKILL);
            int status = 0;
            ::waitpid(child, &status, 0);
            QVERIFY(WIFSIGNALED(status));
            Vault vault = box.open();
            if (vault.locked() && !vault.tryPassphrase(passphrase("passphrase a"))) {
                box.clock.advance(Vault::pause);
                QVERIFY(vault.tryPassphrase(passphrase("passphrase b")));
            }
            QVERIFY(vault.key()->bytes() == key);
            QVERIFY(protect(vault, "passphrase a"));
        }
    }

    void anIdentityMovesIntoTheDatabaseAndItsFileGoes() {
        Box box;
        const auto identity = Identity::loadOrCreate(box.file("identity.key"));
        QVERIFY(identity);
        store::MemoryDocuments documents;
        const auto seed = loadOrCreateSeed(documents, box.file("identity.key"));
        QVERIFY(seed);
        QVERIFY(seed->bytes() == identity->seed());
        QVERIFY(!box.has("identity.key"));
        QVERIFY(loadOrCreateSeed(documents, box.file("identity.key"))->bytes() == identity->seed());
    }

    void anotherIdentitysFileIsNotTouched() {
        Box box;
        store::MemoryDocuments documents;
        const auto fresh = loadOrCreateSeed(documents, box.file("identity.key"));
        QVERIFY(fresh);
        QVERIFY(Identity::loadOrCreate(box.file("identity.key")));
        QVERIFY(loadOrCreateSeed(documents, box.file("identity.key"))->bytes() == fresh->bytes());
        QVERIFY(box.has("identity.key"));
        QVERIFY(documents.put({"identity", "seed", {1, 2, 3}}));
        QCOMPARE(loadOrCreateSeed(documents, box.file("identity.key")).error(), IdentityStoreError::Damaged);
    }
};

QTEST_GUILESS_MAIN(TestVault)
#include "test_vault.moc"
