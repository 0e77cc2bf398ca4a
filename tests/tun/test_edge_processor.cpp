// Packets in, verdicts and exact counters out: every outcome of the eight steps of NetPaS §5.1.
#include <QTest>
#include <set>

#include "tests/tun/edge_packets.h"

using namespace netpas;
using namespace netpas::tun;
using namespace netpas::tun::edgetest;

namespace {

constexpr uint16_t fromZ = 0;  // link indices of edgeConfig()
constexpr uint16_t fromX0 = 1;

Bytes onward() { return header({hop(25, 10, 3), hop(24, 2)}); }
Bytes transitHeader() { return header({hop(26, 3, 1), hop(25, 10, 3), hop(24, 2)}); }
Bytes lastHeader() { return header({hop(26, 3, 1), hop(25, 10)}); }

uint64_t sumOf(const EdgeReport& report) {
    uint64_t sum = 0;
    for (const uint64_t count : report.verdicts) sum += count;
    return sum;
}

}  // namespace

class TestEdgeProcessor : public QObject {
    Q_OBJECT

private slots:
    void everyVerdictHasItsNameAndStep();
    void customerPacketIsForwardedAndCharged();
    void transitPacketIsForwardedWithTheChosenExit();
    void refusedPacketsHaveTheirVerdict_data();
    void refusedPacketsHaveTheirVerdict();
    void aKeyIsGoodOnItsCustomersLineOnly();
    void refusedCustomerPacketsChangeNoPaymentState();
    void lastIspDeliversTheBareInnerPacketWithTheClass();
    void participatingDestinationGetsTheHeader();
    void spentHopLimitGoesToTheKernelUncharged();
    void underpaidGoesBestEffortWhenConfigured();
    void priceDependsOnSizeTimeAndDownstream();
    void handOverTakesTwoRouters();
    void burstAuthorisesExactlyItsCount();
    void tagCoversAddressesAndHeader();
    void capIsHeldToTheLastEighth();
    void rateOfKeyRefills();
    void bucketOfInterfaceRefillsAndIsNotTakenByRefused();
    void blacklistTakesEffectWithTheNextTables();
    void keyLivesFromInstallToRemoval();
    void upstreamIsSampledEvenWhenRefusedLater();
    void lastIspSamplesItsOwnService();
    void investigatedPathIsCountedExactly();
    void fragmentsPassWithoutPorts();
    void ipv6CrossesLikeIpv4();
    void sixteenHopsAreCounted();
};

void TestEdgeProcessor::everyVerdictHasItsNameAndStep() {
    std::set<std::string_view> names;
    for (const Verdict verdict : allVerdicts()) {
        names.insert(verdictName(verdict));
        QVERIFY(stepOf(verdict) >= 0 && stepOf(verdict) <= 8);
        QCOMPARE(isAccepted(verdict), stepOf(verdict) == 8);
    }
    QCOMPARE(names.size(), verdictCount);
    QVERIFY(!names.contains("unknown"));
}

