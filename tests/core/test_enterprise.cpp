// A customer with an accounting server of its own (NetPaS §5.4): host B of enterprise E, whose ISP is X (24), pays A of Y (25);
// packets from Y's side arrive at E, which confirms X's service.
#include <QtTest>

#include <nlohmann/json.hpp>

#include "tests/core/paid_endpoint.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;

namespace {

const ServiceClass gold(1);
const ServiceClass mirrored(2);

AccountingHeader headerTo(ServiceClass ofX) {
    return *AccountingHeader::make(
        std::vector<HopBlock>{{IspId(25), gold, *PriceCode::roundUp(nano(10)), ExitPoint(0)},
                              {IspId(24), ofX, *PriceCode::roundUp(nano(10)), ExitPoint(0)}});
}

EdgeSample arrived(uint64_t number, ServiceClass service, const char* destination, Money amount) {
    EdgeSample sample = sampleOf(number, 24, headerTo(service), amount);
    const auto to = *IpAddress::parse(destination);
    std::copy(to.bytes().begin(), to.bytes().end(), sample.excerpt.begin() + 16);
    return sample;
}

SessionKey keyOf(uint32_t id, const char* cap, std::vector<IspId> isps) {
    SessionKey key;
    key.id = SessionKeyId(id);
    key.secret.fill(7);
    key.cap = dollars(cap);
    key.capPerSecond = dollars(cap);
    key.allowed = std::move(isps);
    key.expires = systemClock().now() + std::chrono::minutes(10);
    return key;
}

struct Campus {
    Campus() : y(io, 25), x(io, 24), e(io, 24) {
        e.config.name = "E";
        y.addNeighbour(x);
        x.addNeighbour(y);
        y.config.neighbours[0].credit = x.config.neighbours[0].credit = dollars("100");
        y.config.paymentFee.fixed = nano(500);
        x.config.paymentFee.fixed = nano(2'000);
        y.addCustomer("A", "127.0.0.0/8");
        y.config.customers[0].payments.mayReceive = true;
        x.addCustomer("E", "127.0.0.0/8");
        x.config.customers[0].delegation = Delegation{shares, ExitPoint(7)};
        e.config.provider.emplace();
        e.config.provider->name = "X";
        e.config.provider->key = x.identity.publicKey();
        e.config.provider->shares = shares;
        e.addCustomer("B", "127.0.0.0/8");
    }
    bool up() {
        if (!y.open() || !x.open() || !e.open()) return false;
        y.start({&x});
        x.start({&y});
        startEnterprise();
        x.startEdge();
        e.startEdge();
        a = std::make_unique<PaidEndpoint>(io, y);
        b = std::make_unique<PaidEndpoint>(io, e);
        return join(*a) && join(*b) && receive() &&
               run([&] { return x.edge->client.isUp() && e.edge->client.isUp(); }) && run([&] { return connected(); });
    }
    void startEnterprise() {
        e.server->setAddress(Party::provider(IspId(24)), loopback(x.port));
        e.server->start();
    }
    bool restart() {
        e.server.reset();
        if (!e.open()) return false;
        startEnterprise();
        return true;
    }
    nlohmann::json provider() { return nlohmann::json::parse(e.server->booksJson()).at("provider"); }
    bool connected() { return provider().at("connected").get<bool>(); }
    bool run(const std::function<bool()>& condition) { return runUntil(io, condition); }
    template <typename T, typename Ask>
    tl::expected<T, ClientFailure> ask(Ask call) {
        std::optional<tl::expected<T, ClientFailure>> result;
        call([&](tl::expected<T, ClientFailure> r) { result = std::move(r); });
        run([&] { return result.has_value(); });
        return result ? std::move(*result) : tl::unexpected(ClientFailure{ClientError::TimedOut, {}, {}});
    }
    bool join(PaidEndpoint& end) {
        return ask<Joined>([&](auto done) { end.client->join(done); }).has_value();
    }
    bool receive() {
        const auto set = ask<ReceivingSet>([&](auto done) { a->client->setReceiving(true, done); });
        return set && !set->refused;
    }
    std::vector<payments::Fee> fees() {
        std::vector<payments::Fee> found;
        run([&] {
            const auto way = ask<RouteFound>([&](auto done) { b->client->findRoute(IspId(25), nano(1), done); });
            if (way) found = way->fees;
            return !found.empty();
        });
        return found;
    }
    payments::SignedOrder order(Money amount) {
        payments::SignedOrder made;
        payments::Payment& payment = made.order.payment;
        payment.id = payments::newPaymentId();
        payment.payee = a->identity.nodeId();
        payment.amount = amount;
        made.order.payer = b->identity.nodeId();
        made.order.fees = fees();
        payment.time = systemClock().now();
        payment.expires = payment.time + std::chrono::seconds(made.order.fees.size() + 1);
        made.signature = b->identity.sign(payments::orderMessage(made.order));
        return made;
    }
    using Outcome = AccountingClient::PaymentOutcome;
    std::optional<Outcome> pay(const payments::SignedOrder& order) {
        const auto outcome = ask<Outcome>([&](auto done) { b->client->pay(order, done); });
        return outcome ? std::optional(*outcome) : std::nullopt;
    }
    std::optional<PaymentRefused> refusal(const payments::SignedOrder& order) {
        const auto outcome = pay(order);
        if (!outcome || !std::holds_alternative<PaymentRefused>(*outcome)) return std::nullopt;
        return std::get<PaymentRefused>(*outcome);
    }
    tl::expected<KeyReady, ClientFailure> registerKey(const SessionKey& key) {
        return ask<KeyReady>([&](auto done) { b->client->registerKey(key, done); });
    }
    static Money sum(const Isp& isp, PaymentSum kind, const Party& party) { return isp.books().sum(kind, party).total; }
    Money providerSum(PaymentSum kind) { return sum(e, kind, Party::provider(IspId(24))); }
    Money ofE(PaymentSum kind) { return sum(x, kind, {"E", {}}); }

    // X's routers say that this much was delivered to E.
    bool delivered(Money own) {
        EdgeReport report;
        report.links = {{IspId(24), ExitPoint(7), 100, 10'000, own, Money::zero()}};
        const auto before = x.edge->stored;
        return x.edge->client.report(report) > 0 && run([&] { return x.edge->stored > before; });
    }

    std::vector<ClassShare> shares{{mirrored, 300}};
    boost::asio::io_context io;
    Isp y, x, e;
    std::unique_ptr<PaidEndpoint> a, b;
    Money t = dollars("0.0001");
};

}  // namespace

class TestEnterprise : public QObject {
    Q_OBJECT

private slots:
    void theFirstRuleThatFitsDecides() {
        const NodeId shop = Identity::fromSeed({1}).nodeId();
        const NodeId other = Identity::fromSeed({2}).nodeId();
        std::vector<EnterpriseRule> rules(3);
        rules[0] = {"the shop is allowed", true, Spending::Payment, {}, {shop}, {}, {}};
        rules[1] = {"B pays nobody above a dollar", false, {}, {"B"}, {}, {}, dollars("1")};
        rules[2] = {"nothing to ISP 7", false, {}, {}, {}, {IspId(7)}, {}};
        const auto against = [&](const SpendingAsked& asked) {
            const auto* rule = ruleAgainst(rules, asked);
            return rule == nullptr ? std::string() : rule->name;
        };
        QCOMPARE(against({Spending::Payment, "B", shop, {IspId(7)}, dollars("5")}), std::string());
        QCOMPARE(against({Spending::Payment, "B", other, {IspId(8)}, dollars("1")}), std::string());
        QCOMPARE(against({Spending::Payment, "B", other, {IspId(8)}, dollars("1.01")}), rules[1].name);
        QCOMPARE(against({Spending::Packets, "B", {}, {IspId(8)}, dollars("2")}), rules[1].name);
        QCOMPARE(against({Spending::Packets, "C", {}, {IspId(8), IspId(7)}, dollars("2")}), rules[2].name);
        QCOMPARE(against({Spending::Payment, "C", other, {IspId(8)}, dollars("2")}), std::string());
    }

    void sharesAreExactAndDoNotOverflow() {
        const std::vector<ClassShare> shares{{mirrored, 300}, {gold, 1024}};
        QCOMPARE(shareOf(shares, mirrored, Money::fromEighths(1024)), Money::fromEighths(300));
        QCOMPARE(shareOf(shares, mirrored, Money::fromEighths(1023)), Money::fromEighths(299));
        QCOMPARE(shareOf(shares, mirrored, Money::fromEighths(3)), Money::zero());
        QCOMPARE(shareOf(shares, gold, Money::max()), Money::max());
        QCOMPARE(shareOf(shares, ServiceClass(9), Money::max()), Money::zero());
    }

    void aHostPaysInItsOrganisationsName() {
        Campus c;
        QVERIFY(c.up());
        const auto order = c.order(nano(100'000));
        const auto outcome = c.pay(order);
        QVERIFY(outcome && std::holds_alternative<payments::PaymentConfirmation>(*outcome));
        QVERIFY(payments::verify(std::get<payments::PaymentConfirmation>(*outcome), order.order.payment));
        QCOMPARE(Campus::sum(c.e, PaymentSum::OwedBy, {"B", {}}), nano(102'500));  // the bill of the host
        QCOMPARE(c.providerSum(PaymentSum::OwedTo), nano(102'500));
        QCOMPARE(c.ofE(PaymentSum::OwedBy), nano(102'500));
        QCOMPARE(Campus::sum(c.y, PaymentSum::OwedTo, {"A", {}}), nano(100'000));
        // Again: nothing is paid again.
        const auto again = c.pay(order);
        QVERIFY(again && std::holds_alternative<payments::PaymentConfirmation>(*again));
        QCOMPARE(c.ofE(PaymentSum::OwedBy), nano(102'500));
    }

    void aForgedConfirmationIsTakenBackByAll() {
        Campus c;
        QVERIFY(c.up());
        c.a->forges = true;
        const auto order = c.order(nano(100'000));
        QVERIFY(c.pay(order).has_value());
        const auto ack = c.ask<PaymentAckEntry>(
            [&](auto done) { c.b->client->cancelPayment(order.order.payment.id, c.a->identity.publicKey(), done); });
        QVERIFY(ack && ack->result == PaymentResult::Done);
        QVERIFY(c.run([&] { return c.a->cancelled.size() == 1; }));
        QCOMPARE(Campus::sum(c.e, PaymentSum::TakenBackFrom, {"B", {}}), nano(102'500));
        QCOMPARE(c.ofE(PaymentSum::TakenBackFrom), nano(102'500));
    }

    void aRuleRefusesWhatTheHostAskedFor() {
        Campus c;
        c.e.config.provider->rules = {{"small change only", false, Spending::Payment, {"B"}, {}, {}, nano(200'000)},
                                      {"nothing through ISP 66", false, Spending::Packets, {}, {}, {IspId(66)}, {}}};
        c.e.config.provider->paymentsPerDay = nano(250'000);
        c.e.config.provider->packetsPerDay = dollars("3");
        QVERIFY(c.up());
        const auto no = c.refusal(c.order(nano(300'000)));
        QVERIFY(no && no->reason == PaymentRefusal::Forbidden);
        QVERIFY(no->remedy.find("small change only") != std::string::npos);
        QVERIFY(!c.refusal(c.order(nano(150'000))));
        const auto limit = c.refusal(c.order(nano(150'000)));
        QVERIFY(limit && limit->reason == PaymentRefusal::Forbidden);
        QVERIFY(limit->remedy.find("all hosts together") != std::string::npos);
        QCOMPARE(c.ofE(PaymentSum::OwedBy), nano(152'500));

        const auto forbidden = c.registerKey(keyOf(1, "1", {IspId(24), IspId(66)}));
        QVERIFY(!forbidden && forbidden.error().refusal == Refusal::Forbidden);
        QVERIFY(forbidden.error().remedy.find("ISP 66") != std::string::npos);
        QVERIFY(c.registerKey(keyOf(2, "2", {IspId(24)})).has_value());
        const auto tooMuch = c.registerKey(keyOf(3, "2", {IspId(24)}));
        QVERIFY(!tooMuch && tooMuch.error().refusal == Refusal::Forbidden);
        QCOMPARE(c.x.edge->installed.size(), size_t{1});
    }

    void sessionKeysOfHostsAreTheIspsAndTheBillIsSplit() {
        Campus c;
        QVERIFY(c.up());
        QVERIFY(c.registerKey(keyOf(1, "1", {IspId(24), IspId(25)})).has_value());
        QVERIFY(c.registerKey(keyOf(2, "1", {IspId(24)})).has_value());
        QCOMPARE(c.x.edge->installed.size(), size_t{2});
        c.x.edge->keys[SessionKeyId(1)] = {SessionKeyId(1), 10, 1000, dollars("0.25"), 10};
        c.x.edge->keys[SessionKeyId(2)] = {SessionKeyId(2), 4, 400, dollars("0.5"), 4};
        const auto final = c.ask<UsageStatement>([&](auto done) { c.b->client->revokeKey(SessionKeyId(1), done); });
        QVERIFY(final && final->final);
        QCOMPARE(final->amount, dollars("0.25"));
        EdgeReport report;
        report.keys = {c.x.edge->keys[SessionKeyId(2)]};
        QVERIFY(c.x.edge->client.report(report) > 0);
        QVERIFY(c.run([&] { return c.x.edge->stored > 0; }));
        const auto usage = c.ask<UsageStatement>([&](auto done) { c.b->client->queryUsage(SessionKeyId(2), done); });
        QVERIFY(usage && !usage->final);
        QCOMPARE(usage->amount, dollars("0.5"));
        // The hosts' bills add up to the ISP's.
        QVERIFY(c.run([&] { return c.provider().at("packets_invoice") == "0.75"; }));
        const auto invoice = c.ask<Invoice>([&](auto done) { c.b->client->queryInvoice(done); });
        QVERIFY(invoice && invoice->total == dollars("0.75"));
        // A key that the ISP does not take is not the host's either.
        c.x.config.customers[0].capLimit = dollars("1");
        const auto sameId = c.registerKey(keyOf(1, "1", {IspId(24)}));
        QVERIFY(!sameId && sameId.error().refusal == Refusal::KeyIdUsed);
    }

    void aKeyIsSettledThoughTheEnterpriseDiedMeanwhile() {
        Campus c;
        QVERIFY(c.up());
        QVERIFY(c.registerKey(keyOf(1, "1", {IspId(24)})).has_value());
        c.x.edge->keys[SessionKeyId(1)] = {SessionKeyId(1), 10, 1000, dollars("0.25"), 10};
        c.x.edge->answersRemovals = false;
        std::optional<UsageStatement> final;
        c.b->client->revokeKey(SessionKeyId(1), [&](auto statement) {
            if (statement) final = *statement;
        });
        QVERIFY(c.run([&] { return c.x.edge->removals > 0; }));
        QVERIFY(c.restart());
        c.x.edge->answersRemovals = true;
        c.x.edge->client.keyRemoved(c.x.edge->keys[SessionKeyId(1)]);
        QVERIFY(c.run([&] { return final.has_value(); }));
        QCOMPARE(final->amount, dollars("0.25"));
    }

    void whatTheEnterpriseConfirmsIsPaidAndShared() {
        Campus c;
        QVERIFY(c.up());
        QVERIFY(c.delivered(*checkedMul(c.t, 20)));
        for (uint64_t i = 0; i < 20; ++i) {
            QVERIFY(c.e.edge->client.sample(arrived(i, i % 2 == 0 ? mirrored : gold, "127.0.0.9", c.t)));
        }
        QVERIFY(c.run([&] { return c.y.sum(SumKind::OwedTo, 24) == *checkedMul(c.t, 20); }));
        QVERIFY(c.run([&] { return c.e.books().outbox().empty() && c.x.books().outbox().empty(); }));
        QCOMPARE(c.x.sum(SumKind::OwedBy, 25), *checkedMul(c.t, 20));
        QCOMPARE(c.x.sum(SumKind::ConfirmedOwn, 24), *checkedMul(c.t, 20));
        QCOMPARE(c.ofE(PaymentSum::Delegated), *checkedMul(c.t, 20));
        // 300/1024 of each of the ten confirmations of the mirrored class, in both books.
        const Money share = Money::fromEighths(10 * (c.t.eighths() * 300 / 1024));
        QCOMPARE(c.ofE(PaymentSum::ShareTo), share);
        QCOMPARE(c.providerSum(PaymentSum::ShareFrom), share);
        QCOMPARE(c.providerSum(PaymentSum::Delegated), *checkedMul(c.t, 20));
        QCOMPARE(c.x.books().alarmCount() + c.e.books().alarmCount(), uint64_t{0});
    }

    void confirmationsWaitForTheIspAndCountOnce() {
        Campus c;
        QVERIFY(c.up());
        QVERIFY(c.delivered(*checkedMul(c.t, 10)));
        c.x.server.reset();
        for (uint64_t i = 0; i < 10; ++i) QVERIFY(c.e.edge->client.sample(arrived(i, mirrored, "127.0.0.9", c.t)));
        QVERIFY(c.run([&] { return c.e.edge->client.samplesWaiting() == 0; }));  // they are durable
        QVERIFY(c.restart());
        QCOMPARE(c.e.books().outbox().size(), size_t{10});
        QVERIFY(c.x.open());
        c.x.start({&c.y});
        for (int round = 0; round < 3; ++round) {
            for (uint64_t i = 0; i < 10; ++i) QVERIFY(c.e.edge->client.sample(arrived(i, mirrored, "127.0.0.9", c.t)));
        }
        QVERIFY(c.run([&] { return c.ofE(PaymentSum::Delegated) == *checkedMul(c.t, 10); }));
        QVERIFY(c.run([&] { return c.e.books().outbox().empty(); }));
        settle(c.io);
        QCOMPARE(c.ofE(PaymentSum::Delegated), *checkedMul(c.t, 10));
        QCOMPARE(c.providerSum(PaymentSum::ShareFrom), c.ofE(PaymentSum::ShareTo));
    }

    void whatIsNotDelegatedIsRefused_data() {
        QTest::addColumn<QString>("destination");
        QTest::addColumn<bool>("delegated");
        QTest::addColumn<QString>("amount");
        QTest::newRow("another's address") << "192.0.2.1" << true << "0.0001";
        QTest::newRow("nobody delegates") << "127.0.0.9" << false << "0.0001";
        QTest::newRow("another amount") << "127.0.0.9" << true << "0.0002";
    }
    void whatIsNotDelegatedIsRefused() {
        QFETCH(QString, destination);
        QFETCH(bool, delegated);
        QFETCH(QString, amount);
        Campus c;
        if (!delegated) c.x.config.customers[0].delegation.reset();
        c.e.config.threshold = dollars(amount.toStdString().c_str());
        QVERIFY(c.up());
        const Money t = c.e.config.threshold;
        QVERIFY(c.e.edge->client.sample(arrived(1, mirrored, destination.toStdString().c_str(), t)));
        QVERIFY(c.run([&] { return c.e.books().alarmCount() == 1; }));
        QVERIFY(c.run([&] { return c.e.books().outbox().empty(); }));
        QCOMPARE(c.e.sum(SumKind::RefusedBy, 24), t);
        QCOMPARE(c.x.sum(SumKind::ConfirmedOwn, 24), Money::zero());
        QCOMPARE(c.ofE(PaymentSum::ShareTo), Money::zero());
        QCOMPARE(c.y.sum(SumKind::OwedTo, 24), Money::zero());
    }

    // The enterprise confirms what never arrived: its ISP's routers know how much went there.
    void moreThanWasDeliveredIsAnAlarm() {
        Campus c;
        QVERIFY(c.up());
        EdgeReport report;
        const auto counted = [&](Money own) {
            report.links = {{IspId(24), ExitPoint(7), 100, 10'000, own, Money::zero()}};
            return c.x.edge->client.report(report) > 0;
        };
        QVERIFY(counted(*checkedMul(c.t, 10)));
        for (uint64_t i = 0; i < 10; ++i) QVERIFY(c.e.edge->client.sample(arrived(i, mirrored, "127.0.0.9", c.t)));
        QVERIFY(c.run([&] { return c.ofE(PaymentSum::Delegated) == *checkedMul(c.t, 10); }));
        const auto end = std::chrono::steady_clock::now() + 900ms;
        QVERIFY(c.run([&] {
            (void)counted(*checkedMul(c.t, 10));
            return std::chrono::steady_clock::now() > end;
        }));
        QCOMPARE(c.x.books().alarmCount(), uint64_t{0});
        for (uint64_t i = 10; i < 20; ++i) QVERIFY(c.e.edge->client.sample(arrived(i, mirrored, "127.0.0.9", c.t)));
        QVERIFY(c.run([&] {
            (void)counted(*checkedMul(c.t, 10));
            return c.x.books().alarmCount() > 0;
        }));
        const auto& alarms = c.x.books().alarms();
        QVERIFY(std::any_of(alarms.begin(), alarms.end(), [](const Alarm& alarm) {
            return alarm.kind == AlarmKind::TooMuchConfirmed && alarm.subject == "customer E";
        }));
        QCOMPARE(c.ofE(PaymentSum::Delegated), *checkedMul(c.t, 10));  // and nobody pays for it
        QCOMPARE(c.y.sum(SumKind::OwedTo, 24), *checkedMul(c.t, 10));
        QCOMPARE(c.e.books().outbox().size(), size_t{10});
    }

    // A confirmation may be quicker than the routers' report.
    void whatTheRoutersHaveNotReportedYetWaits() {
        Campus c;
        QVERIFY(c.up());
        for (uint64_t i = 0; i < 10; ++i) QVERIFY(c.e.edge->client.sample(arrived(i, mirrored, "127.0.0.9", c.t)));
        QVERIFY(c.run([&] { return c.e.books().outbox().size() == 10; }));
        settle(c.io);
        QCOMPARE(c.ofE(PaymentSum::Delegated), Money::zero());
        QVERIFY(c.delivered(*checkedMul(c.t, 10)));
        QVERIFY(c.run([&] { return c.ofE(PaymentSum::Delegated) == *checkedMul(c.t, 10); }));
        QVERIFY(c.run([&] { return c.e.books().outbox().empty(); }));
        QCOMPARE(c.x.books().alarmCount() + c.e.books().alarmCount(), uint64_t{0});
    }

    // The ISP's own router samples what the customer confirms: nothing is confirmed twice.
    void aRouterThatWasNotToldIsRefused() {
        Campus c;
        QVERIFY(c.up());
        QVERIFY(c.delivered(*checkedMul(c.t, 10)));
        for (uint64_t i = 0; i < 5; ++i) QVERIFY(c.x.edge->client.sample(arrived(i, mirrored, "127.0.0.9", c.t)));
        QVERIFY(c.x.edge->client.sample(arrived(5, mirrored, "192.0.2.9", c.t)));  // somebody else's
        for (uint64_t i = 10; i < 15; ++i) QVERIFY(c.e.edge->client.sample(arrived(i, mirrored, "127.0.0.9", c.t)));
        QVERIFY(c.run([&] { return c.ofE(PaymentSum::Delegated) == *checkedMul(c.t, 5); }));
        QVERIFY(c.run([&] { return c.x.sum(SumKind::ConfirmedOwn, 24) == *checkedMul(c.t, 6); }));
        settle(c.io);
        QCOMPARE(c.x.sum(SumKind::ConfirmedOwn, 24), *checkedMul(c.t, 6));
        const auto& alarms = c.x.books().alarms();
        QVERIFY(!alarms.empty());
        QVERIFY(alarms[0].subject.find("router") == 0);
        QVERIFY(alarms[0].text.find("counter = 7") != std::string::npos);
    }
};

QTEST_GUILESS_MAIN(TestEnterprise)
#include "test_enterprise.moc"
