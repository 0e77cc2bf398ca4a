// netpas-lab as its users run it: networks come up with their delays, rates and queues, and nothing stays behind, whatever
// kills what. Bare networks only; the scenarios test the programs.
#include <QTest>

#include <unistd.h>
#include <QCoreApplication>
#include <QDir>
#include <QElapsedTimer>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <csignal>

namespace {

struct Result {
    int status = -1;
    QString out;
    QString err;
};

Result run(const QString& program, const QStringList& arguments, int limitMs = 60000) {
    QProcess process;
    process.start(program, arguments);
    if (!process.waitForFinished(limitMs)) return {};
    return {process.exitCode(), QString::fromUtf8(process.readAllStandardOutput()),
            QString::fromUtf8(process.readAllStandardError())};
}

Result lab(const QStringList& arguments) { return run(NETPAS_LAB, arguments); }

QStringList namespacesOf(const QString& name) {
    return QDir("/run/netns").entryList({"np-" + name + "-*"}, QDir::Files | QDir::System);
}

bool somethingLeft(const QString& name) {
    return !namespacesOf(name).isEmpty() || QFileInfo::exists("/run/netpas-lab/" + name);
}

qint64 ownerOf(const QString& name) {
    const auto status = QJsonDocument::fromJson(lab({"status", "--name", name, "--json"}).out.toUtf8());
    return status.array().at(0).toObject().value("owner").toInteger();
}

// Processes in a lab's namespaces.
int processesOf(const QString& name) {
    int count = 0;
    for (const QString& netns : namespacesOf(name)) {
        count += static_cast<int>(run("ip", {"netns", "pids", netns}).out.split('\n', Qt::SkipEmptyParts).size());
    }
    return count;
}

}  // namespace

class TestLabLifecycle : public QObject {
    Q_OBJECT
private slots:
    void initTestCase();
    void cleanup();
    void hostsReachEachOtherInBothFamilies();
    void twoLabsOfOneTopologyLiveSideBySide();
    void killedOwnerIsSweptByTheNextUp();
    void livingLabIsNotSwept();
    void interruptTakesTheLabDown();
    void failedStartLeavesNothing();
    void wireDelaysEachDirectionByItsOwn();
    void wireLosesTheSamePacketsForTheSameSeed();
    void classesHaveQueuesByDscp();
    void captureShowsWholePackets();
    void wrongNamesAreAnsweredWithTheRightOnes();

private:
    QString writeTopology(const QString& link);
    QString m_a = QString("t%1a").arg(::getpid() % 100000);
    QString m_b = QString("t%1b").arg(::getpid() % 100000);
    QTemporaryDir m_folder;
};

void TestLabLifecycle::initTestCase() {
    if (::geteuid() != 0) QSKIP("network namespaces need root");
    if (!QFileInfo::exists("/dev/net/tun")) QSKIP("wires need /dev/net/tun");
}

void TestLabLifecycle::cleanup() {
    for (const QString& name : {m_a, m_b}) {
        if (somethingLeft(name)) lab({"down", "--name", name});
        QVERIFY2(!somethingLeft(name), qPrintable(name));
    }
}

QString TestLabLifecycle::writeTopology(const QString& link) {
    const QString path = m_folder.filePath("t.toml");
    QFile file(path);
    if (!file.open(QIODevice::WriteOnly | QIODevice::Truncate)) qFatal("cannot write %s", qPrintable(path));
    file.write(
        QString("name = \"t\"\n[[isp]]\nname = \"Z\"\nid = 26\n[[isp.class]]\nid = 1\nname = \"gold\"\ndscp = 46\n"
                "per_packet = \"0\"\n[[host]]\nname = \"a\"\n[[host]]\nname = \"b\"\n[[link]]\nbetween = [\"b\", "
                "\"z1\"]\n%1\n"
                "[[link]]\nbetween = [\"z1\", \"a\"]\n")
            .arg(link)
            .toUtf8());
    return path;
}

void TestLabLifecycle::hostsReachEachOtherInBothFamilies() {
    const Result up = lab({"up", "four-isps", "--bare", "--name", m_a});
    QVERIFY2(up.status == 0, qPrintable(up.err));
    const auto status =
        QJsonDocument::fromJson(lab({"status", "--name", m_a, "--json"}).out.toUtf8()).array().at(0).toObject();
    const auto addresses = status.value("hosts").toObject().value("a").toObject().value("addresses").toArray();
    QCOMPARE(addresses.size(), 2);
    for (const QJsonValue& address : addresses) {
        const Result ping =
            lab({"exec", "--name", m_a, "b", "--", "ping", "-c", "2", "-i", "0.2", "-W", "2", address.toString()});
        QVERIFY2(ping.status == 0, qPrintable(ping.out + ping.err));
    }
    QVERIFY(run("ip", {"-o", "link"}).out.count("np-" + m_a) == 0);
    QCOMPARE(lab({"down", "--name", m_a}).status, 0);
    QVERIFY(!somethingLeft(m_a));
}

