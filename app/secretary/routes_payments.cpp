// Micropayments: made, and received.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/secretary/ordered_by.h"
#include "app/secretary/payment_json.h"
#include "app/secretary/payment_service.h"
#include "app/secretary/receiving_desk.h"
#include "app/secretary/routes.h"
#include "secretary/budgets/budget.h"
#include "secretary/contacts/contact_book.h"

namespace netpas::secretaryd {

using net::HttpResponse;
using nlohmann::json;

namespace {

constexpr uint32_t defaultList = 100;
constexpr uint32_t maxList = 10'000;

unsigned statusOf(std::string_view code) {
    if (code == "QUOTA_EXCEEDED" || code == "INSUFFICIENT_BALANCE") return 402;
    if (code == "UNAUTHORIZED" || code == "RESTRICTED" || code == "PAUSED" || code == "ISP_REFUSED") {
        return 403;
    }
    if (code == "LOCKED") return 423;
    if (code == "INVALID_ARGUMENT") return 400;
    if (code == "NO_ROUTE") return 404;
    if (code == "RATE_LIMITED") return 429;
    if (code == "ISP_UNREACHABLE") return 503;
    return code == "LOCAL_FAILURE" ? 500 : 409;
}

HttpResponse badQuery(const std::string& message, const std::string& hint = {}) {
    return refusal(400, "INVALID_ARGUMENT", message, hint);
}

HttpResponse refusalFor(ledger::LedgerError error) {
    return refusal(500, "LOCAL_FAILURE", describe(error), "netpas doctor");
}

template <typename Number>
std::optional<Number> numberFrom(const std::string& text) {
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

bool maySee(const Caller& caller, const ledger::Purchase& book) {
    return caller.admin() || (book.request.uid == caller.uid && book.request.context.node == caller.node);
}

// A name from the contacts instead of an identifier.
std::optional<HttpResponse> nameToPayee(const SecretaryState& state, json& body) {
    if (!body.is_object() || !body.contains("payee") || !body["payee"].is_string()) return std::nullopt;
    const auto& text = body["payee"].get_ref<const std::string&>();
    if (NodeId::parse(text) || state.contacts == nullptr) return std::nullopt;
    const auto* const contact = state.contacts->find(text);
    if (contact == nullptr) return std::nullopt;
    if (contact->payees.size() != 1) {
        return refusal(
            400, "INVALID_ARGUMENT",
            "the contact " + contact->name + (contact->payees.empty() ? " has no payee" : " has several payees"),
            "name the payee by its 64 hexadecimal digits");
    }
    body["payee"] = contact->payees.front().hex();
    return std::nullopt;
}

void pay(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const auto home = state.isp->home();
    json body = call.body();
    if (const auto no = nameToPayee(state, body)) return reply(*no);
    // A request that was seen before is answered also while the ISP is not known yet.
    constexpr IspId unknown{0};
    auto order = payOrderFromJson(body, home ? home->isp : unknown);
    if (!order) return reply(badQuery(order.error().message, order.error().hint));
    if (order->purchase.payment->isp == unknown) {
        return reply(refusal(409, "NOT_JOINED", "no ISP was joined", "netpas join https://ADDRESS:PORT/#KEY"));
    }
    constexpr size_t longestKey = 128;
    order->purchase.idempotencyKey = call.header("Idempotency-Key");
    if (order->purchase.idempotencyKey.size() > longestKey) {
        return reply(badQuery("the Idempotency-Key is too long", "use at most 128 characters"));
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
    state.payments->pay(*order, [reply](const tl::expected<PaymentView, PayRefusal>& result) {
        if (!result) {
            const PayRefusal& why = result.error();
            return reply(refusal(statusOf(why.code), why.code, why.message, why.hint));
        }
        reply(answer(paymentJson(*result), isFinal(result->book.state) ? 200 : 202));
    });
}

void list(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    ledger::HistoryFilter filter;
    filter.paymentsOnly = true;
    filter.limit = defaultList;
    if (const std::string text = call.queryValue("limit"); !text.empty()) {
        const auto limit = numberFrom<uint32_t>(text);
        if (!limit || *limit == 0 || *limit > maxList)
            return reply(badQuery("limit must be from 1 to 10000", "leave it out for 100"));
        filter.limit = *limit;
    }
    if (const std::string text = call.queryValue("before"); !text.empty()) {
        const auto before = numberFrom<uint64_t>(text);
        if (!before || *before > INT64_MAX)
            return reply(
                badQuery("before is not the number of a payment", "the id of the last one of the page before"));
        filter.before = PurchaseId{*before};
    }
    if (!call.caller.admin()) {
        filter.uid = call.caller.uid;
        filter.node = call.caller.node;
    }
    const auto books = state.ledger->history(filter);
    if (!books) return reply(refusalFor(books.error()));
    json list = json::array();
    for (const ledger::Purchase& book : *books) {
        const auto live = isFinal(book.state) ? std::nullopt : state.payments->find(book.id);
        list.push_back(paymentJson(live ? *live : PaymentView{book, {}, {}}));
    }
    reply(answer({{"payments", std::move(list)}}));
}

void one(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const std::string text = call.parameter("id");
    const auto number = numberFrom<uint64_t>(text);
    const auto found = number && *number <= INT64_MAX ? state.payments->find(PurchaseId{*number}) : std::nullopt;
    // Whether another user's payment exists is nobody's business.
    if (!found || !maySee(call.caller, found->book)) {
        return reply(refusal(404, "NOT_FOUND", "there is no payment " + text, "netpas payments"));
    }
    if (call.method == "GET") return reply(answer(paymentJson(*found)));
    if (!state.payments->cancel(found->book.id)) {
        return reply(refusal(
            409, "CONFLICT",
            isFinal(found->book.state) ? "the payment is over" : "the payment is on its way and cannot be called back",
            "netpas payments " + text));
    }
    const auto after = state.payments->find(found->book.id);
    reply(answer(paymentJson(after ? *after : *found)));
}

// --- received

void receiving(const SecretaryState& state, const ApiCall&, const Reply& reply) {
    reply(answer(receivingJson(state.receiving->state())));
}

void setReceiving(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    JsonFields fields(call.body());
    if (fields.get("on") == nullptr) fields.fail("on is missing", "{\"on\": true}");
    const bool on = fields.flag("on");
    if (const auto problem = fields.problem()) return reply(badQuery(problem->message, problem->hint));
    state.receiving->set(on, [reply](const tl::expected<ReceivingState, ApiFailure>& now) {
        if (!now) return reply(refusal(now.error().status, now.error().code, now.error().message, now.error().hint));
        reply(answer(receivingJson(*now)));
    });
}

void received(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    uint32_t limit = defaultList;
    std::optional<int64_t> before;
    if (const std::string text = call.queryValue("limit"); !text.empty()) {
        limit = numberFrom<uint32_t>(text).value_or(0);
        if (limit == 0 || limit > maxList)
            return reply(badQuery("limit must be from 1 to 10000", "leave it out for 100"));
    }
    if (const std::string text = call.queryValue("before"); !text.empty()) {
        before = numberFrom<int64_t>(text);
        if (!before)
            return reply(badQuery("before is not the number of a received payment",
                                  "the number of the last one of the page before"));
    }
    using secretary::budgets::Period;
    const SystemTime today = secretary::budgets::localCalendar().startOf(Period::Day, state.clock.now());
    const auto receipts = state.ledger->receipts(limit, before);
    const auto sum = state.ledger->receivedSince(SystemTime{}), day = state.ledger->receivedSince(today);
    if (!receipts || !sum || !day) return reply(refusalFor(ledger::LedgerError::Damaged));
    json list = json::array();
    for (const ledger::Receipt& receipt : *receipts) list.push_back(receiptJson(receipt));
    reply(answer({{"received", std::move(list)},
                  {"sum", sum->toString()},
                  {"sum_today", day->toString()},
                  {"currency", "USD"}}));
}

}  // namespace

void addPaymentRoutes(Router& router, SecretaryState& state) {
    const auto with = [&state](auto function) {
        return [&state, function](const ApiCall& call, const Reply& reply) { function(state, call, reply); };
    };
    router.add("GET", "/v1/payments", Capability::Read, with(list));
    router.add("POST", "/v1/payments", Capability::Request, with(pay));
    router.add("GET", "/v1/payments/{id}", Capability::Read, with(one));
    router.add("DELETE", "/v1/payments/{id}", Capability::Request, with(one));
    router.add("GET", "/v1/receiving", Capability::Policy, with(receiving));
    router.add("PUT", "/v1/receiving", Capability::Policy, with(setReceiving));
    router.add("GET", "/v1/received", Capability::Policy, with(received));
}

}  // namespace netpas::secretaryd
