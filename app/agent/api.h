// The local API (resources/api/README.md): what local users may ask of the agent, and how it is answered.
// Control thread. The listener hands requests in and carries the replies out.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/agent/purchase_service.h"
#include "cartographer/cartographer.h"
#include "core/clock.h"
#include "core/ledger/ledger.h"
#include "core/net/http.h"

namespace netpas::agent {

// State of the rest of the agent, for `status`.
struct AgentState {
    bool ispConnected = false;  // the accounting server
    bool dataPlaneUp = false;
    std::string dataPlaneTrouble;
    std::vector<std::string> unreachableEdges;
    uint64_t unownedPackets = 0;  // diverted, but no purchase's: sent best effort
};

struct ApiContext {
    PurchaseService& purchases;
    ledger::Ledger& ledger;
    cartographer::Cartographer& cartographer;
    const Clock& clock;
    secretary::HardLimits limits;
    uint32_t ownUid = 0;
    std::string version;
    std::function<AgentState()> state;
    // Makes an ISP that was just fetched and verified the one that is bought from: enrols there. The answer is the customer's name.
    std::function<void(const cartographer::Home&, std::function<void(tl::expected<std::string, IspFailure>)>)> enrol;
};

using Reply = std::function<void(net::HttpResponse)>;

class Api {
public:
    explicit Api(ApiContext context);
    ~Api();
    Api(const Api&) = delete;
    Api& operator=(const Api&) = delete;

    void handle(const net::HttpRequest& request, Reply reply);

private:
    struct Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::agent
