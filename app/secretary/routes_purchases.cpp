#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "app/secretary/decision_desk.h"
#include "app/secretary/ordered_by.h"
#include "app/secretary/payment_service.h"
#include "app/secretary/purchase_json.h"
#include "app/secretary/purchase_service.h"
#include "app/secretary/quote_json.h"
#include "app/secretary/reverse_json.h"
#include "app/secretary/reverse_purchases.h"
#include "app/secretary/routes.h"
#include "app/secretary/spend_terms.h"
#include "app/secretary/vault_service.h"
#include "core/accounting/statement_text.h"
#include "core/crypto/hex.h"
#include "secretary/budgets/budget.h"

namespace netpas::secretaryd {

using net::HttpResponse;
using nlohmann::json;

namespace {

// Of a refusal by the user's own limits, rules or answer.
unsigned statusOf(std::string_view code) {
    if (code == "QUOTA_EXCEEDED" || code == "INSUFFICIENT_BALANCE") return 402;
    if (code == "UNAUTHORIZED" || code == "RESTRICTED" || code == "PAUSED") return 403;
    if (code == "LOCKED") return 423;
    if (code == "INVALID_ARGUMENT") return 400;
    if (code == "RATE_LIMITED") return 429;
    return code == "LOCAL_FAILURE" ? 500 : 409;
}

HttpResponse refusalFor(const BuyRefusal& why) {
    switch (why.kind) {
    case BuyRefusal::Kind::NotJoined: return refusal(409, "NOT_JOINED", why.message, why.hint);
    case BuyRefusal::Kind::NoOffer: return refusal(404, "NO_OFFER", why.message, why.hint);
    case BuyRefusal::Kind::Invalid: return refusal(400, "INVALID_ARGUMENT", why.message, why.hint);
    case BuyRefusal::Kind::Denied: return refusal(statusOf(why.code), why.code, why.message, why.hint);
    case BuyRefusal::Kind::Conflict: return refusal(409, "CONFLICT", why.message, why.hint);
    case BuyRefusal::Kind::IspRefused: return refusal(403, "ISP_REFUSED", why.message, why.hint);
    case BuyRefusal::Kind::Unreachable: return refusal(503, "ISP_UNREACHABLE", why.message, why.hint);
    case BuyRefusal::Kind::Local: return refusal(500, "LOCAL_FAILURE", why.message, why.hint);
    case BuyRefusal::Kind::Ended: return refusal(409, "ENDED", why.message, why.hint);
    }
    return refusal(500, "LOCAL_FAILURE", why.message, why.hint);
}

HttpResponse refusalFor(ledger::LedgerError error) {
    return refusal(500, "LOCAL_FAILURE", describe(error), "see the log of netpasd");
}

HttpResponse refusalFor(const BadField& field) { return refusal(400, "INVALID_ARGUMENT", field.message, field.hint); }

std::optional<PurchaseId> purchaseIdFrom(std::string_view text) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number > INT64_MAX) return std::nullopt;
    return PurchaseId{number};
}

// The same user name means different people on different devices.
bool maySee(const Caller& caller, const ledger::Purchase& purchase) {
    return caller.admin() || (purchase.request.uid == caller.uid && purchase.request.context.node == caller.node);
}

json agentJson(const SecretaryState& state) {
    if (!state.agent) return nullptr;
    const AgentReport report = state.agent();
    return {{"connected", report.connected},
            {"name", report.name},
            {"data_plane_up", report.planeUp},
            {"trouble", report.trouble}};
}

// Of both directions.
std::vector<PurchaseView> openPurchases(const SecretaryState& state) {
    std::vector<PurchaseView> all = state.purchases->open();
    if (state.reversePurchases == nullptr) return all;
    for (PurchaseView& view : state.reversePurchases->open()) all.push_back(std::move(view));
    return all;
}

std::optional<PurchaseView> findPurchase(const SecretaryState& state, PurchaseId id) {
    if (state.reversePurchases != nullptr) {
        if (auto found = state.reversePurchases->find(id)) return found;
    }
    return state.purchases->find(id);
}

