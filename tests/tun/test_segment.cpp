#include <QtTest>

#include "tests/tun/reference_packets.h"
#include "tun/packet/segment.h"

using namespace netpas::tun;
using reference::Offloaded;
using reference::Packet;
using reference::Recipe;

namespace {

// All packets of a plan, written in trains of `train`, each behind `headroom` bytes that must stay as they are.
std::vector<Packet> writeAll(const Segmenter& plan, size_t train = 64, size_t headroom = 40) {
    std::vector<Packet> packets;
    for (size_t first = 0; first < plan.count(); first += train) {
        const size_t count = std::min(train, plan.count() - first);
        const size_t size = plan.writtenSize(first, count, headroom);
        Packet buffer(size + 1, 0xee);
        if (plan.write(first, count, headroom, buffer) != size || buffer.back() != 0xee) return {};
        for (size_t i = 0; i < count; ++i) {
            const auto at = static_cast<long>(i * (headroom + plan.packetSize()));
            const auto begin = buffer.begin() + at + static_cast<long>(headroom);
            if (std::any_of(buffer.begin() + at, begin, [](uint8_t byte) { return byte != 0xee; })) return {};
            const bool last = first + i + 1 == plan.count();
            packets.emplace_back(begin, begin + static_cast<long>(last ? plan.lastPacketSize() : plan.packetSize()));
        }
    }
    return packets;
}

std::vector<Packet> split(const Offloaded& frame, size_t maximum) {
    const auto view = parseHeaders(frame.packet);
    if (!view) return {};
    const auto plan = Segmenter::plan(frame.vnet, *view, maximum);
    return plan ? writeAll(*plan) : std::vector<Packet>{};
}

// What a network card would send: built packet by packet, with none of the code under test.
std::vector<Packet> expected(const Recipe& recipe, size_t step) {
    std::vector<Packet> packets;
    for (size_t at = 0; at < recipe.payload.size() || packets.empty(); at += step) {
        Recipe part = recipe;
        const size_t size = std::min(step, recipe.payload.size() - at);
        const bool last = at + size == recipe.payload.size();
        part.payload.assign(recipe.payload.begin() + static_cast<long>(at),
                            recipe.payload.begin() + static_cast<long>(at + size));
        part.sequence = recipe.sequence + static_cast<uint32_t>(at);
        part.identification = static_cast<uint16_t>(recipe.identification + packets.size());
        if (!last) part.flags &= static_cast<uint8_t>(~0x0d);   // FIN, RST, PSH
        if (at > 0) part.flags &= static_cast<uint8_t>(~0x80);  // CWR
        packets.push_back(reference::build(part));
    }
    return packets;
}

std::optional<SegmentError> refusal(const Offloaded& frame, size_t maximum = 1500) {
    const auto view = parseHeaders(frame.packet);
    if (!view) return std::nullopt;
    const auto plan = Segmenter::plan(frame.vnet, *view, maximum);
    if (plan) return std::nullopt;
    return plan.error();
}

Recipe tcp(bool v6, size_t payload) {
    Recipe recipe;
    recipe.v6 = v6;
    recipe.payload = reference::someBytes(payload);
    return recipe;
}

Recipe udp(bool v6, size_t payload) {
    Recipe recipe = tcp(v6, payload);
    recipe.protocol = 17;
    return recipe;
}

}  // namespace

