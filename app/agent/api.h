// The agent's own API (resources/api/README.md): what only the network side knows is answered here, everything else by the
// secretary. Control thread. The listener hands requests in and carries the replies out.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/agent/own_routes.h"
#include "app/secretary/state.h"
#include "cartographer/cartographer.h"
#include "core/clock.h"
#include "core/net/http.h"

namespace netpas::agent {

struct AgentState {
    bool dataPlaneUp = false;
    std::string dataPlaneTrouble;
    std::vector<std::string> unreachableEdges;
    uint64_t unownedPackets = 0;  // diverted, but no purchase's: sent best effort
};

// How a failure of the cartographer is answered.
[[nodiscard]] secretaryd::ApiFailure failureFor(const cartographer::Failure& why);

using Reply = std::function<void(net::HttpResponse)>;

struct ApiContext {
    cartographer::Cartographer& cartographer;
    const Clock& clock;
    std::function<AgentState()> state;
    // Asks the secretary; `request.peer` says who asks.
    std::function<void(const net::HttpRequest& request, Reply reply)> forward;
    // What was measured, everything or on the way to one destination, which is measured from then on; null: nothing is.
    std::function<nlohmann::json(const std::optional<IpAddress>& destination)> measurements;
    // Which neighbours packets go to, everywhere or to one destination.
    std::function<nlohmann::json(const std::optional<IpAddress>& destination)> meshRoutes;
};

class Api {
public:
    explicit Api(ApiContext context);
    ~Api();
    Api(const Api&) = delete;
    Api& operator=(const Api&) = delete;

    void handle(const net::HttpRequest& request, Reply reply);
    [[nodiscard]] static RouteNames routes();

private:
    struct Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::agent
