// Device, capture, data plane and bypass together with real kernels: connections that are upgraded in mid-stream, path MTU discovery, dead edge routers
// and a dead agent.
#include <QTest>

#include <memory>

#include "tests/tun/agent_lab.h"
#include "tun/agent/agent_plane.h"
#include "tun/agent/bypass.h"
#include "tun/capture/linux_capture.h"

using namespace agentlab;

namespace {

constexpr const char* lockDirectory = "/tmp/netpas-test-agent-lock";

Money nano(int64_t nanodollars) { return Money::fromEighths(nanodollars * 8); }

// Everything that an agent consists of.
struct Agent {
    std::unique_ptr<TunDevice> device;
    std::unique_ptr<Bypass> bypass;
    LinuxUdpFactory sockets;
    std::unique_ptr<AgentPlane> plane;
    std::unique_ptr<Capture> capture;
    std::shared_ptr<SpendGate> gate = std::make_shared<SpendGate>(*Money::parse("1000"));
    std::atomic<int> edgeChanges{0};

    // Empty, or what did not work.
    std::string start() {
        auto tun = openLinuxTun({"netpas0", 1, true, true, 1500, true});
        if (!tun) return std::string(describe(tun.error()));
        device = std::move(*tun);
        auto diverter = openLinuxCapture({.lockDirectory = lockDirectory});
        if (!diverter) return diverter.error().diagnosis;
        capture = std::move(*diverter);
        auto around = openLinuxBypass(bypassMark);
        if (!around) return std::string(describe(around.error()));
        bypass = std::move(*around);
        AgentPlaneOptions options;
        options.mark = bypassMark;
        options.firstRetry = std::chrono::milliseconds(100);
        options.lastRetry = std::chrono::milliseconds(200);
        options.edgeChanged = [this](const EdgeState&) { ++edgeChanges; };
        plane = std::make_unique<AgentPlane>(*device, sockets, *bypass, systemClock(), options);
        return plane->start() ? "" : "no threads";
    }
    bool divert(uint64_t purchase, bool v6, const std::string& match) {
        AgentFlow flow;
        flow.purchase = PurchaseId(purchase);
        flow.match = *FlowMatch::parse(match);
        flow.path = {{IspId(26), ServiceClass(1), ExitPoint(0), {{nano(3), {}, 0}, {}}},
                     {IspId(25), ServiceClass(1), ExitPoint(0), {{nano(10), {}, 0}, {}}},
                     {IspId(24), ServiceClass(1), ExitPoint(0), {{nano(2), {}, 0}, {}}}};
        flow.key = SessionKeyId(7);
        flow.secret = Row::key();
        flow.edge = Row::edgeEndpoint(v6);
        flow.gate = gate;
        if (!plane->publish({{flow}})) return false;
        const CapturedFlow captured[] = {{flow.match, CaptureAction::Divert, CapturePoint::Output}};
        return capture->set(captured).has_value();
    }
    bool undivert(uint64_t purchase) {
        if (!capture->set({}) || !plane->drain(PurchaseId(purchase), std::chrono::seconds(10))) return false;
        return plane->publish({}).has_value();
    }
};

std::string traces() {
    return netlab::output("ip rule; ip -6 rule; nft list ruleset; ip link show netpas0 2>/dev/null");
}

std::string matchFor(bool v6, const char* protocol) {
    return std::string(protocol) + " *:* -> " + (v6 ? "[2001:db8:3::2]" : "198.51.100.2") + ":8080";
}

// What the kernel believes of the socket's path.
size_t knownMtu(int socket, bool v6) {
    int mtu = 0;
    socklen_t length = sizeof mtu;
    getsockopt(socket, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_MTU : IP_MTU, &mtu, &length);
    return static_cast<size_t>(mtu);
}

}  // namespace

class TestLinuxAgent : public QObject {
    Q_OBJECT

private:
    std::unique_ptr<Row> m_row;

    void families() {
        QTest::addColumn<bool>("v6");
        QTest::newRow("ipv4") << false;
        QTest::newRow("ipv6") << true;
    }

private slots:
    void initTestCase() {
        const std::string obstacle = netlab::obstacle();
        if (!obstacle.empty()) QSKIP(obstacle.c_str());
        m_row = std::make_unique<Row>();
        const std::string failure = m_row->build();
        QVERIFY2(failure.empty(), failure.c_str());
    }
    void init() {
        if (!m_row) QSKIP("no namespaces");
        QVERIFY(m_row->setMiddleMtu(1500));
        m_row->counts->packets = 0;
        m_row->counts->eighths = 0;
    }

