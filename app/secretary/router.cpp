#include "app/secretary/router.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace netpas::secretaryd {

using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;

namespace {

std::vector<std::string> segmentsOf(std::string_view path) {
    std::vector<std::string> segments;
    while (!path.empty() && path.front() == '/') {
        path.remove_prefix(1);
        const size_t end = std::min(path.find('/'), path.size());
        segments.emplace_back(path.substr(0, end));
        path.remove_prefix(end);
    }
    return segments;
}

bool isName(std::string_view segment) { return segment.size() > 2 && segment.front() == '{' && segment.back() == '}'; }

std::string_view hintFor(Capability needed) {
    switch (needed) {
    case Capability::Read:
    case Capability::Request: return "sudo adduser \"$USER\" netpas, then log in again";
    case Capability::Decide:
    case Capability::Policy:
    case Capability::Keys: return "ask as root or as the owner, through the secretary's own socket";
    case Capability::Agent: return "only an agent says this";
    }
    return {};
}

}  // namespace

Capabilities capabilitiesOf(Door door, uint32_t uid, uint32_t owner) {
    switch (door) {
    case Door::Secretary: return uid == 0 || uid == owner ? ownerMay : requestOnly;
    case Door::Agent: return requestOnly;
    }
    return {};
}

const json& ApiCall::body() const {
    static const json none;
    return document ? *document : none;
}

std::string ApiCall::parameter(std::string_view name) const {
    const auto found = parameters.find(std::string(name));
    return found == parameters.end() ? std::string{} : found->second;
}

std::string ApiCall::queryValue(std::string_view name) const {
    const auto found = query.find(std::string(name));
    return found == query.end() ? std::string{} : found->second;
}

std::string_view ApiCall::header(std::string_view name) const {
    for (const net::HttpHeader& header : headers) {
        if (net::sameHeaderName(header.name, name)) return header.value;
    }
    return {};
}

void Router::add(std::string method, std::string_view pattern, Capability needed, Handler handler, RouteLimits limits) {
    auto segments = segmentsOf(pattern);
    auto route =
        std::find_if(m_routes.begin(), m_routes.end(), [&](const Route& known) { return known.segments == segments; });
    if (route == m_routes.end()) route = m_routes.insert(m_routes.end(), Route{std::move(segments), {}});
    route->methods.push_back({std::move(method), needed, std::move(handler), limits});
}

std::vector<Router::RouteName> Router::routes() const {
    std::vector<RouteName> all;
    for (const Route& route : m_routes) {
        std::string pattern;
        for (const std::string& segment : route.segments) pattern += "/" + segment;
        for (const Method& method : route.methods) all.push_back({method.name, pattern, method.needed});
    }
    return all;
}

std::optional<std::map<std::string, std::string>> Router::match(const Route& route,
                                                                const std::vector<std::string>& segments) {
    if (route.segments.size() != segments.size()) return std::nullopt;
    std::map<std::string, std::string> parameters;
    for (size_t i = 0; i < segments.size(); ++i) {
        const std::string& wanted = route.segments[i];
        if (isName(wanted) && !segments[i].empty()) {
            parameters[wanted.substr(1, wanted.size() - 2)] = segments[i];
        } else if (wanted != segments[i]) {
            return std::nullopt;
        }
    }
    return parameters;
}

void Router::handle(const HttpRequest& request, Caller caller, Reply reply) const {
    if (auto refused = refuseBrowser(request)) return reply(std::move(*refused));
    const auto segments = segmentsOf(request.path);
    std::vector<std::string> known;  // methods that the path has
    for (const Route& route : m_routes) {
        auto parameters = match(route, segments);
        if (!parameters) continue;
        const auto method = std::find_if(route.methods.begin(), route.methods.end(),
                                         [&](const Method& one) { return one.name == request.method; });
        if (method == route.methods.end()) {
            for (const Method& one : route.methods) known.push_back(one.name);
            continue;
        }
        if (!caller.may.has(method->needed)) {
            return reply(refusal(403, "UNAUTHORIZED", "you may not do this here", hintFor(method->needed)));
        }
        if (m_gate && !method->limits.always) {
            if (auto closed = m_gate()) return reply(std::move(*closed));
        }
        if (request.body.size() > method->limits.maxBody) {
            return reply(refusal(413, "INVALID_ARGUMENT", "the body is too long",
                                 "at most " + std::to_string(method->limits.maxBody) + " bytes"));
        }
        ApiCall call{std::move(caller), request.method,  request.path, std::move(*parameters),
                     request.query,     request.headers, request.body, nullptr};
        if (!method->limits.raw && !request.body.empty()) {
            auto document = std::make_shared<json>(json::parse(request.body, nullptr, false));
            if (document->is_discarded())
                return reply(refusal(400, "INVALID_ARGUMENT", "the body is not JSON", "send one JSON object"));
            call.document = std::move(document);
        }
        return method->handler(call, std::move(reply));
    }
    if (!known.empty()) return reply(wrongMethod(known));
    reply(refusal(404, "NOT_FOUND", "there is no " + request.path, "openapi.json names everything that there is"));
}

std::optional<HttpResponse> refuseBrowser(const HttpRequest& request) {
    // Browsers say so of what their pages ask for, also where they send no Origin.
    constexpr std::string_view fetch = "sec-fetch-";
    const bool fetched = std::any_of(request.headers.begin(), request.headers.end(), [&](const net::HttpHeader& one) {
        return one.name.size() > fetch.size() &&
               net::sameHeaderName(std::string_view(one.name).substr(0, fetch.size()), fetch);
    });
    if (fetched || !request.header("Origin").empty() || !request.header("Referer").empty()) {
        return refusal(403, "RESTRICTED", "requests of web pages are refused", "ask from a program, without Origin");
    }
    for (const net::HttpHeader& header : request.headers) {
        const bool own = header.value == "netpas" || header.value == "localhost" || header.value.empty();
        if (net::sameHeaderName(header.name, "Host") && !own) {
            return refusal(403, "RESTRICTED", "foreign Host header", "use Host: netpas");
        }
    }
    return std::nullopt;
}

HttpResponse wrongMethod(const std::vector<std::string>& methods) {
    std::string list;
    for (const std::string& method : methods) list += (list.empty() ? "" : ", ") + method;
    HttpResponse response = refusal(405, "INVALID_ARGUMENT", "not this method here", "one of " + list);
    response.headers.push_back({"Allow", std::move(list)});
    return response;
}

HttpResponse answer(const json& body, unsigned status) {
    HttpResponse response;
    response.status = status;
    // Words of other parties may not be UTF-8.
    response.body = body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    return response;
}

HttpResponse refusal(unsigned status, std::string_view code, std::string_view message, std::string_view hint) {
    return HttpResponse::error(status, code, message, hint);
}

}  // namespace netpas::secretaryd
