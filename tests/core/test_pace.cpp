#include <QtTest>

#include "core/cost_pace.h"
#include "core/pace.h"

using namespace netpas;
using namespace std::chrono_literals;

class TestPace : public QObject {
    Q_OBJECT

private slots:
    void aBurstIsFreeThenEachWaitsForHisTurn() {
        Pace pace(10, 5);
        const SteadyTime now{1h};
        for (int i = 0; i < 5; ++i) QVERIFY(pace.turn("a", now) <= 0ns);
        QCOMPARE(pace.turn("a", now), SteadyTime::duration(100ms));
        QCOMPARE(pace.turn("a", now), SteadyTime::duration(200ms));
        QVERIFY(pace.turn("b", now) <= 0ns);  // another one's is another
        QVERIFY(pace.turn("a", now + 1h) <= 0ns);
    }

    void whoIsTooFastIsRefusedAndThatDoesNotCount() {
        Pace pace(10, 5);
        const SteadyTime now{1h};
        int allowed = 0;
        for (int i = 0; i < 1000; ++i) allowed += pace.mayNow("a", now) ? 1 : 0;
        QCOMPARE(allowed, 6);
        QVERIFY(!pace.mayNow("a", now + 50ms));
        QVERIFY(pace.mayNow("a", now + 100ms));
        // So many a second in the long run, however often he tries.
        allowed = 0;
        for (auto at = now + 1s; at < now + 101s; at += 1ms) allowed += pace.mayNow("a", at) ? 1 : 0;
        QVERIFY2(allowed >= 1000 && allowed <= 1010, qPrintable(QString::number(allowed)));
    }

    void whatTakesLongIsPaidBackTheMoreSlowly() {
        CostPace pace(16, 1s);
        const SteadyTime now{1h};
        QVERIFY(pace.wait("a", now) <= 0ns);
        // A third of a millisecond, 500 times a second: less than is paid back meanwhile.
        for (int i = 0; i < 5000; ++i) pace.took("a", 300us, now + i * 2ms);
        QVERIFY(pace.wait("a", now + 10s) <= 0ns);
        // Ten milliseconds: 1.6 s each.
        pace.took("b", 10ms, now);
        QCOMPARE(pace.wait("b", now), CostPace::Duration(600ms));
        QVERIFY(pace.wait("b", now + 600ms) <= 0ns);
        QVERIFY(pace.wait("a", now + 10s) <= 0ns);
        for (int i = 0; i < 1000; ++i) pace.took("c", 1h, now);
        QCOMPARE(pace.wait("c", now), CostPace::Duration(10min - 1s));
    }

    void namesThatMeanNothingAnyMoreAreForgotten() {
        Pace pace(1, 1);
        const SteadyTime now{1h};
        for (int i = 0; i < 100'000; ++i) QVERIFY(pace.mayNow(std::to_string(i), now + i * 10ms));
        QVERIFY(pace.kept() < 2000);
    }

    void askingIsNoTurn() {
        Pace pace(1, 1);
        const SteadyTime now{1h};
        for (int i = 0; i < 10; ++i) QVERIFY(pace.couldNow("a", now));
        QCOMPARE(pace.kept(), size_t{0});
        QVERIFY(pace.mayNow("a", now) && pace.mayNow("a", now));
        QVERIFY(!pace.couldNow("a", now) && pace.couldNow("a", now + 1s) && pace.couldNow("b", now));
    }

    void aCrowdIsNotLookedThroughForEachOfThem() {
        Pace pace(1, 1);
        const SteadyTime now{1h};
        const auto come = [&](int from, int to, SteadyTime at) {
            for (int i = from; i < to; ++i) QVERIFY(pace.mayNow(std::to_string(i), at));
        };
        come(0, 3000, now);
        QCOMPARE(pace.kept(), size_t{3000});
        // All of them could be forgotten now, and are when more have come.
        come(3000, 3001, now + 1h);
        QCOMPARE(pace.kept(), size_t{3001});
        come(3001, 4500, now + 1h);
        QVERIFY2(pace.kept() < 2000, qPrintable(QString::number(pace.kept())));
    }
};

QTEST_APPLESS_MAIN(TestPace)
#include "test_pace.moc"
