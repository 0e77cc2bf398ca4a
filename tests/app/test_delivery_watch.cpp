// Which beginnings of paid ways are judged, who is suspected, and what the secretary is told.
#include <QtTest>

#include <nlohmann/json.hpp>

#include "app/agent/delivery_watch.h"

using namespace netpas;
using namespace netpas::agent;
using namespace std::chrono_literals;
using measure::ClassOn;
using measure::ProbeRoute;

namespace {

constexpr SystemTime start{std::chrono::hours(24 * 365 * 50)};
const std::vector<ClassOn> whole{
    {IspId(26), ServiceClass(1)}, {IspId(25), ServiceClass(2)}, {IspId(24), ServiceClass(1)}};

ProbeRoute upTo(size_t isps) {
    return {whole[isps - 1].isp,
            {*IpAddress::parse("198.51.100.1"), whole[isps - 1].isp.value()},
            {whole.begin(), whole.begin() + static_cast<ptrdiff_t>(isps)}};
}

cartographer::Survey survey(std::optional<uint64_t> rateOfY = 20'000'000) {
    cartographer::Survey all;
    const directory::Validity validity{IspId(1), start, start + 1h};
    const auto sells = [&](uint16_t isp, uint8_t service, std::optional<uint32_t> latency,
                           std::optional<uint32_t> perMillion, std::optional<uint64_t> rate) {
        directory::MenuClass one;
        one.id = ServiceClass(service);
        one.promise = {latency, perMillion, rate};
        all.menus[IspId(isp)] = {"isp", {validity, {one}, {}, {}, {}}};
    };
    sells(26, 1, 10'000, 100'000, 50'000'000);
    sells(25, 2, 20'000, 500'000, rateOfY);
    sells(24, 1, std::nullopt, std::nullopt, 90'000'000);
    return all;
}

secretaryd::PaidFlow flow(uint64_t id, uint8_t classOfY, bool diverted = true) {
    secretaryd::PaidFlow one;
    one.id = PurchaseId(id);
    one.diverted = diverted;
    for (const ClassOn& bought : whole) {
        const ServiceClass service = bought.isp == IspId(25) ? ServiceClass(classOfY) : bought.service;
        one.path.push_back({bought.isp, "isp", service, "class", ExitPoint{0}, {}});
    }
    return one;
}

}  // namespace

class TestDeliveryWatch : public QObject {
    Q_OBJECT
private slots:

    void eachStretchHasItsSuspectsAndPromises() {
        const cartographer::Survey known = survey();
        const auto watched = watchedWays({{whole, {upTo(1), upTo(2), upTo(3)}, &known, 0}});
        QCOMPARE(watched.size(), size_t{3});
        QVERIFY(watched[0].suspects == std::vector<ClassOn>{whole[0]});
        QVERIFY(watched[1].suspects == (std::vector<ClassOn>{whole[0], whole[1]}));
        QVERIFY(watched[2].suspects == (std::vector<ClassOn>{whole[1], whole[2]}));
        QVERIFY(watched[1].control.classes.empty() && watched[1].control.reflector == watched[1].paid.reflector);
        QVERIFY(watched[1].promised.latency == std::optional<std::chrono::nanoseconds>(30ms));
        QVERIFY(watched[1].promised.loss && std::abs(*watched[1].promised.loss - 0.55) < 1e-9);
        QVERIFY(!watched[2].promised.latency && !watched[2].promised.loss);
        QCOMPARE(watched[0].fairLoad, 0.7 * 50e6);
        QCOMPARE(watched[2].fairLoad, 0.7 * 20e6);
    }

    // Who has no reflector is suspected together with the next one that has.
    void anIspWithoutAReflectorIsNotLeftOut() {
        const cartographer::Survey known = survey();
        const auto watched = watchedWays({{whole, {upTo(1), upTo(3)}, &known, 0}});
        QCOMPARE(watched.size(), size_t{2});
        QVERIFY(watched[1].suspects == whole);
    }

    void whereNoRateIsPromisedBestEffortIsTheMeasure() {
        const cartographer::Survey known = survey(std::nullopt);
        QCOMPARE(watchedWays({{whole, {upTo(2)}, &known, 0}})[0].fairLoad, 1e6);
        QCOMPARE(watchedWays({{whole, {upTo(2)}, &known, 4e6}})[0].fairLoad, 6e6);
    }

    void thePurchasesThatPayForItAreNamed() {
        const cartographer::Survey known = survey();
        measure::NotDelivered found;
        found.way = watchedWays({{whole, {upTo(2)}, &known, 0}})[0];
        found.since = SteadyTime{1h};
        measure::DeliveryWindow window;
        window.begin = SteadyTime{1h + 8s};
        window.vote = measure::Vote::Bad;
        window.paid = {5, 4, 5, 1, 93ms, 90ms};
        window.control = {5, 5, 0, 0, std::nullopt, std::nullopt};
        window.load = 3e6;
        found.windows = {window};
        const auto told =
            deliveryTrouble(found, {flow(1, 2), flow(2, 1), flow(3, 2, false), flow(4, 2)}, SteadyTime{1h + 10s});
        QVERIFY(told.purchases == (std::vector<PurchaseId>{PurchaseId(1), PurchaseId(4)}));
        QCOMPARE(told.suspects.size(), size_t{2});
        QVERIFY(told.suspects[0].isp == IspId(26) && told.suspects[0].service == ServiceClass(1));
        QVERIFY(told.suspects[1].isp == IspId(25) && told.suspects[1].service == ServiceClass(2));
        const auto evidence = nlohmann::json::parse(told.evidence);
        QCOMPARE(evidence["seconds_watched"].get<double>(), 10.0);
        QCOMPARE(evidence["promised"]["latency_ms"].get<double>(), 30.0);
        const auto& shown = evidence["windows"][0];
        QCOMPARE(shown["seconds_ago"].get<double>(), 2.0);
        QVERIFY(shown["vote"] == "bad" && shown["paid"]["lost_there"] == 1 && shown["paid"]["queueing_ms"] == 93.0);
        QVERIFY(shown["best_effort"]["queueing_ms"].is_null() && shown["own_load_mbit"] == 3.0);
        QVERIFY(channel::encode(told).has_value());
    }

    // The longest evidence fits the channel.
    void evidenceIsNeverTooLong() {
        const cartographer::Survey known = survey();
        measure::NotDelivered found;
        found.way = watchedWays({{whole, {upTo(3)}, &known, 0}})[0];
        measure::DeliveryWindow window;
        window.paid = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, 1234567891ns, 1ns};
        window.control = window.paid;
        window.load = 123456789.123456789;
        window.vote = measure::Vote::Unclear;
        found.windows.assign(measure::DeliveryJudge::Options{}.windows, window);
        QVERIFY(channel::encode(deliveryTrouble(found, {flow(1, 2)}, SteadyTime{1h})).has_value());
    }
};

QTEST_APPLESS_MAIN(TestDeliveryWatch)
#include "test_delivery_watch.moc"
