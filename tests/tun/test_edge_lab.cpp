// Two edge routers with real sockets and TUN devices, in namespaces: B → ISP 26 → ISP 25 → A, over both families, also
// through a link whose MTU is smaller than the packets. What A's own socket receives is the judge.
#include <QTest>

#include <poll.h>

#include <fstream>
#include <set>

#include "tests/tun/edge_packets.h"
#include "tests/tun/private_namespace.h"
#include "tun/device/linux_tun.h"
#include "tun/edge/edge_engine.h"
#include "tun/udp/linux_udp_socket.h"

using namespace netpas;
using namespace netpas::tun;
using namespace netpas::tun::edgetest;

namespace {

struct Addresses {
    const char* b;
    const char* zTowardsB;
    const char* zTowardsX;
    const char* x;
    const char* xTowardsA;
    const char* a;
    const char* length;
    const char* destination;
};
constexpr Addresses v4 = {"192.0.2.2",   "192.0.2.1",   "198.18.0.1", "198.18.0.2",
                          "203.0.113.1", "203.0.113.2", "/30",        "203.0.113.0/24"};
constexpr Addresses v6 = {"2001:db8:b::2", "2001:db8:b::1", "2001:db8:1::1", "2001:db8:1::2",
                          "2001:db8:a::1", "2001:db8:a::2", "/64",           "2001:db8:a::/48"};

struct Isp {
    std::unique_ptr<TunDevice> tun;
    LinuxUdpFactory udp;
    std::unique_ptr<EdgeEngine> engine;

    void open(const EdgeConfig& config) {
        auto device = openLinuxTun({.name = "npedge%d"});
        QVERIFY2(device.has_value(), "no TUN device");
        tun = std::move(*device);
        std::ofstream("/proc/sys/net/ipv4/conf/" + tun->name() + "/rp_filter") << "0";
        auto opened = EdgeEngine::open(config, udp, *tun, systemClock());
        QVERIFY2(opened.has_value(),
                 opened
                     ? ""
                     : (opened.error().local.toString() + ": " + std::string(describe(opened.error().error))).c_str());
        engine = std::move(*opened);
        engine->publish(EdgeTables::build(config, 0, {}));
    }
};

}  // namespace

class TestEdgeLab : public QObject {
    Q_OBJECT

private slots:
    void initTestCase();
    void packetsCrossTwoIspsExactly_data();
    void packetsCrossTwoIspsExactly();
    void floodOfGarbageHarmsNoPaidPacket();

private:
    void makeNetwork(const Addresses& at, int mtu);
    void openIsps(const Addresses& at);
    void expect(UdpSocket& socket, size_t payload, size_t count);

    std::unique_ptr<lab::Namespace> m_b, m_z, m_x, m_a;
    std::unique_ptr<Isp> m_isp26, m_isp25;
    std::set<uint32_t> m_arrived;
    size_t m_duplicates = 0;
    size_t m_wrongClass = 0;
};

void TestEdgeLab::initTestCase() {
    if (geteuid() != 0) QSKIP("needs root, for network namespaces");
}

