// Orders for content that is sold with status 402: what `netpas fetch` and other programs turn an offer into a proof with.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/secretary/content_desk.h"
#include "app/secretary/content_json.h"
#include "app/secretary/json_fields.h"
#include "app/secretary/routes.h"
#include "core/plain_text.h"
#include "core/x402/text.h"

namespace netpas::secretaryd {

using net::HttpResponse;
using nlohmann::json;

namespace {

constexpr size_t longestPem = size_t{96} * 1024;
constexpr size_t longestKey = 128;
constexpr size_t longestWord = 64;

HttpResponse refusalFor(const ContentRefusal& why) { return refusal(why.status, why.code, why.message, why.hint); }

ContentAsker askerOf(const Caller& caller) { return {caller.uid, caller.node}; }

bool maySee(const Caller& caller, const ContentOrder& order) {
    return caller.admin() || order.asker == askerOf(caller);
}

// The header's value of version 2, or version 1's body.
std::optional<x402::Offer> offerFrom(JsonFields& fields) {
    const json* const given = fields.get("offer");
    if (given == nullptr) return std::nullopt;
    const auto offer = given->is_string()
                           ? x402::decodeOffer(given->get_ref<const std::string&>())
                           : x402::decodeOfferJson(given->dump(-1, ' ', false, json::error_handler_t::replace));
    if (offer) return *offer;
    const x402::OfferProblem& problem = offer.error();
    fields.fail(std::string(describe(problem.error)) + (problem.detail.empty() ? "" : ": " + problem.detail),
                std::string(remedy(problem.error)));
    return std::nullopt;
}

void ask(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    // The offer is written out again below, which takes stack for every level.
    if (!x402::isShallow(call.text))
        return reply(
            refusal(400, "INVALID_ARGUMENT", "the body is nested too deeply", "send the offer as the seller wrote it"));
    JsonFields fields(call.body());
    ContentWish wish;
    wish.asker = askerOf(call.caller);
    wish.key = call.header("Idempotency-Key");
    wish.url = fields.text("url", x402::maxUrl);
    wish.purpose = fields.text("purpose", longestWord);
    wish.certificate = fields.text("certificate", longestPem);
    wish.attended = fields.flag("attended");
    if (fields.get("max_price") != nullptr) wish.maxPrice = fields.money("max_price", true);
    wish.offer = offerFrom(fields);
    if (wish.url.empty()) fields.fail("url is missing", "what the offer was the answer to");
    if (wish.key.size() > longestKey || !isPlainText(wish.key)) {
        fields.fail("the Idempotency-Key is no plain word of at most 128 bytes");
    }
    if (const auto bad = fields.problem()) return reply(refusal(400, "INVALID_ARGUMENT", bad->message, bad->hint));
    wish.app = call.caller.executable;
    wish.process = static_cast<uint32_t>(std::max(call.caller.pid, 0));
    // Who names a price at the secretary's own door has answered already.
    wish.byPerson = wish.maxPrice && call.caller.door == Door::Secretary && call.caller.may.has(Capability::Decide);
    state.content->ask(wish, [reply](const tl::expected<ContentView, ContentRefusal>& result) {
        if (!result) return reply(refusalFor(result.error()));
        reply(answer(contentJson(*result), result->proof ? 200 : 202));
    });
}

void list(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const std::string url = call.queryValue("url"), key = call.queryValue("key");
    json orders = json::array();
    if (!url.empty() || !key.empty()) {
        const ContentOrder* const found = state.content->find(askerOf(call.caller), key, url);
        if (found != nullptr) orders.push_back(contentJson(state.content->view(*found)));
    } else {
        const auto asker = call.caller.admin() ? std::nullopt : std::optional(askerOf(call.caller));
        constexpr size_t most = 100;
        for (const ContentOrder& order : state.content->list(asker)) {
            if (orders.size() == most) break;
            if (!order.delivered) orders.push_back(contentJson(state.content->view(order)));
        }
    }
    reply(answer({{"orders", std::move(orders)}}));
}

void one(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const std::string id = call.parameter("id");
    const ContentOrder* const found = state.content->find(id);
    // Whether another user's order exists is nobody's business.
    if (found == nullptr || !maySee(call.caller, *found)) {
        return reply(
            refusal(404, "NOT_FOUND", "there is no order " + toPlainText(id, longestWord), "netpas fetch --list"));
    }
    if (call.method == "GET") return reply(answer(contentJson(state.content->view(*found))));
    if (call.method == "DELETE") {
        const auto gone = state.content->forget(id);
        return reply(gone ? answer({{"removed", true}}) : refusalFor(gone.error()));
    }
    JsonFields fields(call.body());
    const bool delivered = fields.flag("delivered");
    if (!delivered) fields.fail("only its delivery can be told", "{\"delivered\": true}");
    if (const auto bad = fields.problem()) return reply(refusal(400, "INVALID_ARGUMENT", bad->message, bad->hint));
    const auto told = state.content->deliver(id);
    reply(told ? answer(contentJson(*told)) : refusalFor(told.error()));
}

}  // namespace

void addContentRoutes(Router& router, SecretaryState& state) {
    const auto with = [&state](auto function) {
        return [&state, function](const ApiCall& call, const Reply& reply) { function(state, call, reply); };
    };
    // A certificate with those above it, and an offer.
    constexpr size_t longest = longestPem + 2 * x402::maxHeader;
    router.add("POST", "/v1/content", Capability::Request, with(ask), RouteLimits{.maxBody = longest});
    router.add("GET", "/v1/content", Capability::Read, with(list));
    router.add("GET", "/v1/content/{id}", Capability::Read, with(one));
    router.add("PUT", "/v1/content/{id}", Capability::Request, with(one));
    router.add("DELETE", "/v1/content/{id}", Capability::Request, with(one));
}

}  // namespace netpas::secretaryd
