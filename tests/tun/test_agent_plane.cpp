// What the agent's data plane puts on the wire, what it pays, and what it does when it cannot.
#include <QTest>

#include "tests/tun/agent_rig.h"
#include "tun/packet/checksum.h"
#include "tun/packet/ip_packet.h"

using namespace agentrig;
using reference::Recipe;

namespace {

Recipe datagram(size_t payload, bool v6 = false) {
    Recipe recipe;
    recipe.v6 = v6;
    recipe.protocol = 17;
    recipe.payload = reference::someBytes(payload);
    return recipe;
}

Recipe tcpData(size_t payload, bool v6 = false) {
    Recipe recipe;
    recipe.v6 = v6;
    recipe.payload = reference::someBytes(payload);
    return recipe;
}

// The payloads of TCP segments, one behind the other; empty when a sequence number does not follow.
Packet reassembled(const std::vector<Packet>& segments) {
    Packet stream;
    uint32_t next = 0;
    for (size_t i = 0; i < segments.size(); ++i) {
        const auto parsed = parseHeaders(segments[i]);
        if (!parsed || !parsed->wholeTcp()) return {};
        const uint32_t sequence = reference::get32(segments[i], size_t{parsed->l4Offset} + 4);
        if (i > 0 && sequence != next) return {};
        next = sequence + static_cast<uint32_t>(parsed->payloadLength());
        stream.insert(stream.end(), segments[i].begin() + static_cast<long>(parsed->headersLength()),
                      segments[i].end());
    }
    return stream;
}

}  // namespace

class TestAgentPlane : public QObject {
    Q_OBJECT

private slots:
    void theReferencePacketHasTheseBytesOnTheWire() {
        Rig rig;
        QVERIFY(rig.publish({rig.flow(1, Rig::gate(nano(100), {}, 7), "udp 192.0.2.1:5004 -> 198.51.100.2:5006")}));
        rig.push(reference::udp4);
        rig.pollAll();
        Packet expected = {
            0x11,                                            // version 1, customer
            0x00,                                            // a burst of 1
            0x00, 0x1f,                                      // segment limit 31
            0xa1, 0xb2, 0xc3, 0xd4,                          // session key
            0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07,  // sequence
            0x99, 0xc0, 0xb7, 0xdb, 0x8c, 0xd6, 0x0e, 0x3a,  // tag
            0x20, 0x01, 0x00, 0x1a, 0x0c,                    // 3 ISPs; class 1 of ISP 26 for 3 n$
            0x00, 0xc2, 0x00, 0x19, 0x1a,                    // ISP 26 hands over at 3; class 2 of ISP 25 for 10 n$
            0x00, 0x01, 0x00, 0x18, 0x08,                    // ISP 25 chooses; class 1 of ISP 24 for 2 n$
            0x00,                                            // padding
        };
        expected.insert(expected.end(), reference::udp4.begin(), reference::udp4.end());
        QCOMPARE(rig.nextRaw(), expected);
        const PurchaseCounters counters = rig.counters();
        QCOMPARE(counters.packets, uint64_t{1});
        QCOMPARE(counters.bytes, uint64_t{31});
        QCOMPARE(counters.amount, nano(15));
        QCOMPARE(counters.bestEffortPackets(), uint64_t{0});
    }

