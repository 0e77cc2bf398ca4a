#include <QtTest>

#include "tests/tun/reference_packets.h"
#include "tun/packet/checksum.h"
#include "tun/packet/coalesce.h"
#include "tun/packet/segment.h"

using namespace netpas::tun;
using reference::Packet;
using reference::Recipe;

namespace {

struct Joined {
    Packet packet;
    VnetHeader vnet;
};

std::vector<Joined> framesOf(Coalescer& coalescer) {
    std::vector<Joined> frames;
    for (const OutgoingFrame& frame : coalescer.frames()) {
        Joined joined{{}, frame.vnet};
        for (const auto piece : frame.pieces) joined.packet.insert(joined.packet.end(), piece.begin(), piece.end());
        frames.push_back(std::move(joined));
    }
    return frames;
}

std::vector<Joined> join(const std::vector<Packet>& packets, CoalesceOptions options = {.udp = true}) {
    Coalescer coalescer(options);
    for (const Packet& packet : packets) {
        if (!coalescer.add(packet)) return {};
    }
    return framesOf(coalescer);
}

Recipe tcp(bool v6 = false, size_t payload = 0, uint32_t seed = 1) {
    Recipe recipe;
    recipe.v6 = v6;
    recipe.payload = reference::someBytes(payload, seed);
    return recipe;
}

// Splits what the kernel would hand over into packets of `step` bytes of payload.
std::vector<Packet> train(const Recipe& recipe, uint16_t step) {
    const auto frame = reference::offload(recipe, step);
    const auto view = *parseHeaders(frame.packet);
    const auto plan = Segmenter::plan(frame.vnet, view, 65535);
    std::vector<Packet> packets;
    for (size_t i = 0; i < plan->count(); ++i) {
        Packet packet(plan->packetBytes(i, 1));
        plan->write(i, 1, size_t{0}, packet);
        packets.push_back(std::move(packet));
    }
    return packets;
}

// Two segments in order; `change` is applied to the recipe of the second.
template <typename Change>
std::vector<Packet> pairWith(Change change, bool v6 = false) {
    Recipe first = tcp(v6, 100);
    Recipe second = tcp(v6, 100, 2);
    second.sequence = first.sequence + 100;
    second.identification = static_cast<uint16_t>(first.identification + 1);
    change(second);
    return {reference::build(first), reference::build(second)};
}

}  // namespace

