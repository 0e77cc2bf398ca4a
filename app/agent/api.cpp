#include "app/agent/api.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "app/agent/api_json.h"

namespace netpas::agent {

using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;

namespace {

constexpr size_t maxBody = 8192;
constexpr uint32_t maxHistory = 10'000;
constexpr uint32_t defaultHistory = 100;

HttpResponse answer(const json& body, unsigned status = 200) {
    HttpResponse response;
    response.status = status;
    // Words of other parties may not be UTF-8.
    response.body = body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    return response;
}

HttpResponse refusal(unsigned status, std::string_view code, std::string_view message, std::string_view hint = {}) {
    return HttpResponse::error(status, code, message, hint);
}

HttpResponse refusal(const BuyRefusal& why) {
    switch (why.kind) {
    case BuyRefusal::Kind::NotJoined: return refusal(409, "NOT_JOINED", why.message, why.hint);
    case BuyRefusal::Kind::NoOffer: return refusal(404, "NO_OFFER", why.message, why.hint);
    case BuyRefusal::Kind::Invalid: return refusal(400, "INVALID_ARGUMENT", why.message, why.hint);
    case BuyRefusal::Kind::OverBudget: return refusal(402, "QUOTA_EXCEEDED", why.message, why.hint);
    case BuyRefusal::Kind::Conflict: return refusal(409, "CONFLICT", why.message, why.hint);
    case BuyRefusal::Kind::IspRefused: return refusal(403, "ISP_REFUSED", why.message, why.hint);
    case BuyRefusal::Kind::Unreachable: return refusal(503, "ISP_UNREACHABLE", why.message, why.hint);
    case BuyRefusal::Kind::Local: return refusal(500, "LOCAL_FAILURE", why.message, why.hint);
    case BuyRefusal::Kind::Ended: return refusal(409, "ENDED", why.message, why.hint);
    }
    return refusal(500, "LOCAL_FAILURE", why.message, why.hint);
}

HttpResponse refusal(const cartographer::Failure& why) {
    using cartographer::CartographerError;
    switch (why.error) {
    case CartographerError::BadUrl:
        return refusal(400, "INVALID_ARGUMENT", why.detail,
                       "use https://ADDRESS:PORT/#KEY exactly as your ISP gave it to you");
    case CartographerError::NotJoined:
        return refusal(409, "NOT_JOINED", why.detail, "netpas join https://ADDRESS:PORT/#KEY");
    case CartographerError::Unreachable:
        return refusal(503, "ISP_UNREACHABLE", why.detail, "check the connection, then try again");
    case CartographerError::Untrusted:
        return refusal(502, "UNTRUSTED", why.detail, "ask your ISP for its current join address");
    case CartographerError::CannotStore: return refusal(500, "LOCAL_FAILURE", why.detail, "check the state folder");
    case CartographerError::NoPath:
    case CartographerError::NoSuchClass:
    case CartographerError::UnknownIsp:
    case CartographerError::PriceTooHigh: return refusal(404, "NO_OFFER", why.detail, "netpas services --to ADDRESS");
    }
    return refusal(500, "LOCAL_FAILURE", why.detail);
}

HttpResponse refusal(ledger::LedgerError error) {
    return refusal(500, "LOCAL_FAILURE", describe(error), "see the log of netpasd");
}

std::optional<PurchaseId> purchaseIdFrom(std::string_view text) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number > INT64_MAX) return std::nullopt;
    return PurchaseId{number};
}

// A browser is never a legitimate client, whichever page drives it.
std::optional<HttpResponse> refuseBrowser(const HttpRequest& request) {
    if (!request.header("Origin").empty() || !request.header("Referer").empty()) {
        return refusal(403, "RESTRICTED", "requests of web pages are refused");
    }
    for (const net::HttpHeader& header : request.headers) {
        const bool own = header.value == "netpas" || header.value == "localhost" || header.value.empty();
        if (net::sameHeaderName(header.name, "Host") && !own) {
            return refusal(403, "RESTRICTED", "foreign Host header", "use Host: netpas");
        }
    }
    return std::nullopt;
}

struct Caller {
    uint32_t uid = 0;
    bool admin = false;
    // Root and the agent's own user see everybody's, the others their own.
    [[nodiscard]] bool maySee(const ledger::Purchase& purchase) const { return admin || purchase.request.uid == uid; }
    [[nodiscard]] std::optional<uint32_t> scope() const { return admin ? std::nullopt : std::optional(uid); }
};

}  // namespace

struct Api::Impl : std::enable_shared_from_this<Impl> {
    explicit Impl(ApiContext given) : context(std::move(given)) {}
    ApiContext context;

