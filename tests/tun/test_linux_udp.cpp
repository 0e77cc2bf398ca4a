#include <QtTest>

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "tests/tun/private_namespace.h"
#include "tests/tun/reference_packets.h"
#include "tun/udp/linux_udp_socket.h"

using namespace netpas;
using namespace netpas::tun;
using reference::Packet;

namespace {

Endpoint at(const char* address, uint16_t port) { return {*IpAddress::parse(address), port}; }

std::unique_ptr<UdpSocket> open(const UdpOptions& options) {
    auto socket = LinuxUdpFactory().open(options);
    return socket ? std::move(*socket) : nullptr;
}

UdpError refusal(const UdpOptions& options) { return LinuxUdpFactory().open(options).error(); }

bool waitFor(const UdpSocket& socket) {
    pollfd waiting{socket.pollHandle(), POLLIN, 0};
    return poll(&waiting, 1, 5000) == 1;
}

struct Received {
    Packet data;
    size_t segmentSize;
    Endpoint from;
    uint8_t trafficClass;
};

// Waits until `bytes` bytes have arrived.
std::vector<Received> receiveAll(UdpSocket& socket, size_t bytes) {
    std::vector<Packet> memory(8, Packet(65535));
    std::vector<ReceivedTrain> trains(memory.size());
    for (size_t i = 0; i < memory.size(); ++i) trains[i].buffer = memory[i];
    std::vector<Received> all;
    while (bytes > 0 && waitFor(socket)) {
        const auto count = socket.receive(trains);
        if (!count) break;
        for (const ReceivedTrain& train : std::span(trains).first(*count)) {
            const auto data = train.data();
            all.push_back({{data.begin(), data.end()}, train.segmentSize, train.from, train.trafficClass});
            bytes -= std::min(bytes, train.size);
        }
    }
    return all;
}

Packet joined(const std::vector<Received>& all) {
    Packet data;
    for (const Received& one : all) data.insert(data.end(), one.data.begin(), one.data.end());
    return data;
}

}  // namespace

