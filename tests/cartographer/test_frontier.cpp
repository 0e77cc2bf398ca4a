// The frontier beside a search through every combination.
#include <QtTest>

#include <random>

#include "cartographer/frontier.h"
#include "core/price_code.h"

using namespace netpas;
using namespace netpas::cartographer;

namespace {

constexpr uint32_t packet = 1400;

ClassOption option(uint8_t service, int64_t eighths, Quality quality, uint32_t surcharge = 0) {
    return {ServiceClass(service), {Money::fromEighths(eighths), Money::zero(), surcharge}, quality};
}

struct Found {
    Money price;
    Quality quality;
    friend bool operator==(const Found&, const Found&) = default;
};

bool beats(const Found& a, const Found& b) {
    return a.price <= b.price && a.quality.latencyMicroseconds <= b.quality.latencyMicroseconds &&
           a.quality.lossPerBillion <= b.quality.lossPerBillion && a.quality.bitsPerSecond >= b.quality.bitsPerSecond;
}

// The price and quality of one combination, from the last ISP backwards (NetPaS §5.1).
Found valueOf(const Way& way, const std::vector<uint8_t>& choices) {
    Found value{Money::zero(), {}};
    for (size_t leg = way.size(); leg-- > 0;) {
        const ClassOption& chosen = way[leg].options[choices[leg]];
        value.price = *checkedAdd(value.price, PriceCode::roundUp(chosen.price.cost(packet, value.price))->value());
        value.quality = chosen.quality.then(value.quality);
    }
    return value;
}

std::vector<Found> everyCombination(const std::vector<Way>& ways) {
    std::vector<Found> all;
    for (const Way& way : ways) {
        std::vector<uint8_t> choices(way.size(), 0);
        for (bool more = !way.empty(); more;) {
            all.push_back(valueOf(way, choices));
            more = false;
            for (size_t leg = 0; leg < way.size() && !more; ++leg) {
                more = ++choices[leg] < way[leg].options.size();
                if (!more) choices[leg] = 0;
            }
        }
    }
    return all;
}

struct Chance {
    explicit Chance(uint32_t seed) : m_random(seed) {}
    uint32_t below(uint32_t bound) { return static_cast<uint32_t>(m_random() % bound); }

    // Few different values, so that there are many ties.
    Quality quality() { return {1000 * below(12), 1'000'000 * below(12), 1'000'000ULL * (1 + below(6))}; }
    Leg leg(uint16_t isp, uint32_t count) {
        Leg leg{IspId(isp), {}};
        for (uint32_t i = 0; i < count; ++i)
            leg.options.push_back(option(static_cast<uint8_t>(i), 8 + below(80), quality(), below(3) * 100));
        return leg;
    }

private:
    std::mt19937 m_random;
};

}  // namespace

class TestFrontier : public QObject {
    Q_OBJECT

private slots:
    void bestEffortIsAlwaysThere() {
        const auto none = frontier({}, packet, {5000, 1, 1'000'000});
        QCOMPARE(none.size(), size_t{1});
        QCOMPARE(none[0].way, Combination::bestEffort);
        QVERIFY(none[0].choices.empty());
        // What costs money and is no better is not worth having.
        const std::vector<Way> ways{{{IspId(1), {option(1, 8, {5000, 1, 1'000'000})}}}};
        QCOMPARE(frontier(ways, packet, {5000, 1, 1'000'000}).size(), size_t{1});
        QCOMPARE(frontier(ways, packet, {5001, 1, 1'000'000}).size(), size_t{2});
    }

    void aWayThroughAnIspThatSellsNothingCannotBeBought() {
        const std::vector<Way> ways{{{IspId(1), {option(1, 8, {1, 1, 1})}}, {IspId(2), {}}}, {}};
        QCOMPARE(frontier(ways, packet, {100, 100, 0}).size(), size_t{1});
    }

    void pricesAreTheEncodedOnesWithTheSurcharge() {
        // The last one asks 17 eighths, encoded 18; the first 8 and an eighth of 18, encoded 11.
        const std::vector<Way> ways{
            {{IspId(1), {option(1, 8, {10, 0, 5}, 128)}}, {IspId(2), {option(1, 17, {20, 0, 4})}}}};
        const auto found = frontier(ways, packet, {1'000'000, 0, 0});
        QCOMPARE(found.size(), size_t{2});
        QCOMPARE(found[1].price, Money::fromEighths(18 + 11));
        QCOMPARE(found[1].quality, (Quality{30, 0, 4}));
    }

    void lossesAreIndependentAndLatencySaturates() {
        const Quality half{UINT64_MAX - 1, 500'000'000, 7};
        const Quality both = half.then({5, 500'000'000, 9});
        QCOMPARE(both.lossPerBillion, uint32_t{750'000'000});
        QCOMPARE(both.latencyMicroseconds, UINT64_MAX);
        QCOMPARE(both.bitsPerSecond, uint64_t{7});
        QCOMPARE((Quality{0, 1'000'000'000, 1}).then({0, 1'000'000'000, 1}).lossPerBillion, uint32_t{1'000'000'000});
    }

    void itIsWhatASearchThroughEverythingFinds() {
        for (uint32_t seed = 1; seed <= 200; ++seed) {
            Chance chance(seed);
            const bool large = seed % 20 == 0;  // 5 ISPs with 5 classes each
            std::vector<Way> ways(large ? 1 : 1 + chance.below(3));
            for (Way& way : ways) {
                const uint32_t legs = large ? 5 : 1 + chance.below(5);
                for (uint16_t i = 0; i < legs; ++i) way.push_back(chance.leg(i, large ? 5 : 1 + chance.below(5)));
            }
            if (ways.size() > 1) ways[1].back() = ways[0].back();  // ends that are shared
            const Quality bestEffort = seed % 3 == 0 ? chance.quality() : Quality{1'000'000, 1'000'000'000, 0};
            const Found free{Money::zero(), bestEffort};
            const auto found = frontier(ways, packet, bestEffort);
            std::vector<Found> values;
            for (size_t i = 1; i < found.size(); ++i) {
                const Found value{found[i].price, found[i].quality};
                QCOMPARE(valueOf(ways[found[i].way], found[i].choices), value);
                QVERIFY(std::find(values.begin(), values.end(), value) == values.end());
                values.push_back(value);
            }
            const auto all = everyCombination(ways);
            for (const Found& one : all) {
                const bool beatenStrictly =
                    beats(free, one) ||
                    std::any_of(all.begin(), all.end(), [&](const Found& o) { return beats(o, one) && !(o == one); });
                const bool kept = std::find(values.begin(), values.end(), one) != values.end();
                QCOMPARE(kept, !beatenStrictly);
            }
        }
    }
};

QTEST_APPLESS_MAIN(TestFrontier)
#include "test_frontier.moc"
