#include "app/agent/front_door.h"

#include <algorithm>
#include <map>
#include <utility>

#include "app/agent/token_api.h"
#include "app/secretary/router.h"
#include "app/secretary/watch_hub.h"

namespace netpas::agent {

using net::HttpReply;
using net::HttpRequest;
using net::HttpResponse;
using secretaryd::refusal;

namespace {

// Browsers say so of what their pages ask for, also where they send no Origin.
bool fromBrowser(const HttpRequest& request) {
    return std::any_of(request.headers.begin(), request.headers.end(), [](const net::HttpHeader& header) {
        constexpr std::string_view prefix = "sec-fetch-";
        return header.name.size() > prefix.size() &&
               net::sameHeaderName(std::string_view(header.name).substr(0, prefix.size()), prefix);
    });
}

}  // namespace

struct FrontDoor::Impl {
    explicit Impl(FrontDoorContext given)
        : context(std::move(given)),
          tokens(context.folder / "tokens.json", context.clock),
          sinks(context.sinkAuthority, context.isOwn),
          camara({tokens,
                  {context.cartographer, context.clock, context.timers, context.folder / "sessions.json",
                   context.secretary, [this](camara::Event event) { sinks.send(std::move(event)); }},
                  context.isOwn}),
          watches(context.timers, context.inside) {}

    FrontDoorContext context;
    AccessTokens tokens;
    camara::Sinks sinks;
    camara::Camara camara;
    secretaryd::WatchHub watches;
    uint16_t tcpPort = 0;
    std::map<std::string, SteadyTime> quoteDue;  // by user and device, as HttpShared::due

    [[nodiscard]] bool quotesTooFast(const HttpRequest& request);
    [[nodiscard]] std::optional<HttpResponse> strangerOverTcp(HttpRequest& request) const;
    [[nodiscard]] std::optional<HttpResponse> identify(HttpRequest& request) const;

    void askTokens(const HttpRequest& request, const HttpReply& reply) {
        reply(answerTokens(tokens, context.clock, request));
    }
    void quote(const HttpRequest& request, const HttpReply& reply) { camara.quote(request, reply); }
    void watch(const HttpRequest& request, const HttpReply& reply) { watches.watch(request, reply); }

    static constexpr OwnRoute<void (Impl::*)(const HttpRequest&, const HttpReply&)> ownRoutes[]{
        {"GET", tokensPath, &Impl::askTokens},
        {"POST", tokensPath, &Impl::askTokens},
        {"DELETE", "/v1/tokens/{id}", &Impl::askTokens},
        {"GET", "/v1/quotes/{id}", &Impl::quote},
        {"GET", secretaryd::watchPath, &Impl::watch}};
};

RouteNames FrontDoor::routes() { return namesOf(Impl::ownRoutes); }

FrontDoor::FrontDoor(FrontDoorContext context) : m_impl(std::make_unique<Impl>(std::move(context))) {}
FrontDoor::~FrontDoor() = default;
void FrontDoor::setTcpPort(uint16_t port) { m_impl->tcpPort = port; }

// A page whose own name was made to lead here (DNS rebinding) still says that name.
std::optional<HttpResponse> FrontDoor::Impl::strangerOverTcp(HttpRequest& request) const {
    const std::string port = ":" + std::to_string(tcpPort);
    size_t hosts = 0;
    for (net::HttpHeader& header : request.headers) {
        if (!net::sameHeaderName(header.name, "Host")) continue;
        ++hosts;
        const bool own =
            header.value == "127.0.0.1" + port || header.value == "localhost" + port || header.value == "[::1]" + port;
        if (!own) return refusal(403, "RESTRICTED", "foreign Host header", "use Host: 127.0.0.1" + port);
        header.value = "netpas";
    }
    if (hosts != 1) return refusal(403, "RESTRICTED", "one Host header is needed", "use Host: 127.0.0.1" + port);
    return std::nullopt;
}

// The user whose token it is, with what the token may.
std::optional<HttpResponse> FrontDoor::Impl::identify(HttpRequest& request) const {
    const auto bearer = bearerIn(request.header("Authorization"));
    const auto grant = bearer ? tokens.find(*bearer) : std::nullopt;
    if (!grant) return refusal(401, "UNAUTHORIZED", "a valid access token is needed", "netpas token add NAME");
    if (grant->role == TokenRole::Read && request.method != "GET" && request.method != "HEAD")
        return refusal(403, "UNAUTHORIZED", "this token may only read", "netpas token add NAME --role request");
    request.peer = net::PeerCredentials{grant->uid, grant->uid, 0};
    return std::nullopt;
}

// Each of them is some milliseconds of reckoning. Root is trusted with that.
bool FrontDoor::Impl::quotesTooFast(const HttpRequest& request) {
    constexpr std::chrono::milliseconds interval{100};
    constexpr int burst = 20;
    constexpr size_t mostKept = 1024;
    if (!request.peer || request.peer->uid == 0) return false;
    const SteadyTime now = context.clock.steady();
    if (quoteDue.size() >= mostKept) std::erase_if(quoteDue, [&](const auto& one) { return one.second < now; });
    auto& next = quoteDue.try_emplace(std::to_string(request.peer->uid) + "/" + request.node, now).first->second;
    if (next > now + interval * burst) return true;
    next = std::max(next, now) + interval;
    return false;
}

void FrontDoor::handle(const HttpRequest& given, const HttpReply& reply) {
    HttpRequest request = given;
    const bool tcp = !request.peer && request.remote;
    if (tcp) {
        if (auto refused = m_impl->strangerOverTcp(request)) return reply(std::move(*refused));
    }
    if (auto refused = secretaryd::refuseBrowser(request)) return reply(std::move(*refused));
    if (fromBrowser(request))
        return reply(refusal(403, "RESTRICTED", "requests of web pages are refused", "ask from a program"));
    if (camara::Camara::owns(request.path)) return m_impl->camara.handle(request, reply);
    if (tcp) {
        if (auto refused = m_impl->identify(request)) return reply(std::move(*refused));
    }
    if (const auto* route = routeFor(Impl::ownRoutes, request)) return (m_impl.get()->*route->answer)(request, reply);
    if (auto wrong = refuseMethod(Impl::ownRoutes, request)) return reply(std::move(*wrong));
    if (request.path == "/v1/quotes" && m_impl->quotesTooFast(request))
        return reply(refusal(429, "RATE_LIMITED", "too many quotes in a second", "ask again in a moment"));
    m_impl->context.inside(request, reply);
}

}  // namespace netpas::agent
