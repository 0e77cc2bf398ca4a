// The HTTP interface of x402 facilitators: GET /supported, POST /verify, POST /settle; and GET /status for the operator. For web servers
// that answer 402 themselves. Thread of the io_context.
#pragma once

#include <string>

#include "app/payee/cashier.h"
#include "core/net/http_server.h"

namespace netpas::payee {

class Facilitator {
public:
    // `cashier` outlives it. `token`: what callers must show as a bearer; empty: nothing. `certificate`: its URL, for offers.
    Facilitator(Cashier& cashier, std::string token, std::string certificate)
        : m_cashier(cashier), m_token(std::move(token)), m_certificate(std::move(certificate)) {}
    void handle(const net::HttpRequest& request, const net::HttpReply& reply) const;

private:
    [[nodiscard]] bool allowed(const net::HttpRequest& request) const;
    [[nodiscard]] net::HttpResponse supported() const;
    [[nodiscard]] net::HttpResponse status() const;
    void judge(const net::HttpRequest& request, bool settle, const net::HttpReply& reply) const;

    Cashier& m_cashier;
    std::string m_token;
    std::string m_certificate;
};

}  // namespace netpas::payee
