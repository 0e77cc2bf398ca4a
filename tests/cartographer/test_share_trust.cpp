// Liars among the members: the combined estimate stays with the honest ones.
#include <QtTest>
#include <cmath>

#include "cartographer/share/trust.h"
#include "core/random.h"

using namespace netpas;
using namespace netpas::share;

namespace {

PublicKey key(uint8_t number) {
    PublicKey out;
    out.bytes[0] = number;
    return out;
}

Opinion opinion(uint8_t number, double value, double half) { return {key(number), value, value - half, value + half}; }

double uniform(RandomSource& random) { return static_cast<double>(random.below(1'000'000)) / 1e6; }
// Of standard deviation one.
double noise(RandomSource& random) {
    double sum = 0;
    for (int i = 0; i < 12; ++i) sum += uniform(random);
    return sum - 6;
}

// What liars say in a round, when the truth is one.
using Lie = std::function<double(size_t liar, int round, RandomSource& random)>;

struct Crowd {
    size_t honest = 14;
    size_t liars = 6;  // 30 %
    int rounds = 40;
    double deviation = 0.04;  // of honest members' estimates, as a share
    bool own = false;         // the host has measurements of its own
    double tightness = 0.05;  // of the interval that a liar states
};

// The largest difference that the liars make in any round, as a share of what is found without them; and what they count at the end, against
// the honest.
struct Outcome {
    double worst = 0;
    double liars = 0;
    double honest = 0;
};

Outcome play(const Crowd& crowd, const Lie& lie, double truth, uint64_t seed) {
    SeededRandom random(seed);
    TrustBook with, without;
    Outcome outcome;
    const size_t all = crowd.honest + crowd.liars;
    for (int round = 0; round < crowd.rounds; ++round) {
        std::vector<Opinion> said;
        for (size_t i = 0; i < all; ++i) {
            const bool honest = i < crowd.honest;
            const double value =
                truth *
                std::max(honest ? 1 + crowd.deviation * noise(random) : lie(i - crowd.honest, round, random), 0.0);
            said.push_back(
                opinion(static_cast<uint8_t>(i), value, value * (honest ? 2 * crowd.deviation : crowd.tightness)));
        }
        const std::vector<Opinion> honest(said.begin(), said.begin() + static_cast<std::ptrdiff_t>(crowd.honest));
        std::optional<Opinion> own;
        if (crowd.own) own = opinion(255, truth * (1 + crowd.deviation * noise(random)), truth * 2 * crowd.deviation);
        const auto learn = [&](TrustBook& book, const std::vector<Opinion>& from) {
            for (const Opinion& one : from) {
                std::vector<Opinion> others;
                std::copy_if(from.begin(), from.end(), std::back_inserter(others),
                             [&](const Opinion& other) { return other.signer != one.signer; });
                book.learn(one, others, own, {});
            }
        };
        learn(with, said);
        learn(without, honest);
        const auto found = combine(said, [&](const PublicKey& signer) { return with.weight(signer); });
        const auto clean = combine(honest, [&](const PublicKey& signer) { return without.weight(signer); });
        outcome.worst = std::max(outcome.worst, std::abs(found->value - clean->value) / clean->value);
    }
    for (size_t i = 0; i < all; ++i)
        (i < crowd.honest ? outcome.honest : outcome.liars) += with.weight(key(static_cast<uint8_t>(i)));
    outcome.honest /= static_cast<double>(crowd.honest);
    outcome.liars /= static_cast<double>(crowd.liars);
    return outcome;
}

}  // namespace

