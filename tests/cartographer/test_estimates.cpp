// Whether the stated intervals hold the truth as often as they say, and what is forgotten.
#include <QtTest>

#include <array>
#include <cmath>
#include <random>

#include "cartographer/measure/estimators.h"

using namespace netpas;
using namespace netpas::measure;
using namespace std::chrono_literals;

namespace {

constexpr int runs = 100;
constexpr int atLeast = 93;  // of them

std::chrono::nanoseconds seconds(double value) { return std::chrono::nanoseconds(std::llround(value * 1e9)); }
bool holds(const Estimate& estimate, double truth) {
    return estimate.known() && estimate.low <= truth && truth <= estimate.high && estimate.low <= estimate.value &&
           estimate.value <= estimate.high;
}

// Latencies around a mean, each like the one before by `alike`.
class Queue {
public:
    Queue(uint64_t seed, double mean, double spread, double alike)
        : m_random(seed), m_mean(mean), m_spread(spread), m_alike(alike), m_state(m_normal(m_random)) {}
    double next() {
        m_state = m_alike * m_state + std::sqrt(1 - m_alike * m_alike) * m_normal(m_random);
        return m_mean + m_spread * m_state;
    }

private:
    std::mt19937_64 m_random;
    std::normal_distribution<double> m_normal;
    double m_mean, m_spread, m_alike, m_state;
};

// Gilbert's channel: losses come in bursts of this mean length.
class Channel {
public:
    Channel(uint64_t seed, double loss, double burst)
        : m_random(seed),
          m_leave(burst > 1 ? 1 / burst : 1 - loss),
          m_enter(m_leave * loss / (1 - loss)),
          m_bad(m_uniform(m_random) < loss) {}
    bool loses() {
        m_bad = m_bad ? m_uniform(m_random) >= m_leave : m_uniform(m_random) < m_enter;
        return m_bad;
    }

private:
    std::mt19937_64 m_random;
    std::uniform_real_distribution<double> m_uniform;
    double m_leave, m_enter;
    bool m_bad;
};

Estimate latencyOf(Queue queue, int samples) {
    LatencyEstimator estimator(0ns);
    SteadyTime now{};
    for (int i = 0; i < samples; ++i) estimator.add(now += 500ms, seconds(queue.next()));
    return estimator.estimate(now);
}

Estimate lossOf(Channel channel, int packets) {
    LossEstimator estimator;
    SteadyTime now{};
    for (int i = 0; i < packets; ++i) estimator.add(now += 100ms, 1, channel.loses() ? 1 : 0);
    return estimator.estimate(now);
}

}  // namespace

class TestEstimates : public QObject {
    Q_OBJECT
private slots:

    void latencyIsInItsInterval_data() {
        QTest::addColumn<double>("alike");
        QTest::addColumn<int>("samples");
        for (const double alike : {0.0, 0.5, 0.8}) {
            for (const int samples : {100, 200, 600, 1100})
                QTest::addRow("alike %.1f, %d samples", alike, samples) << alike << samples;
        }
    }
    void latencyIsInItsInterval() {
        QFETCH(double, alike);
        QFETCH(int, samples);
        constexpr double mean = 0.040;
        constexpr double spread = 0.004;
        int held = 0;
        double width = 0;
        for (uint64_t seed = 1; seed <= runs; ++seed) {
            const Estimate estimate = latencyOf(Queue(seed, mean, spread, alike), samples);
            held += holds(estimate, mean) ? 1 : 0;
            width += (estimate.high - estimate.low) / 2 / runs;
        }
        QVERIFY2(held >= atLeast, qPrintable(QString::number(held)));
        // Nor is it true because it says nothing: not much wider than the least that is possible.
        const double least = 1.96 * spread * std::sqrt((1 + alike) / (1 - alike) / samples);
        QVERIFY2(width < 2 * least, qPrintable(QString::number(width / least)));
    }

