// What agent and secretary mean survives the way over the channel.
#include "app/common/channel_forms.h"

#include <QtTest>

using namespace netpas;

namespace {

cartographer::QuotedHop hop(uint16_t isp) {
    cartographer::QuotedHop hop;
    hop.isp = IspId{isp};
    hop.ispName = "Z";
    hop.service = ServiceClass{3};
    hop.className = "gold";
    hop.exit = ExitPoint{7};
    hop.prices.base.perPacket = Money::fromEighths(16);
    return hop;
}

// Through the codec, as the channel does it.
template <typename T>
T carried(const T& message) {
    const auto bytes = channel::encode(message);
    if (!bytes) qFatal("does not encode");
    const auto read = channel::decode(*bytes);
    if (!read) qFatal("does not decode");
    return std::get<T>(*read);
}

}  // namespace

class TestChannelForms : public QObject {
    Q_OBJECT
private slots:
    void paidFlowsArriveUnchanged() {
        secretaryd::PaidFlow flow;
        flow.id = PurchaseId{5};
        flow.flow = *FlowMatch::parse("tcp 192.0.2.1:* -> 203.0.113.6:443");
        flow.path = {hop(26), hop(25)};
        flow.key.id = SessionKeyId{77};
        flow.key.secret[3] = 9;
        flow.key.cap = Money::fromEighths(8000);
        flow.key.capPerSecond = Money::fromEighths(800);
        flow.key.allowed = {IspId{26}, IspId{25}};
        flow.key.expires = SystemTime{} + std::chrono::hours(3);
        flow.capPerSecond = Money::fromEighths(400);
        flow.diverted = true;
        flow.node = "alice";
        channel::SetFlows set{1, {app::toChannel(flow)}};
        const secretaryd::PaidFlow read = app::fromChannel(carried(set).flows.front());
        QCOMPARE(read.id, flow.id);
        QVERIFY(read.flow == flow.flow);
        QCOMPARE(read.path.size(), size_t{2});
        QCOMPARE(read.path[1].isp, IspId{25});
        QCOMPARE(read.path[0].className, flow.path[0].className);
        QCOMPARE(read.path[0].exit, ExitPoint{7});
        QVERIFY(read.path[0].prices.base.perPacket == flow.path[0].prices.base.perPacket);
        QVERIFY(read.key.secret == flow.key.secret);
        QCOMPARE(read.key.cap.eighths(), flow.key.cap.eighths());
        QVERIFY(read.key.expires == flow.key.expires);
        QVERIFY(read.key.allowed == flow.key.allowed);
        QCOMPARE(read.capPerSecond.eighths(), flow.capPerSecond.eighths());
        QVERIFY(read.diverted);
        QCOMPARE(read.node, flow.node);
    }

    void countersArriveUnchanged() {
        const secretaryd::FlowCounters counters{
            PurchaseId{5}, SessionKeyId{77}, {10, 14000, Money::fromEighths(120), 3}, true, "no route"};
        const auto read = app::fromChannel(carried(channel::Drained{app::toChannel(counters)}).counters);
        QCOMPARE(read.id, counters.id);
        QCOMPARE(read.key, counters.key);
        QVERIFY(read.usage == counters.usage);
        QCOMPARE(read.capReached, true);
        QCOMPARE(read.trouble, counters.trouble);
    }

    void wishesArriveUnchanged() {
        cartographer::QuoteRequest request;
        request.destination = *IpAddress::parse("203.0.113.6");
        request.everywhere = cartographer::ClassChoice::parse("gold");
        request.perIsp.emplace(IspId{24}, cartographer::ClassChoice::parse("2"));
        request.perIsp.emplace(IspId{25}, cartographer::ClassChoice::parse("best"));
        QVERIFY(!app::fromChannel(carried(app::toChannel(request))).atMost);
        request.atMost = Money::fromEighths(108);
        request.charges = {Money::fromEighths(9), Money::fromEighths(3)};
        request.without = {{IspId{25}, ServiceClass{1}}, {IspId{23}, ServiceClass{63}}};
        const auto read = app::fromChannel(carried(app::toChannel(request)));
        QVERIFY(read.atMost == request.atMost && read.without == request.without && read.charges == request.charges);
        QVERIFY(read.destination == request.destination);
        QVERIFY(read.everywhere.rule == cartographer::ClassChoice::Rule::Named);
        QCOMPARE(read.everywhere.name, std::string("gold"));
        QCOMPARE(read.perIsp.size(), size_t{2});
        QVERIFY(read.perIsp.at(IspId{24}).rule == cartographer::ClassChoice::Rule::Numbered);
        QCOMPARE(read.perIsp.at(IspId{24}).number, ServiceClass{2});
        QVERIFY(read.perIsp.at(IspId{25}).rule == cartographer::ClassChoice::Rule::Best);
    }

    void quotesAndRefusalsArriveUnchanged() {
        const cartographer::Quote quote{
            *IpAddress::parse("2001:db8::6"), {hop(26)}, SystemTime{} + std::chrono::hours(1)};
        const auto read = app::fromChannel(carried(app::toChannel(app::QuoteResult(quote))));
        QVERIFY(read.has_value());
        QVERIFY(read->destination == quote.destination);
        QVERIFY(read->validUntil == quote.validUntil);
        QCOMPARE(read->path.size(), size_t{1});

        const secretaryd::QuoteFailure failure{secretaryd::QuoteFailure::Kind::NoSuchClass, "no class",
                                               "netpas services"};
        const auto refused = app::fromChannel(carried(app::toChannel(app::QuoteResult(tl::unexpected(failure)))));
        QVERIFY(!refused.has_value());
        QVERIFY(refused.error().kind == failure.kind);
        QCOMPARE(refused.error().hint, failure.hint);
    }
};

QTEST_APPLESS_MAIN(TestChannelForms)
#include "test_channel_forms.moc"