void TestEdgeLab::makeNetwork(const Addresses& at, int mtu) {
    m_isp26 = std::make_unique<Isp>();
    m_isp25 = std::make_unique<Isp>();
    m_b = std::make_unique<lab::Namespace>();
    m_z = std::make_unique<lab::Namespace>();
    m_x = std::make_unique<lab::Namespace>();
    m_a = std::make_unique<lab::Namespace>();
    QVERIFY(m_a->made());
    const auto link = [&](const lab::Namespace& here, const char* near, const lab::Namespace& there, const char* far) {
        return here.enter() && lab::run(std::string("ip link add ") + near + " type veth peer name " + far) &&
               lab::run(std::string("ip link set ") + far + " netns " + there.path());
    };
    QVERIFY(link(*m_b, "b0", *m_z, "zb"));
    QVERIFY(link(*m_z, "zx", *m_x, "xz"));
    QVERIFY(link(*m_x, "xa", *m_a, "a0"));
    const auto setUp = [&](const lab::Namespace& where, const char* device, const char* address) {
        return where.enter() &&
               lab::run(std::string("ip addr add ") + address + at.length + " dev " + device +
                        (ip(address).isV6() ? " nodad" : "")) &&
               lab::run(std::string("ip link set ") + device + " up") && lab::run("ip link set lo up");
    };
    QVERIFY(setUp(*m_b, "b0", at.b));
    QVERIFY(setUp(*m_z, "zb", at.zTowardsB) && setUp(*m_z, "zx", at.zTowardsX));
    QVERIFY(setUp(*m_x, "xz", at.x) && setUp(*m_x, "xa", at.xTowardsA));
    QVERIFY(setUp(*m_a, "a0", at.a));
    QVERIFY(m_z->enter() && lab::run("ip link set zx mtu " + std::to_string(mtu)));
    QVERIFY(m_x->enter() && lab::run("ip link set xz mtu " + std::to_string(mtu)));
    // Neighbours know each other before the test begins.
    QVERIFY(m_b->enter() && lab::run(std::string("ping -c 1 -w 10 ") + at.zTowardsB));
    QVERIFY(m_z->enter() && lab::run(std::string("ping -c 1 -w 10 ") + at.x));
    QVERIFY(m_x->enter() && lab::run(std::string("ping -c 1 -w 10 ") + at.a));
    QVERIFY(lab::run("sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0"));
}

void TestEdgeLab::openIsps(const Addresses& at) {
    EdgeConfig z;
    z.isp = IspId(26);
    z.router = "z";
    z.listen = {ip(at.zTowardsB)};
    z.classes = {serviceClass(1, 46, nano(3))};
    z.customers = {{"B", {*IpPrefix::make(ip(at.b), ip(at.b).isV6() ? 128 : 32)}, std::nullopt}};
    z.neighbours = {{IspId(25), "x", std::nullopt, {{ExitPoint(1), "zx", ip(at.zTowardsX), ip(at.x)}}}};
    EdgeConfig x;
    x.isp = IspId(25);
    x.router = "x";
    x.classes = {serviceClass(1, 34, nano(2))};
    x.neighbours = {{IspId(26), "z", std::nullopt, {{ExitPoint(1), "xz", ip(at.x), ip(at.zTowardsX)}}}};
    x.deliveries = {{prefix(at.destination), std::nullopt}};
    QVERIFY(m_z->enter());
    m_isp26->open(z);
    QVERIFY(m_x->enter());
    m_isp25->open(x);
    SessionKey key = sessionKey();
    key.allowed = {IspId(26), IspId(25)};
    key.cap = *Money::parse("1");
    key.capPerSecond = *Money::parse("1");
    key.expires = systemClock().now() + std::chrono::hours(1);
    (void)m_isp26->engine->processor().installKey(key, 0, systemClock().steady());
    m_isp26->engine->start();
    m_isp25->engine->start();
}

// Takes what arrives at A until `count` different packets are there or nothing comes for two seconds.
void TestEdgeLab::expect(UdpSocket& socket, size_t payload, size_t count) {
    std::vector<Bytes> memory(16, Bytes(65535));
    std::vector<ReceivedTrain> trains(memory.size());
    for (size_t i = 0; i < memory.size(); ++i) trains[i].buffer = memory[i];
    pollfd waiting{socket.pollHandle(), POLLIN, 0};
    while (m_arrived.size() < count && poll(&waiting, 1, 2000) == 1) {
        const auto received = socket.receive(trains);
        for (size_t t = 0; t < received.value_or(0); ++t) {
            if (trains[t].trafficClass != 34 << 2) ++m_wrongClass;
            for (size_t at = 0; at < trains[t].size; at += payload) {
                if (!m_arrived.insert(load32(trains[t].buffer.data() + at)).second) ++m_duplicates;
            }
        }
    }
}

