// Strangers at an ISP that knows only money (NetPaS §3.1.4): what was paid to a visitor is what it may spend, and no more. B pays A as in Figure 2; A stands on
// a line for visitors of X.
#include <QtTest>
#include <nlohmann/json.hpp>

#include "core/accounting/visitors.h"
#include "tests/core/figure2.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;

namespace {

struct Hotspot : Figure2 {
    Hotspot() {
        CustomerConfig& line = x.config.customers[0];
        line.name = "hotspot";
        line.visitors = true;
        line.payments.maySend = false;
        line.payments.spendsReceived = true;
    }
    bool open() {
        if (!up()) return false;
        x.startEdge();
        return run([&] { return x.edge->client.isUp(); });
    }
    bool paid(Money amount) {
        const auto outcome = pay(order(amount, fees(24, amount)));
        return outcome && std::holds_alternative<payments::PaymentConfirmation>(*outcome);
    }
    SessionKey key(uint32_t id, Money cap) const {
        SessionKey made;
        made.id = SessionKeyId(id);
        made.secret[0] = static_cast<uint8_t>(id);
        made.cap = made.capPerSecond = cap;
        made.allowed = {IspId(24)};
        made.expires = systemClock().now() + 60s;
        return made;
    }
    // Nothing: it was taken.
    std::optional<std::string> refusal(PaidEndpoint& end, uint32_t id, Money cap) {
        std::optional<tl::expected<KeyReady, ClientFailure>> result;
        end.client->registerKey(key(id, cap), [&](auto answer) { result = std::move(answer); });
        if (!run([&] { return result.has_value(); })) return "no answer";
        return *result ? std::nullopt : std::optional(result->error().remedy);
    }
    std::string account() const { return visitorAccount("hotspot", a->identity.nodeId()); }
    nlohmann::json visitors() const {
        return nlohmann::json::parse(x.server->booksJson()).value("visitors", nlohmann::json::array());
    }
};

}  // namespace

