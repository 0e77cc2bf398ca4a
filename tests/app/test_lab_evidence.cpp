// The lab's own reader of captured packets: frames as the kernel gives them become packets as a wire carries them, and paid
// packets written by the product are understood by code that shares nothing with it.
#include <QTest>

#include <arpa/inet.h>

#include "app/lab/evidence.h"
#include "app/lab/frame_splitter.h"
#include "core/price_code.h"
#include "core/wire/accounting_header.h"
#include "core/wire/shim.h"

using namespace netpas;
using namespace netpas::lab;

namespace {

using Bytes = std::vector<uint8_t>;

void put16(Bytes& bytes, size_t at, size_t value) {
    bytes[at] = static_cast<uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<uint8_t>(value);
}
uint32_t get16(const Bytes& bytes, size_t at) { return uint32_t{bytes[at]} << 8 | bytes[at + 1]; }

uint32_t onesSum(const Bytes& bytes, size_t from, size_t to, uint32_t sum) {
    for (size_t i = from; i < to; i += 2) sum += uint32_t{bytes[i]} << 8 | (i + 1 < to ? bytes[i + 1] : 0U);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

// Ethernet, IPv4 or IPv6, then `transport` as it stands.
Bytes frameOf(bool ipv6, uint8_t protocol, const Bytes& transport) {
    Bytes frame(14, 0);
    put16(frame, 12, ipv6 ? 0x86dd : 0x0800);
    Bytes ip(ipv6 ? 40 : 20, 0);
    if (ipv6) {
        ip[0] = 0x60;
        put16(ip, 4, transport.size());
        ip[6] = protocol;
        ip[7] = 64;
        for (size_t i = 8; i < 40; ++i) ip[i] = static_cast<uint8_t>(i);
    } else {
        ip[0] = 0x45;
        put16(ip, 2, 20 + transport.size());
        put16(ip, 4, 0xfffe);
        ip[8] = 64;
        ip[9] = protocol;
        for (size_t i = 12; i < 20; ++i) ip[i] = static_cast<uint8_t>(i);
        put16(ip, 10, ~onesSum(ip, 0, 20, 0) & 0xffff);
    }
    frame.insert(frame.end(), ip.begin(), ip.end());
    frame.insert(frame.end(), transport.begin(), transport.end());
    return frame;
}

Bytes udp(uint16_t from, uint16_t to, const Bytes& payload) {
    Bytes bytes(8, 0);
    put16(bytes, 0, from);
    put16(bytes, 2, to);
    put16(bytes, 4, 8 + payload.size());
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return bytes;
}

Bytes tcp(uint32_t sequence, uint8_t flags, const Bytes& payload) {
    Bytes bytes(20, 0);
    put16(bytes, 0, 1000);
    put16(bytes, 2, 2000);
    put16(bytes, 4, sequence >> 16);
    put16(bytes, 6, sequence & 0xffff);
    bytes[12] = 0x50;
    bytes[13] = flags;
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return bytes;
}

Bytes counting(size_t size) {
    Bytes bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 13);
    return bytes;
}

// The transport checksum over pseudo header and segment comes to all ones.
bool transportChecksumHolds(const Bytes& frame) {
    const bool ipv6 = get16(frame, 12) == 0x86dd;
    const size_t transport = 14 + (ipv6 ? 40 : 20);
    uint32_t sum = ipv6 ? onesSum(frame, 22, 54, 0) : onesSum(frame, 26, 34, 0);
    sum += ipv6 ? frame[20] : frame[23];
    sum += static_cast<uint32_t>(frame.size() - transport);
    return onesSum(frame, transport, frame.size(), sum) == 0xffff;
}

OffloadInfo offloadOf(bool ipv6, uint8_t type, uint16_t size, uint16_t checksumOffset) {
    OffloadInfo info;
    info.flags = OffloadInfo::flagNeedsChecksum;
    info.gsoType = type;
    info.gsoSize = size;
    info.checksumStart = ipv6 ? 54 : 34;
    info.checksumOffset = checksumOffset;
    return info;
}

std::vector<Bytes> split(Bytes frame, const OffloadInfo& info) {
    std::vector<Bytes> packets;
    splitFrame(frame, info,
               [&](std::span<const uint8_t> packet) { packets.emplace_back(packet.begin(), packet.end()); });
    return packets;
}

constexpr uint8_t gsoTcp4 = 1;
constexpr uint8_t gsoTcp6 = 4;

Bytes innerPacket(bool ipv6, size_t payload) {
    const Bytes frame = frameOf(ipv6, 17, udp(7, 8, counting(payload)));
    return {frame.begin() + 14, frame.end()};
}

}  // namespace

