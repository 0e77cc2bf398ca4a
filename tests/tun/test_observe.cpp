// What a packet is known by at every hop, and what is remembered of it.
#include <QtTest>

#include "tun/observe/packet_mark.h"
#include "tun/observe/sightings.h"

using namespace netpas;
using namespace netpas::tun;

namespace {

// UDP over IPv4, 10.0.0.1 to 10.0.0.2.
Bytes packet4(uint8_t last = 'x', size_t payload = 60) {
    Bytes out(28 + payload, 'p');
    const Bytes header{0x45, 0, 0,  0, 0, 1, 0x40, 0,    64,   17,   0xaa, 0xbb, 10,   0,
                       0,    1, 10, 0, 0, 2, 0x0f, 0xa0, 0x0f, 0xa1, 0,    0,    0xcc, 0xdd};
    std::copy(header.begin(), header.end(), out.begin());
    store16(out.data() + 2, static_cast<uint16_t>(out.size()));
    store16(out.data() + 24, static_cast<uint16_t>(8 + payload));
    out[28] = last;
    return out;
}

// TCP over IPv6.
Bytes packet6() {
    Bytes out(40 + 20 + 50, 't');
    out[0] = 0x60;
    store16(out.data() + 4, static_cast<uint16_t>(out.size() - 40));
    out[6] = 6;
    out[7] = 64;
    return out;
}

uint64_t hashOf(const Bytes& packet) {
    const auto mark = markOf(packet);
    return mark ? mark->hash : 0;
}

}  // namespace

class TestObserve : public QObject {
    Q_OBJECT

private slots:
    void addressesAreRead() {
        const auto mark = markOf(packet4());
        QVERIFY(mark.has_value());
        QCOMPARE(mark->source.toString(), std::string("10.0.0.1"));
        QCOMPARE(mark->destination.toString(), std::string("10.0.0.2"));
        QVERIFY(flowNumber(mark->source, mark->destination) != flowNumber(mark->destination, mark->source));
    }

    void whatHopsChangeChangesNothing() {
        Bytes other = packet4();
        other[1] = 0x2e;            // traffic class
        other[8] = 3;               // TTL
        other[10] = other[11] = 0;  // checksums
        other[26] = other[27] = 9;
        QCOMPARE(hashOf(other), hashOf(packet4()));
        Bytes later = packet6();
        later[7] = 3;
        later[40 + 16] ^= 1;
        QCOMPARE(hashOf(later), hashOf(packet6()));
    }

    void everythingElseDoes() {
        for (const size_t at : {size_t{9}, size_t{15}, size_t{19}, size_t{21}, size_t{23}, size_t{28}, size_t{67}}) {
            Bytes other = packet4();
            other[at] ^= 1;
            QVERIFY2(hashOf(other) != hashOf(packet4()), qPrintable(QString::number(at)));
        }
        Bytes behind = packet4();
        behind[68] ^= 1;  // the 41st byte
        QCOMPARE(hashOf(behind), hashOf(packet4()));
        Bytes acknowledges = packet6();
        acknowledges[40 + 8] ^= 1;
        QVERIFY(hashOf(acknowledges) != hashOf(packet6()));
    }

    void theFirstBytesAreEnough() {
        const Bytes whole = packet4('x', 1400);
        QCOMPARE(hashOf(Bytes(whole.begin(), whole.begin() + markedBytes)), hashOf(whole));
        for (size_t size = 0; size < 68; ++size)
            QVERIFY(!markOf(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))));
        // A short one is padded by the link.
        Bytes small = packet4('x', 4), padded = small;
        padded.resize(46, 0);
        QCOMPARE(hashOf(padded), hashOf(small));
    }

    void whatIsNoWholePacketIsNone() {
        Bytes fragment = packet4();
        store16(fragment.data() + 6, 100);
        QVERIFY(!markOf(fragment));
        Bytes six = packet6();
        six[6] = 44;
        QVERIFY(!markOf(six));
        Bytes header = packet4();
        header[0] = 0x44;
        QVERIFY(!markOf(header));
        header[0] = 0x15;
        QVERIFY(!markOf(header));
    }

    void aPacketOnItsWayOutIsTheSame() {
        Sightings seen;
        seen.see(1, {7, 200}, false);
        seen.see(1, {7, 100}, true);
        QCOMPARE(seen.timeOf(7), std::optional<uint64_t>(100));
        QCOMPARE(seen.of(1, 0).size(), size_t{1});
        QCOMPARE(seen.of(1, 101).size(), size_t{0});
        QCOMPARE(seen.of(2, 0).size(), size_t{0});
    }

    void copiesAreNotChosen() {
        Sightings seen;
        seen.see(1, {7, 100}, true);
        seen.see(1, {7, 150}, true);
        QVERIFY(seen.of(1, 0).empty());
        QCOMPARE(seen.timeOf(7), std::optional<uint64_t>(100));
    }

    void onlyTheLastAreRemembered() {
        Sightings seen(8);
        for (uint64_t i = 0; i < 100; ++i) seen.see(1, {i, i}, true);
        const auto left = seen.of(1, 0);
        QCOMPARE(left.size(), size_t{8});
        QCOMPARE(left.front().hash, uint64_t{92});
        QVERIFY(!seen.timeOf(91) && seen.timeOf(99));
    }
};

QTEST_APPLESS_MAIN(TestObserve)
#include "test_observe.moc"
