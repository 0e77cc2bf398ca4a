// NetPaS Figure 3: B pays Z (26), Y (25) and X (24) for packets to A. Confirmations, duplicates, crashes, comparison.
#include <QtTest>

#include "tests/core/books_backend.h"
#include "tests/core/confirmation_chain.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;

namespace {

Money times(Money amount, int64_t factor) { return *checkedMul(amount, factor); }

}  // namespace

class TestAccountingChain : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { NETPAS_NEED_DATABASE(); }
    void initTestCase_data() {
        QTest::addColumn<bool>("shared");
        QTest::newRow("own signatures") << false;
        QTest::newRow("shared signatures") << true;
    }
    void init() {
        QFETCH_GLOBAL(bool, shared);
        signaturesShared = shared;
    }

    void everyConfirmationOfFigure3EndsInTheRightSums() {
        Chain c;
        QVERIFY(c.open());
        c.start();
        QVERIFY(c.run([&] { return c.up(); }));
        // Y confirms Z's service, X confirms Y's, X confirms its own.
        QVERIFY(c.y.edge->client.sample(sampleOf(1, 26, c.header, c.t)));
        QVERIFY(c.x.edge->client.sample(sampleOf(2, 25, c.header, c.t)));
        QVERIFY(c.x.edge->client.sample(sampleOf(3, 25, c.header, c.t)));
        QVERIFY(c.x.edge->client.sample(sampleOf(4, 24, c.header, c.t)));
        QVERIFY(c.run([&] { return c.z.sum(SumKind::OwedTo, 25) == times(c.t, 3) && c.quiet(); }));

        QCOMPARE(c.z.sum(SumKind::ConfirmedOwn, 25), c.t);      // Z's own service: nobody owes for it but B
        QCOMPARE(c.z.sum(SumKind::OwedTo, 25), times(c.t, 3));  // two of Y's and one of X's
        QCOMPARE(c.z.sum(SumKind::ConfirmedIsp, 25), times(c.t, 2));
        QCOMPARE(c.z.sum(SumKind::ConfirmedIsp, 24), c.t);
        QCOMPARE(c.y.sum(SumKind::OwedBy, 26), times(c.t, 3));  // both ends agree
        QCOMPARE(c.y.sum(SumKind::OwedTo, 24), c.t);            // X's own, passed on
        QCOMPARE(c.y.sum(SumKind::ConfirmedOwn, 24), times(c.t, 2));
        QCOMPARE(c.y.sum(SumKind::MadeFor, 26), c.t);
        QCOMPARE(c.x.sum(SumKind::OwedBy, 25), c.t);
        QCOMPARE(c.x.sum(SumKind::ConfirmedOwn, 24), c.t);
        QCOMPARE(c.x.sum(SumKind::MadeFor, 25), times(c.t, 2));
        QCOMPARE(c.x.sum(SumKind::OwedTo, 25), Money::zero());
        QCOMPARE(c.y.books().alarmCount(), uint64_t{0});
    }

    void repeatedSamplesChangeNothing() {
        Chain c;
        QVERIFY(c.open());
        c.start();
        QVERIFY(c.run([&] { return c.up(); }));
        for (int round = 0; round < 5; ++round) {
            QVERIFY(c.x.edge->client.sample(sampleOf(7, 25, c.header, c.t)));
            QVERIFY(c.run([&] { return c.quiet(); }));
        }
        QVERIFY(c.run([&] { return c.z.sum(SumKind::OwedTo, 25) == c.t; }));
        settle(c.io);
        QCOMPARE(c.z.sum(SumKind::OwedTo, 25), c.t);
        QCOMPARE(c.y.sum(SumKind::ConfirmedOwn, 24), c.t);
        QCOMPARE(c.x.sum(SumKind::MadeFor, 25), c.t);
    }

    void confirmationsWaitWhileANeighbourIsAway() {
        Chain c;
        QVERIFY(c.x.open() && c.y.open());
        c.x.start({&c.y});
        c.y.start({&c.x});
        c.x.startEdge();
        for (uint64_t i = 0; i < 50; ++i) QVERIFY(c.x.edge->client.sample(sampleOf(i, 25, c.header, c.t)));
        // Y has said that it has them all.
        QVERIFY(c.run([&] { return c.x.sum(SumKind::MadeFor, 25) == times(c.t, 50) && c.x.waiting() == 0; }));
        QCOMPARE(c.y.sum(SumKind::OwedBy, 26), Money::zero());  // Z has not said yes
        // Y dies and comes back: what was acknowledged to X is there.
        c.y.server.reset();
        QVERIFY(c.y.open());
        QCOMPARE(c.y.waiting(), size_t{50});
        QVERIFY(c.z.open());
        c.z.start({&c.y});
        c.y.start({&c.x, &c.z});
        QVERIFY(c.run([&] { return c.y.sum(SumKind::OwedBy, 26) == times(c.t, 50); }));
        QCOMPARE(c.z.sum(SumKind::OwedTo, 25), times(c.t, 50));
        QVERIFY(c.run([&] { return c.y.waiting() == 0; }));
    }

    // Servers vanish at random moments, without their last commit when it had not happened, and come back.
    void sumsAgreeAfterManyCrashes() {
        Chain c;
        QVERIFY(c.open());
        c.start();
        QVERIFY(c.run([&] { return c.up(); }));
        SeededRandom random(11);
        uint64_t number = 0;
        for (int round = 0; round < 12; ++round) {
            for (int i = 0; i < 40; ++i) {
                const uint16_t beneficiary = random.below(2) == 0 ? 25 : 24;
                QVERIFY(c.x.edge->client.sample(sampleOf(number++, beneficiary, c.header, c.t)));
            }
            c.io.restart();
            for (uint64_t i = random.below(60); i > 0; --i) c.io.run_one_for(1ms);
            Isp& victim = random.below(2) == 0 ? c.y : c.z;
            victim.server.reset();
            QVERIFY(victim.open());
            if (&victim == &c.y) {
                victim.start({&c.x, &c.z});
            } else {
                victim.start({&c.y});
            }
        }
        const auto settled = [&] {
            return c.quiet() && c.z.sum(SumKind::OwedTo, 25) == times(c.t, static_cast<int64_t>(number));
        };
        QVERIFY(c.run(settled));
        QCOMPARE(c.y.sum(SumKind::OwedBy, 26), c.z.sum(SumKind::OwedTo, 25));
        QCOMPARE(c.x.sum(SumKind::OwedBy, 25), c.y.sum(SumKind::OwedTo, 24));
        const Money own = c.y.sum(SumKind::ConfirmedOwn, 24);
        QCOMPARE(own, c.x.sum(SumKind::MadeFor, 25));
        QCOMPARE(*checkedAdd(own, c.y.sum(SumKind::OwedTo, 24)), c.z.sum(SumKind::OwedTo, 25));
    }

    void expiredAndFutureConfirmationsAreRefused() {
        ManualClock early(SystemTime(std::chrono::hours(500'000)));
        ManualClock late(early.now());
        boost::asio::io_context io;
        Isp y(io, 25, late);
        Isp x(io, 24, early);
        y.addNeighbour(x);
        x.addNeighbour(y);
        x.config.batchSignatures = y.config.batchSignatures = signaturesShared;
        QVERIFY(x.open() && y.open());
        x.startEdge();
        x.start({&y});
        const AccountingHeader header = headerOf({{25, 10}, {24, 3}});
        // X's clock is 10 s behind Y's plus the lifetime: expired on arrival.
        late.advance(y.config.confirmationLifetime + 10s);
        QVERIFY(x.edge->client.sample(sampleOf(1, 25, header, dollars("0.0001"))));
        QVERIFY(runUntil(io, [&] { return x.books().alarmCount() == 1; }));
        QVERIFY(runUntil(io, [&] { return x.waiting() == 0; }));
        QCOMPARE(y.sum(SumKind::ConfirmedOwn, 24), Money::zero());
        // Now X is ahead: Y refuses until its clock has caught up, and nothing is lost.
        early.setWall(late.now() + 20s);
        QVERIFY(x.edge->client.sample(sampleOf(2, 25, header, dollars("0.0001"))));
        settle(io);
        QCOMPARE(y.sum(SumKind::ConfirmedOwn, 24), Money::zero());
        QCOMPARE(x.waiting(), size_t{1});
        late.advance(16s);
        QVERIFY(runUntil(io, [&] { return y.sum(SumKind::ConfirmedOwn, 24) == dollars("0.0001"); }));
    }

    void confirmationsThatCannotBeRightAreRefusedAndCounted() {
        Chain c;
        QVERIFY(c.open());
        c.start();
        QVERIFY(c.run([&] { return c.up(); }));
        // X speaks to Y directly, with its own key, and says what an honest server never says.
        std::vector<AckEntry> acks;
        std::shared_ptr<net::TlsConnection> link;
        net::TlsDialer liar(c.io, c.x.identity, loopback(c.y.port), c.y.identity.publicKey(),
                            {[&](std::shared_ptr<net::TlsConnection> connection) {
                                 link = connection;
                                 link->onMessage = [&](ByteView bytes) {
                                     const auto message = decode(bytes);
                                     if (const auto* ack = std::get_if<Ack>(&*message)) {
                                         acks.insert(acks.end(), ack->entries.begin(), ack->entries.end());
                                     }
                                 };
                             },
                             nullptr});
        liar.start();
        QVERIFY(c.run([&] { return link != nullptr; }));
        const auto answer = [&](const Message& message) -> std::optional<AckResult> {
            acks.clear();
            if (!link->send(encode(message))) return std::nullopt;
            if (!c.run([&] { return !acks.empty(); })) return std::nullopt;
            return acks.front().result;
        };
        Confirmation good;
        good.id = idOf(100);
        good.time = systemClock().now();
        good.confirming = IspId(24);
        good.beneficiary = IspId(25);
        good.amount = c.t;
        good.header = c.header;
        signAsConfirming(good, c.x.identity);

        Confirmation forged = good;
        forged.amount = times(c.t, 2);
        QCOMPARE(answer(ConfirmationToCountersign{forged}), std::optional(AckResult::BadSignature));
        Confirmation stolen = good;
        signAsConfirming(stolen, c.z.identity);
        QCOMPARE(answer(ConfirmationToCountersign{stolen}), std::optional(AckResult::BadSignature));
        Confirmation elsewhere = good;
        elsewhere.header = headerOf({{26, 2}, {25, 10}, {77, 3}});
        elsewhere.confirming = IspId(77);
        signAsConfirming(elsewhere, c.x.identity);
        QCOMPARE(answer(ConfirmationToCountersign{elsewhere}), std::optional(AckResult::WrongPath));
        Confirmation notOurs = good;
        notOurs.beneficiary = IspId(26);
        notOurs.confirming = IspId(25);
        signAsConfirming(notOurs, c.x.identity);
        QCOMPARE(answer(ConfirmationToCountersign{notOurs}), std::optional(AckResult::WrongPath));
        Confirmation nothing = good;
        nothing.amount = Money::zero();
        signAsConfirming(nothing, c.x.identity);
        QCOMPARE(answer(ConfirmationToCountersign{nothing}), std::optional(AckResult::WrongAmount));
        // A countersigned confirmation of Y's own service has no business coming back to Y.
        QCOMPARE(answer(ForwardedConfirmation{good}), std::optional(AckResult::WrongPath));
        QCOMPARE(answer(ConfirmationToCountersign{good}), std::optional(AckResult::Accepted));
        QCOMPARE(answer(ConfirmationToCountersign{good}), std::optional(AckResult::Duplicate));
        Confirmation reused = good;
        reused.excerpt.fill(9);
        signAsConfirming(reused, c.x.identity);
        QCOMPARE(answer(ConfirmationToCountersign{reused}), std::optional(AckResult::Conflict));
        QCOMPARE(c.y.sum(SumKind::ConfirmedOwn, 24), c.t);
        QVERIFY(c.run([&] { return c.z.sum(SumKind::OwedTo, 25) == c.t; }));
        QVERIFY(c.y.books().alarmCount() >= 6);
    }

    void countersAndConfirmationsAreComparedAndFraudRaisesAnAlarm() {
        Chain c;
        QVERIFY(c.open());
        c.start();
        QVERIFY(c.run([&] { return c.up(); }));
        EdgeReport report;
        report.links = {{IspId(24), ExitPoint(1), 1000, 100'000, times(c.t, 20), times(c.t, 6)}};
        report.downstream = {{IspId(24), times(c.t, 6)}};
        for (uint64_t i = 0; i < 20; ++i) QVERIFY(c.x.edge->client.sample(sampleOf(i, 25, c.header, c.t)));
        for (uint64_t i = 20; i < 26; ++i) QVERIFY(c.x.edge->client.sample(sampleOf(i, 24, c.header, c.t)));
        const auto keepReporting = [&](auto condition) {
            auto next = std::chrono::steady_clock::now();
            return c.run([&] {
                if (std::chrono::steady_clock::now() >= next) {
                    c.y.edge->client.report(report);
                    next = std::chrono::steady_clock::now() + 50ms;
                }
                return condition();
            });
        };
        QVERIFY(keepReporting([&] { return c.y.sum(SumKind::ConfirmedOwn, 24) == times(c.t, 20); }));
        // Honest for longer than the grace time: no alarm.
        const auto until = std::chrono::steady_clock::now() + 1s;
        QVERIFY(keepReporting([&] { return std::chrono::steady_clock::now() > until; }));
        QCOMPARE(c.y.books().alarmCount(), uint64_t{0});
        // X invents three more confirmations of Y's service than packets explain: gained at Z's expense, seen at Y.
        for (uint64_t i = 100; i < 103; ++i) QVERIFY(c.x.edge->client.sample(sampleOf(i, 25, c.header, c.t)));
        QVERIFY(keepReporting([&] { return c.y.books().alarmCount() > 0; }));
        QCOMPARE(c.y.books().alarms().front().kind, AlarmKind::TooMuchConfirmed);
        // And when X withholds what the counters show, that is seen too.
        report.links[0].own = times(c.t, 40);
        QVERIFY(keepReporting([&] { return c.y.books().alarms().back().kind == AlarmKind::TooLittleConfirmed; }));
        QVERIFY(c.y.server->booksJson().find("too-little-confirmed") != std::string::npos);
    }
};

QTEST_APPLESS_MAIN(TestAccountingChain)
#include "test_accounting_chain.moc"
