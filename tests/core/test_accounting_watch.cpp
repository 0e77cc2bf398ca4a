// How far sampling may stray, against the real samplers.
#include <QtTest>
#include <map>
#include <memory>

#include "core/accounting/watch.h"
#include "core/random.h"
#include "core/sampling/sampler.h"

using namespace netpas;
using namespace netpas::accounting;

namespace {

Money nano(int64_t nanodollars) { return *Money::fromNanodollars(nanodollars); }

// Confirmed minus paid for `packets` payments of 1 to 50 n$.
template <typename SamplerType>
std::pair<Money, Money> paidAndConfirmed(uint64_t seed, int packets, Money threshold) {
    SeededRandom random(seed);
    SamplerType sampler(threshold, random);
    int64_t paid = 0;
    int64_t confirmed = 0;
    for (int i = 0; i < packets; ++i) {
        const Money payment = nano(1 + static_cast<int64_t>(random.below(50)));
        paid += payment.eighths();
        confirmed += sampler.observe(payment).released * threshold.eighths();
    }
    return {Money::fromEighths(paid), Money::fromEighths(confirmed)};
}

Watch::Observation seen(int64_t counted, int64_t confirmed) {
    Watch::Observation o;
    o.counted = nano(counted);
    o.confirmed = nano(confirmed);
    o.threshold = nano(1000);
    return o;
}

// An ISP with two links to a neighbour, behind which two more ISPs are paid, for ten minutes: packets are counted, then some
// are lost, the rest is sampled for each ISP where it passes, and confirmed up to eight seconds later.
int alarmsOf(uint64_t seed, bool stratified, bool thief) {
    const Money threshold = nano(100'000);
    SeededRandom random(seed);
    const WatchOptions options{stratified ? SamplerKind::Stratified : SamplerKind::Smart, 1e-9,
                               std::chrono::seconds(10)};
    Watch watch(options);
    struct Stream {
        std::unique_ptr<Sampler> sampler;
        Money price;
    };
    std::array<std::vector<Stream>, 3> isps;  // the own service by link; the two behind
    for (size_t isp = 0; isp < isps.size(); ++isp) {
        for (size_t i = 0; i < 2; ++i) {
            Stream& stream = isps[isp].emplace_back();
            if (stratified) {
                stream.sampler = std::make_unique<StratifiedSampler>(threshold, random);
            } else {
                stream.sampler = std::make_unique<SmartSampler>(threshold, random);
            }
            stream.price = nano(500 + static_cast<int64_t>(random.below(3000)));
        }
    }
    std::array<int64_t, 3> counted{}, confirmed{};
    std::multimap<int, std::pair<size_t, int64_t>> late;
    int alarms = 0;
    for (int second = 0; second < 600; ++second) {
        for (int packet = 0; packet < 200; ++packet) {
            const size_t link = random.below(2);
            const bool lost = random.below(1000) < 5;
            for (size_t isp = 0; isp < isps.size(); ++isp) {
                Stream& stream = isps[isp][link];
                counted[isp] += stream.price.eighths();
                if (lost) continue;
                int64_t amount = stream.sampler->observe(stream.price).released * threshold.eighths();
                if (thief) amount += stream.sampler->observe(stream.price).released * threshold.eighths();
                if (amount > 0) late.emplace(second + 1 + static_cast<int>(random.below(8)), std::pair(isp, amount));
            }
        }
        while (!late.empty() && late.begin()->first <= second) {
            confirmed[late.begin()->second.first] += late.begin()->second.second;
            late.erase(late.begin());
        }
        const auto observe = [&](Subject subject, IspId isp, int64_t count, int64_t confirm) {
            Watch::Observation o;
            o.counted = Money::fromEighths(count);
            o.confirmed = Money::fromEighths(confirm);
            o.threshold = threshold;
            o.samplers = 2;
            if (watch.observe(subject, isp, o, SteadyTime(std::chrono::seconds(second)))) ++alarms;
        };
        observe(Subject::Own, IspId(1), counted[0], confirmed[0]);
        observe(Subject::Via, IspId(1), counted[1] + counted[2], confirmed[1] + confirmed[2]);
        observe(Subject::Downstream, IspId(2), counted[1], confirmed[1]);
        observe(Subject::Downstream, IspId(3), counted[2], confirmed[2]);
    }
    return alarms;
}

SteadyTime at(int seconds) { return SteadyTime(std::chrono::seconds(seconds)); }

constexpr IspId neighbour{24};

}  // namespace

class TestAccountingWatch : public QObject {
    Q_OBJECT

private slots:
    void honestSmartSamplingStaysWithinTheBoundAndTheBoundIsNotLoose() {
        const Money threshold = nano(1000);
        double largest = 0;
        for (uint64_t seed = 1; seed <= 300; ++seed) {
            const auto [paid, confirmed] = paidAndConfirmed<SmartSampler>(seed, 20'000, threshold);
            const Money bound = sampledTolerance(paid, threshold, 1e-9);
            const double off = static_cast<double>(std::abs(confirmed.eighths() - paid.eighths()));
            QVERIFY(off < static_cast<double>(bound.eighths()));
            largest = std::max(largest, off / static_cast<double>(bound.eighths()));
        }
        // The largest of 300 runs is near three standard deviations, the bound near seven.
        QVERIFY(largest > 0.2);
    }

    void probabilityMovesTheBound() {
        const Money total = nano(1'000'000'000);
        const Money threshold = nano(100'000);
        QVERIFY(sampledTolerance(total, threshold, 1e-12) > sampledTolerance(total, threshold, 1e-6));
        // sqrt(2 P T ln(1/p)) and a little more.
        const double expected = std::sqrt(2.0 * 1e9 * 1e5 * std::log(1e9)) * 8;
        const auto bound = static_cast<double>(sampledTolerance(total, threshold, 1e-9).eighths());
        QVERIFY(bound > expected && bound < expected * 1.1);
        QCOMPARE(sampledTolerance(Money::max(), Money::max(), 1e-9), Money::max());
    }

    void honestStratifiedSamplingStaysWithinOneThreshold() {
        const Money threshold = nano(1000);
        for (uint64_t seed = 1; seed <= 100; ++seed) {
            const auto [paid, confirmed] = paidAndConfirmed<StratifiedSampler>(seed, 5000, threshold);
            QVERIFY(std::abs(confirmed.eighths() - paid.eighths()) < threshold.eighths());
        }
        QCOMPARE(stratifiedTolerance(threshold, 3), nano(4000));
    }

    // All ISPs honest, packets lost, confirmations seconds late, strata still open: a hundred internets, no alarm; and who
    // confirms everything twice raises one in each of them.
    void aHundredHonestInternetsRaiseNoAlarmAndAThiefDoesInEach() {
        for (const bool stratified : {true, false}) {
            for (uint64_t seed = 1; seed <= 100; ++seed) {
                QCOMPARE(alarmsOf(seed, stratified, false), 0);
                if (seed <= 20) QVERIFY(alarmsOf(seed, stratified, true) > 0);
            }
        }
    }

    void alarmNeedsTheGraceTimeAndEndsWhenItFitsAgain() {
        Watch watch({SamplerKind::Stratified, 1e-9, std::chrono::seconds(10), 0});
        QVERIFY(!watch.observe(Subject::Own, neighbour, seen(0, 5000), at(0)));
        QVERIFY(!watch.observe(Subject::Own, neighbour, seen(0, 5000), at(9)));
        QVERIFY(watch.observe(Subject::Own, neighbour, seen(0, 5000), at(10)));
        QCOMPARE(watch.verdict(Subject::Own, neighbour), WatchVerdict::TooMuch);
        QVERIFY(!watch.observe(Subject::Own, neighbour, seen(0, 5000), at(11)));  // told once
        QVERIFY(watch.observe(Subject::Own, neighbour, seen(5000, 5000), at(12)));
        QCOMPARE(watch.verdict(Subject::Own, neighbour), WatchVerdict::Fits);
    }

    void confirmationsThatAreOnlyLateAreNoAlarm() {
        Watch watch({SamplerKind::Stratified, 1e-9, std::chrono::seconds(10), 0});
        // Always 9 seconds behind a counter that grows by far more than T a second.
        for (int second = 0; second < 100; ++second) {
            const int64_t counted = second * 10'000;
            const int64_t confirmed = std::max(0, second - 9) * 10'000;
            QVERIFY(!watch.observe(Subject::Own, neighbour, seen(counted, confirmed), at(second)));
        }
        // Behind for good is one.
        bool alarmed = false;
        for (int second = 100; second < 130; ++second) {
            alarmed = watch.observe(Subject::Own, neighbour, seen(second * 10'000, 900'000), at(second)) || alarmed;
        }
        QVERIFY(alarmed);
        QCOMPARE(watch.verdict(Subject::Own, neighbour), WatchVerdict::TooLittle);
    }

    void lossAndSilentRoutersAndBrokenLinksExplainDifferences() {
        Watch watch({SamplerKind::Stratified, 1e-9, std::chrono::seconds(10), 10});
        for (int second = 0; second < 30; ++second) {
            // 0.9 % lost behind us.
            QVERIFY(!watch.observe(Subject::Own, neighbour, seen(1'000'000, 991'000), at(second)));
        }
        Watch stale({SamplerKind::Stratified, 1e-9, std::chrono::seconds(10), 0});
        Watch cut({SamplerKind::Stratified, 1e-9, std::chrono::seconds(10), 0});
        for (int second = 0; second < 30; ++second) {
            auto more = seen(0, 50'000);
            more.fresh = false;
            QVERIFY(!stale.observe(Subject::Own, neighbour, more, at(second)));
            auto less = seen(50'000, 0);
            less.reachable = false;
            QVERIFY(!cut.observe(Subject::Own, neighbour, less, at(second)));
        }
    }

    void allowanceForLostCountersCountsAndStepsAreRemembered() {
        Watch watch({SamplerKind::Stratified, 1e-9, std::chrono::seconds(10), 0});
        for (int second = 0; second < 30; ++second) {
            auto observation = seen(0, 5000);
            observation.allowance = nano(3000);
            QVERIFY(!watch.observe(Subject::Own, neighbour, observation, at(second)));
        }
        (void)watch.observe(Subject::Via, neighbour, seen(100, 0), at(0));
        (void)watch.observe(Subject::Via, neighbour, seen(700, 0), at(1));
        (void)watch.observe(Subject::Via, neighbour, seen(900, 0), at(2));
        QCOMPARE(watch.largestStep(Subject::Via, neighbour), nano(600));
        const Comparison comparison = watch.compare(Subject::Own, seen(10, 4));
        QCOMPARE(comparison.difference, nano(-6));
    }
};

QTEST_APPLESS_MAIN(TestAccountingWatch)
#include "test_accounting_watch.moc"
