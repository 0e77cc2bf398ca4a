// What every local request passes first: who may speak here at all. Over the Unix socket the kernel says who it is; over a loopback TCP
// port, which is off unless it was asked for, a token does. No browser is ever served, whatever page drives it and whatever name it takes
// this machine for. Answers tokens, CAMARA and streams itself; everything else goes on. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/agent/access_tokens.h"
#include "app/agent/camara/camara.h"
#include "app/agent/own_routes.h"
#include "app/common/log.h"
#include "core/net/http_server.h"

namespace netpas::agent {

struct FrontDoorContext {
    const Clock& clock;
    app::Timers& timers;
    cartographer::Cartographer& cartographer;
    app::LogSink log;
    std::filesystem::path folder;         // private; tokens and sessions are kept there
    std::filesystem::path sinkAuthority;  // camara::Sinks
    std::function<bool(const IpAddress&)> isOwn;
    // Who answers what is not answered here; `request.peer` says who asks.
    net::HttpHandler inside;
    // The secretary, for what is bought here.
    std::function<void(const net::HttpRequest& request, std::function<void(net::HttpResponse)> reply)> secretary;
};

class FrontDoor {
public:
    explicit FrontDoor(FrontDoorContext context);
    ~FrontDoor();
    FrontDoor(const FrontDoor&) = delete;
    FrontDoor& operator=(const FrontDoor&) = delete;

    // The names that a caller over TCP may have for this machine: 127.0.0.1, [::1] and localhost, each with this port. 0: nobody listens.
    void setTcpPort(uint16_t port);
    void handle(const net::HttpRequest& request, const net::HttpReply& reply);
    // Without CAMARA's, which has its own description.
    [[nodiscard]] static RouteNames routes();

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

}  // namespace netpas::agent