void TestLabLifecycle::twoLabsOfOneTopologyLiveSideBySide() {
    QCOMPARE(lab({"up", "figure3", "--bare", "--name", m_a}).status, 0);
    QCOMPARE(lab({"up", "figure3", "--bare", "--name", m_b}).status, 0);
    QVERIFY(lab({"up", "figure3", "--bare", "--name", m_b}).err.contains("choose --name"));
    QCOMPARE(namespacesOf(m_a).size(), 5);
    QCOMPARE(namespacesOf(m_b).size(), 5);
    QCOMPARE(lab({"down", "--name", m_a}).status, 0);
    QVERIFY(!somethingLeft(m_a));
    QCOMPARE(namespacesOf(m_b).size(), 5);
    QCOMPARE(lab({"exec", "--name", m_b, "b", "--", "ping", "-c", "1", "-W", "2", "203.0.113.6"}).status, 0);
}

void TestLabLifecycle::killedOwnerIsSweptByTheNextUp() {
    const QString topology = writeTopology("delay = \"1ms\"");
    QCOMPARE(lab({"up", topology, "--bare", "--name", m_a}).status, 0);
    QProcess stranger;
    stranger.start(NETPAS_LAB, {"exec", "--name", m_a, "a", "--", "sleep", "1000"});
    QVERIFY(stranger.waitForStarted());
    QTRY_VERIFY(processesOf(m_a) >= 2);  // the wire and the stranger
    QCOMPARE(::kill(static_cast<pid_t>(ownerOf(m_a)), SIGKILL), 0);
    QTRY_VERIFY(lab({"status", "--name", m_a}).out.contains("OWNER DEAD"));
    const Result up = lab({"up", "figure3", "--bare", "--name", m_b});
    QCOMPARE(up.status, 0);
    QVERIFY2(up.err.contains("removed lab '" + m_a + "'"), qPrintable(up.err));
    QVERIFY(!somethingLeft(m_a));
    QVERIFY(stranger.waitForFinished(5000));
}

void TestLabLifecycle::livingLabIsNotSwept() {
    QCOMPARE(lab({"up", "single-isp", "--bare", "--name", m_a}).status, 0);
    QCOMPARE(lab({"up", "single-isp", "--bare", "--name", m_b}).status, 0);
    QCOMPARE(lab({"down", "--name", m_b}).status, 0);
    QCOMPARE(lab({"exec", "--name", m_a, "b", "--", "true"}).status, 0);
}

void TestLabLifecycle::interruptTakesTheLabDown() {
    // A scenario in the foreground: interrupted while its lab exists.
    QProcess process;
    process.start(NETPAS_LAB, {"run", "figure3", "--name", m_a});
    QVERIFY(process.waitForStarted());
    QTRY_VERIFY_WITH_TIMEOUT(!namespacesOf(m_a).isEmpty() || process.state() == QProcess::NotRunning, 20000);
    if (process.state() == QProcess::NotRunning) QSKIP("the scenario's programs are not built");
    ::kill(static_cast<pid_t>(process.processId()), SIGINT);
    QVERIFY(process.waitForFinished(20000));
    QVERIFY(process.exitCode() != 0);
    QVERIFY(!somethingLeft(m_a));
}

void TestLabLifecycle::failedStartLeavesNothing() {
    const Result up = lab({"up", writeTopology("mtu = 70000"), "--bare", "--name", m_a});
    QVERIFY(up.status != 0);
    QVERIFY2(up.err.contains("t.toml:16:"), qPrintable(up.err));
    QVERIFY(!somethingLeft(m_a));
    const Result name = lab({"up", "figure3", "--bare", "--name", "Bad-Name"});
    QCOMPARE(name.status, 2);
}

void TestLabLifecycle::wireDelaysEachDirectionByItsOwn() {
    QCOMPARE(lab({"up", writeTopology("delay = [\"20ms\", \"15ms\"]"), "--bare", "--name", m_a}).status, 0);
    const Result ping =
        lab({"exec", "--name", m_a, "b", "--", "ping", "-c", "20", "-i", "0.01", "-W", "2", "203.0.113.6"});
    QCOMPARE(ping.status, 0);
    // Never early. How late depends on the machine, so that is no test.
    const auto match = QRegularExpression("min/avg/max/mdev = ([0-9.]+)/").match(ping.out);
    QVERIFY2(match.hasMatch(), qPrintable(ping.out));
    QVERIFY2(match.captured(1).toDouble() >= 35.0, qPrintable(match.captured(1)));
}

