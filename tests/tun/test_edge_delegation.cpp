// Deliveries that somebody else confirms (NetPaS §5.4): the ISP's router samples none of them, the customer's border router
// all of them.
#include <QTest>

#include "tests/tun/edge_packets.h"

using namespace netpas;
using namespace netpas::tun;
using namespace netpas::tun::edgetest;

namespace {

constexpr uint16_t fromZ = 0;
constexpr ExitPoint counter(7);

Bytes lastHeader() { return header({hop(26, 3, 1), hop(25, 10)}); }

// Of ISP 25, whose customer with 203.0.114.0/24 confirms for itself.
EdgeConfig ispConfig() {
    EdgeConfig config = edgeConfig();
    config.sampling.threshold = nano(100);
    config.deliveries[1].counter = counter;
    return config;
}

EdgeConfig borderConfig() {
    EdgeConfig config;
    config.isp = IspId(25);
    config.router = "border";
    config.providers = {{ip("203.0.114.1"), ip("198.18.0.2")}};
    config.internals = {{"second", ip("203.0.114.1"), ip("203.0.114.2"), {}, {prefix("203.0.114.128/25")}}};
    config.deliveries = {{prefix("203.0.114.0/25"), std::nullopt, {}}};
    config.sampling.threshold = nano(100);
    config.sampling.seed = 1;
    return config;
}

uint64_t picks(Router& router) {
    router.processor.flushSamples();
    std::vector<EdgeSample> samples;
    router.processor.samples().drainTo(samples);
    uint64_t own = 0;
    for (const EdgeSample& sample : samples) own += sample.beneficiary == IspId(25) ? sample.picks : 0;
    return own;
}

const LinkCounters* delegated(const EdgeReport& report) {
    for (const EdgeReport::Link& link : report.links) {
        if (link.isp == IspId(25) && link.exit == counter) return &link.counters;
    }
    return nullptr;
}

}  // namespace

class TestEdgeDelegation : public QObject {
    Q_OBJECT

private slots:
    void whatOthersConfirmIsCountedApartAndNotSampled();
    void whatNobodyElseConfirmsIsSampledAsEver();
    void theBorderRouterSamplesWhatItsIspDelivers();
    void theBorderRouterSamplesOnceThoughItHandsOver();
    void aSpentHopLimitDoesNotHideWhatTheIspDelivered();
    void theBorderRouterTakesNothingElse_data();
    void theBorderRouterTakesNothingElse();
};

void TestEdgeDelegation::whatOthersConfirmIsCountedApartAndNotSampled() {
    Router router(ispConfig());
    const Bytes inner = innerPacket({.dst = "203.0.114.77"});
    for (int i = 0; i < 200; ++i) {
        QCOMPARE(router.verdict(plain(ShimKind::Transit, lastHeader(), inner), Arrival::Neighbour, fromZ),
                 Verdict::DeliveredWithHeader);
    }
    const EdgeReport report = router.report();
    QCOMPARE(report.delivered, DeliveredCounters{});
    QVERIFY(delegated(report) != nullptr);
    QCOMPARE(*delegated(report), (LinkCounters{200, 200 * inner.size(), nano(2000), Money::zero()}));
    QCOMPARE(picks(router), uint64_t{0});
    QCOMPARE(report.ingress[0].counters.upstream, nano(600));  // the neighbour's service is sampled here as ever
}

void TestEdgeDelegation::whatNobodyElseConfirmsIsSampledAsEver() {
    Router router(ispConfig());
    const Bytes inner = innerPacket({});
    for (int i = 0; i < 200; ++i) {
        (void)router.verdict(plain(ShimKind::Transit, lastHeader(), inner), Arrival::Neighbour, fromZ);
    }
    const EdgeReport report = router.report();
    QCOMPARE(report.delivered.own, nano(2000));
    QCOMPARE(*delegated(report), LinkCounters{});
    QCOMPARE(picks(router), uint64_t{20});
}

