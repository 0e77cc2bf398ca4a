#include "app/agent/mesh_routes.h"

#include <fcntl.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "app/agent/babel_costs.h"
#include "cartographer/routes/babel_socket.h"
#include "tun/forwarding/kernel_routes.h"

namespace netpas::agent {

using nlohmann::json;

namespace {

constexpr std::chrono::seconds tryAgainAfter{2};
constexpr std::chrono::seconds lookEvery{1}, readKernelEvery{5};
constexpr size_t mostShown = 1000;
constexpr const char* notTaken =
    "babeld does not take them; start it with -G instead of -g, and with --babel-interface name only what it knows";

// Of a route by babeld: what its neighbour asks stands in the cost of the link.
json toJson(const routes::BabelTable& table, const routes::BabelRoute& route) {
    json out{{"to", route.to.toString()},
             {"interface", route.interface},
             {"via", route.via.toString()},
             {"metric", route.metric},
             {"neighbour_claims", route.claimed}};
    for (const auto& [id, neighbour] : table.neighbours()) {
        if (neighbour.interface != route.interface || neighbour.address != route.via) continue;
        out["neighbour_asks"] = neighbour.asks;
        if (const auto price = routes::announcedPrice(neighbour.asks)) out["price_per_kb"] = price->toString();
    }
    return out;
}

json toJson(const tun::KernelRoute& route) {
    return {{"to", route.to.toString()},
            {"interface", route.interface},
            {"via", route.via.toString()},
            {"metric", route.metric}};
}

}  // namespace

struct MeshRoutes::Impl : std::enable_shared_from_this<Impl> {
    using Hops = std::set<channel::MeshHop>;

    Impl(Ports given, MeshRouteOptions wanted)
        : ports(std::move(given)),
          options(std::move(wanted)),
          readable(ports.io),
          costs({ports.timers, ports.log, ports.rest, ports.ask, [this] { settle(); }}, options.interfaces,
                options.words, options.times) {}

    void connect();
    void wait();
    void lost(routes::BabelError why);
    void settle();
    void noteRefusal();
    [[nodiscard]] bool byBabel() const { return socket && socket->complete(); }
    [[nodiscard]] std::optional<Hops> hopsNow() const;
    void look();
    void tellHops();

    Ports ports;
    MeshRouteOptions options;
    std::optional<routes::BabelSocket> socket;
    boost::asio::posix::stream_descriptor readable;  // a copy of the socket's descriptor
    BabelCosts costs;
    std::optional<Hops> told;
    app::Timers::Id again = 0, lookTimer = 0;
    bool refusalNoted = false;
    std::string trouble;  // why routes are not babeld's
};

void MeshRoutes::Impl::connect() {
    again = 0;
    auto opened = routes::BabelSocket::connect(options.babel);
    if (!opened) return lost(opened.error());
    const int copy = ::fcntl(opened->descriptor(), F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return lost(routes::BabelError::Behind);
    socket.emplace(std::move(*opened));
    readable.assign(copy);
    wait();
}

void MeshRoutes::Impl::wait() {
    readable.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                        [weak = weak_from_this()](const boost::system::error_code& error) {
                            const auto self = weak.lock();
                            if (!self || error || !self->socket) return;
                            if (const auto read = self->socket->read(); !read) return self->lost(read.error());
                            if (self->byBabel()) self->trouble.clear();
                            self->noteRefusal();
                            self->settle();
                            if (self->socket) self->wait();
                        });
}

void MeshRoutes::Impl::lost(routes::BabelError why) {
    socket.reset();
    costs.lost();
    refusalNoted = false;
    boost::system::error_code ignored;
    if (readable.is_open()) readable.close(ignored);
    const std::string now = options.babel + ": " + std::string(describe(why));
    if (now != trouble) ports.log(app::LogLevel::Warning, "routes are the kernel's: " + now);
    trouble = now;
    again = ports.timers.after(tryAgainAfter, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->connect();
    });
}