    [[nodiscard]] SystemTime now() const { return context.clock.now(); }
    void route(const HttpRequest& request, const Caller& caller, Reply reply);
    void status(const Caller& caller, const Reply& reply) const;
    void services(const HttpRequest& request, const Reply& reply);
    void purchases(const Caller& caller, const Reply& reply) const;
    void purchase(std::string_view id, const HttpRequest& request, const Caller& caller, const Reply& reply);
    void buy(const HttpRequest& request, const Caller& caller, const Reply& reply);
    void history(const HttpRequest& request, const Caller& caller, const Reply& reply) const;
    void join(const HttpRequest& request, const Caller& caller, const Reply& reply);
};

Api::Api(ApiContext context) : m_impl(std::make_shared<Impl>(std::move(context))) {}
Api::~Api() = default;

void Api::handle(const HttpRequest& request, Reply reply) {
    if (!request.peer) return reply(refusal(403, "UNAUTHORIZED", "the caller is not known"));
    if (auto refused = refuseBrowser(request)) return reply(std::move(*refused));
    if (request.body.size() > maxBody) return reply(refusal(413, "INVALID_ARGUMENT", "the body is too long"));
    const uint32_t uid = request.peer->uid;
    m_impl->route(request, {uid, uid == 0 || uid == m_impl->context.ownUid}, std::move(reply));
}

void Api::Impl::route(const HttpRequest& request, const Caller& caller, Reply reply) {
    constexpr std::string_view onePurchase = "/v1/purchases/";
    const std::string_view path = request.path;
    const bool get = request.method == "GET";
    if (path == "/v1/status" && get) return status(caller, reply);
    if (path == "/v1/services" && get) return services(request, reply);
    if (path == "/v1/purchases" && get) return purchases(caller, reply);
    if (path == "/v1/purchases" && request.method == "POST") return buy(request, caller, reply);
    if (path.starts_with(onePurchase)) return purchase(path.substr(onePurchase.size()), request, caller, reply);
    if (path == "/v1/history" && get) return history(request, caller, reply);
    if (path == "/v1/join" && request.method == "POST") return join(request, caller, reply);
    for (const std::string_view known : {"/v1/status", "/v1/services", "/v1/purchases", "/v1/history", "/v1/join"}) {
        if (path == known) return reply(refusal(405, "INVALID_ARGUMENT", "not this method here"));
    }
    reply(refusal(404, "NOT_FOUND", "there is no " + request.path));
}

void Api::Impl::status(const Caller& caller, const Reply& reply) const {
    const auto reserved = context.ledger.reserved();
    const auto spent = context.ledger.spentSince(std::chrono::floor<std::chrono::days>(now()));
    if (!reserved || !spent) return reply(refusal(reserved ? spent.error() : reserved.error()));
    const AgentState state = context.state();
    size_t active = 0, settling = 0;
    for (const PurchaseView& view : context.purchases.open()) {
        if (!caller.maySee(view.book)) continue;
        active += view.book.state == ledger::PurchaseState::Active ? 1 : 0;
        settling += view.book.state >= ledger::PurchaseState::Stopping ? 1 : 0;
    }
    json isp = nullptr;
    if (const auto& home = context.cartographer.home()) {
        isp = {{"id", home->descriptor.validity.isp.value()},
               {"name", home->descriptor.name},
               {"directory", home->url.directory.toString()},
               {"connected", state.ispConnected}};
    }
    reply(answer(
        {{"version", context.version},
         {"isp", isp},
         {"data_plane",
          {{"up", state.dataPlaneUp},
           {"trouble", state.dataPlaneTrouble},
           {"unreachable_edges", state.unreachableEdges},
           {"unowned_packets", state.unownedPackets}}},
         {"purchases", {{"active", active}, {"settling", settling}}},
         {"ledger", context.purchases.broken() ? "failed" : "ok"},
         {"reserved", reserved->toString()},
         {"spent_today", spent->toString()},
         {"limits",
          {{"per_purchase", context.limits.perPurchase.toString()}, {"per_day", context.limits.perDay.toString()}}},
         {"role", caller.admin ? "admin" : "request"},
         {"currency", "USD"}}));
}

void Api::Impl::services(const HttpRequest& request, const Reply& reply) {
    const auto to = request.query.find("to");
    if (to == request.query.end()) {
        context.cartographer.homeMenu([self = shared_from_this(), reply](auto menu) {
            reply(menu ? answer(menuJson(*menu, self->now())) : refusal(menu.error()));
        });
        return;
    }
    const auto destination = IpAddress::parse(to->second);
    if (!destination) {
        return reply(
            refusal(400, "INVALID_ARGUMENT", "not an IP address: " + to->second, "an address such as 192.0.2.10"));
    }
    context.cartographer.survey(
        *destination, [self = shared_from_this(), destination = *destination, reply](auto survey) {
            reply(survey ? answer(surveyJson(destination, *survey, self->now())) : refusal(survey.error()));
        });
}

