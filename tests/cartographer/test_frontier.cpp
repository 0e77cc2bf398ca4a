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
template <typename Choices>
Found valueOf(const Way& way, const Choices& choices) {
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
        if (std::any_of(way.begin(), way.end(), [](const Leg& leg) { return leg.options.empty(); })) continue;
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

    // Each class is dearer than the one before and better in all respects, as those that are sold.
    Leg ladder(uint16_t isp, uint32_t count) {
        Leg leg{IspId(isp), {}};
        int64_t price = 8 + below(16);
        Quality quality{10'000 + below(20'000), 5'000'000 + below(20'000'000), 2'000'000 + below(4) * 1'000'000};
        for (uint32_t i = 0; i < count; ++i) {
            leg.options.push_back(option(static_cast<uint8_t>(i), price, quality, below(2) * 13));
            price += 4 + below(40);
            quality.latencyMicroseconds = quality.latencyMicroseconds * (60 + below(35)) / 100;
            quality.lossPerBillion = quality.lossPerBillion / 100 * (30 + below(50));
            quality.bitsPerSecond *= 2;
        }
        return leg;
    }

private:
    std::mt19937 m_random;
};

// Each combination that is found has the value that it should have, none is there twice, and exactly those are left out that another one beats.
void compareWithEverything(const std::vector<Way>& ways, const Quality& bestEffort) {
    const Found free{Money::zero(), bestEffort};
    const auto found = frontier(ways, packet, bestEffort);
    std::vector<Found> values;
    for (size_t i = 1; i < found.size(); ++i) {
        const Found value{found[i].price, found[i].quality};
        QCOMPARE(found[i].choices.size(), ways[found[i].way].size());
        QCOMPARE(valueOf(ways[found[i].way], found[i].choices), value);
        QVERIFY(std::find(values.begin(), values.end(), value) == values.end());
        QVERIFY(values.empty() || values.back().price <= value.price);
        values.push_back(value);
    }
    const auto all = everyCombination(ways);
    for (const Found& one : all) {
        const bool kept = std::find(values.begin(), values.end(), one) != values.end();
        const bool beatenStrictly =
            beats(free, one) ||
            std::any_of(kept ? all.begin() : all.end(), all.end(),
                        [&](const Found& o) { return beats(o, one) && !(o == one); }) ||
            (!kept && std::any_of(values.begin(), values.end(), [&](const Found& o) { return beats(o, one); }));
        QCOMPARE(kept, !beatenStrictly);
    }
}

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
            compareWithEverything(ways, bestEffort);
            if (QTest::currentTestFailed()) return;
        }
    }

    // Where what one way offers rules out much of the others, before they are followed to their beginning.
    void alternatesDoNotLoseWhatIsWorthHaving() {
        for (uint32_t seed = 1; seed <= 60; ++seed) {
            Chance chance(seed);
            std::vector<Way> ways(2 + chance.below(11));
            const uint32_t legs = 2 + chance.below(4);
            for (size_t way = 0; way < ways.size(); ++way) {
                for (uint32_t i = 0; i < legs; ++i) {
                    const bool shared = way > 0 && i + seed % 3 >= legs;
                    const auto isp = static_cast<uint16_t>(way * 10 + i);
                    ways[way].push_back(shared ? ways[0][i] : chance.ladder(isp, legs > 4 ? 3 : 4));
                }
            }
            if (seed % 5 == 0) ways.push_back(ways.front());                          // twice
            if (seed % 7 == 0) ways.push_back({ways[0].begin() + 1, ways[0].end()});  // its end
            if (seed % 11 == 0) ways.back().back().options.clear();                   // sells nothing
            compareWithEverything(ways, {90'000, 60'000'000, 3'000'000});
            if (QTest::currentTestFailed()) return;
        }
    }

    void whatIsOutOfTheOrdinaryIsExact() {
        constexpr uint64_t ever = UINT64_MAX;
        const std::vector<Quality> extreme{
            {0, 0, ever}, {ever, 0, ever}, {0, 1'000'000'000, 1}, {1, 1, 0}, {ever / 2 + 1, 999'999'999, 5}};
        for (uint32_t seed = 1; seed <= 30; ++seed) {
            Chance chance(seed);
            std::vector<Way> ways(1 + chance.below(4));
            for (Way& way : ways) {
                for (uint16_t i = 0; i < 3; ++i) {
                    Leg leg = chance.leg(i, 4);
                    leg.options[chance.below(4)].quality = extreme[chance.below(5)];
                    // Dear enough that a surcharge can lead beyond what a code says.
                    if (chance.below(2) == 0)
                        leg.options[chance.below(4)].price = {Money::fromEighths(int64_t{1} << (20 + chance.below(14))),
                                                              Money::zero(), 1024};
                    way.push_back(std::move(leg));
                }
            }
            compareWithEverything(ways, seed % 2 == 0 ? Quality{ever, 1'000'000'000, 0} : Quality{0, 0, 1});
            if (QTest::currentTestFailed()) return;
        }
    }

    void aWayOfMoreThanTheHeaderHoldsIsLeftOut() {
        Way longest, tooLong;
        for (uint16_t i = 0; i < 17; ++i) {
            if (i < 16) longest.push_back({IspId(i), {option(1, 8, {1, 0, 5})}});
            tooLong.push_back({IspId(i), {option(1, 8, {0, 0, 9})}});
        }
        const std::vector<Way> ways{tooLong, longest};
        const auto found = frontier(ways, packet, {1'000'000, 0, 0});
        QCOMPARE(found.size(), size_t{2});
        QCOMPARE(found[1].way, size_t{1});
    }
};

QTEST_APPLESS_MAIN(TestFrontier)
#include "test_frontier.moc"