void TestEdgeLab::packetsCrossTwoIspsExactly_data() {
    QTest::addColumn<bool>("overV6");
    QTest::addColumn<int>("mtu");
    QTest::addColumn<int>("payload");
    QTest::addRow("IPv4") << false << 1500 << 1000;
    QTest::addRow("IPv4, small") << false << 1500 << 20;
    QTest::addRow("IPv4, link smaller than the packets") << false << 1000 << 1200;
    QTest::addRow("IPv6") << true << 1500 << 1000;
    QTest::addRow("IPv6, link smaller than the packets") << true << 1280 << 1350;
}

void TestEdgeLab::packetsCrossTwoIspsExactly() {
    QFETCH(bool, overV6);
    QFETCH(int, mtu);
    QFETCH(int, payload);
    const Addresses& at = overV6 ? v6 : v4;
    makeNetwork(at, mtu);
    openIsps(at);
    if (QTest::currentTestFailed()) return;
    m_arrived.clear();
    m_duplicates = m_wrongClass = 0;
    QVERIFY(m_a->enter());
    auto atA =
        *LinuxUdpFactory().open({.local = {ip(at.a), 5000}, .receiveBuffer = 32u << 20, .reportTrafficClass = true});
    QVERIFY(m_b->enter());
    auto atB = *LinuxUdpFactory().open(
        {.local = {ip(at.b), 0}, .peer = Endpoint{ip(at.zTowardsB), dataPort}, .pathMtu = PathMtuMode::Fragment});

    constexpr uint32_t packets = 20'000;
    constexpr uint8_t burst = 16;
    const Bytes head = header({hop(26, 3, 0), hop(25, 2)});
    const Bytes first = innerPacket({.src = at.b, .dst = at.a, .payload = static_cast<size_t>(payload)});
    const size_t l4 = overV6 ? 40 : 20;
    for (uint32_t sequence = 0; sequence < packets; sequence += burst) {
        const Bytes shimmed = customer(
            [] {
                SessionKey key = sessionKey();
                return key;
            }(),
            sequence, head, first, burst);
        Bytes train;
        for (uint32_t i = 0; i < burst; ++i) {
            Bytes one = shimmed;
            uint8_t* udp = one.data() + (one.size() - first.size()) + l4;
            store32(udp + 8, sequence + i);
            std::span<uint8_t> inner(one.data() + (one.size() - first.size()), first.size());
            const auto view = parseHeaders(inner);
            store16(udp + 6, 0);
            InternetSum sum = pseudoHeaderSum(*view, static_cast<uint32_t>(8 + payload));
            sum.add({udp, static_cast<size_t>(8 + payload)});
            sum.storeUdpChecksum(udp + 6);
            train.insert(train.end(), one.begin(), one.end());
        }
        OutgoingTrain out{.data = train, .segmentSize = static_cast<uint16_t>(shimmed.size())};
        QCOMPARE(atB->send({&out, 1}), size_t{1});
        if (sequence % 512 != 0 || sequence < 1024) continue;
        expect(*atA, static_cast<size_t>(payload), sequence - 512);
        QVERIFY2(m_arrived.size() >= sequence - 512,
                 qPrintable(QString("only %1 of %2").arg(m_arrived.size()).arg(sequence)));
    }
    expect(*atA, static_cast<size_t>(payload), packets);
    QCOMPARE(m_arrived.size(), size_t{packets});
    QCOMPARE(m_duplicates, size_t{0});
    QCOMPARE(m_wrongClass, size_t{0});
    m_isp26->engine->stop();
    m_isp25->engine->stop();
    EdgeReport z;
    m_isp26->engine->processor().harvest(z);
    EdgeReport x;
    m_isp25->engine->processor().harvest(x);
    QCOMPARE(z.keys.at(0).counters,
             (KeyCounters{packets, packets * first.size(), nano(5 * int64_t{packets}), packets}));
    QCOMPARE(z.links[0].counters,
             (LinkCounters{packets, packets * first.size(), nano(3 * int64_t{packets}), nano(2 * int64_t{packets})}));
    QCOMPARE(x.ingress[0].counters, (IngressCounters{packets, packets * first.size(), nano(3 * int64_t{packets})}));
    QCOMPARE(x.delivered, (DeliveredCounters{packets, packets * first.size(), nano(2 * int64_t{packets})}));
}