void TestLabLifecycle::wireLosesTheSamePacketsForTheSameSeed() {
    const auto received = [&](const QString& seed) {
        QFile file(writeTopology("loss = [\"20%\", \"0%\"]"));
        if (!file.open(QIODevice::ReadOnly)) return QByteArray("unreadable");
        QByteArray text = file.readAll();
        file.close();
        text.prepend("seed = " + seed.toUtf8() + "\n");
        QFile seeded(m_folder.filePath("seeded.toml"));
        if (!seeded.open(QIODevice::WriteOnly | QIODevice::Truncate)) return QByteArray("unwritable");
        seeded.write(text);
        seeded.close();
        if (lab({"up", seeded.fileName(), "--bare", "--name", m_a}).status != 0) return QByteArray("not up");
        QProcess sink;
        sink.start(NETPAS_LAB, {"exec", "--name", m_a, "a", "--", NETPAS_LAB, "tool", "udp-sink", "idle_ms=1000"});
        sink.waitForReadyRead(5000);
        lab({"exec", "--name", m_a, "b", "--", NETPAS_LAB, "tool", "udp-send", "to=203.0.113.6", "packets=2000",
             "rate=20000"});
        sink.waitForFinished(10000);
        lab({"down", "--name", m_a});
        return sink.readAllStandardOutput().replace("ready\n", "");
    };
    const QByteArray first = received("7");
    const qint64 count = QJsonDocument::fromJson(first).object().value("distinct").toInteger();
    QVERIFY2(count > 1500 && count < 1700, first.constData());  // more than five standard deviations around 1600
    QCOMPARE(received("7"), first);
}

void TestLabLifecycle::classesHaveQueuesByDscp() {
    QCOMPARE(lab({"up", writeTopology("rate = \"10mbit\""), "--bare", "--name", m_a}).status, 0);
    // Best effort is saturated: its queue of 100 packets takes 99 ms to pass. Packets marked with the class's DSCP do not
    // wait in it, in both families.
    QProcess blast;
    blast.start(NETPAS_LAB, {"exec", "--name", m_a, "b", "--", NETPAS_LAB, "tool", "udp-send", "to=203.0.113.6",
                             "size=1200", "mbit=40"});
    QVERIFY(blast.waitForReadyRead(5000));
    const auto shortestTrip = [&](const QString& address, const QString& dsfield) {
        const Result ping = lab({"exec", "--name", m_a, "b", "--", "ping", "-q", "-c", "40", "-i", "0.02", "-W", "1",
                                 "-Q", dsfield, address});
        const auto match = QRegularExpression("min/avg/max/mdev = ([0-9.]+)/").match(ping.out);
        return match.hasMatch() ? match.captured(1).toDouble() : -1;
    };
    for (const QString address : {"203.0.113.6", "2001:db8:1a:1::2"}) {
        QTRY_VERIFY(shortestTrip(address, "0") > 50);
        const double gold = shortestTrip(address, "184");
        QVERIFY2(gold >= 0 && gold < 50, qPrintable(QString("%1: %2 ms in the better class").arg(address).arg(gold)));
    }
    blast.terminate();
    blast.waitForFinished(5000);
}

void TestLabLifecycle::captureShowsWholePackets() {
    QCOMPARE(lab({"up", "single-isp", "--bare", "--name", m_a}).status, 0);
    const QString file = m_folder.filePath("c.pcap");
    QProcess capture;
    capture.start(NETPAS_LAB, {"capture", "--name", m_a, "z1-a", file});
    capture.setReadChannel(QProcess::StandardError);
    QVERIFY(capture.waitForReadyRead(5000));
    lab({"exec", "--name", m_a, "b", "--", NETPAS_LAB, "tool", "udp-send", "to=203.0.113.6", "packets=1000", "size=100",
         "train=20"});
    capture.terminate();
    QVERIFY(capture.waitForFinished(10000));
    // 24 bytes of file header; a record header of 16 before each packet of 14 + 20 + 8 + 100 bytes.
    const qint64 trains = QFileInfo(file).size() - 24;
    QVERIFY2(trains >= 1000 * (16 + 142), qPrintable(QString::number(trains)));
    QVERIFY(lab({"capture", "--name", m_a, "nowhere", file}).err.contains("z1-a"));
}

void TestLabLifecycle::wrongNamesAreAnsweredWithTheRightOnes() {
    QVERIFY(lab({"up", "nosuch"}).err.contains("netpas-lab list"));
    QVERIFY(lab({"run", "nosuch"}).err.contains("figure3"));
    QVERIFY(lab({"down", "--name", "nosuch"}).err.contains("netpas-lab status"));
    QCOMPARE(lab({"up", "single-isp", "--bare", "--name", m_a}).status, 0);
    QVERIFY(lab({"exec", "--name", m_a, "q", "--", "true"}).err.contains("z1, a, b"));
    QCOMPARE(lab({"exec", "--name", m_a, "a", "--", "no-such-program"}).status, 127);
}

QTEST_GUILESS_MAIN(TestLabLifecycle)
#include "test_lab_lifecycle.moc"