    void lossIsInItsInterval_data() {
        QTest::addColumn<double>("loss");
        QTest::addColumn<double>("burst");
        QTest::addColumn<int>("packets");
        for (const double loss : {0.0005, 0.005, 0.02, 0.1}) {
            for (const double burst : {1.0, 3.0}) {
                for (const int packets : {300, 600, 2000})
                    QTest::addRow("loss %.4f, bursts of %.0f, %d packets", loss, burst, packets)
                        << loss << burst << packets;
            }
        }
        QTest::addRow("long bursts, little loss") << 0.005 << 8.0 << 2000;
        QTest::addRow("long bursts, much loss") << 0.1 << 8.0 << 2000;
    }
    void lossIsInItsInterval() {
        QFETCH(double, loss);
        QFETCH(double, burst);
        QFETCH(int, packets);
        int held = 0;
        for (uint64_t seed = 1; seed <= runs; ++seed)
            held += holds(lossOf(Channel(seed, loss, burst), packets), loss) ? 1 : 0;
        QVERIFY2(held >= atLeast, qPrintable(QString::number(held)));
    }

    void countedLossesAreInTheirInterval() {  // some packets at a time, as counters are read
        int held = 0;
        for (uint64_t seed = 1; seed <= runs; ++seed) {
            Channel channel(seed, 0.01, 4);
            std::mt19937_64 random(seed);
            LossEstimator estimator;
            SteadyTime now{};
            for (int second = 0; second < 60; ++second) {
                const uint64_t sent = 20 + random() % 200;
                uint64_t lost = 0;
                for (uint64_t i = 0; i < sent; ++i) lost += channel.loses() ? 1U : 0U;
                estimator.add(now += 1s, sent, lost);
            }
            held += holds(estimator.estimate(now), 0.01) ? 1 : 0;
        }
        QVERIFY2(held >= atLeast, qPrintable(QString::number(held)));
    }

    void oneLookAtCountersIsEnough() {  // as a statement of many packets is
        int held = 0;
        for (uint64_t seed = 1; seed <= runs; ++seed) {
            Channel channel(seed, 0.02, 2);
            uint64_t lost = 0;
            for (int i = 0; i < 4000; ++i) lost += channel.loses() ? 1U : 0U;
            LossEstimator estimator;
            estimator.add(SteadyTime(1s), 4000, lost);
            const Estimate estimate = estimator.estimate(SteadyTime(2s));
            held += holds(estimate, 0.02) ? 1 : 0;
            QVERIFY(estimate.high - estimate.low < 0.03);
        }
        QVERIFY2(held >= atLeast, qPrintable(QString::number(held)));
    }

    void rateIsInItsInterval() {
        int held = 0;
        for (uint64_t seed = 1; seed <= runs; ++seed) {
            Queue around(seed, 20e6, 1.5e6, 0.5);
            RateEstimator estimator;
            SteadyTime now{};
            for (int i = 0; i < 60; ++i) estimator.add(now += 1s, i % 10 == 0 ? 4e6 : around.next());
            held += holds(estimator.estimate(now), 20e6) ? 1 : 0;
        }
        QVERIFY2(held >= atLeast, qPrintable(QString::number(held)));
    }

    void whatIsScarceIsNoFact() {
        SteadyTime now{};
        LatencyEstimator latency(100us);
        LossEstimator loss;
        RateEstimator rate;
        QVERIFY(!latency.estimate(now).known() && !loss.estimate(now).known() && !rate.estimate(now).known());
        QVERIFY(!latency.estimate(now).age(now));
        for (int i = 0; i < 5; ++i) {
            latency.add(now += 1s, 20ms);
            loss.add(now, 1, 0);
            rate.add(now, 1e6);
        }
        QCOMPARE(int(latency.estimate(now).grade), int(Grade::Scarce));
        QCOMPARE(int(loss.estimate(now).grade), int(Grade::Scarce));
        QCOMPARE(int(rate.estimate(now).grade), int(Grade::Scarce));
        QVERIFY(loss.estimate(now).high > 0.3);  // five that arrived say little
        QVERIFY(latency.estimate(now).high - latency.estimate(now).low > 199e-6);
        QCOMPARE(latency.estimate(now + 3s).age(now + 3s)->count(), std::chrono::nanoseconds(3s).count());
    }

