// The engine between sockets and processor, over in-memory sockets and an in-memory TUN: who sent what, what leaves
// where, as which train and with which class.
#include <QTest>

#include "tests/tun/edge_packets.h"
#include "tun/device/memory_tun.h"
#include "tun/edge/edge_engine.h"
#include "tun/udp/memory_udp_socket.h"

using namespace netpas;
using namespace netpas::tun;
using namespace netpas::tun::edgetest;

namespace {

struct Arrived {
    Bytes data;
    size_t segmentSize;
    uint8_t trafficClass;
    Endpoint from;
};

std::vector<Arrived> takeAll(UdpSocket& socket) {
    std::vector<Bytes> memory(32, Bytes(65535));
    std::vector<ReceivedTrain> trains(memory.size());
    for (size_t i = 0; i < memory.size(); ++i) trains[i].buffer = memory[i];
    std::vector<Arrived> all;
    const auto count = socket.receive(trains);
    for (size_t i = 0; i < count.value_or(0); ++i) {
        all.push_back({Bytes(trains[i].data().begin(), trains[i].data().end()), trains[i].segmentSize,
                       trains[i].trafficClass, trains[i].from});
    }
    return all;
}

void send(UdpSocket& socket, const Bytes& data, size_t segment, std::string_view to) {
    OutgoingTrain train{.data = data, .segmentSize = static_cast<uint16_t>(segment), .to = Endpoint{ip(to), dataPort}};
    QCOMPARE(socket.send({&train, 1}), size_t{1});
}

Bytes repeated(const Bytes& one, size_t times) {
    Bytes all;
    for (size_t i = 0; i < times; ++i) all.insert(all.end(), one.begin(), one.end());
    return all;
}

}  // namespace

class TestEdgeEngine : public QObject {
    Q_OBJECT

private slots:
    void init() {
        m_network = std::make_unique<MemoryUdpNetwork>();
        m_tun = std::make_unique<MemoryTun>();
        m_clock = std::make_unique<ManualClock>(wall(1000));
        m_config = edgeConfig();
        m_config.listen = {ip("192.0.2.1"), ip("2001:db8:c::1")};
        auto engine = EdgeEngine::open(m_config, *m_network, *m_tun, *m_clock);
        QVERIFY(engine.has_value());
        m_engine = std::move(*engine);
        m_engine->publish(EdgeTables::build(m_config, 0, {}));
        (void)m_engine->processor().installKey(sessionKey(), 0, m_clock->steady());
        m_b = open("192.0.2.9");
        m_z = open("198.18.0.1");
        m_x = open("198.18.1.2");
        m_y2 = open("198.18.9.2");
    }
    void cleanup() {
        m_engine.reset();
        m_b.reset();
        m_z.reset();
        m_x.reset();
        m_y2.reset();
        m_network.reset();
    }
    void customerTrainLeavesAsATrainOfTheClass();
    void transitTrainPassesWithoutCopying();
    void sourcesDecideWhoSent();
    void deliveredTrainsReachTheKernelCoalesced();
    void participantsAndOtherRoutersGetTheirs();
    void classesDoNotMixInATrain();
    void lostTrainsAreCounted();
    void nothingIsAcceptedBeforeTheFirstTables();
    void commandsRunOnThePacketThreadInOrder();
    void takenAddressIsAnError();

private:
    std::unique_ptr<UdpSocket> open(std::string_view address) {
        auto socket = m_network->open({.local = {ip(address), dataPort}, .reportTrafficClass = true});
        return socket ? std::move(*socket) : nullptr;
    }
    uint64_t verdict(Verdict verdict) { return m_engine->processor().verdictCounter(verdict); }

    std::unique_ptr<MemoryUdpNetwork> m_network;
    std::unique_ptr<MemoryTun> m_tun;
    std::unique_ptr<ManualClock> m_clock;
    EdgeConfig m_config;
    std::unique_ptr<EdgeEngine> m_engine;
    std::unique_ptr<UdpSocket> m_b, m_z, m_x, m_y2;
};

void TestEdgeEngine::customerTrainLeavesAsATrainOfTheClass() {
    const Bytes inner = innerPacket({});
    const Bytes head = header({hop(25, 10, 3), hop(24, 2)});
    const Bytes one = customer(sessionKey(), 0, head, inner, 20);
    send(*m_b, repeated(one, 20), one.size(), "192.0.2.1");
    QCOMPARE(m_engine->runOnce(), size_t{20});
    const auto arrived = takeAll(*m_x);
    QCOMPARE(arrived.size(), size_t{1});
    const Bytes transit = plain(ShimKind::Transit, head, inner);
    QCOMPARE(arrived[0].data, repeated(transit, 20));
    QCOMPARE(arrived[0].segmentSize, transit.size());
    QCOMPARE(arrived[0].trafficClass, uint8_t{46 << 2});
    QCOMPARE(arrived[0].from, (Endpoint{ip("198.18.1.1"), dataPort}));
    QCOMPARE(verdict(Verdict::Forwarded), uint64_t{20});
    const EngineCounters counters = m_engine->counters();
    QCOMPARE(counters.egress[1].name, std::string("24/3"));
    QCOMPARE(counters.egress[1].counters.datagrams, uint64_t{20});
    QCOMPARE(counters.egress[1].counters.trains, uint64_t{1});
}

