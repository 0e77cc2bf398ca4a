// The real daemon in a network namespace of its own: start, rivals, refusals, stop, kill.
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>
#include <csignal>
#include <memory>

class TestNetpasd : public QObject {
    Q_OBJECT

    const QString m_namespace = QString("npt-netpasd-%1").arg(::getpid());
    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<QProcess> m_daemon;

    struct Ended {
        int status = -1;
        QByteArray out;
        QByteArray err;
    };
    static Ended run(const QString& program, const QStringList& arguments) {
        QProcess process;
        process.start(program, arguments);
        if (!process.waitForFinished(30000)) process.kill();
        return {process.exitCode(), process.readAllStandardOutput(), process.readAllStandardError()};
    }
    Ended inside(const QStringList& command) const {
        return run("ip", QStringList{"netns", "exec", m_namespace} + command);
    }
    [[nodiscard]] QString file(const char* name) const { return m_folder->filePath(name); }
    [[nodiscard]] QStringList daemonCommand(const QString& state, const QString& socket, const QString& device) const {
        return {NETPASD, "--state-dir", state, "--socket", socket, "--group", "", "--device", device};
    }
    Ended netpas(const QStringList& arguments) const {
        return run(NETPAS, QStringList{"--socket", file("api.sock")} + arguments);
    }

