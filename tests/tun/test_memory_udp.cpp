#include <QtTest>

#include <poll.h>

#include "tests/tun/reference_packets.h"
#include "tun/udp/memory_udp_socket.h"

using namespace netpas;
using namespace netpas::tun;
using reference::Packet;

namespace {

Endpoint at(const char* address, uint16_t port) { return {*IpAddress::parse(address), port}; }

std::unique_ptr<UdpSocket> open(UdpFactory& network, const UdpOptions& options) {
    auto socket = network.open(options);
    return socket ? std::move(*socket) : nullptr;
}

}  // namespace

class TestMemoryUdp : public QObject {
    Q_OBJECT
private slots:
    void trainsArriveAsTrains() {
        MemoryUdpNetwork network;
        const auto a = open(network, {.local = at("192.0.2.1", 0), .peer = at("192.0.2.2", 46721)});
        const auto b = open(network, {.local = at("192.0.2.2", 46721)});
        const Packet data = reference::someBytes(2500);
        OutgoingTrain train{.data = data, .segmentSize = 1000, .trafficClass = 0xb8};
        QCOMPARE(a->send({&train, 1}), size_t{1});
        QVERIFY(train.outcome == SendOutcome::Sent && train.datagramsSent == 3);
        pollfd waiting{b->pollHandle(), POLLIN, 0};
        QCOMPARE(poll(&waiting, 1, 0), 1);
        Packet memory(65535);
        ReceivedTrain received{.buffer = memory};
        QCOMPARE(*b->receive({&received, 1}), size_t{1});
        QVERIFY(std::ranges::equal(received.data(), data));
        QCOMPARE(received.segmentSize, size_t{1000});
        QCOMPARE(int{received.trafficClass}, 0xb8);
        QVERIFY(received.from == a->localEndpoint() && !received.truncated);
        QCOMPARE(*b->receive({&received, 1}), size_t{0});
        QCOMPARE(poll(&waiting, 1, 0), 0);
    }
    void aSocketWithoutTrainsGetsDatagrams() {
        MemoryUdpNetwork network;
        const auto a = open(network, {.local = at("192.0.2.1", 1)});
        const auto b = open(network, {.local = at("192.0.2.2", 2), .receiveTrains = false});
        const Packet data = reference::someBytes(250);
        OutgoingTrain train{.data = data, .segmentSize = 100, .to = at("192.0.2.2", 2)};
        QCOMPARE(a->send({&train, 1}), size_t{1});
        std::array<Packet, 4> memory{Packet(60), Packet(200), Packet(200), Packet(200)};
        std::array<ReceivedTrain, 4> trains;
        for (size_t i = 0; i < 4; ++i) trains[i].buffer = memory[i];
        QCOMPARE(*b->receive(trains), size_t{3});
        QVERIFY(trains[0].truncated && trains[0].size == 60);
        QVERIFY(!trains[1].truncated && trains[1].size == 100);
        QCOMPARE(trains[2].size, size_t{50});
    }
    void connectedSocketsTakeTheirPeersDatagramsOnly() {
        MemoryUdpNetwork network;
        const auto a = open(network, {.local = at("192.0.2.1", 1), .peer = at("192.0.2.2", 2)});
        const auto stranger = open(network, {.local = at("192.0.2.3", 3)});
        const Packet data(10);
        OutgoingTrain train{.data = data, .segmentSize = 10, .to = at("192.0.2.1", 1)};
        QCOMPARE(stranger->send({&train, 1}), size_t{1});
        train.to = at("198.51.100.1", 9);  // nobody
        QCOMPARE(stranger->send({&train, 1}), size_t{1});
        QCOMPARE(network.lost(), uint64_t{2});
    }
    void failuresAreToldPerTrain() {
        MemoryUdpNetwork network;
        const auto a =
            open(network, {.local = at("192.0.2.1", 1), .peer = at("192.0.2.2", 2), .pathMtu = PathMtuMode::Strict});
        const Packet data(3000);
        std::vector<OutgoingTrain> trains(3);
        trains[0] = {.data = data, .segmentSize = 1473};  // 1501 bytes with headers
        trains[1] = {.data = data, .segmentSize = 1472};
        trains[2] = {.data = {}, .segmentSize = 1};
        QCOMPARE(a->send(trains), size_t{1});
        QVERIFY(trains[0].outcome == SendOutcome::TooBig && trains[0].datagramsSent == 0);
        QVERIFY(trains[1].outcome == SendOutcome::Sent);
        QVERIFY(trains[2].outcome == SendOutcome::Failed);
        network.failNext(1, SendOutcome::Full);
        QCOMPARE(a->send(std::span(trains).subspan(1)), size_t{0});
        QVERIFY(trains[1].outcome == SendOutcome::Full && trains[2].outcome == SendOutcome::Pending);
        network.setPathMtu(1400);
        QCOMPARE(*a->pathMtu(), 1400u);
        QCOMPARE(a->send(std::span(trains).subspan(1, 1)), size_t{0});
        QVERIFY(trains[1].outcome == SendOutcome::TooBig);
    }
    void addressesAreChecked() {
        MemoryUdpNetwork network;
        const auto a = open(network, {.local = at("192.0.2.1", 1)});
        QVERIFY(network.open({.local = at("192.0.2.1", 1)}).error() == UdpError::AddressInUse);
        QVERIFY(network.open({.local = at("192.0.2.1", 2), .peer = at("2001:db8::1", 2)}).error() ==
                UdpError::FamilyMismatch);
        QVERIFY(a->pathMtu().error() == UdpError::NotConnected);
        QVERIFY(a->pathMtuTo(at("2001:db8::1", 2)).error() == UdpError::FamilyMismatch);
        QCOMPARE(*a->pathMtuTo(at("192.0.2.9", 2)), 1500u);
        const Packet data(1);
        OutgoingTrain train{.data = data, .segmentSize = 1};
        QCOMPARE(a->send({&train, 1}), size_t{0});  // to whom?
        QVERIFY(train.outcome == SendOutcome::Failed);
    }
};

QTEST_APPLESS_MAIN(TestMemoryUdp)
#include "test_memory_udp.moc"