void TestEdgeEngine::transitTrainPassesWithoutCopying() {
    const Bytes head = header({hop(26, 3, 1), hop(25, 10, 3), hop(24, 2)});
    const Bytes one = plain(ShimKind::Transit, head, innerPacket({.payload = 1000}));
    const Bytes last = plain(ShimKind::Transit, head, innerPacket({.payload = 300}));
    send(*m_z, join({repeated(one, 30), last}), one.size(), "198.18.0.2");
    QCOMPARE(m_engine->runOnce(), size_t{31});
    const auto arrived = takeAll(*m_x);
    QCOMPARE(arrived.size(), size_t{1});
    QCOMPARE(arrived[0].data, join({repeated(one, 30), last}));
}

void TestEdgeEngine::sourcesDecideWhoSent() {
    const Bytes head = header({hop(26, 3, 1), hop(25, 10, 3), hop(24, 2)});
    const Bytes transit = plain(ShimKind::Transit, head, innerPacket({}));
    const Bytes paying = customer(sessionKey(), 0, header({hop(25, 10, 3), hop(24, 2)}), innerPacket({}));
    send(*m_b, transit, transit.size(), "198.18.0.2");  // a customer on a link's address
    send(*m_x, transit, transit.size(), "198.18.0.2");  // another neighbour on this one's
    QCOMPARE(m_engine->runOnce(), size_t{2});
    QCOMPARE(verdict(Verdict::WrongNeighbour), uint64_t{2});
    const auto stranger = open("198.51.100.1");
    send(*stranger, paying, paying.size(), "192.0.2.1");
    send(*stranger, paying, paying.size(), "198.18.9.1");  // the address for other routers of the ISP
    send(*m_b, transit, transit.size(), "192.0.2.1");
    m_engine->runOnce();
    QCOMPARE(verdict(Verdict::UnknownSource), uint64_t{1});
    QCOMPARE(verdict(Verdict::WrongNeighbour), uint64_t{3});
    QCOMPARE(verdict(Verdict::WrongKind), uint64_t{1});
    QVERIFY(takeAll(*m_x).empty());
    const auto v6 = open("2001:db8:c::77");
    send(*v6, paying, paying.size(), "2001:db8:c::1");
    m_engine->runOnce();
    QCOMPARE(verdict(Verdict::Forwarded), uint64_t{1});
}

