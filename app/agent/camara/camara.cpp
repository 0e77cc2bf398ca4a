#include "app/agent/camara/camara.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/agent/camara/profiles.h"
#include "app/agent/camara/words.h"
#include "app/secretary/router.h"

namespace netpas::agent::camara {

using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;

namespace {

constexpr std::string_view sessionsRoot = "/quality-on-demand/v1";
constexpr std::string_view profilesRoot = "/qos-profiles/v1";
constexpr std::string_view quotesRoot = "/v1/quotes/";
constexpr const char* notApplicable = "QUALITY_ON_DEMAND.QOS_PROFILE_NOT_APPLICABLE";

HttpResponse answered(unsigned status, const json& body) {
    HttpResponse response;
    response.status = status;
    response.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
    return response;
}

HttpResponse answered(const Fault& fault) {
    constexpr size_t longestMessage = 500;  // of 512
    const std::string message = fault.message.empty() ? "The request cannot be done." : fault.message;
    HttpResponse response = answered(
        fault.status, {{"status", fault.status}, {"code", fault.code}, {"message", message.substr(0, longestMessage)}});
    if (fault.status == 401) response.headers.push_back({"WWW-Authenticate", "Bearer"});
    if (fault.code == "TOO_MANY_REQUESTS") response.headers.push_back({"Retry-After", "1"});
    return response;
}

HttpResponse withQuote(HttpResponse response, const std::string& id) {
    response.headers.push_back({"Link", "<" + std::string(quotesRoot) + id + ">; rel=\"payment\"; title=\"price\""});
    return response;
}

}  // namespace

struct Camara::Impl : std::enable_shared_from_this<Impl> {
    explicit Impl(CamaraContext given) : context(std::move(given)), sessions(context.sessions) {}

    struct Pace {
        SteadyTime since{};
        uint32_t asked = 0;
        SteadyTime refusedUntil{};
    };
    CamaraContext context;
    Sessions sessions;
    std::map<std::string, Pace> paces;  // by Grant::owner(); bounded

    struct Call {
        const HttpRequest& request;
        Grant grant;
        std::string path;  // behind the root
        Reply reply;
    };

