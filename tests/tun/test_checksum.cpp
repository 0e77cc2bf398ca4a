#include <QtTest>

#include "tests/tun/reference_packets.h"
#include "tun/packet/checksum.h"
#include "tun/packet/ip_packet.h"

using namespace netpas::tun;
using reference::Packet;

namespace {

uint16_t checksumOf(InternetSum sum) {
    Packet field(2);
    sum.storeChecksum(field.data());
    return reference::get16(field, 0);
}

}  // namespace

class TestChecksum : public QObject {
    Q_OBJECT
private slots:
    void theExampleOfRfc1071() {
        const Packet bytes = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
        QCOMPARE(int{checksumOf(InternetSum().add(bytes))}, 0xffff - 0xddf2);
    }
    void everyLengthAndAlignmentAgreesWithTheSlowSum() {
        const Packet bytes = reference::someBytes(2100);
        for (const size_t offset : {0u, 1u, 3u, 7u}) {
            for (size_t size = 0; size + offset <= 700; ++size) {
                const auto part = std::span(bytes).subspan(offset, size);
                Packet copy(size + 2, 0xee);
                QCOMPARE(checksumOf(InternetSum().add(part)), reference::slowChecksum(part));
                QCOMPARE(checksumOf(InternetSum().addCopying(part, copy.data() + 1)), reference::slowChecksum(part));
                QVERIFY(std::equal(part.begin(), part.end(), copy.begin() + 1));
                QVERIFY(copy.front() == 0xee && copy.back() == 0xee);
            }
        }
    }
    void noCarryIsLost() {
        const Packet ones(65535, 0xff);
        QCOMPARE(checksumOf(InternetSum().add(ones)), reference::slowChecksum(ones));
        InternetSum sum;
        for (int i = 0; i < 1000; ++i) sum.add(std::span(ones).first(65534));
        QCOMPARE(int{checksumOf(sum)}, 0);
    }
    void piecesAndNumbersAddUp() {
        const Packet bytes = reference::someBytes(302);
        InternetSum sum;
        sum.add(std::span(bytes).first(100)).add(InternetSum().add(std::span(bytes).subspan(100, 100)));
        sum.addStored(bytes.data() + 200);
        sum.addNumber16(reference::get16(bytes, 202)).addNumber32(reference::get32(bytes, 204));
        sum.add(std::span(bytes).subspan(208));
        QCOMPARE(checksumOf(sum), reference::slowChecksum(bytes));
    }
    void referencePacketsVerify() {
        for (const Packet* packet :
             {&reference::tcp4, &reference::udp4, &reference::icmp4, &reference::tooBig4, &reference::tcp6,
              &reference::udp6, &reference::extended6, &reference::icmp6, &reference::tooBig6}) {
            const auto view = parseHeaders(*packet);
            QVERIFY(view && transportChecksumHolds(*view));
            if (view->version == 4) QVERIFY(ipv4HeaderChecksumHolds(std::span(*packet).first(20)));
        }
    }
    void everyFlippedBitIsNoticed() {
        for (const Packet* packet : {&reference::tcp4, &reference::udp6}) {
            const size_t l4 = parseHeaders(*packet)->l4Offset;
            for (size_t bit = l4 * 8; bit < packet->size() * 8; ++bit) {
                Packet damaged = *packet;
                damaged[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
                const auto view = parseHeaders(damaged);
                QVERIFY(!view || !transportChecksumHolds(*view));
            }
        }
        Packet header(reference::tcp4.begin(), reference::tcp4.begin() + 20);
        header[8] ^= 1;
        QVERIFY(!ipv4HeaderChecksumHolds(header));
        storeIpv4HeaderChecksum(header);
        QVERIFY(ipv4HeaderChecksumHolds(header));
    }
    void udpWithoutChecksumIsSoundOverIpv4Only() {
        Packet four = reference::udp4;
        reference::put16(four, 26, 0);
        QVERIFY(transportChecksumHolds(*parseHeaders(four)));
        Packet six = reference::udp6;
        reference::put16(six, 46, 0);
        QVERIFY(!transportChecksumHolds(*parseHeaders(six)));
    }
    void aUdpChecksumOfZeroIsSentAsOnes() {
        // The two last bytes are chosen so that everything sums up to 0xffff.
        reference::Recipe recipe;
        recipe.protocol = 17;
        recipe.payload = {0, 0};
        Packet packet = reference::build(recipe);
        const uint16_t checksum = reference::get16(packet, 26);
        reference::put16(packet, 28, checksum);
        reference::put16(packet, 26, 0);
        const auto view = *parseHeaders(packet);
        Packet field(2);
        pseudoHeaderSum(view, 10).add(std::span(packet).subspan(20)).storeUdpChecksum(field.data());
        QCOMPARE(int{reference::get16(field, 0)}, 0xffff);
        reference::put16(packet, 26, 0xffff);
        QVERIFY(transportChecksumHolds(*parseHeaders(packet)));
    }
    void adjustingEqualsComputingAnew() {
        Packet header(reference::tcp4.begin(), reference::tcp4.begin() + 20);
        for (unsigned value : {0x0000u, 0x0001u, 0x1c46u, 0x7fffu, 0x8000u, 0xfffeu, 0xffffu}) {
            const uint16_t before = reference::get16(header, 4);
            const uint16_t adjusted =
                adjustChecksum(reference::get16(header, 10), before, static_cast<uint16_t>(value));
            reference::put16(header, 4, value);
            storeIpv4HeaderChecksum(header);
            QCOMPARE(adjusted, reference::get16(header, 10));
        }
    }
    void theBuilderOfTheTestsBuildsTheReferencePackets() {
        reference::Recipe recipe;
        recipe.sequence = 0x01020304;
        recipe.flags = 0x18;
        recipe.identification = 0x1c46;
        recipe.payload = {'a', 'b', 'c', 'd', 'e'};
        QVERIFY(reference::build(recipe) == reference::tcp4);
        recipe = {};
        recipe.v6 = true;
        recipe.sequence = 1;
        recipe.acknowledgement = 2;
        recipe.options = {};
        recipe.payload = {'a', 'b'};
        QVERIFY(reference::build(recipe) == reference::tcp6);
    }
};

QTEST_APPLESS_MAIN(TestChecksum)
#include "test_checksum.moc"
