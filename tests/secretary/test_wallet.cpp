#include <QTemporaryDir>
#include <QtTest>
#include <set>

#include "secretary/wallet.h"

using namespace netpas;

class TestWallet : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void theIdentityIsMadeOnceAndKept() {
        const QTemporaryDir folder;
        const std::filesystem::path file = folder.filePath("identity.key").toStdString();
        const auto first = secretary::Wallet::open(file);
        QVERIFY(first);
        const auto again = secretary::Wallet::open(file);
        QVERIFY(again);
        QCOMPARE(again->identity().publicKey(), first->identity().publicKey());
        QCOMPARE(int(std::filesystem::status(file).permissions()), 0600);
        std::filesystem::permissions(file, std::filesystem::perms(0644));
        QCOMPARE(int(secretary::Wallet::open(file).error()), int(IdentityError::TooOpen));
    }

    void keysAreFreshAndBudgeted() {
        const QTemporaryDir folder;
        const auto wallet = secretary::Wallet::open(folder.filePath("identity.key").toStdString());
        std::set<uint32_t> ids;
        std::set<TagKey> secrets;
        const SystemTime expires{std::chrono::hours{1}};
        for (int i = 0; i < 1000; ++i) {
            const SessionKey key =
                wallet->mint(*Money::parse("0.05"), *Money::parse("0.001"), {IspId{26}, IspId{25}}, expires);
            QVERIFY(key.id.value() != 0);
            QCOMPARE(key.cap, *Money::parse("0.05"));
            QCOMPARE(key.capPerSecond, *Money::parse("0.001"));
            QCOMPARE(key.allowed.size(), size_t{2});
            QVERIFY(key.expires == expires);
            ids.insert(key.id.value());
            secrets.insert(key.secret);
        }
        QVERIFY(ids.size() > 990);  // 32 random bits
        QCOMPARE(secrets.size(), size_t{1000});
    }
};

QTEST_GUILESS_MAIN(TestWallet)
#include "test_wallet.moc"
