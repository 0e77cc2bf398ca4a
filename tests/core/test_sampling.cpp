#include <QtTest>

#include <cmath>
#include <memory>

#include "core/sampling/sampler.h"

using namespace netpas;

class TestSampling : public QObject {
    Q_OBJECT
private slots:
    void stratifiedErrorStaysBelowTheThreshold() {
        for (uint64_t seed = 0; seed < 50; ++seed) {
            SeededRandom random(seed);
            SeededRandom amounts(seed + 1000);
            const Money threshold = Money::fromEighths(10'007);
            StratifiedSampler sampler(threshold, random);
            int64_t total = 0;
            int64_t confirmed = 0;
            int64_t waiting = 0;
            for (int i = 0; i < 5'000; ++i) {
                const auto payment = int64_t(amounts.below(i % 100 == 0 ? 50'000 : 300));
                const SampleOutcome outcome = sampler.observe(Money::fromEighths(payment));
                total += payment;
                waiting += outcome.picked;
                confirmed += int64_t(outcome.released) * threshold.eighths();
                waiting -= outcome.released;
                QVERIFY(waiting == 0 || waiting == 1);  // a pick leaves only after it was made, and at most one waits
                QVERIFY(std::abs(total - confirmed) < threshold.eighths());
            }
        }
    }
    void stratifiedPointsAreUniform() {
        SeededRandom random(1);
        StratifiedSampler sampler(Money::fromEighths(10), random);
        std::array<int, 10> hits{};
        for (int i = 0; i < 100'000; ++i) hits[size_t(i % 10)] += int(sampler.observe(Money::fromEighths(1)).picked);
        for (const int count : hits) QVERIFY2(std::abs(count - 1000) < 5 * 30, qPrintable(QString::number(count)));
    }
    void smartSpreadIsTheRootOfTotalTimesThreshold() {
        constexpr int64_t threshold = 100'000;
        constexpr int64_t payment = 24;
        constexpr int packets = 100'000;
        constexpr int seeds = 2'000;
        double squares = 0;
        double sum = 0;
        for (int seed = 0; seed < seeds; ++seed) {
            SeededRandom random(static_cast<uint64_t>(seed));
            SmartSampler sampler(Money::fromEighths(threshold), random);
            int64_t confirmed = 0;
            for (int i = 0; i < packets; ++i)
                confirmed += sampler.observe(Money::fromEighths(payment)).released * threshold;
            const double error = double(confirmed - payment * packets);
            sum += error;
            squares += error * error;
        }
        const double expected = std::sqrt(double(payment) * packets * threshold);
        QVERIFY(std::abs(std::sqrt(squares / seeds) / expected - 1) < 0.08);  // five standard errors
        QVERIFY(std::abs(sum / seeds) < 5 * expected / std::sqrt(double(seeds)));
    }
    void smartPicksWholeMultiplesForCertain() {
        SeededRandom random(3);
        SmartSampler sampler(Money::fromEighths(100), random);
        QCOMPARE(int(sampler.observe(Money::fromEighths(300)).picked), 3);
        QCOMPARE(int(sampler.observe(Money::zero()).picked), 0);
    }
    void seededRandomnessRepeatsAndIsUniform() {
        SeededRandom a(5);
        SeededRandom b(5);
        std::array<int, 7> hits{};
        for (int i = 0; i < 70'000; ++i) {
            const uint64_t value = a.below(7);
            QCOMPARE(value, b.below(7));
            ++hits[value];
        }
        for (const int count : hits) QVERIFY(std::abs(count - 10'000) < 500);
        QCOMPARE(systemRandom().below(1), uint64_t{0});
    }
};

QTEST_APPLESS_MAIN(TestSampling)
#include "test_sampling.moc"
