// Which neighbour packets go to, and what that costs: as babeld says on its local interface, else by the kernel's own table (cartographer/routes/ROUTES.md).
// Control thread.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "app/common/log.h"
#include "app/common/timers.h"
#include "core/net_address.h"

namespace boost::asio {
class io_context;
}

namespace netpas::agent {

class MeshRoutes {
public:
    // `babel`: the path that babeld was given with -g or -G; empty: there is none.
    MeshRoutes(boost::asio::io_context& io, app::Timers& timers, app::LogSink log, std::string babel);
    ~MeshRoutes();
    MeshRoutes(const MeshRoutes&) = delete;
    MeshRoutes& operator=(const MeshRoutes&) = delete;

    void start();
    // The routes in use, all or the one to an address, with who said so: the answer of GET /v1/routes.
    [[nodiscard]] nlohmann::json report(const std::optional<IpAddress>& to) const;

private:
    struct Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::agent
