// An endpoint that confirms what its ISP delivers to it (NetPaS §2): A, a customer of X (24); packets come from Y's side (25).
#include <QtTest>

#include "core/accounting/delivery_confirmer.h"
#include "tests/core/accounting_fixture.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;

namespace {

constexpr ExitPoint counter(9);
const IpAddress own = *IpAddress::parse("127.0.0.9");
const Endpoint door{own, 46721};

PacketExcerpt excerptTo(const IpAddress& to) {
    PacketExcerpt excerpt{};
    excerpt[0] = 0x45;
    std::copy(to.bytes().begin(), to.bytes().end(), excerpt.begin() + 16);
    return excerpt;
}

struct Access {
    explicit Access(bool allowed = true) : y(io, 25), x(io, 24) {
        y.addNeighbour(x);
        x.addNeighbour(y);
        x.addCustomer("A", "127.0.0.0/8");
        if (allowed) x.config.customers[0].delegation = Delegation{{}, counter, true};
    }
    bool up() {
        if (!y.open() || !x.open()) return false;
        y.start({&x});
        x.start({&y});
        x.startEdge();
        connect();
        return join() && run([&] { return x.edge->client.isUp(); });
    }
    void connect() {
        AccountingClient::Handlers handlers;
        handlers.onDeliveryTaken = [this](const AckEntry& entry) { confirmer.acknowledged(entry); };
        handlers.onPartEnded = [this] { ended = true; };
        client = std::make_unique<AccountingClient>(io, identity, x.address(), handlers);
        client->start();
    }
    bool join() {
        bool joined = false;
        client->join([&](auto answer) { joined = answer.has_value(); });
        return run([&] { return joined; });
    }
    bool run(const std::function<bool()>& condition) { return runUntil(io, condition); }
    tl::expected<PartTaken, ClientFailure> ask(const Endpoint& deliver, std::vector<IpAddress> addresses) {
        std::optional<tl::expected<PartTaken, ClientFailure>> answer;
        client->takePart(deliver, std::move(addresses), [&](auto said) { answer = std::move(said); });
        run([&] { return answer.has_value(); });
        if (answer && *answer) confirmer.setTerms(**answer);
        return answer ? *answer : tl::unexpected(ClientFailure{ClientError::TimedOut, {}, {}});
    }
    bool takePart() { return ask(door, {own}).has_value(); }
    // X's routers say so.
    bool delivered(int64_t strata) {
        EdgeReport report;
        report.links = {{IspId(24), counter, 100, 10'000, *checkedMul(t, strata), Money::zero()}};
        const auto before = x.edge->stored;
        return x.edge->client.report(report) > 0 && run([&] { return x.edge->stored > before; });
    }
    void confirm(int count) {
        for (int i = 0; i < count; ++i) (void)confirmer.confirm(headerOf({{25, 10}, {24, 10}}), excerptTo(own));
    }
    Money paid() { return y.sum(SumKind::OwedTo, 24); }
    Money taken() { return x.books().sum(PaymentSum::Delegated, {"A", {}}).total; }

    boost::asio::io_context io;
    Isp y, x;
    Identity identity = Identity::generate();
    std::unique_ptr<AccountingClient> client;
    DeliveryConfirmer confirmer{identity, systemClock(),
                                [this](const Confirmation& one) { client->confirmDelivery(one); }};
    bool ended = false;
    Money t = dollars("0.0001");
};

}  // namespace

class TestTakingPart : public QObject {
    Q_OBJECT

private slots:
    void whatTheEndpointConfirmsIsPaidOnce() {
        Access a;
        QVERIFY(a.up());
        QVERIFY(a.takePart());
        QVERIFY(a.run([&] { return a.x.edge->deliveries.size() == 1; }));
        QCOMPARE(a.x.edge->deliveries[0], (SetDeliveries::One{counter, door, {own}}));
        QCOMPARE(a.confirmer.terms().threshold, a.t);
        QVERIFY(a.delivered(20));
        a.confirm(20);
        a.confirmer.sendAgain();  // as after a reconnect
        QVERIFY(a.run([&] { return a.paid() == *checkedMul(a.t, 20) && a.confirmer.waiting() == 0; }));
        settle(a.io);
        QCOMPARE(a.paid(), *checkedMul(a.t, 20));
        QCOMPARE(a.taken(), *checkedMul(a.t, 20));
        QCOMPARE(a.confirmer.accepted(), uint64_t{20});
        QCOMPARE(a.x.books().alarmCount(), uint64_t{0});
    }

