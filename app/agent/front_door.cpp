#include "app/agent/front_door.h"

#include <utility>

#include "app/agent/token_api.h"
#include "app/secretary/router.h"
#include "app/secretary/watch_hub.h"
#include "core/cost_pace.h"
#include "core/pace.h"

namespace netpas::agent {

using net::HttpReply;
using net::HttpRequest;
using net::HttpResponse;
using secretaryd::refusal;

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
    Pace quotePace{10, 20};  // by user and device; each of them is some milliseconds of reckoning
    // What is answered here in one go keeps everybody waiting: bodies of nothing but brackets, say.
    CostPace time{16, std::chrono::seconds(20)};

    void answer(HttpRequest& request, const HttpReply& reply);

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

// Root is trusted with that.
bool FrontDoor::Impl::quotesTooFast(const HttpRequest& request) {
    if (!request.peer || request.peer->uid == 0) return false;
    return !quotePace.mayNow(std::to_string(request.peer->uid) + "/" + request.node, context.clock.steady());
}

void FrontDoor::handle(const HttpRequest& given, const HttpReply& reply) {
    HttpRequest request = given;
    const bool tcp = !request.peer && request.remote;
    if (tcp) {
        if (auto refused = m_impl->strangerOverTcp(request)) return reply(std::move(*refused));
    }
    if (auto refused = secretaryd::refuseBrowser(request)) return reply(std::move(*refused));
    // Root is trusted, and quotes have a pace of their own.
    const bool root = request.peer && request.peer->uid == 0;
    if (root || request.path == "/v1/quotes") return m_impl->answer(request, reply);
    // Who asks over TCP is known by his token.
    const std::string who = (tcp ? "tcp " + std::string(request.header("Authorization").substr(0, 128))
                                 : std::to_string(request.peer ? request.peer->uid : 0)) +
                            request.path.substr(0, request.path.find('/', 1 + request.path.find('/', 1)));
    if (m_impl->time.wait(who, m_impl->context.clock.steady()) > CostPace::Duration::zero())
        return reply(refusal(429, "RATE_LIMITED", "this took long before", "ask again in some seconds"));
    const auto begin = CostPace::threadTime();
    m_impl->answer(request, reply);
    m_impl->time.took(who, CostPace::threadTime() - begin, m_impl->context.clock.steady());
}

void FrontDoor::Impl::answer(HttpRequest& request, const HttpReply& reply) {
    const bool tcp = !request.peer && request.remote;
    if (camara::Camara::owns(request.path)) return camara.handle(request, reply);
    if (tcp) {
        if (auto refused = identify(request)) return reply(std::move(*refused));
    }
    if (const auto* route = routeFor(ownRoutes, request)) return (this->*route->answer)(request, reply);
    if (auto wrong = refuseMethod(ownRoutes, request)) return reply(std::move(*wrong));
    if (request.path == "/v1/quotes" && quotesTooFast(request))
        return reply(refusal(429, "RATE_LIMITED", "too many quotes in a second", "ask again in a moment"));
    context.inside(request, reply);
}

}  // namespace netpas::agent
