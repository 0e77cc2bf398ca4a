// An edge router around its engine: books, state file, prices by time of day, accounting server, admin socket.
// Everything here runs on the control thread, which runs the io_context; the packet thread belongs to the engine.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "app/isp/edge_config.h"
#include "core/clock.h"
#include "core/crypto/identity.h"
#include "tun/device/tun_device.h"
#include "tun/udp/udp_socket.h"

namespace boost::asio {
class io_context;
}

namespace netpas::isp {

class EdgeService {
public:
    struct Parts {
        boost::asio::io_context& io;
        tun::UdpFactory& udp;
        tun::TunDevice& tun;
        const Clock& clock;
        const Identity& identity;
    };

    // Everything is open and the packet thread runs, or a sentence with the remedy. `parts` outlive the service.
    [[nodiscard]] static tl::expected<std::unique_ptr<EdgeService>, std::string> start(const EdgeSettings& settings,
                                                                                       const Parts& parts);
    // The packet thread must have ended: stop() first, or the state keeps saying that the router crashed.
    ~EdgeService();
    EdgeService(const EdgeService&) = delete;
    EdgeService& operator=(const EdgeService&) = delete;

    // The classes and prices of these settings from now on. What was promised before is taken for so long as `priceNotice` says.
    void reprice(const EdgeSettings& settings);

    // Ends the packet thread, sends what was counted, waits up to two seconds until the accounting server has it, writes
    // the state and calls `done`.
    void stop(std::function<void()> done);

private:
    class Impl;
    explicit EdgeService(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::isp
