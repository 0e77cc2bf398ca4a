#include "core/accounting/payment_routes.h"

#include <algorithm>

namespace netpas::accounting {

namespace {

// One way is announced for each ISP: the cheapest for a payment of a cent; payers ask for their own amount.
const Money typical = Money::fromEighths(80'000'000);

// What each ISP earns depends on the amount alone, so the sum does, too.
std::optional<Money> costOf(const std::vector<RouteHop>& hops, Money amount) {
    Money sum = Money::zero();
    for (const RouteHop& hop : hops) {
        const auto next = checkedAdd(sum, hop.fee.of(amount));
        if (!next) return std::nullopt;
        sum = *next;
    }
    return sum;
}

bool leadsThrough(const PaymentRoute& route, IspId isp) {
    return std::any_of(route.hops.begin(), route.hops.end(), [&](const RouteHop& hop) { return hop.isp == isp; });
}

// Equal ways are told apart by their ISPs, so that everybody chooses the same.
bool better(const std::vector<RouteHop>& a, const std::vector<RouteHop>& b, Money amount) {
    const auto costA = costOf(a, amount).value_or(Money::max());
    const auto costB = costOf(b, amount).value_or(Money::max());
    if (costA != costB) return costA < costB;
    if (a.size() != b.size()) return a.size() < b.size();
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [](const RouteHop& x, const RouteHop& y) { return x.isp < y.isp; });
}

}  // namespace

bool PaymentRoutes::announced(const Party& neighbour, const AnnounceRoutes& routes) {
    std::vector<PaymentRoute> taken;
    for (const PaymentRoute& route : routes.routes) {
        if (route.hops.empty() || (!neighbour.isSibling() && route.hops.front().isp != neighbour.isp)) continue;
        if (route.hops.size() >= payments::maxFees || leadsThrough(route, m_isp)) continue;
        taken.push_back(route);
    }
    const auto before = told();
    m_heard[neighbour] = std::move(taken);
    return told() != before;
}

bool PaymentRoutes::lost(const Party& neighbour) {
    const auto before = told();
    m_heard.erase(neighbour);
    return told() != before;
}

std::vector<std::vector<RouteHop>> PaymentRoutes::best(Heard from) const {
    std::map<IspId, std::vector<RouteHop>> chosen;
    for (const auto& [neighbour, routes] : m_heard) {
        if (from == Heard::FromNeighbours && neighbour.isSibling()) continue;
        for (const PaymentRoute& route : routes) {
            auto& known = chosen[route.hops.back().isp];
            if (known.empty() || better(route.hops, known, typical)) known = route.hops;
        }
    }
    std::vector<std::vector<RouteHop>> all;
    for (auto& [isp, hops] : chosen) all.push_back(std::move(hops));
    return all;
}

std::pair<std::vector<std::vector<RouteHop>>, std::vector<std::vector<RouteHop>>> PaymentRoutes::told() const {
    return {best(Heard::FromAll), best(Heard::FromNeighbours)};
}

AnnounceRoutes PaymentRoutes::toTell(IspId neighbour) const {
    const RouteHop own{m_isp, m_fee};
    AnnounceRoutes told;
    told.routes.push_back({{own}});
    for (const auto& hops : best(Heard::FromAll)) {
        PaymentRoute route{hops};
        if (leadsThrough(route, neighbour) || told.routes.size() == maxRoutes) continue;
        route.hops.insert(route.hops.begin(), own);
        told.routes.push_back(std::move(route));
    }
    return told;
}

AnnounceRoutes PaymentRoutes::toTellSiblings() const {
    AnnounceRoutes told;
    for (auto& hops : best(Heard::FromNeighbours)) {
        if (told.routes.size() < maxRoutes) told.routes.push_back({std::move(hops)});
    }
    return told;
}

std::optional<Party> PaymentRoutes::siblingBeside(IspId neighbour) const {
    for (const auto& [party, routes] : m_heard) {
        const auto begins = [&](const PaymentRoute& route) { return route.hops.front().isp == neighbour; };
        if (party.isSibling() && std::any_of(routes.begin(), routes.end(), begins)) return party;
    }
    return std::nullopt;
}

std::optional<std::vector<payments::Fee>> PaymentRoutes::way(IspId to, Money amount) const {
    std::vector<payments::Fee> fees{{m_isp, m_fee.of(amount)}};
    if (to == m_isp) return fees;
    const std::vector<RouteHop>* chosen = nullptr;
    for (const auto& [neighbour, routes] : m_heard) {
        for (const PaymentRoute& route : routes) {
            if (route.hops.back().isp != to) continue;
            if (chosen == nullptr || better(route.hops, *chosen, amount)) chosen = &route.hops;
        }
    }
    if (chosen == nullptr) return std::nullopt;
    for (const RouteHop& hop : *chosen) fees.push_back({hop.isp, hop.fee.of(amount)});
    return fees;
}

}  // namespace netpas::accounting
