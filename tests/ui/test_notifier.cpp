// The notification of a question, on a session bus of its own with a stand-in for the desktop.
#include <QtTest>

#include <QDBusConnection>
#include <QDBusMessage>
#include <QProcess>
#include <QStandardPaths>
#include <memory>
#include <nlohmann/json.hpp>

#include "secretary/ui/notifier.h"

using namespace netpas::ui;
using nlohmann::json;

namespace {

json question(uint64_t id, int revision) {
    return {{"id", id},
            {"revision", revision},
            {"state", "waiting"},
            {"who", {{"name", "mpv"}, {"executable", "/usr/bin/mpv"}, {"node", nullptr}}},
            {"claim", {{"purpose", "<b>video</b>"}, {"domain", "example.net"}}},
            {"cost", {{"price", "0.01"}, {"per", "minute"}, {"worst_case", "0.5"}}}};
}

}  // namespace

class Desktop final : public QObject {
    Q_OBJECT
    Q_CLASSINFO("D-Bus Interface", "org.freedesktop.Notifications")

public:
    QStringList can{"actions", "body", "body-markup"};
    struct Shown {
        uint number = 0;
        QString title, body;
        QStringList actions;
    };
    std::vector<Shown> shown;
    std::vector<uint> closed;

public slots:
    QStringList GetCapabilities() { return can; }
    uint Notify(const QString&, uint replaces, const QString&, const QString& title, const QString& body,
                const QStringList& actions, const QVariantMap&, int) {
        const uint number = replaces != 0 ? replaces : ++m_last;
        shown.push_back({number, title, body, actions});
        return number;
    }
    void CloseNotification(uint number) { closed.push_back(number); }

signals:
    void ActionInvoked(uint number, const QString& action);
    void NotificationClosed(uint number, uint reason);

private:
    uint m_last = 40;
};

class TestNotifier : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() {
        const QString daemon = QStandardPaths::findExecutable("dbus-daemon");
        if (daemon.isEmpty()) QSKIP("needs dbus-daemon");
        m_bus.start(daemon, {"--session", "--nofork", "--print-address"});
        QVERIFY(m_bus.waitForReadyRead(5000));
        const QByteArray address = m_bus.readLine().trimmed();
        qputenv("DBUS_SESSION_BUS_ADDRESS", address);
        m_desktop = std::make_unique<Desktop>();
        QDBusConnection server = QDBusConnection::connectToBus(QString::fromLatin1(address), "desktop");
        QVERIFY(server.registerObject("/org/freedesktop/Notifications", m_desktop.get(),
                                      QDBusConnection::ExportAllSlots | QDBusConnection::ExportAllSignals));
        QVERIFY(server.registerService("org.freedesktop.Notifications"));
    }
    void cleanupTestCase() {
        QDBusConnection::disconnectFromBus("desktop");
        m_bus.kill();
        m_bus.waitForFinished(3000);
    }
    void init() {
        m_desktop->shown.clear();
        m_desktop->closed.clear();
        m_notifier = std::make_unique<Notifier>();
        m_answers.clear();
        m_opened.clear();
        connect(m_notifier.get(), &Notifier::answered, this,
                [this](qulonglong id, const json& answer) { m_answers.emplace_back(id, answer); });
        connect(m_notifier.get(), &Notifier::opened, this, [this](qulonglong id) { m_opened.push_back(id); });
        QTRY_VERIFY(m_notifier->show(question(1, 3)));
        QTRY_COMPARE(m_desktop->shown.size(), size_t{1});
        QTest::qWait(50);  // its number is on its way
    }

    void saysWhoAsksAndWhatItCostsAsText() {
        const Desktop::Shown& shown = m_desktop->shown[0];
        QVERIFY(shown.title.contains("mpv"));
        QVERIFY(shown.body.contains("&lt;b&gt;video&lt;/b&gt;"));
        QVERIFY(shown.body.contains("1 ¢"));
        for (const char* const button : {"not_now", "approve_once", "open"}) QVERIFY(shown.actions.contains(button));
    }
    void aClickAnswersWhatWasRead() {
        QTest::qWait(800);
        emit m_desktop->ActionInvoked(m_desktop->shown[0].number, "approve_once");
        QTRY_COMPARE(m_answers.size(), size_t{1});
        QCOMPARE(m_answers[0].first, qulonglong{1});
        QCOMPARE(m_answers[0].second, (json{{"answer", "approve_once"}, {"revision", 3}}));
    }
    void aClickOnWhatHasOnlyJustChangedApprovesNothing() {
        QTest::qWait(800);
        QVERIFY(m_notifier->show(question(1, 4)));
        QTRY_COMPARE(m_desktop->shown.size(), size_t{2});
        QCOMPARE(m_desktop->shown[1].number, m_desktop->shown[0].number);
        emit m_desktop->ActionInvoked(m_desktop->shown[0].number, "approve_once");
        QTRY_COMPARE(m_opened.size(), size_t{1});
        QVERIFY(m_answers.empty());
    }
    void notNowNeedsNoGuard() {
        emit m_desktop->ActionInvoked(m_desktop->shown[0].number, "not_now");
        QTRY_COMPARE(m_answers.size(), size_t{1});
        QCOMPARE(m_answers[0].second["answer"], "not_now");
    }
    void othersNotificationsAreTheirs() {
        emit m_desktop->ActionInvoked(m_desktop->shown[0].number + 1, "not_now");
        QTest::qWait(200);
        QVERIFY(m_answers.empty() && m_opened.empty());
    }
    void whatIsDecidedIsWithdrawn() {
        m_notifier->withdraw();
        QTRY_COMPARE(m_desktop->closed, std::vector<uint>{m_desktop->shown[0].number});
    }
    void withoutButtonsTheWindowAsks() {
        m_desktop->can = QStringList{"body"};
        Notifier plain;
        QTest::qWait(300);
        QVERIFY(!plain.show(question(2, 1)));
        m_desktop->can = QStringList{"actions", "body", "body-markup"};
    }

private:
    QProcess m_bus;
    std::unique_ptr<Desktop> m_desktop;
    std::unique_ptr<Notifier> m_notifier;
    std::vector<std::pair<qulonglong, json>> m_answers;
    std::vector<qulonglong> m_opened;
};

QTEST_GUILESS_MAIN(TestNotifier)
#include "test_notifier.moc"