    void pricesAreComputedFromTheLastIspBackwards() {
        Rig rig;
        AgentFlow flow = rig.flow(1, Rig::gate());
        // The last asks 1 n$ and 7/8 n$ a KiB; the one before it 128/1024 of what comes after, the first 64/1024 and 5 n$.
        flow.path = {hop(1, 0, 0, nano(5), {}, 64), hop(2, 0, 0, Money::zero(), {}, 128),
                     hop(3, 0, 0, nano(1), Money::fromEighths(7))};
        QVERIFY(rig.publish({flow}));
        rig.push(build(datagram(1172)));  // 1200 bytes
        rig.pollAll();
        const auto datagrams = rig.arrived();
        QCOMPARE(datagrams.size(), size_t{1});
        const auto header = AccountingHeader::decode(datagrams[0].header);
        // 8 + ⌈7 · 1200 / 1024⌉ = 17 eighths → 18; ⌈18 · 128 / 1024⌉ = 3 → the smallest code, 8; 40 + ⌈26 · 64 / 1024⌉ = 42 → 44.
        QCOMPARE(header->hops()[2].price.value().eighths(), int64_t{18});
        QCOMPARE(header->hops()[1].price.value().eighths(), int64_t{8});
        QCOMPARE(header->hops()[0].price.value().eighths(), int64_t{44});
        QCOMPARE(rig.counters().amount.eighths(), int64_t{70});
    }

    void theTimeOfDayDecidesThePrice() {
        Rig rig;
        AgentFlow flow = rig.flow(1, Rig::gate());
        flow.path = {hop(1, 0, 0, nano(1))};
        flow.path[0].prices.periods = {{18 * 60, 22 * 60, {nano(4), {}, 0}}};
        QVERIFY(rig.publish({flow}));
        rig.clock.setWall(SystemTime{std::chrono::hours(18) - std::chrono::microseconds(1)});
        rig.push(build(datagram(100)));
        rig.pollAll();
        QCOMPARE(rig.counters().amount, nano(1));
        rig.clock.setWall(SystemTime{std::chrono::hours(18)});
        rig.push(build(datagram(100)));
        rig.pollAll();
        QCOMPARE(rig.counters().amount, nano(5));
    }

    void everyOfferedOffloadBecomesWholePackets_data() {
        QTest::addColumn<bool>("v6");
        QTest::addColumn<bool>("udp");
        QTest::newRow("tcp4") << false << false;
        QTest::newRow("tcp6") << true << false;
        QTest::newRow("udp4") << false << true;
        QTest::newRow("udp6") << true << true;
    }
    void everyOfferedOffloadBecomesWholePackets() {
        QFETCH(bool, v6);
        QFETCH(bool, udp);
        Rig rig;
        QVERIFY(rig.publish({rig.flow(1, Rig::gate())}));
        const Recipe recipe = udp ? datagram(20'000, v6) : tcpData(60'000, v6);
        rig.push(offload(recipe, udp ? 1000 : 1448));
        rig.pollAll();
        const auto datagrams = rig.arrived();
        uint64_t sequence = 0;
        uint64_t burstEnd = 0;
        size_t bytes = 0;
        Packet stream;
        std::vector<Packet> segments;
        for (const Datagram& part : datagrams) {
            if (sequence == burstEnd) burstEnd = part.shim.sequence + part.shim.burst;
            QVERIFY(part.shim.sequence <= sequence && sequence < part.shim.sequence + part.shim.burst);
            QVERIFY(part.inner.size() <= part.shim.segmentLimit);
            QVERIFY(28 + 40 + part.inner.size() <= 1500 || udp);
            const auto parsed = parseHeaders(part.inner);
            QVERIFY(parsed && transportChecksumHolds(*parsed));
            stream.insert(stream.end(), part.inner.begin() + static_cast<long>(parsed->headersLength()),
                          part.inner.end());
            segments.push_back(part.inner);
            bytes += part.inner.size();
            ++sequence;
        }
        QCOMPARE(stream, recipe.payload);
        if (!udp) QCOMPARE(reassembled(segments), recipe.payload);
        QCOMPARE(burstEnd, uint64_t{datagrams.size()});
        const PurchaseCounters counters = rig.counters();
        QCOMPARE(counters.packets, uint64_t{datagrams.size()});
        QCOMPARE(counters.bytes, uint64_t{bytes});
        QCOMPARE(counters.amount, nano(15 * static_cast<int64_t>(datagrams.size())));
    }

