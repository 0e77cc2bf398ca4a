#include "cartographer/assemble.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <tuple>

namespace netpas::cartographer {

namespace {

using directory::MenuClass;

bool sameName(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
    });
}

// Less is better; an ISP that promises nothing comes last. Among equal promises the dearer class is the better one.
auto promiseRank(const MenuClass& offer, Money cost) {
    const directory::Promise& promise = offer.promise;
    return std::tuple(promise.lossPerMillion.value_or(UINT32_MAX), promise.latencyMicroseconds.value_or(UINT32_MAX),
                      UINT64_MAX - promise.rateBitPerSecond.value_or(0), Money::max().eighths() - cost.eighths());
}

const MenuClass* choose(const directory::Menu& menu, const ClassChoice& choice, Money downstream, uint16_t minute) {
    const auto cost = [&](const MenuClass& offer) {
        return offer.prices.modelAt(minute).cost(fullPacketBytes, downstream);
    };
    const auto find = [&](auto matches) -> const MenuClass* {
        const auto found = std::find_if(menu.classes.begin(), menu.classes.end(), matches);
        return found == menu.classes.end() ? nullptr : &*found;
    };
    const auto least = [&](auto less) -> const MenuClass* {
        const auto found = std::min_element(menu.classes.begin(), menu.classes.end(), less);
        return found == menu.classes.end() ? nullptr : &*found;
    };
    switch (choice.rule) {
    case ClassChoice::Rule::Named:
        return find([&](const MenuClass& offer) { return sameName(offer.name, choice.name); });
    case ClassChoice::Rule::Numbered: return find([&](const MenuClass& offer) { return offer.id == choice.number; });
    case ClassChoice::Rule::Cheapest:
        return least([&](const MenuClass& a, const MenuClass& b) { return cost(a) < cost(b); });
    case ClassChoice::Rule::Best:
        return least(
            [&](const MenuClass& a, const MenuClass& b) { return promiseRank(a, cost(a)) < promiseRank(b, cost(b)); });
    }
    return nullptr;
}

std::string nameOf(const ClassChoice& choice) {
    switch (choice.rule) {
    case ClassChoice::Rule::Named: return choice.name;
    case ClassChoice::Rule::Numbered: return std::to_string(choice.number.value());
    case ClassChoice::Rule::Cheapest: return "cheapest";
    case ClassChoice::Rule::Best: return "best";
    }
    return {};
}

struct Assembled {
    Quote quote;
    Money total;
};

// From the last ISP backwards, because a surcharge depends on what is paid further on.
tl::expected<Assembled, AssembleFailure> assembleOne(const QuoteRequest& request, const directory::IspPath& path,
                                                     const Menus& menus, SystemTime now) {
    const uint16_t minute = minuteOfDay(now);
    Assembled result{{request.destination, std::vector<QuotedHop>(path.isps.size()), SystemTime::max()}, Money::zero()};
    for (size_t i = path.isps.size(); i-- > 0;) {
        const IspId isp = path.isps[i];
        const auto known = menus.find(isp);
        if (known == menus.end()) return tl::unexpected(AssembleFailure{AssembleError::NoMenu, isp, {}, {}});
        const auto special = request.perIsp.find(isp);
        const ClassChoice& choice = special == request.perIsp.end() ? request.everywhere : special->second;
        const MenuClass* const offer = choose(known->second.menu, choice, result.total, minute);
        if (offer == nullptr) {
            AssembleFailure failure{AssembleError::NoSuchClass, isp, nameOf(choice), {}};
            for (const MenuClass& other : known->second.menu.classes) failure.offered.push_back(other.name);
            return tl::unexpected(std::move(failure));
        }
        const ExitPoint exit = i < path.exits.size() ? path.exits[i] : ExitPoint{0};
        result.quote.path[i] = {isp,  known->second.ispName, offer->id,       offer->name,
                                exit, offer->prices,         offer->guarantee};
        result.quote.validUntil = std::min(result.quote.validUntil, known->second.menu.validity.expires);
        const auto rest = priceOfPacket(std::span(result.quote.path).subspan(i), fullPacketBytes, minute);
        if (!rest) return tl::unexpected(AssembleFailure{AssembleError::PriceTooHigh, isp, {}, {}});
        result.total = rest->total;
    }
    return result;
}

}  // namespace

tl::expected<Quote, AssembleFailure> assemble(const QuoteRequest& request, const std::vector<directory::IspPath>& paths,
                                              const Menus& menus, SystemTime now) {
    // Who names a class of an ISP wants to go through it, where that is possible.
    const auto namesAll = [&](const directory::IspPath* path) {
        return std::all_of(request.perIsp.begin(), request.perIsp.end(), [&](const auto& wish) {
            return std::find(path->isps.begin(), path->isps.end(), wish.first) != path->isps.end();
        });
    };
    std::vector<const directory::IspPath*> ordered;
    for (const directory::IspPath& path : paths) ordered.push_back(&path);
    const auto others = std::stable_partition(ordered.begin(), ordered.end(), namesAll);
    std::optional<Assembled> best;
    AssembleFailure failure;
    bool failed = false;
    for (auto at = ordered.begin(); at != ordered.end(); ++at) {
        if (at == others && best) break;
        const directory::IspPath& path = **at;
        if (path.isps.empty()) continue;
        auto one = assembleOne(request, path, menus, now);
        if (!one) {
            if (!std::exchange(failed, true)) failure = std::move(one.error());
            continue;
        }
        if (request.everywhere.rule != ClassChoice::Rule::Cheapest) return std::move(one->quote);
        if (!best || one->total < best->total) best = std::move(*one);
    }
    if (best) return std::move(best->quote);
    return tl::unexpected(std::move(failure));
}

}  // namespace netpas::cartographer
