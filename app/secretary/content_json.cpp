#include "app/secretary/content_json.h"

#include <nlohmann/json.hpp>

#include "app/secretary/payment_json.h"

namespace netpas::secretaryd {

using nlohmann::json;

namespace {

// Where an order is in its life, in one word.
std::string stateOf(const ContentView& view) {
    if (view.order.delivered) return "delivered";
    if (view.proof) return "paid";
    if (!view.payment) return "new";
    if (!view.payment->decision.empty()) return "pending";
    if (!isFinal(view.payment->book.state)) return "paying";
    const auto& payment = view.payment->book.payment;
    const bool charged = payment && payment->result && payment->result->end == ledger::PaymentEnd::Posted;
    return charged ? "unproven" : "failed";
}

}  // namespace

json contentJson(const ContentView& view) {
    const ContentOrder& order = view.order;
    json object{{"id", order.id},
                {"state", stateOf(view)},
                {"url", order.url},
                {"resource", order.resource},
                {"description", order.description},
                {"payee", order.terms.payee.hex()},
                {"payee_isp", order.terms.isp.value()},
                {"amount", order.terms.amount.toString()},
                {"currency", "USD"},
                {"purpose", order.purpose},
                {"x402_version", static_cast<int>(order.version)},
                {"attempt", order.attempt},
                {"created_at", timeText(order.created)},
                {"delivered_at", order.delivered ? json(timeText(*order.delivered)) : json(nullptr)},
                {"payment", view.payment ? paymentJson(*view.payment) : json(nullptr)},
                {"header", nullptr},
                {"payload", nullptr}};
    if (view.proof) {
        const x402::Header header = x402::encodeProof(order.version, order.terms, *view.proof);
        object["header"] = {{"name", header.name}, {"value", header.value}};
        object["payload"] = json::parse(x402::encodePayload(*view.proof));
    }
    return object;
}

Bytes toDocument(const ContentOrder& order) {
    json object{{"uid", order.asker.uid},
                {"node", order.asker.node},
                {"key", order.key},
                {"url", order.url},
                {"resource", order.resource},
                {"description", order.description},
                {"version", static_cast<int>(order.version)},
                {"terms", order.terms.asOffered},
                {"purpose", order.purpose},
                {"attempt", order.attempt},
                {"pay_before", timeText(order.payBefore)},
                {"created", timeText(order.created)}};
    if (order.delivered) object["delivered"] = timeText(*order.delivered);
    const std::string text = object.dump(-1, ' ', false, json::error_handler_t::replace);
    return {text.begin(), text.end()};
}

std::optional<ContentOrder> contentFromDocument(const std::string& id, const Bytes& body) {
    const json object = json::parse(body.begin(), body.end(), nullptr, false);
    if (!object.is_object()) return std::nullopt;
    ContentOrder order;
    try {
        order.id = id;
        order.asker = {object.at("uid").get<uint32_t>(), object.at("node").get<std::string>()};
        order.key = object.at("key").get<std::string>();
        order.url = object.at("url").get<std::string>();
        order.resource = object.at("resource").get<std::string>();
        order.description = object.at("description").get<std::string>();
        order.version = object.at("version") == 1 ? x402::Version::One : x402::Version::Two;
        order.purpose = object.at("purpose").get<std::string>();
        order.attempt = object.at("attempt").get<uint32_t>();
        const auto before = parseTimestamp(object.at("pay_before").get<std::string>());
        const auto created = parseTimestamp(object.at("created").get<std::string>());
        // Read like the offer that it was.
        const json offer{{"x402Version", static_cast<int>(order.version)},
                         {"resource", {{"url", order.resource}}},
                         {"accepts", json::array({json::parse(object.at("terms").get<std::string>())})}};
        const auto terms = x402::decodeOfferJson(offer.dump());
        if (!before || !created || !terms) return std::nullopt;
        order.payBefore = *before;
        order.created = *created;
        order.terms = terms->terms.front();
        if (object.contains("delivered")) order.delivered = parseTimestamp(object["delivered"].get<std::string>());
    } catch (const json::exception&) {
        return std::nullopt;
    }
    return order;
}

}  // namespace netpas::secretaryd
