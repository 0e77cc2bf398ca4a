// Micropayments over real links between real accounting servers (NetPaS Figure 2): B pays A through Y (25) and X (24).
#include <QtTest>

#include "tests/core/books_backend.h"
#include "tests/core/figure2.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;

class TestAccountingPayments : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { NETPAS_NEED_DATABASE(); }

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
