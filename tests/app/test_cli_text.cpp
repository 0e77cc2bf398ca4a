#include <QtTest>

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QTemporaryDir>
#include <array>

#include "app/cli/remote_agent.h"
#include "app/cli/rule_flags.h"
#include "app/cli/text.h"

using namespace netpas::cli;
using std::chrono::seconds;

class TestCliText : public QObject {
    Q_OBJECT

private slots:
    void durations() {
        QCOMPARE(parseDuration("90")->count(), 90);
        QCOMPARE(parseDuration("90s")->count(), 90);
        QCOMPARE(parseDuration("10m")->count(), 600);
        QCOMPARE(parseDuration("2h")->count(), 7200);
        QCOMPARE(parseDuration("30d")->count(), 30 * 86400);
        for (const char* wrong : {"", "m", "0", "-5m", "1.5h", "10x", "10 m", "31d", "99999999999999999999s"}) {
            QVERIFY2(!parseDuration(wrong), wrong);
        }
        QCOMPARE(durationText(seconds{5400}), std::string("90 min"));
        QCOMPARE(durationText(seconds{61}), std::string("61 s"));
    }
    void ownAddressIsTheOneThatRoutesChoose() {
        using netpas::IpAddress;
        QCOMPARE(ownAddressTowards(*IpAddress::parse("127.0.0.53"))->toString(), std::string("127.0.0.1"));
        if (const auto own = ownAddressTowards(*IpAddress::parse("::1"))) {
            QCOMPARE(own->toString(), std::string("::1"));
        }
        // RFC 6666: nothing is there, but a machine with IPv6 may have a route; never an address of the other family.
        const auto discard = ownAddressTowards(*IpAddress::parse("100::1"));
        QVERIFY(!discard || discard->isV6());
    }
    void mistypedWordsAreRecognised() {
        const std::array<std::string_view, 4> known{"status", "services", "stop", "history"};
        QCOMPARE(*suggestion("stauts", known), std::string("status"));
        QCOMPARE(*suggestion("serv", known), std::string("services"));
        QCOMPARE(*suggestion("histroy", known), std::string("history"));
        QVERIFY(!suggestion("banana", known));
    }
    void columnsAreAsWideAsTheirText() {
        QCOMPARE(table({{"A", "B"}, {"long", "x"}}), std::string("A     B\nlong  x\n"));
        QCOMPARE(table({{"A", "B"}, {"\xc3\xbc", "x"}}), std::string("A  B\n\xc3\xbc  x\n"));
        QCOMPARE(table({}), std::string());
    }
    void wordsOfOthersDoNotCommandTheTerminal() {
        QCOMPARE(harmless("gold\x1b[2J\x07\r\n\x7f"), std::string("gold?[2J????"));
        QCOMPARE(harmless("\xc2\x9b"
                          "31m"),
                 std::string("?31m"));
        QCOMPARE(harmless("Z\xc3\xbcrich \xc2\xa0 \xe2\x82\xac"), std::string("Z\xc3\xbcrich \xc2\xa0 \xe2\x82\xac"));
    }
    // As Debian's Chromium is started: the kernel, and so the agent, knows it by the second of these.
    void aScriptStandsForTheProgramThatItStarts() {
        const QTemporaryDir folder;
        const auto put = [&](const char* place, const QByteArray& text) {
            const QString path = folder.filePath(place);
            QDir().mkpath(QFileInfo(path).path());
            QFile file(path);
            if (!file.open(QIODevice::WriteOnly)) return;
            file.write(text);
            file.setPermissions(file.permissions() | QFile::ExeOwner);
        };
        put("bin/browser", "#!/bin/sh\n");
        put("lib/browser/browser", "ELF");
        put("bin/alone", "#!/bin/sh\n");
        put("bin/plain", "ELF");
        put("lib/plain/plain", "ELF");
        const QByteArray before = qgetenv("PATH");
        qputenv("PATH", folder.filePath("bin").toUtf8());
        const auto named = [&](const char* name) {
            const auto found = programNamed(name);
            return found ? QDir(QFileInfo(folder.path()).canonicalFilePath()).relativeFilePath(found->c_str())
                         : QString();
        };
        const QString browser = named("browser"), alone = named("alone"), plain = named("plain");
        qputenv("PATH", before);
        QCOMPARE(browser, QString("lib/browser/browser"));
        QCOMPARE(alone, QString("bin/alone"));
        QCOMPARE(plain, QString("bin/plain"));
    }
    void amountsOfNothing() {
        QCOMPARE(dollars("0.05"), std::string("$0.05"));
        QCOMPARE(dollars(nullptr), std::string("-"));
    }
};

QTEST_APPLESS_MAIN(TestCliText)
#include "test_cli_text.moc"
