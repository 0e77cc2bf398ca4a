#include "app/secretary/reverse_json.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "app/secretary/purchase_json.h"
#include "app/secretary/quote_json.h"
#include "core/crypto/hex.h"
#include "core/directory/documents.h"
#include "core/plain_text.h"

namespace netpas::secretaryd {

using nlohmann::json;
using State = ReverseStanding::State;

namespace {

constexpr std::array<std::string_view, 4> stateNames{"unpaid", "running", "stopping", "ended"};
constexpr size_t maxHops = 16;
constexpr uint64_t mostNumber = INT64_MAX;

BadField nonsense(const std::string& what) { return {"the seller's answer makes no sense: " + what, "tell its ISP"}; }

constexpr size_t longestText = 200;
constexpr size_t longestName = 64;

// Unknown members are no mistake here: a newer seller may say more.
class Answer {
public:
    explicit Answer(const json& object) : m_object(object) {}
    std::string text(const char* name) {
        const auto found = m_object.is_object() ? m_object.find(name) : m_object.end();
        if (found != m_object.end() && found->is_string()) return found->get<std::string>();
        m_ok = false;
        return {};
    }
    Money money(const char* name) {
        const auto amount = Money::parse(text(name));
        if (!amount || amount->isNegative()) m_ok = false;
        return amount && !amount->isNegative() ? *amount : Money::zero();
    }
    uint64_t number(const char* name, uint64_t most) {
        const auto found = m_object.is_object() ? m_object.find(name) : m_object.end();
        if (found != m_object.end() && found->is_number_unsigned() && found->get<uint64_t>() <= most)
            return found->get<uint64_t>();
        m_ok = false;
        return 0;
    }
    [[nodiscard]] bool ok() const { return m_ok; }

private:
    const json& m_object;
    bool m_ok = true;
};

tl::expected<json, BadField> bodyOf(unsigned status, const std::string& text) {
    json body = json::parse(text, nullptr, false);
    if (!body.is_object()) return tl::unexpected(nonsense("no JSON object"));
    constexpr unsigned firstBad = 300;
    if (status < firstBad) return body;
    const auto say = [&](const char* name) {
        const auto found = body.find(name);
        return found != body.end() && found->is_string() ? toPlainText(found->get<std::string>(), longestText)
                                                         : std::string();
    };
    return tl::unexpected(BadField{"the seller refuses: " + say("message"), say("hint")});
}

std::optional<Refund> refundFrom(JsonFields& fields) {
    const json* const object = fields.get("refund");
    if (object == nullptr) return std::nullopt;
    JsonFields inner(*object);
    const auto payee = NodeId::parse(inner.text("payee"));
    const auto isp = IspId::from(inner.number("isp", UINT16_MAX));
    if (inner.problem() || !payee || !isp) {
        fields.fail("refund must have a payee and its ISP", "leave it out for none");
        return std::nullopt;
    }
    return Refund{*payee, *isp};
}

}  // namespace

tl::expected<ReverseWish, BadField> reverseWishFromJson(const json& object) {
    ReverseWish wish;
    JsonFields fields(object);
    wish.refund = refundFrom(fields);
    json rest = object.is_object() ? object : json::object();
    rest.erase("refund");
    if (!rest.contains("from")) fields.fail("from is missing", "the address whose packets are to be served better");
    // Nothing by which a stranger would stand in the owner's rules and totals as somebody else.
    for (const char* const foreign :
         {"offer", "payee", "domain", "purpose", "direction", "seller", "duration_s", "attended"}) {
        if (rest.contains(foreign)) fields.fail(std::string(foreign) + " is not for sellers", "leave it out");
    }
    // From here on it is a purchase like any other, seen from the sender.
    auto order = orderFromJson(rest);
    if (!order) return tl::unexpected(order.error());
    for (const auto& [name, value] : rest.items()) (void)fields.get(name.c_str());
    if (auto problem = fields.problem()) return tl::unexpected(std::move(*problem));
    wish.order = std::move(*order);
    wish.order.purchase.context.purpose = "reverse path";
    wish.order.purchase.fingerprint.clear();
    return wish;
}

tl::expected<ReverseBuyOrder, BadField> reverseOrderOf(const json& body, const BuyOrder& order) {
    ReverseBuyOrder wish{order, json::object(), std::nullopt, order.purchase.flow};
    for (const char* const same : {"protocol", "class", "per_isp", "cap", "cap_per_second"}) {
        if (body.contains(same)) wish.wish[same] = body[same];
    }
    wish.wish["from"] = body["to"];
    if (body.contains("to_port")) wish.wish["from_port"] = body["to_port"];
    if (body.contains("from_port")) wish.wish["to_port"] = body["from_port"];
    if (!order.seller.empty()) {
        const auto url = directory::parseJoinUrl(order.seller);
        if (!url) return tl::unexpected(BadField{"the seller's address is not valid", "https://ADDRESS:PORT/#KEY"});
        wish.seller = SellerAddress{url->directory, url->key};
    }
    // In the ledger as the packets go.
    const FlowMatch& sent = wish.sent;
    wish.order.purchase.flow = {sent.remote, std::nullopt, sent.protocol, sent.remotePort, sent.localPort};
    return wish;
}

json reverseQuotesJson(const IpAddress& from, const std::vector<ReverseQuote>& quotes, uint64_t streamBitsPerSecond,
                       SystemTime now) {
    json list = json::array();
    list.push_back(bestEffortOffer());
    for (const ReverseQuote& quote : quotes) {
        const cartographer::Quote& way = quote.offer.quote;
        json object{{"id", quote.id},
                    {"tier", quote.tier},
                    {"path", quotePathJson(way.path, now)},
                    {"quality", json::object()},
                    {"quality_is", "not known for what comes from there"},
                    {"change", "not known: too little is promised"},
                    {"guaranteed", false},
                    {"seller", quote.seller.server.toString()},
                    {"valid_until", timeText(way.validUntil)},
                    {"price_per_packet",
                     {{std::to_string(cartographer::fullPacketBytes), quote.offer.pricePerPacket.toString()}}}};
        if (const auto cost = perMinuteAtMost(quote.offer.pricePerPacket, streamBitsPerSecond))
            object["per_minute_at_most"] = cost->toString();
        list.push_back(std::move(object));
    }
    return {
        {"to", from.toString()},     {"direction", "incoming"},       {"stream_bit_per_second", streamBitsPerSecond},
        {"offers", std::move(list)}, {"worth_having", quotes.size()}, {"currency", "USD"}};
}

json offerJson(const ReverseOffer& offer, SystemTime now) {
    return {{"order", offer.order},
            {"payee", offer.payee.hex()},
            {"isp", offer.isp.value()},
            {"description", offer.description},
            {"salt", toHex(offer.salt)},
            {"path", quotePathJson(offer.quote.path, now)},
            {"price_per_packet", offer.pricePerPacket.toString()},
            {"smallest", offer.smallest.toString()},
            {"expires_s", offer.expires.count()}};
}

json standingJson(const ReverseStanding& standing) {
    return {{"state", stateNames[static_cast<size_t>(standing.state)]},
            {"paid", standing.paid.toString()},
            {"spent", standing.usage.amount.toString()},
            {"packets", standing.usage.packets},
            {"bytes", standing.usage.bytes},
            {"best_effort", standing.usage.bestEffortPackets},
            {"trouble", standing.trouble},
            {"refunded", standing.refunded ? json(standing.refunded->toString()) : json(nullptr)}};
}

tl::expected<ReverseOffer, BadField> offerFromJson(unsigned status, const std::string& text,
                                                   const IpAddress& destination) {
    const auto body = bodyOf(status, text);
    if (!body) return tl::unexpected(body.error());
    Answer answer(*body);
    ReverseOffer offer;
    offer.order = answer.text("order");
    constexpr size_t orderDigits = 32;
    const bool hex =
        offer.order.size() == orderDigits && offer.order.find_first_not_of("0123456789abcdef") == std::string::npos;
    const auto payee = NodeId::parse(answer.text("payee"));
    const auto isp = IspId::from(answer.number("isp", UINT16_MAX));
    offer.description = answer.text("description");
    const bool salt = fromHex(answer.text("salt"), offer.salt);
    offer.pricePerPacket = answer.money("price_per_packet");
    offer.smallest = answer.money("smallest");
    constexpr uint64_t longest = 3600;
    offer.expires = std::chrono::seconds(answer.number("expires_s", longest));
    if (!answer.ok() || !hex || !payee || !isp || !salt || offer.pricePerPacket <= Money::zero() ||
        offer.smallest <= Money::zero() || offer.description.size() > payments::maxDescription) {
        return tl::unexpected(nonsense("a member of the offer is missing or wrong"));
    }
    offer.payee = *payee;
    offer.isp = *isp;
    offer.quote.destination = destination;
    const auto path = body->find("path");
    if (path == body->end() || !path->is_array() || path->empty() || path->size() > maxHops) {
        return tl::unexpected(nonsense("no path"));
    }
    for (const json& one : *path) {
        Answer hop(one);
        const auto at = IspId::from(hop.number("isp", UINT16_MAX));
        const auto service = ServiceClass::from(hop.number("class", 63));
        const auto exit = ExitPoint::from(hop.number("exit", 1023));
        cartographer::QuotedHop quoted;
        quoted.ispName = toPlainText(hop.text("name"), longestName);
        quoted.className = toPlainText(hop.text("class_name"), longestName);
        quoted.prices.base.perPacket = hop.money("price_per_packet");
        if (!hop.ok() || !at || !service || !exit) return tl::unexpected(nonsense("an ISP on the path"));
        quoted.isp = *at;
        quoted.service = *service;
        quoted.exit = *exit;
        offer.quote.path.push_back(std::move(quoted));
    }
    return offer;
}

tl::expected<ReverseStanding, BadField> standingFromJson(unsigned status, const std::string& text) {
    const auto body = bodyOf(status, text);
    if (!body) return tl::unexpected(body.error());
    Answer answer(*body);
    ReverseStanding standing;
    const std::string name = answer.text("state");
    const auto state = std::find(stateNames.begin(), stateNames.end(), name);
    standing.paid = answer.money("paid");
    standing.usage.amount = answer.money("spent");
    standing.usage.packets = answer.number("packets", mostNumber);
    standing.usage.bytes = answer.number("bytes", mostNumber);
    standing.usage.bestEffortPackets = answer.number("best_effort", mostNumber);
    standing.trouble = toPlainText(answer.text("trouble"), longestText);
    if (!answer.ok() || state == stateNames.end()) return tl::unexpected(nonsense("how the order stands"));
    standing.state = static_cast<State>(state - stateNames.begin());
    if (const auto back = body->find("refunded"); back != body->end() && back->is_string()) {
        standing.refunded = Money::parse(back->get<std::string>()).value_or(Money::zero());
    }
    return standing;
}

}  // namespace netpas::secretaryd
