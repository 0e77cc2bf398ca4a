// Which neighbour is bought from, how often that changes, and what finding out costs.
#include <QtTest>

#include "cartographer/neighbours/ranking.h"

using namespace netpas;
using namespace netpas::neighbours;
using namespace std::chrono_literals;

namespace {

PublicKey key(uint8_t number) {
    PublicKey out;
    out.bytes[0] = number;
    return out;
}

const SteadyTime start{1000h};

Candidate candidate(uint8_t number, int64_t perKb, double mbit, double arrives = 1) {
    return {key(number), Money::fromEighths(perKb), Measured{mbit * 1e6, arrives, start}};
}

}  // namespace

class TestRanking : public QObject {
    Q_OBJECT

private slots:
    void theCheapestThatIsGoodEnoughIsBest() {
        // Cheap and slow, dear and fast, in between; one that is cheap because half is lost.
        const auto ranked = rank(
            {candidate(1, 100, 1), candidate(2, 900, 50), candidate(3, 500, 6), candidate(4, 100, 50, 0.5)}, {}, start);
        QCOMPARE(ranked.size(), size_t{4});
        QVERIFY((ranked[0] == Choice{key(3), Reason::CheapestGood}));
        QVERIFY((ranked[1] == Choice{key(2), Reason::CheapestGood}));
        QVERIFY((ranked[2] == Choice{key(4), Reason::BestThereIs}));
        QVERIFY((ranked[3] == Choice{key(1), Reason::BestThereIs}));
    }

    void lossMakesDearer() {
        const auto ranked = rank({candidate(1, 990, 50, 0.98), candidate(2, 1000, 50, 1)}, {}, start);
        QVERIFY(ranked[0].neighbour == key(2));
    }

    void upstreamAndDownstreamAreTwoRankings() {
        // The same two neighbours, asked about each direction with its own price and measurement.
        const auto up = rank({candidate(1, 100, 50), candidate(2, 200, 50)}, {}, start);
        const auto down = rank({candidate(1, 300, 50), candidate(2, 200, 50)}, {}, start);
        QVERIFY(up[0].neighbour == key(1) && down[0].neighbour == key(2));
    }

    void whatIsOldIsNotKnown() {
        const auto ranked = rank({candidate(1, 100, 50)}, {}, start + 2h);
        QCOMPARE(ranked[0].reason, Reason::CheapestKnown);
    }

    void aLittleCheaperIsNoReasonToChange() {
        Chooser chooser({});
        QVERIFY(chooser.choose({candidate(1, 100, 50), candidate(2, 105, 50)}, {}, start)->neighbour == key(1));
        for (int i = 0; i < 1000; ++i) {
            const auto choice = chooser.choose({candidate(1, 100, 50), candidate(2, 90, 50)}, {}, start + i * 1s);
            QVERIFY(choice->neighbour == key(1));
        }
    }

    void clearlyBetterForAWhileIs() {
        Chooser chooser({});
        const std::vector<Candidate> two{candidate(1, 100, 50), candidate(2, 50, 50)};
        QVERIFY(chooser.choose({candidate(1, 100, 50)}, {}, start)->neighbour == key(1));
        QVERIFY(chooser.choose(two, {}, start)->neighbour == key(1));
        QVERIFY(chooser.choose(two, {}, start + 59s)->neighbour == key(1));
        QVERIFY(chooser.choose(two, {}, start + 60s)->neighbour == key(2));
    }

    void whoGoesUpAndDownIsNotFollowed() {
        Chooser chooser({});
        int changes = 0;
        std::optional<PublicKey> last;
        for (int i = 0; i < 3600; i += 10) {
            const int64_t price = i / 30 % 2 == 0 ? 50 : 200;  // half a minute each
            const auto choice = chooser.choose({candidate(1, 100, 50), candidate(2, price, 50)}, {}, start + i * 1s);
            changes += last && choice->neighbour != *last ? 1 : 0;
            last = choice->neighbour;
        }
        QVERIFY2(changes <= 1, qPrintable(QString::number(changes)));
    }

    void whoIsGoneIsLeftAtOnce() {
        Chooser chooser({});
        QVERIFY(chooser.choose({candidate(1, 100, 50), candidate(2, 200, 50)}, {}, start)->neighbour == key(1));
        QVERIFY(chooser.choose({candidate(2, 200, 50)}, {}, start)->neighbour == key(2));
        QVERIFY(!chooser.choose({}, {}, start));
    }

    void testsCostNoMoreThanTheirAllowance() {
        TestAllowance::Options options;
        options.perHour = Money::fromEighths(3'600'000);
        TestAllowance tests(options);
        // 1000 eighths per kB and 2 MB: 2,000,000 eighths each.
        std::vector<Candidate> candidates;
        for (uint8_t i = 1; i <= 20; ++i) candidates.push_back({key(i), Money::fromEighths(1000), std::nullopt});
        QCOMPARE(tests.costOf(Money::fromEighths(1000)), Money::fromEighths(2'000'000));
        constexpr int hours = 5;
        int made = 0;
        for (int second = 0; second < hours * 3600; ++second)
            made += tests.next(candidates, start + second * 1s) ? 1 : 0;
        QVERIFY(tests.spent() <= Money::fromEighths((hours + 1) * 3'600'000));
        QVERIFY(made >= hours);
        QCOMPARE(tests.spent(), Money::fromEighths(made * int64_t{2'000'000}));
    }

    void theUnknownFirstAndNobodyWhoIsUsed() {
        TestAllowance tests({});
        Candidate used = candidate(1, 0, 50), old = candidate(2, 0, 50), unknown{key(3), Money::zero(), std::nullopt};
        const SteadyTime now = start + 400s;
        used.measured->at = now - 10s;
        QVERIFY(tests.next({used, old, unknown}, now) == key(3));
        QVERIFY(tests.next({used, old, unknown}, now) == key(2));
        QVERIFY(!tests.next({used, old, unknown}, now));
        QVERIFY(tests.next({used, old, unknown}, now + 600s).has_value());
    }
};

QTEST_APPLESS_MAIN(TestRanking)
#include "test_ranking.moc"
