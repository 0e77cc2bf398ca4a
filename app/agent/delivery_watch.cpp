#include "app/agent/delivery_watch.h"

#include <ifaddrs.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace netpas::agent {

using measure::ClassOn;
using nlohmann::json;

namespace {

constexpr double milliseconds = 1000;
constexpr double megabits = 1e-6;
// Of the promised rate: who sends more may be filling the way itself.
constexpr double fairShare = 0.7;
// Where no rate is promised: more than best effort got, and at least what nobody fills a way with.
constexpr double moreThanBestEffort = 1.5;
constexpr double littleLoad = 1e6;

double msOf(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count() * milliseconds; }

// Of the ISPs of `classes`, in their menus.
struct Promises {
    measure::PromisedQuality quality;
    std::optional<double> rate;
};

Promises promisesOf(std::span<const ClassOn> classes, const cartographer::Survey& survey) {
    constexpr double million = 1e6;
    Promises all{{std::chrono::nanoseconds(0), 0.0}, std::nullopt};
    double arrives = 1;
    bool rates = true;
    for (const ClassOn& bought : classes) {
        const auto menu = survey.menus.find(bought.isp);
        if (menu == survey.menus.end()) return {};
        const auto& offered = menu->second.menu.classes;
        const auto one =
            std::find_if(offered.begin(), offered.end(), [&](const auto& offer) { return offer.id == bought.service; });
        if (one == offered.end()) return {};
        const directory::Promise& promise = one->promise;
        if (!promise.latencyMicroseconds) all.quality.latency.reset();
        if (all.quality.latency) *all.quality.latency += std::chrono::microseconds(*promise.latencyMicroseconds);
        if (!promise.lossPerMillion) all.quality.loss.reset();
        if (all.quality.loss) arrives *= 1 - *promise.lossPerMillion / million;
        rates = rates && promise.rateBitPerSecond;
        if (!rates) continue;
        const auto rate = static_cast<double>(*promise.rateBitPerSecond);
        all.rate = std::min(all.rate.value_or(rate), rate);
    }
    if (all.quality.loss) all.quality.loss = 1 - arrives;
    if (!rates) all.rate.reset();
    return all;
}

json sideJson(const measure::WindowSide& side) {
    json out{
        {"sent", side.sent}, {"answered", side.answered}, {"counted", side.counted}, {"lost_there", side.lostThere}};
    out["queueing_ms"] = side.delay ? json(msOf(*side.delay)) : json(nullptr);
    return out;
}

json classesJson(const std::vector<ClassOn>& classes) {
    json list = json::array();
    for (const ClassOn& bought : classes)
        list.push_back({{"isp", bought.isp.value()}, {"class", bought.service.value()}});
    return list;
}

json promisedJson(const measure::PromisedQuality& promised) {
    return {{"latency_ms", promised.latency ? json(msOf(*promised.latency)) : json(nullptr)},
            {"loss", promised.loss ? json(*promised.loss) : json(nullptr)}};
}

}  // namespace

std::vector<measure::WatchedWay> watchedWays(const std::vector<JudgedWay>& ways) {
    std::vector<measure::WatchedWay> all;
    for (const JudgedWay& way : ways) {
        // Classes that end before the stretch: a reflector stands where its ISP begins, so the ISP of the one before has part in it.
        size_t before = 0;
        for (const measure::ProbeRoute& route : way.measured) {
            measure::WatchedWay one;
            one.paid = route;
            one.control = {route.isp, route.reflector, {}};
            const size_t behind = std::min(before, route.classes.size());
            one.suspects.assign(route.classes.begin() + static_cast<ptrdiff_t>(behind), route.classes.end());
            const Promises promised = promisesOf(route.classes, *way.survey);
            one.promised = promised.quality;
            one.fairLoad = promised.rate ? fairShare * *promised.rate
                                         : std::max(littleLoad, moreThanBestEffort * way.bestEffortRate);
            before = route.classes.size() - std::min<size_t>(1, route.classes.size());
            all.push_back(std::move(one));
        }
    }
    return all;
}

channel::NotDelivered deliveryTrouble(const measure::NotDelivered& found,
                                      const std::vector<secretaryd::PaidFlow>& flows, SteadyTime now) {
    channel::NotDelivered told;
    const auto& classes = found.way.paid.classes;
    for (const secretaryd::PaidFlow& flow : flows) {
        const bool pays = flow.diverted && flow.path.size() >= classes.size() &&
                          std::equal(classes.begin(), classes.end(), flow.path.begin(),
                                     [](const ClassOn& a, const cartographer::QuotedHop& b) {
                                         return a.isp == b.isp && a.service == b.service;
                                     });
        if (pays && told.purchases.size() < channel::maxFlows) told.purchases.push_back(flow.id);
    }
    for (const ClassOn& one : found.way.suspects) told.suspects.push_back({one.isp, one.service});
    told.evidence = evidenceJson(found, now).dump();
    return told;
}

json evidenceJson(const measure::NotDelivered& found, SteadyTime now) {
    const auto secondsAgo = [&](SteadyTime at) { return std::chrono::duration<double>(now - at).count(); };
    json windows = json::array();
    for (const measure::DeliveryWindow& one : found.windows) {
        windows.push_back({{"seconds_ago", secondsAgo(one.begin)},
                           {"vote", measure::name(one.vote)},
                           {"own_load_mbit", one.load * megabits},
                           {"paid", sideJson(one.paid)},
                           {"best_effort", sideJson(one.control)}});
    }
    return {{"isp", found.way.paid.isp.value()},
            {"reflector", found.way.paid.reflector.toString()},
            {"classes", classesJson(found.way.paid.classes)},
            {"suspects", classesJson(found.way.suspects)},
            {"promised", promisedJson(found.way.promised)},
            {"seconds_watched", secondsAgo(found.since)},
            {"windows", std::move(windows)}};
}

json standingJson(const std::vector<measure::Standing>& standing) {
    json list = json::array();
    for (const measure::Standing& one : standing) {
        list.push_back({{"isp", one.way.paid.isp.value()},
                        {"classes", classesJson(one.way.paid.classes)},
                        {"promised", promisedJson(one.way.promised)},
                        {"windows", one.votes},
                        {"last", measure::name(one.last)},
                        {"doubt", one.doubt}});
    }
    return list;
}

std::optional<double> OwnLoad::look(SteadyTime now) {
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return std::nullopt;
    uint64_t bytes = 0;
    std::map<std::string, uint32_t> sent;
    for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_PACKET || one->ifa_data == nullptr) continue;
        // Loopback, and tunnels, whose packets leave through another device.
        if ((one->ifa_flags & (IFF_LOOPBACK | IFF_POINTOPOINT)) != 0) continue;
        const uint32_t count = static_cast<const rtnl_link_stats*>(one->ifa_data)->tx_bytes;
        const auto before = m_sent.find(one->ifa_name);
        if (before != m_sent.end()) bytes += static_cast<uint32_t>(count - before->second);
        sent[one->ifa_name] = count;
    }
    ::freeifaddrs(all);
    m_sent = std::move(sent);
    const SteadyTime before = std::exchange(m_at, now);
    const double seconds = std::chrono::duration<double>(now - before).count();
    if (before == SteadyTime{} || seconds <= 0) return std::nullopt;
    return static_cast<double>(bytes) * 8 / seconds;
}

}  // namespace netpas::agent