struct Sums {
    Money reserved, spentToday;
};

// Everybody's to the owner, one's own to others. A day is that of the limits.
tl::expected<Sums, ledger::LedgerError> sumsFor(const SecretaryState& state, const Caller& caller) {
    using secretary::budgets::Period;
    const SystemTime today = secretary::budgets::localCalendar().startOf(Period::Day, state.clock.now());
    if (caller.admin()) {
        const auto reserved = state.ledger->reserved(), spent = state.ledger->spentSince(today);
        if (!reserved || !spent) return tl::unexpected(reserved ? spent.error() : reserved.error());
        return Sums{*reserved, *spent};
    }
    Sums own;
    for (const PurchaseView& view : openPurchases(state)) {
        const bool holds = view.book.state != ledger::PurchaseState::Requested && maySee(caller, view.book);
        if (holds) own.reserved = checkedAdd(own.reserved, view.book.request.cap).value_or(Money::max());
    }
    for (const PaymentView& view : state.payments != nullptr ? state.payments->open() : std::vector<PaymentView>{}) {
        const bool holds = view.book.state != ledger::PurchaseState::Requested && maySee(caller, view.book);
        if (holds) own.reserved = checkedAdd(own.reserved, view.book.request.cap).value_or(Money::max());
    }
    const auto days = state.ledger->totals(ledger::TotalsBy::Day, today, std::nullopt, caller.uid, caller.node);
    if (!days) return tl::unexpected(days.error());
    for (const ledger::Total& day : *days) {
        own.spentToday = checkedAdd(own.spentToday, day.amount).value_or(Money::max());
    }
    return own;
}

// Until the owner lets spending go on.
json alarmOf(const SecretaryState& state) {
    const bool paused =
        state.decisions != nullptr && state.decisions->queue().mode() == secretary::prompts::Mode::Pause;
    return paused && !state.purchases->alarm().empty() ? json(state.purchases->alarm()) : json(nullptr);
}

void status(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    if (state.ledger == nullptr) {
        const bool locked = state.vault != nullptr && state.vault->condition() == Condition::Locked;
        return reply(answer({{"version", state.version},
                             {"ledger", locked ? "locked" : "failed"},
                             {"agent", agentJson(state)},
                             {"role", call.caller.admin() ? "admin" : "request"},
                             {"currency", "USD"}}));
    }
    const auto sums = sumsFor(state, call.caller);
    if (!sums) return reply(refusalFor(sums.error()));
    size_t active = 0, settling = 0;
    for (const PurchaseView& view : openPurchases(state)) {
        if (!maySee(call.caller, view.book)) continue;
        active += view.book.state == ledger::PurchaseState::Active ? 1 : 0;
        settling += view.book.state >= ledger::PurchaseState::Stopping ? 1 : 0;
    }
    json isp = nullptr;
    if (const auto home = state.isp->home()) {
        isp = {{"id", home->isp.value()},
               {"name", home->name},
               {"directory", home->directory.toString()},
               {"connected", home->connected}};
    }
    reply(
        answer({{"version", state.version},
                {"isp", isp},
                {"agent", agentJson(state)},
                {"purchases", {{"active", active}, {"settling", settling}}},
                {"ledger", state.purchases->broken() ? "failed" : "ok"},
                {"alarm", alarmOf(state)},
                {"reserved", sums->reserved.toString()},
                {"spent_today", sums->spentToday.toString()},
                {"limits",
                 {{"per_purchase", state.limits.perPurchase.toString()}, {"per_day", state.limits.perDay.toString()}}},
                {"role", call.caller.admin() ? "admin" : "request"},
                {"currency", "USD"}}));
}

void list(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    json list = json::array();
    for (const PurchaseView& view : openPurchases(state)) {
        if (maySee(call.caller, view.book)) list.push_back(purchaseJson(view, state.clock.now()));
    }
    reply(answer({{"purchases", std::move(list)}}));
}