    void aConnectionIsUpgradedAndDroppedBackInMidStream_data() { families(); }
    void aConnectionIsUpgradedAndDroppedBackInMidStream() {
        QFETCH(bool, v6);
        Agent agent;
        const std::string failure = agent.start();
        QVERIFY2(failure.empty(), failure.c_str());
        Transfer transfer(Row::server(v6));
        QVERIFY(transfer.flows(5'000'000));
        QCOMPARE(m_row->counts->packets.load(), uint64_t{0});
        QCOMPARE(agent.plane->totals().framesRead, uint64_t{0});  // nothing unpaid enters the device
        for (uint64_t purchase = 1; purchase <= 3; ++purchase) {
            QVERIFY(agent.divert(purchase, v6, matchFor(v6, "tcp")));
            QVERIFY(transfer.flows(20'000'000));
            QVERIFY(agent.undivert(purchase));
            const PurchaseCounters drained = agent.plane->counters(PurchaseId(purchase));
            QVERIFY(drained.packets > 10'000);
            QCOMPARE(drained.amount, nano(15 * static_cast<int64_t>(drained.packets)));
            QCOMPARE(drained.bestEffortPackets(), uint64_t{0});
            QVERIFY(transfer.flows(10'000'000));
            QCOMPARE(agent.plane->counters(PurchaseId(purchase)), drained);  // drained means final
        }
        const std::string result = transfer.finish();
        QVERIFY2(result.empty(), result.c_str());
        QCOMPARE(m_row->counts->badTags.load(), uint64_t{0});
        QCOMPARE(m_row->counts->malformed.load(), uint64_t{0});
        uint64_t paid = 0;
        for (const auto& [id, counters] : agent.plane->harvest()) paid += counters.packets;
        QVERIFY(m_row->counts->packets.load() <= paid);
        QVERIFY(m_row->counts->packets.load() > paid * 9 / 10);  // a full socket buffer at the edge may cost some
        QCOMPARE(m_row->counts->eighths.load(), int64_t(m_row->counts->packets.load()) * 15 * 8);
        QCOMPARE(agent.gate->spent(), nano(15 * static_cast<int64_t>(paid)));
    }

    void tcpNeverStallsWhereTheMiddleIsNarrower_data() { families(); }
    void tcpNeverStallsWhereTheMiddleIsNarrower() {
        QFETCH(bool, v6);
        Agent agent;
        QVERIFY(agent.start().empty());
        QVERIFY(agent.divert(1, v6, matchFor(v6, "tcp")));
        Transfer transfer(Row::server(v6));
        QVERIFY(transfer.flows(5'000'000));
        QVERIFY(m_row->setMiddleMtu(1300));  // under a running connection
        QVERIFY(transfer.flows(20'000'000));
        QCOMPARE(agent.plane->edges().at(0).pathMtu, 1300u);
        QVERIFY(agent.undivert(1));
        QVERIFY(transfer.flows(5'000'000));
        const std::string result = transfer.finish();
        QVERIFY2(result.empty(), result.c_str());
        QCOMPARE(agent.plane->counters(PurchaseId(1)).bestEffortPackets(), uint64_t{0});
    }

    void datagramsGetThroughANarrowMiddleAndTheirSendersLearnIt_data() {
        QTest::addColumn<bool>("v6");
        QTest::addColumn<bool>("dontFragment");
        QTest::newRow("ipv4 with DF") << false << true;
        QTest::newRow("ipv4 without DF") << false << false;
        QTest::newRow("ipv6 strict") << true << true;
        QTest::newRow("ipv6 fragmenting") << true << false;
    }
    void datagramsGetThroughANarrowMiddleAndTheirSendersLearnIt() {
        QFETCH(bool, v6);
        QFETCH(bool, dontFragment);
        QVERIFY(m_row->setMiddleMtu(1400));
        Agent agent;
        QVERIFY(agent.start().empty());
        QVERIFY(agent.divert(1, v6, matchFor(v6, "udp")));
        const netlab::Address address(Row::server(v6), serverPort);
        const int socket = ::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const int mode = dontFragment ? IP_PMTUDISC_DO : v6 ? IPV6_PMTUDISC_WANT : IP_PMTUDISC_DONT;
        if (v6) {
            setsockopt(socket, SOL_IPV6, IPV6_MTU_DISCOVER, &mode, sizeof mode);
        } else {
            setsockopt(socket, SOL_IP, IP_MTU_DISCOVER, &mode, sizeof mode);
        }
        QCOMPARE(::connect(socket, address.get(), address.length), 0);
        const size_t large = v6 ? 1452 : 1472;  // fills 1500 bytes
        // 1400 less outer IP and UDP, shim and header; and what the datagram itself has in front of it.
        const size_t fits = v6 ? 1400 - 48 - 40 - 48 : 1400 - 28 - 40 - 28;
        // Some fall to the router that knows better; whoever sets DF is told, step by step, and shrinks.
        size_t size = large;
        int attempts = 0;
        for (int inARow = 0; inARow < 5 && attempts < 60; ++attempts) {
            const bool arrived = roundTrip(socket, size, 200) == size && (!dontFragment || size <= fits);
            inARow = arrived ? inARow + 1 : 0;
            usleep(25'000);
            if (dontFragment) size = std::min(large, knownMtu(socket, v6) - (v6 ? 48 : 28));
        }
        QVERIFY2(attempts < 60, qPrintable(QString("still %1 bytes").arg(size)));
        for (int i = 0; i < 20; ++i) QCOMPARE(size_t{roundTrip(socket, size, 2000)}, size);
        if (!dontFragment) {
            QCOMPARE(size, large);
        } else {
            QVERIFY(size <= fits);
            QVERIFY(agent.plane->counters(PurchaseId(1)).tooBigReported > 0);
        }
        ::close(socket);
        QVERIFY(agent.undivert(1));
    }

    void aDeadEdgeRouterCostsNothingButQuality() {
        Agent agent;
        QVERIFY(agent.start().empty());
        QVERIFY(agent.divert(1, false, matchFor(false, "tcp")));
        Transfer transfer(Row::server(false));
        QVERIFY(transfer.flows(5'000'000));
        m_row->stopEdge();  // its port answers "unreachable"
        QVERIFY(transfer.flows(20'000'000));
        QVERIFY(agent.edgeChanges > 0);
        const PurchaseCounters dead = agent.plane->counters(PurchaseId(1));
        QVERIFY(dead.bestEffort[size_t(BestEffortReason::EdgeUnreachable)] > 0);
        QCOMPARE(dead.bestEffortLost, uint64_t{0});
        QVERIFY(m_row->startEdge());
        for (int i = 0; i < 1000 && !agent.plane->edges().at(0).reachable; ++i) usleep(10'000);
        QVERIFY(agent.plane->edges().at(0).reachable);
        QVERIFY(transfer.flows(10'000'000));
        QVERIFY(agent.plane->counters(PurchaseId(1)).packets > dead.packets + 1000);
        QVERIFY(agent.undivert(1));
        const std::string result = transfer.finish();
        QVERIFY2(result.empty(), result.c_str());
    }

    void aSilentEdgeRouterIsNoticed() {
        Agent agent;
        QVERIFY(agent.start().empty());
        AgentFlow flow;
        flow.purchase = PurchaseId(1);
        flow.match = *FlowMatch::parse(matchFor(false, "tcp"));
        flow.path = {{IspId(26), ServiceClass(1), ExitPoint(0), {{nano(3), {}, 0}, {}}}};
        flow.secret = Row::key();
        flow.edge = {*IpAddress::parse("192.0.2.77"), dataPort};  // nobody has this address on the link
        flow.gate = agent.gate;
        QVERIFY(agent.plane->publish({{flow}}));
        const CapturedFlow captured[] = {{flow.match, CaptureAction::Divert, CapturePoint::Output}};
        QVERIFY(agent.capture->set(captured));
        Transfer transfer(Row::server(false));
        QVERIFY(transfer.flows(5'000'000));
        QVERIFY(!agent.plane->edges().at(0).reachable);
        const std::string result = transfer.finish();
        QVERIFY2(result.empty(), result.c_str());
    }

    void aKilledAgentLeavesTheConnectionAndNothingElse_data() { families(); }
    void aKilledAgentLeavesTheConnectionAndNothingElse() {
        QFETCH(bool, v6);
        const std::string before = traces();
        Transfer transfer(Row::server(v6));
        QVERIFY(transfer.flows(1'000'000));
        int ready[2];
        QCOMPARE(pipe(ready), 0);
        const pid_t child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            Agent agent;
            const bool good = agent.start().empty() && agent.divert(1, v6, matchFor(v6, "tcp"));
            if (write(ready[1], good ? "y" : "n", 1) != 1) _exit(1);
            for (;;) pause();
        }
        char good = 0;
        QCOMPARE(read(ready[0], &good, 1), ssize_t{1});
        ::close(ready[0]);
        ::close(ready[1]);
        const bool flowed = good == 'y' && transfer.flows(20'000'000);
        kill(child, SIGKILL);
        QVERIFY(flowed);
        QVERIFY(m_row->counts->packets.load() > 5'000);
        QCOMPARE(waitpid(child, nullptr, 0), child);
        QVERIFY(transfer.flows(20'000'000));
        for (int i = 0; i < 200 && traces() != before; ++i) usleep(10'000);
        QCOMPARE(traces(), before);
        const std::string result = transfer.finish();
        QVERIFY2(result.empty(), result.c_str());
    }

    void cleanupTestCase() {
        m_row.reset();
        (void)netlab::run(std::string("rm -rf ") + lockDirectory);
    }
};

QTEST_APPLESS_MAIN(TestLinuxAgent)
#include "test_linux_agent.moc"