void TestEdgeEngine::deliveredTrainsReachTheKernelCoalesced() {
    const Bytes head = header({hop(26, 3, 1), hop(25, 10)});
    const Bytes inner = innerPacket({.payload = 1000, .fragmentField = 0x4000});  // DF: the identification may repeat
    const Bytes one = plain(ShimKind::Transit, head, inner);
    send(*m_z, repeated(one, 40), one.size(), "198.18.0.2");
    m_engine->runOnce();
    const auto frames = m_tun->takeWritten();
    size_t payload = 0;
    for (const MemoryFrame& frame : frames) {
        const auto view = parseHeaders(frame.packet);
        QVERIFY(view.has_value());
        QCOMPARE(view->trafficClass(), uint8_t{46 << 2});
        payload += view->payloadLength();
    }
    QCOMPARE(payload, size_t{40'000});
    QVERIFY(frames.size() < 5);  // equal datagrams go as trains where the device takes them
    QCOMPARE(verdict(Verdict::Delivered), uint64_t{40});
    QCOMPARE(m_engine->counters().packetsDelivered, uint64_t{40});
}

void TestEdgeEngine::participantsAndOtherRoutersGetTheirs() {
    const auto endpoint = open("203.0.114.1");
    const Bytes last = header({hop(26, 3, 1), hop(25, 10)});
    const Bytes toEndpoint = plain(ShimKind::Transit, last, innerPacket({.dst = "203.0.114.5"}));
    send(*m_z, toEndpoint, toEndpoint.size(), "198.18.0.2");
    const Bytes handOver = header({hop(26, 3, 1), hop(25, 10, 9), hop(24, 2)});
    const Bytes toRouter = plain(ShimKind::Transit, handOver, innerPacket({}));
    send(*m_z, toRouter, toRouter.size(), "198.18.0.2");
    m_engine->runOnce();
    const auto atEndpoint = takeAll(*endpoint);
    QCOMPARE(atEndpoint.size(), size_t{1});
    QCOMPARE(atEndpoint[0].data[0], uint8_t{0x14});
    const auto atRouter = takeAll(*m_y2);
    QCOMPARE(atRouter.size(), size_t{1});
    QCOMPARE(atRouter[0].data, plain(ShimKind::Internal, handOver, innerPacket({})));
    // And the other way round.
    const Bytes fromRouter =
        plain(ShimKind::Internal, header({hop(26, 3, 1), hop(25, 10, 3), hop(24, 2)}), innerPacket({}));
    send(*m_y2, fromRouter, fromRouter.size(), "198.18.9.1");
    m_engine->runOnce();
    QCOMPARE(takeAll(*m_x).size(), size_t{1});
}

void TestEdgeEngine::classesDoNotMixInATrain() {
    const Bytes gold =
        plain(ShimKind::Transit, header({hop(26, 3, 1), hop(25, 10, 3, 1), hop(24, 2)}), innerPacket({}));
    const Bytes silver =
        plain(ShimKind::Transit, header({hop(26, 3, 1), hop(25, 10, 3, 2), hop(24, 2)}), innerPacket({}));
    send(*m_z, join({gold, silver, gold, silver, silver}), gold.size(), "198.18.0.2");
    m_engine->runOnce();
    const auto arrived = takeAll(*m_x);
    QCOMPARE(arrived.size(), size_t{2});
    QCOMPARE(arrived[0].data, repeated(gold, 2));
    QCOMPARE(arrived[0].trafficClass, uint8_t{46 << 2});
    QCOMPARE(arrived[1].data, repeated(silver, 3));
    QCOMPARE(arrived[1].trafficClass, uint8_t{10 << 2});
}

void TestEdgeEngine::lostTrainsAreCounted() {
    const Bytes one = plain(ShimKind::Transit, header({hop(26, 3, 1), hop(25, 10, 3), hop(24, 2)}), innerPacket({}));
    send(*m_z, repeated(one, 7), one.size(), "198.18.0.2");
    m_network->failNext(1, SendOutcome::Full);
    m_engine->runOnce();
    send(*m_z, repeated(one, 5), one.size(), "198.18.0.2");
    m_network->failNext(1, SendOutcome::Unreachable);
    m_engine->runOnce();
    QCOMPARE(m_engine->counters().egress[1].counters.full, uint64_t{7});
    QCOMPARE(m_engine->counters().egress[1].counters.failed, uint64_t{5});
    m_tun->refuseNext(1);
    const Bytes here = plain(ShimKind::Transit, header({hop(26, 3, 1), hop(25, 10)}), innerPacket({}));
    send(*m_z, here, here.size(), "198.18.0.2");
    m_engine->runOnce();
    QCOMPARE(m_engine->counters().framesRefused, uint64_t{1});
}

void TestEdgeEngine::nothingIsAcceptedBeforeTheFirstTables() {
    EdgeConfig other = edgeConfig();
    other.listen = {ip("192.0.2.2")};
    for (EdgeNeighbour& neighbour : other.neighbours) neighbour.links.clear();
    other.internals.clear();
    other.deliveries = {{prefix("203.0.113.0/24"), std::nullopt}};
    auto engine = EdgeEngine::open(other, *m_network, *m_tun, *m_clock);
    QVERIFY(engine.has_value());
    (void)(*engine)->processor().installKey(sessionKey(), 0, m_clock->steady());
    const Bytes one = customer(sessionKey(), 0, header({hop(25, 10)}), innerPacket({}));
    send(*m_b, one, one.size(), "192.0.2.2");
    (*engine)->runOnce();
    QVERIFY(m_tun->takeWritten().empty());
    (*engine)->publish(EdgeTables::build(other, 0, {}));
    send(*m_b, one, one.size(), "192.0.2.2");
    (*engine)->runOnce();
    QCOMPARE(m_tun->takeWritten().size(), size_t{1});
}

void TestEdgeEngine::commandsRunOnThePacketThreadInOrder() {
    std::vector<int> order;
    std::atomic<int> done{0};
    m_engine->start();
    const auto here = std::this_thread::get_id();
    bool elsewhere = false;
    for (int i = 0; i < 100; ++i) {
        QVERIFY(m_engine->post([&, i](EdgeProcessor&) {
            elsewhere = std::this_thread::get_id() != here;
            order.push_back(i);
            ++done;
        }));
    }
    const Bytes one = customer(sessionKey(), 0, header({hop(25, 10, 3), hop(24, 2)}), innerPacket({}));
    send(*m_b, one, one.size(), "192.0.2.1");
    QTRY_COMPARE(done.load(), 100);
    size_t arrived = 0;
    QTRY_VERIFY((arrived += takeAll(*m_x).size()) == 1);
    QVERIFY(elsewhere);
    QVERIFY(std::is_sorted(order.begin(), order.end()));
    // What was posted before the end runs; nothing after it.
    (void)m_engine->post([&](EdgeProcessor&) { ++done; });
    m_engine->stop();
    QCOMPARE(done.load(), 101);
    QVERIFY(!m_engine->post([](EdgeProcessor&) {}));
}

void TestEdgeEngine::takenAddressIsAnError() {
    const auto again = EdgeEngine::open(m_config, *m_network, *m_tun, *m_clock);
    QVERIFY(!again);
    QCOMPARE(again.error().error, UdpError::AddressInUse);
    QVERIFY(again.error().local.port == dataPort);
}

QTEST_GUILESS_MAIN(TestEdgeEngine)
#include "test_edge_engine.moc"