void one(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const std::string text = call.parameter("id");
    const auto id = purchaseIdFrom(text);
    const auto found = id ? findPurchase(state, *id) : std::nullopt;
    // Whether another user's purchase exists is nobody's business.
    if (!found || !maySee(call.caller, found->book)) {
        return reply(refusal(404, "NOT_FOUND", "there is no purchase " + text, "netpas purchases"));
    }
    if (call.method == "GET") return reply(answer(purchaseJson(*found, state.clock.now())));
    constexpr auto reason = ledger::EndReason::StoppedByUser;
    const bool incoming = state.reversePurchases != nullptr && state.reversePurchases->stop(*id, reason);
    const bool running = incoming || state.purchases->stop(*id, reason);
    const auto after = findPurchase(state, *id);
    reply(answer(purchaseJson(after ? *after : *found, state.clock.now()),
                 running && after && !isFinal(after->book.state) ? 202 : 200));
}

json statementJson(const accounting::UsageStatement& statement) {
    return {
        {"session_key", statement.key.value()},  {"packets", statement.packets}, {"bytes", statement.bytes},
        {"amount", statement.amount.toString()}, {"final", statement.final},     {"time", timeText(statement.time)}};
}

// What proves what was paid, and why ways and prices changed.
void evidence(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const std::string text = call.parameter("id");
    const auto id = purchaseIdFrom(text);
    const auto found = id ? state.purchases->find(*id) : std::nullopt;
    if (!found || !maySee(call.caller, found->book)) {
        return reply(refusal(404, "NOT_FOUND", "there is no purchase " + text, "netpas history"));
    }
    const auto kept = state.ledger->evidence(*id);
    if (!kept) return reply(refusalFor(kept.error()));
    json list = json::array();
    for (const ledger::KeptEvidence& one : *kept) {
        const auto& message = one.evidence.message;
        json said = json::parse(message.begin(), message.end(), nullptr, false);
        if (const auto usage = accounting::readUsageStatement(message)) said = statementJson(usage->statement);
        list.push_back({{"kind", one.evidence.kind},
                        {"at", timeText(one.at)},
                        {"accepted", one.evidence.accepted},
                        {"message", toHex(message)},
                        {"signature", toHex(one.evidence.signature)},
                        {"said", said.is_discarded() || !said.is_object() ? json(nullptr) : std::move(said)}});
    }
    reply(answer({{"id", text}, {"evidence", std::move(list)}}));
}

void buyIncoming(const SecretaryState& state, const ApiCall& call, const BuyOrder& order,
                 PurchaseService::BuyDone done) {
    const auto no = [&](BuyRefusal::Kind kind, std::string what, std::string hint) {
        done(tl::unexpected(BuyRefusal{kind, {}, std::move(what), std::move(hint), {}}));
    };
    if (state.reversePurchases == nullptr)
        return no(BuyRefusal::Kind::Local, "incoming packets cannot be bought for here", "");
    auto wish = reverseOrderOf(call.body(), order);
    if (!wish) return no(BuyRefusal::Kind::Invalid, wish.error().message, wish.error().hint);
    state.reversePurchases->buy(*wish, std::move(done));
}

// For packets that come here: what sellers offer (REVERSE.md). For others the agent's cartographer answers.
void quotes(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    json wanted = call.body();
    if (!wanted.is_object() || wanted.value("direction", json()) != "incoming" || state.reversePurchases == nullptr) {
        return reply(refusal(404, "NO_OFFER", "offers for outgoing packets are the agent's", "ask the agent's socket"));
    }
    const auto stream = streamFromJson(wanted);
    if (!stream) {
        return reply(refusal(400, "INVALID_ARGUMENT", "stream_bit_per_second is a number from 1 to 100000000000",
                             "5000000 is a film in full HD"));
    }
    wanted.erase("stream_bit_per_second");
    constexpr const char* usualCap = "1";
    if (!wanted.contains("cap")) wanted["cap"] = usualCap;
    auto order = orderFromJson(wanted);
    if (!order) return reply(refusalFor(order.error()));
    if (!order->prepared.empty())
        return reply(refusal(400, "INVALID_ARGUMENT", "an offer cannot be quoted", "buy it: POST /v1/purchases"));
    orderedBy(order->purchase, call.caller.uid, call.caller.node);
    const auto wish = reverseOrderOf(wanted, *order);
    if (!wish) return reply(refusalFor(wish.error()));
    state.reversePurchases->quotes().offers(
        *wish, [&clock = state.clock, reply, from = order->what.destination, stream = *stream](const auto& offers) {
            if (!offers) return reply(refusalFor(offers.error()));
            reply(answer(reverseQuotesJson(from, *offers, stream, clock.now())));
        });
}

