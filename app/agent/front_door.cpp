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

constexpr std::string_view quotesBelow = "/v1/quotes/";

bool isBelow(std::string_view path, std::string_view root) {
    return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

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
};

std::vector<std::pair<std::string, std::string>> agentRoutes() {
    return {{"GET", "/v1/status"},
            {"GET", "/v1/services"},
            {"GET", "/v1/measurements"},
            {"POST", "/v1/quotes"},
            {"GET", "/v1/quotes/{id}"},
            {"GET", "/v1/directory/payees/{id}"},
            {"GET", "/v1/tokens"},
            {"POST", "/v1/tokens"},
            {"DELETE", "/v1/tokens/{id}"},
            {"GET", "/v1/watch"},
            {"POST", "/quality-on-demand/v1/sessions"},
            {"GET", "/quality-on-demand/v1/sessions/{sessionId}"},
            {"DELETE", "/quality-on-demand/v1/sessions/{sessionId}"},
            {"POST", "/quality-on-demand/v1/sessions/{sessionId}/extend"},
            {"POST", "/quality-on-demand/v1/retrieve-sessions"},
            {"POST", "/qos-profiles/v1/retrieve-qos-profiles"},
            {"GET", "/qos-profiles/v1/qos-profiles/{name}"}};
}

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
    if (fromBrowser(request)) return reply(refusal(403, "RESTRICTED", "requests of web pages are refused"));
    if (camara::Camara::owns(request.path)) return m_impl->camara.handle(request, reply);
    if (isBelow(request.path, tokensPath)) return reply(answerTokens(m_impl->tokens, m_impl->context.clock, request));
    if (tcp) {
        if (auto refused = m_impl->identify(request)) return reply(std::move(*refused));
    }
    if (request.path.starts_with(quotesBelow) && request.method == "GET") return m_impl->camara.quote(request, reply);
    if (request.path == "/v1/quotes" && m_impl->quotesTooFast(request))
        return reply(refusal(429, "RATE_LIMITED", "too many quotes in a second", "ask again in a moment"));
    const bool watching = request.path == secretaryd::watchPath && request.method == "GET";
    if (watching && request.peer && request.node.empty()) return m_impl->watches.watch(request, reply);
    m_impl->context.inside(request, reply);
}

}  // namespace netpas::agent
