// The Linux capture against a real kernel, in network namespaces of its own: this host, and a peer behind a veth pair.
#include <QTest>

#include <sys/prctl.h>

#include <memory>

#include "tests/tun/net_lab.h"
#include "tun/capture/linux_capture.h"

using namespace netpas;
using namespace netpas::tun;

namespace {

constexpr const char* device = "npt0";
constexpr int soon = 2000;  // ms, for what must happen
constexpr int never = 150;  // ms, for what must not

LinuxCaptureOptions testOptions() {
    LinuxCaptureOptions options;
    options.device = device;
    options.lockDirectory = "/tmp/netpas-test-lock";
    return options;
}

CapturedFlow flow(const std::string& text, CaptureAction action = CaptureAction::Divert) {
    const auto match = FlowMatch::parse(text);
    if (!match) qFatal("not a flow: %s", text.c_str());
    return {*match, action, CapturePoint::Output};
}

struct Socket {
    int descriptor;
    explicit Socket(int value) : descriptor(value) {}
    ~Socket() { close(descriptor); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
};

// What a capture could leave behind, as text.
std::string traces() {
    return netlab::output(
        "ip rule; ip -6 rule; nft list ruleset; ip route show table 20560 2>/dev/null;"
        "ip -6 route show table 20560 2>/dev/null");
}

bool traceless(const std::string& before) {
    for (int i = 0; i < 200; ++i) {
        if (traces() == before) return true;
        usleep(10'000);
    }
    return false;
}

}  // namespace

class TestLinuxCapture : public QObject {
    Q_OBJECT

private:
    std::unique_ptr<netlab::Namespace> m_peer;