void MeshRoutes::Impl::settle() {
    if (!byBabel()) return;
    if (const auto settled = costs.settle(*socket); !settled) lost(settled.error());
}

// Once for each babeld.
void MeshRoutes::Impl::noteRefusal() {
    if (refusalNoted || socket->refused() == 0) return;
    refusalNoted = true;
    ports.log(app::LogLevel::Warning, "what is asked for forwarding is not in the routes: " + std::string(notTaken));
}

std::optional<MeshRoutes::Impl::Hops> MeshRoutes::Impl::hopsNow() const {
    Hops all;
    const auto add = [&](const std::string& interface, const IpAddress& via) {
        const auto& mesh = options.interfaces;
        if (std::find(mesh.begin(), mesh.end(), interface) != mesh.end() && all.size() < channel::maxMeshNeighbours)
            all.insert({interface, via});
    };
    if (byBabel()) {
        for (const auto& [id, route] : socket->table().routes()) {
            if (route.installed) add(route.interface, route.via);
        }
        return all;
    }
    const auto known = tun::kernelRoutes();
    if (!known) return std::nullopt;
    for (const tun::KernelRoute& route : *known) add(route.interface, route.via);
    return all;
}

void MeshRoutes::Impl::tellHops() {
    auto now = hopsNow();
    if (!now || now == told) return;
    told = std::move(now);
    ports.tell(channel::MeshHops{{told->begin(), told->end()}});
}

void MeshRoutes::Impl::look() {
    tellHops();
    lookTimer = ports.timers.after(byBabel() ? lookEvery : readKernelEvery, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->look();
    });
}

MeshRoutes::MeshRoutes(Ports ports, MeshRouteOptions options)
    : m_impl(std::make_shared<Impl>(std::move(ports), std::move(options))) {}

MeshRoutes::~MeshRoutes() {
    m_impl->ports.timers.cancel(m_impl->again);
    m_impl->ports.timers.cancel(m_impl->lookTimer);
}

void MeshRoutes::start() {
    if (!m_impl->options.babel.empty()) m_impl->connect();
    if (!m_impl->options.interfaces.empty()) m_impl->look();
}

void MeshRoutes::secretaryUp() {
    m_impl->told.reset();
    if (!m_impl->options.interfaces.empty()) m_impl->tellHops();
}

void MeshRoutes::price(const std::optional<Money>& perKb) {
    m_impl->costs.set(perKb ? routes::pricedCost(*perKb) : routes::maxPricedCost);
}

json MeshRoutes::report(const std::optional<IpAddress>& to) const {
    json shown = json::array();
    bool more = false;
    const auto add = [&](json route) {
        more = shown.size() >= mostShown;
        if (!more) shown.push_back(std::move(route));
    };
    if (m_impl->byBabel()) {
        const routes::BabelTable& table = m_impl->socket->table();
        if (to) {
            if (const routes::BabelRoute* route = table.routeTo(*to)) add(toJson(table, *route));
        } else {
            for (const auto& [id, route] : table.routes()) {
                if (route.installed && !more) add(toJson(table, route));
            }
        }
        return {{"source", "babeld"},
                {"trouble", m_impl->refusalNoted ? notTaken : m_impl->costs.trouble()},
                {"routes", std::move(shown)},
                {"more", more}};
    }
    const auto known = tun::kernelRoutes();
    std::string trouble = m_impl->trouble;
    if (!known) {
        trouble = std::string("the kernel does not tell its routes: ") + std::strerror(known.error());
    } else if (to) {
        if (const tun::KernelRoute* route = tun::routeTo(*known, *to)) add(toJson(*route));
    } else {
        for (const tun::KernelRoute& route : *known) {
            if (!more) add(toJson(route));
        }
    }
    return {{"source", "kernel"}, {"trouble", trouble}, {"routes", std::move(shown)}, {"more", more}};
}

}  // namespace netpas::agent