class TestLabEvidence : public QObject {
    Q_OBJECT
private slots:
    void udpTrainBecomesItsDatagrams_data() { families(); }
    void udpTrainBecomesItsDatagrams();
    void tcpSuperframeBecomesItsSegments_data() { families(); }
    void tcpSuperframeBecomesItsSegments();
    void plainFrameGetsItsChecksum();
    void contradictoryFramesAreReportedAndKept();
    void paidPacketIsUnderstood_data();
    void paidPacketIsUnderstood();
    void exitsAreThoseOfTheHopBefore();
    void garbageIsNoPaidPacket();

private:
    static void families() {
        QTest::addColumn<bool>("ipv6");
        QTest::newRow("ipv4") << false;
        QTest::newRow("ipv6") << true;
    }
};

void TestLabEvidence::udpTrainBecomesItsDatagrams() {
    QFETCH(bool, ipv6);
    const Bytes payload = counting(250);
    const auto packets = split(frameOf(ipv6, 17, udp(5, 6, payload)), offloadOf(ipv6, OffloadInfo::gsoUdp, 100, 6));
    QCOMPARE(packets.size(), size_t{3});
    Bytes joined;
    const size_t head = 14 + (ipv6 ? 40 : 20) + 8;
    for (const Bytes& packet : packets) {
        const size_t size = packet.size() - head;
        QCOMPARE(size, &packet == &packets.back() ? size_t{50} : size_t{100});
        QCOMPARE(get16(packet, head - 4), 8 + size);
        QVERIFY(transportChecksumHolds(packet));
        if (!ipv6) QCOMPARE(onesSum(packet, 14, 34, 0), 0xffffU);
        joined.insert(joined.end(), packet.begin() + static_cast<std::ptrdiff_t>(head), packet.end());
    }
    QCOMPARE(joined, payload);
}

void TestLabEvidence::tcpSuperframeBecomesItsSegments() {
    QFETCH(bool, ipv6);
    constexpr uint8_t ackPushFin = 0x19;
    const auto packets = split(frameOf(ipv6, 6, tcp(0xffffff00U, ackPushFin, counting(1000))),
                               offloadOf(ipv6, ipv6 ? gsoTcp6 : gsoTcp4, 400, 16));
    QCOMPARE(packets.size(), size_t{3});
    const size_t transport = 14 + (ipv6 ? 40 : 20);
    uint32_t sequence = 0xffffff00U;
    for (size_t i = 0; i < packets.size(); ++i) {
        QCOMPARE(get16(packets[i], transport + 4) << 16 | get16(packets[i], transport + 6), sequence);
        QCOMPARE(packets[i][transport + 13], i == 2 ? ackPushFin : uint8_t{0x10});
        QVERIFY(transportChecksumHolds(packets[i]));
        if (!ipv6) QCOMPARE(get16(packets[i], 18), (0xfffeU + i) & 0xffff);
        sequence += static_cast<uint32_t>(packets[i].size() - transport - 20);
    }
    QCOMPARE(sequence, 0xffffff00U + 1000);
}

void TestLabEvidence::plainFrameGetsItsChecksum() {
    Bytes frame = frameOf(false, 17, udp(5, 6, counting(33)));
    // The kernel leaves the pseudo header's sum in the field.
    const size_t length = frame.size() - 34;
    put16(frame, 40, onesSum(frame, 26, 34, 17 + static_cast<uint32_t>(length)));
    const auto packets = split(frame, offloadOf(false, OffloadInfo::gsoNone, 0, 6));
    QCOMPARE(packets.size(), size_t{1});
    QVERIFY(transportChecksumHolds(packets[0]));
}

void TestLabEvidence::contradictoryFramesAreReportedAndKept() {
    Bytes frame = frameOf(false, 17, udp(5, 6, counting(10)));
    OffloadInfo beyond = offloadOf(false, OffloadInfo::gsoNone, 0, 6);
    beyond.checksumStart = 60000;
    int calls = 0;
    QVERIFY(!splitFrame(frame, beyond, [&](auto) { ++calls; }));
    Bytes shortFrame(20, 0);
    QVERIFY(!splitFrame(shortFrame, offloadOf(false, gsoTcp4, 100, 16), [&](auto) { ++calls; }));
    Bytes cut = frameOf(true, 6, tcp(1, 0x10, counting(100)));
    cut.resize(60);
    QVERIFY(!splitFrame(cut, offloadOf(true, gsoTcp6, 10, 16), [&](auto) { ++calls; }));
    QCOMPARE(calls, 3);
}

void TestLabEvidence::paidPacketIsUnderstood_data() {
    QTest::addColumn<bool>("ipv6");
    QTest::addColumn<int>("hops");
    QTest::addColumn<bool>("customer");
    for (const int hops : {1, 2, 3, 4, 7, 16}) {
        for (const bool ipv6 : {false, true}) {
            for (const bool customer : {false, true}) {
                QTest::addRow("%d hops, IPv%d, %s", hops, ipv6 ? 6 : 4, customer ? "customer" : "transit")
                    << ipv6 << hops << customer;
            }
        }
    }
}