void TestEdgeProcessor::customerPacketIsForwardedAndCharged() {
    Router router;
    router.install(sessionKey());
    const Bytes inner = innerPacket({});
    Bytes packet = customer(sessionKey(), 0, onward(), inner);
    const EdgeResult result = router.process(packet);
    QCOMPARE(result.verdict, Verdict::Forwarded);
    QVERIFY(result.leaves);
    QCOMPARE(result.dscp, 46);
    QVERIFY((result.target == EdgeTables::Target{EdgeTables::Way::Link, 1}));
    const Bytes left(packet.begin() + result.offset, packet.begin() + result.offset + result.size);
    QCOMPARE(left, plain(ShimKind::Transit, onward(), inner));

    const EdgeReport report = router.report();
    QCOMPARE(report.keys.size(), size_t{1});
    QCOMPARE(report.keys[0].counters, (KeyCounters{1, inner.size(), nano(12), 1}));
    QCOMPARE(report.links[1].counters, (LinkCounters{1, inner.size(), nano(10), nano(2)}));
    QCOMPARE(report.downstream.size(), size_t{1});
    QCOMPARE(report.downstream[0].counter, (PaymentCounter{1, nano(2)}));
    QCOMPARE(report.customers[0].level, nano(100'000 - 12));
    QCOMPARE(report.ingress[0].counters, IngressCounters{});
    QCOMPARE(report.delivered, DeliveredCounters{});
}

void TestEdgeProcessor::transitPacketIsForwardedWithTheChosenExit() {
    Router router;
    const Bytes inner = innerPacket({});
    const Bytes open = header({hop(26, 3, 1), hop(25, 10, 0), hop(24, 2)});
    Bytes packet = plain(ShimKind::Transit, open, inner);
    const EdgeResult result = router.process(packet, Arrival::Neighbour, fromZ);
    QCOMPARE(result.verdict, Verdict::Forwarded);
    QCOMPARE(result.offset, 0U);
    QCOMPARE(packet, plain(ShimKind::Transit, transitHeader(), inner));  // exit 3 written in

    Bytes other = plain(ShimKind::Transit, header({hop(26, 3, 1), hop(25, 10, 4), hop(24, 2)}), inner);
    QCOMPARE(router.process(other, Arrival::Neighbour, fromZ).target.index, 2);
    const EdgeReport report = router.report();
    QCOMPARE(report.ingress[0].counters, (IngressCounters{2, 2 * inner.size(), nano(6)}));
    QCOMPARE(report.neighbours[0].level, nano(1'000'000 - 24));
    QCOMPARE(report.links[2].counters, (LinkCounters{1, inner.size(), nano(10), nano(2)}));
}

void TestEdgeProcessor::refusedPacketsHaveTheirVerdict_data() {
    QTest::addColumn<Bytes>("packet");
    QTest::addColumn<Arrival>("arrival");
    QTest::addColumn<uint16_t>("source");
    QTest::addColumn<Verdict>("verdict");
    const auto add = [](const char* name, const Bytes& packet, Verdict verdict, Arrival arrival = Arrival::Customer,
                        uint16_t source = 0) { QTest::newRow(name) << packet << arrival << source << verdict; };
    const SessionKey key = sessionKey();
    const Bytes inner = innerPacket({});
    const Bytes good = customer(key, 0, onward(), inner);
    const auto edited = [](Bytes bytes, size_t at, uint8_t value) {
        bytes[at] = value;
        return bytes;
    };
    const auto paying = [&](const Bytes& head) { return customer(key, 0, head, inner); };
    const auto transit = [&](const Bytes& head) { return plain(ShimKind::Transit, head, inner); };
    const Arrival neighbour = Arrival::Neighbour;

    add("a stranger", good, Verdict::UnknownSource, Arrival::Customer, EdgePacket::unknownSource);
    add("a stranger on a link", transit(transitHeader()), Verdict::WrongNeighbour, neighbour,
        EdgePacket::unknownSource);
    add("empty", {}, Verdict::MalformedShim);
    add("three bytes", {0x11, 0, 0}, Verdict::MalformedShim);
    add("wrong version", edited(good, 0, 0x21), Verdict::MalformedShim);
    add("unknown kind", edited(good, 0, 0x1f), Verdict::MalformedShim);
    add("reserved bits of the burst", edited(good, 1, 0x40), Verdict::MalformedShim);
    add("shim cut short", Bytes(good.begin(), good.begin() + 23), Verdict::MalformedShim);
    add("sequence that wraps", customer(key, UINT64_MAX - 5, onward(), inner), Verdict::MalformedShim);
    add("transit from a customer", transit(transitHeader()), Verdict::WrongKind);
    add("customer on a link", good, Verdict::WrongKind, neighbour, fromZ);
    add("internal on a link", plain(ShimKind::Internal, transitHeader(), inner), Verdict::WrongKind, neighbour, fromZ);
    add("nothing behind the shim", Bytes(good.begin(), good.begin() + 24), Verdict::MalformedHeader);
    add("header cut short", Bytes(good.begin(), good.begin() + 30), Verdict::MalformedHeader);
    add("header padding", paying(edited(onward(), 11, 1)), Verdict::MalformedHeader);
    Bytes twice = onward();
    store16(&twice[7], 25);
    add("an ISP twice", paying(twice), Verdict::MalformedHeader);
    add("no inner packet", customer(key, 0, onward(), {}), Verdict::MalformedInner);
    add("garbage inside", customer(key, 0, onward(), Bytes(50, 0xff)), Verdict::MalformedInner);
    Bytes behind = inner;
    behind.push_back(0);
    add("bytes behind the inner packet", customer(key, 0, onward(), behind), Verdict::MalformedInner);
    add("inner packet cut short in transit", plain(ShimKind::Transit, transitHeader(), ByteView(inner).first(60)),
        Verdict::MalformedInner, neighbour, fromZ);
    add("no inner packet in transit", plain(ShimKind::Transit, transitHeader(), {}), Verdict::MalformedInner, neighbour,
        fromZ);
    add("another ISP's packet", paying(header({hop(24, 2)})), Verdict::NotForThisIsp);
    add("not the first ISP's turn", paying(header({hop(24, 2), hop(25, 10)})), Verdict::NotForThisIsp);
    add("wrong neighbour before us", transit(transitHeader()), Verdict::WrongPosition, neighbour, fromX0);
    add("nobody before us", transit(onward()), Verdict::WrongPosition, neighbour, fromZ);
    add("unknown key", customer(sessionKey(8), 0, onward(), inner), Verdict::UnknownKey);
    add("bad tag", edited(good, 20, static_cast<uint8_t>(good[20] ^ 1)), Verdict::BadTag);
    add("price raised after the tag", edited(good, 28, static_cast<uint8_t>(good[28] + 1)), Verdict::BadTag);
    SessionKey stolen = key;
    stolen.secret[3] ^= 1;
    add("another secret", customer(stolen, 0, onward(), inner), Verdict::BadTag);
    add("longer than the segment limit", customer(key, 0, onward(), inner, 1, static_cast<uint16_t>(inner.size() - 1)),
        Verdict::BurstExceeded);
    add("an ISP that the key does not allow", paying(header({hop(25, 10, 3), hop(24, 2), hop(22, 1)})),
        Verdict::IspNotAllowed);
    add("above the cap", paying(header({hop(25, 2'000'000, 3), hop(24, 2)})), Verdict::KeyCapReached);
    add("blacklisted downstream", paying(header({hop(25, 10, 3), hop(24, 2), hop(99, 1)})), Verdict::Blacklisted);
    add("above the interface's bucket", paying(header({hop(25, 10, 3), hop(24, 200'000)})), Verdict::RateLimited);
    add("unknown class", paying(header({hop(25, 10, 3, 9), hop(24, 2)})), Verdict::UnknownClass);
    add("no such neighbour", paying(header({hop(25, 10, 3), hop(77, 2)})), Verdict::NoRoute);
    add("no such exit", paying(header({hop(25, 10, 17), hop(24, 2)})), Verdict::UnknownExit);
    add("destination elsewhere", customer(key, 0, header({hop(25, 10)}), innerPacket({.dst = "198.51.100.7"})),
        Verdict::DestinationNotOurs);
    add("a nanodollar too little", paying(header({hop(25, 9, 3), hop(24, 2)})), Verdict::Underpaid);
    add("handed over twice", plain(ShimKind::Internal, header({hop(26, 3, 1), hop(25, 10, 9), hop(24, 2)}), inner),
        Verdict::UnknownExit, Arrival::Internal);
    add("handed over twice to a destination",
        plain(ShimKind::Internal, lastHeader(), innerPacket({.dst = "203.0.115.7"})), Verdict::DestinationNotOurs,
        Arrival::Internal);
}

void TestEdgeProcessor::refusedPacketsHaveTheirVerdict() {
    QFETCH(Bytes, packet);
    QFETCH(Arrival, arrival);
    QFETCH(uint16_t, source);
    QFETCH(Verdict, verdict);
    EdgeConfig config = edgeConfig();
    config.blacklist = {IspId(99)};
    Router router(config);
    router.install(sessionKey());
    EdgeResult result;
    for (int round = 0; round < 2; ++round) {  // the second time is no different
        Bytes bytes = packet;
        result = router.process(bytes, arrival, source);
        QCOMPARE(verdictName(result.verdict), verdictName(verdict));
        QVERIFY(!result.leaves);
    }
    const EdgeReport report = router.report();
    QCOMPARE(report.verdicts[static_cast<size_t>(verdict)], uint64_t{2});
    QCOMPARE(sumOf(report), uint64_t{2});
    QVERIFY(report.keys.empty());
    QVERIFY(report.downstream.empty());
    for (const auto& link : report.links) QCOMPARE(link.counters, LinkCounters{});
    QCOMPARE(report.delivered, DeliveredCounters{});
    QCOMPARE(report.customers[0].level, nano(100'000));
    QCOMPARE(report.neighbours[0].level, nano(1'000'000));
}

void TestEdgeProcessor::aKeyIsGoodOnItsCustomersLineOnly() {
    Router router;
    const SessionKey key = sessionKey();
    QVERIFY(router.processor.installKey(key, 0, router.now.steady, 1));
    Bytes stolen = customer(key, 0, onward(), innerPacket({}));
    Bytes own = stolen;
    QCOMPARE(router.process(stolen, Arrival::Customer, 0).verdict, Verdict::OtherLine);
    QCOMPARE(router.process(own, Arrival::Customer, 1).verdict, Verdict::Forwarded);
    QCOMPARE(router.report().keys.at(0).counters.packets, uint64_t{1});
}

void TestEdgeProcessor::refusedCustomerPacketsChangeNoPaymentState() {
    Router router;
    router.install(sessionKey());
    const Bytes inner = innerPacket({});
    // Authentic, and far ahead in the window, but too cheap: neither the window nor the cap may move.
    QCOMPARE(router.verdict(customer(sessionKey(), 9000, header({hop(25, 1, 3), hop(24, 2)}), inner)),
             Verdict::Underpaid);
    QCOMPARE(router.verdict(customer(sessionKey(), 0, onward(), inner)), Verdict::Forwarded);
    // Forged and far ahead: the same.
    Bytes forged = customer(sessionKey(), 90'000, onward(), inner);
    forged[23] ^= 0x80;
    QCOMPARE(router.verdict(forged), Verdict::BadTag);
    QCOMPARE(router.verdict(customer(sessionKey(), 1, onward(), inner)), Verdict::Forwarded);
    QCOMPARE(router.report().keys[0].counters, (KeyCounters{2, 2 * inner.size(), nano(24), 2}));
}

void TestEdgeProcessor::lastIspDeliversTheBareInnerPacketWithTheClass() {
    Router router;
    const Bytes inner = innerPacket({});
    Bytes packet = plain(ShimKind::Transit, lastHeader(), inner);
    const EdgeResult result = router.process(packet, Arrival::Neighbour, fromZ);
    QCOMPARE(result.verdict, Verdict::Delivered);
    QCOMPARE(result.target.way, EdgeTables::Way::Kernel);
    const Bytes left(packet.begin() + result.offset, packet.begin() + result.offset + result.size);
    Bytes expected = inner;
    rewriteDscp(expected, 46);
    QCOMPARE(left, expected);
    QCOMPARE(left[1], uint8_t{46 << 2});
    QVERIFY(ipv4HeaderChecksumHolds(ByteView(left).first(20)));
    const EdgeReport report = router.report();
    QCOMPARE(report.delivered, (DeliveredCounters{1, inner.size(), nano(10)}));
    QCOMPARE(report.ingress[0].counters.upstream, nano(3));
    QVERIFY(report.downstream.empty());
}

void TestEdgeProcessor::participatingDestinationGetsTheHeader() {
    Router router;
    const Bytes inner = innerPacket({.dst = "203.0.114.77"});
    Bytes packet = plain(ShimKind::Transit, lastHeader(), inner);
    const EdgeResult result = router.process(packet, Arrival::Neighbour, fromZ);
    QCOMPARE(result.verdict, Verdict::DeliveredWithHeader);
    QVERIFY((result.target == EdgeTables::Target{EdgeTables::Way::Endpoint, 1}));
    QCOMPARE(packet, plain(ShimKind::Delivery, lastHeader(), inner));
    QCOMPARE(router.report().delivered.own, nano(10));
}

void TestEdgeProcessor::spentHopLimitGoesToTheKernelUncharged() {
    Router router;
    router.install(sessionKey());
    Bytes packet = customer(sessionKey(), 0, header({hop(25, 10)}), innerPacket({.hopLimit = 1}));
    const EdgeResult result = router.process(packet);
    QCOMPARE(result.verdict, Verdict::TtlExpired);
    QVERIFY(result.leaves);
    QCOMPARE(result.target.way, EdgeTables::Way::Kernel);
    QVERIFY(router.report().keys.empty());
    QCOMPARE(router.report().delivered, DeliveredCounters{});
}

void TestEdgeProcessor::underpaidGoesBestEffortWhenConfigured() {
    EdgeConfig config = edgeConfig();
    config.underpaid = UnderpaidAction::BestEffort;
    Router router(config);
    router.install(sessionKey());
    Bytes inner = innerPacket({});
    inner[1] = 46 << 2;  // asks for a class that it does not pay
    storeIpv4HeaderChecksum(std::span(inner).first(20));
    Bytes packet = customer(sessionKey(), 0, header({hop(25, 9, 3), hop(24, 2)}), inner);
    const EdgeResult result = router.process(packet);
    QCOMPARE(result.verdict, Verdict::UnderpaidBestEffort);
    QVERIFY(result.leaves);
    QCOMPARE(result.target.way, EdgeTables::Way::Kernel);
    QCOMPARE(packet[result.offset + 1], uint8_t{0});
    QVERIFY(router.report().keys.empty());
    QCOMPARE(router.report().customers[0].level, nano(100'000));
}

void TestEdgeProcessor::priceDependsOnSizeTimeAndDownstream() {
    EdgeConfig config = edgeConfig();
    PriceSchedule& schedule = config.classes[0].price;
    schedule.base = {nano(2), nano(8), 512};  // 8 n$ for 1024 bytes, half of what goes downstream
    schedule.periods = {{18 * 60, 22 * 60, {nano(20), Money::zero(), 0}}};
    const Bytes inner = innerPacket({.payload = 484});  // 512 bytes: 4 n$
    const auto pays = [&](int64_t own, int64_t downstream, uint16_t minute) {
        Router router(config);
        router.tables = EdgeTables::build(config, minute, {});
        Bytes packet = plain(ShimKind::Transit, header({hop(26, 1, 1), hop(25, own, 3), hop(24, downstream)}), inner);
        return router.process(packet, Arrival::Neighbour, fromZ).verdict;
    };
    QCOMPARE(pays(7, 2, 0), Verdict::Forwarded);
    QCOMPARE(pays(6, 2, 0), Verdict::Underpaid);
    QCOMPARE(pays(7, 4, 0), Verdict::Underpaid);
    QCOMPARE(pays(8, 4, 0), Verdict::Forwarded);
    QCOMPARE(pays(8, 4, 18 * 60), Verdict::Underpaid);
    QCOMPARE(pays(20, 4, 22 * 60 - 1), Verdict::Forwarded);
    QCOMPARE(pays(8, 4, 22 * 60), Verdict::Forwarded);
}

void TestEdgeProcessor::handOverTakesTwoRouters() {
    Router first;
    first.install(sessionKey());
    const Bytes inner = innerPacket({});
    Bytes packet = customer(sessionKey(), 0, header({hop(25, 10, 0), hop(23, 5)}), inner);
    const EdgeResult over = first.process(packet);
    QCOMPARE(over.verdict, Verdict::HandedOver);
    QVERIFY((over.target == EdgeTables::Target{EdgeTables::Way::Internal, 0}));
    Bytes between(packet.begin() + over.offset, packet.begin() + over.offset + over.size);
    QCOMPARE(between, plain(ShimKind::Internal, header({hop(25, 10, 5), hop(23, 5)}), inner));
    QCOMPARE(first.report().keys[0].counters.amount, nano(15));
    for (const auto& link : first.report().links) QCOMPARE(link.counters, LinkCounters{});

    EdgeConfig config = edgeConfig();
    config.router = "y2";
    config.neighbours = {{IspId(23), "w", std::nullopt, {{ExitPoint(5), "w0", ip("198.18.3.1"), ip("198.18.3.2")}}}};
    config.internals = {{"y1", ip("198.18.9.2"), ip("198.18.9.1"), {{IspId(24), ExitPoint(3)}}, {}}};
    Router second(config);
    QCOMPARE(second.process(between, Arrival::Internal).verdict, Verdict::Forwarded);
    QCOMPARE(between[0], uint8_t{0x12});
    const EdgeReport report = second.report();
    QCOMPARE(report.links[0].counters, (LinkCounters{1, inner.size(), nano(10), nano(5)}));
    QCOMPARE(report.downstream[0].counter, (PaymentCounter{1, nano(5)}));
    QVERIFY(second.processor.samples().empty());
}

void TestEdgeProcessor::burstAuthorisesExactlyItsCount() {
    Router router;
    router.install(sessionKey());
    const Bytes inner = innerPacket({});
    const Bytes shorter = innerPacket({.payload = 40});
    const Bytes big = customer(sessionKey(), 100, onward(), inner, 3);
    Bytes tail = big;  // the last segment is shorter, under the same shim
    tail.resize(tail.size() - inner.size());
    tail.insert(tail.end(), shorter.begin(), shorter.end());
    QCOMPARE(router.verdict(big), Verdict::Forwarded);
    QCOMPARE(router.verdict(big), Verdict::Forwarded);
    QCOMPARE(router.verdict(tail), Verdict::Forwarded);
    QCOMPARE(router.verdict(tail), Verdict::Replayed);
    QCOMPARE(router.verdict(customer(sessionKey(), 103, onward(), inner)), Verdict::Forwarded);
    QCOMPARE(router.verdict(customer(sessionKey(), 99, onward(), inner)), Verdict::Forwarded);
    QCOMPARE(router.verdict(customer(sessionKey(), 101, onward(), inner)), Verdict::Replayed);
    QCOMPARE(router.report().keys[0].counters.packets, uint64_t{5});
    QCOMPARE(router.report().verdicts[static_cast<size_t>(Verdict::Replayed)], uint64_t{2});
}

void TestEdgeProcessor::tagCoversAddressesAndHeader() {
    Router router;
    router.install(sessionKey());
    const Bytes good = customer(sessionKey(), 0, onward(), innerPacket({}), 4);
    // The first packet of the burst proves the tag; the proof must not carry over to other bytes, in the same batch.
    const auto variant = [&](const Bytes& head, const Inner& inner) {
        Bytes bytes(good.begin(), good.begin() + customerShimSize);
        const Bytes rest = join({head, innerPacket(inner)});
        bytes.insert(bytes.end(), rest.begin(), rest.end());
        return bytes;
    };
    std::vector<Bytes> packets = {good,
                                  variant(header({hop(25, 10, 4), hop(24, 2)}), {}),
                                  variant(header({hop(25, 11, 3), hop(24, 2)}), {}),
                                  variant(onward(), {.src = "192.0.2.6"}),
                                  variant(onward(), {.dst = "203.0.113.10"}),
                                  variant(onward(), {.srcPort = 4001}),
                                  variant(onward(), {.dstPort = 5001}),
                                  variant(onward(), {.protocol = 132}),
                                  good};
    std::vector<EdgePacket> batch;
    for (Bytes& bytes : packets)
        batch.push_back({bytes.data(), static_cast<uint32_t>(bytes.size()), 0, Arrival::Customer});
    std::vector<EdgeResult> results(batch.size());
    router.processor.process(batch, results, *router.tables, router.now);
    QCOMPARE(results.front().verdict, Verdict::Forwarded);
    for (size_t i = 1; i + 1 < results.size(); ++i)
        QCOMPARE(verdictName(results[i].verdict), verdictName(Verdict::BadTag));
    QCOMPARE(results.back().verdict, Verdict::Forwarded);
}

void TestEdgeProcessor::capIsHeldToTheLastEighth() {
    Router router;
    SessionKey key = sessionKey();
    key.cap = Money::fromEighths(3 * 12 * 8 - 1);
    router.install(key);
    const Bytes inner = innerPacket({});
    QCOMPARE(router.verdict(customer(key, 0, onward(), inner)), Verdict::Forwarded);
    QCOMPARE(router.verdict(customer(key, 1, onward(), inner)), Verdict::Forwarded);
    QCOMPARE(router.verdict(customer(key, 2, onward(), inner)), Verdict::KeyCapReached);
    // A cheaper one still fits.
    QCOMPARE(router.verdict(customer(key, 2, header({hop(25, 10)}), inner)), Verdict::Delivered);
    QCOMPARE(router.report().keys[0].counters.amount, nano(34));
    // Installing it again does not give back what was spent.
    router.install(key);
    QCOMPARE(router.verdict(customer(key, 3, onward(), inner)), Verdict::KeyCapReached);
}

void TestEdgeProcessor::rateOfKeyRefills() {
    Router router;
    SessionKey key = sessionKey();
    key.capPerSecond = nano(96);  // 8 packets a second, and two more for what queued up
    router.install(key);
    const Bytes inner = innerPacket({});
    uint64_t sequence = 0;
    const auto accepted = [&] {
        int count = 0;
        while (router.verdict(customer(key, sequence, onward(), inner)) == Verdict::Forwarded) ++count, ++sequence;
        return count;
    };
    QCOMPARE(accepted(), 10);
    QCOMPARE(router.verdict(customer(key, sequence, onward(), inner)), Verdict::KeyRateReached);
    router.advance(std::chrono::milliseconds(500));
    QCOMPARE(accepted(), 4);
    router.advance(std::chrono::seconds(100));
    QCOMPARE(accepted(), 10);
}

void TestEdgeProcessor::bucketOfInterfaceRefillsAndIsNotTakenByRefused() {
    EdgeConfig config = edgeConfig();
    config.neighbours[0].limit = BucketLimit{nano(12), nano(24)};
    Router router(config);
    const Bytes inner = innerPacket({});
    const auto send = [&](const Bytes& head) {
        return router.verdict(plain(ShimKind::Transit, head, inner), Arrival::Neighbour, fromZ);
    };
    QCOMPARE(send(header({hop(26, 3, 1), hop(25, 1, 3), hop(24, 2)})), Verdict::Underpaid);
    QCOMPARE(send(transitHeader()), Verdict::Forwarded);
    QCOMPARE(send(transitHeader()), Verdict::Forwarded);
    QCOMPARE(send(transitHeader()), Verdict::RateLimited);
    router.advance(std::chrono::milliseconds(999));
    QCOMPARE(send(transitHeader()), Verdict::RateLimited);
    router.advance(std::chrono::milliseconds(1));
    QCOMPARE(send(transitHeader()), Verdict::Forwarded);
}

void TestEdgeProcessor::blacklistTakesEffectWithTheNextTables() {
    Router router;
    const Bytes packet = plain(ShimKind::Transit, transitHeader(), innerPacket({}));
    QCOMPARE(router.verdict(packet, Arrival::Neighbour, fromZ), Verdict::Forwarded);
    const std::vector<IspId> blacklist = {IspId(24)};
    router.tables = EdgeTables::build(router.config, 0, blacklist);
    QCOMPARE(router.verdict(packet, Arrival::Neighbour, fromZ), Verdict::Blacklisted);
    // Only downstream ISPs count: the money for 26 is not this router's to keep back.
    const std::vector<IspId> upstream = {IspId(26)};
    router.tables = EdgeTables::build(router.config, 0, upstream);
    QCOMPARE(router.verdict(packet, Arrival::Neighbour, fromZ), Verdict::Forwarded);
}

void TestEdgeProcessor::keyLivesFromInstallToRemoval() {
    Router router;
    SessionKey key = sessionKey();
    const Bytes inner = innerPacket({});
    QVERIFY(router.processor.installKey(key, 50, router.now.steady).has_value());
    QCOMPARE(router.verdict(customer(key, 49, onward(), inner)), Verdict::Stale);
    QCOMPARE(router.verdict(customer(key, 50, onward(), inner)), Verdict::Forwarded);
    SessionKey thief = key;
    thief.secret[0] ^= 1;
    QCOMPARE(router.processor.installKey(thief, 0, router.now.steady).error(), KeyError::IdTaken);
    QCOMPARE(*router.processor.removeKey(key.id), (KeyCounters{1, inner.size(), nano(12), 51}));
    QVERIFY(!router.processor.removeKey(key.id));
    QCOMPARE(router.verdict(customer(key, 51, onward(), inner)), Verdict::UnknownKey);
    router.install(key);
    router.now.wall = key.expires;
    QCOMPARE(router.verdict(customer(key, 52, onward(), inner)), Verdict::ExpiredKey);
}

void TestEdgeProcessor::upstreamIsSampledEvenWhenRefusedLater() {
    EdgeConfig config = edgeConfig();
    config.sampling.threshold = nano(30);
    config.blacklist = {IspId(24)};
    Router router(config);
    const Bytes inner = innerPacket({});
    for (int i = 0; i < 100; ++i) {
        QCOMPARE(router.verdict(plain(ShimKind::Transit, transitHeader(), inner), Arrival::Neighbour, fromZ),
                 Verdict::Blacklisted);
    }
    std::vector<EdgeSample> samples;
    router.processor.samples().drainTo(samples);
    QCOMPARE(samples.size(), size_t{10});  // 300 n$ in strata of 30
    for (const EdgeSample& sample : samples) {
        QCOMPARE(sample.beneficiary, IspId(26));
        QCOMPARE(sample.picks, 1U);
        QVERIFY(std::ranges::equal(sample.header(), transitHeader()));
        QVERIFY(std::ranges::equal(sample.inner(), ByteView(inner).first(40)));
    }
}

void TestEdgeProcessor::lastIspSamplesItsOwnService() {
    EdgeConfig config = edgeConfig();
    config.sampling.threshold = nano(100);
    Router router(config);
    router.install(sessionKey());
    const Bytes inner = innerPacket({.payload = 2});  // shorter than 40 bytes
    for (uint64_t i = 0; i < 95; ++i) {
        QCOMPARE(router.verdict(customer(sessionKey(), i, header({hop(25, 10)}), inner)), Verdict::Delivered);
    }
    std::vector<EdgeSample> samples;
    router.processor.samples().drainTo(samples);
    QCOMPARE(samples.size(), size_t{9});
    QCOMPARE(samples[0].beneficiary, IspId(25));
    QCOMPARE(samples[0].inner().size(), inner.size());
    // The tenth stratum is half over: its pick, if there is one yet, leaves when the router stops.
    router.processor.flushSamples();
    QVERIFY(router.processor.samples().size() <= 1);
}

void TestEdgeProcessor::investigatedPathIsCountedExactly() {
    Router router;
    InvestigatedPath path;
    path.slot = 3;
    path.isps = {IspId(26), IspId(25), IspId(24)};
    router.tables = EdgeTables::build(router.config, 0, {}, std::span(&path, 1));
    const Bytes inner = innerPacket({});
    for (int i = 0; i < 4; ++i)
        (void)router.verdict(plain(ShimKind::Transit, transitHeader(), inner), Arrival::Neighbour, fromZ);
    (void)router.verdict(plain(ShimKind::Transit, lastHeader(), inner), Arrival::Neighbour, fromZ);
    const EdgeReport report = router.report();
    QCOMPARE(report.investigations[3].packets, uint64_t{4});
    QCOMPARE(report.investigations[3].amounts[0], nano(12));
    QCOMPARE(report.investigations[3].amounts[1], nano(40));
    QCOMPARE(report.investigations[3].amounts[2], nano(8));
    router.processor.clearInvestigation(3);
    QCOMPARE(router.report().investigations[3].packets, uint64_t{0});
}

void TestEdgeProcessor::fragmentsPassWithoutPorts() {
    Router router;
    router.install(sessionKey());
    const Bytes later = innerPacket({.fragmentField = 64});  // offset 512 bytes, the last one
    Bytes packet = customer(sessionKey(), 0, header({hop(25, 10)}), later);
    QCOMPARE(router.process(packet).verdict, Verdict::Delivered);
    // A tag that covers what would be ports in a whole packet does not hold for a fragment.
    Bytes wrong = customer(sessionKey(), 1, header({hop(25, 10)}), innerPacket({}));
    store16(&wrong[24 + 8 + 6], 64);
    storeIpv4HeaderChecksum(std::span(wrong).subspan(32, 20));
    QCOMPARE(router.verdict(wrong), Verdict::BadTag);
    // First fragments that promise more must be a multiple of 8 long.
    QCOMPARE(router.verdict(customer(sessionKey(), 1, header({hop(25, 10)}),
                                     innerPacket({.payload = 101, .fragmentField = 0x2000}))),
             Verdict::MalformedInner);
}

void TestEdgeProcessor::ipv6CrossesLikeIpv4() {
    Router router;
    router.install(sessionKey());
    const Bytes inner = innerPacket({.src = "2001:db8:c::5", .dst = "2001:db8:a::9"});
    Bytes packet = customer(sessionKey(), 0, header({hop(25, 10)}), inner);
    const EdgeResult result = router.process(packet, Arrival::Customer, 1);
    QCOMPARE(result.verdict, Verdict::Delivered);
    const Bytes left(packet.begin() + result.offset, packet.begin() + result.offset + result.size);
    QCOMPARE(parseHeaders(left)->trafficClass(), uint8_t{46 << 2});
    QCOMPARE(router.verdict(customer(sessionKey(), 1, onward(), inner), Arrival::Customer, 1), Verdict::Forwarded);
    QCOMPARE(router.verdict(customer(sessionKey(), 2, header({hop(25, 10)}),
                                     innerPacket({.src = "2001:db8:c::5", .dst = "2001:db8:b::9"}))),
             Verdict::DestinationNotOurs);
}

void TestEdgeProcessor::sixteenHopsAreCounted() {
    EdgeConfig config = edgeConfig();
    config.customers[0].limit.reset();
    Router router(config);
    SessionKey key = sessionKey();
    key.allowed.clear();
    std::vector<HopBlock> hops = {hop(25, 10, 3)};
    for (uint16_t i = 0; i < 15; ++i) hops.push_back(hop(static_cast<uint16_t>(24 - i), i + 1));
    for (const HopBlock& block : hops) key.allowed.push_back(block.isp);
    router.install(key);
    Bytes head(AccountingHeader::paddedSize(16));
    (void)AccountingHeader::make(hops)->encode(head);
    QCOMPARE(router.verdict(customer(key, 0, head, innerPacket({}))), Verdict::Forwarded);
    const EdgeReport report = router.report();
    QCOMPARE(report.keys[0].counters.amount, nano(10 + 120));
    QCOMPARE(report.links[1].counters.downstream, nano(120));
    QCOMPARE(report.downstream.size(), size_t{15});
    for (const auto& entry : report.downstream) QCOMPARE(entry.counter.amount, nano(25 - entry.isp.value()));
}

QTEST_APPLESS_MAIN(TestEdgeProcessor)
#include "test_edge_processor.moc"