    void launch() {
        m_daemon = std::make_unique<QProcess>();
        m_daemon->setProcessChannelMode(QProcess::MergedChannels);
        m_daemon->start(
            "ip", QStringList{"netns", "exec", m_namespace} + daemonCommand(file("state"), file("api.sock"), "np0"));
        // `ip netns exec` becomes the program, so the process is the daemon itself.
        QVERIFY(m_daemon->waitForStarted());
    }
    void start() {
        launch();
        QTRY_COMPARE_WITH_TIMEOUT(netpas({"status"}).status, 0, 20000);
    }
    void end(int signal) {
        ::kill(static_cast<pid_t>(m_daemon->processId()), signal);
        QVERIFY(m_daemon->waitForFinished(20000));
    }
    [[nodiscard]] bool nothingLeft() const {
        return !inside({"ip", "rule"}).out.contains("0x4e500000") &&
               !inside({"ip", "-6", "rule"}).out.contains("0x4e500000") &&
               !inside({"ip", "link"}).out.contains("np0") && !inside({"nft", "list", "tables"}).out.contains("netpas");
    }

private slots:
    void initTestCase() {
        if (::geteuid() != 0) QSKIP("needs root: network namespaces and a TUN device");
        if (run("ip", {"netns", "add", m_namespace}).status != 0) QSKIP("no network namespaces here");
    }
    void cleanupTestCase() { run("ip", {"netns", "del", m_namespace}); }
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        ::chmod(qPrintable(m_folder->path()), 0711);  // users of agent and secretary come that far
        start();
    }
    void cleanup() {
        if (m_daemon && m_daemon->state() != QProcess::NotRunning) end(SIGKILL);
        m_daemon.reset();
    }

    void itStartsAloneAndPrivate() {
        const QJsonObject status = QJsonDocument::fromJson(netpas({"--json", "status"}).out).object();
        QVERIFY(status["isp"].isNull());
        QCOMPARE(status["data_plane"].toObject()["up"].toBool(), true);
        struct stat about {};
        QVERIFY(::stat(qPrintable(file("state")), &about) == 0);
        QCOMPARE(int(about.st_mode & 0777), 0711);  // two users have a private folder each in there
        for (const char* folder : {"state/agent", "state/secretary"}) {
            QVERIFY(::stat(qPrintable(file(folder)), &about) == 0);
            QCOMPARE(int(about.st_mode & 0777), 0700);
        }
        for (const char* secret : {"state/secretary/secretary.key", "state/secretary/secretary.db"}) {
            QVERIFY(::stat(qPrintable(file(secret)), &about) == 0);
            QCOMPARE(int(about.st_mode & 0777), 0600);
        }
        for (const char* socket : {"api.sock", "secretary.sock"}) {
            QVERIFY(::stat(qPrintable(file(socket)), &about) == 0);
            QCOMPARE(int(about.st_mode & 0777), 0660);
        }
        QCOMPARE(status["agent"].toObject()["connected"].toBool(), true);
        QVERIFY(inside({"ip", "link"}).out.contains("np0"));
    }

    void withoutItsKeyItSaysSoAndStaysUp() {
        end(SIGTERM);
        QVERIFY(QFile::remove(file("state/secretary/secretary.key")));
        launch();
        const QStringList buy{"--json", "buy", "--to", "192.0.2.10", "--cap", "0.05"};
        QTRY_VERIFY_WITH_TIMEOUT(netpas(buy).out.contains("DAMAGED"), 20000);
        const Ended bought = netpas(buy);
        QVERIFY(bought.status != 0);
        const QJsonObject error = QJsonDocument::fromJson(bought.out).object()["error"].toObject();
        QCOMPARE(error["code"].toString(), QString("DAMAGED"));
        QVERIFY(error["hint"].toString().contains("bring back"));
    }

    void aFolderThatItsUserDoesNotReachIsNamed() {
        end(SIGTERM);
        ::chmod(qPrintable(m_folder->path()), 0700);
        QProcess daemon;
        daemon.setProcessChannelMode(QProcess::MergedChannels);
        daemon.start(NETPASD, {"--role", "secretary", "--state-dir", file("state"), "--secretary-socket",
                               file("s.sock"), "--channel", "unix:" + file("c.sock"), "--group", ""});
        QVERIFY(daemon.waitForFinished(20000));
        const QByteArray said = daemon.readAll();
        if (said.contains("there is no user")) QSKIP("there is no user netpas-secretary");
        QVERIFY2(said.contains("chmod o+x " + m_folder->path().toUtf8()), said.constData());
    }

    void aRivalIsRefusedWithTheRemedy() {
        const Ended sameState = inside(daemonCommand(file("state"), file("other.sock"), "np1"));
        QCOMPARE(sameState.status, 1);
        QVERIFY(sameState.err.contains("--state-dir"));
        // In another namespace only the socket is in the way.
        QVERIFY(run("ip", {"netns", "add", m_namespace + "b"}).status == 0);
        const Ended sameSocket = run("ip", QStringList{"netns", "exec", m_namespace + "b"} +
                                               daemonCommand(file("state2"), file("api.sock"), "np1"));
        run("ip", {"netns", "del", m_namespace + "b"});
        QCOMPARE(sameSocket.status, 1);
        QVERIFY(sameSocket.err.contains("--socket"));
        QCOMPARE(netpas({"status"}).status, 0);
    }

    void strangersMayNotUseTheSocket() {
        if (::getpwnam("nobody") == nullptr) QSKIP("no user nobody");
        ::chmod(qPrintable(m_folder->path()), 0755);
        QProcess stranger;
        stranger.setChildProcessModifier([] {
            const passwd* const nobody = ::getpwnam("nobody");
            if (::setgroups(0, nullptr) != 0 || ::setgid(nobody->pw_gid) != 0 || ::setuid(nobody->pw_uid) != 0)
                ::_exit(99);
        });
        stranger.start(NETPAS, {"--socket", file("api.sock"), "status"});
        QVERIFY(stranger.waitForFinished(20000));
        const QByteArray said = stranger.readAllStandardError();
        if (stranger.exitCode() == 255 || said.isEmpty()) QSKIP("the build folder is not readable by others");
        QCOMPARE(stranger.exitCode(), 4);
        QVERIFY(said.contains("adduser"));
    }

    void purchasesWithoutAnIspAreRefusedAndRemembered() {
        const Ended refused = netpas({"buy", "--to", "192.0.2.10", "--cap", "0.05"});
        QCOMPARE(refused.status, 1);
        QVERIFY(refused.err.contains("netpas join"));
        end(SIGKILL);
        start();
        const QJsonObject history = QJsonDocument::fromJson(netpas({"--json", "history"}).out).object();
        QCOMPARE(history["entries"].toArray().size(), 1);
        QCOMPARE(history["entries"].toArray()[0].toObject()["state"].toString(), QString("refused"));
    }

    void nothingIsLeftBehind_data() {
        QTest::addColumn<int>("signal");
        QTest::newRow("stopped") << SIGTERM;
        QTest::newRow("killed") << SIGKILL;
    }
    void nothingIsLeftBehind() {
        QFETCH(int, signal);
        end(signal);
        if (signal == SIGTERM) QCOMPARE(m_daemon->exitCode(), 0);
        QTRY_VERIFY_WITH_TIMEOUT(nothingLeft(), 10000);
        QCOMPARE(netpas({"status"}).status, 3);
        start();  // and the next one starts where the last one ended
    }
};

QTEST_GUILESS_MAIN(TestNetpasd)
#include "test_netpasd.moc"
