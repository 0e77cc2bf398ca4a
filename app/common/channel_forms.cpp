#include "app/common/channel_forms.h"

#include <utility>

namespace netpas::app {

using secretaryd::QuoteFailure;

namespace {

channel::PathHop hopToChannel(const cartographer::QuotedHop& hop) {
    return {hop.isp, hop.ispName, hop.service, hop.className, hop.exit, hop.prices, hop.guarantee};
}

cartographer::QuotedHop hopFromChannel(const channel::PathHop& hop) {
    return {hop.isp, hop.ispName, hop.service, hop.className, hop.exit, hop.prices, hop.guarantee};
}

channel::ClassWish wishToChannel(const cartographer::ClassChoice& choice) {
    using Rule = cartographer::ClassChoice::Rule;
    switch (choice.rule) {
    case Rule::Cheapest: return {channel::ClassRule::Cheapest, {}, ServiceClass{0}};
    case Rule::Best: return {channel::ClassRule::Best, {}, ServiceClass{0}};
    case Rule::Named: return {channel::ClassRule::Named, choice.name, ServiceClass{0}};
    case Rule::Numbered: return {channel::ClassRule::Numbered, {}, choice.number};
    }
    return {};
}

cartographer::ClassChoice wishFromChannel(const channel::ClassWish& wish) {
    using Rule = cartographer::ClassChoice::Rule;
    switch (wish.rule) {
    case channel::ClassRule::Cheapest: return {Rule::Cheapest, {}, ServiceClass{0}};
    case channel::ClassRule::Best: return {Rule::Best, {}, ServiceClass{0}};
    case channel::ClassRule::Named: return {Rule::Named, wish.name, ServiceClass{0}};
    case channel::ClassRule::Numbered: return {Rule::Numbered, {}, wish.number};
    }
    return {};
}

channel::QuoteTrouble troubleToChannel(QuoteFailure::Kind kind) {
    switch (kind) {
    case QuoteFailure::Kind::NotJoined: return channel::QuoteTrouble::NotJoined;
    case QuoteFailure::Kind::NoPath: return channel::QuoteTrouble::NoPath;
    case QuoteFailure::Kind::NoSuchClass: return channel::QuoteTrouble::NoSuchClass;
    case QuoteFailure::Kind::Unreachable: return channel::QuoteTrouble::Unreachable;
    case QuoteFailure::Kind::Untrusted: return channel::QuoteTrouble::Untrusted;
    }
    return channel::QuoteTrouble::NoPath;
}

QuoteFailure::Kind troubleFromChannel(channel::QuoteTrouble kind) {
    switch (kind) {
    case channel::QuoteTrouble::NotJoined: return QuoteFailure::Kind::NotJoined;
    case channel::QuoteTrouble::NoPath: return QuoteFailure::Kind::NoPath;
    case channel::QuoteTrouble::NoSuchClass: return QuoteFailure::Kind::NoSuchClass;
    case channel::QuoteTrouble::Unreachable: return QuoteFailure::Kind::Unreachable;
    case channel::QuoteTrouble::Untrusted: return QuoteFailure::Kind::Untrusted;
    }
    return QuoteFailure::Kind::NoPath;
}

}  // namespace

channel::PaidFlow toChannel(const secretaryd::PaidFlow& flow) {
    channel::PaidFlow said{flow.id, flow.flow, {}, flow.key, flow.capPerSecond, flow.diverted, flow.node};
    for (const cartographer::QuotedHop& hop : flow.path) said.path.push_back(hopToChannel(hop));
    return said;
}

secretaryd::PaidFlow fromChannel(const channel::PaidFlow& flow) {
    secretaryd::PaidFlow meant{flow.purchase, flow.match, {}, flow.key, flow.capPerSecond, flow.diverted, flow.node};
    for (const channel::PathHop& hop : flow.path) meant.path.push_back(hopFromChannel(hop));
    return meant;
}

channel::FlowCounters toChannel(const secretaryd::FlowCounters& counters) {
    const ledger::Usage& usage = counters.usage;
    return {counters.id,         counters.key,    usage.packets, usage.bytes, usage.amount, usage.bestEffortPackets,
            counters.capReached, counters.trouble};
}

secretaryd::FlowCounters fromChannel(const channel::FlowCounters& counters) {
    return {counters.purchase,
            counters.key,
            {counters.packets, counters.bytes, counters.amount, counters.bestEffort},
            counters.capReached,
            counters.trouble};
}

channel::QuoteRequest toChannel(const cartographer::QuoteRequest& request) {
    channel::QuoteRequest said;
    said.destination = request.destination;
    said.everywhere = wishToChannel(request.everywhere);
    for (const auto& [isp, choice] : request.perIsp) said.perIsp.push_back({isp, wishToChannel(choice)});
    said.atMost = request.atMost.value_or(Money::zero());
    said.firstCharge = request.charges.first;
    said.minuteCharge = request.charges.minute;
    for (const auto& [isp, service] : request.without) said.without.push_back({isp, service});
    return said;
}

cartographer::QuoteRequest fromChannel(const channel::QuoteRequest& request) {
    cartographer::QuoteRequest meant;
    meant.destination = request.destination;
    meant.everywhere = wishFromChannel(request.everywhere);
    for (const channel::IspWish& wish : request.perIsp) meant.perIsp.emplace(wish.isp, wishFromChannel(wish.wish));
    if (request.atMost > Money::zero()) meant.atMost = request.atMost;
    meant.charges = {request.firstCharge, request.minuteCharge};
    for (const channel::IspClass& one : request.without) meant.without.emplace_back(one.isp, one.service);
    return meant;
}

channel::QuoteAnswer toChannel(const QuoteResult& result) {
    channel::QuoteAnswer said;
    if (!result) {
        said.result =
            channel::NoQuote{troubleToChannel(result.error().kind), result.error().message, result.error().hint};
        return said;
    }
    channel::QuotedPath path{result->destination, {}, result->validUntil};
    for (const cartographer::QuotedHop& hop : result->path) path.hops.push_back(hopToChannel(hop));
    said.result = std::move(path);
    return said;
}

QuoteResult fromChannel(const channel::QuoteAnswer& answer) {
    if (const auto* none = std::get_if<channel::NoQuote>(&answer.result)) {
        return tl::unexpected(QuoteFailure{troubleFromChannel(none->kind), none->message, none->hint});
    }
    const auto& path = std::get<channel::QuotedPath>(answer.result);
    cartographer::Quote quote{path.destination, {}, path.validUntil};
    for (const channel::PathHop& hop : path.hops) quote.path.push_back(hopFromChannel(hop));
    return quote;
}

}  // namespace netpas::app
