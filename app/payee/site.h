// Sells what lies in a folder, or behind another web server, with status 402 (x402 versions 1 and 2). Thread of the io_context.
#pragma once

#include <memory>
#include <string>

#include "app/payee/cashier.h"
#include "app/payee/payee_config.h"
#include "core/net/http_server.h"

namespace netpas::payee {

// Under the site's URL, for buyers who do not know the payee.
inline constexpr std::string_view certificatePath = "/.well-known/netpas-payee.pem";

class Site {
public:
    // `io` and `cashier` outlive it. `certificate`: PEM; may be empty.
    Site(boost::asio::io_context& io, Cashier& cashier, SiteSettings settings, std::string certificate);
    void handle(const net::HttpRequest& request, const net::HttpReply& reply) const;

    // The address of a request as it is sold: the same for every way to write it.
    [[nodiscard]] std::string urlOf(const net::HttpRequest& request) const;
    [[nodiscard]] const PricedPath* priceOf(std::string_view path) const;

private:
    using Done = std::function<void(net::HttpResponse)>;
    void sell(const net::HttpRequest& request, const PricedPath& price, const net::HttpReply& reply) const;
    [[nodiscard]] net::HttpResponse offer(const net::HttpRequest& request, const PricedPath& price,
                                          const std::string& error) const;
    [[nodiscard]] x402::Offer offerOf(const net::HttpRequest& request, const PricedPath& price,
                                      x402::Version version) const;
    void load(const net::HttpRequest& request, const Done& done) const;
    [[nodiscard]] net::HttpResponse file(std::string_view path) const;

    boost::asio::io_context& m_io;
    Cashier& m_cashier;
    SiteSettings m_settings;
    std::string m_certificate;
};

}  // namespace netpas::payee
