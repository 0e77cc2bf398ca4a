#include "app/agent/mesh_routes.h"

#include <fcntl.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "cartographer/routes/babel_socket.h"
#include "tun/forwarding/kernel_routes.h"

namespace netpas::agent {

using nlohmann::json;

namespace {

constexpr std::chrono::seconds tryAgainAfter{2};
constexpr size_t mostShown = 1000;

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
    Impl(boost::asio::io_context& loop, app::Timers& clock, app::LogSink sink, std::string path)
        : timers(clock), log(std::move(sink)), babel(std::move(path)), readable(loop) {}

    app::Timers& timers;
    app::LogSink log;
    std::string babel;
    std::optional<routes::BabelSocket> socket;
    boost::asio::posix::stream_descriptor readable;  // a copy of the socket's descriptor
    app::Timers::Id again = 0;
    std::string trouble;

    void connect() {
        again = 0;
        auto opened = routes::BabelSocket::connect(babel);
        if (!opened) return lost(opened.error());
        const int copy = ::fcntl(opened->descriptor(), F_DUPFD_CLOEXEC, 0);
        if (copy < 0) return lost(routes::BabelError::Behind);
        socket.emplace(std::move(*opened));
        readable.assign(copy);
        wait();
    }
    void wait() {
        readable.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                            [weak = weak_from_this()](const boost::system::error_code& error) {
                                const auto self = weak.lock();
                                if (!self || error || !self->socket) return;
                                if (const auto read = self->socket->read(); !read) return self->lost(read.error());
                                if (self->socket->complete()) self->trouble.clear();
                                self->wait();
                            });
    }
    void lost(routes::BabelError why) {
        socket.reset();
        boost::system::error_code ignored;
        if (readable.is_open()) readable.close(ignored);
        const std::string now = babel + ": " + std::string(describe(why));
        if (now != trouble) log(app::LogLevel::Warning, "routes are the kernel's: " + now);
        trouble = now;
        again = timers.after(tryAgainAfter, [weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->connect();
        });
    }
};

MeshRoutes::MeshRoutes(boost::asio::io_context& io, app::Timers& timers, app::LogSink log, std::string babel)
    : m_impl(std::make_shared<Impl>(io, timers, std::move(log), std::move(babel))) {}

MeshRoutes::~MeshRoutes() {
    if (m_impl->again != 0) m_impl->timers.cancel(m_impl->again);
}

void MeshRoutes::start() {
    if (!m_impl->babel.empty()) m_impl->connect();
}

json MeshRoutes::report(const std::optional<IpAddress>& to) const {
    json shown = json::array();
    bool more = false;
    const auto add = [&](json route) {
        more = shown.size() >= mostShown;
        if (!more) shown.push_back(std::move(route));
    };
    if (m_impl->socket && m_impl->socket->complete()) {
        const routes::BabelTable& table = m_impl->socket->table();
        if (to) {
            if (const routes::BabelRoute* route = table.routeTo(*to)) add(toJson(table, *route));
        } else {
            for (const auto& [id, route] : table.routes()) {
                if (route.installed && !more) add(toJson(table, route));
            }
        }
        return {{"source", "babeld"}, {"trouble", ""}, {"routes", std::move(shown)}, {"more", more}};
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
