// Micropayments over real links between real accounting servers (NetPaS Figure 2): B pays A through Y (25) and X (24).
#include <QtTest>

#include "tests/core/paid_endpoint.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;

namespace {

struct Figure2 {
    Figure2() : x(io, 24), y(io, 25) {
        y.addCustomer("B", "127.0.0.0/8");
        x.addCustomer("A", "127.0.0.0/8");
        x.config.customers[0].payments.mayReceive = true;
        y.addNeighbour(x);
        x.addNeighbour(y);
        x.config.neighbours[0].credit = y.config.neighbours[0].credit = dollars("100");
        y.config.paymentFee.fixed = nano(500);
        x.config.paymentFee.fixed = nano(2'000);
    }
    bool up() {
        if (!x.open() || !y.open()) return false;
        x.start({&y});
        y.start({&x});
        a = std::make_unique<PaidEndpoint>(io, x);
        b = std::make_unique<PaidEndpoint>(io, y);
        return join(*a) && join(*b) && receive() && run([&] { return !fees(24, nano(1)).empty(); });
    }
    bool run(const std::function<bool()>& condition) { return runUntil(io, condition); }
    template <typename T, typename Ask>
    std::optional<T> ask(Ask call) {
        std::optional<tl::expected<T, ClientFailure>> result;
        call([&](tl::expected<T, ClientFailure> r) { result = std::move(r); });
        run([&] { return result.has_value(); });
        return result && *result ? std::optional<T>(**result) : std::nullopt;
    }
    bool join(PaidEndpoint& end) {
        return ask<Joined>([&](auto done) { end.client->join(done); }).has_value();
    }
    bool receive() {
        const auto set = ask<ReceivingSet>([&](auto done) { a->client->setReceiving(true, done); });
        return set && !set->refused;
    }
    std::vector<payments::Fee> fees(uint16_t isp, Money amount) {
        const auto found = ask<RouteFound>([&](auto done) { b->client->findRoute(IspId(isp), amount, done); });
        return found ? found->fees : std::vector<payments::Fee>{};
    }
    payments::SignedOrder order(Money amount, std::vector<payments::Fee> fees) {
        payments::SignedOrder made;
        payments::Payment& payment = made.order.payment;
        payment.id = payments::newPaymentId();
        payment.payee = a->identity.nodeId();
        payment.amount = amount;
        payment.time = systemClock().now();
        payment.expires = payment.time + std::chrono::seconds(fees.size() + 1);
        made.order.payer = b->identity.nodeId();
        made.order.fees = std::move(fees);
        made.signature = b->identity.sign(payments::orderMessage(made.order));
        return made;
    }
    using Outcome = AccountingClient::PaymentOutcome;
    std::optional<Outcome> pay(const payments::SignedOrder& order) {
        return ask<Outcome>([&](auto done) { b->client->pay(order, done); });
    }
    Money owed(Isp& isp, PaymentSum kind, const Party& party) { return isp.books().sum(kind, party).total; }
    Money yOwedByB() { return owed(y, PaymentSum::OwedBy, {"B", {}}); }
    Money xOwedToA() { return owed(x, PaymentSum::OwedTo, {"A", {}}); }

    boost::asio::io_context io;
    Isp x, y;
    std::unique_ptr<PaidEndpoint> a, b;
};

}  // namespace

class TestAccountingPayments : public QObject {
    Q_OBJECT

private slots:
    void figure2() {
        Figure2 w;
        QVERIFY(w.up());
        const auto fees = w.fees(24, nano(100'000));
        QCOMPARE(fees.size(), size_t{2});
        QCOMPARE(fees[0].amount, nano(500));
        QCOMPARE(fees[1].amount, nano(2'000));
        const auto order = w.order(nano(100'000), fees);
        const auto outcome = w.pay(order);
        QVERIFY(outcome && std::holds_alternative<payments::PaymentConfirmation>(*outcome));
        QVERIFY(payments::verify(std::get<payments::PaymentConfirmation>(*outcome), order.order.payment));
        QCOMPARE(w.yOwedByB(), nano(102'500));
        QCOMPARE(w.owed(w.y, PaymentSum::OwedTo, {{}, IspId(24)}), nano(102'000));
        QCOMPARE(w.owed(w.x, PaymentSum::OwedBy, {{}, IspId(25)}), nano(102'000));
        QCOMPARE(w.xOwedToA(), nano(100'000));
        QVERIFY(w.run([&] { return w.a->taken.size() == 1; }));
        QCOMPARE(w.a->taken[0].result, PaymentResult::Done);
        const auto said =
            w.ask<PaymentStatement>([&](auto done) { w.b->client->queryPayment(order.order.payment.id, done); });
        QVERIFY(said && said->state == PaymentState::Confirmed && said->charged == nano(102'500));
    }

    void theSamePaymentAgainPaysNothingAgain() {
        Figure2 w;
        QVERIFY(w.up());
        const auto order = w.order(nano(100'000), w.fees(24, nano(100'000)));
        for (int i = 0; i < 3; ++i) {
            const auto outcome = w.pay(order);
            QVERIFY(outcome && std::holds_alternative<payments::PaymentConfirmation>(*outcome));
        }
        QCOMPARE(w.yOwedByB(), nano(102'500));
        QCOMPARE(w.a->offered.size(), size_t{1});
    }

    void aSilentPayeeCostsNothing() {
        Figure2 w;
        QVERIFY(w.up());
        w.a->answers = false;
        const auto begin = std::chrono::steady_clock::now();
        const auto outcome = w.pay(w.order(nano(100'000), w.fees(24, nano(100'000))));
        QVERIFY(outcome && std::holds_alternative<PaymentRefused>(*outcome));
        QCOMPARE(std::get<PaymentRefused>(*outcome).reason, PaymentRefusal::Expired);
        QVERIFY(std::chrono::steady_clock::now() - begin >= 5s);
        QCOMPARE(w.yOwedByB(), Money::zero());
    }

    void aForgedConfirmationIsTakenBack() {
        Figure2 w;
        QVERIFY(w.up());
        w.a->forges = true;
        const auto order = w.order(nano(100'000), w.fees(24, nano(100'000)));
        const auto outcome = w.pay(order);
        QVERIFY(outcome && std::holds_alternative<payments::PaymentConfirmation>(*outcome));
        QVERIFY(!payments::verify(std::get<payments::PaymentConfirmation>(*outcome), order.order.payment));
        const auto ack = w.ask<PaymentAckEntry>(
            [&](auto done) { w.b->client->cancelPayment(order.order.payment.id, w.a->identity.publicKey(), done); });
        QVERIFY(ack && ack->result == PaymentResult::Done);
        QVERIFY(w.run([&] { return w.a->cancelled.size() == 1; }));
        QCOMPARE(w.owed(w.x, PaymentSum::TakenBackTo, {"A", {}}), nano(100'000));
        QCOMPARE(w.owed(w.y, PaymentSum::TakenBackFrom, {"B", {}}), nano(102'500));
    }

    void aPayeeThatIsAwayIsSaidSo() {
        Figure2 w;
        QVERIFY(w.up());
        w.a->client->stop();
        settle(w.io);
        const auto outcome = w.pay(w.order(nano(100'000), w.fees(24, nano(100'000))));
        QVERIFY(outcome && std::holds_alternative<PaymentRefused>(*outcome));
        QCOMPARE(std::get<PaymentRefused>(*outcome).reason, PaymentRefusal::PayeeAway);
        QCOMPARE(std::get<PaymentRefused>(*outcome).where, IspId(24));
        w.a->make();
        QVERIFY(w.receive());
        const auto again = w.pay(w.order(nano(100'000), w.fees(24, nano(100'000))));
        QVERIFY(again && std::holds_alternative<payments::PaymentConfirmation>(*again));
    }

    // X dies with the confirmation in its books, before Y has it.
    void aServerThatDiesInTheMiddleAgreesAfterwards() {
        Figure2 w;
        QVERIFY(w.up());
        for (int round = 0; round < 5; ++round) {
            const auto order = w.order(nano(100'000), w.fees(24, nano(100'000)));
            std::optional<Figure2::Outcome> outcome;
            w.b->client->pay(order, [&](auto result) {
                if (result) outcome = *result;
            });
            QVERIFY(w.run([&] { return w.a->offered.size() == static_cast<size_t>(round) + 1; }));
            w.x.server.reset();
            QVERIFY(w.x.open());
            w.x.start({&w.y});
            QVERIFY(w.run([&] { return outcome.has_value(); }));
            QVERIFY(w.run([&] { return !w.fees(24, nano(1)).empty(); }));
            QVERIFY(w.receive());
        }
        QVERIFY(w.run([&] {
            return w.owed(w.y, PaymentSum::OwedTo, {{}, IspId(24)}) == w.owed(w.x, PaymentSum::OwedBy, {{}, IspId(25)});
        }));
        const Money passed = w.owed(w.y, PaymentSum::OwedTo, {{}, IspId(24)});
        QCOMPARE(passed.eighths() * 100'000, w.xOwedToA().eighths() * 102'000);
    }

    void aStrangerPaysNothing() {
        Figure2 w;
        QVERIFY(w.up());
        PaidEndpoint stranger(w.io, w.y);
        std::optional<Figure2::Outcome> outcome;
        stranger.client->pay(w.order(nano(100'000), w.fees(24, nano(100'000))), [&](auto result) {
            if (result) outcome = *result;
        });
        QVERIFY(w.run([&] { return outcome.has_value(); }));
        QCOMPARE(std::get<PaymentRefused>(*outcome).reason, PaymentRefusal::BadOrder);
        QCOMPARE(w.yOwedByB(), Money::zero());
    }
};

QTEST_GUILESS_MAIN(TestAccountingPayments)
#include "test_accounting_payments.moc"