void Api::Impl::purchases(const Caller& caller, const Reply& reply) const {
    json list = json::array();
    for (const PurchaseView& view : context.purchases.open()) {
        if (caller.maySee(view.book)) list.push_back(purchaseJson(view, now()));
    }
    reply(answer({{"purchases", std::move(list)}}));
}

void Api::Impl::purchase(std::string_view text, const HttpRequest& request, const Caller& caller, const Reply& reply) {
    const auto id = purchaseIdFrom(text);
    const auto found = id ? context.purchases.find(*id) : std::nullopt;
    // Whether another user's purchase exists is nobody's business.
    if (!found || !caller.maySee(found->book)) {
        return reply(refusal(404, "NOT_FOUND", "there is no purchase " + std::string(text), "netpas purchases"));
    }
    if (request.method == "GET") return reply(answer(purchaseJson(*found, now())));
    if (request.method != "DELETE") return reply(refusal(405, "INVALID_ARGUMENT", "not this method here"));
    const bool running = context.purchases.stop(*id, ledger::EndReason::StoppedByUser);
    const auto after = context.purchases.find(*id);
    reply(answer(purchaseJson(after ? *after : *found, now()),
                 running && after && !isFinal(after->book.state) ? 202 : 200));
}

void Api::Impl::buy(const HttpRequest& request, const Caller& caller, const Reply& reply) {
    auto order = orderFromJson(request.body);
    if (!order) return reply(refusal(400, "INVALID_ARGUMENT", order.error().message, order.error().hint));
    constexpr size_t longestKey = 128;
    order->purchase.idempotencyKey = request.header("Idempotency-Key");
    if (order->purchase.idempotencyKey.size() > longestKey) {
        return reply(refusal(400, "INVALID_ARGUMENT", "the Idempotency-Key is too long", "use at most 128 characters"));
    }
    order->purchase.uid = caller.uid;
    context.purchases.buy(*order, [self = shared_from_this(), reply](const auto& result) {
        reply(result ? answer(purchaseJson(*result, self->now())) : refusal(result.error()));
    });
}

void Api::Impl::history(const HttpRequest& request, const Caller& caller, const Reply& reply) const {
    uint32_t limit = defaultHistory;
    if (const auto asked = request.query.find("limit"); asked != request.query.end()) {
        const std::string& text = asked->second;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
        if (error != std::errc{} || end != text.data() + text.size() || limit == 0 || limit > maxHistory) {
            return reply(refusal(400, "INVALID_ARGUMENT", "limit must be from 1 to " + std::to_string(maxHistory)));
        }
    }
    const auto entries = context.ledger.history(caller.scope(), limit);
    if (!entries) return reply(refusal(entries.error()));
    json list = json::array();
    for (const ledger::Purchase& book : *entries) {
        // What runs has newer counters in memory than in the ledger.
        const auto live = isFinal(book.state) ? std::nullopt : context.purchases.find(book.id);
        list.push_back(purchaseJson(live ? *live : PurchaseView{book, std::nullopt, false, {}}, now()));
    }
    reply(answer({{"entries", std::move(list)}}));
}

void Api::Impl::join(const HttpRequest& request, const Caller& caller, const Reply& reply) {
    if (!caller.admin)
        return reply(
            refusal(403, "UNAUTHORIZED", "only root or the agent's own user may join an ISP", "sudo netpas join URL"));
    const auto url = joinUrlFromJson(request.body);
    if (!url) return reply(refusal(400, "INVALID_ARGUMENT", url.error().message, url.error().hint));
    const auto parsed = directory::parseJoinUrl(*url);
    const auto& home = context.cartographer.home();
    // What is open can only be settled with the ISP that it was bought from.
    if (home && parsed && parsed->key != home->url.key && !context.purchases.idle()) {
        return reply(
            refusal(409, "CONFLICT", "purchases with the present ISP are not settled yet", "netpas stop --all"));
    }
    context.cartographer.join(*url, [self = shared_from_this(), reply](auto joined) {
        if (!joined) return reply(refusal(joined.error()));
        self->context.enrol(*joined, [reply, joined](const auto& customer) {
            if (!customer) {
                const bool refused = customer.error().kind == IspFailure::Kind::Refused;
                return reply(
                    refusal(refused ? 403 : 503, refused ? "ISP_REFUSED" : "ISP_UNREACHABLE", customer.error().what,
                            refused ? "ask your ISP whether this line is its customer's" : "netpas join again later"));
            }
            reply(answer({{"isp", joined->descriptor.validity.isp.value()},
                          {"name", joined->descriptor.name},
                          {"customer", *customer}}));
        });
    });
}

}  // namespace netpas::agent