    void whatIsOldIsForgotten() {
        SteadyTime now{};
        LatencyEstimator latency(0ns, {60s, 64, false});
        for (int i = 0; i < 30; ++i) latency.add(now += 1s, 20ms);
        QVERIFY(latency.estimate(now + 45s).samples < 30);
        QVERIFY(!latency.estimate(now + 61s).known());
        latency.add(now + 2min, 80ms);
        latency.add(now + 2min, 82ms);
        QCOMPARE(latency.estimate(now + 2min).value, 0.081);
    }

    void anotherRouteIsFollowed() {
        for (uint64_t seed = 1; seed <= 20; ++seed) {
            LatencyEstimator latency(0ns);
            SteadyTime now{};
            Queue before(seed, 0.040, 0.002, 0.5);
            Queue after(seed + 1000, 0.060, 0.002, 0.5);
            for (int i = 0; i < 300; ++i) latency.add(now += 1s, seconds(before.next()));
            QVERIFY(std::abs(latency.estimate(now).value - 0.040) < 0.002);
            for (int i = 0; i < 40; ++i) latency.add(now += 1s, seconds(after.next()));
            QVERIFY(latency.changes() >= 1);
            QVERIFY2(std::abs(latency.estimate(now).value - 0.060) < 0.004,
                     qPrintable(QString::number(latency.estimate(now).value)));
        }
    }

    void aBetterOrWorseLineIsFollowed() {
        LossEstimator loss;
        RateEstimator rate;
        SteadyTime now{};
        for (int i = 0; i < 600; ++i) loss.add(now += 500ms, 1, 0);
        Channel worse(1, 0.2, 2);
        for (int i = 0; i < 240; ++i) loss.add(now += 500ms, 1, worse.loses() ? 1 : 0);
        QVERIFY(std::abs(loss.estimate(now).value - 0.2) < 0.08);
        Queue fast(1, 20e6, 1e6, 0);
        Queue slow(2, 5e6, 1e6, 0);
        for (int i = 0; i < 60; ++i) rate.add(now += 1s, fast.next());
        for (int i = 0; i < 10; ++i) rate.add(now += 1s, slow.next());
        QVERIFY(std::abs(rate.estimate(now).value - 5e6) < 1e6);
    }

    void noiseIsNoChange() {
        uint64_t latencies = 0;
        uint64_t losses = 0;
        for (uint64_t seed = 1; seed <= runs; ++seed) {
            Queue queue(seed, 0.040, 0.004, 0.5);
            Channel channel(seed, 0.02, 3);
            LatencyEstimator latency(0ns);
            LossEstimator loss;
            SteadyTime now{};
            for (int i = 0; i < 600; ++i) {
                latency.add(now += 500ms, seconds(queue.next()));
                loss.add(now, 1, channel.loses() ? 1 : 0);
            }
            latencies += latency.changes();
            losses += loss.changes();
        }
        QVERIFY2(latencies <= 7 && losses <= 7, qPrintable(QString("%1 %2").arg(latencies).arg(losses)));
    }

    void aLongLifeFillsNoMemory() {  // 10 million samples, the same answer
        Series series({1000h, 128, false});
        SteadyTime now{};
        std::mt19937_64 random(1);
        for (int i = 0; i < 10'000'000; ++i) series.add(now += 100ms, static_cast<double>(random() % 1000));
        const Series::Summary all = series.summary(now);
        QVERIFY(std::abs(all.mean - 499.5) < 4 * all.deviation + 0.5);
        QVERIFY(all.samples > 5'000'000 || series.changes() > 0);
    }