class TestShareTrust : public QObject {
    Q_OBJECT

private slots:
    void liarsMoveTheEstimateByLessThanATenth_data() {
        QTest::addColumn<int>("kind");
        QTest::addColumn<bool>("own");
        const char* const names[] = {"constant", "colluding", "random", "drifting", "turning", "tiny", "just beyond"};
        for (int kind = 0; kind < 7; ++kind) {
            for (const bool own : {false, true})
                QTest::addRow("%s, %s", names[kind], own ? "with own measurements" : "newcomer") << kind << own;
        }
    }
    void liarsMoveTheEstimateByLessThanATenth() {
        QFETCH(int, kind);
        QFETCH(bool, own);
        const Lie lies[] = {
            [](size_t liar, int, RandomSource&) { return 3.0 + static_cast<double>(liar); },
            [](size_t, int, RandomSource&) { return 1.5; },
            [](size_t, int, RandomSource& random) { return uniform(random) * 10; },
            // Together, a percent at a time, so that no step is a jump.
            [](size_t, int round, RandomSource&) { return 1 + 0.01 * round; },
            // Honest until they are believed.
            [](size_t, int round, RandomSource&) { return round < 20 ? 1.0 : 2.0; },
            [](size_t, int, RandomSource&) { return 0.001; },
            // As far as is still excused.
            [](size_t, int, RandomSource&) { return 1.12; },
        };
        for (const double truth : {0.02, 3.0}) {
            for (uint64_t seed = 1; seed <= 60; ++seed) {
                Crowd crowd;
                crowd.own = own;
                const Outcome outcome = play(crowd, lies[kind], truth, seed);
                QVERIFY2(outcome.worst < 0.1, qPrintable(QString("seed %1: %2").arg(seed).arg(outcome.worst)));
            }
        }
    }

    void blatantLiarsAreHardlyCountedInTheEnd() {
        const Outcome outcome = play(
            {}, [](size_t, int, RandomSource&) { return 2.0; }, 0.02, 5);
        QVERIFY2(outcome.liars < 0.02, qPrintable(QString::number(outcome.liars)));
        QVERIFY2(outcome.honest > 0.6, qPrintable(QString::number(outcome.honest)));
    }

    // A test that lets everything pass proves nothing: the plain mean is moved far by the same liars.
    void theMeanWouldBeMoved() {
        const std::vector<Opinion> said{opinion(1, 1, 0.1), opinion(2, 1, 0.1), opinion(3, 8, 0.1)};
        double mean = 0;
        for (const Opinion& one : said) mean += one.value / 3;
        QVERIFY(mean > 3);
        QCOMPARE(combine(said, [](const PublicKey&) { return 1.0; })->value, 1.0);
    }

    void aMajorityOfLiarsOnOneSegmentIsNotBelievedAgainstOwnMeasurements() {
        TrustBook book;
        for (int round = 0; round < 20; ++round) {
            for (uint8_t i = 0; i < 7; ++i) {
                const double value = i < 5 ? 2.0 : 1.0;
                book.learn(opinion(i, value, 0.05), {}, opinion(99, 1, 0.05), {});
            }
        }
        std::vector<Opinion> said;
        for (uint8_t i = 0; i < 7; ++i) said.push_back(opinion(i, i < 5 ? 2.0 : 1.0, 0.05));
        const auto found = combine(said, [&](const PublicKey& signer) { return book.weight(signer); });
        QVERIFY(std::abs(found->value - 1) < 0.1);
    }

    void nobodyIsMoreThanHalfOfTheOthers() {
        const std::vector<Opinion> said{opinion(1, 9, 0), opinion(2, 1, 0), opinion(3, 1.1, 0)};
        const auto weightOf = [](const PublicKey& signer) { return signer.bytes[0] == 1 ? 1.0 : 0.2; };
        const auto found = combine(said, weightOf);
        QVERIFY(found->value <= 1.1);
        QVERIFY(found->weight < 0.7);
        QCOMPARE(found->signers, size_t{3});
    }