    static bool sendDatagram(const std::string& to, uint16_t port, uint32_t mark = 0) {
        const netlab::Address address(to, port);
        const Socket sender(::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
        if (mark != 0 && setsockopt(sender.descriptor, SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0) return false;
        return sendto(sender.descriptor, "hello", 5, 0, address.get(), address.length) == 5;
    }
    int peerSocket(const std::string& host, uint16_t port) const {
        const netlab::Address address(host, port);
        const int descriptor = m_peer->socket(address.family(), SOCK_DGRAM);
        if (bind(descriptor, address.get(), address.length) != 0) qFatal("bind %s", strerror(errno));
        return descriptor;
    }

private slots:
    void initTestCase() {
        const std::string obstacle = netlab::obstacle();
        if (!obstacle.empty()) QSKIP(obstacle.c_str());
        (void)netlab::run("rm -rf /tmp/netpas-test-lock /tmp/netpas-test-lock-2");
        QVERIFY(netlab::enterOwn());
        m_peer = std::make_unique<netlab::Namespace>();
        QVERIFY(m_peer->valid());
        QVERIFY(netlab::run("ip link add up0 type veth peer name down0 netns " + m_peer->process() +
                            " && ip addr add 192.0.2.1/24 dev up0 && ip addr add 2001:db8::1/64 dev up0 nodad"
                            " && ip link set up0 up"));
        QVERIFY(
            m_peer->exec("ip addr add 192.0.2.2/24 dev down0; ip addr add 2001:db8::2/64 dev down0 nodad;"
                         "ip link set down0 up"));
    }

    void exactlyTheGivenFlowsEnterTheDevice_data() {
        QTest::addColumn<QString>("peer");
        QTest::addColumn<QString>("match");
        QTest::newRow("ipv4") << "192.0.2.2"
                              << "udp *:* -> 192.0.2.2:9000";
        QTest::newRow("ipv6") << "2001:db8::2"
                              << "udp *:* -> [2001:db8::2]:9000";
    }
    void exactlyTheGivenFlowsEnterTheDevice() {
        QFETCH(QString, peer);
        QFETCH(QString, match);
        const std::string host = peer.toStdString();
        const Socket tun(netlab::openPlainTun(device));
        const auto capture = openLinuxCapture(testOptions());
        QVERIFY2(capture.has_value(), capture ? "" : capture.error().diagnosis.c_str());
        const Socket paid(peerSocket(host, 9000)), unpaid(peerSocket(host, 9001));
        const bool v6 = host.find(':') != std::string::npos;

        QVERIFY(sendDatagram(host, 9000));
        QVERIFY(netlab::receive(paid.descriptor, soon));  // nothing is diverted yet

        const CapturedFlow flows[] = {flow(match.toStdString())};
        QVERIFY((*capture)->set(flows));
        QVERIFY(sendDatagram(host, 9001));
        QVERIFY(netlab::receive(unpaid.descriptor, soon));
        QVERIFY(sendDatagram(host, 9000));
        const auto packet = netlab::receive(tun.descriptor, soon);
        QVERIFY(packet);
        // The source address is the one that the packet would have had without the device.
        QCOMPARE(packet->size(), v6 ? size_t{53} : size_t{33});
        const uint8_t source4[] = {192, 0, 2, 1};
        const uint8_t source6[] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
        QVERIFY(v6 ? std::equal(source6, source6 + 16, packet->data() + 8)
                   : std::equal(source4, source4 + 4, packet->data() + 12));
        QVERIFY(!netlab::receive(paid.descriptor, never));
        QVERIFY(!netlab::receive(tun.descriptor, 0));  // nor anything that nobody bought

        QVERIFY((*capture)->set({}));
        QVERIFY(sendDatagram(host, 9000));
        QVERIFY(netlab::receive(paid.descriptor, soon));
        QVERIFY(!netlab::receive(tun.descriptor, never));
    }

    void marksOfOthersStayAndOursIsNeverDiverted() {
        const Socket tun(netlab::openPlainTun(device));
        const auto capture = openLinuxCapture(testOptions());
        QVERIFY(capture.has_value());
        const Socket paid(peerSocket("192.0.2.2", 9000));
        const CapturedFlow flows[] = {flow("any *:* -> 192.0.2.0/24:*")};
        QVERIFY((*capture)->set(flows));
        QVERIFY(sendDatagram("192.0.2.2", 9000, bypassMark));
        QVERIFY(netlab::receive(paid.descriptor, soon));
        QVERIFY(sendDatagram("192.0.2.2", 9000, 0x10000000));  // inside the mask: somebody else's routing
        QVERIFY(netlab::receive(paid.descriptor, soon));
        QVERIFY(!netlab::receive(tun.descriptor, 0));
        QVERIFY(sendDatagram("192.0.2.2", 9000, 0x2a));  // outside the mask
        QVERIFY(netlab::receive(tun.descriptor, soon));
    }

    void exemptionsAndThisMachineAreLeftAlone() {
        const Socket tun(netlab::openPlainTun(device));
        const auto capture = openLinuxCapture(testOptions());
        QVERIFY(capture.has_value());
        const Socket exempt(peerSocket("192.0.2.2", 9002));
        const Socket local(::socket(AF_INET, SOCK_DGRAM, 0));
        const netlab::Address here("192.0.2.1", 9003);
        QCOMPARE(bind(local.descriptor, here.get(), here.length), 0);
        const CapturedFlow flows[] = {flow("udp *:* -> *:9002", CaptureAction::Exempt), flow("any *:* -> *:*")};
        QVERIFY((*capture)->set(flows));
        QVERIFY(sendDatagram("192.0.2.2", 9002));
        QVERIFY(netlab::receive(exempt.descriptor, soon));
        QVERIFY(sendDatagram("192.0.2.1", 9003));
        QVERIFY(netlab::receive(local.descriptor, soon));
        QVERIFY(!netlab::receive(tun.descriptor, 0));
    }

    void neighbourDiscoveryKeepsItsWay() {
        const Socket tun(netlab::openPlainTun(device));
        const auto capture = openLinuxCapture(testOptions());
        QVERIFY(capture.has_value());
        const CapturedFlow flows[] = {flow("any *:* -> [2001:db8::/64]:*")};
        QVERIFY((*capture)->set(flows));
        // The bypassing datagram needs the neighbour's address, and the question for it must not be diverted.
        QVERIFY(netlab::run("ip -6 neigh flush dev up0"));
        const Socket paid(peerSocket("2001:db8::2", 9000));
        QVERIFY(sendDatagram("2001:db8::2", 9000, bypassMark));
        QVERIFY(netlab::receive(paid.descriptor, soon));
        QVERIFY(!netlab::receive(tun.descriptor, never));
    }

    void whatIsDeliveredThroughTheDevicePassesStrictReversePathFilters() {
        QVERIFY(netlab::run("echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter"));
        const Socket tun(netlab::openPlainTun(device));
        const auto capture = openLinuxCapture(testOptions());
        QVERIFY(capture.has_value());
        const Socket local(::socket(AF_INET, SOCK_DGRAM, 0));
        const netlab::Address here("192.0.2.1", 9004);
        QCOMPARE(bind(local.descriptor, here.get(), here.length), 0);
        const uint8_t packet[] = {0x45, 0,    0,    33,   0,   0,  0, 0,
                                  64,   17,   0xf6, 0xc8,                 // IPv4, UDP, header checksum
                                  192,  0,    2,    2,    192, 0,  2, 1,  // from the peer, whose route is up0
                                  0x10, 0x00, 0x23, 0x2c, 0,   13, 0, 0,  // port 4096 to 9004, no checksum
                                  'h',  'e',  'l',  'l',  'o'};
        QCOMPARE(write(tun.descriptor, packet, sizeof packet), ssize_t{sizeof packet});
        QVERIFY(netlab::receive(local.descriptor, soon));
        QCOMPARE(netlab::output("cat /proc/sys/net/ipv4/conf/up0/rp_filter /proc/sys/net/ipv4/conf/all/rp_filter"),
                 std::string("0\n1\n"));
        QVERIFY(netlab::run("echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter"));
    }

    void aSecondAgentIsRefusedOrTakesOtherNames() {
        const Socket tun(netlab::openPlainTun(device)), tun2(netlab::openPlainTun("npt1"));
        const auto first = openLinuxCapture(testOptions());
        QVERIFY(first.has_value());
        const auto same = openLinuxCapture(testOptions());
        QVERIFY(!same.has_value());
        QCOMPARE(same.error().error, CaptureError::AlreadyInUse);

        LinuxCaptureOptions elsewhere = testOptions();  // another lock, the same table
        elsewhere.lockDirectory = "/tmp/netpas-test-lock-2";
        const auto sameTable = openLinuxCapture(elsewhere);
        QVERIFY(!sameTable.has_value());
        QCOMPARE(sameTable.error().error, CaptureError::AlreadyInUse);

        LinuxCaptureOptions other = testOptions();
        other.device = "npt1";
        other.table = "netpas2";
        other.mark = 0x4e700000;
        other.routeTable = 20561;
        other.rulePriority = 5271;
        const auto second = openLinuxCapture(other);
        QVERIFY2(second.has_value(), second ? "" : second.error().diagnosis.c_str());
        const CapturedFlow one[] = {flow("udp *:* -> 192.0.2.2:9000")}, two[] = {flow("udp *:* -> 192.0.2.2:9001")};
        QVERIFY((*first)->set(one));
        QVERIFY((*second)->set(two));
        QVERIFY(sendDatagram("192.0.2.2", 9000) && sendDatagram("192.0.2.2", 9001));
        QVERIFY(netlab::receive(tun.descriptor, soon));
        QVERIFY(netlab::receive(tun2.descriptor, soon));
    }

    void missingDeviceIsNamed() {
        const auto capture = openLinuxCapture(testOptions());
        QVERIFY(!capture.has_value());
        QCOMPARE(capture.error().error, CaptureError::NoSuchDevice);
        QCOMPARE(capture.error().diagnosis, std::string(device));
    }

    void failedSetChangesNothing() {
        const Socket tun(netlab::openPlainTun(device));
        const auto capture = openLinuxCapture(testOptions());
        QVERIFY(capture.has_value());
        const CapturedFlow good[] = {flow("udp *:* -> 192.0.2.2:9000")};
        QVERIFY((*capture)->set(good));
        CapturedFlow bad[] = {flow("udp *:* -> 192.0.2.2:9001"), flow("icmp *:* -> *:*")};
        bad[1].match.localPort = 1;
        QCOMPARE((*capture)->set(bad).error(), CaptureError::InvalidFlow);
        QVERIFY(sendDatagram("192.0.2.2", 9000));
        QVERIFY(netlab::receive(tun.descriptor, soon));
    }

    void destructionLeavesNothing() {
        const std::string before = traces();
        {
            const Socket tun(netlab::openPlainTun(device));
            const auto capture = openLinuxCapture(testOptions());
            QVERIFY(capture.has_value());
            const CapturedFlow flows[] = {flow("any *:* -> *:*")};
            QVERIFY((*capture)->set(flows));
            QVERIFY(traces() != before);
        }
        QVERIFY(traceless(before));
        QVERIFY(netlab::output("ls /tmp/netpas-test-lock").empty());
    }

    void killLeavesNothing_data() {
        QTest::addColumn<bool>("guardToo");
        QTest::newRow("agent killed") << false;
        QTest::newRow("agent and guard killed") << true;
    }
    void killLeavesNothing() {
        QFETCH(bool, guardToo);
        const std::string before = traces();
        int ready[2];
        QCOMPARE(pipe(ready), 0);
        const pid_t child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that fails leaves nobody behind
            const int tun = netlab::openPlainTun(device);
            const auto capture = openLinuxCapture(testOptions());
            const CapturedFlow flows[] = {flow("any *:* -> *:*")};
            const bool good = tun >= 0 && capture && (*capture)->set(flows);
            if (write(ready[1], good ? "y" : "n", 1) != 1) _exit(1);
            for (;;) pause();
        }
        char good = 0;
        QCOMPARE(read(ready[0], &good, 1), ssize_t{1});
        QCOMPARE(good, 'y');
        close(ready[0]);
        close(ready[1]);
        const std::string guard = netlab::output("pgrep -P " + std::to_string(child) + " -x netpas-guard");
        QVERIFY(!guard.empty());
        // It closes what it does not need once it has started, which on a busy machine may be a moment later.
        const std::string descriptors = "ls /proc/" + guard.substr(0, guard.size() - 1) + "/fd | wc -l";
        for (int i = 0; i < 100 && netlab::output(descriptors) != "4\n"; ++i) usleep(20'000);
        QCOMPARE(netlab::output(descriptors), std::string("4\n"));
        if (guardToo) kill(std::stoi(guard), SIGKILL);
        kill(child, SIGKILL);
        QCOMPARE(waitpid(child, nullptr, 0), child);
        if (guardToo) {
            // Two rules that lead nowhere are left; what they would divert is not disturbed, and the next agent removes them.
            QVERIFY(netlab::output("ip rule").find("5270:") != std::string::npos);
            const Socket paid(peerSocket("192.0.2.2", 9000));
            QVERIFY(sendDatagram("192.0.2.2", 9000, 0x4e500000));
            QVERIFY(netlab::receive(paid.descriptor, soon));
            const Socket tun(netlab::openPlainTun(device));
            const auto capture = openLinuxCapture(testOptions());
            QVERIFY(capture.has_value());
        }
        QVERIFY(traceless(before));
    }

    void aKilledGuardIsReplaced() {
        const Socket tun(netlab::openPlainTun(device));
        const auto capture = openLinuxCapture(testOptions());
        QVERIFY(capture.has_value());
        const std::string children = "pgrep -P " + std::to_string(getpid()) + " -x netpas-guard";
        const int first = std::stoi(netlab::output(children));
        kill(first, SIGKILL);
        usleep(20'000);
        const CapturedFlow flows[] = {flow("any *:* -> *:*")};
        QVERIFY((*capture)->set(flows));
        const std::string second = netlab::output(children);
        QVERIFY(!second.empty());
        QVERIFY(std::stoi(second) != first);
    }

    void cleanupTestCase() { (void)netlab::run("rm -rf /tmp/netpas-test-lock /tmp/netpas-test-lock-2"); }
};

QTEST_APPLESS_MAIN(TestLinuxCapture)
#include "test_linux_capture.moc"