    void aPathIsTheSumOfItsStretches() {
        int latencies = 0;
        int losses = 0;
        constexpr std::array means{0.010, 0.025, 0.005};
        constexpr std::array shares{0.01, 0.002, 0.03};
        const double delivered = (1 - shares[0]) * (1 - shares[1]) * (1 - shares[2]);
        for (uint64_t seed = 1; seed <= runs; ++seed) {
            std::array<Estimate, 3> delays;
            std::array<Estimate, 3> lost;
            for (size_t i = 0; i < means.size(); ++i) {
                delays[i] = latencyOf(Queue(seed * 3 + i, means[i], means[i] / 5, 0.5), 200);
                lost[i] = lossOf(Channel(seed * 3 + i, shares[i], 2), 1000);
            }
            latencies += holds(latencyAlong(delays), 0.040) ? 1 : 0;
            losses += holds(lossAlong(lost), 1 - delivered) ? 1 : 0;
        }
        QVERIFY2(latencies >= atLeast && losses >= atLeast, qPrintable(QString("%1 %2").arg(latencies).arg(losses)));
    }

    void theNarrowestRateIsThePaths() {
        const Estimate wide{Grade::Good, 10e6, 9e6, 11e6, 1e5, 50, SteadyTime(5s)};
        const Estimate narrow{Grade::Scarce, 4e6, 2e6, 12e6, 2e5, 9, SteadyTime(2s)};
        const std::array both{wide, narrow};
        const Estimate path = rateAlong(both);
        QCOMPARE(path.value, 4e6);
        QCOMPARE(path.low, 2e6);
        QCOMPARE(path.high, 11e6);
        QCOMPARE(path.systematic, 2e5);
        QCOMPARE(int(path.grade), int(Grade::Scarce));
        QCOMPARE(path.samples, uint64_t{9});
        QVERIFY(path.newest == SteadyTime(2s));
    }

    void oneUnknownStretchMakesThePathUnknown() {
        const Estimate known{Grade::Good, 0.01, 0.009, 0.011, 0, 50, SteadyTime(5s)};
        const std::array both{known, Estimate{}};
        QVERIFY(!latencyAlong(both).known() && !lossAlong(both).known() && !rateAlong(both).known());
        QVERIFY(!latencyAlong({}).known() && !latencyBetween({}, known).known());
    }

    void theLastStretchIsTheDifference() {
        int latencies = 0;
        int losses = 0;
        for (uint64_t seed = 1; seed <= runs; ++seed) {
            const Estimate near = latencyOf(Queue(seed, 0.010, 0.002, 0.5), 200);
            const Estimate far = latencyOf(Queue(seed + 5000, 0.030, 0.005, 0.5), 200);
            latencies += holds(latencyBetween(near, far), 0.020) ? 1 : 0;
            const Estimate thinNear = lossOf(Channel(seed, 0.01, 2), 1000);
            const Estimate thinFar = lossOf(Channel(seed + 5000, 1 - 0.99 * 0.97, 2), 1000);
            losses += holds(lossBetween(thinNear, thinFar), 0.03) ? 1 : 0;
        }
        QVERIFY2(latencies >= atLeast && losses >= atLeast, qPrintable(QString("%1 %2").arg(latencies).arg(losses)));
        const Estimate far{Grade::Good, 0.010, 0.009, 0.011, 0.0005, 50, SteadyTime(5s)};
        const Estimate near{Grade::Good, 0.012, 0.011, 0.013, 0.0005, 50, SteadyTime(5s)};
        QCOMPARE(latencyBetween(near, far).value, 0.0);  // by chance, and never less than nothing
        QVERIFY(latencyBetween(near, far).high >= 0.0);
    }

    void quantilesAreStudents() {
        QVERIFY(std::abs(student95(1) - 12.706) < 1e-3);
        QVERIFY(std::abs(student95(5) - 2.5706) < 5e-3);
        QVERIFY(std::abs(student95(10) - 2.2281) < 1e-3);
        QVERIFY(std::abs(student95(1e9) - 1.96) < 1e-4);
    }
};

QTEST_APPLESS_MAIN(TestEstimates)
#include "test_estimates.moc"
