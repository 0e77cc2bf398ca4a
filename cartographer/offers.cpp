#include "cartographer/offers.h"

#include <algorithm>
#include <cmath>

namespace netpas::cartographer {

namespace {

// What an ISP does not promise counts as bad as can be in the comparison: a promise is worth more than none.
constexpr Quality nothingPromised{1'000'000, 500'000'000, 1};
// Nothing is known of best effort: whatever is promised may be better.
constexpr Quality nothingKnown{UINT64_MAX, 1'000'000'000, 0};

Quality qualityOf(const directory::Promise& promise) {
    constexpr uint32_t perMillion = 1000;
    return {promise.latencyMicroseconds ? *promise.latencyMicroseconds : nothingPromised.latencyMicroseconds,
            promise.lossPerMillion ? *promise.lossPerMillion * perMillion : nothingPromised.lossPerBillion,
            promise.rateBitPerSecond ? *promise.rateBitPerSecond : nothingPromised.bitsPerSecond};
}

struct Ways {
    std::vector<Way> ways;
    std::vector<const directory::IspPath*> paths;  // of each way
};

Ways waysOf(const Survey& survey, SystemTime now) {
    Ways found;
    for (const directory::IspPath& path : survey.paths.paths) {
        Way way;
        for (const IspId isp : path.isps) {
            const auto menu = survey.menus.find(isp);
            if (menu == survey.menus.end()) break;
            Leg leg{isp, {}};
            for (const directory::MenuClass& one : menu->second.menu.classes)
                leg.options.push_back({one.id, one.prices.modelAt(minuteOfDay(now)), qualityOf(one.promise)});
            way.push_back(std::move(leg));
        }
        if (way.empty() || way.size() != path.isps.size()) continue;
        found.ways.push_back(std::move(way));
        found.paths.push_back(&path);
    }
    return found;
}

// Only what every ISP promises.
void forget(KnownQuality& known, const directory::Promise& promise) {
    if (!promise.latencyMicroseconds) known.latencyMicroseconds.reset();
    if (!promise.lossPerMillion) known.lossPerBillion.reset();
    if (!promise.rateBitPerSecond) known.bitsPerSecond.reset();
}

std::optional<Offer> offerOf(const Combination& one, const directory::IspPath& path, const Survey& survey,
                             const IpAddress& destination, uint64_t stream, SystemTime now, SystemTime validUntil) {
    Offer offer;
    offer.price = one.price;
    offer.quality = {one.quality.latencyMicroseconds, one.quality.lossPerBillion, one.quality.bitsPerSecond};
    offer.quote = {destination, {}, validUntil};
    for (size_t i = 0; i < path.isps.size(); ++i) {
        const KnownMenu& known = survey.menus.at(path.isps[i]);
        const directory::MenuClass& chosen = known.menu.classes[one.choices[i]];
        const ExitPoint exit = i < path.exits.size() ? path.exits[i] : ExitPoint{0};
        offer.quote.path.push_back(
            {path.isps[i], known.ispName, chosen.id, chosen.name, exit, chosen.prices, chosen.guarantee});
        offer.quote.validUntil = std::min(offer.quote.validUntil, known.menu.validity.expires);
        forget(offer.quality, chosen.promise);
    }
    const auto id = OfferId::of(offer.quote);
    if (!id) return std::nullopt;
    offer.id = *id;
    if (const auto charges = chargesOf(offer.quote.path, minuteOfDay(now))) offer.charges = *charges;
    offer.change = stallsGone(offer.quality, stream);
    return offer;
}

uint64_t worth(const Offer& offer) { return throughputOf(offer.quality).value_or(0); }

bool isWorse(const Offer& a, const Offer& b) {
    if (worth(a) != worth(b)) return worth(a) < worth(b);
    const uint64_t late = a.quality.latencyMicroseconds.value_or(UINT64_MAX);
    const uint64_t later = b.quality.latencyMicroseconds.value_or(UINT64_MAX);
    return late != later ? late > later : a.price > b.price;
}

// The cheapest that may help, the cheapest that is comfortable, and the best of all.
std::vector<Offer> cut(std::vector<Offer> all) {
    std::vector<Offer> tiers;
    const auto cheapest = [&](Change change) {
        return std::find_if(all.begin(), all.end(), [&](const Offer& offer) { return offer.change == change; });
    };
    const auto add = [&](std::vector<Offer>::const_iterator at, Tier tier) {
        const bool there = at == all.end() || std::any_of(tiers.begin(), tiers.end(), [&](const Offer& known) {
                               return known.quote.path.size() == at->quote.path.size() && known.id.hops == at->id.hops;
                           });
        if (there) return;
        tiers.push_back(*at);
        tiers.back().tier = tier;
    };
    const auto enough = cheapest(Change::Likely);
    const auto thrifty = cheapest(Change::Possible);
    if (thrifty != all.end() && (enough == all.end() || thrifty->price < enough->price)) add(thrifty, Tier::Thrifty);
    add(enough, Tier::Enough);
    if (tiers.empty() && !all.empty()) add(all.begin(), Tier::Thrifty);
    add(std::max_element(all.begin(), all.end(), isWorse), Tier::Most);
    std::stable_sort(tiers.begin(), tiers.end(), [](const Offer& a, const Offer& b) { return a.price < b.price; });
    return tiers;
}

}  // namespace

std::optional<uint64_t> throughputOf(const KnownQuality& quality) {
    if (!quality.latencyMicroseconds || !quality.lossPerBillion || !quality.bitsPerSecond) return std::nullopt;
    constexpr double ends = 0.02;  // seconds
    constexpr double segment = 8.0 * fullPacketBytes;
    const double roundTrip = 2e-6 * static_cast<double>(*quality.latencyMicroseconds) + ends;
    const double loss = static_cast<double>(*quality.lossPerBillion) / 1e9;
    const auto rate = static_cast<double>(*quality.bitsPerSecond);
    if (loss <= 0) return *quality.bitsPerSecond;
    return static_cast<uint64_t>(std::min(rate, std::sqrt(1.5) * segment / (roundTrip * std::sqrt(loss))));
}

Change stallsGone(const KnownQuality& quality, uint64_t streamBitsPerSecond) {
    const auto throughput = throughputOf(quality);
    if (!throughput) return Change::Unknown;
    if (*throughput / 3 >= streamBitsPerSecond / 2 && *throughput >= streamBitsPerSecond) return Change::Likely;
    return *throughput >= streamBitsPerSecond ? Change::Possible : Change::None;
}

std::optional<Quote> bestWithin(Money price, const Charges& charges, const IpAddress& destination, const Survey& survey,
                                SystemTime now) {
    const Ways ways = waysOf(survey, now);
    std::optional<Offer> best;
    for (const Combination& one : frontier(ways.ways, fullPacketBytes, nothingKnown)) {
        if (one.way == Combination::bestEffort || one.price > price) continue;
        auto offer = offerOf(one, *ways.paths[one.way], survey, destination, 1, now, survey.paths.validity.expires);
        const bool fits = offer && offer->id.price <= price && offer->id.charges.first <= charges.first &&
                          offer->id.charges.minute <= charges.minute;
        if (fits && (!best || isWorse(*best, *offer))) best = std::move(*offer);
    }
    return best ? std::optional(std::move(best->quote)) : std::nullopt;
}

Offers offersFrom(const IpAddress& destination, const Survey& survey, uint64_t streamBitsPerSecond, SystemTime now,
                  std::chrono::seconds validFor) {
    Offers result;
    const Ways ways = waysOf(survey, now);
    const SystemTime validUntil = std::min<SystemTime>(now + validFor, survey.paths.validity.expires);
    std::vector<Offer> all;
    for (const Combination& one : frontier(ways.ways, fullPacketBytes, nothingKnown)) {
        if (one.way == Combination::bestEffort) continue;
        ++result.worthHaving;
        auto offer = offerOf(one, *ways.paths[one.way], survey, destination, streamBitsPerSecond, now, validUntil);
        if (offer) all.push_back(std::move(*offer));
    }
    if (all.empty()) {
        const auto why = quoteFrom({destination, {}, {}}, survey, now);
        result.none = why ? Failure{CartographerError::PriceTooHigh, "no way can be bought"} : why.error();
        return result;
    }
    result.offers = cut(std::move(all));
    return result;
}

}  // namespace netpas::cartographer