    void equalPacketsOfAFlowShareOneTag() {
        Rig rig;
        QVERIFY(rig.publish({rig.flow(1, Rig::gate())}));
        for (int i = 0; i < 150; ++i) rig.push(build(datagram(100)));
        rig.pollAll();
        const auto datagrams = rig.arrived();
        QCOMPARE(datagrams.size(), size_t{150});
        // Batches of 64 frames, bursts of at most 64.
        const std::vector<std::pair<uint64_t, int>> bursts = {{0, 64}, {64, 64}, {128, 22}};
        size_t index = 0;
        for (const auto& [sequence, count] : bursts) {
            for (int i = 0; i < count; ++i, ++index) {
                QCOMPARE(datagrams[index].shim.sequence, sequence);
                QCOMPARE(int{datagrams[index].shim.burst}, count);
                QCOMPARE(datagrams[index].shim.tag, datagrams[index - static_cast<size_t>(i)].shim.tag);
            }
        }
        QCOMPARE(rig.plane().totals().trainsSent, uint64_t{3});
    }

    void interleavedFlowsKeepTheirOwnTrains() {
        Rig rig;
        QVERIFY(rig.publish({rig.flow(1, Rig::gate())}));
        for (int i = 0; i < 20; ++i) {
            Recipe recipe = datagram(100);
            recipe.sourcePort = static_cast<uint16_t>(1000 + i % 2);
            recipe.identification = static_cast<uint16_t>(i);
            rig.push(build(recipe));
        }
        rig.pollAll();
        const auto datagrams = rig.arrived();
        QCOMPARE(datagrams.size(), size_t{20});
        QCOMPARE(datagrams.back().train - datagrams.front().train, size_t{1});
        for (size_t i = 1; i < 20; ++i) {  // in order within each flow
            if (datagrams[i].train != datagrams[i - 1].train) continue;
            QVERIFY(reference::get16(datagrams[i].inner, 4) > reference::get16(datagrams[i - 1].inner, 4));
        }
    }

    void aShorterLastPacketRidesAlongOnlyIfItCostsTheSame() {
        for (const bool perByte : {false, true}) {
            Rig rig;
            AgentFlow flow = rig.flow(1, Rig::gate());
            if (perByte) flow.path = {hop(1, 0, 0, nano(1), nano(100))};
            QVERIFY(rig.publish({flow}));
            rig.push(build(datagram(1000)));
            rig.push(build(datagram(1000)));
            rig.push(build(datagram(200)));
            rig.pollAll();
            const auto datagrams = rig.arrived();
            QCOMPARE(datagrams.size(), size_t{3});
            QCOMPARE(int{datagrams[2].shim.burst}, perByte ? 1 : 3);
            QCOMPARE(datagrams[2].paid() < datagrams[0].paid(), perByte);
            QCOMPARE(datagrams[2].shim.segmentLimit, perByte ? uint16_t{228} : uint16_t{1028});
            Money sum;
            for (const Datagram& part : datagrams) sum = *checkedAdd(sum, part.paid());
            QCOMPARE(rig.counters().amount, sum);
        }
    }

    void theCapIsReachedExactlyAndTheRestTravelsUnpaid() {
        Rig rig;
        const auto gate = Rig::gate(Money::fromEighths(15 * 10 * 8 + 119));
        QVERIFY(rig.publish({rig.flow(1, gate)}));
        for (int i = 0; i < 25; ++i) rig.push(build(datagram(100)));
        rig.pollAll();
        QCOMPARE(rig.arrived().size(), size_t{10});
        const auto around = rig.bypass.take();
        QCOMPARE(around.size(), size_t{15});
        for (const Packet& packet : around) QCOMPARE(packet, build(datagram(100)));
        QCOMPARE(rig.counters().amount, nano(150));
        QCOMPARE(gate->remaining().eighths(), int64_t{119});
        QCOMPARE(Rig::unpaid(rig.counters(), BestEffortReason::CapReached), uint64_t{15});
        QVERIFY(gate->capReached());
    }

