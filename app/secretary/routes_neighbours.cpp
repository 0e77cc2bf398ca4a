// /v1/neighbours and /v1/agreements: who is on the links, and what was agreed with them. Offers are requests like payments, which decide in the end;
// what this node sells, and whether it buys by itself, is its owner's.
#include <charconv>
#include <nlohmann/json.hpp>

#include "app/secretary/neighbour_json.h"
#include "app/secretary/routes.h"
#include "core/crypto/hex.h"
#include "secretary/contacts/contact_book.h"

namespace netpas::secretaryd {

using net::HttpResponse;
using nlohmann::json;

namespace {

HttpResponse refusalFor(const ApiFailure& why) { return refusal(why.status, why.code, why.message, why.hint); }

std::optional<books::AgreementId> idFrom(const ApiCall& call) {
    books::AgreementId id{};
    return fromHex(call.parameter("id"), id) ? std::optional(id) : std::nullopt;
}

HttpResponse noSuch() { return refusal(404, "NOT_FOUND", "there is no such agreement", "netpas agreements"); }

void answerWith(const SecretaryState& state, const books::AgreementId& id, const Reply& reply, unsigned status = 200) {
    const auto view = state.neighbours->find(id);
    reply(view ? answer(agreementJson(*view, state.contacts), status) : noSuch());
}

void neighbours(const SecretaryState& state, const ApiCall&, const Reply& reply) {
    reply(answer(neighboursJson(*state.neighbours, state.clock.steady(), state.contacts)));
}

void set(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const auto settings = meshSettingsFromJson(call.body(), state.neighbours->settings());
    if (!settings) return reply(refusal(400, "INVALID_ARGUMENT", settings.error().message, settings.error().hint));
    if (const auto kept = state.neighbours->set(*settings); !kept)
        return reply(refusal(500, "LOCAL_FAILURE", describe(kept.error()), "free some disk space"));
    reply(answer(meshSettingsJson(*settings)));
}

void list(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    constexpr size_t mostShown = 10'000;
    size_t ended = NeighbourDesk::endedShown;
    if (const std::string text = call.queryValue("limit"); !text.empty()) {
        const auto read = std::from_chars(text.data(), text.data() + text.size(), ended);
        if (read.ec != std::errc() || read.ptr != text.data() + text.size() || ended == 0 || ended > mostShown)
            return reply(
                refusal(400, "INVALID_ARGUMENT", "limit must be from 1 to 10000", "leave it out for the last 100"));
    }
    json all = json::array();
    for (const AgreementView& view : state.neighbours->agreements(ended))
        all.push_back(agreementJson(view, state.contacts));
    reply(answer({{"agreements", std::move(all)}, {"currency", "USD"}}));
}

// Identifiers are hashes of keys; a contact may have several.
std::optional<PublicKey> keyOf(const SecretaryState& state, const std::string& named) {
    const auto node = NodeId::parse(named);
    const auto* const contact = state.contacts != nullptr ? state.contacts->find(named) : nullptr;
    for (const auto& [key, known] : state.neighbours->table().all()) {
        if (node && key.nodeId() == *node) return key;
        if (contact == nullptr) continue;
        for (const NodeId& payee : contact->payees) {
            if (payee == key.nodeId()) return key;
        }
    }
    return std::nullopt;
}

void offer(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    auto made = newAgreementFromJson(call.body());
    if (!made) return reply(refusal(400, "INVALID_ARGUMENT", made.error().message, made.error().hint));
    const auto key = keyOf(state, made->neighbour);
    if (!key) return reply(refusal(404, "NOT_FOUND", "there is no such neighbour now", "netpas neighbours"));
    made->wish.neighbour = *key;
    const bool byPerson = call.caller.door == Door::Secretary && call.caller.may.has(Capability::Decide);
    made->wish.origin = {call.caller.uid, byPerson, false};
    const auto id = state.neighbours->offer(made->wish);
    if (!id) return reply(refusalFor(id.error()));
    answerWith(state, *id, reply, 201);
}

void one(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const auto id = idFrom(call);
    if (!id) return reply(noSuch());
    answerWith(state, *id, reply);
}

void accept(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const auto id = idFrom(call);
    if (!id) return reply(noSuch());
    if (const auto done = state.neighbours->accept(*id); !done) return reply(refusalFor(done.error()));
    answerWith(state, *id, reply);
}

void end(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const auto id = idFrom(call);
    const auto view = id ? state.neighbours->find(*id) : std::nullopt;
    if (!view) return reply(noSuch());
    // What the owner has offered in person is no app's, though it may run as the same user.
    const AgreementOrigin& origin = view->origin;
    const bool own = view->buying && !origin.automatic && !origin.byPerson && origin.uid == call.caller.uid;
    if (!call.caller.admin() && !own) {
        return reply(refusal(403, "RESTRICTED", "only the owner, or who offered it, ends an agreement",
                             "ask the owner of this machine"));
    }
    if (const auto done = state.neighbours->end(*id); !done) return reply(refusalFor(done.error()));
    auto after = state.neighbours->find(*id);
    if (!after) {
        // An offer of a neighbour's is gone with that.
        after = view;
        after->state = "ended";
        after->why = "the offer was turned down";
    }
    reply(answer(agreementJson(*after, state.contacts)));
}

}  // namespace

void addNeighbourRoutes(Router& router, SecretaryState& state) {
    const auto with = [&state](auto function) {
        return [&state, function](const ApiCall& call, const Reply& reply) { function(state, call, reply); };
    };
    router.add("GET", "/v1/neighbours", Capability::Read, with(neighbours));
    router.add("PUT", "/v1/neighbours/settings", Capability::Policy, with(set));
    router.add("GET", "/v1/agreements", Capability::Read, with(list));
    router.add("POST", "/v1/agreements", Capability::Request, with(offer));
    router.add("GET", "/v1/agreements/{id}", Capability::Read, with(one));
    router.add("POST", "/v1/agreements/{id}/accept", Capability::Policy, with(accept));
    router.add("POST", "/v1/agreements/{id}/end", Capability::Request, with(end));
}

}  // namespace netpas::secretaryd