void TestEdgeDelegation::theBorderRouterSamplesWhatItsIspDelivers() {
    Router router(borderConfig());
    const Bytes inner = innerPacket({.dst = "203.0.114.77"});
    for (int i = 0; i < 200; ++i) {
        Bytes packet = plain(ShimKind::Delivery, lastHeader(), inner);
        const EdgeResult result = router.process(packet, Arrival::Provider);
        QCOMPARE(result.verdict, Verdict::Delivered);
        const Bytes left(packet.begin() + result.offset, packet.begin() + result.offset + result.size);
        QCOMPARE(left, inner);  // it knows no class, so the ISP's marking stays
    }
    QCOMPARE(router.report().delivered, (DeliveredCounters{200, 200 * inner.size(), nano(2000)}));
    QCOMPARE(picks(router), uint64_t{20});
}

void TestEdgeDelegation::theBorderRouterSamplesOnceThoughItHandsOver() {
    Router first(borderConfig());
    EdgeConfig config = borderConfig();
    config.internals = {{"border", ip("203.0.114.2"), ip("203.0.114.1"), {}, {prefix("203.0.114.0/25")}}};
    config.deliveries = {{prefix("203.0.114.128/25"), std::nullopt, {}}};
    Router second(config);
    const Bytes inner = innerPacket({.dst = "203.0.114.200"});
    for (int i = 0; i < 100; ++i) {
        Bytes packet = plain(ShimKind::Delivery, lastHeader(), inner);
        const EdgeResult result = first.process(packet, Arrival::Provider);
        QCOMPARE(result.verdict, Verdict::HandedOver);
        QCOMPARE(second.verdict(Bytes(packet.begin() + result.offset, packet.end()), Arrival::Internal),
                 Verdict::Delivered);
    }
    QCOMPARE(picks(first), uint64_t{10});
    QCOMPARE(picks(second), uint64_t{0});
    QCOMPARE(second.report().delivered, DeliveredCounters{});
}

void TestEdgeDelegation::aSpentHopLimitDoesNotHideWhatTheIspDelivered() {
    Router router(borderConfig());
    const Bytes inner = innerPacket({.dst = "203.0.114.77", .hopLimit = 1});
    QCOMPARE(router.verdict(plain(ShimKind::Delivery, lastHeader(), inner), Arrival::Provider), Verdict::TtlExpired);
    QCOMPARE(router.report().delivered.own, nano(10));
}

void TestEdgeDelegation::theBorderRouterTakesNothingElse_data() {
    QTest::addColumn<QByteArray>("packet");
    QTest::addColumn<int>("verdict");
    const auto row = [](const char* name, const Bytes& bytes, Verdict verdict) {
        QTest::newRow(name) << QByteArray(reinterpret_cast<const char*>(bytes.data()),
                                          static_cast<qsizetype>(bytes.size()))
                            << static_cast<int>(verdict);
    };
    const Bytes here = innerPacket({.dst = "203.0.114.77"});
    row("a neighbour's shim", plain(ShimKind::Transit, lastHeader(), here), Verdict::WrongKind);
    row("the ISP is not the last one",
        plain(ShimKind::Delivery, header({hop(26, 3, 1), hop(25, 10, 3), hop(24, 2)}), here), Verdict::WrongPosition);
    row("another ISP", plain(ShimKind::Delivery, header({hop(26, 3)}), here), Verdict::NotForThisIsp);
    row("another destination", plain(ShimKind::Delivery, lastHeader(), innerPacket({})), Verdict::DestinationNotOurs);
}

void TestEdgeDelegation::theBorderRouterTakesNothingElse() {
    QFETCH(QByteArray, packet);
    QFETCH(int, verdict);
    Router router(borderConfig());
    for (int i = 0; i < 50; ++i) {
        QCOMPARE(static_cast<int>(router.verdict(Bytes(packet.begin(), packet.end()), Arrival::Provider)), verdict);
    }
    QCOMPARE(router.report().delivered, DeliveredCounters{});
    QCOMPARE(picks(router), uint64_t{0});
}

QTEST_APPLESS_MAIN(TestEdgeDelegation)
#include "test_edge_delegation.moc"
