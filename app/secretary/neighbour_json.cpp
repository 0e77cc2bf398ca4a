#include "app/secretary/neighbour_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/crypto/hex.h"
#include "secretary/contacts/contact_book.h"

namespace netpas::secretaryd {

using nlohmann::json;
using secretary::contacts::Contact;
using secretary::contacts::ContactBook;

namespace {

json nameOf(const NodeId& node, const ContactBook* contacts) {
    if (contacts == nullptr) return nullptr;
    for (const Contact* one : contacts->all()) {
        if (std::find(one->payees.begin(), one->payees.end(), node) != one->payees.end()) return one->name;
    }
    return nullptr;
}

template <typename Value>
json textOrNull(const std::optional<Value>& value) {
    return value ? json(value->toString()) : json(nullptr);
}

json pricesJson(const agreement::Prices& prices) {
    return {{"upstream_per_kb", textOrNull(prices.upstream)}, {"downstream_per_kb", textOrNull(prices.downstream)}};
}

json measuredJson(const std::optional<neighbours::Measured>& measured) {
    if (!measured) return nullptr;
    return {{"bit_per_second", measured->bitsPerSecond}, {"arrives", measured->arrives}};
}

json rankJson(const std::optional<NeighbourView::Rank>& rank) {
    if (!rank) return nullptr;
    return {{"place", rank->place}, {"chosen", rank->chosen}, {"reason", rank->reason}};
}

// What was not verified is null.
json qualityJson(const verification::Quality& quality, bool throughput, bool arrives) {
    return {{"bit_per_second", throughput ? json(quality.bitsPerSecond) : json(nullptr)},
            {"arrives", arrives ? json(quality.arrives) : json(nullptr)}};
}

// The way on which most was seen; null: none.
const verification::RouteReport* mostSeen(const std::vector<verification::RouteReport>& routes) {
    const verification::RouteReport* best = nullptr;
    for (const verification::RouteReport& one : routes) {
        if (one.arrives && (best == nullptr || one.windows > best->windows)) best = &one;
    }
    return best;
}

json verifiedJson(const std::vector<verification::RouteReport>& routes) {
    const auto* best = mostSeen(routes);
    return best == nullptr ? json(nullptr) : qualityJson(best->observed, best->throughput, best->arrives);
}

// What the neighbour claims of it.
json promisedJson(const std::vector<verification::RouteReport>& routes) {
    const auto* best = mostSeen(routes);
    return best == nullptr ? json(nullptr) : qualityJson(best->claimed, true, true);
}

json routesJson(const std::vector<verification::RouteReport>& routes) {
    constexpr double thousand = 1000;
    json all = json::array();
    for (const verification::RouteReport& one : routes) {
        json named = nullptr;
        if (one.verdict) {
            named = {{"metric", name(one.verdict->metric)},
                     {"near", one.verdict->near.nodeId().hex()},
                     {"far", one.verdict->far.nodeId().hex()},
                     {"confidence", one.verdict->confidence},
                     {"at", timeText(one.verdict->at)}};
        }
        all.push_back({{"from", one.route.source.toString()},
                       {"to", one.route.destination.toString()},
                       {"windows", one.windows},
                       {"claimed", qualityJson(one.claimed, true, true)},
                       {"claimed_ms", one.claimed.seconds * thousand},
                       {"verified", qualityJson(one.observed, one.throughput, one.arrives)},
                       {"verified_ms", one.latency ? json(one.observed.seconds * thousand) : json(nullptr)},
                       {"named", std::move(named)}});
    }
    return all;
}

int64_t secondsBetween(SteadyTime from, SteadyTime to) {
    return std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(to - from).count());
}

json neighbourJson(const NeighbourView& view, SteadyTime now, const ContactBook* contacts) {
    const NeighbourPlace& place = view.known->place;
    const NodeId node = place.key.nodeId();
    json notice = nullptr;
    if (const auto& advert = view.known->advert; advert && advert->notice && now < view.known->until) {
        const SteadyTime at = view.known->heard + advert->notice->in;
        if (now < at) notice = {{"in_s", secondsBetween(now, at)}, {"prices", pricesJson(advert->notice->prices)}};
    }
    json bytes = nullptr;
    if (view.counted) {
        bytes = {{"arrived", view.counted->arrivedBytes},
                 {"passed_on", view.counted->takenBytes},
                 {"sent", view.counted->sentBytes}};
    }
    return {
        {"neighbour", node.hex()},
        {"contact", nameOf(node, contacts)},
        {"interface", place.interface},
        {"link", linkText(place.link)},
        {"address", place.address.toString()},
        {"address4", textOrNull(place.address4)},
        {"isp", place.isp.value()},
        {"asks", pricesJson(view.known->asks(now))},
        {"will_ask", std::move(notice)},
        {"heard_s", secondsBetween(view.known->heard, now)},
        {"expires_s", secondsBetween(now, view.known->until)},
        {"measured", {{"upstream", measuredJson(view.measuredUp)}, {"downstream", measuredJson(view.measuredDown)}}},
        {"rank", {{"upstream", rankJson(view.upstream)}, {"downstream", rankJson(view.downstream)}}},
        {"forwarding", {{"upstream", view.passesUpstream}, {"downstream", view.passesDownstream}}},
        {"why", view.why},
        {"owed", view.owed.toString()},
        {"owing", view.owing.toString()},
        {"bytes", std::move(bytes)},
        {"routes", routesJson(view.routes)}};
}

}  // namespace

