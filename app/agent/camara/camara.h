// CAMARA Quality-On-Demand and QoS Profiles on the agent's listener: /quality-on-demand/v1 and /qos-profiles/v1. Who asks is who holds
// the access token (access_tokens.h), whatever door he came through; errors are CAMARA's {status, code, message}. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/agent/access_tokens.h"
#include "app/agent/camara/sessions.h"
#include "core/net/http.h"

namespace netpas::agent::camara {

struct CamaraContext {
    const AccessTokens& tokens;
    SessionsContext sessions;
    std::function<bool(const IpAddress&)> isOwn;  // an address of this machine
    // Requests of one client in a second; beyond that they are refused for a second.
    uint32_t mostPerSecond = 100;
};

class Camara {
public:
    using Reply = std::function<void(net::HttpResponse)>;

    explicit Camara(CamaraContext context);
    ~Camara();
    Camara(const Camara&) = delete;
    Camara& operator=(const Camara&) = delete;

    // Paths below these are this one's.
    [[nodiscard]] static bool owns(std::string_view path);
    void handle(const net::HttpRequest& request, Reply reply);
    // GET /v1/quotes/ID: what a session costs, for the user whose it is and for root.
    void quote(const net::HttpRequest& request, const Reply& reply) const;

private:
    struct Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::agent::camara