class TestCoalesce : public QObject {
    Q_OBJECT
private slots:
    void whatWasSplitBecomesTheSameFrame_data() {
        QTest::addColumn<bool>("v6");
        QTest::addColumn<int>("protocol");
        QTest::addColumn<int>("payload");
        for (const bool v6 : {false, true}) {
            for (const int protocol : {6, 17}) {
                for (const int payload : {2000, 2001, 6999, 7000, 60000}) {
                    QTest::addRow("v%d protocol %d payload %d", v6 ? 6 : 4, protocol, payload)
                        << v6 << protocol << payload;
                }
            }
        }
    }
    void whatWasSplitBecomesTheSameFrame() {
        QFETCH(bool, v6);
        QFETCH(int, protocol);
        QFETCH(int, payload);
        Recipe recipe = tcp(v6, static_cast<size_t>(payload));
        recipe.protocol = static_cast<uint8_t>(protocol);
        recipe.flags = 0x19;  // ACK, PSH, FIN: of the last segment only
        recipe.sequence = 0xffff'fe00;
        recipe.identification = 0xfffe;
        const auto frame = reference::offload(recipe, 1000);
        const auto frames = join(train(recipe, 1000));
        QCOMPARE(frames.size(), size_t{1});
        QVERIFY(frames[0].packet == frame.packet);
        QVERIFY(frames[0].vnet == frame.vnet);
        // And back again.
        const auto view = *parseHeaders(frames[0].packet);
        const auto plan = Segmenter::plan(frames[0].vnet, view, 65535);
        QVERIFY(plan);
        const auto packets = train(recipe, 1000);
        QCOMPARE(plan->count(), packets.size());
        for (size_t i = 0; i < packets.size(); ++i) {
            Packet packet(plan->packetBytes(i, 1));
            plan->write(i, 1, size_t{0}, packet);
            QVERIFY(packet == packets[i]);
        }
    }
    void aFrameNeverExceeds65535Bytes() {
        std::vector<Packet> packets;
        Recipe recipe = tcp(false, 1448);
        for (int i = 0; i < 100; ++i) {
            packets.push_back(reference::build(recipe));
            recipe.sequence += 1448;
            ++recipe.identification;
        }
        const auto frames = join(packets);
        size_t payload = 0;
        for (const Joined& frame : frames) {
            QVERIFY(frame.packet.size() <= 65535);
            QVERIFY(parseHeaders(frame.packet));
            payload += frame.packet.size() - 52;
        }
        QCOMPARE(frames.size(), size_t{3});  // 45, 45 and 10 segments
        QCOMPARE(payload, size_t{144800});
    }
    void aloneAPacketStaysAsItIs() {
        for (const Packet* packet : {&reference::tcp4, &reference::udp4, &reference::icmp4, &reference::tooBig4,
                                     &reference::tcp6, &reference::udp6, &reference::extended6, &reference::icmp6}) {
            const auto frames = join({*packet});
            QCOMPARE(frames.size(), size_t{1});
            QVERIFY(frames[0].packet == *packet && frames[0].vnet == VnetHeader{});
        }
    }
    void unreadablePacketsPassAlone() {
        const Packet garbage = {0x45, 0x00, 0x01};
        const auto frames = join({garbage, reference::tcp4, garbage, {}});
        QCOMPARE(frames.size(), size_t{4});
        QVERIFY(frames[0].packet == garbage && frames[2].packet == garbage);
    }
    void onlyWhatContinuesIsJoined() {
        QCOMPARE(join(pairWith([](Recipe&) {})).size(), size_t{1});
        QCOMPARE(join(pairWith([](Recipe&) {}, true)).size(), size_t{1});
        const auto refused = [](auto change) {
            return join(pairWith(change)).size() == 2 && join(pairWith(change, true)).size() == 2;
        };
        QVERIFY(refused([](Recipe& r) { ++r.sequence; }));
        QVERIFY(refused([](Recipe& r) { r.sequence -= 100; }));  // sent twice
        QVERIFY(refused([](Recipe& r) { ++r.sourcePort; }));
        QVERIFY(refused([](Recipe& r) { ++r.acknowledgement; }));
        QVERIFY(refused([](Recipe& r) { ++r.window; }));
        QVERIFY(refused([](Recipe& r) { --r.ttl; }));
        QVERIFY(refused([](Recipe& r) { r.trafficClass = 0xb8; }));
        QVERIFY(refused([](Recipe& r) { r.trafficClass = 3; }));  // congestion experienced
        QVERIFY(refused([](Recipe& r) { ++r.options[7]; }));      // timestamp
        QVERIFY(refused([](Recipe& r) { r.options.clear(); }));
        QVERIFY(refused([](Recipe& r) { r.payload.push_back(1); }));  // longer than the first
        QVERIFY(refused([](Recipe& r) { r.payload.clear(); }));       // a bare acknowledgement
        QVERIFY(refused([](Recipe& r) { r.urgent = 1; }));
        for (const uint8_t flag : Packet{0x02, 0x04, 0x20, 0x40, 0x80}) {
            QVERIFY(refused([flag](Recipe& r) { r.flags |= flag; }));
        }
        QVERIFY(refused([](Recipe& r) { r.flags = 0x08; }));  // no ACK
        QCOMPARE(join(pairWith([](Recipe& r) { r.dontFragment = false; })).size(), size_t{2});
        QCOMPARE(join(pairWith([](Recipe& r) { r.identification += 5; })).size(), size_t{2});
    }
    void unfragmentablePacketsMayAllHaveTheSameIdentification() {
        QCOMPARE(join(pairWith([](Recipe& r) { --r.identification; })).size(), size_t{1});
        auto packets = pairWith([](Recipe& r) { --r.identification; });
        Recipe third = tcp(false, 100, 3);
        third.sequence += 200;
        packets.push_back(reference::build(third));
        QCOMPARE(join(packets).size(), size_t{1});
        third.identification += 2;  // neither fixed nor continued
        packets.back() = reference::build(third);
        QCOMPARE(join(packets).size(), size_t{2});
    }
    void pushAndFinEndAFrame() {
        for (const uint8_t flag : Packet{0x08, 0x01}) {
            std::vector<Packet> packets;
            Recipe recipe = tcp(false, 100);
            for (int i = 0; i < 4; ++i) {
                recipe.flags = static_cast<uint8_t>(i == 1 ? 0x10 | flag : 0x10);
                packets.push_back(reference::build(recipe));
                recipe.sequence += 100;
                ++recipe.identification;
            }
            const auto frames = join(packets);
            QCOMPARE(frames.size(), size_t{2});
            QCOMPARE(int{frames[0].packet[33]}, 0x10 | flag);
            QCOMPARE(int{frames[1].packet[33]}, 0x10);
        }
    }
    void aShorterSegmentEndsAFrame() {
        std::vector<Packet> packets;
        Recipe recipe = tcp(false, 100);
        for (const size_t size : {100u, 60u, 60u}) {
            recipe.payload = reference::someBytes(size);
            packets.push_back(reference::build(recipe));
            recipe.sequence += static_cast<uint32_t>(size);
            ++recipe.identification;
        }
        const auto frames = join(packets);
        QCOMPARE(frames.size(), size_t{2});
        QCOMPARE(frames[0].packet.size(), size_t{212});
        QCOMPARE(int{frames[0].vnet.gsoSize}, 100);
    }
    void aDamagedPacketPassesAloneAndUnchanged() {
        for (const bool v6 : {false, true}) {
            auto packets = pairWith([](Recipe&) {}, v6);
            packets[1].back() ^= 0x10;
            auto frames = join(packets);
            QCOMPARE(frames.size(), size_t{2});
            QVERIFY(frames[1].packet == packets[1] && frames[1].vnet == VnetHeader{});
            std::swap(packets[0], packets[1]);
            QCOMPARE(join(packets).size(), size_t{2});
        }
        // The IPv4 header's checksum counts as well: the frame gets a new one.
        auto packets = pairWith([](Recipe&) {});
        packets[1][10] ^= 1;
        const auto frames = join(packets);
        QCOMPARE(frames.size(), size_t{2});
        QVERIFY(frames[1].packet == packets[1]);
    }
    void nothingOvertakesWithinAFlow() {
        // data, bare acknowledgement, data: the last must not move in front of the second.
        std::vector<Packet> packets = pairWith([](Recipe&) {});
        Recipe bare = tcp(false, 0);
        bare.sequence += 100;
        packets.insert(packets.begin() + 1, reference::build(bare));
        const auto frames = join(packets);
        QCOMPARE(frames.size(), size_t{3});
        for (size_t i = 0; i < 3; ++i) QVERIFY(frames[i].packet == packets[i]);
    }
    void interleavedFlowsAreJoinedEach() {
        std::vector<Packet> packets;
        for (uint32_t i = 0; i < 10; ++i) {
            for (uint16_t flow = 0; flow < 5; ++flow) {
                Recipe recipe = tcp(flow % 2 == 1, 200, flow);
                recipe.sourcePort = static_cast<uint16_t>(30000 + flow);
                recipe.sequence = 7 + i * 200;
                recipe.identification = static_cast<uint16_t>(i);
                packets.push_back(reference::build(recipe));
            }
        }
        const auto frames = join(packets);
        size_t segments = 0;
        for (const Joined& frame : frames) {
            const auto view = *parseHeaders(frame.packet);
            segments += view.payloadLength() / 200;
        }
        QCOMPARE(segments, size_t{50});
        QCOMPARE(frames.size(), size_t{5});
    }
    void udpIsJoinedOnlyWhereTheDeviceTakesIt() {
        Recipe recipe = tcp(false, 500);
        recipe.protocol = 17;
        std::vector<Packet> packets(3, Packet{});
        for (Packet& packet : packets) {
            packet = reference::build(recipe);
            ++recipe.identification;
        }
        QCOMPARE(join(packets).size(), size_t{1});
        QCOMPARE(join(packets, {.udp = false}).size(), size_t{3});
        reference::put16(packets[1], 26, 0);  // the sender wants no checksum
        QCOMPARE(join(packets).size(), size_t{3});
    }
    void udpTrainsHaveAtMost64Datagrams() {
        std::vector<Packet> packets;
        Recipe recipe = tcp(true, 20);
        recipe.protocol = 17;
        for (int i = 0; i < 100; ++i) packets.push_back(reference::build(recipe));
        const auto frames = join(packets);
        QCOMPARE(frames.size(), size_t{2});
        QCOMPARE(frames[0].packet.size(), size_t{48 + 64 * 20});
    }
    void fragmentsAndIpOptionsPassAlone() {
        auto packets = pairWith([](Recipe&) {});
        for (Packet& packet : packets) {
            packet[0] = 0x46;
            packet.insert(packet.begin() + 20, {1, 1, 1, 0});
            reference::put16(packet, 2, static_cast<unsigned>(packet.size()));
            storeIpv4HeaderChecksum(std::span(packet).first(24));
        }
        QCOMPARE(join(packets).size(), size_t{2});
        packets = pairWith([](Recipe&) {});
        reference::put16(packets[1], 6, 0x0001);
        storeIpv4HeaderChecksum(std::span(packets[1]).first(20));
        QCOMPARE(join(packets).size(), size_t{2});
    }
    void aFullCoalescerSaysSoAndGoesOnWhenCleared() {
        Coalescer coalescer({.capacity = 4});
        for (int round = 0; round < 3; ++round) {
            for (int i = 0; i < 4; ++i) QVERIFY(coalescer.add(reference::icmp4));
            QVERIFY(!coalescer.add(reference::icmp4));
            QVERIFY(!coalescer.add(reference::tcp4));
            QCOMPARE(framesOf(coalescer).size(), size_t{4});
            coalescer.clear();
            QCOMPARE(coalescer.frames().size(), size_t{0});
        }
    }
};

QTEST_APPLESS_MAIN(TestCoalesce)
#include "test_coalesce.moc"
