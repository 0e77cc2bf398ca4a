#include <QtTest>
#include <cstdlib>

#include "app/cli/keyring.h"

using namespace netpas;
using namespace netpas::cli;

class TestKeyring : public QObject {
    Q_OBJECT

private slots:
    void withoutTheLibraryTheRemedyIsNamed() {
        const auto keyring = Keyring::open("libno-such-library.so.9");
        QVERIFY(!keyring);
        QCOMPARE(keyring.error().code, std::string("NO_KEYRING"));
        QVERIFY(keyring.error().hint.find("type the passphrase") != std::string::npos);
        QVERIFY(!Keyring::open("libm.so.6"));  // one that is something else
    }

    // Runs where a key store is: dbus-run-session with an unlocked gnome-keyring, NETPAS_TEST_KEYRING=1.
    void aPassphraseIsKeptFoundReplacedAndForgotten() {
        if (std::getenv("NETPAS_TEST_KEYRING") == nullptr)
            QSKIP("no key store to be used in tests (NETPAS_TEST_KEYRING)");
        const auto keyring = Keyring::open();
        QVERIFY2(keyring, keyring ? "" : keyring.error().message.c_str());
        for (const char* text : {"first passphrase", "second, ü \" passphrase"}) {
            const auto kept = keyring->keep(secretary::SecretText(std::string_view(text)));
            QVERIFY2(kept, kept ? "" : kept.error().message.c_str());
            QCOMPARE(std::string((**keyring->find()).view()), std::string(text));
        }
        QVERIFY(keyring->forget());
        QVERIFY(!*keyring->find());
    }
};

QTEST_APPLESS_MAIN(TestKeyring)
#include "test_keyring.moc"