void buy(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    auto order = orderFromJson(call.body());
    if (!order) return reply(refusalFor(order.error()));
    constexpr size_t longestKey = 128;
    order->purchase.idempotencyKey = call.header("Idempotency-Key");
    if (order->purchase.idempotencyKey.size() > longestKey) {
        return reply(refusal(400, "INVALID_ARGUMENT", "the Idempotency-Key is too long", "use at most 128 characters"));
    }
    // Of a device behind the agent every purchase names its address, of the agent's own users none: the agent saw to that.
    if (order->purchase.flow.local.has_value() == call.caller.node.empty()) {
        return reply(refusal(400, "INVALID_ARGUMENT",
                             call.caller.node.empty() ? "from is only for devices behind a modem" : "from is missing",
                             call.caller.node.empty() ? "leave from out" : "an address of this device's"));
    }
    // Devices choose their keys without knowing of each other's.
    if (std::string& key = order->purchase.idempotencyKey; !key.empty() && !call.caller.node.empty()) {
        key.insert(0, call.caller.node + "/");
    }
    orderedBy(order->purchase, call.caller.uid, call.caller.node);
    order->purchase.context.app = call.caller.executable;
    order->process = static_cast<uint32_t>(std::max(call.caller.pid, 0));
    // The owner's own words through the secretary's own door are an answer already.
    order->byPerson = call.caller.door == Door::Secretary && call.caller.may.has(Capability::Decide);
    if (!order->byPerson) keepToPrice(order->purchase);
    const auto done = [&clock = state.clock, reply](const tl::expected<PurchaseView, BuyRefusal>& result) {
        if (!result) return reply(refusalFor(result.error()));
        reply(answer(purchaseJson(*result, clock.now()), result->decision.empty() ? 200 : 202));
    };
    if (order->incoming) return buyIncoming(state, call, *order, done);
    state.purchases->buy(*order, done);
}

void join(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const auto url = joinUrlFromJson(call.body());
    if (!url) return reply(refusalFor(url.error()));
    state.isp->join(*url, [reply](const auto& joined) {
        if (!joined) {
            const ApiFailure& why = joined.error();
            return reply(refusal(why.status, why.code, why.message, why.hint));
        }
        reply(answer({{"isp", joined->isp.value()}, {"name", joined->name}, {"customer", joined->customer}}));
    });
}

}  // namespace

void addPurchaseRoutes(Router& router, SecretaryState& state) {
    const auto with = [&state](auto function) {
        return [&state, function](const ApiCall& call, const Reply& reply) { function(state, call, reply); };
    };
    RouteLimits always;
    always.always = true;
    router.add("GET", "/v1/status", Capability::Read, with(status), always);
    router.add("POST", "/v1/quotes", Capability::Request, with(quotes));
    router.add("GET", "/v1/purchases", Capability::Read, with(list));
    router.add("POST", "/v1/purchases", Capability::Request, with(buy));
    router.add("GET", "/v1/purchases/{id}", Capability::Read, with(one));
    router.add("GET", "/v1/purchases/{id}/evidence", Capability::Read, with(evidence));
    router.add("DELETE", "/v1/purchases/{id}", Capability::Request, with(one));
    router.add("POST", "/v1/join", Capability::Policy, with(join));
}

}  // namespace netpas::secretaryd
