// Several accounting servers in one ISP (NetPaS Figure 6): B → Z (26) → Y (25) → X (24) → A. Z has one server; y1 meets Z, y2
// meets X, x2 meets Y, and A and the routers that serve it belong to x1.
#include <QtTest>

#include <nlohmann/json.hpp>

#include "tests/core/paid_endpoint.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;

namespace {

const ExitPoint intoY(1);
const ExitPoint intoX(2);

AccountingHeader headerBy(ExitPoint z, ExitPoint y) {
    const PriceCode price = *PriceCode::roundUp(nano(10));
    const ServiceClass gold(1);
    return *AccountingHeader::make(std::vector<HopBlock>{
        {IspId(26), gold, price, z}, {IspId(25), gold, price, y}, {IspId(24), gold, price, ExitPoint(0)}});
}

struct Two {
    Two() : z(io, 26), y1(io, 25), y2(io, 25), x1(io, 24), x2(io, 24) {
        y1.config.name = "y1";
        y2.config.name = "y2";
        x1.config.name = "x1";
        x2.config.name = "x2";
        z.addNeighbour(y1, {intoY});
        y1.addNeighbour(z, {intoY});
        y2.addNeighbour(x2, {intoX});
        x2.addNeighbour(y2, {intoX});
        y1.addSibling(y2);
        y2.addSibling(y1);
        x1.addSibling(x2);
        x2.addSibling(x1);
        // An ISP's signatures are checked with the keys of all its servers.
        const KnownSigner byY2{IspId(25), y2.identity.publicKey()};
        const KnownSigner byX1{IspId(24), x1.identity.publicKey()};
        const KnownSigner byX2{IspId(24), x2.identity.publicKey()};
        z.config.signers = {byY2, byX1, byX2};
        y1.config.signers = {byX1, byX2};
        y2.config.signers = {byX1};
        y1.addCustomer("B", "127.0.0.0/8");
        x1.addCustomer("A", "127.0.0.0/8");
        x1.config.customers[0].payments.mayReceive = true;
        for (Isp* isp : all()) {
            for (NeighbourConfig& neighbour : isp->config.neighbours) neighbour.credit = dollars("100");
            isp->config.paymentFee.fixed = isp->config.isp == IspId(24) ? nano(2'000) : nano(500);
        }
    }
    std::vector<Isp*> all() { return {&z, &y1, &y2, &x1, &x2}; }
    std::vector<const Isp*> others(const Isp& isp) {
        if (&isp == &z) return {&y1};
        if (&isp == &y1) return {&z, &y2};
        if (&isp == &y2) return {&y1, &x2};
        if (&isp == &x2) return {&y2, &x1};
        return {&x2};
    }
    bool up() {
        for (Isp* isp : all()) {
            if (!isp->open()) return false;
        }
        for (Isp* isp : all()) {
            isp->start(others(*isp));
            isp->startEdge();
        }
        return run([&] {
            const auto isps = all();
            return std::all_of(isps.begin(), isps.end(), [](Isp* isp) { return isp->edge->client.isUp(); });
        });
    }
    void kill(Isp& isp) { isp.server.reset(); }
    bool restart(Isp& isp) {
        isp.server.reset();
        if (!isp.open()) return false;
        isp.start(others(isp));
        return true;
    }
    bool run(const std::function<bool()>& condition) { return runUntil(io, condition); }
    bool quiet() {
        for (Isp* isp : all()) {
            if (!isp->server || !isp->books().outbox().empty() || isp->edge->client.samplesWaiting() > 0) return false;
        }
        return true;
    }
    static Money between(const Isp& isp, PaymentSum kind, const char* sibling) {
        return isp.books().sum(kind, Party{{}, {}, sibling}).total;
    }
    // What one of them says that it owes is what the other says that it is owed.
    bool siblingsAgree() {
        return between(y1, PaymentSum::CarriedFor, "y2") == between(y2, PaymentSum::CarriedBy, "y1") &&
               between(y1, PaymentSum::CarriedBy, "y2") == between(y2, PaymentSum::CarriedFor, "y1") &&
               between(x2, PaymentSum::CarriedFor, "x1") == between(x1, PaymentSum::CarriedBy, "x2") &&
               between(x2, PaymentSum::CarriedBy, "x1") == between(x1, PaymentSum::CarriedFor, "x2");
    }
    uint64_t alarms() {
        uint64_t count = 0;
        for (Isp* isp : all()) count += isp->books().alarmCount();
        return count;
    }

    // --- payments
    template <typename T, typename Ask>
    std::optional<T> ask(Ask call) {
        std::optional<tl::expected<T, ClientFailure>> result;
        call([&](tl::expected<T, ClientFailure> r) { result = std::move(r); });
        run([&] { return result.has_value(); });
        return result && *result ? std::optional<T>(**result) : std::nullopt;
    }
    size_t customersOfX1AtX2() const {
        const auto json = nlohmann::json::parse(x2.server->booksJson());
        return json.at("servers").at(0).at("customers").get<size_t>();
    }
    bool paying() {
        a = std::make_unique<PaidEndpoint>(io, x1);
        b = std::make_unique<PaidEndpoint>(io, y1);
        const bool joined = ask<Joined>([&](auto done) { a->client->join(done); }).has_value() &&
                            ask<Joined>([&](auto done) { b->client->join(done); }).has_value();
        return joined && receive() && ready();
    }
    bool receive() {
        const auto set = ask<ReceivingSet>([&](auto done) { a->client->setReceiving(true, done); });
        return set && !set->refused;
    }
    bool ready() {
        return run([&] { return fees().size() == 2; }) && run([&] { return customersOfX1AtX2() == 1; });
    }
    std::vector<payments::Fee> fees() {
        const auto found = ask<RouteFound>([&](auto done) { b->client->findRoute(IspId(24), nano(100'000), done); });
        return found ? found->fees : std::vector<payments::Fee>{};
    }
    payments::SignedOrder order() {
        payments::SignedOrder made;
        payments::Payment& payment = made.order.payment;
        payment.id = payments::newPaymentId();
        payment.payee = a->identity.nodeId();
        payment.amount = nano(100'000);
        payment.time = systemClock().now();
        made.order.payer = b->identity.nodeId();
        made.order.fees = fees();
        payment.expires = payment.time + std::chrono::seconds(made.order.fees.size() + 1);
        made.signature = b->identity.sign(payments::orderMessage(made.order));
        return made;
    }
    using Outcome = AccountingClient::PaymentOutcome;
    std::optional<Outcome> pay(const payments::SignedOrder& order) {
        return ask<Outcome>([&](auto done) { b->client->pay(order, done); });
    }
    static Money owed(const Isp& isp, PaymentSum kind, const Party& party) {
        return isp.books().sum(kind, party).total;
    }

    boost::asio::io_context io;
    Isp z, y1, y2, x1, x2;
    std::unique_ptr<PaidEndpoint> a, b;
    AccountingHeader header = headerBy(intoY, intoX);
    Money t = dollars("0.0001");
};

Money times(Money amount, int64_t factor) { return *checkedMul(amount, factor); }

// Somebody who speaks with a server directly, with whatever key.
struct Speaker {
    Speaker(boost::asio::io_context& io, const Identity& identity, const Isp& to)
        : dialer(io, identity, loopback(to.port), to.identity.publicKey(),
                 {[this](std::shared_ptr<net::TlsConnection> connection) {
                      link = std::move(connection);
                      link->onMessage = [this](ByteView bytes) {
                          const auto message = decode(bytes);
                          const auto* ack = message ? std::get_if<Ack>(&*message) : nullptr;
                          if (ack != nullptr) acks.insert(acks.end(), ack->entries.begin(), ack->entries.end());
                      };
                  },
                  [this](net::NetError) { ++down; }}) {
        dialer.start();
    }
    std::optional<AckResult> answer(Two& c, const Message& message) {
        acks.clear();
        if (!c.run([&] { return link != nullptr; }) || !link->send(encode(message))) return std::nullopt;
        if (!c.run([&] { return !acks.empty(); })) return std::nullopt;
        return acks.front().result;
    }
    std::shared_ptr<net::TlsConnection> link;
    std::vector<AckEntry> acks;
    int down = 0;
    net::TlsDialer dialer;
};

Confirmation confirmationOf(const Two& c, uint64_t number, const Identity& confirming, const Identity& beneficiary) {
    Confirmation made;
    made.id = idOf(number);
    made.time = systemClock().now();
    made.confirming = IspId(24);
    made.beneficiary = IspId(25);
    made.amount = c.t;
    made.header = c.header;
    signAsConfirming(made, confirming);
    signAsBeneficiary(made, beneficiary);
    return made;
}

}  // namespace

class TestAccountingSiblings : public QObject {
    Q_OBJECT

private slots:
    void confirmationsGoBackTheWayThatThePacketCame() {
        Two c;
        QVERIFY(c.up());
        QVERIFY(c.y1.edge->client.sample(sampleOf(1, 26, c.header, c.t)));  // Z's service, as it came in
        QVERIFY(c.x2.edge->client.sample(sampleOf(2, 25, c.header, c.t)));  // Y's
        QVERIFY(c.x2.edge->client.sample(sampleOf(3, 25, c.header, c.t)));
        QVERIFY(c.x1.edge->client.sample(sampleOf(4, 24, c.header, c.t)));  // X's own, where it is delivered
        QVERIFY(c.run([&] { return c.z.sum(SumKind::OwedTo, 25) == times(c.t, 3) && c.quiet(); }));

        QCOMPARE(c.z.sum(SumKind::ConfirmedOwn, 25), c.t);
        QCOMPARE(c.y1.sum(SumKind::OwedBy, 26), times(c.t, 3));
        QCOMPARE(c.y1.sum(SumKind::MadeFor, 26), c.t);
        // Confirmations are counted where the packets left, because their counters are there.
        QCOMPARE(c.y2.sum(SumKind::ConfirmedOwn, 24), times(c.t, 2));
        QCOMPARE(c.y2.sum(SumKind::ConfirmedIsp, 24), c.t);
        QCOMPARE(c.y1.sum(SumKind::ConfirmedOwn, 24), Money::zero());
        QCOMPARE(c.y2.sum(SumKind::OwedTo, 24), c.t);
        QCOMPARE(c.x2.sum(SumKind::OwedBy, 25), c.t);
        QCOMPARE(c.x1.sum(SumKind::ConfirmedOwn, 24), c.t);
        // Inside Y: y1 gets from Z what it owes y2. Inside X likewise.
        QCOMPARE(Two::between(c.y1, PaymentSum::CarriedFor, "y2"), times(c.t, 3));
        QCOMPARE(Two::between(c.x2, PaymentSum::CarriedFor, "x1"), c.t);
        QVERIFY(c.siblingsAgree());
        QCOMPARE(c.alarms(), uint64_t{0});
    }

    // The router is y2's, the place where Z's packets came in is y1's.
    void whatTheRouterOfASiblingSampledIsSignedByThePreviousIspAllTheSame() {
        Two c;
        QVERIFY(c.up());
        QVERIFY(c.y2.edge->client.sample(sampleOf(1, 26, c.header, c.t)));
        QVERIFY(c.run([&] { return c.z.sum(SumKind::ConfirmedOwn, 25) == c.t && c.quiet(); }));
        QCOMPARE(c.y2.sum(SumKind::MadeFor, 26), c.t);
        QCOMPARE(Two::between(c.y1, PaymentSum::CarriedFor, "y2"), Money::zero());  // nothing is owed for one's own
        QVERIFY(c.siblingsAgree());
    }

    void whatASiblingDoesNotTakeWaits() {
        Two c;
        QVERIFY(c.up());
        c.kill(c.y1);
        for (uint64_t i = 0; i < 50; ++i) QVERIFY(c.x2.edge->client.sample(sampleOf(i, 25, c.header, c.t)));
        QVERIFY(c.run([&] { return c.y2.books().outbox().size() == 50 && c.x2.books().outbox().empty(); }));
        QCOMPARE(Two::between(c.y2, PaymentSum::CarriedBy, "y1"), Money::zero());
        // y2 dies, too: what it has acknowledged is in its books, for y1.
        QVERIFY(c.restart(c.y2));
        QCOMPARE(c.y2.books().outbox().size(), size_t{50});
        QVERIFY(c.restart(c.y1));
        QVERIFY(c.run([&] { return c.z.sum(SumKind::OwedTo, 25) == times(c.t, 50) && c.quiet(); }));
        QCOMPARE(Two::between(c.y2, PaymentSum::CarriedBy, "y1"), times(c.t, 50));
        QVERIFY(c.siblingsAgree());
    }

    void sumsAgreeAfterManyCrashes() {
        Two c;
        QVERIFY(c.up());
        SeededRandom random(7);
        uint64_t number = 0;
        uint64_t ofX = 0;
        for (int round = 0; round < 12; ++round) {
            for (int i = 0; i < 20; ++i) {
                const bool own = random.below(2) == 0;
                ofX += own ? 1 : 0;
                Isp& at = own ? c.x1 : c.x2;
                QVERIFY(at.edge->client.sample(sampleOf(number++, own ? 24 : 25, c.header, c.t)));
            }
            c.io.restart();
            for (uint64_t i = random.below(60); i > 0; --i) c.io.run_one_for(1ms);
            Isp* victims[] = {&c.y1, &c.y2, &c.x2};
            QVERIFY(c.restart(*victims[random.below(3)]));
        }
        QVERIFY(c.run([&] { return c.quiet() && c.z.sum(SumKind::OwedTo, 25) == times(c.t, int64_t(number)); }));
        QCOMPARE(c.y1.sum(SumKind::OwedBy, 26), c.z.sum(SumKind::OwedTo, 25));
        QCOMPARE(c.y2.sum(SumKind::OwedTo, 24), times(c.t, int64_t(ofX)));
        QCOMPARE(c.x2.sum(SumKind::OwedBy, 25), c.y2.sum(SumKind::OwedTo, 24));
        QCOMPARE(Two::between(c.y1, PaymentSum::CarriedFor, "y2"), times(c.t, int64_t(number)));
        QVERIFY(c.siblingsAgree());
    }

    // y2 answers for the packets that left by its exit, and for no others.
    void aConfirmationForAnotherPlaceIsRefused() {
        Two c;
        QVERIFY(c.up());
        Speaker x2(c.io, c.x2.identity, c.y2);
        Confirmation elsewhere = confirmationOf(c, 1, c.x2.identity, c.y2.identity);
        elsewhere.beneficiarySignature = {};
        elsewhere.header = headerBy(intoY, ExitPoint(9));
        signAsConfirming(elsewhere, c.x2.identity);
        QCOMPARE(x2.answer(c, ConfirmationToCountersign{elsewhere}), AckResult::WrongPath);
        QCOMPARE(c.y2.sum(SumKind::ConfirmedOwn, 24), Money::zero());
        // Nor does it come from where none of us is.
        elsewhere.header = headerBy(ExitPoint(9), intoX);
        signAsConfirming(elsewhere, c.x2.identity);
        QCOMPARE(x2.answer(c, ConfirmationToCountersign{elsewhere}), AckResult::WrongPath);
    }

    void aSiblingThatLiesIsRefused() {
        Two c;
        QVERIFY(c.up());
        Speaker y2(c.io, c.y2.identity, c.y1);
        const Identity stranger = Identity::generate();
        QCOMPARE(y2.answer(c, ForwardedConfirmation{confirmationOf(c, 1, c.x2.identity, stranger)}),
                 AckResult::BadSignature);
        // What would have to go to a sibling again goes nowhere.
        Speaker y1(c.io, c.y1.identity, c.y2);
        QCOMPARE(y1.answer(c, ForwardedConfirmation{confirmationOf(c, 2, c.x2.identity, c.y2.identity)}),
                 AckResult::WrongPath);
        // The same one twice is taken once.
        const Confirmation good = confirmationOf(c, 3, c.x2.identity, c.y2.identity);
        QCOMPARE(y2.answer(c, ForwardedConfirmation{good}), AckResult::Accepted);
        QCOMPARE(y2.answer(c, ForwardedConfirmation{good}), AckResult::Duplicate);
        QVERIFY(c.run([&] { return c.z.sum(SumKind::OwedTo, 25) == c.t; }));
        settle(c.io);
        QCOMPARE(c.z.sum(SumKind::OwedTo, 25), c.t);
        QCOMPARE(Two::between(c.y1, PaymentSum::CarriedFor, "y2"), c.t);
    }

    void aStrangerIsNoSibling() {
        Two c;
        QVERIFY(c.up());
        // y2 has no customers, so nobody else is let in.
        const Identity stranger = Identity::generate();
        Speaker forged(c.io, stranger, c.y2);
        QVERIFY(c.run([&] { return forged.down > 0; }));
        QVERIFY(forged.link == nullptr);
    }

    void aPaymentPassesThroughTwoServersOfEachIsp() {
        Two c;
        QVERIFY(c.up());
        QVERIFY(c.paying());
        const auto order = c.order();
        QCOMPARE(order.order.fees.size(), size_t{2});  // ISPs, not servers
        QCOMPARE(order.order.fees[0].amount, nano(500));
        const auto outcome = c.pay(order);
        QVERIFY(outcome && std::holds_alternative<payments::PaymentConfirmation>(*outcome));
        QVERIFY(payments::verify(std::get<payments::PaymentConfirmation>(*outcome), order.order.payment));
        QCOMPARE(Two::owed(c.y1, PaymentSum::OwedBy, {"B", {}}), nano(102'500));
        QCOMPARE(Two::owed(c.y1, PaymentSum::OwedTo, {{}, {}, "y2"}), nano(102'000));
        QCOMPARE(Two::owed(c.y2, PaymentSum::OwedBy, {{}, {}, "y1"}), nano(102'000));
        QCOMPARE(Two::owed(c.y2, PaymentSum::OwedTo, {{}, IspId(24)}), nano(102'000));
        QCOMPARE(Two::owed(c.x2, PaymentSum::OwedBy, {{}, IspId(25)}), nano(102'000));
        QCOMPARE(Two::owed(c.x2, PaymentSum::OwedTo, {{}, {}, "x1"}), nano(100'000));
        QCOMPARE(Two::owed(c.x1, PaymentSum::OwedBy, {{}, {}, "x2"}), nano(100'000));
        QCOMPARE(Two::owed(c.x1, PaymentSum::OwedTo, {"A", {}}), nano(100'000));
    }

    void aCancellationPassesThemAll() {
        Two c;
        QVERIFY(c.up());
        QVERIFY(c.paying());
        c.a->forges = true;
        const auto order = c.order();
        const auto outcome = c.pay(order);
        QVERIFY(outcome && std::holds_alternative<payments::PaymentConfirmation>(*outcome));
        const auto ack = c.ask<PaymentAckEntry>(
            [&](auto done) { c.b->client->cancelPayment(order.order.payment.id, c.a->identity.publicKey(), done); });
        QVERIFY(ack && ack->result == PaymentResult::Done);
        QVERIFY(c.run([&] { return c.a->cancelled.size() == 1; }));
        QCOMPARE(Two::owed(c.y2, PaymentSum::TakenBackFrom, {{}, {}, "y1"}), nano(102'000));
        QCOMPARE(Two::owed(c.x1, PaymentSum::TakenBackTo, {"A", {}}), nano(100'000));
        QVERIFY(c.run([&] { return c.x2.books().payment(order.order.payment.id)->toldTo; }));
        QCOMPARE(c.alarms(), uint64_t{0});
    }

    void aPayeeThatIsAwayAndOneThatIsUnknown() {
        Two c;
        QVERIFY(c.up());
        QVERIFY(c.paying());
        c.a->client->stop();
        settle(c.io);
        const auto away = c.pay(c.order());
        QVERIFY(away && std::holds_alternative<PaymentRefused>(*away));
        QCOMPARE(std::get<PaymentRefused>(*away).reason, PaymentRefusal::PayeeAway);
        auto order = c.order();
        order.order.payment.payee = Identity::generate().nodeId();
        order.signature = c.b->identity.sign(payments::orderMessage(order.order));
        const auto unknown = c.pay(order);
        QVERIFY(unknown && std::holds_alternative<PaymentRefused>(*unknown));
        QCOMPARE(std::get<PaymentRefused>(*unknown).reason, PaymentRefusal::UnknownPayee);
        QCOMPARE(std::get<PaymentRefused>(*unknown).where, IspId(24));
    }

    // Each server in turn dies with the confirmation on its way.
    void everybodyAgreesAfterCrashes() {
        Two c;
        QVERIFY(c.up());
        QVERIFY(c.paying());
        int round = 0;
        for (Isp* victim : {&c.y2, &c.x2, &c.y2, &c.x2}) {
            QVERIFY(c.ready());
            const auto order = c.order();
            std::optional<Two::Outcome> outcome;
            c.b->client->pay(order, [&](auto result) {
                if (result) outcome = *result;
            });
            const size_t offered = static_cast<size_t>(++round);
            QVERIFY(c.run([&] { return c.a->offered.size() == offered; }));
            QVERIFY(c.restart(*victim));
            QVERIFY(c.run([&] { return outcome.has_value(); }));
        }
        const auto settled = [&] {
            return Two::owed(c.y1, PaymentSum::OwedTo, {{}, {}, "y2"}) ==
                       Two::owed(c.y2, PaymentSum::OwedBy, {{}, {}, "y1"}) &&
                   Two::owed(c.y2, PaymentSum::OwedTo, {{}, IspId(24)}) ==
                       Two::owed(c.x2, PaymentSum::OwedBy, {{}, IspId(25)}) &&
                   Two::owed(c.x2, PaymentSum::OwedTo, {{}, {}, "x1"}) ==
                       Two::owed(c.x1, PaymentSum::OwedBy, {{}, {}, "x2"});
        };
        QVERIFY(c.run(settled));
        QCOMPARE(Two::owed(c.x1, PaymentSum::OwedTo, {"A", {}}).eighths() * 102'000,
                 Two::owed(c.y2, PaymentSum::OwedTo, {{}, IspId(24)}).eighths() * 100'000);
    }
};

QTEST_GUILESS_MAIN(TestAccountingSiblings)
#include "test_accounting_siblings.moc"