class TestSegment : public QObject {
    Q_OBJECT
private slots:
    void tcpIsSplitAsACardWould_data() {
        QTest::addColumn<bool>("v6");
        QTest::addColumn<int>("payload");
        QTest::addColumn<int>("gsoSize");
        for (const bool v6 : {false, true}) {
            for (const int payload : {0, 1, 1447, 1448, 1449, 2896, 10000, 65000}) {
                for (const int gsoSize : {1448, 1000, 333}) {
                    QTest::addRow("v%d payload %d gso %d", v6 ? 6 : 4, payload, gsoSize) << v6 << payload << gsoSize;
                }
            }
        }
    }
    void tcpIsSplitAsACardWould() {
        QFETCH(bool, v6);
        QFETCH(int, payload);
        QFETCH(int, gsoSize);
        Recipe recipe = tcp(v6, static_cast<size_t>(payload));
        recipe.flags = 0x10 | 0x08 | 0x01 | 0x80;  // ACK, PSH, FIN, CWR
        recipe.sequence = 0xffff'ff00;             // wraps
        recipe.identification = 0xfffe;
        const auto frame = reference::offload(recipe, static_cast<uint16_t>(gsoSize));
        QVERIFY(split(frame, 1520) == expected(recipe, static_cast<size_t>(gsoSize)));
    }
    void udpTrainsAreSplitAsACardWould() {
        for (const bool v6 : {false, true}) {
            for (const size_t payload : {1u, 1199u, 1200u, 1201u, 12000u, 60001u}) {
                const Recipe recipe = udp(v6, payload);
                QVERIFY(split(reference::offload(recipe, 1200), 1500) == expected(recipe, 1200));
            }
        }
    }
    void aSmallerMaximumSplitsTcpFiner() {
        for (const bool v6 : {false, true}) {
            const Recipe recipe = tcp(v6, 20000);
            const size_t step = 1400 - reference::headersOf(recipe);
            QVERIFY(split(reference::offload(recipe, 1448), 1400) == expected(recipe, step));
        }
    }
    void plainTcpThatIsTooBigIsSplit() {
        for (const bool v6 : {false, true}) {
            Recipe recipe = tcp(v6, 1428);
            recipe.flags = 0x19;
            const size_t step = 1400 - reference::headersOf(recipe);
            const auto wanted = expected(recipe, step);
            QCOMPARE(wanted.size(), size_t{2});
            QVERIFY(split({reference::build(recipe), {}}, 1400) == wanted);
            QVERIFY(split(reference::offload(recipe, 0), 1400) == wanted);
        }
    }
    void whatFitsStaysByteForByte() {
        for (const Packet* packet :
             {&reference::tcp4, &reference::udp4, &reference::icmp4, &reference::tooBig6, &reference::extended6}) {
            const auto packets = split({*packet, {}}, 1500);
            QCOMPARE(packets.size(), size_t{1});
            QVERIFY(packets[0] == *packet);
        }
    }
    void missingChecksumsAreCompleted() {
        for (const bool v6 : {false, true}) {
            for (const size_t payload : {0u, 1u, 2u, 999u}) {
                for (const Recipe& recipe : {tcp(v6, payload), udp(v6, payload)}) {
                    const auto packets = split(reference::offload(recipe, 0), 1500);
                    QCOMPARE(packets.size(), size_t{1});
                    QVERIFY(packets[0] == reference::build(recipe));
                }
            }
        }
    }
    void whatCannotBeSplitSaysThatItExceeds() {
        Recipe syn = tcp(false, 1400);
        syn.flags = 0x02;
        for (const Offloaded& frame :
             {Offloaded{reference::build(udp(false, 1472)), {}}, reference::offload(udp(true, 4000), 1420),
              Offloaded{reference::build(syn), {}}}) {
            const auto view = *parseHeaders(frame.packet);
            const auto plan = Segmenter::plan(frame.vnet, view, 1400);
            QVERIFY(plan && plan->exceeds());
            const auto larger = Segmenter::plan(frame.vnet, view, 1500);
            QVERIFY(larger && !larger->exceeds());
            QCOMPARE(larger->count(), plan->count());
        }
    }
    void aDamagedPacketIsNotMadeSound() {
        Packet packet = reference::build(tcp(false, 1448));
        packet.back() ^= 1;
        const auto view = *parseHeaders(packet);
        const auto plan = Segmenter::plan({}, view, 1400);
        QVERIFY(plan && plan->exceeds());
        QVERIFY(writeAll(*plan) == std::vector<Packet>(1, packet));
    }
    void urgentPointersCountFromTheirOwnSegment() {
        Recipe recipe = tcp(false, 3000);
        recipe.flags = 0x30;  // ACK, URG
        recipe.urgent = 1500;
        auto wanted = expected(recipe, 1000);
        for (size_t i = 0; i < 3; ++i) {
            reference::put16(wanted[i], 38, i == 0 ? 1500 : i == 1 ? 500 : 0);
            if (i == 2) wanted[i][33] = 0x10;
            reference::seal(wanted[i]);
        }
        QVERIFY(split(reference::offload(recipe, 1000), 1500) == wanted);
        // Urgent data that ends with a segment concerns no later one.
        recipe.urgent = 1000;
        wanted = expected(recipe, 1000);
        for (size_t i = 1; i < 3; ++i) {
            reference::put16(wanted[i], 38, 0);
            wanted[i][33] = 0x10;
            reference::seal(wanted[i]);
        }
        QVERIFY(split(reference::offload(recipe, 1000), 1500) == wanted);
    }
    void extensionHeadersAreRepeated() {
        Packet packet(reference::extended6.begin(), reference::extended6.end() - 3);
        const Packet payload = reference::someBytes(2500);
        packet.insert(packet.end(), payload.begin(), payload.end());
        reference::put16(packet, 4, static_cast<unsigned>(packet.size() - 40));
        reference::put16(packet, 60, 2508);
        VnetHeader vnet{vnet_flag::needsChecksum, vnet_gso::udp, 64, 1000, 56, 6};
        const auto packets = split({packet, vnet}, 1500);
        QCOMPARE(packets.size(), size_t{3});
        Packet joined;
        for (const Packet& one : packets) {
            const auto view = parseHeaders(one);
            QVERIFY(view && transportChecksumHolds(*view));
            QVERIFY(std::equal(one.begin() + 40, one.begin() + 56, reference::extended6.begin() + 40));
            joined.insert(joined.end(), one.begin() + 64, one.end());
        }
        QVERIFY(joined == payload);
    }
    void aPrefixStandsInFrontOfEachPacket() {
        const Recipe recipe = tcp(false, 10000);
        const auto frame = reference::offload(recipe, 1000);
        const auto view = *parseHeaders(frame.packet);
        const auto plan = Segmenter::plan(frame.vnet, view, 1500);
        const Packet prefix = reference::someBytes(44, 9);
        const auto wanted = expected(recipe, 1000);
        // The middle of the frame, and its end.
        for (const size_t first : {size_t{3}, size_t{7}}) {
            Packet buffer(plan->writtenSize(first, 3, prefix.size()));
            QCOMPARE(plan->write(first, 3, prefix, buffer), buffer.size());
            Packet train;
            for (size_t i = first; i < first + 3; ++i) {
                train.insert(train.end(), prefix.begin(), prefix.end());
                train.insert(train.end(), wanted[i].begin(), wanted[i].end());
            }
            QVERIFY(buffer == train);
        }
        QCOMPARE(plan->packetBytes(0, 10), 10 * size_t{1052});
        QCOMPARE(plan->packetBytes(4, 0), size_t{0});
    }
    void contradictingFramesAreRefusedByName() {
        const auto good = reference::offload(tcp(false, 3000), 1000);
        QVERIFY(!refusal(good));
        const auto bad = [&](auto change) {
            Offloaded frame = good;
            change(frame.vnet);
            return refusal(frame);
        };
        QCOMPARE(bad([](VnetHeader& h) { h.gsoType = 3; }), std::optional(SegmentError::UnknownGsoType));
        QCOMPARE(bad([](VnetHeader& h) { h.gsoType = vnet_gso::tcp6; }),
                 std::optional(SegmentError::GsoTypeContradictsPacket));
        QCOMPARE(bad([](VnetHeader& h) { h.gsoType = vnet_gso::udp; }),
                 std::optional(SegmentError::GsoTypeContradictsPacket));
        QCOMPARE(bad([](VnetHeader& h) { h.gsoSize = 0; }), std::optional(SegmentError::GsoSizeZero));
        QCOMPARE(bad([](VnetHeader& h) { h.flags = 0; }), std::optional(SegmentError::GsoWithoutChecksum));
        QCOMPARE(bad([](VnetHeader& h) { h.checksumStart = 65000; }),
                 std::optional(SegmentError::ChecksumBeyondPacket));
        QCOMPARE(bad([](VnetHeader& h) { h.checksumOffset = 0xffff; }),
                 std::optional(SegmentError::ChecksumBeyondPacket));
        QCOMPARE(bad([](VnetHeader& h) { h.checksumOffset = 6; }), std::optional(SegmentError::ChecksumElsewhere));
        QCOMPARE(bad([](VnetHeader& h) { h.checksumStart = 24; }), std::optional(SegmentError::ChecksumElsewhere));
        QCOMPARE(refusal(good, 59), std::optional(SegmentError::NoRoomForPayload));
        QVERIFY(!refusal(good, 60));
        Recipe syn = tcp(true, 3000);
        syn.flags = 0x12;
        QCOMPARE(refusal(reference::offload(syn, 1000)), std::optional(SegmentError::SynInTrain));
    }
    void fragmentsAndSourceRoutesAreNoTrains() {
        auto fragment = reference::offload(udp(false, 3000), 1000);
        reference::put16(fragment.packet, 6, 0x0001);  // the last fragment, at 8
        QCOMPARE(refusal(fragment), std::optional(SegmentError::GsoTypeContradictsPacket));
        // Routing header with one segment left, then UDP.
        Packet packet(reference::udp6.begin(), reference::udp6.begin() + 40);
        packet[6] = 43;
        packet.insert(packet.end(), {17, 0, 0, 1, 0, 0, 0, 0, 0x13, 0x8c, 0x13, 0x8e, 0, 28, 0, 0});
        packet.resize(packet.size() + 20);
        reference::put16(packet, 4, static_cast<unsigned>(packet.size() - 40));
        const VnetHeader vnet{vnet_flag::needsChecksum, vnet_gso::udp, 56, 10, 48, 6};
        QCOMPARE(refusal({packet, vnet}), std::optional(SegmentError::SourceRouted));
    }
};

QTEST_APPLESS_MAIN(TestSegment)
#include "test_segment.moc"