void TestEdgeLab::floodOfGarbageHarmsNoPaidPacket() {
    makeNetwork(v4, 1500);
    openIsps(v4);
    if (QTest::currentTestFailed()) return;
    m_arrived.clear();
    QVERIFY(m_a->enter());
    auto atA = *LinuxUdpFactory().open({.local = {ip(v4.a), 5000}, .reportTrafficClass = true});
    QVERIFY(m_b->enter());
    auto atB = *LinuxUdpFactory().open({.local = {ip(v4.b), 0}, .peer = Endpoint{ip(v4.zTowardsB), dataPort}});
    SeededRandom random(9);
    const Bytes head = header({hop(26, 3, 0), hop(25, 2)});
    const Bytes inner = innerPacket({.src = v4.b, .dst = v4.a});
    uint64_t garbage = 0;
    for (uint32_t good = 0; good < 200; ++good) {
        Bytes bad;
        for (int i = 0; i < 64; ++i, ++garbage) {
            Bytes one = customer(sessionKey(), good, head, inner);
            // What the tag covers: the shim, the header, and the inner packet's addresses and ports (bytes 12 to 23).
            const size_t headers = customerShimSize + head.size();
            if (random.below(4) == 0) {
                const size_t cut = random.below(headers + 12);
                std::fill(one.begin() + static_cast<std::ptrdiff_t>(cut), one.end(), uint8_t{0xee});
            } else {
                size_t at = random.below(headers + 12);
                if (at >= headers) at += 12;
                one[at] = static_cast<uint8_t>(one[at] ^ (1 + random.below(255)));
            }
            bad.insert(bad.end(), one.begin(), one.end());
        }
        OutgoingTrain flood{.data = bad, .segmentSize = static_cast<uint16_t>(bad.size() / 64)};
        QCOMPARE(atB->send({&flood, 1}), size_t{1});
        Bytes paid = customer(sessionKey(), good, head, inner);
        OutgoingTrain out{.data = paid, .segmentSize = static_cast<uint16_t>(paid.size())};
        QCOMPARE(atB->send({&out, 1}), size_t{1});
        QTest::qWait(1);
    }
    m_duplicates = 0;
    std::vector<Bytes> memory(1, Bytes(65535));
    size_t arrived = 0;
    pollfd waiting{atA->pollHandle(), POLLIN, 0};
    while (arrived < 200 && poll(&waiting, 1, 2000) == 1) {
        ReceivedTrain train{.buffer = memory[0]};
        if (atA->receive({&train, 1}).value_or(0) == 1) arrived += train.size / train.segmentSize;
    }
    m_isp26->engine->stop();
    EdgeReport z;
    m_isp26->engine->processor().harvest(z);
    QCOMPARE(z.verdicts[static_cast<size_t>(Verdict::Replayed)], uint64_t{0});
    QCOMPARE(arrived, size_t{200});
    QCOMPARE(z.verdicts[static_cast<size_t>(Verdict::Forwarded)], uint64_t{200});
    QCOMPARE(z.keys.at(0).counters.amount, nano(1000));
    uint64_t refused = 0;
    for (const Verdict verdict : allVerdicts()) {
        if (!isAccepted(verdict)) refused += z.verdicts[static_cast<size_t>(verdict)];
    }
    QCOMPARE(refused, garbage);
}

QTEST_GUILESS_MAIN(TestEdgeLab)
#include "test_edge_lab.moc"
