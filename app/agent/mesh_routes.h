// Which neighbour packets go to, and what that costs: as babeld says on its local interface, else by the kernel's own table; and in babeld, what this node asks
// for forwarding as the cost of its links (cartographer/routes/ROUTES.md). Works in the network namespace of the calling thread. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/agent/babel_costs.h"
#include "app/common/log.h"
#include "app/common/timers.h"
#include "core/channel/messages.h"
#include "core/net_address.h"

namespace boost::asio {
class io_context;
}

namespace netpas::agent {

struct MeshRouteOptions {
    std::string babel;                    // the path or port that babeld was given with -g or -G; empty: there is none
    std::vector<std::string> interfaces;  // where neighbours are
    std::string words;                    // what babeld is told of them besides their cost
    BabelCostTimes times{};
};

class MeshRoutes {
public:
    struct Ports {
        boost::asio::io_context& io;
        app::Timers& timers;
        app::LogSink log;
        std::function<void(const channel::Message&)> tell;  // the secretary; lost while it is not there
        // Lets a link rest, or wakes it (link_rest.h).
        std::function<tl::expected<void, int>(const std::string& interface, bool rests)> rest;
        // Asks a neighbour for its routes (route_request.h).
        std::function<void(const std::string& interface, const IpAddress& neighbour, const std::vector<IpPrefix>&)> ask;
    };
    MeshRoutes(Ports ports, MeshRouteOptions options);
    ~MeshRoutes();
    MeshRoutes(const MeshRoutes&) = delete;
    MeshRoutes& operator=(const MeshRoutes&) = delete;

    void start();
    // A session with the secretary has begun.
    void secretaryUp();
    // What is asked for passing on what a neighbour sends; nothing: it is not passed on.
    void price(const std::optional<Money>& perKb);
    // The routes in use, all or the one to an address, with who said so: the answer of GET /v1/routes.
    [[nodiscard]] nlohmann::json report(const std::optional<IpAddress>& to) const;

private:
    struct Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::agent