    // Where few measure, liars may be the most. Who has been found to lie elsewhere does not outvote those who were right.
    void theFewWhoAreBelievedAreNotOutvoted() {
        const std::vector<Opinion> said{opinion(1, 1, 0), opinion(2, 9, 0), opinion(3, 9, 0), opinion(4, 9, 0)};
        const auto found = combine(said, [](const PublicKey& signer) { return signer.bytes[0] == 1 ? 0.8 : 0.01; });
        QCOMPARE(found->value, 1.0);
        QCOMPARE(found->signers, size_t{1});
        QCOMPARE(found->heard, size_t{4});
    }

    // Nor do they take away the trust in the only one who speaks besides them.
    void whoIsBelievedIsNotJudgedByThoseWhoAreNot() {
        TrustBook book;
        const std::vector<Opinion> liars{opinion(2, 9, 0.1), opinion(3, 9, 0.1), opinion(4, 9, 0.1)};
        for (int round = 0; round < 50; ++round) {
            book.learn(opinion(1, 1, 0.05), {}, opinion(99, 1, 0.05), {});
            for (const Opinion& liar : liars) book.learn(liar, {}, opinion(99, 1, 0.05), {});
        }
        const double trusted = book.weight(key(1));
        QVERIFY(trusted > 0.9);
        for (int round = 0; round < 50; ++round) book.learn(opinion(1, 1, 0.05), liars, std::nullopt, {});
        QCOMPARE(book.weight(key(1)), trusted);
    }

    void trustIsLostFasterThanItIsGained() {
        TrustBook book;
        const double stranger = book.weight(key(1));
        book.learn(opinion(1, 1, 0.05), {}, opinion(9, 1, 0.05), {});
        const double gained = book.weight(key(1)) - stranger;
        const double before = book.weight(key(1));
        book.learn(opinion(1, 3, 0.05), {}, opinion(9, 1, 0.05), {});
        QVERIFY(gained > 0);
        QVERIFY(before - book.weight(key(1)) > 2 * gained);
    }

    // Whoever claims to know nothing exactly could otherwise say anything.
    void aWideIntervalExcusesLittle() {
        TrustBook book;
        const double stranger = book.weight(key(1));
        book.learn({key(1), 5, 0, 100}, {}, opinion(9, 1, 0.05), {});
        QVERIFY(book.weight(key(1)) < stranger);
    }

    void twoOthersAreNotEnoughToJudge() {
        TrustBook book;
        const double stranger = book.weight(key(1));
        book.learn(opinion(1, 5, 0.05), {opinion(2, 1, 0.05), opinion(3, 1, 0.05)}, std::nullopt, {});
        QCOMPARE(book.weight(key(1)), stranger);
    }

    void theOrderOfOpinionsDoesNotMatter() {
        std::vector<Opinion> said;
        SeededRandom random(3);
        for (uint8_t i = 0; i < 9; ++i) said.push_back(opinion(i, uniform(random), 0.1));
        const auto weightOf = [](const PublicKey& signer) { return 0.1 * (1 + signer.bytes[0] % 4); };
        const auto one = combine(said, weightOf);
        std::reverse(said.begin(), said.end());
        const auto other = combine(said, weightOf);
        QCOMPARE(one->value, other->value);
        QCOMPARE(one->low, other->low);
        QCOMPARE(one->high, other->high);
    }

    void whatWasLearntSurvivesARestartAndEndsWithMembership() {
        TrustBook book;
        for (int i = 0; i < 5; ++i) book.learn(opinion(1, 5, 0.05), {}, opinion(9, 1, 0.05), {});
        TrustBook again;
        again.load(book.save() + "nonsense\n" + key(2).hex() + " 7\n");
        QVERIFY(std::abs(again.weight(key(1)) - book.weight(key(1))) < 1e-4);
        QCOMPARE(again.weight(key(2)), TrustBook().weight(key(2)));
        again.keepOnly({key(2)});
        QCOMPARE(again.weight(key(1)), TrustBook().weight(key(1)));
    }
};

QTEST_APPLESS_MAIN(TestShareTrust)
#include "test_share_trust.moc"