void TestLabEvidence::paidPacketIsUnderstood() {
    QFETCH(bool, ipv6);
    QFETCH(int, hops);
    QFETCH(bool, customer);
    std::vector<HopBlock> blocks;
    uint64_t total = 0;
    for (int i = 0; i < hops; ++i) {
        const auto code = PriceCode::fromCode(static_cast<uint8_t>(i * 17));
        total += static_cast<uint64_t>(code.value().eighths());
        blocks.push_back(
            {IspId(static_cast<uint16_t>(1000 + i)), ServiceClass(static_cast<uint8_t>(i + 1)), code, ExitPoint(0)});
    }
    const auto header = AccountingHeader::make(blocks);
    QVERIFY(header.has_value());
    Bytes shim(customer ? 24 : 4, 0);
    shim[0] = customer ? 0x11 : 0x12;
    if (customer) {
        const CustomerShim fields{3, 100, SessionKeyId(0xdeadbeef), 0x0123456789abcdefULL, 42};
        encodeCustomerShim(fields, std::span<uint8_t, customerShimSize>(shim.data(), customerShimSize));
    }
    Bytes payload = shim;
    Bytes encoded(AccountingHeader::paddedSize(static_cast<size_t>(hops)));
    QCOMPARE(header->encode(encoded), encoded.size());
    payload.insert(payload.end(), encoded.begin(), encoded.end());
    const Bytes inner = innerPacket(ipv6, 77);
    payload.insert(payload.end(), inner.begin(), inner.end());
    const auto packet = readPaidPacket(frameOf(ipv6, 17, udp(40000, 46721, payload)));
    QVERIFY(packet.has_value());
    QCOMPARE(packet->headerBytes, encoded.size());
    QCOMPARE(packet->innerBytes, inner.size());
    QCOMPARE(int{packet->innerVersion}, ipv6 ? 6 : 4);
    QCOMPARE(packet->hops.size(), static_cast<size_t>(hops));
    QCOMPARE(packet->totalEighths(), total);
    for (int i = 0; i < hops; ++i) {
        QCOMPARE(int{packet->hops[static_cast<size_t>(i)].isp}, 1000 + i);
        QCOMPARE(int{packet->hops[static_cast<size_t>(i)].serviceClass}, i + 1);
    }
    if (customer) {
        QCOMPARE(packet->keyId, 0xdeadbeefU);
        QCOMPARE(packet->sequence, uint64_t{0x0123456789abcdefULL});
        QCOMPARE(int{packet->burst}, 3);
    }
}

void TestLabEvidence::exitsAreThoseOfTheHopBefore() {
    const std::vector<HopBlock> blocks{{IspId(1), ServiceClass(1), PriceCode::fromCode(0), ExitPoint(513)},
                                       {IspId(2), ServiceClass(2), PriceCode::fromCode(9), ExitPoint(1023)},
                                       {IspId(3), ServiceClass(3), PriceCode::fromCode(255), ExitPoint(0)}};
    const auto header = AccountingHeader::make(blocks);
    QVERIFY(header.has_value());
    Bytes payload(4 + AccountingHeader::paddedSize(3), 0);
    payload[0] = 0x12;
    QCOMPARE(header->encode(std::span(payload).subspan(4)), size_t{16});
    const Bytes inner = innerPacket(false, 5);
    payload.insert(payload.end(), inner.begin(), inner.end());
    const auto packet = readPaidPacket(frameOf(false, 17, udp(46721, 46721, payload)));
    QVERIFY(packet.has_value());
    QCOMPARE(int{packet->hops[0].exit}, 513);
    QCOMPARE(int{packet->hops[1].exit}, 1023);
    QCOMPARE(packet->hops[2].priceEighths, static_cast<uint64_t>(PriceCode::fromCode(255).value().eighths()));
}

void TestLabEvidence::garbageIsNoPaidPacket() {
    QVERIFY(!readPaidPacket({}));
    QVERIFY(!readPaidPacket(frameOf(false, 17, udp(1, 2, counting(100)))));
    QVERIFY(!readPaidPacket(frameOf(false, 17, udp(1, 46721, counting(3)))));
    QVERIFY(!readPaidPacket(frameOf(true, 17, udp(1, 46721, counting(200)))));
    for (size_t size = 0; size < 120; ++size) {
        Bytes payload(size, 0x11);
        QVERIFY(!readPaidPacket(frameOf(false, 17, udp(1, 46721, payload))));
    }
}

QTEST_APPLESS_MAIN(TestLabEvidence)
#include "test_lab_evidence.moc"
