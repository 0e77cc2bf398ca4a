// The agent's side of the kernel: TUN device, capture and the plane that pays. It does what the secretary's set of flows
// says, and counts by session key. Control thread. Must be opened before any secret is in memory and any thread runs: the capture forks a guard.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "app/secretary/ports.h"
#include "core/clock.h"
#include "core/link_address.h"

namespace boost::asio {
class io_context;
}

namespace netpas::agent {

using app::LogLevel;
using app::LogSink;
using secretaryd::FlowCounters;
using secretaryd::FlowsFailure;
using secretaryd::PaidFlow;

// Test packets of this machine's, which travel as the packets of a purchase do and are paid for by it.
struct PaidProbe {
    std::vector<std::pair<IspId, ServiceClass>>
        classes;             // of the first ISPs on the way: any purchase with these will do
    Endpoint reflector;      // in the last of them
    uint16_t localPort = 0;  // UDP
    friend bool operator==(const PaidProbe&, const PaidProbe&) = default;
};

struct DataPlaneFailure {
    std::string what;
    std::string remedy;
};

class DataPlane {
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
    ~DataPlane();
    DataPlane(const DataPlane&) = delete;
    DataPlane& operator=(const DataPlane&) = delete;

    // Of the first ISP, in its order of preference; for flows published from now on.
    void setEdges(std::vector<Endpoint> edges);
    // The first ISP's servers: what this machine says to them is never diverted, whatever was bought. Else a purchase whose packets the
    // ISP refuses could not be ended. For flows diverted from now on.
    void setControl(std::vector<Endpoint> servers);
    // Where the packets of a device behind this machine come from (its name as in PaidFlow::node); flows of unknown devices are not diverted.
    void setSenders(std::function<std::optional<LinkAddress>(const std::string& node)> senders);
    // Where the packets of a host on one of this machine's links come from; flows that name its address as `local`, and no device, are
    // taken where they are forwarded.
    void setNeighbours(std::function<std::optional<LinkAddress>(const IpAddress&)> neighbours);
    // Call once, before publishing. Starts the packet threads.
    [[nodiscard]] tl::expected<void, std::string> start();
    // Diverts nothing any more, then sends what waits. Idempotent.
    void stop();
    [[nodiscard]] State state() const;

    // Exactly these flows are paid for, and those of them that say so are diverted. Another key of a purchase takes the
    // place of the one before, between two packets. On failure the set from before stays.
    [[nodiscard]] tl::expected<void, FlowsFailure> apply(const std::vector<PaidFlow>& flows);
    // Besides the flows, also after the next apply(). Where nothing fitting is bought, a probe's packets leave like any others.
    void setProbes(std::vector<PaidProbe> probes);
    // The flows that are paid for have changed. Called inside apply().
    void onFlows(std::function<void(const std::vector<PaidFlow>&)> changed);
    // `done` when every packet that was taken in under this key has been handed to the network; then the key is
    // forgotten. The flow must not be diverted any more, or have another key.
    void drain(PurchaseId id, SessionKeyId key, std::function<void(const FlowCounters&)> done);
    // Best effort for everything, at once; gates and counters stay, so that the next apply() goes on where they are.
    void undivertAll();
    // What has changed since the harvest before.
    std::vector<FlowCounters> harvest();
    // Every key that is not forgotten.
    std::vector<FlowCounters> held();
    // A key is kept: there is something to harvest.
    [[nodiscard]] bool counting() const;
    // Something is diverted.
    [[nodiscard]] bool diverting() const;

private:
    struct Impl;
    explicit DataPlane(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::agent
