#include <QtTest>

#include "tests/tun/reference_packets.h"
#include "tun/packet/checksum.h"
#include "tun/packet/icmp_error.h"

using namespace netpas::tun;
using reference::Packet;

namespace {

const Packet router4 = {203, 0, 113, 9};
const Packet router6 = {0x20, 0x01, 0x0d, 0xb8, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};

tl::expected<Packet, IcmpRefusal> tooBig(const Packet& about, uint32_t mtu, const Packet& router) {
    Packet out(maxIcmpErrorSize);
    const auto size = buildTooBig(*parseHeaders(about), mtu, router, out);
    if (!size) return tl::unexpected(size.error());
    out.resize(*size);
    return out;
}

std::optional<IcmpRefusal> refusal(const Packet& about, uint32_t mtu = 1400) {
    const auto built = tooBig(about, mtu, about[0] >> 4 == 4 ? router4 : router6);
    if (built) return std::nullopt;
    return built.error();
}

template <typename Change>
Packet changed(Packet packet, Change change) {
    change(packet);
    return packet;
}

}  // namespace

class TestIcmpError : public QObject {
    Q_OBJECT
private slots:
    void ipv6ErrorsAreAsTheReferenceHasThem() {
        Packet wanted = reference::tooBig6;
        // Ours has no flow label, and internetwork control as class; neither is under the checksum.
        reference::put32(wanted, 0, 0x6c000000);
        const auto built = tooBig(reference::udp6, 1400, router6);
        QVERIFY(built && *built == wanted);
    }
    void ipv4ErrorsAreAsTheReferenceHasThemButQuoteMore() {
        const auto built = tooBig(reference::tcp4, 1400, router4);
        QVERIFY(built);
        QCOMPARE(built->size(), 28 + reference::tcp4.size());
        Packet start(built->begin(), built->begin() + 56);
        // Length and both checksums follow the longer quote.
        for (const size_t at : {2u, 10u, 22u}) reference::put16(start, at, reference::get16(reference::tooBig4, at));
        QVERIFY(start == reference::tooBig4);
        const auto view = parseHeaders(*built);
        QVERIFY(view && transportChecksumHolds(*view) && ipv4HeaderChecksumHolds(std::span(*built).first(20)));
    }
    void theSenderFindsItsFlowInTheQuote() {
        for (const Packet* packet : {&reference::tcp4, &reference::tcp6, &reference::udp6, &reference::extended6}) {
            const auto about = *parsePacket(*packet);
            const auto built = tooBig(*packet, 1300, about.version == 4 ? router4 : router6);
            QVERIFY(built);
            const auto parsed = parsePacket(*built);
            QVERIFY(parsed && parsed->quoted && *parsed->quoted == about.flow);
            QVERIFY(std::equal(parsed->destination().begin(), parsed->destination().end(), about.source().begin()));
            QVERIFY(transportChecksumHolds(*parsed));
        }
    }
    void longPacketsAreQuotedUpToTheLimit() {
        for (const bool v6 : {false, true}) {
            reference::Recipe recipe;
            recipe.v6 = v6;
            recipe.payload = reference::someBytes(9000);
            const auto built = tooBig(reference::build(recipe), 1500, v6 ? router6 : router4);
            QVERIFY(built);
            QCOMPARE(built->size(), size_t{v6 ? 1280u : 576u});
            QVERIFY(transportChecksumHolds(*parseHeaders(*built)));
        }
    }
    void withoutARouterTheDestinationSpeaks() {
        Packet out(maxIcmpErrorSize);
        const auto about = *parseHeaders(reference::tcp6);
        const auto size = buildTooBig(about, 1400, out);
        QVERIFY(size);
        const auto view = *parseHeaders(std::span(out).first(*size));
        QVERIFY(std::equal(view.source().begin(), view.source().end(), about.destination().begin()));
        const auto multicast = changed(reference::udp6, [](Packet& p) { p[24] = 0xff; });
        QVERIFY(buildTooBig(*parseHeaders(multicast), 1400, out).error() == IcmpRefusal::ToManyReceivers);
        QVERIFY(!refusal(multicast));  // a router may answer, RFC 4443 §2.4
    }
    void whatMustNotBeAnsweredIsRefusedByName() {
        QCOMPARE(refusal(reference::tooBig4), std::optional(IcmpRefusal::AboutIcmpError));
        QCOMPARE(refusal(reference::tooBig6), std::optional(IcmpRefusal::AboutIcmpError));
        QVERIFY(!refusal(reference::icmp4) && !refusal(reference::icmp6));  // echo requests are no errors
        QCOMPARE(refusal(reference::udp4), std::optional(IcmpRefusal::MayBeFragmented));
        QCOMPARE(refusal(changed(reference::udp4, [](Packet& p) { reference::put16(p, 6, 0x4001); })),
                 std::optional(IcmpRefusal::LaterFragment));
        for (const uint8_t first : Packet{0, 127, 224, 255}) {
            QCOMPARE(refusal(changed(reference::tcp4, [first](Packet& p) { p[12] = first; })),
                     std::optional(IcmpRefusal::NoSingleSender));
        }
        for (const uint8_t first : Packet{224, 255}) {
            QCOMPARE(refusal(changed(reference::tcp4, [first](Packet& p) { p[16] = first; })),
                     std::optional(IcmpRefusal::ToManyReceivers));
        }
        QCOMPARE(refusal(changed(reference::udp6, [](Packet& p) { p[8] = 0xff; })),
                 std::optional(IcmpRefusal::NoSingleSender));
        QCOMPARE(refusal(changed(reference::udp6, [](Packet& p) { std::fill_n(p.begin() + 8, 16, uint8_t{0}); })),
                 std::optional(IcmpRefusal::NoSingleSender));
        QCOMPARE(refusal(changed(reference::udp6,
                                 [](Packet& p) {
                                     std::fill_n(p.begin() + 8, 15, uint8_t{0});
                                     p[23] = 1;
                                 })),
                 std::optional(IcmpRefusal::NoSingleSender));
        QCOMPARE(refusal(reference::tcp4, 67), std::optional(IcmpRefusal::MtuTooSmall));
        QCOMPARE(refusal(reference::tcp6, 1279), std::optional(IcmpRefusal::MtuTooSmall));
        QVERIFY(!refusal(reference::tcp4, 68) && !refusal(reference::tcp6, 1280));
        QVERIFY(tooBig(reference::tcp4, 1400, router6).error() == IcmpRefusal::BadRouterAddress);
        Packet small(maxIcmpErrorSize - 1);
        QVERIFY(buildTooBig(*parseHeaders(reference::tcp4), 1400, router4, small).error() == IcmpRefusal::NoRoom);
    }
};

QTEST_APPLESS_MAIN(TestIcmpError)
#include "test_icmp_error.moc"