json agreementJson(const AgreementView& view, const ContactBook* contacts) {
    const agreement::Terms& terms = view.terms;
    return {{"id", toHex(terms.id)},
            {"neighbour", view.neighbour.hex()},
            {"contact", nameOf(view.neighbour, contacts)},
            {"direction", name(terms.direction)},
            {"role", view.buying ? "buyer" : "seller"},
            {"state", view.state},
            {"per_kb", terms.perKb.toString()},
            {"promised", promisedJson(view.routes)},
            {"measured", measuredJson(view.measured)},
            {"verified", verifiedJson(view.routes)},
            {"limit", terms.limit.toString()},
            {"pay_at", terms.payAt.toString()},
            {"close_at", terms.closeAt.toString()},
            {"bytes", view.bytes},
            {"charged", view.charged.toString()},
            {"paid", view.paid.toString()},
            {"owed", view.owed.toString()},
            {"owing", view.owing.toString()},
            {"forwarding", view.forwarding},
            {"why", view.why},
            {"automatic", view.origin.automatic},
            {"since", view.since ? json(timeText(*view.since)) : json(nullptr)},
            {"until", view.since ? json(timeText(*view.since + terms.lifetime)) : json(nullptr)},
            {"currency", "USD"}};
}

json neighboursJson(const NeighbourDesk& desk, SteadyTime now, const ContactBook* contacts) {
    json interfaces = json::array(), neighbours = json::array();
    for (const channel::MeshLink& link : desk.links().links) {
        interfaces.push_back({{"name", link.interface},
                              {"link", linkText(link.link)},
                              {"address", link.address.toString()},
                              {"address4", textOrNull(link.address4)}});
    }
    for (const NeighbourView& view : desk.neighbours()) neighbours.push_back(neighbourJson(view, now, contacts));
    return {{"on", desk.links().on},
            {"trouble", desk.trouble()},
            {"interfaces", std::move(interfaces)},
            {"settings", meshSettingsJson(desk.settings())},
            {"neighbours", std::move(neighbours)},
            {"refused", desk.refused().empty() ? json::object() : json(desk.refused())},
            {"currency", "USD"}};
}

tl::expected<NewAgreement, BadField> newAgreementFromJson(const json& object) {
    JsonFields fields(object);
    NewAgreement made;
    made.neighbour = fields.text("neighbour");
    if (made.neighbour.empty()) fields.fail("neighbour is missing", "netpas neighbours");
    const std::string direction = fields.text("direction");
    if (direction != "upstream" && direction != "downstream")
        fields.fail("direction is upstream or downstream", "upstream: pay for what this node sends");
    made.wish.direction = direction == "downstream" ? agreement::Direction::Downstream : agreement::Direction::Upstream;
    if (fields.get("per_kb") != nullptr) made.wish.perKb = fields.money("per_kb", true);
    if (fields.get("limit") != nullptr) made.wish.limit = fields.money("limit", true);
    if (fields.get("lifetime_s") != nullptr) {
        made.wish.lifetime =
            std::chrono::seconds(fields.number("lifetime_s", static_cast<uint64_t>(agreement::maxLifetime.count())));
        if (*made.wish.lifetime < agreement::minLifetime) fields.fail("lifetime_s is at least 10");
    }
    if (auto problem = fields.problem()) return tl::unexpected(std::move(*problem));
    return made;
}

}  // namespace netpas::secretaryd
