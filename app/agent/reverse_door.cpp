#include "app/agent/reverse_door.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/secretary/router.h"
#include "core/crypto/identity.h"
#include "core/net/http_server.h"

namespace netpas::agent {

using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;
using secretaryd::refusal;

namespace {

constexpr std::string_view ordersPath = "/v1/orders";
constexpr std::chrono::milliseconds neighbourPatience{300};
constexpr uint32_t nobody = 65534;  // a stranger is no user of this machine

net::HttpLimits doorLimits() {
    net::HttpLimits limits;
    limits.maxBody = 4096;
    limits.maxConnections = 256;
    limits.maxPerPeer = 16;
    return limits;
}

}  // namespace

struct ReverseDoor::Impl : std::enable_shared_from_this<ReverseDoor::Impl> {
    using Reply = std::function<void(HttpResponse)>;
    Impl(ReverseDoorContext given, Identity key) : context(std::move(given)), identity(std::move(key)) {}

    ReverseDoorContext context;
    Identity identity;
    std::vector<Endpoint> at;
    std::unique_ptr<net::HttpServer> server;

    void handle(HttpRequest request, const Reply& reply);
    void order(const HttpRequest& request, const Reply& reply) { order(request, reply, false); }
    void order(HttpRequest request, const Reply& reply, bool again);
    void goOn(const HttpRequest& request, const Reply& reply) { context.secretary(request, reply); }

    static constexpr OwnRoute<void (Impl::*)(const HttpRequest&, const Reply&)> ownRoutes[]{
        {"POST", ordersPath, &Impl::order},
        {"GET", "/v1/orders/{order}", &Impl::goOn},
        {"DELETE", "/v1/orders/{order}", &Impl::goOn}};
};

RouteNames ReverseDoor::routes() { return namesOf(Impl::ownRoutes); }

ReverseDoor::ReverseDoor(std::shared_ptr<Impl> impl) : m_impl(std::move(impl)) {}
ReverseDoor::~ReverseDoor() { close(); }
void ReverseDoor::close() { m_impl->server->close(); }
std::vector<std::string> ReverseDoor::urls() const {
    std::vector<std::string> urls;
    for (const Endpoint& at : m_impl->at)
        urls.push_back("https://" + at.toString() + "/#" + m_impl->identity.publicKey().hex());
    return urls;
}

tl::expected<std::unique_ptr<ReverseDoor>, std::string> ReverseDoor::open(ReverseDoorContext context,
                                                                          const std::vector<Endpoint>& listen) {
    const auto keyFile = context.folder / "reverse.key";
    auto identity = Identity::loadOrCreate(keyFile);
    if (!identity) return tl::unexpected(keyFile.string() + ": " + std::string(describe(identity.error())));
    auto impl = std::make_shared<Impl>(std::move(context), std::move(*identity));
    impl->server = std::make_unique<net::HttpServer>(
        impl->context.io,
        [weak = std::weak_ptr<Impl>(impl)](const HttpRequest& request, const net::HttpReply& reply) {
            if (const auto self = weak.lock()) self->handle(request, reply);
        },
        doorLimits());
    for (const Endpoint& one : listen) {
        const auto port = impl->server->listenTls(one, impl->identity);
        if (!port) {
            return tl::unexpected("cannot listen on " + one.toString() +
                                  " (--sell-reverse): give an address of this machine's and a free port");
        }
        impl->at.push_back({one.address, *port});
    }
    std::unique_ptr<ReverseDoor> door(new ReverseDoor(std::move(impl)));
    for (const std::string& url : door->urls())
        door->m_impl->context.log(app::LogLevel::Info, "better service for what is sent from here is sold at " + url);
    return door;
}

void ReverseDoor::Impl::handle(HttpRequest request, const Reply& reply) {
    if (auto browser = secretaryd::refuseBrowser(request)) return reply(std::move(*browser));
    const auto* const route = routeFor(ownRoutes, request);
    if (route == nullptr || !request.remote) {
        if (auto wrong = refuseMethod(ownRoutes, request)) return reply(std::move(*wrong));
        return reply(refusal(404, "NOT_FOUND", "there is nothing here but /v1/orders", "POST /v1/orders"));
    }
    request.peer = net::PeerCredentials{nobody, nobody, 0};
    request.query.clear();
    (this->*route->answer)(request, reply);
}

// Only for hosts whose packets can be told from others' here, and only towards the address that asks.
void ReverseDoor::Impl::order(HttpRequest request, const Reply& reply, bool again) {
    json wish = json::parse(request.body, nullptr, false);
    if (!wish.is_object())
        return reply(refusal(400, "INVALID_ARGUMENT", "the body is not a JSON object", "{\"from\": ADDRESS, …}"));
    const auto from = wish.find("from");
    const auto sender =
        from != wish.end() && from->is_string() ? IpAddress::parse(from->get<std::string>()) : std::nullopt;
    const IpAddress to = request.remote->address;
    if (!sender || sender->isV6() != to.isV6()) {
        return reply(refusal(400, "INVALID_ARGUMENT", "from must be an address of the family that you ask over",
                             "connect over the other family"));
    }
    if (!context.isOwn(*sender) && !context.neighbour(*sender)) {
        if (again) {
            return reply(refusal(404, "NO_OFFER", sender->toString() + " is not behind this seller",
                                 "ask the ISP that " + sender->toString() + " is a customer of"));
        }
        // The kernel may have forgotten who is there, and asks.
        auto timer = std::make_shared<boost::asio::steady_timer>(context.io, neighbourPatience);
        timer->async_wait([weak = weak_from_this(), timer, request = std::move(request),
                           reply](const boost::system::error_code& error) mutable {
            if (const auto self = weak.lock(); self && !error) self->order(std::move(request), reply, true);
        });
        return;
    }
    wish["to"] = to.toString();
    request.body = wish.dump(-1, ' ', false, json::error_handler_t::replace);
    context.secretary(request, reply);
}

}  // namespace netpas::agent
