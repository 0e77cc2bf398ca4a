#include "app/agent/api.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "app/agent/network_json.h"
#include "app/agent/offer_quality.h"
#include "app/secretary/quote_json.h"
#include "app/secretary/router.h"

namespace netpas::agent {

using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;
using secretaryd::answer;
using secretaryd::refusal;

secretaryd::ApiFailure failureFor(const cartographer::Failure& why) {
    using cartographer::CartographerError;
    switch (why.error) {
    case CartographerError::BadUrl:
        return {400, "INVALID_ARGUMENT", why.detail,
                "use https://ADDRESS:PORT/#KEY exactly as your ISP gave it to you"};
    case CartographerError::NotJoined: return {409, "NOT_JOINED", why.detail, "netpas join https://ADDRESS:PORT/#KEY"};
    case CartographerError::Unreachable:
        return {503, "ISP_UNREACHABLE", why.detail, "check the connection, then try again"};
    case CartographerError::Untrusted:
        return {502, "UNTRUSTED", why.detail, "ask your ISP for its current join address"};
    case CartographerError::ClockBehind:
        return {502, "UNTRUSTED", why.detail, "set this machine's clock, then try again"};
    case CartographerError::CannotStore: return {500, "LOCAL_FAILURE", why.detail, "check the state folder"};
    case CartographerError::NoSuchPayee:
        return {404, "NOT_FOUND", why.detail, "ask the payee for its certificate: netpas payees add FILE"};
    case CartographerError::NoPath:
    case CartographerError::NoSuchClass:
    case CartographerError::UnknownIsp:
    case CartographerError::PriceTooHigh: return {404, "NO_OFFER", why.detail, "netpas services --to ADDRESS"};
    }
    return {500, "LOCAL_FAILURE", why.detail, {}};
}

namespace {

constexpr std::string_view payeePath = "/v1/directory/payees/";

HttpResponse refusalFor(const cartographer::Failure& failure) {
    const secretaryd::ApiFailure why = failureFor(failure);
    return refusal(why.status, why.code, why.message, why.hint);
}

}  // namespace

struct Api::Impl : std::enable_shared_from_this<Impl> {
    explicit Impl(ApiContext given) : context(std::move(given)) {}
    ApiContext context;

    [[nodiscard]] SystemTime now() const { return context.clock.now(); }
    void status(const HttpRequest& request, const Reply& reply);
    void services(const HttpRequest& request, const Reply& reply);
    void quotes(const HttpRequest& request, const Reply& reply);
    void payee(const HttpRequest& request, const Reply& reply);
    void measurements(const HttpRequest& request, const Reply& reply);
    void meshRoutes(const HttpRequest& request, const Reply& reply);
    // What is shown on this machine only, everything or on the way to one destination.
    void shown(const HttpRequest& request, const Reply& reply, const std::string& what,
               const std::function<json(const std::optional<IpAddress>&)>& facts);