class TestLinuxUdp : public QObject {
    Q_OBJECT
private slots:
    void initTestCase() {
        if (geteuid() != 0) QSKIP("needs root, for a network namespace");
        m_namespace = std::make_unique<lab::Namespace>();
        QVERIFY(m_namespace->made());
        QVERIFY(lab::run("ip link set lo up mtu 1500"));
        // 192.0.2.0/24 and 2001:db8::/64 are here; everything through this route has a smaller path MTU.
        QVERIFY(lab::run("ip addr add 192.0.2.1/24 dev lo && ip addr add 2001:db8::1/64 dev lo nodad"));
        QVERIFY(
            lab::run("ip link add away type veth peer name beyond && ip link set away up && ip link set beyond up && "
                     "ip route add 198.51.100.0/24 dev away mtu 1300"));
    }
    void trainsCrossTheKernelWhole_data() {
        QTest::addColumn<QString>("address");
        QTest::addRow("IPv4") << "127.0.0.1";
        QTest::addRow("IPv6") << "::1";
    }
    void trainsCrossTheKernelWhole() {
        QFETCH(QString, address);
        const Endpoint here = at(address.toUtf8().constData(), 0);
        const auto b = open({.local = here, .reportTrafficClass = true});
        const auto a = open({.local = here, .peer = b->localEndpoint()});
        const Packet data = reference::someBytes(45 * 1200 + 7);
        std::vector<OutgoingTrain> trains(3);
        for (OutgoingTrain& train : trains) train = {.data = data, .segmentSize = 1200, .trafficClass = 46 << 2};
        trains[2].data = std::span(data).first(500);
        QCOMPARE(a->send(trains), size_t{3});
        QCOMPARE(int{trains[0].datagramsSent}, 46);
        QCOMPARE(int{trains[2].datagramsSent}, 1);
        const auto all = receiveAll(*b, data.size() * 2 + 500);
        QCOMPARE(all.size(), size_t{3});
        QVERIFY(all[0].data == data && all[1].data == data);
        QCOMPARE(all[0].segmentSize, size_t{1200});
        QCOMPARE(all[2].segmentSize, size_t{500});
        for (const Received& one : all) {
            QVERIFY(one.from == a->localEndpoint());
            QCOMPARE(int{one.trafficClass}, 46 << 2);
        }
        QCOMPARE(a->statistics().splitTrains, uint64_t{0});
        Packet memory(10);
        ReceivedTrain nothing{.buffer = memory};
        QCOMPARE(*b->receive({&nothing, 1}), size_t{0});
    }
    void aSocketWithoutTrainsGetsDatagrams() {
        const auto b = open({.local = at("127.0.0.1", 0), .receiveTrains = false});
        const auto a = open({.local = at("127.0.0.1", 0)});
        const Packet data = reference::someBytes(2500);
        OutgoingTrain train{.data = data, .segmentSize = 1000, .to = b->localEndpoint()};
        QCOMPARE(a->send({&train, 1}), size_t{1});
        const auto all = receiveAll(*b, data.size());
        QCOMPARE(all.size(), size_t{3});
        QVERIFY(joined(all) == data);
        QCOMPARE(all[2].data.size(), size_t{500});
    }
    void moreTrainsThanOneSystemCallTakes() {
        const auto b = open({.local = at("127.0.0.1", 0)});
        const auto a = open({.local = at("127.0.0.1", 0), .peer = b->localEndpoint()});
        const Packet data = reference::someBytes(200 * 20);
        std::vector<OutgoingTrain> trains(200);
        for (size_t i = 0; i < trains.size(); ++i) {
            trains[i] = {.data = std::span(data).subspan(i * 20, 20), .segmentSize = 20};
        }
        QCOMPARE(a->send(trains), size_t{200});
        QVERIFY(joined(receiveAll(*b, data.size())) == data);
    }
    void longTrainsComeInSmallerBatches() {
        const auto b = open({.local = at("127.0.0.1", 0)});
        const auto a = open({.local = at("127.0.0.1", 0), .peer = b->localEndpoint()});
        const Packet data = reference::someBytes(40 * 1400);
        std::vector<OutgoingTrain> trains(20);
        for (OutgoingTrain& train : trains) train = {.data = data, .segmentSize = 1400};
        QCOMPARE(a->send(trains), size_t{20});
        std::vector<Packet> memory(20, Packet(65535));
        std::vector<ReceivedTrain> received(20);
        size_t total = 0;
        for (size_t batch = 0; batch < 10 && total < 20; ++batch) {
            for (size_t i = 0; i < 20; ++i) received[i] = {.buffer = memory[i]};
            const auto count = b->receive(received);
            QVERIFY(count && *count > 0 && *count <= 8);
            for (size_t i = 0; i < *count; ++i) QVERIFY(std::ranges::equal(received[i].data(), data));
            total += *count;
        }
        QCOMPARE(total, size_t{20});
    }
    void segmentsBeyondTheMtuAreFragmentedWhenDiscovering() {
        for (const char* address : {"127.0.0.1", "::1"}) {
            const auto b = open({.local = at(address, 0)});
            const auto a = open({.local = at(address, 0), .peer = b->localEndpoint()});
            QCOMPARE(*a->pathMtu(), 1500u);
            const Packet data = reference::someBytes(9000);
            OutgoingTrain train{.data = data, .segmentSize = 2000};
            QCOMPARE(a->send({&train, 1}), size_t{1});
            QCOMPARE(int{train.datagramsSent}, 5);
            QCOMPARE(a->statistics().splitTrains, uint64_t{1});
            QVERIFY(joined(receiveAll(*b, data.size())) == data);
        }
    }
    void segmentsBeyondTheMtuAreRefusedWhenStrict() {
        for (const char* address : {"127.0.0.1", "::1"}) {
            const auto b = open({.local = at(address, 0)});
            const auto a = open({.local = at(address, 0), .peer = b->localEndpoint(), .pathMtu = PathMtuMode::Strict});
            const Packet data = reference::someBytes(4000);
            std::vector<OutgoingTrain> trains(3);
            trains[0] = {.data = data, .segmentSize = 2000};
            trains[1] = {.data = std::span(data).first(1473), .segmentSize = 1473};
            trains[2] = {.data = std::span(data).first(1452), .segmentSize = 1452};  // 1500 with IPv6 and UDP headers
            QCOMPARE(a->send(trains), size_t{1});
            QVERIFY(trains[0].outcome == SendOutcome::TooBig && trains[0].datagramsSent == 0);
            QVERIFY(trains[1].outcome == SendOutcome::TooBig);
            QVERIFY(trains[2].outcome == SendOutcome::Sent);
            QCOMPARE(receiveAll(*b, 1452).size(), size_t{1});
        }
    }
    void thePathMtuIsThatOfTheRoute() {
        const auto a = open({.local = at("192.0.2.1", 0), .peer = at("198.51.100.9", 9)});
        QVERIFY(a);
        QCOMPARE(*a->pathMtu(), 1300u);
        const auto b = open({.local = at("192.0.2.1", 0)});
        QVERIFY(b->pathMtu().error() == UdpError::NotConnected);
        QCOMPARE(*b->pathMtuTo(at("198.51.100.9", 9)), 1300u);
        QCOMPARE(*b->pathMtuTo(at("127.0.0.1", 9)), 1500u);
        QVERIFY(b->pathMtuTo(at("203.0.113.1", 9)).error() == UdpError::Unreachable);
        QVERIFY(b->pathMtuTo(at("::1", 9)).error() == UdpError::FamilyMismatch);
    }
    void refusalsByIcmpDoNotStopTheSocket() {
        for (const char* address : {"127.0.0.1", "::1"}) {
            const auto a = open({.local = at(address, 0), .peer = at(address, 9)});  // nobody listens
            const Packet data = reference::someBytes(3000);
            for (int round = 0; round < 20; ++round) {
                OutgoingTrain train{.data = data, .segmentSize = 1000};
                QCOMPARE(a->send({&train, 1}), size_t{1});
            }
            QVERIFY(a->statistics().softErrors > 0);
            Packet memory(65535);
            ReceivedTrain nothing{.buffer = memory};
            const auto received = a->receive({&nothing, 1});
            QVERIFY(received && *received == 0);
            // Now somebody does. On a busy machine some that were sent before are still under way, and come first.
            const auto b = open({.local = at(address, 9)});
            Packet last = data;
            last.back() ^= 0xff;
            OutgoingTrain train{.data = last, .segmentSize = 1000};
            QCOMPARE(a->send({&train, 1}), size_t{1});
            Packet came;
            const auto isWhole = [&] {
                return came.size() >= last.size() && std::equal(last.rbegin(), last.rend(), came.rbegin());
            };
            while (!isWhole()) {
                const Packet more = joined(receiveAll(*b, 1));
                QVERIFY(!more.empty());
                came.insert(came.end(), more.begin(), more.end());
            }
        }
    }
    void anUnreachablePeerDoesNotHoldUpTheNext() {
        const auto b = open({.local = at("127.0.0.1", 0)});
        const auto a = open({.local = at("0.0.0.0", 0)});
        const Packet data = reference::someBytes(100);
        std::vector<OutgoingTrain> trains(4);
        trains[0] = {.data = data, .segmentSize = 100, .to = at("203.0.113.1", 9)};
        trains[1] = {.data = data, .segmentSize = 100, .to = at("2001:db8::9", 9)};
        trains[2] = {.data = data, .segmentSize = 1, .to = b->localEndpoint()};  // 100 datagrams
        trains[3] = {.data = data, .segmentSize = 50, .to = b->localEndpoint()};
        QCOMPARE(a->send(trains), size_t{1});
        QVERIFY(trains[0].outcome == SendOutcome::Unreachable);
        QVERIFY(trains[1].outcome == SendOutcome::Failed);
        QVERIFY(trains[2].outcome == SendOutcome::Failed);
        QVERIFY(trains[3].outcome == SendOutcome::Sent);
        QCOMPARE(receiveAll(*b, 100).size(), size_t{1});
    }
    void aFullSendBufferSaysSo() {
        if (!lab::run("ip link set away mtu 1500 && tc qdisc replace dev away root handle 1: htb default 1 && "
                      "tc class add dev away parent 1: classid 1:1 htb rate 8kbit")) {
            QSKIP("the kernel has no HTB");
        }
        lab::run("ip neigh replace 198.51.100.9 lladdr 02:00:00:00:00:01 dev away");
        const auto a = open({.local = at("192.0.2.1", 0), .peer = at("198.51.100.9", 9), .sendBuffer = 1});
        const Packet data = reference::someBytes(1000);
        std::vector<OutgoingTrain> trains(50);
        for (OutgoingTrain& train : trains) train = {.data = data, .segmentSize = 1000};
        const size_t sent = a->send(trains);
        QVERIFY(sent > 0 && sent < 50);
        QVERIFY(trains[sent].outcome == SendOutcome::Full);
        QVERIFY(trains.back().outcome == SendOutcome::Pending);
        QVERIFY(lab::run("tc qdisc del dev away root"));
    }
    void optionsAreAppliedOrRefusedByName() {
        const Endpoint here = at("127.0.0.1", 0);
        const auto bound = open({.local = here, .device = "lo", .mark = 0x4e600000, .sharePort = true});
        QVERIFY(bound);
        int mark = 0;
        socklen_t size = sizeof mark;
        QCOMPARE(getsockopt(bound->pollHandle(), SOL_SOCKET, SO_MARK, &mark, &size), 0);
        QCOMPARE(mark, 0x4e600000);
        int buffer = 0;
        QCOMPARE(getsockopt(bound->pollHandle(), SOL_SOCKET, SO_RCVBUF, &buffer, &size), 0);
        QVERIFY(buffer >= 8 << 20);  // beyond net.core.rmem_max
        const auto shared = open({.local = bound->localEndpoint(), .device = "lo", .sharePort = true});
        QVERIFY(shared && shared->localEndpoint() == bound->localEndpoint());
        QVERIFY(refusal({.local = bound->localEndpoint()}) == UdpError::AddressInUse);
        QVERIFY(refusal({.local = here, .device = "nosuch"}) == UdpError::NoSuchDevice);
        QVERIFY(refusal({.local = here, .device = "a-name-that-is-far-too-long"}) == UdpError::NoSuchDevice);
        QVERIFY(refusal({.local = at("203.0.113.5", 0)}) == UdpError::AddressNotHere);
        QVERIFY(refusal({.local = at("192.0.2.1", 0), .peer = at("203.0.113.1", 9)}) == UdpError::Unreachable);
        QVERIFY(refusal({.local = here, .peer = at("::1", 9)}) == UdpError::FamilyMismatch);
    }
    void withoutPrivilegesOnlyTheMarkIsRefused() {
        const lab::Unprivileged user;
        QVERIFY(user.dropped());
        QVERIFY(refusal({.local = at("127.0.0.1", 0), .mark = 1}) == UdpError::NotPermitted);
        QVERIFY(open({.local = at("127.0.0.1", 0)}));  // with smaller buffers
    }

private:
    std::unique_ptr<lab::Namespace> m_namespace;
};

QTEST_APPLESS_MAIN(TestLinuxUdp)
#include "test_linux_udp.moc"
