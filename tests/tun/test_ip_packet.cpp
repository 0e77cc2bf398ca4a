#include <QtTest>

#include "tests/tun/reference_packets.h"
#include "tun/packet/checksum.h"
#include "tun/packet/ip_packet.h"

using namespace netpas;
using namespace netpas::tun;
using reference::Packet;

namespace {

FlowKey key(const char* src, uint16_t srcPort, const char* dst, uint16_t dstPort, uint8_t protocol) {
    return {*IpAddress::parse(src), *IpAddress::parse(dst), protocol, srcPort, dstPort};
}

// The reference packet with a change.
template <typename Change>
Packet changed(Packet packet, Change change) {
    change(packet);
    return packet;
}

std::optional<PacketError> refusal(const Packet& packet) {
    const auto parsed = parsePacket(packet);
    if (parsed) return std::nullopt;
    return parsed.error();
}

// IPv6 with the given bytes behind the fixed header.
Packet ipv6(uint8_t next, const Packet& rest) {
    Packet packet(40 + rest.size());
    std::copy_n(reference::tcp6.begin(), 40, packet.begin());
    std::copy(rest.begin(), rest.end(), packet.begin() + 40);
    packet[6] = next;
    reference::put16(packet, 4, static_cast<unsigned>(rest.size()));
    return packet;
}

}  // namespace

