// What a person is offered, and that its name says what it is.
#include <QtTest>

#include "cartographer/offers.h"

using namespace netpas;
using namespace netpas::cartographer;

namespace {

constexpr SystemTime now{std::chrono::hours(24 * 365 * 50)};
const IpAddress destination = *IpAddress::parse("203.0.113.5");
constexpr uint64_t film = 5'000'000;

directory::MenuClass one(uint8_t id, int64_t nanodollars, std::optional<uint32_t> latencyUs,
                         std::optional<uint32_t> perMillion, std::optional<uint64_t> rate) {
    directory::MenuClass c;
    c.id = ServiceClass(id);
    c.name = "class " + std::to_string(id);
    c.prices.base.perPacket = *Money::fromNanodollars(nanodollars);
    c.promise = {latencyUs, perMillion, rate};
    return c;
}

struct World {
    Survey survey;
    World() {
        const directory::Validity validity{IspId(1), now, now + std::chrono::hours(1)};
        survey.paths.validity = validity;
        survey.paths.prefix = *IpPrefix::parse("203.0.113.0/24");
        sells(1, {one(1, 2, 5'000, 0, 50'000'000)});
    }
    void sells(uint16_t isp, std::vector<directory::MenuClass> classes) {
        const directory::Validity validity{IspId(isp), now, now + std::chrono::hours(1)};
        survey.menus[IspId(isp)] = {"isp " + std::to_string(isp), {validity, std::move(classes), {}, {}, {}}};
    }
    void path(std::vector<uint16_t> isps) {
        directory::IspPath way;
        for (const uint16_t isp : isps) way.isps.emplace_back(isp);
        way.exits.resize(way.isps.size() - 1);
        survey.paths.paths.push_back(way);
    }
    [[nodiscard]] Offers offers(uint64_t stream = film) const {
        return offersFrom(destination, survey, stream, now, std::chrono::seconds(300));
    }
};

}  // namespace

class TestOffers : public QObject {
    Q_OBJECT

private slots:
    void theModelSaysWhatItSays() {
        // 20 ms and no loss: what is promised. 1 % loss over 60 ms: √1.5 · 11,200 bits / (0.06 s · 0.1).
        QCOMPARE(throughputOf({20'000, 0, 7'000'000}).value_or(0), uint64_t{7'000'000});
        const auto lossy = throughputOf({20'000, 10'000'000, 1'000'000'000});
        QVERIFY(lossy && *lossy > 2'285'000 && *lossy < 2'287'000);
        QVERIFY(!throughputOf({20'000, std::nullopt, 7'000'000}));
        QCOMPARE(stallsGone({20'000, 0, 4'999'999}, film), Change::None);
        QCOMPARE(stallsGone({20'000, 0, 5'000'000}, film), Change::Possible);
        QCOMPARE(stallsGone({20'000, 0, 7'500'000}, film), Change::Likely);
        QCOMPARE(stallsGone({std::nullopt, 0, 7'500'000}, film), Change::Unknown);
    }

    void threeTiersAreCutFromManyCombinations() {
        World world;
        world.sells(
            2, {one(1, 1, 60'000, 1000, 3'000'000), one(2, 3, 50'000, 500, 5'500'000), one(3, 6, 40'000, 0, 9'000'000),
                one(4, 9, 30'000, 0, 12'000'000), one(5, 20, 10'000, 0, 40'000'000)});
        world.path({1, 2});
        const Offers found = world.offers();
        QCOMPARE(found.worthHaving, size_t{5});
        QCOMPARE(found.offers.size(), size_t{2});
        QCOMPARE(found.offers[0].tier, Tier::Enough);
        QCOMPARE(found.offers[0].change, Change::Likely);
        QCOMPARE(found.offers[0].quote.path[1].service, ServiceClass(3));
        QCOMPARE(found.offers[0].price, *Money::fromNanodollars(8));
        QCOMPARE(found.offers[1].tier, Tier::Most);
        QCOMPARE(found.offers[1].quote.path[1].service, ServiceClass(5));
        // A stream that class 3 just carries: something cheaper than what is comfortable.
        const Offers more = world.offers(8'000'000);
        QCOMPARE(more.offers.size(), size_t{3});
        QCOMPARE(more.offers[0].tier, Tier::Thrifty);
        QCOMPARE(more.offers[0].quote.path[1].service, ServiceClass(3));
        QCOMPARE(more.offers[1].quote.path[1].service, ServiceClass(4));
        QVERIFY(more.offers[0].price < more.offers[1].price && more.offers[1].price < more.offers[2].price);
    }

    void alternatesCompete() {
        World world;
        world.sells(2, {one(1, 10, 20'000, 0, 10'000'000)});
        world.sells(3, {one(1, 4, 20'000, 0, 10'000'000)});
        world.sells(4, {one(1, 1, 1'000, 0, 90'000'000)});
        world.path({1, 2, 4});
        world.path({1, 3, 4});
        world.path({1, 9, 4});  // publishes no menu
        const Offers found = world.offers();
        QCOMPARE(found.worthHaving, size_t{1});
        QCOMPARE(found.offers[0].quote.path[1].isp, IspId(3));
    }

    void whatIsNotPromisedIsNotSaid() {
        World world;
        world.sells(2, {one(1, 1, std::nullopt, std::nullopt, 10'000'000)});
        world.path({1, 2});
        const Offers found = world.offers();
        QCOMPARE(found.offers.size(), size_t{1});
        QVERIFY(!found.offers[0].quality.latencyMicroseconds && !found.offers[0].quality.lossPerBillion);
        QCOMPARE(found.offers[0].quality.bitsPerSecond.value_or(0), uint64_t{10'000'000});
        QCOMPARE(found.offers[0].change, Change::Unknown);
    }

    void noWayIsSaidToBeNone() {
        const Offers found = World().offers();
        QVERIFY(found.offers.empty());
        QVERIFY(found.none && found.none->error == CartographerError::NoPath);
    }

    void anOfferIsNamedForWhatItIs() {
        World world;
        world.sells(2, {one(7, 10, 20'000, 0, 10'000'000)});
        world.path({1, 2});
        const Offer offer = world.offers().offers.front();
        const std::string name = offer.id.toString();
        const auto read = OfferId::parse(name);
        QVERIFY(read.has_value());
        QCOMPARE(read->toString(), name);
        QVERIFY(read->isMetBy(offer.quote));
        QCOMPARE(read->validUntil, now + std::chrono::seconds(300));
        QVERIFY(name.starts_with("1-1.2-7_"));
        // It asks for exactly that, and is not met by anything else.
        const auto again = quoteFrom(read->request(destination), world.survey, now);
        QVERIFY(again && read->isMetBy(*again));
        Quote dearer = offer.quote;
        dearer.path[1].prices.base.perPacket = *Money::fromNanodollars(12);
        QVERIFY(!read->isMetBy(dearer));
        dearer.path[1].prices.base.perPacket = *Money::fromNanodollars(1);
        QVERIFY2(read->isMetBy(dearer), "cheaper is welcome");
        dearer.path[1].service = ServiceClass(6);
        QVERIFY(!read->isMetBy(dearer));
        for (const char* bad : {"", "1", "1-1", "1-1_5", "1-1_5_", "1-64_5_5", "65536-1_5_5", "1-1._5_5", "1-1_5_5x",
                                "-1-1_5_5", "01-1_5_5", "1-1_-5_5", "1-1_99999999999999999999_5"}) {
            QVERIFY2(!OfferId::parse(bad), bad);
        }
        std::string long17;
        for (int i = 0; i < 17; ++i) long17 += (i > 0 ? "." : "") + std::to_string(i + 1) + "-1";
        QVERIFY(!OfferId::parse(long17 + "_5_5"));
    }

    void whatIsNamedGoesFirstAndElseTheBestThatIsNotTooDear() {
        World world;
        world.sells(2, {one(1, 10, 20'000, 0, 20'000'000), one(2, 4, 40'000, 1000, 10'000'000)});
        world.sells(3, {one(1, 8, 30'000, 0, 20'000'000)});
        world.sells(4, {one(1, 3, 5'000, 0, 50'000'000)});
        world.path({1, 2, 4});
        world.path({1, 3, 4});
        QuoteRequest wish{destination, {}, {}};
        wish.perIsp[IspId(2)] = {ClassChoice::Rule::Numbered, {}, ServiceClass(1)};
        const auto under = [&](int64_t nanodollars) {
            wish.atMost = Money::fromNanodollars(nanodollars).value();
            return quoteFrom(wish, world.survey, now);
        };
        const auto says = [](const auto& quote, uint16_t isp, uint8_t service) {
            return quote && quote->path.size() == 3 && quote->path[1].isp == IspId(isp) &&
                   quote->path[1].service == ServiceClass(service);
        };
        QVERIFY(says(under(15), 2, 1));
        QVERIFY2(says(under(14), 3, 1), "the other way, which is the best for that");
        QVERIFY2(says(under(12), 2, 2), "a lesser class");
        QCOMPARE(under(8).error().error, CartographerError::PriceTooHigh);
        wish.without = {{IspId(2), ServiceClass(1)}};
        QVERIFY2(says(under(15), 3, 1), "what is not wanted is not bought, whoever names it");
        wish.without.emplace_back(IspId(3), ServiceClass(1));
        QVERIFY(says(under(15), 2, 2));
        wish.without.emplace_back(IspId(2), ServiceClass(2));
        QVERIFY(!under(15));
        wish.without.clear();
        world.survey.paths.paths.clear();
        QCOMPARE(under(15).error().error, CartographerError::NoPath);
    }

    // What people are shown is what the packets that only pay will say.
    void chargesOfGuaranteesAreShownAsTheyAreEncodedAndHeld() {
        World world;
        directory::MenuClass sure = one(1, 10, 20'000, 0, 10'000'000);
        sure.guarantee = Guarantee{*Money::fromNanodollars(5000), *Money::fromNanodollars(1000), 10'000'000};
        world.sells(2, {sure});
        world.path({1, 2});
        const Offer offer = world.offers().offers.front();
        const auto encoded = [](int64_t n) { return PriceCode::roundUp(*Money::fromNanodollars(n))->value(); };
        QCOMPARE(offer.charges.first, *checkedAdd(encoded(6010), encoded(2)));
        QCOMPARE(offer.charges.minute, *checkedAdd(encoded(1010), encoded(2)));
        QCOMPARE(offer.price, *Money::fromNanodollars(12));
        QVERIFY(offer.quote.path[1].guarantee == sure.guarantee);
        const std::string name = offer.id.toString();
        const auto read = OfferId::parse(name);
        QVERIFY2(read && read->toString() == name && read->charges == offer.charges, name.c_str());
        QVERIFY(read->isMetBy(offer.quote));
        Quote dearer = offer.quote;
        dearer.path[1].guarantee->perMinute = *Money::fromNanodollars(1200);
        QVERIFY(!read->isMetBy(dearer));
        dearer.path[1].guarantee = Guarantee{*Money::fromNanodollars(5500), Money::zero(), 10'000'000};
        QVERIFY(read->isMetBy(dearer));
        dearer.path[1].guarantee.reset();
        QVERIFY(read->isMetBy(dearer));
        for (const char* bad : {"1-1_5+_5", "1-1_5+1_5", "1-1_5+0+0_5", "1-1_5+1+_5", "1-1_5+1+1+1_5"})
            QVERIFY2(!OfferId::parse(bad), bad);
        // A purchase that agreed to no charges is not moved to a way that has them.
        QuoteRequest wish{destination, {}, {}};
        wish.atMost = *Money::fromNanodollars(100);
        QVERIFY(!quoteFrom(wish, world.survey, now));
        wish.charges = offer.charges;
        QVERIFY(quoteFrom(wish, world.survey, now));
    }

    // With several ways, the one of the offer is taken although another would be tried first.
    void theWayOfTheOfferIsTaken() {
        World world;
        world.sells(2, {one(1, 10, 20'000, 0, 10'000'000)});
        world.sells(3, {one(1, 4, 20'000, 0, 90'000'000)});
        world.path({1, 2});
        world.path({1, 3, 2});
        const OfferId id{{{IspId(1), ServiceClass(1)}, {IspId(3), ServiceClass(1)}, {IspId(2), ServiceClass(1)}},
                         *Money::fromNanodollars(100),
                         now + std::chrono::seconds(9)};
        const auto quote = quoteFrom(id.request(destination), world.survey, now);
        QVERIFY(quote && id.isMetBy(*quote));
    }
};

QTEST_GUILESS_MAIN(TestOffers)
#include "test_offers.moc"
