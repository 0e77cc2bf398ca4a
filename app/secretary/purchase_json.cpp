#include "app/secretary/purchase_json.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "app/secretary/payment_json.h"
#include "app/secretary/quote_json.h"

namespace netpas::secretaryd {

using nlohmann::json;

namespace {

json optionalMoney(Money amount) { return amount > Money::zero() ? json(amount.toString()) : json(nullptr); }

// Path of a purchase whose quote is not in memory any more: what the ledger kept.
json bookPathJson(const ledger::Purchase& book) {
    json path = json::array();
    for (const ledger::LedgerHop& hop : book.path) {
        path.push_back({{"isp", hop.isp.value()},
                        {"class", hop.service.value()},
                        {"class_name", hop.className},
                        {"exit", hop.exit.value()},
                        {"price_per_packet", hop.quotedPrice.toString()}});
    }
    return path;
}

json keysJson(const ledger::Purchase& book) {
    json keys = json::array();
    for (const ledger::KeySlice& slice : book.keys) {
        keys.push_back({{"key", slice.key.value()},
                        {"cap", slice.cap.toString()},
                        {"sent", slice.usage.amount.toString()},
                        {"charged", slice.end ? json(slice.end->charged.toString()) : json(nullptr)},
                        {"disputed", slice.end && slice.end->disputed}});
    }
    return keys;
}

std::string_view stateText(const PurchaseView& view) {
    // To people a purchase that only waits for the ISP is "settling", whichever way it came there.
    const bool waits = view.book.state == ledger::PurchaseState::Stopping && view.waitingForIsp;
    return describe(waits ? ledger::PurchaseState::Settling : view.book.state);
}

}  // namespace

json purchaseJson(const PurchaseView& view, SystemTime now) {
    const ledger::Purchase& book = view.book;
    json object{
        {"id", std::to_string(book.id.value())},
        {"state", stateText(view)},
        {"reason", describe(book.reason)},
        {"note", book.note},
        {"trouble", view.trouble},
        {"uid", book.request.uid},
        {"flow", book.request.flow.toString()},
        {"cap", book.request.cap.toString()},
        {"cap_per_second", optionalMoney(book.request.capPerSecond)},
        {"duration_s", book.request.duration ? json(book.request.duration->count()) : json(nullptr)},
        {"session_key", book.key ? json(book.key->value()) : json(nullptr)},
        {"decided_by", book.decidedBy},
        {"why", book.why ? json(book.why->sentence) : json(nullptr)},
        {"decision", view.decision.empty() ? json(nullptr) : json(view.decision)},
        {"app", book.request.context.app},
        {"node", book.request.context.node},
        {"purpose", book.request.context.purpose},
        {"payee", book.request.context.payee},
        {"domain", book.request.context.domain},
        {"keys", keysJson(book)},
        {"sent",
         {{"packets", book.usage.packets}, {"bytes", book.usage.bytes}, {"amount", book.usage.amount.toString()}}},
        {"best_effort_packets", book.usage.bestEffortPackets},
        {"charged", book.charged ? json(book.charged->toString()) : json(nullptr)},
        {"disputed", book.disputed},
        {"expired", book.expired},
        {"label", book.label},
        {"contact", book.request.context.contact},
        {"group", book.request.context.group},
        {"user", book.request.context.user},
        {"decider", book.why ? json(book.why->decider) : json(nullptr)},
        {"runner_up", book.why ? json(book.why->runnerUp) : json(nullptr)},
        {"price", book.request.context.unitPrice.toString()},
        {"per", book.request.context.unit == ledger::PriceUnit::Minute ? "minute" : "item"},
        {"payment", paymentPartJson(book)},
        {"currency", "USD"},
        {"requested_at", timeText(book.requestedAt)},
        {"changed_at", timeText(book.changedAt)}};
    if (view.reverse) {
        const ReverseSide& side = *view.reverse;
        object["reverse"] = {{"seller", side.seller.toString()},
                             {"charged", side.charged.toString()},
                             {"payments", side.slices},
                             {"refunded", side.refunded ? json(side.refunded->toString()) : json(nullptr)}};
    }
    if (view.quote) {
        object["path"] = quotePathJson(view.quote->path, now);
        object.update(pricesJson(view.quote->path, now));
    } else {
        object["path"] = bookPathJson(book);
    }
    return object;
}

namespace {

uint8_t protocolFrom(const std::string& text, JsonFields& fields) {
    if (text.empty() || text == "any") return 0;
    if (text == "tcp") return ipproto::tcp;
    if (text == "udp") return ipproto::udp;
    if (text == "icmp") return ipproto::icmp;  // of either family (FlowMatch)
    fields.fail("unknown protocol \"" + text + "\"", "one of tcp, udp, icmp, any");
    return 0;
}

// What was chosen from /v1/quotes. Its classes are its own.
void offerFrom(JsonFields& fields, const std::string& text, BuyOrder& order) {
    if (order.incoming) {
        order.prepared = text;
    } else {
        order.offer = cartographer::OfferId::parse(text);
    }
    if (!order.incoming && !order.offer)
        return fields.fail("offer is not the id of one", "take it from POST /v1/quotes");
    if (!fields.text("class").empty() || fields.get("per_isp") != nullptr) {
        return fields.fail("an offer says its classes itself", "leave out class and per_isp");
    }
    if (order.offer) order.what = order.offer->request(order.what.destination);
}

void choicesFrom(JsonFields& fields, cartographer::QuoteRequest& what) {
    what.everywhere = cartographer::ClassChoice::parse(fields.text("class"));
    const json* const special = fields.get("per_isp");
    if (special == nullptr) return;
    constexpr size_t maxHops = 16;
    if (!special->is_object() || special->size() > maxHops) {
        fields.fail("per_isp must be an object of at most 16 members", "for example {\"24\": \"gold\"}");
        return;
    }
    for (const auto& [name, value] : special->items()) {
        const bool digits = !name.empty() && name.size() <= 5 &&
                            std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
        const auto isp = digits ? IspId::from(std::stoul(name)) : std::nullopt;
        if (!isp || !value.is_string()) {
            fields.fail("per_isp has no ISP number \"" + name + "\" with a class name",
                        "for example {\"24\": \"gold\"}");
            return;
        }
        what.perIsp[*isp] = cartographer::ClassChoice::parse(value.get<std::string>());
    }
}

}  // namespace

tl::expected<BuyOrder, BadField> orderFromJson(const json& object) {
    JsonFields fields(object);
    BuyOrder order;
    const std::string to = fields.text("to");
    // A subnet; "0.0.0.0/0" and "::/0" are everywhere, which is what access is bought for (NetPaS §3.1.4).
    const auto subnet = to.find('/') != std::string::npos ? IpPrefix::parse(to) : std::nullopt;
    const auto destination = subnet ? std::optional(subnet->address()) : IpAddress::parse(to);
    if (!destination) {
        fields.fail(to.empty() ? "to is missing" : "to is not an IP address: " + to,
                    "an address such as \"192.0.2.10\"");
    } else {
        order.what.destination = *destination;
        order.purchase.flow.remote = subnet ? subnet : IpPrefix::make(*destination, destination->isV6() ? 128 : 32);
        order.purchase.flow.protocol = protocolFrom(fields.text("protocol"), fields);
    }
    // The agent has checked whose it is: of a device behind it (requests of its own users have none, see buy()).
    if (const std::string from = fields.text("from"); !from.empty()) {
        const auto local = IpAddress::parse(from);
        if (!local || (destination && local->isV6() != destination->isV6())) {
            fields.fail("from is not an IP address of the same family as to: " + from);
        } else {
            order.purchase.flow.local = IpPrefix::make(*local, local->isV6() ? 128 : 32);
        }
    }
    order.purchase.flow.remotePort = static_cast<uint16_t>(fields.number("to_port", 65535));
    order.purchase.flow.localPort = static_cast<uint16_t>(fields.number("from_port", 65535));
    const bool ports = order.purchase.flow.remotePort != 0 || order.purchase.flow.localPort != 0;
    const uint8_t protocol = order.purchase.flow.protocol;
    if (ports && destination && protocol != ipproto::tcp && protocol != ipproto::udp) {
        fields.fail("a port needs a protocol that has ports", "set protocol to tcp or udp");
    }
    order.purchase.cap = fields.money("cap", true);
    order.purchase.capPerSecond = fields.money("cap_per_second", false);
    // Nothing is no limit only where nothing is said.
    if (fields.get("cap_per_second") != nullptr && order.purchase.capPerSecond == Money::zero()) {
        fields.fail("cap_per_second must be more than nothing", "leave it out for none");
    }
    constexpr uint64_t longest = 30 * 24 * 3600;  // ISPs take no key that lives for more than 31 days
    if (const uint64_t seconds = fields.number("duration_s", longest); seconds > 0) {
        order.purchase.duration = std::chrono::seconds(seconds);
    } else if (fields.get("duration_s") != nullptr) {
        fields.fail("duration_s must be more than nothing", "leave it out to go on until it is stopped");
    }
    const std::string direction = fields.text("direction");
    order.incoming = direction == "incoming";
    if (!direction.empty() && !order.incoming && direction != "outgoing") {
        fields.fail("unknown direction \"" + direction + "\"", "one of outgoing, incoming");
    }
    if (const std::string offer = fields.text("offer"); !offer.empty()) {
        offerFrom(fields, offer, order);
    } else {
        choicesFrom(fields, order.what);
    }
    constexpr size_t longestUrl = 256;
    order.seller = fields.text("seller", longestUrl);
    if (!order.seller.empty() && !order.incoming) fields.fail("seller is for direction incoming only");
    if (!order.seller.empty() && !order.prepared.empty()) fields.fail("an offer says who sells", "leave out seller");
    order.attended = fields.flag("attended");
    ledger::Context& context = order.purchase.context;
    context.purpose = fields.text("purpose");
    context.payee = fields.text("payee");
    context.domain = fields.text("domain");
    if (auto problem = fields.problem()) return tl::unexpected(std::move(*problem));
    // nlohmann keeps members sorted: the same request gives the same text.
    order.purchase.fingerprint = object.dump();
    return order;
}

tl::expected<std::string, BadField> joinUrlFromJson(const json& object) {
    JsonFields fields(object);
    std::string url = fields.text("url");
    if (url.empty()) fields.fail("url is missing", "https://ADDRESS:PORT/#KEY, as your ISP gave it to you");
    if (auto problem = fields.problem()) return tl::unexpected(std::move(*problem));
    return url;
}

}  // namespace netpas::secretaryd