    static constexpr OwnRoute<void (Impl::*)(const HttpRequest&, const Reply&)> ownRoutes[]{
        {"GET", "/v1/status", &Impl::status},
        {"GET", "/v1/services", &Impl::services},
        {"GET", "/v1/measurements", &Impl::measurements},
        {"GET", "/v1/routes", &Impl::meshRoutes},
        {"POST", "/v1/quotes", &Impl::quotes},
        {"GET", "/v1/directory/payees/{id}", &Impl::payee}};
};

RouteNames Api::routes() { return namesOf(Impl::ownRoutes); }

Api::Api(ApiContext context) : m_impl(std::make_shared<Impl>(std::move(context))) {}
Api::~Api() = default;

void Api::handle(const HttpRequest& request, Reply reply) {
    if (!request.peer)
        return reply(refusal(403, "UNAUTHORIZED", "the caller is not known", "ask through the Unix socket"));
    if (auto refused = secretaryd::refuseBrowser(request)) return reply(std::move(*refused));
    if (const auto* route = routeFor(Impl::ownRoutes, request)) return (m_impl.get()->*route->answer)(request, reply);
    if (auto wrong = refuseMethod(Impl::ownRoutes, request)) return reply(std::move(*wrong));
    m_impl->context.forward(request, std::move(reply));
}

// Whom other users' and devices' connections lead to is nobody else's business but this machine's own users', who can see it anyway.
void Api::Impl::shown(const HttpRequest& request, const Reply& reply, const std::string& what,
                      const std::function<json(const std::optional<IpAddress>&)>& facts) {
    if (!request.node.empty() || !facts)
        return reply(
            refusal(403, "RESTRICTED", what + " are shown on the agent's own machine only", "there: netpas " + what));
    const auto to = request.query.find("to");
    const auto destination = to == request.query.end() ? std::nullopt : IpAddress::parse(to->second);
    if (to != request.query.end() && !destination) {
        return reply(
            refusal(400, "INVALID_ARGUMENT", "not an IP address: " + to->second, "an address such as 192.0.2.10"));
    }
    reply(answer(facts(destination)));
}

void Api::Impl::measurements(const HttpRequest& request, const Reply& reply) {
    shown(request, reply, "measurements", context.measurements);
}

void Api::Impl::meshRoutes(const HttpRequest& request, const Reply& reply) {
    shown(request, reply, "routes", context.meshRoutes);
}

// A payee's certificate as the directories have it. The secretary judges it.
void Api::Impl::payee(const HttpRequest& request, const Reply& reply) {
    const auto payee = NodeId::parse(std::string_view(request.path).substr(payeePath.size()));
    if (!payee) {
        return reply(refusal(400, "INVALID_ARGUMENT", "a payee is named by 64 hexadecimal digits",
                             "ask the payee for its identifier"));
    }
    context.cartographer.payee(*payee, [reply](auto found) {
        reply(found ? answer({{"payee", found->payee.hex()}, {"isp", found->validity.isp.value()}, {"pem", found->pem}})
                    : refusalFor(found.error()));
    });
}

// The secretary's answer, with what the agent knows added.
void Api::Impl::status(const HttpRequest& request, const Reply& reply) {
    context.forward(request, [self = shared_from_this(), reply](HttpResponse response) {
        json body = json::parse(response.body, nullptr, false);
        if (response.status != 200 || !body.is_object()) return reply(std::move(response));
        const AgentState state = self->context.state();
        body["data_plane"] = {{"up", state.dataPlaneUp},
                              {"trouble", state.dataPlaneTrouble},
                              {"unreachable_edges", state.unreachableEdges},
                              {"unowned_packets", state.unownedPackets}};
        reply(answer(body));
    });
}

void Api::Impl::services(const HttpRequest& request, const Reply& reply) {
    const auto to = request.query.find("to");
    if (to == request.query.end()) {
        context.cartographer.homeMenu([self = shared_from_this(), reply](auto menu) {
            reply(menu ? answer(menuJson(*menu, self->now())) : refusalFor(menu.error()));
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
            reply(survey ? answer(surveyJson(destination, *survey, self->now())) : refusalFor(survey.error()));
        });
}

// Offers for a destination. What is chosen is bought by its id (POST /v1/purchases with "offer").
void Api::Impl::quotes(const HttpRequest& request, const Reply& reply) {
    constexpr std::chrono::seconds held{300};
    const json body = json::parse(request.body, nullptr, false);
    // Sellers are asked by the secretary, whose orders they become.
    const bool incoming = body.is_object() && body.value("direction", json()) == "incoming";
    const auto text = body.is_object() ? body.find("to") : body.end();
    const bool named = body.is_object() && text != body.end() && text->is_string();
    const auto destination = named ? IpAddress::parse(text->get<std::string>()) : std::nullopt;
    if (incoming) {
        // How it comes now is what it is compared with later.
        if (destination && request.node.empty() && context.measurements) (void)context.measurements(destination);
        return context.forward(request, reply);
    }
    if (!destination) {
        return reply(refusal(400, "INVALID_ARGUMENT", "\"to\" must be an IP address",
                             "POST {\"to\": \"192.0.2.10\", \"stream_bit_per_second\": 5000000}"));
    }
    const auto stream = secretaryd::streamFromJson(body);
    if (!stream) {
        return reply(refusal(400, "INVALID_ARGUMENT", "stream_bit_per_second is a number from 1 to 100000000000",
                             "5000000 is a film in full HD"));
    }
    context.cartographer.survey(*destination, [self = shared_from_this(), destination = *destination, stream = *stream,
                                               local = request.node.empty(), reply](auto survey) {
        if (!survey) return reply(refusalFor(survey.error()));
        const SystemTime now = self->now();
        json offers =
            offersJson(destination, cartographer::offersFrom(destination, *survey, stream, now, held), stream, now);
        // Asking is the beginning of measuring. What this machine measures is for its own users.
        if (local && self->context.measurements) addMeasuredQuality(offers, self->context.measurements(destination));
        reply(answer(offers));
    });
}

}  // namespace netpas::agent