    void aTrainIsCutWhereTheCapEnds() {
        Rig rig;
        QVERIFY(rig.publish({rig.flow(1, Rig::gate(nano(15 * 7)))}));
        const Recipe recipe = tcpData(30'000);
        rig.push(offload(recipe, 1000));
        rig.pollAll();
        std::vector<Packet> segments;
        for (const Datagram& part : rig.arrived()) {
            QCOMPARE(int{part.shim.burst}, 7);
            segments.push_back(part.inner);
        }
        QCOMPARE(segments.size(), size_t{7});
        for (Packet& packet : rig.bypass.take()) segments.push_back(std::move(packet));
        QCOMPARE(reassembled(segments), recipe.payload);
    }

    void theCapPerSecondRefills() {
        Rig rig;
        QVERIFY(rig.publish({rig.flow(1, Rig::gate(nano(1'000'000), nano(150)))}));
        for (int i = 0; i < 12; ++i) rig.push(build(datagram(100)));
        rig.pollAll();
        QCOMPARE(rig.counters().packets, uint64_t{10});
        QCOMPARE(Rig::unpaid(rig.counters(), BestEffortReason::PerSecondCap), uint64_t{2});
        rig.clock.advance(std::chrono::milliseconds(500));
        for (int i = 0; i < 12; ++i) rig.push(build(datagram(100)));
        rig.pollAll();
        QCOMPARE(rig.counters().packets, uint64_t{15});
    }

    void whatNobodyBoughtTravelsUnpaid() {
        Rig rig;
        QVERIFY(rig.publish({rig.flow(1, Rig::gate(), "udp *:* -> 198.51.100.2:9")}));
        rig.push(build(datagram(100)));
        rig.push(offload(tcpData(3000), 1000));
        rig.pollAll();
        QVERIFY(rig.arrived().empty());
        const auto around = rig.bypass.take();
        QCOMPARE(around.size(), size_t{4});
        for (const Packet& packet : around) {
            const auto parsed = parseHeaders(packet);
            QVERIFY(parsed && transportChecksumHolds(*parsed));
        }
        QCOMPARE(Rig::unpaid(rig.plane().totals().unowned, BestEffortReason::NoPurchase), uint64_t{4});
    }

    void anExpiredKeyPaysNothing() {
        Rig rig;
        AgentFlow flow = rig.flow(1, Rig::gate());
        flow.expires = rig.clock.now() + std::chrono::seconds(1);
        QVERIFY(rig.publish({flow}));
        rig.clock.advance(std::chrono::seconds(1));
        rig.push(build(datagram(100)));
        rig.pollAll();
        QCOMPARE(rig.bypass.take().size(), size_t{1});
        QCOMPARE(Rig::unpaid(rig.counters(), BestEffortReason::KeyExpired), uint64_t{1});
    }

    void aSnapshotInMidStreamChangesPurchaseBetweenTwoPackets() {
        Rig rig;
        const auto first = Rig::gate(), second = Rig::gate();
        QVERIFY(rig.publish({rig.flow(1, first)}));
        for (int i = 0; i < 100; ++i) rig.push(build(datagram(100)));
        QVERIFY(rig.plane().poll());  // one batch of 64
        AgentFlow other = rig.flow(2, second);
        other.key = SessionKeyId(2);
        QVERIFY(rig.publish({other}));
        rig.pollAll();
        const auto datagrams = rig.arrived();
        QCOMPARE(datagrams.size(), size_t{100});
        QCOMPARE(datagrams[63].shim.key, SessionKeyId(0xa1b2c3d4));
        QCOMPARE(datagrams[64].shim.key, SessionKeyId(2));
        QCOMPARE(rig.counters(1).packets, uint64_t{64});  // kept although it is published no more
        QCOMPARE(rig.counters(2).packets, uint64_t{36});
        rig.plane().forget(PurchaseId(1));
        rig.plane().forget(PurchaseId(2));  // still published: stays
        QCOMPARE(rig.plane().harvest().size(), size_t{1});
        // The first comes back with the sequence and the cap where they were.
        QVERIFY(rig.publish({rig.flow(1, first)}));
        rig.push(build(datagram(100)));
        rig.pollAll();
        QCOMPARE(rig.arrived().at(0).shim.sequence, uint64_t{64});
    }

    void refusedTrainsAreNeitherLostNorPaid_data() {
        QTest::addColumn<int>("outcome");
        QTest::addColumn<int>("reason");
        QTest::newRow("failed") << int(SendOutcome::Failed) << int(BestEffortReason::SendFailed);
        QTest::newRow("unreachable") << int(SendOutcome::Unreachable) << int(BestEffortReason::EdgeUnreachable);
    }
    void refusedTrainsAreNeitherLostNorPaid() {
        QFETCH(int, outcome);
        QFETCH(int, reason);
        Rig rig;
        const auto gate = Rig::gate(nano(1500));
        QVERIFY(rig.publish({rig.flow(1, gate)}));
        rig.plane().poll();
        rig.network().failNext(1, static_cast<SendOutcome>(outcome));
        const Recipe recipe = tcpData(10'000);
        rig.push(offload(recipe, 1000));
        rig.pollAll();
        QVERIFY(rig.arrived().empty());
        QCOMPARE(reassembled(rig.bypass.take()), recipe.payload);
        QCOMPARE(gate->spent(), Money::zero());
        QCOMPARE(rig.counters().packets, uint64_t{0});
        QCOMPARE(rig.counters().amount, Money::zero());
        QCOMPARE(Rig::unpaid(rig.counters(), static_cast<BestEffortReason>(reason)), uint64_t{10});
        // Numbers that may have been seen by somebody are not used again.
        QCOMPARE(gate->nextSequence(), uint64_t{10});
    }

    void whatTheWayHasBecomeTooNarrowForIsFragmentedAndPaid() {
        Rig rig;
        QVERIFY(rig.publish({rig.flow(1, Rig::gate())}));
        rig.plane().poll();
        rig.network().failNext(1, SendOutcome::TooBig);  // as the socket that sets DF answers
        rig.push(offload(tcpData(10'000), 1000));
        rig.pollAll();
        QCOMPARE(rig.arrived().size(), size_t{10});
        QCOMPARE(rig.counters().packets, uint64_t{10});
        QVERIFY(rig.bypass.take().empty());
    }

    void aFullSocketIsTriedAgain() {
        Rig rig;
        QVERIFY(rig.publish({rig.flow(1, Rig::gate())}));
        rig.plane().poll();
        rig.network().failNext(2, SendOutcome::Full);
        rig.push(build(datagram(100)));
        rig.push(build(datagram(50)));
        rig.pollAll();
        QCOMPARE(rig.arrived().size(), size_t{2});
        QCOMPARE(rig.counters().bestEffortPackets(), uint64_t{0});
    }

    void anUnreachableEdgeIsReportedAndTriedAgain() {
        Rig rig;
        QVERIFY(rig.publish({rig.flow(1, Rig::gate())}));
        rig.plane().poll();
        rig.network().failNext(1, SendOutcome::Unreachable);
        rig.push(build(datagram(100)));
        rig.pollAll();
        QCOMPARE(rig.changes, std::vector<bool>{false});
        QVERIFY(!rig.plane().edges().at(0).reachable);
        rig.push(build(datagram(100)));
        rig.pollAll();
        QVERIFY(rig.arrived().empty());
        QCOMPARE(rig.bypass.take().size(), size_t{2});

        rig.network().failNext(1, SendOutcome::Unreachable);  // the first try fails as well
        rig.clock.advance(std::chrono::milliseconds(250));
        rig.plane().poll();
        rig.clock.advance(std::chrono::milliseconds(499));
        rig.plane().poll();
        QVERIFY(rig.nextRaw().empty());  // the second waits twice as long
        rig.clock.advance(std::chrono::milliseconds(1));
        rig.plane().poll();
        QCOMPARE(rig.nextRaw(), Packet{0});  // no shim, so nobody takes it for a payment
        rig.clock.advance(std::chrono::seconds(4));
        rig.plane().poll();
        QCOMPARE(rig.changes, (std::vector<bool>{false, true}));
        rig.push(build(datagram(100)));
        rig.pollAll();
        QCOMPARE(rig.arrived().size(), size_t{1});
        QCOMPARE(rig.counters().packets, uint64_t{1});
    }

    void tcpIsCutToWhatFitsTheWay() {
        Rig rig;
        QVERIFY(rig.publish({rig.flow(1, Rig::gate())}));
        rig.network().setPathMtu(1000);
        const Recipe recipe = tcpData(5'000);
        rig.push(offload(recipe, 1448));
        rig.push(build(recipe));  // a plain packet that is too long
        rig.pollAll();
        std::vector<Packet> segments;
        for (const Datagram& part : rig.arrived()) {
            QVERIFY(28 + 40 + part.inner.size() <= 1000);
            segments.push_back(part.inner);
        }
        const size_t half = segments.size() / 2;
        QCOMPARE(reassembled({segments.begin(), segments.begin() + static_cast<long>(half)}), recipe.payload);
        QCOMPARE(reassembled({segments.begin() + static_cast<long>(half), segments.end()}), recipe.payload);
        // Once: what its sender makes smaller is not paid for as two.
        QCOMPARE(rig.bypass.take().size(), size_t{1});

        rig.network().setPathMtu(1500);  // and again when the way has changed
        rig.clock.advance(std::chrono::milliseconds(10));
        rig.push(offload(recipe, 1380));
        rig.pollAll();
        QCOMPARE(rig.arrived().size(), size_t{4});
    }

    void otherPacketsThatAreTooLongGoTheirWayAndTheirSenderIsTold_data() {
        QTest::addColumn<bool>("v6");
        QTest::addColumn<bool>("dontFragment");
        QTest::newRow("ipv4 with DF") << false << true;
        QTest::newRow("ipv4 without DF") << false << false;
        QTest::newRow("ipv6") << true << true;
    }
    void otherPacketsThatAreTooLongGoTheirWayAndTheirSenderIsTold() {
        QFETCH(bool, v6);
        QFETCH(bool, dontFragment);
        Rig rig;
        QVERIFY(rig.publish({rig.flow(1, Rig::gate())}));
        Recipe recipe = datagram(1440, v6);
        recipe.dontFragment = dontFragment;
        const Packet packet = build(recipe);
        for (int i = 0; i < 3; ++i) rig.push(packet);
        rig.pollAll();
        const auto datagrams = rig.arrived();
        QCOMPARE(datagrams.size(), size_t{3});
        for (const Datagram& part : datagrams) {
            QCOMPARE(part.inner, packet);
            QCOMPARE(int{part.shim.burst}, 1);
        }
        const auto told = rig.bypass.take();
        QCOMPARE(told.size(), dontFragment ? size_t{1} : size_t{0});  // not for each packet
        QCOMPARE(rig.counters().tooBigReported, uint64_t{told.size()});
        if (!dontFragment) return;
        const auto parsed = parsePacket(told[0]);
        QVERIFY(parsed && parsed->quoted);
        QCOMPARE(*parsed->quoted, flowOf(*parseHeaders(packet)));
        const size_t mtu = v6 ? reference::get32(told[0], 44) : reference::get16(told[0], 26);
        QCOMPARE(mtu, size_t{1500 - 28 - 40});
    }

    void laterFragmentsFollowTheFirst() {
        Rig rig;
        QVERIFY(rig.publish({rig.flow(1, Rig::gate(), "udp *:40000 -> *:443")}));
        const Packet whole = build(datagram(1600));
        // 20 bytes of IP header, then 8 and 800 bytes of UDP and 800 more.
        Packet first(whole.begin(), whole.begin() + 828), later(whole.begin(), whole.begin() + 20);
        later.insert(later.end(), whole.begin() + 828, whole.end());
        const auto finish = [](Packet& packet, unsigned field) {
            reference::put16(packet, 2, static_cast<unsigned>(packet.size()));
            reference::put16(packet, 6, field);
            reference::put16(packet, 10, 0);
            reference::put16(packet, 10, reference::slowChecksum(std::span(packet).first(20)));
        };
        finish(first, 0x2000);
        finish(later, 808 / 8);
        Packet stranger = later;  // its first fragment was never here
        reference::put16(stranger, 4, 4711);
        finish(stranger, 808 / 8);
        rig.push(first);
        rig.push(later);
        rig.push(stranger);
        rig.pollAll();
        const auto datagrams = rig.arrived();
        QCOMPARE(datagrams.size(), size_t{2});
        QCOMPARE(datagrams[0].inner, first);
        QCOMPARE(datagrams[1].inner, later);
        QVERIFY(datagrams[0].shim.sequence != datagrams[1].shim.sequence);  // another identity, so another tag
        const TagKey key = rig.flow(1, nullptr).secret;
        std::array<uint8_t, 24> shim;
        encodeCustomerShim(datagrams[1].shim, shim);
        const uint64_t tag =
            customerTag(key, std::span(shim).first<16>(), datagrams[1].header,
                        {4, 17, std::span(later).subspan(12, 4), std::span(later).subspan(16, 4), 0, 0});
        QCOMPARE(datagrams[1].shim.tag, tag);
        QCOMPARE(rig.bypass.take(), std::vector<Packet>{stranger});
    }

    void garbageFromTheDeviceHurtsNobody() {
        Rig rig;
        QVERIFY(rig.publish({rig.flow(1, Rig::gate())}));
        rig.push(Packet{});
        rig.push(Packet{0x45, 1, 2, 3});
        reference::Offloaded contradiction = offload(tcpData(3000), 1000);
        contradiction.vnet.gsoType = vnet_gso::tcp6;
        rig.push(contradiction);
        rig.push(build(datagram(100)));
        rig.pollAll();
        QCOMPARE(rig.arrived().size(), size_t{1});
        QCOMPARE(Rig::unpaid(rig.plane().totals().unowned, BestEffortReason::NotUnderstood), uint64_t{2});
        QCOMPARE(Rig::unpaid(rig.counters(), BestEffortReason::NotUnderstood), uint64_t{1});
    }

    void unpaidPacketsThatAreTooLongForTheOrdinaryWayAreCut() {
        Rig rig;
        rig.bypass.setMtu(1280);
        const Recipe recipe = tcpData(1400);
        rig.push(build(recipe));
        rig.push(build(datagram(1400)));
        rig.pollAll();
        const auto around = rig.bypass.take();
        QCOMPARE(around.size(), size_t{3});
        QCOMPARE(reassembled({around[0], around[1]}), recipe.payload);
        QVERIFY(isIcmpError(*parseHeaders(around[2])));
        QCOMPARE(rig.plane().totals().unowned.bestEffortLost, uint64_t{1});
    }

    void drainEndsWhenTheQueueHasRunEmpty() {
        Rig rig;
        QVERIFY(rig.publish({rig.flow(1, Rig::gate())}));
        for (int i = 0; i < 200; ++i) rig.push(build(datagram(100)));
        std::vector<PurchaseId> drained;
        rig.plane().drain(PurchaseId(1), [&](PurchaseId id) { drained.push_back(id); });
        rig.plane().poll();
        QVERIFY(drained.empty());
        rig.pollAll();
        QVERIFY(drained.empty());  // a packet may still be on its way into the device
        rig.push(build(datagram(100)));
        rig.clock.advance(std::chrono::milliseconds(5));
        QVERIFY(rig.plane().poll());
        QVERIFY(drained.empty());
        rig.plane().poll();
        QCOMPARE(drained, std::vector<PurchaseId>{PurchaseId(1)});
        QCOMPARE(rig.arrived().size(), size_t{201});
        QCOMPARE(rig.counters().packets, uint64_t{201});
    }

    void theDeviceIsMadeAsWideAsTheUplinkButNeverNarrower() {
        Rig rig;
        rig.network().setPathMtu(9000);
        QVERIFY(rig.publish({rig.flow(1, Rig::gate())}));
        QCOMPARE(*rig.device.mtu(), 9000u);
        rig.network().setPathMtu(1280);
        AgentFlow other = rig.flow(1, Rig::gate());
        other.edge.port = 1;
        QVERIFY(rig.publish({other}));
        QCOMPARE(*rig.device.mtu(), 9000u);
    }

    void impossiblePathsAreRefusedWhole() {
        Rig rig;
        AgentFlow twice = rig.flow(1, Rig::gate());
        twice.path = {hop(1, 0, 0, nano(1)), hop(2, 0, 0, nano(1)), hop(1, 0, 0, nano(1))};
        QCOMPARE(rig.plane().publish({{twice}}).error(), AgentError::BadPath);
        AgentFlow none = rig.flow(1, Rig::gate());
        none.path.clear();
        QCOMPARE(rig.plane().publish({{none}}).error(), AgentError::BadPath);
        QCOMPARE(rig.plane().publish({{rig.flow(1, nullptr)}}).error(), AgentError::NoGate);
        AgentFlow dear = rig.flow(1, Rig::gate());
        dear.path = {hop(1, 0, 0, *Money::parse("5"))};  // no code is worth that
        QVERIFY(rig.publish({dear}));
        rig.push(build(datagram(100)));
        rig.pollAll();
        QCOMPARE(Rig::unpaid(rig.counters(), BestEffortReason::PriceTooHigh), uint64_t{1});
        QCOMPARE(rig.bypass.take().size(), size_t{1});
    }

    void sixteenIspsFitAndPay() {
        Rig rig;
        AgentFlow flow = rig.flow(1, Rig::gate());
        flow.path.clear();
        for (uint16_t i = 1; i <= 16; ++i) flow.path.push_back(hop(i, 0, 0, nano(1)));
        QVERIFY(rig.publish({flow}));
        rig.push(offload(tcpData(60'000), 1448));
        rig.pollAll();
        for (const Datagram& part : rig.arrived()) {
            QCOMPARE(part.header.size(), size_t{80});
            QVERIFY(28 + 104 + part.inner.size() <= 1500);
        }
        QCOMPARE(rig.counters().amount, nano(16 * static_cast<int64_t>(rig.counters().packets)));
    }

    void threadsSendDrainAndStop() {
        MemoryTun device;
        MemoryUdpNetwork network;
        MemoryBypass bypass;
        Rig reference;  // for its edge address and flows
        AgentPlane plane(device, network, bypass, systemClock());
        QVERIFY(plane.publish({{reference.flow(1, Rig::gate(nano(15 * 4000)))}}));
        QVERIFY(plane.start());
        QCOMPARE(plane.start().error(), AgentError::AlreadyRunning);
        for (int i = 0; i < 5000; ++i) device.push({{}, build(datagram(100))});
        QVERIFY(plane.drain(PurchaseId(1), std::chrono::seconds(20)));
        QCOMPARE(plane.counters(PurchaseId(1)).packets, uint64_t{4000});
        QCOMPARE(bypass.take().size(), size_t{1000});
        for (int i = 0; i < 500; ++i) device.push({{}, build(datagram(100))});
        plane.stop();  // sends what waits
        QCOMPARE(bypass.take().size(), size_t{500});
        QVERIFY(plane.start());
        device.push({{}, build(datagram(100))});
        QVERIFY(plane.drain(PurchaseId(1), std::chrono::seconds(20)));
        QCOMPARE(bypass.take().size(), size_t{1});
        device.remove();
        device.push({{}, build(datagram(100))});
        QVERIFY(plane.drain(PurchaseId(1), std::chrono::seconds(20)));  // a dead device holds nobody up
    }
};

QTEST_APPLESS_MAIN(TestAgentPlane)
#include "test_agent_plane.moc"