class TestVisitors : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void accountsAreNamedByTheirLineAndKey() {
        const NodeId node = Identity::fromSeed({5}).nodeId();
        const std::string account = visitorAccount("hotspot", node);
        QCOMPARE(account, "hotspot/" + node.hex().substr(0, 32));
        QCOMPARE(configuredName(account), std::string("hotspot"));
        QCOMPARE(configuredName("hotspot"), std::string("hotspot"));
        QVERIFY(isVisitorAccount(account) && !isVisitorAccount("hotspot"));
        QVERIFY(visitorAccount(std::string(maxVisitorLine, 'x'), node).size() <= 64);
    }

    void nothingIsSpentThatWasNotReceived() {
        Hotspot w;
        QVERIFY(w.open());
        const auto refused = w.refusal(*w.a, 1, nano(1));
        QVERIFY(refused && refused->find("0 dollars are left") != std::string::npos);
        QVERIFY(w.paid(nano(100'000)));
        QVERIFY(w.refusal(*w.a, 2, nano(100'001)).has_value());
        QVERIFY(!w.refusal(*w.a, 3, nano(60'000)));
        // What an open key may spend is gone for another one.
        QVERIFY(w.refusal(*w.a, 4, nano(40'001)).has_value());
        QVERIFY(!w.refusal(*w.a, 5, nano(40'000)));
        QVERIFY(w.refusal(*w.a, 6, nano(1)).has_value());
        QVERIFY(w.paid(nano(10)));
        QVERIFY(!w.refusal(*w.a, 7, nano(10)));
    }

    void whatAKeyDidNotUseIsThereAgain() {
        Hotspot w;
        QVERIFY(w.open());
        QVERIFY(w.paid(nano(100'000)));
        QVERIFY(!w.refusal(*w.a, 1, nano(100'000)));
        w.x.edge->keys[SessionKeyId(1)].amount = nano(30'000);
        w.x.edge->keys[SessionKeyId(1)].packets = 3;
        const auto final = w.ask<UsageStatement>([&](auto done) { w.a->client->revokeKey(SessionKeyId(1), done); });
        QVERIFY(final && final->final && final->amount == nano(30'000));
        QVERIFY(w.refusal(*w.a, 2, nano(70'001)).has_value());
        QVERIFY(!w.refusal(*w.a, 3, nano(70'000)));
        const auto visitors = w.visitors();
        QCOMPARE(visitors.size(), size_t{1});
        QCOMPARE(visitors[0].value("account", ""), w.account());
        QCOMPARE(visitors[0].value("received", ""), nano(100'000).toString());
        QCOMPARE(visitors[0].value("amount", ""), nano(30'000).toString());
        QCOMPARE(visitors[0].value("left", ""), std::string("0"));
    }

    // Each has its own account, although they stand on the same line.
    void oneVisitorDoesNotSpendAnothersMoney() {
        Hotspot w;
        QVERIFY(w.open());
        QVERIFY(w.paid(nano(100'000)));
        PaidEndpoint other(w.io, w.x);
        QVERIFY(w.join(other));
        QVERIFY(w.refusal(other, 1, nano(1)).has_value());
        QVERIFY(!w.refusal(*w.a, 2, nano(100'000)));
        QCOMPARE(w.x.books().customers().size(), size_t{2});
    }

    // Else the payer could have it taken back when it is spent already.
    void whatIsBadlyConfirmedIsNotCredited() {
        Hotspot w;
        QVERIFY(w.open());
        w.a->forges = true;
        std::optional<Figure2::Outcome> outcome;
        w.b->client->pay(w.order(nano(100'000), w.fees(24, nano(100'000))), [&](auto result) {
            if (result) outcome = *result;
        });
        QVERIFY(w.run([&] { return !w.a->taken.empty() || outcome.has_value(); }));
        QVERIFY(!w.a->taken.empty());
        QCOMPARE(w.a->taken[0].result, PaymentResult::BadProof);
        QCOMPARE(w.owed(w.x, PaymentSum::OwedTo, {w.account(), {}}), Money::zero());
        QVERIFY(w.refusal(*w.a, 1, nano(1)).has_value());
    }

    void visitorsPayNobody() {
        Hotspot w;
        QVERIFY(w.open());
        QVERIFY(w.paid(nano(100'000)));
        auto order = w.order(nano(10), {{IspId(24), nano(2'000)}});
        order.order.payer = w.a->identity.nodeId();
        order.order.payment.payee = w.b->identity.nodeId();
        order.signature = w.a->identity.sign(payments::orderMessage(order.order));
        const auto outcome = w.ask<Figure2::Outcome>([&](auto done) { w.a->client->pay(order, done); });
        QVERIFY(outcome && std::holds_alternative<PaymentRefused>(*outcome));
        QCOMPARE(std::get<PaymentRefused>(*outcome).reason, PaymentRefusal::MayNotSend);
    }

    // Who comes, has nothing and goes, makes room; who has money stays.
    void strangersDoNotFillTheBooks() {
        Hotspot w;
        w.x.config.customers[0].maxVisitors = 3;
        QVERIFY(w.open());
        QVERIFY(w.paid(nano(100'000)));
        for (int i = 0; i < 20; ++i) {
            PaidEndpoint passing(w.io, w.x);
            QVERIFY2(w.join(passing), qPrintable(QString::number(i)));
            passing.client->stop();
            settle(w.io);
        }
        QVERIFY(w.x.books().customers().size() <= 3);
        QVERIFY(w.x.books().customers().contains(w.account()));
        // Those who are there do not make room.
        std::vector<std::unique_ptr<PaidEndpoint>> staying;
        bool refused = false;
        for (int i = 0; i < 4; ++i) {
            staying.push_back(std::make_unique<PaidEndpoint>(w.io, w.x));
            refused = !w.join(*staying.back()) || refused;
        }
        QVERIFY(refused);
    }

    void theAccountOutlivesTheServer() {
        Hotspot w;
        QVERIFY(w.open());
        QVERIFY(w.paid(nano(100'000)));
        w.x.edge.reset();
        w.x.server.reset();
        QVERIFY(w.x.open());
        w.x.start({&w.y});
        w.x.startEdge(2);
        QVERIFY(w.run([&] { return w.x.edge->client.isUp(); }));
        const auto refused = w.refusal(*w.a, 1, nano(100'000));
        QVERIFY2(!refused, refused ? refused->c_str() : "");
        QVERIFY(w.refusal(*w.a, 2, nano(1)).has_value());
    }
};

QTEST_GUILESS_MAIN(TestVisitors)
#include "test_visitors.moc"
