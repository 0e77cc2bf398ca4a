// Orders for the reverse path, as a seller (REVERSE.md). They come through the agent's door for strangers, which has put in the address
// that each came from.
#include <nlohmann/json.hpp>

#include "app/secretary/reverse_json.h"
#include "app/secretary/reverse_sales.h"
#include "app/secretary/routes.h"

namespace netpas::secretaryd {

using nlohmann::json;

namespace {

void sell(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    if (state.reverseSales == nullptr)
        return reply(refusal(503, "LOCKED", "this seller is closed now", "try again later"));
    auto wish = reverseWishFromJson(call.body());
    if (!wish) return reply(refusal(400, "INVALID_ARGUMENT", wish.error().message, wish.error().hint));
    wish->order.purchase.uid = call.caller.uid;
    state.reverseSales->offer(*wish, [&clock = state.clock, reply](const auto& offer) {
        if (offer) return reply(answer(offerJson(*offer, clock.now()), 201));
        const ApiFailure& why = offer.error();
        reply(refusal(why.status, why.code, why.message, why.hint));
    });
}

void one(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const std::string id = call.parameter("order");
    if (state.reverseSales != nullptr && call.method == "DELETE") (void)state.reverseSales->stop(id);
    const auto standing = state.reverseSales != nullptr ? state.reverseSales->find(id) : std::nullopt;
    if (!standing) return reply(refusal(404, "NOT_FOUND", "there is no such order", "it may have ended long ago"));
    reply(answer(standingJson(*standing)));
}

}  // namespace

void addReverseRoutes(Router& router, SecretaryState& state) {
    const auto with = [&state](auto function) {
        return [&state, function](const ApiCall& call, const Reply& reply) { function(state, call, reply); };
    };
    router.add("POST", "/v1/orders", Capability::Request, with(sell));
    router.add("GET", "/v1/orders/{order}", Capability::Read, with(one));
    router.add("DELETE", "/v1/orders/{order}", Capability::Request, with(one));
}

}  // namespace netpas::secretaryd