class TestIpPacket : public QObject {
    Q_OBJECT
private slots:
    void tcpOverIpv4IsReadFieldByField() {
        const auto parsed = parsePacket(reference::tcp4);
        QVERIFY(parsed);
        QVERIFY(parsed->flow == key("192.0.2.1", 40000, "198.51.100.2", 443, 6));
        QCOMPARE(int{parsed->version}, 4);
        QCOMPARE(parsed->totalLength, 57u);
        QCOMPARE(int{parsed->l4Offset}, 20);
        QCOMPARE(int{parsed->l4HeaderLength}, 32);
        QCOMPARE(parsed->payloadLength(), size_t{5});
        QCOMPARE(parsed->fragmentId, 0x1c46u);
        QVERIFY(parsed->dontFragment && !parsed->fragment && !parsed->extensions && parsed->wholeTcp());
        QVERIFY(!parsed->quoted);
    }
    void udpAndIcmpAreReadInBothFamilies() {
        const auto udp4 = parsePacket(reference::udp4);
        QVERIFY(udp4 && udp4->flow == key("192.0.2.1", 5004, "198.51.100.2", 5006, 17));
        QVERIFY(!udp4->dontFragment);
        QCOMPARE(int{udp4->trafficClass()}, 0xb8);
        const auto udp6 = parsePacket(reference::udp6);
        QVERIFY(udp6 && udp6->flow == key("2001:db8::1", 5004, "2001:db8:0:1::2", 5006, 17));
        QCOMPARE(int{udp6->trafficClass()}, 0xb8);
        QVERIFY(udp6->dontFragment);
        const auto icmp4 = parsePacket(reference::icmp4);
        QVERIFY(icmp4 && icmp4->flow == key("192.0.2.1", 0, "198.51.100.2", 0, 1) && !icmp4->quoted);
        const auto icmp6 = parsePacket(reference::icmp6);
        QVERIFY(icmp6 && icmp6->flow == key("2001:db8::1", 0, "2001:db8:0:1::2", 0, 58) && !icmp6->quoted);
        const auto tcp6 = parsePacket(reference::tcp6);
        QVERIFY(tcp6 && tcp6->flow == key("2001:db8::1", 40000, "2001:db8:0:1::2", 443, 6));
    }
    void extensionHeadersArePassedOver() {
        const auto parsed = parsePacket(reference::extended6);
        QVERIFY(parsed && parsed->extensions);
        QCOMPARE(int{parsed->l4Offset}, 56);
        QVERIFY(parsed->flow == key("2001:db8::1", 5004, "2001:db8:0:1::2", 5006, 17));
        // Authentication header: 24 bytes, then UDP.
        Packet rest = {17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        rest.insert(rest.end(), {0x13, 0x8c, 0x13, 0x8e, 0, 8, 0, 0});
        const auto authenticated = parsePacket(ipv6(51, rest));
        QVERIFY(authenticated);
        QCOMPARE(int{authenticated->l4Offset}, 64);
        QCOMPARE(int{authenticated->sourcePort}, 5004);
        // No next header, and a protocol that we know nothing of.
        QCOMPARE(int{parsePacket(ipv6(59, {}))->protocol}, 59);
        QCOMPARE(int{parsePacket(ipv6(132, {1, 2, 3}))->l4HeaderLength}, 0);
    }
    void sourceRoutesAreNoticed() {
        // Routing header with one segment left, then UDP.
        Packet rest = {17, 2, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        rest.insert(rest.end(), {0x13, 0x8c, 0x13, 0x8e, 0, 8, 0, 0});
        QVERIFY(parsePacket(ipv6(43, rest))->sourceRouted);
        rest[3] = 0;
        QVERIFY(!parsePacket(ipv6(43, rest))->sourceRouted);
    }
    void ipv4FragmentsKeepTheirPortsInTheFirstOnly() {
        auto first = changed(reference::udp4, [](Packet& p) {
            p.resize(36);  // 16 bytes of payload, 8 of them header
            reference::put16(p, 2, 36);
            reference::put16(p, 6, 0x2000);
            reference::put16(p, 24, 1000);  // of the whole datagram
        });
        const auto one = parsePacket(first);
        QVERIFY(one && one->fragment && one->firstFragment && !one->wholeUdp());
        QCOMPARE(int{one->flow.dstPort}, 5006);
        QCOMPARE(one->fragmentId, 7u);
        reference::put16(first, 6, 2);  // the last one, at 16
        const auto last = parsePacket(first);
        QVERIFY(last && last->fragment && !last->firstFragment);
        QCOMPARE(int{last->fragmentOffset}, 16);
        QVERIFY(last->flow == key("192.0.2.1", 0, "198.51.100.2", 0, 17));
        QCOMPARE(int{last->l4HeaderLength}, 0);
        QCOMPARE(last->payloadLength(), size_t{16});
    }
    void ipv6FragmentsCarryTheirIdentification() {
        Packet rest = {17,   0,    0,    1,    0xde, 0xad, 0xbe, 0xef,   // UDP, offset 0, more, identification
                       0x13, 0x8c, 0x13, 0x8e, 0x03, 0xe8, 0x00, 0x00};  // UDP header
        const auto first = parsePacket(ipv6(44, rest));
        QVERIFY(first && first->firstFragment && first->flow.srcPort == 5004);
        QCOMPARE(first->fragmentId, 0xdeadbeefu);
        rest[3] = 8;  // offset 8, the last one
        const auto last = parsePacket(ipv6(44, rest));
        QVERIFY(last && last->fragment && !last->firstFragment && last->flow.srcPort == 0);
        rest = {17, 0, 0, 0, 0, 0, 0, 1, 0x13, 0x8c, 0x13, 0x8e, 0, 8, 0, 0};  // atomic (RFC 6946)
        const auto atomic = parsePacket(ipv6(44, rest));
        QVERIFY(atomic && !atomic->fragment && atomic->wholeUdp());
    }
    void aFirstFragmentMayEndWithinTheTcpHeader() {
        const auto tiny = changed(reference::tcp4, [](Packet& p) {
            p.resize(28);
            reference::put16(p, 2, 28);
            reference::put16(p, 6, 0x2000);
        });
        const auto parsed = parsePacket(tiny);
        QVERIFY(parsed && parsed->flow.srcPort == 40000);
        QCOMPARE(parsed->payloadLength(), size_t{0});
    }
    void icmpErrorsTellTheFlowThatTheyQuote() {
        const auto four = parsePacket(reference::tooBig4);
        QVERIFY(four && four->quoted);
        QVERIFY(*four->quoted == key("192.0.2.1", 40000, "198.51.100.2", 443, 6));
        const auto six = parsePacket(reference::tooBig6);
        QVERIFY(six && six->quoted);
        QVERIFY(*six->quoted == key("2001:db8::1", 5004, "2001:db8:0:1::2", 5006, 17));
        // RFC 4884: padding and extensions behind the quote.
        const auto extended = changed(reference::tooBig4, [](Packet& p) {
            p.resize(200);
            reference::put16(p, 2, 200);
            reference::put16(p, 30, 28);  // the quoted packet had 28 bytes
        });
        QVERIFY(parsePacket(extended)->quoted);
    }
    void unreadableQuotesAreNoQuotes() {
        const auto cut = changed(reference::tooBig4, [](Packet& p) {
            p.resize(50);
            reference::put16(p, 2, 50);
        });
        QVERIFY(parsePacket(cut) && !parsePacket(cut)->quoted);
        const auto otherFamily = changed(reference::tooBig4, [](Packet& p) { p[28] = 0x65; });
        QVERIFY(parsePacket(otherFamily) && !parsePacket(otherFamily)->quoted);
    }
    void truncationsAreRefusedByName() {
        QCOMPARE(refusal({}), std::optional(PacketError::Empty));
        QCOMPARE(refusal({0x25}), std::optional(PacketError::UnknownVersion));
        QCOMPARE(refusal({0x45, 0, 0, 1}), std::optional(PacketError::TruncatedIpHeader));
        QCOMPARE(refusal({0x60, 0, 0, 0, 0, 0}), std::optional(PacketError::TruncatedIpHeader));
        // No prefix of any packet is a packet.
        for (const Packet* whole : {&reference::tcp4, &reference::udp6, &reference::extended6, &reference::tooBig4}) {
            for (size_t size = 0; size < whole->size(); ++size) {
                QVERIFY(!parsePacket(std::span(*whole).first(size)));
            }
        }
    }
    void contradictingIpLengthsAreRefusedByName() {
        using reference::put16;
        QCOMPARE(refusal(changed(reference::tcp4, [](Packet& p) { p[0] = 0x44; })),
                 std::optional(PacketError::BadIpHeaderLength));
        QCOMPARE(refusal(changed(reference::udp4, [](Packet& p) { p[0] = 0x4f; })),
                 std::optional(PacketError::TruncatedIpHeader));
        QCOMPARE(refusal(changed(reference::tcp4, [](Packet& p) { put16(p, 2, 19); })),
                 std::optional(PacketError::LengthBelowHeader));
        QCOMPARE(refusal(changed(reference::tcp4, [](Packet& p) { put16(p, 2, 58); })),
                 std::optional(PacketError::LengthBeyondPacket));
        QCOMPARE(refusal(changed(reference::tcp4, [](Packet& p) { p.push_back(0); })),
                 std::optional(PacketError::BytesBehindPacket));
        QCOMPARE(refusal(changed(reference::tcp6, [](Packet& p) { put16(p, 4, 23); })),
                 std::optional(PacketError::LengthBeyondPacket));
        QCOMPARE(refusal(changed(reference::tcp6, [](Packet& p) { put16(p, 4, 21); })),
                 std::optional(PacketError::BytesBehindPacket));
    }
    void impossibleFragmentsAreRefused() {
        // More fragments follow, but this one's length is no multiple of 8.
        QCOMPARE(refusal(changed(reference::udp4, [](Packet& p) { reference::put16(p, 6, 0x2000); })),
                 std::optional(PacketError::BadFragment));
        // It would end beyond 65535.
        QCOMPARE(refusal(changed(reference::udp4, [](Packet& p) { reference::put16(p, 6, 0x1fff); })),
                 std::optional(PacketError::BadFragment));
        QCOMPARE(refusal(ipv6(44, {17, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3})), std::optional(PacketError::BadFragment));
        QCOMPARE(refusal(ipv6(44, {17, 0, 0xff, 0xf8, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8})),
                 std::optional(PacketError::BadFragment));
    }
    void brokenExtensionChainsAreRefusedByName() {
        QCOMPARE(refusal(ipv6(60, {17, 0, 1, 4})), std::optional(PacketError::TruncatedExtension));
        QCOMPARE(refusal(ipv6(60, {17, 1, 1, 4, 0, 0, 0, 0})), std::optional(PacketError::TruncatedExtension));
        QCOMPARE(refusal(ipv6(44, {17, 0, 0, 1})), std::optional(PacketError::TruncatedExtension));
        QCOMPARE(refusal(ipv6(60, {0, 0, 1, 4, 0, 0, 0, 0, 59, 0, 1, 4, 0, 0, 0, 0})),
                 std::optional(PacketError::MisplacedHopByHop));
        Packet chain;
        for (int i = 0; i < 8; ++i) chain.insert(chain.end(), {60, 0, 1, 4, 0, 0, 0, 0});
        chain[7 * 8] = 59;
        QVERIFY(!refusal(ipv6(60, chain)));
        chain[7 * 8] = 60;
        chain.insert(chain.end(), {59, 0, 1, 4, 0, 0, 0, 0});
        QCOMPARE(refusal(ipv6(60, chain)), std::optional(PacketError::TooManyExtensions));
    }
    void brokenUpperHeadersAreRefusedByName() {
        QCOMPARE(refusal(ipv6(6, Packet(19, 0x50))), std::optional(PacketError::TruncatedTransport));
        QCOMPARE(refusal(ipv6(6, Packet(7, 0x50))), std::optional(PacketError::TruncatedTransport));
        QCOMPARE(refusal(ipv6(17, Packet(7, 0))), std::optional(PacketError::TruncatedTransport));
        QCOMPARE(refusal(ipv6(58, Packet(7, 0))), std::optional(PacketError::TruncatedTransport));
        QCOMPARE(refusal(changed(reference::tcp4, [](Packet& p) { p[32] = 0x40; })),
                 std::optional(PacketError::BadTcpHeaderLength));
        QCOMPARE(refusal(changed(reference::tcp4, [](Packet& p) { p[32] = 0xf0; })),
                 std::optional(PacketError::BadTcpHeaderLength));
        QCOMPARE(refusal(changed(reference::udp4, [](Packet& p) { p[25] = 7; })),
                 std::optional(PacketError::BadUdpLength));
        QCOMPARE(refusal(changed(reference::udp4, [](Packet& p) { p[25] = 12; })),
                 std::optional(PacketError::BadUdpLength));
    }
    void everyErrorHasItsOwnText() {
        QSet<QString> texts;
        for (int i = 0; i <= static_cast<int>(PacketError::BadUdpLength); ++i) {
            const auto text = describe(static_cast<PacketError>(i));
            texts.insert(QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())));
        }
        QCOMPARE(texts.size(), static_cast<int>(PacketError::BadUdpLength) + 1);
    }
    void rewritingTheDscpKeepsEcnAndChecksum() {
        Packet four = reference::udp4;
        four[1] = 0xb9;  // ECT(1)
        reference::seal(four);
        rewriteDscp(four, 10);
        QCOMPARE(int{four[1]}, 10 << 2 | 1);
        QVERIFY(ipv4HeaderChecksumHolds(std::span(four).first(20)));
        four[1] = 0xb9;
        reference::seal(four);
        for (int dscp = 0; dscp < 64; ++dscp) {
            rewriteDscp(four, static_cast<uint8_t>(dscp));
            const Packet incremental = four;
            reference::seal(four);
            QVERIFY(incremental == four);
        }
        Packet six = reference::udp6;
        rewriteDscp(six, 10);
        QCOMPARE(int{parsePacket(six)->trafficClass()}, 10 << 2);
        rewriteDscp(six, 46);
        QVERIFY(six == reference::udp6);
    }
};

QTEST_APPLESS_MAIN(TestIpPacket)
#include "test_ip_packet.moc"
