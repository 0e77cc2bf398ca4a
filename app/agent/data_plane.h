// The agent's side of the kernel: TUN device, capture and the plane that pays, behind the purchase service's ports.
// Control thread. Must be opened before any secret is in memory and any thread runs: the capture forks a guard.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/secretary/ports.h"
#include "core/clock.h"

namespace boost::asio {
class io_context;
}

namespace netpas::agent {

using app::LogLevel;
using app::LogSink;
using secretaryd::Diversion;
using secretaryd::PaidFlow;
using secretaryd::Plane;
using secretaryd::PlaneCounters;

struct DataPlaneFailure {
    std::string what;
    std::string remedy;
};

class DataPlane final : public Plane, public Diversion {
public:
    struct State {
        bool up = false;
        std::string trouble;
        std::vector<std::string> unreachableEdges;
        uint64_t unownedPackets = 0;
    };

    // `device`: name of the TUN interface.
    [[nodiscard]] static tl::expected<std::unique_ptr<DataPlane>, DataPlaneFailure> open(boost::asio::io_context& io,
                                                                                         const Clock& clock,
                                                                                         const std::string& device,
                                                                                         LogSink log);
    ~DataPlane() override;

    // Of the first ISP, in its order of preference; for flows published from now on.
    void setEdges(std::vector<Endpoint> edges);
    // The first ISP's servers: what this machine says to them is never diverted, whatever was bought. Else a purchase whose packets the
    // ISP refuses could not be ended. For flows diverted from now on.
    void setControl(std::vector<Endpoint> servers);
    // Call once, before publishing. Starts the packet threads.
    [[nodiscard]] tl::expected<void, std::string> start();
    // Diverts nothing any more, then sends what waits. Idempotent.
    void stop();
    [[nodiscard]] State state() const;

    tl::expected<void, std::string> publish(const std::vector<PaidFlow>& flows) override;
    void drain(PurchaseId id, std::function<void()> done) override;
    std::vector<PlaneCounters> harvest() override;
    PlaneCounters retire(PurchaseId id) override;
    tl::expected<void, std::string> set(const std::vector<FlowMatch>& flows) override;

private:
    struct Impl;
    explicit DataPlane(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::agent
