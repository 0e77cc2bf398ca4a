// The secretary's end of the channel (DESIGN §2): its agent, wherever that is, as the ports of the purchase service and of
// the ISP desk. What comes from an agent is what a hijacked one may say: requests of users have no more than the channel's
// capabilities, and its words about the network are checked by who uses them. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/common/log.h"
#include "app/common/timers.h"
#include "app/secretary/ports.h"
#include "app/secretary/reverse_purchases.h"
#include "app/secretary/router.h"
#include "app/secretary/state.h"
#include "core/channel/messages.h"
#include "core/channel/threaded_channel.h"
#include "core/net/http.h"
#include "core/net/tls_link.h"

namespace boost::asio {
class io_context;
}

namespace netpas::secretaryd {

// What the agent found under a join URL, or has as its home: not checked here.
struct AgentHome {
    std::string joinUrl;
    std::string descriptor;  // signed envelope
};

class RemoteAgent final : public Flows, public Quotes, public Sellers {
public:
    // Whoever is there at the time; any of them may be empty.
    struct Listener {
        std::function<void(std::span<const FlowCounters> held)> up;
        std::function<void()> down;
        std::function<void(std::span<const FlowCounters>)> counters;
        std::function<void(const AgentHome&)> home;
        std::function<channel::DeviceAnswer(const channel::DeviceAsks&)> device;  // asks to be paired
        std::function<void(const DeliveryTrouble&)> notDelivered;
        // Of processes that have asked for something, those that still run.
        std::function<void(std::span<const uint32_t>)> processes;
        // Neighbours on its links.
        std::function<void(const channel::MeshLinks&)> meshLinks;
        std::function<void(const channel::MeshHops&)> meshHops;
        std::function<void(const channel::MeshCounts&)> meshCounts;
        std::function<void(const channel::MeshHeard&)> meshHeard;
        std::function<void(const channel::FlowsSeen&)> flowsSeen;
        std::function<void(const channel::NeighbourTested&)> neighbourTested;
    };
    using Requests = std::function<void(const net::HttpRequest&, Caller, Reply)>;

    RemoteAgent(boost::asio::io_context& io, const channel::ThreadedChannel::MakeSource& line, app::Timers& timers,
                Requests requests, app::LogSink log);
    ~RemoteAgent() override;
    RemoteAgent(const RemoteAgent&) = delete;
    RemoteAgent& operator=(const RemoteAgent&) = delete;

    // False: the system refuses threads.
    [[nodiscard]] bool start();
    void stop();
    // Told at once what is known already: that the agent is up, what it holds, its home.
    void listen(Listener listener);
    // Its callbacks are not called any more, nor are those of requests that are on their way.
    void forgetListener();
    [[nodiscard]] AgentReport report() const;
    // The devices that are paired; told again to every agent that comes, and that they are not known once the listener is forgotten.
    void tell(const channel::Devices& devices);
    // What is said to neighbours, and who has packets forwarded; lost while no agent is there.
    void tellMesh(const channel::Message& message);
    // Nothing is paid for any more.
    void clearFlows();

    void set(const std::vector<PaidFlow>& flows, std::function<void(tl::expected<void, FlowsFailure>)> done) override;
    void drain(PurchaseId id, SessionKeyId key, std::function<void(std::optional<FlowCounters>)> done) override;
    void quote(const cartographer::QuoteRequest& request,
               std::function<void(tl::expected<cartographer::Quote, QuoteFailure>)> done) override;
    void find(const IpAddress& from, std::function<void(tl::expected<SellerAddress, QuoteFailure>)> done) override;
    void call(const SellerAddress& seller, const std::string& method, const std::string& path, const std::string& body,
              const std::optional<FlowMatch>& flow, std::function<void(SellerReply)> done) override;
    // Has the agent fetch what is published under the URL and use it from now on.
    void join(const std::string& url, std::function<void(tl::expected<AgentHome, ApiFailure>)> done);
    // A socket to the ISP's accounting server, carried by the agent.
    [[nodiscard]] net::Connector connector();

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::secretaryd
