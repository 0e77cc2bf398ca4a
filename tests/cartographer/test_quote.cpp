#include <QtTest>

#include "cartographer/assemble.h"

using namespace netpas;
using namespace netpas::cartographer;

namespace {

Money nano(int64_t amount) { return *Money::fromNanodollars(amount); }

QuotedHop hop(uint16_t isp, int64_t perPacket, int64_t perKib = 0, uint32_t surcharge = 0) {
    QuotedHop made{IspId{isp}, "isp", ServiceClass{1}, "gold", ExitPoint{0}, {}};
    made.prices.base = {nano(perPacket), nano(perKib), surcharge};
    return made;
}

directory::MenuClass offer(uint8_t id, const char* name, int64_t perPacket, uint32_t loss) {
    directory::MenuClass made;
    made.id = ServiceClass{id};
    made.name = name;
    made.prices.base.perPacket = nano(perPacket);
    made.promise.lossPerMillion = loss;
    return made;
}

KnownMenu menu(uint16_t isp, std::vector<directory::MenuClass> classes) {
    KnownMenu known{"isp", {}};
    known.menu.validity = {IspId{isp}, {}, SystemTime{std::chrono::hours{isp}}};
    known.menu.classes = std::move(classes);
    return known;
}

const Menus menus{{IspId{26}, menu(26, {offer(1, "gold", 3, 100), offer(2, "silver", 2, 1000)})},
                  {IspId{25}, menu(25, {offer(1, "Gold", 10, 100)})},
                  {IspId{24}, menu(24, {offer(1, "gold", 2, 100), offer(3, "platinum", 5, 1)})},
                  {IspId{23}, menu(23, {offer(1, "gold", 4, 100)})}};
const directory::IspPath direct{{IspId{26}, IspId{25}, IspId{24}}, {ExitPoint{7}, ExitPoint{0}}};
const directory::IspPath around{{IspId{26}, IspId{23}, IspId{24}}, {ExitPoint{8}, ExitPoint{0}}};

QuoteRequest request(const char* everywhere) {
    return {*IpAddress::parse("192.0.2.10"), ClassChoice::parse(everywhere), {}};
}

}  // namespace

class TestQuote : public QObject {
    Q_OBJECT

private slots:
    void thePaperPricesAddUp() {
        const std::vector<QuotedHop> path{hop(26, 3), hop(25, 10), hop(24, 2)};
        const auto price = priceOfPacket(path, 1400, 0);
        QCOMPARE(price->total, nano(15));
        QCOMPARE(price->hops[1].value(), nano(10));
        QCOMPARE(*worstPerMegabyte(path, 1000), nano(15'000));
        QCOMPARE(*worstPerMegabyte(path, 1400), nano(15 * 715));  // 714.3 packets
    }

    void surchargesCountTheEncodedPricesBehind() {
        // 17 n$ cannot be encoded: 18 n$ it is, and the surcharge of a half is on those.
        const std::vector<QuotedHop> path{hop(26, 1, 0, 512), hop(25, 17)};
        const auto price = priceOfPacket(path, 1400, 0);
        QCOMPARE(price->hops[1].value(), nano(18));
        QCOMPARE(price->hops[0].value(), nano(10));
        QCOMPARE(price->total, nano(28));
    }

    void bytesCountByTheInnerLength() {
        const std::vector<QuotedHop> path{hop(26, 0, 1024)};
        QCOMPARE(priceOfPacket(path, 64, 0)->total, nano(64));
        QCOMPARE(priceOfPacket(path, 1400, 0)->total, PriceCode::roundUp(nano(1400))->value());
    }

    void theDearestHourCountsForTheWorstCase() {
        std::vector<QuotedHop> path{hop(26, 3), hop(25, 10)};
        path[0].prices.periods = {{1080, 1320, {nano(6), Money::zero(), 0}}};  // 18:00 to 22:00
        path[1].prices.periods = {{1200, 60, {nano(20), Money::zero(), 0}}};   // 20:00 to 01:00
        QCOMPARE(priceOfPacket(path, 1400, 1100)->total, nano(16));
        QCOMPARE(dearestPacket(path, 1400)->total, nano(26));  // 20:00 to 22:00
    }

    void aPriceAboveEveryCodeIsAnError() {
        QVERIFY(!priceOfPacket(std::vector<QuotedHop>{hop(26, 5'000'000'000)}, 64, 0));
        const Menus dear{{IspId{26}, menu(26, {offer(1, "gold", 5'000'000'000, 1)})}};
        const auto quote = assemble(request("gold"), {{{IspId{26}}, {}}}, dear, {});
        QCOMPARE(int(quote.error().error), int(AssembleError::PriceTooHigh));
    }

    void choicesOfWords() {
        QCOMPARE(int(ClassChoice::parse("").rule), int(ClassChoice::Rule::Cheapest));
        QCOMPARE(int(ClassChoice::parse("best").rule), int(ClassChoice::Rule::Best));
        QCOMPARE(ClassChoice::parse("63").number, ServiceClass{63});
        QCOMPARE(ClassChoice::parse("64").name, std::string("64"));
        QCOMPARE(ClassChoice::parse("1x").name, std::string("1x"));
    }

    void classesByNameNumberPriceAndPromise() {
        auto quote = assemble(request("GOLD"), {direct}, menus, {});
        QCOMPARE(quote->path.size(), size_t{3});
        QCOMPARE(quote->path[1].className, std::string("Gold"));
        QCOMPARE(quote->path[0].exit, ExitPoint{7});
        QCOMPARE(quote->path[2].exit, ExitPoint{0});
        QCOMPARE(quote->validUntil, SystemTime{std::chrono::hours{24}});
        quote = assemble(request("cheapest"), {direct}, menus, {});
        QCOMPARE(quote->path[0].className, std::string("silver"));
        quote = assemble(request("best"), {direct}, menus, {});
        QCOMPARE(quote->path[0].className, std::string("gold"));
        QCOMPARE(quote->path[2].className, std::string("platinum"));
        QuoteRequest mixed = request("1");
        mixed.perIsp[IspId{24}] = ClassChoice::parse("3");
        quote = assemble(mixed, {direct}, menus, {});
        QCOMPARE(quote->path[2].service, ServiceClass{3});
        QCOMPARE(quote->path[0].service, ServiceClass{1});
    }

    void theCheapestMayGoAnotherWay() {
        QCOMPARE(assemble(request("cheapest"), {direct, around}, menus, {})->path[1].isp, IspId{23});
        QCOMPARE(assemble(request("gold"), {direct, around}, menus, {})->path[1].isp, IspId{25});
    }

    void whatIsMissingIsNamed() {
        auto quote = assemble(request("platinum"), {direct}, menus, {});
        QCOMPARE(int(quote.error().error), int(AssembleError::NoSuchClass));
        QCOMPARE(quote.error().isp, IspId{25});
        QCOMPARE(quote.error().offered, std::vector<std::string>{"Gold"});
        quote = assemble(request("gold"), {{{IspId{26}, IspId{99}}, {}}}, menus, {});
        QCOMPARE(int(quote.error().error), int(AssembleError::NoMenu));
        QCOMPARE(quote.error().isp, IspId{99});
        // Another path without that ISP still serves.
        QVERIFY(assemble(request("gold"), {{{IspId{26}, IspId{99}}, {}}, direct}, menus, {}));
        QCOMPARE(int(assemble(request("gold"), {}, menus, {}).error().error), int(AssembleError::NoPath));
    }
};

QTEST_APPLESS_MAIN(TestQuote)
#include "test_quote.moc"
