#include "core/directory/publisher.h"

#include <algorithm>

#include "core/crypto/hex.h"

namespace netpas::directory {

namespace {
constexpr size_t maxSealed = 4096;  // path documents by prefix, certificates by payee
constexpr std::string_view payeePath = "/v1/payees/";
}  // namespace

Publisher::Publisher(Content content, const Identity& identity, const Clock& clock)
    : m_content(std::move(content)), m_identity(identity), m_clock(clock) {}

void Publisher::replace(Content content) {
    m_content = std::move(content);
    m_sealed.clear();
}

void Publisher::followRoutes(RouteFinder finder, std::chrono::seconds freshness) {
    m_finder = std::move(finder);
    m_freshness = freshness;
}

// Sealed anew when half of its validity is over, so that nobody gets one that is about to expire.
template <typename Document>
const Publisher::Sealed& Publisher::current(const std::string& name, Document document, const std::string& contents) {
    const SystemTime now = m_clock.now();
    const auto found = m_sealed.find(name);
    if (found != m_sealed.end() && found->second.contents == contents &&
        now + m_content.validity / 2 < found->second.expires && found->second.expires <= now + m_content.validity) {
        return found->second;
    }
    if (m_sealed.size() >= maxSealed) m_sealed.clear();
    document.validity = {m_content.isp, now, now + m_content.validity};
    Sealed sealed;
    const std::string payload = toJson(document);
    sealed.body = seal(payload, m_identity);
    const auto hash = blake2b256({reinterpret_cast<const uint8_t*>(payload.data()), payload.size()});
    sealed.tag = "\"" + toHex({hash.data(), 16}) + "\"";
    sealed.expires = document.validity.expires;
    sealed.contents = contents;
    return m_sealed.insert_or_assign(name, std::move(sealed)).first->second;
}

Paths Publisher::pathsTo(const IpAddress& address) const {
    const Route* best = nullptr;
    for (const Route& route : m_content.routes) {
        if (route.prefix.contains(address) && (best == nullptr || route.prefix.length() > best->prefix.length()))
            best = &route;
    }
    const auto told = m_finder ? m_finder(address) : std::nullopt;
    Paths paths;
    if (told && (best == nullptr || told->prefix.length() > best->prefix.length())) {
        paths.prefix = told->prefix;
        paths.paths = told->paths;
    } else if (best != nullptr) {
        paths.prefix = best->prefix;
        paths.paths = best->paths;
        if (told && told->prefix == best->prefix) {
            for (const IspPath& path : told->paths) {
                const bool known = std::find(paths.paths.begin(), paths.paths.end(), path) != paths.paths.end();
                if (!known && paths.paths.size() < Paths::most) paths.paths.push_back(path);
            }
        }
    } else {
        paths.prefix = IpPrefix::make(address, address.isV4() ? 32 : 128).value_or(IpPrefix{});
    }
    return paths;
}

net::HttpResponse Publisher::serve(const net::HttpRequest& request, const Sealed& sealed,
                                   std::optional<std::chrono::seconds> freshness) const {
    net::HttpResponse response;
    auto left = std::chrono::duration_cast<std::chrono::seconds>(sealed.expires - m_clock.now()).count();
    left = std::min<int64_t>(left, freshness.value_or(m_content.refresh).count());
    response.headers = {{"ETag", sealed.tag},
                        {"Cache-Control", "max-age=" + std::to_string(std::max<int64_t>(left, 0))}};
    if (request.header("If-None-Match") == sealed.tag) {
        response.status = 304;
    } else {
        response.body = sealed.body;
    }
    return response;
}

net::HttpResponse Publisher::payee(const net::HttpRequest& request) {
    const auto id = NodeId::parse(std::string_view(request.path).substr(payeePath.size()));
    const auto found = id ? m_content.payees.find(*id) : m_content.payees.end();
    if (found == m_content.payees.end()) {
        return net::HttpResponse::error(404, "NOT_FOUND", "no certificate of this payee is kept here",
                                        "ask the payee which ISP has it");
    }
    return serve(request, current("payee " + id->hex(), PayeeCertificates{{}, *id, found->second}));
}

net::HttpResponse Publisher::paths(const net::HttpRequest& request) {
    const auto to = request.query.find("to");
    const auto address = to == request.query.end() ? std::nullopt : IpAddress::parse(to->second);
    if (!address) {
        return net::HttpResponse::error(400, "INVALID_ARGUMENT", "'to' is no IP address",
                                        "ask for /v1/paths?to=192.0.2.1");
    }
    const Paths paths = pathsTo(*address);
    return serve(request, current("paths " + paths.prefix.toString(), paths, toJson(paths)), m_freshness);
}

net::HttpResponse Publisher::answer(const net::HttpRequest& request) {
    if (request.method != "GET" && request.method != "HEAD") {
        return net::HttpResponse::error(405, "METHOD_NOT_ALLOWED", "the directory is only read", "use GET");
    }
    if (request.path == "/v1/descriptor") return serve(request, current("descriptor", m_content.descriptor));
    if (request.path == "/v1/menu") return serve(request, current("menu", m_content.menu));
    if (request.path == "/v1/keys") return serve(request, current("keys", m_content.keys));
    if (request.path == "/v1/paths") return paths(request);
    if (request.path.starts_with(payeePath)) return payee(request);
    return net::HttpResponse::error(
        404, "NOT_FOUND", "there is no such document",
        "ask for /v1/descriptor, /v1/menu, /v1/keys, /v1/paths?to=ADDRESS or /v1/payees/ID");
}

}  // namespace netpas::directory
