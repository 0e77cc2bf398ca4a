#include "app/agent/network_json.h"

#include <nlohmann/json.hpp>

#include "app/secretary/quote_json.h"

namespace netpas::agent {

using nlohmann::json;
using secretaryd::pricesJson;
using secretaryd::quotePathJson;

namespace {

json promiseJson(const directory::Promise& promise) {
    json promised = json::object();
    if (promise.latencyMicroseconds) promised["latency_us"] = *promise.latencyMicroseconds;
    if (promise.lossPerMillion) promised["loss_per_million"] = *promise.lossPerMillion;
    if (promise.rateBitPerSecond) promised["rate_bit_per_second"] = *promise.rateBitPerSecond;
    return promised;
}

}  // namespace

json menuJson(const cartographer::KnownMenu& known, SystemTime now) {
    json classes = json::array();
    for (const directory::MenuClass& offer : known.menu.classes) {
        const std::vector<cartographer::QuotedHop> alone{
            {known.menu.validity.isp, known.ispName, offer.id, offer.name, ExitPoint{0}, offer.prices}};
        json object{{"class", offer.id.value()},
                    {"name", offer.name},
                    {"description", offer.description},
                    {"promised", promiseJson(offer.promise)},
                    {"surcharge_1024ths", offer.prices.modelAt(minuteOfDay(now)).surcharge1024ths},
                    {"changes_by_time_of_day", !offer.prices.periods.empty()}};
        object.update(pricesJson(alone, now));
        classes.push_back(std::move(object));
    }
    json speedTests = json::array();
    for (const directory::SpeedTest& test : known.menu.speedTests) {
        speedTests.push_back({{"address", test.server.address.toString()}, {"port", test.server.port}});
        if (test.key) speedTests.back()["key"] = test.key->hex();
    }
    return {{"isp", known.menu.validity.isp.value()},
            {"name", known.ispName},
            {"classes", std::move(classes)},
            {"speed_tests", std::move(speedTests)},
            {"valid_until", timeText(known.menu.validity.expires)}};
}

json surveyJson(const IpAddress& destination, const cartographer::Survey& survey, SystemTime now) {
    json paths = json::array();
    for (const directory::IspPath& path : survey.paths.paths) {
        json hops = json::array();
        for (size_t i = 0; i < path.isps.size(); ++i) {
            const auto menu = survey.menus.find(path.isps[i]);
            const auto missing = survey.missing.find(path.isps[i]);
            json hop = menu != survey.menus.end() ? menuJson(menu->second, now)
                                                  : json{{"isp", path.isps[i].value()}, {"classes", json::array()}};
            hop["exit"] = i < path.exits.size() ? path.exits[i].value() : 0;
            if (missing != survey.missing.end()) hop["problem"] = missing->second.detail;
            hops.push_back(std::move(hop));
        }
        paths.push_back(std::move(hops));
    }
    json object{{"to", destination.toString()}, {"paths", std::move(paths)}, {"currency", "USD"}};
    for (const auto rule : {cartographer::ClassChoice::Rule::Cheapest, cartographer::ClassChoice::Rule::Best}) {
        const cartographer::QuoteRequest request{destination, {rule, {}, ServiceClass{0}}, {}};
        const auto quote = cartographer::quoteFrom(request, survey, now);
        if (!quote) continue;
        json offer{{"path", quotePathJson(quote->path, now)}};
        offer.update(pricesJson(quote->path, now));
        object[rule == cartographer::ClassChoice::Rule::Best ? "best" : "cheapest"] = std::move(offer);
    }
    return object;
}

}  // namespace netpas::agent
