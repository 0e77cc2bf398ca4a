// What a directory server answers (NetPaS §5.3): documents sealed anew before they expire, with an ETag each.
// One thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/crypto/identity.h"
#include "core/directory/documents.h"
#include "core/net/http.h"

namespace netpas::directory {

struct Route {
    IpPrefix prefix;
    std::vector<IspPath> paths;
};

// Routes that change while the directory runs, such as a router's; nothing: none is known.
using RouteFinder = std::function<std::optional<Route>(const IpAddress&)>;

// What the ISP has configured; the validities inside are filled in by the publisher.
struct Content {
    IspId isp;
    Descriptor descriptor;
    Menu menu;
    Keys keys;
    std::map<NodeId, std::string> payees;  // PEM, of payees who are customers here
    std::vector<Route> routes;             // the longest prefix that covers the address decides
    std::chrono::seconds validity{3600};
    std::chrono::seconds refresh{60};  // clients that need a document look so often whether there is a newer one
};

class Publisher {
public:
    // `identity` and `clock` must outlive the publisher.
    Publisher(Content content, const Identity& identity, const Clock& clock);

    // What the ISP has configured since; from now on only that is served.
    void replace(Content content);

    // Asked for every address besides the configured routes; the longer prefix decides, and for one prefix the configured paths go
    // first. Clients are then told to look again every `freshness` while they need the path.
    void followRoutes(RouteFinder finder, std::chrono::seconds freshness);

    // GET /v1/descriptor, /v1/menu, /v1/keys, /v1/paths?to=ADDRESS, /v1/payees/ID; 304 when If-None-Match names the current one.
    [[nodiscard]] net::HttpResponse answer(const net::HttpRequest& request);

private:
    struct Sealed {
        std::string body;
        std::string tag;
        SystemTime expires;
        std::string contents;  // of paths, without the validity: the same ones keep their seal
    };
    template <typename Document>
    const Sealed& current(const std::string& name, Document document, const std::string& contents = {});
    [[nodiscard]] Paths pathsTo(const IpAddress& address) const;
    [[nodiscard]] net::HttpResponse paths(const net::HttpRequest& request);
    [[nodiscard]] net::HttpResponse payee(const net::HttpRequest& request);
    [[nodiscard]] net::HttpResponse serve(const net::HttpRequest& request, const Sealed& sealed,
                                          std::optional<std::chrono::seconds> freshness = {}) const;

    Content m_content;
    const Identity& m_identity;
    const Clock& m_clock;
    RouteFinder m_finder;
    std::optional<std::chrono::seconds> m_freshness;  // of paths; nothing: as all documents
    std::map<std::string, Sealed> m_sealed;
};

}  // namespace netpas::directory
