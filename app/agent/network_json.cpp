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
        const std::vector<cartographer::QuotedHop> alone{{known.menu.validity.isp, known.ispName, offer.id, offer.name,
                                                          ExitPoint{0}, offer.prices, offer.guarantee}};
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

namespace {

const char* nameOf(cartographer::Tier tier) {
    switch (tier) {
    case cartographer::Tier::Thrifty: return "thrifty";
    case cartographer::Tier::Enough: return "enough";
    case cartographer::Tier::Most: return "most";
    }
    return "";
}

const char* sentenceOf(cartographer::Change change) {
    switch (change) {
    case cartographer::Change::Unknown: return "not known: too little is promised";
    case cartographer::Change::None: return "stalls go on: the stream needs more than that";
    case cartographer::Change::Possible: return "stalls gone: possible";
    case cartographer::Change::Likely: return "stalls gone: likely";
    }
    return "";
}

json qualityJson(const cartographer::KnownQuality& quality) {
    json object = json::object();
    if (quality.latencyMicroseconds) object["latency_us"] = *quality.latencyMicroseconds;
    if (quality.lossPerBillion) object["loss_per_million"] = *quality.lossPerBillion / 1000.0;
    if (quality.bitsPerSecond) object["rate_bit_per_second"] = *quality.bitsPerSecond;
    if (const auto throughput = throughputOf(quality)) object["throughput_bit_per_second"] = *throughput;
    return object;
}

}  // namespace

std::optional<Money> perMinuteAtMost(const cartographer::Offer& offer, uint64_t streamBitsPerSecond) {
    const auto packets = secretaryd::perMinuteAtMost(offer.id.price, streamBitsPerSecond);
    const auto cost = packets ? checkedAdd(*packets, offer.id.charges.minute) : tl::unexpected(MoneyError{});
    return cost ? std::optional(*cost) : std::nullopt;
}

json offersJson(const IpAddress& destination, const cartographer::Offers& offers, uint64_t streamBitsPerSecond,
                SystemTime now) {
    json list = json::array();
    list.push_back(secretaryd::bestEffortOffer());
    for (const cartographer::Offer& offer : offers.offers) {
        json object{{"id", offer.id.toString()},
                    {"tier", nameOf(offer.tier)},
                    {"path", quotePathJson(offer.quote.path, now)},
                    {"quality", qualityJson(offer.quality)},
                    {"quality_is", "promised, not measured"},
                    {"change", sentenceOf(offer.change)},
                    {"guaranteed", offer.charges.first > Money::zero()},
                    {"valid_until", timeText(offer.id.validUntil)}};
        if (const auto cost = perMinuteAtMost(offer, streamBitsPerSecond))
            object["per_minute_at_most"] = cost->toString();
        object.update(pricesJson(offer.quote.path, now));
        list.push_back(std::move(object));
    }
    json body{{"to", destination.toString()},
              {"stream_bit_per_second", streamBitsPerSecond},
              {"offers", std::move(list)},
              {"worth_having", offers.worthHaving},
              {"currency", "USD"}};
    if (offers.none) body["problem"] = offers.none->detail;
    return body;
}

}  // namespace netpas::agent
