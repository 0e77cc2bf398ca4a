// What the frontier's search relies on, beside comparing everything with everything.
#include <QtTest>

#include <random>

#include "cartographer/pareto.h"

using namespace netpas::cartographer::pareto;

namespace {

constexpr uint16_t ranks = 9;

struct Chance {
    explicit Chance(uint32_t seed) : m_random(seed) {}
    uint64_t below(uint64_t bound) { return m_random() % bound; }
    std::vector<Point> points(size_t count, uint64_t values, uint64_t unit) {
        std::vector<Point> all(count);
        for (Point& point : all) {
            point.price = static_cast<int64_t>(8 + below(values));
            point.latency = below(values) * unit;
            point.loss = static_cast<uint32_t>(below(values) * std::min<uint64_t>(unit, 1'000'000'000 / values));
            point.rank = static_cast<uint16_t>(below(ranks));
        }
        return all;
    }

private:
    std::mt19937_64 m_random;
};

bool beats(const Point& a, const Point& b) {
    return a.price <= b.price && a.latency <= b.latency && a.loss <= b.loss && a.rank <= b.rank;
}
bool alike(const Point& a, const Point& b) { return beats(a, b) && beats(b, a); }

Range rangeOf(const std::vector<Point>& points) {
    Range range;
    for (const Point& point : points) range.add(point);
    return range;
}

}  // namespace

class TestPareto : public QObject {
    Q_OBJECT

private slots:
    void pointsAreInOrder_data() {
        QTest::addColumn<qint64>("dearest");
        QTest::newRow("prices close together") << qint64{0};
        QTest::newRow("one far off") << qint64{1} * 1'000'000'000'000;
    }
    void pointsAreInOrder() {
        QFETCH(qint64, dearest);
        Sorter sorter;
        for (uint32_t seed = 1; seed <= 50; ++seed) {
            auto points = Chance(seed).points(1 + seed * 20, 40, 7);
            if (dearest > 0) points[seed].price = dearest;
            const auto order = sorter.order(points, rangeOf(points));
            QCOMPARE(order.size(), points.size());
            std::vector<bool> seen(points.size());
            for (size_t i = 0; i < order.size(); ++i) {
                seen[order[i]] = true;
                QVERIFY(i == 0 || !goesBefore(points[order[i]], points[order[i - 1]]));
            }
            QVERIFY(std::find(seen.begin(), seen.end(), false) == seen.end());
        }
    }

    void theSieveKeepsExactlyWhatNothingBeats() {
        Sorter sorter;
        Sieve sieve;
        for (uint32_t seed = 1; seed <= 100; ++seed) {
            // With many ties, with none, with differences too small for a rough comparison, and with the largest latencies there are.
            const uint64_t values[] = {6, 1000, 100'000, 1'000'000};
            const uint64_t units[] = {1, 13, 1, UINT64_MAX / 1'000'000};
            const auto points = Chance(seed).points(400, values[seed % 4], units[seed % 4]);
            const Range range = rangeOf(points);
            sieve.begin(ranks, range);
            std::vector<Point> kept;
            for (const uint32_t i : sorter.order(points, range)) {
                if (sieve.passes(points[i])) kept.push_back(points[i]);
            }
            for (const Point& one : points) {
                const bool beaten = std::any_of(points.begin(), points.end(), [&](const Point& other) {
                    return beats(other, one) && !alike(other, one);
                });
                const auto found =
                    std::count_if(kept.begin(), kept.end(), [&](const Point& other) { return alike(other, one); });
                QCOMPARE(found, beaten ? 0 : 1);
            }
        }
    }

    void onlyWhatIsBeatenForCertainNeedsNoCloserLook() {
        for (const uint16_t count : {uint16_t{1}, ranks, uint16_t{300}}) {  // so many that they are made coarse
            size_t ruledOut = 0;
            for (uint32_t seed = 1; seed <= 40; ++seed) {
                Chance chance(seed);
                auto points = chance.points(200, 5000, 20'000);
                auto asked = chance.points(500, 5000, 20'000);
                for (auto* list : {&points, &asked}) {
                    for (Point& point : *list) point.rank = static_cast<uint16_t>(chance.below(count));
                }
                points.front().price = INT64_MAX / 2;
                asked.front().price = INT64_MAX / 2;
                const Range range = rangeOf(points);
                Known known;
                // Not all lie in the range.
                known.begin(count, range.latencyFrom + 100'000, range.latencyTo - 100'000, range.lossFrom,
                            range.lossTo / 2);
                for (const Point& point : points) known.add(point);
                for (const Point& one : asked) {
                    if (!known.beats(one.price, one.latency, one.loss, one.rank)) continue;
                    ++ruledOut;
                    QVERIFY(std::any_of(points.begin(), points.end(), [&](const Point& point) {
                        return beats(point, one) && point.latency < one.latency &&
                               point.loss + Known::rounding < one.loss + 1;
                    }));
                }
            }
            QVERIFY(ruledOut > 5000);
        }
    }
};

QTEST_APPLESS_MAIN(TestPareto)
#include "test_pareto.moc"