    [[nodiscard]] bool tooFast(const std::string& owner);
    [[nodiscard]] std::optional<Fault> stranger(const HttpRequest& request, std::optional<Grant>& grant);
    [[nodiscard]] Judged<json> bodyOf(const HttpRequest& request) const;
    [[nodiscard]] std::optional<Fault> deviceFault(const Grant& grant, std::optional<Device>& device,
                                                   bool needed) const;
    void profileRoute(const Call& call);
    void sessionRoute(const Call& call);
    void create(const Call& call);
    void extend(const Call& call, const Session& session);
    void retrieve(const Call& call);
    void profiles(const Call& call, const RetrieveProfiles& wish, bool single);
};

Camara::Camara(CamaraContext context) : m_impl(std::make_shared<Impl>(std::move(context))) {}
Camara::~Camara() = default;

bool Camara::owns(std::string_view path) {
    const auto below = [&](std::string_view root) {
        return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
    };
    return below(sessionsRoot) || below(profilesRoot);
}

void Camara::handle(const HttpRequest& request, Reply reply) {
    const std::string_view given = request.header("x-correlator");
    const bool good = isCorrelator(given);
    std::string correlator = good && !given.empty() ? std::string(given) : newUuid();
    Reply tagged = [correlator = std::move(correlator), reply = std::move(reply)](HttpResponse response) {
        response.headers.push_back({"x-correlator", correlator});
        reply(std::move(response));
    };
    std::optional<Grant> grant;
    if (auto fault = m_impl->stranger(request, grant)) return tagged(answered(*fault));
    if (!good)
        return tagged(answered(Fault{400, "INVALID_ARGUMENT", "x-correlator has characters that it may not have"}));
    if (!acceptsJson(request.header("Accept")))
        return tagged(answered(Fault{406, "NOT_ACCEPTABLE", "The answer is application/json, which is not accepted."}));
    const bool ofSessions = request.path.starts_with(sessionsRoot);
    const std::string path = request.path.substr((ofSessions ? sessionsRoot : profilesRoot).size());
    const Impl::Call call{request, std::move(*grant), path, std::move(tagged)};
    if (ofSessions) return m_impl->sessionRoute(call);
    m_impl->profileRoute(call);
}

void Camara::quote(const HttpRequest& request, const Reply& reply) const {
    const std::string id = request.path.substr(quotesRoot.size());
    const Session* const session = m_impl->sessions.find(id);
    const bool may = session != nullptr && request.peer && request.node.empty() &&
                     (request.peer->uid == 0 || request.peer->uid == session->uid);
    if (!may) return reply(secretaryd::refusal(404, "NOT_FOUND", "there is no quote " + id));
    reply(secretaryd::answer(quoteJson(*session)));
}

// --- who asks

bool Camara::Impl::tooFast(const std::string& owner) {
    constexpr size_t mostPaces = 4096;  // tokens are fewer
    constexpr std::chrono::seconds window{1};
    const SteadyTime now = context.sessions.clock.steady();
    if (paces.size() >= mostPaces)
        std::erase_if(paces, [&](const auto& one) { return one.second.since + window < now; });
    Pace& pace = paces[owner];
    if (now < pace.refusedUntil) return true;
    if (now - pace.since >= window) pace = {now, 0, {}};
    if (++pace.asked <= context.mostPerSecond) return false;
    pace.refusedUntil = now + window;
    return true;
}

std::optional<Fault> Camara::Impl::stranger(const HttpRequest& request, std::optional<Grant>& grant) {
    const auto bearer = bearerIn(request.header("Authorization"));
    grant = bearer ? context.tokens.find(*bearer) : std::nullopt;
    // One that another user got hold of is of no use to him on this machine.
    const bool foreign = grant && request.peer && request.peer->uid != 0 && request.peer->uid != grant->uid;
    if (!grant || foreign || !request.node.empty())
        return Fault{401, "UNAUTHENTICATED", "A valid access token is needed: netpas token add NAME"};
    if (tooFast(grant->owner()))
        return Fault{429, "TOO_MANY_REQUESTS", "Too many requests in a second; wait a moment."};
    return std::nullopt;
}

Judged<json> Camara::Impl::bodyOf(const HttpRequest& request) const {
    if (!isJsonType(request.header("Content-Type")))
        return tl::unexpected(Fault{415, "UNSUPPORTED_MEDIA_TYPE", "The request body must be application/json."});
    json body = json::parse(request.body, nullptr, false);
    if (body.is_discarded()) return tl::unexpected(Fault{400, "INVALID_ARGUMENT", "The request body is not JSON."});
    return body;
}

// Which device, if it can be told; the rules of "Identifying the device from the access token". Of several identifiers the one that is
// used is left.
std::optional<Fault> Camara::Impl::deviceFault(const Grant& grant, std::optional<Device>& device, bool needed) const {
    if (grant.device) {
        if (!device) return std::nullopt;
        return Fault{422, "UNNECESSARY_IDENTIFIER", "The device is already identified by the access token."};
    }
    if (!device) {
        if (!needed) return std::nullopt;
        return Fault{422, "MISSING_IDENTIFIER", "The device cannot be identified: name its address."};
    }
    auto& given = device->identifiers;
    if (std::none_of(given.begin(), given.end(), [](const Identifier& one) { return one.address.has_value(); }))
        return Fault{422, "UNSUPPORTED_IDENTIFIER", "Devices are identified by their IPv4 or IPv6 address here."};
    const auto used = std::find_if(given.begin(), given.end(), [this](const Identifier& one) {
        return one.address && context.isOwn(*one.address);
    });
    if (used == given.end()) return Fault{404, "IDENTIFIER_NOT_FOUND", "Device identifier not found."};
    given = {Identifier(*used)};
    const IpAddress address = *given.front().address;
    static const auto loopback4 = *IpPrefix::parse("127.0.0.0/8"), loopback6 = *IpPrefix::parse("::1/128");
    // Packets from there never reach an ISP.
    if (loopback4.contains(address) || loopback6.contains(address))
        return Fault{422, "SERVICE_NOT_APPLICABLE", "The service is not available for the provided identifier."};
    return std::nullopt;
}

namespace {

std::optional<Fault> missingScope(const Grant& grant, std::string_view scope) {
    if (grant.scopes.contains(std::string(scope))) return std::nullopt;
    return Fault{403, "PERMISSION_DENIED", "The access token has no scope " + std::string(scope) + "."};
}

HttpResponse wrongMethod(std::string allowed) {
    HttpResponse response =
        answered(Fault{405, "METHOD_NOT_ALLOWED", "The requested method is not allowed here: " + allowed + "."});
    response.headers.push_back({"Allow", std::move(allowed)});
    return response;
}
Fault nothingThere() { return {404, "NOT_FOUND", "The specified resource is not found."}; }

}  // namespace

// --- profiles

void Camara::Impl::profileRoute(const Call& call) {
    constexpr std::string_view one = "/qos-profiles/";
    const bool list = call.path == "/retrieve-qos-profiles";
    if (!list && !call.path.starts_with(one)) return call.reply(answered(nothingThere()));
    const std::string allowed = list ? "POST" : "GET";
    if (call.request.method != allowed) return call.reply(wrongMethod(allowed));
    if (auto fault = missingScope(call.grant, scopeProfiles)) return call.reply(answered(*fault));
    if (!list) {
        RetrieveProfiles wish;
        wish.name = call.path.substr(one.size());
        if (!isProfileName(wish.name))
            return call.reply(answered(Fault{400, "INVALID_ARGUMENT", "That is no name of a profile."}));
        return profiles(call, wish, true);
    }
    const auto body = bodyOf(call.request);
    auto wish = body ? retrieveProfilesFrom(*body) : tl::unexpected(body.error());
    if (!wish) return call.reply(answered(wish.error()));
    if (auto fault = deviceFault(call.grant, wish->device, false)) return call.reply(answered(*fault));
    profiles(call, *wish, false);
}

void Camara::Impl::profiles(const Call& call, const RetrieveProfiles& wish, bool single) {
    // Of a device: what it can have.
    const bool ofDevice = call.grant.device || wish.device;
    const auto found = [reply = call.reply, wish, single, ofDevice,
                        &clock = context.sessions.clock](const std::optional<cartographer::KnownMenu>& home) {
        json list = profilesJson(home, clock.now());
        std::erase_if(list.get_ref<json::array_t&>(), [&](const json& one) {
            return (!wish.name.empty() && one["name"] != wish.name) ||
                   (!wish.status.empty() && one["status"] != wish.status) || (ofDevice && one["status"] != "ACTIVE");
        });
        if (!single) return reply(answered(200, list));
        reply(list.empty() ? answered(nothingThere()) : answered(200, list.front()));
    };
    if (!context.sessions.cartographer.home()) return found(std::nullopt);
    context.sessions.cartographer.homeMenu(
        [found](const auto& menu) { found(menu ? std::optional(*menu) : std::nullopt); });
}

// --- sessions

void Camara::Impl::sessionRoute(const Call& call) {
    constexpr std::string_view one = "/sessions/", extension = "/extend";
    const std::string& method = call.request.method;
    if (call.path == "/sessions") return method == "POST" ? create(call) : call.reply(wrongMethod("POST"));
    if (call.path == "/retrieve-sessions") return method == "POST" ? retrieve(call) : call.reply(wrongMethod("POST"));
    if (!call.path.starts_with(one)) return call.reply(answered(nothingThere()));
    const bool extending = call.path.ends_with(extension);
    std::string id = call.path.substr(one.size());
    if (extending) id.resize(id.size() - extension.size());
    if (id.find('/') != std::string::npos) return call.reply(answered(nothingThere()));
    const bool known = extending ? method == "POST" : method == "GET" || method == "DELETE";
    if (!known) return call.reply(wrongMethod(extending ? "POST" : "GET, DELETE"));
    const std::string_view scope = extending ? scopeUpdate : method == "GET" ? scopeRead : scopeDelete;
    if (auto fault = missingScope(call.grant, scope)) return call.reply(answered(*fault));
    if (!isUuid(id)) return call.reply(answered(Fault{400, "INVALID_ARGUMENT", "sessionId is no UUID."}));
    const Session* const session = sessions.find(id);
    if (session == nullptr) return call.reply(answered(nothingThere()));
    if (session->owner != call.grant.owner())
        return call.reply(answered(Fault{403, "PERMISSION_DENIED", "The session was made by another client."}));
    if (extending) return extend(call, *session);
    if (method == "GET") return call.reply(withQuote(answered(200, infoJson(*session)), id));
    sessions.remove(id, [reply = call.reply] {
        HttpResponse response;
        response.status = 204;
        response.headers.push_back({"Content-Type", "application/json"});
        reply(std::move(response));
    });
}

void Camara::Impl::create(const Call& call) {
    if (auto fault = missingScope(call.grant, scopeCreate)) return call.reply(answered(*fault));
    const auto body = bodyOf(call.request);
    auto wish = body ? createSessionFrom(*body) : tl::unexpected(body.error());
    if (!wish) return call.reply(answered(wish.error()));
    const auto refuse = [&](unsigned status, const char* code, const char* message) {
        call.reply(answered(Fault{status, code, message}));
    };
    if (!isProfile(wish->profile)) return refuse(400, "INVALID_ARGUMENT", "There is no such QoS profile.");
    if (!tierOf(wish->profile) || !context.sessions.cartographer.home())
        return refuse(422, notApplicable, "The requested QoS profile is currently not available for session creation.");
    if (wish->duration > longestSession)
        return refuse(400, "INVALID_ARGUMENT", "The duration is longer than the QoS profile allows.");
    if (auto fault = deviceFault(call.grant, wish->device, true)) return call.reply(answered(*fault));
    if (wish->privateKeyJwt)
        return refuse(422, "PRIVATE_KEY_JWT_NOT_CONFIGURED",
                      "No JWK Set configured for PRIVATE_KEY_JWT authentication.");
    const int32_t process = call.request.peer ? call.request.peer->pid : 0;
    sessions.create(call.grant, process, std::move(*wish), [reply = call.reply](const Judged<Session>& made) {
        if (!made) return reply(answered(made.error()));
        HttpResponse response = withQuote(answered(201, infoJson(*made)), made->id);
        response.headers.push_back({"Location", std::string(sessionsRoot) + "/sessions/" + made->id});
        reply(std::move(response));
    });
}

void Camara::Impl::extend(const Call& call, const Session& session) {
    const auto body = bodyOf(call.request);
    const auto seconds = body ? extensionFrom(*body) : tl::unexpected(body.error());
    if (!seconds) return call.reply(answered(seconds.error()));
    if (session.status != QosStatus::Available) {
        return call.reply(
            answered(Fault{409, "QUALITY_ON_DEMAND.SESSION_EXTENSION_NOT_ALLOWED",
                           std::string("Extending the session duration is not allowed in the current state (") +
                               nameOf(session.status) + "). The session must be in the AVAILABLE state."}));
    }
    const std::string id = session.id;
    sessions.extend(id, *seconds);
    call.reply(withQuote(answered(200, infoJson(*sessions.find(id))), id));
}

void Camara::Impl::retrieve(const Call& call) {
    constexpr size_t most = 100;
    if (auto fault = missingScope(call.grant, scopeRetrieve)) return call.reply(answered(*fault));
    const auto body = bodyOf(call.request);
    auto device = body ? retrieveSessionsFrom(*body) : tl::unexpected(body.error());
    if (!device) return call.reply(answered(device.error()));
    if (auto fault = deviceFault(call.grant, *device, true)) return call.reply(answered(*fault));
    json list = json::array();
    // There is one device here, however it was named.
    for (const Session& session : sessions.of(call.grant.owner())) {
        if (list.size() < most) list.push_back(infoJson(session));
    }
    call.reply(answered(200, list));
}

}  // namespace netpas::agent::camara