    void onlyAnAccountThatMayConfirmsAndOnlyItsOwn() {
        Access no(false);
        QVERIFY(no.up());
        const auto refused = no.ask(door, {own});
        QVERIFY(!refused && refused.error().refusal == Refusal::NotAllowed);

        Access a;
        QVERIFY(a.up());
        const IpAddress other = *IpAddress::parse("192.0.2.1");
        QVERIFY(!a.ask({other, 46721}, {own}));
        QVERIFY(!a.ask(door, {own, other}));
        QVERIFY(!a.ask({own, 0}, {own}));
        QVERIFY(a.x.edge->deliveries.empty());
        QVERIFY(a.takePart());
        QVERIFY(!a.confirmer.confirm(headerOf({{25, 10}}), excerptTo(own)));  // not our ISP's service
        QVERIFY(a.delivered(5));
        QVERIFY(a.confirmer.confirm(headerOf({{25, 10}, {24, 10}}), excerptTo(other)));
        QVERIFY(a.run([&] { return a.confirmer.refused() == 1; }));
        QCOMPARE(a.taken(), Money::zero());
    }

    // Who is not there any more gets bare packets, and the ISP confirms them.
    void thePartEndsWithTheConnection() {
        Access a;
        QVERIFY(a.up());
        QVERIFY(a.takePart());
        QVERIFY(a.run([&] { return a.x.edge->deliveries.size() == 1; }));
        a.client.reset();
        QVERIFY(a.run([&] { return a.x.edge->deliveries.empty(); }));
        a.connect();
        QVERIFY(a.join());
        QVERIFY(a.takePart());
        QVERIFY(a.run([&] { return a.x.edge->deliveries.size() == 1; }));
        QVERIFY(a.ask(door, {}));  // in order
        QVERIFY(a.run([&] { return a.x.edge->deliveries.empty(); }));
    }

    // A router that was away hears how it is now.
    void aRouterThatComesBackIsTold() {
        Access a;
        QVERIFY(a.up());
        QVERIFY(a.takePart());
        QVERIFY(a.run([&] { return a.x.edge->deliveries.size() == 1; }));
        a.x.startEdge(2);
        QVERIFY(a.run([&] { return a.x.edge->deliveries.size() == 1; }));
    }

    // The router's own samples of before are not lost.
    void whatTheRouterSampledBeforeCounts() {
        Access a;
        QVERIFY(a.up());
        QVERIFY(a.takePart());
        QVERIFY(a.delivered(3));
        EdgeSample before = sampleOf(1, 24, headerOf({{25, 10}, {24, 10}}), a.t);
        before.excerpt = excerptTo(own);
        QVERIFY(a.x.edge->client.sample(before));
        a.confirm(3);
        QVERIFY(a.run([&] { return a.paid() == *checkedMul(a.t, 4); }));
        QCOMPARE(a.x.books().alarmCount(), uint64_t{0});
    }

    void whatNeverArrivedIsNotPaid() {
        Access a;
        QVERIFY(a.up());
        QVERIFY(a.takePart());
        QVERIFY(a.delivered(10));
        a.confirm(20);
        const auto end = std::chrono::steady_clock::now() + 1500ms;
        QVERIFY(a.run([&] {
            (void)a.delivered(10);
            a.confirmer.sendAgain();
            return std::chrono::steady_clock::now() > end;
        }));
        QCOMPARE(a.paid(), *checkedMul(a.t, 10));
        QCOMPARE(a.taken(), *checkedMul(a.t, 10));
        const auto& alarms = a.x.books().alarms();
        QVERIFY(std::any_of(alarms.begin(), alarms.end(),
                            [](const Alarm& alarm) { return alarm.kind == AlarmKind::TooMuchConfirmed; }));
    }

    // It gets packets and confirms nothing: the ISP takes it back, and loses what was delivered until then.
    void whoConfirmsTooLittleDoesNotTakePart() {
        Access a;
        QVERIFY(a.up());
        QVERIFY(a.takePart());
        QVERIFY(a.run([&] { return a.x.edge->deliveries.size() == 1; }));
        QVERIFY(a.run([&] {
            (void)a.delivered(10);
            return a.ended;
        }));
        QVERIFY(a.x.edge->deliveries.empty());
        const auto& alarms = a.x.books().alarms();
        QVERIFY(std::any_of(alarms.begin(), alarms.end(), [](const Alarm& alarm) {
            return alarm.kind == AlarmKind::TooLittleConfirmed && alarm.subject == "customer A";
        }));
        const auto again = a.ask(door, {own});
        QVERIFY(!again && again.error().refusal == Refusal::NotAllowed);
        // What it confirms late counts all the same.
        a.confirm(2);
        QVERIFY(a.run([&] { return a.paid() == *checkedMul(a.t, 2); }));
    }
};

QTEST_GUILESS_MAIN(TestTakingPart)
#include "test_taking_part.moc"
