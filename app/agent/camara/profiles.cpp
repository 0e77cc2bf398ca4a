#include "app/agent/camara/profiles.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace netpas::agent::camara {

using cartographer::Tier;
using nlohmann::json;

namespace {

constexpr std::string_view bestEffort = "best-effort";

struct Named {
    std::string_view name;
    Tier tier;
    const char* description;
};
constexpr std::array named{
    Named{"thrifty", Tier::Thrifty, "The cheapest service on the way that may be enough for a film in full HD"},
    Named{"enough", Tier::Enough, "The cheapest service on the way that is comfortable for a film in full HD"},
    Named{"most", Tier::Most, "The best service that is sold on the way"}};

json spanOf(uint64_t value, const char* unit) { return {{"value", value}, {"unit", unit}}; }

// Rounded down, in the largest unit that keeps three digits; at most 1024 of it (Rate).
json rateOf(uint64_t bitsPerSecond) {
    constexpr std::array units{"bps", "kbps", "Mbps", "Gbps", "Tbps"};
    size_t unit = 0;
    while (bitsPerSecond > 1024 && unit + 1 < units.size()) {
        bitsPerSecond /= 1000;
        ++unit;
    }
    return spanOf(std::min<uint64_t>(bitsPerSecond, 1024), units[unit]);
}

// n, so that at most 10^-n of the packets are lost.
int64_t lossExponent(uint32_t lossPerBillion) {
    constexpr int64_t fewest = 1, most = 10;
    if (lossPerBillion == 0) return most;
    return std::clamp(static_cast<int64_t>(std::floor(-std::log10(lossPerBillion / 1e9))), fewest, most);
}

void addTargets(json& profile, const cartographer::KnownQuality& quality) {
    // Of packets that leave: what comes back is sold by who sends it.
    if (quality.bitsPerSecond) profile["targetMinUpstreamRate"] = rateOf(*quality.bitsPerSecond);
    if (quality.latencyMicroseconds && *quality.latencyMicroseconds > 0)
        profile["packetDelayBudget"] = spanOf(*quality.latencyMicroseconds, "Microseconds");
    if (quality.lossPerBillion) profile["packetErrorLossRate"] = lossExponent(*quality.lossPerBillion);
}

// What is sold up to where the home ISP's network ends, which is how far a profile's targets speak.
std::vector<cartographer::Offer> homeOffers(const cartographer::KnownMenu& home, SystemTime now) {
    constexpr std::chrono::seconds held{300};
    cartographer::Survey survey;
    survey.paths.validity = home.menu.validity;
    survey.paths.paths.push_back({{home.menu.validity.isp}, {}});
    survey.menus.emplace(home.menu.validity.isp, home);
    return cartographer::offersFrom(IpAddress{}, survey, sessionBitPerSecond, now, held).offers;
}

}  // namespace

bool isProfile(std::string_view name) { return name == bestEffort || tierOf(name); }

std::optional<Tier> tierOf(std::string_view name) {
    const auto found = std::find_if(named.begin(), named.end(), [&](const Named& one) { return one.name == name; });
    return found == named.end() ? std::nullopt : std::optional(found->tier);
}

const cartographer::Offer* offerFor(std::string_view profile, const std::vector<cartographer::Offer>& offers) {
    const auto tier = tierOf(profile);
    if (!tier || offers.empty()) return nullptr;
    switch (*tier) {
    case Tier::Thrifty: return &offers.front();
    case Tier::Most: return &offers.back();
    case Tier::Enough: break;
    }
    const auto found = std::find_if(offers.begin(), offers.end(), [](const cartographer::Offer& offer) {
        return offer.tier == Tier::Enough || offer.change == cartographer::Change::Likely;
    });
    return found == offers.end() ? nullptr : &*found;
}

json profilesJson(const std::optional<cartographer::KnownMenu>& home, SystemTime now) {
    const auto offers = home ? homeOffers(*home, now) : std::vector<cartographer::Offer>{};
    json list = json::array();
    for (const Named& one : named) {
        json profile{{"name", one.name},
                     {"description", one.description},
                     {"status", home ? "ACTIVE" : "INACTIVE"},
                     {"minDuration", spanOf(shortestSession, "Seconds")},
                     {"maxDuration", spanOf(longestSession, "Seconds")}};
        if (const auto* const offer = offerFor(one.name, offers)) addTargets(profile, offer->quality);
        list.push_back(std::move(profile));
    }
    list.push_back(
        {{"name", bestEffort},
         {"description", "What there is without a session: nothing is bought, so no session can be made of it"},
         {"status", "INACTIVE"}});
    return list;
}

}  // namespace netpas::agent::camara
