// Inside core/net only: OpenSSL set up for TLS 1.3 with pinned Ed25519 keys and no certificate authorities, and the TCP below it.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <optional>

#include <tl/expected.hpp>

#include "core/crypto/identity.h"
#include "core/net/net_error.h"
#include "core/net_address.h"

namespace netpas::net {

enum class ClientCertificate { Required, None };

// Contexts carry a self-signed certificate made in memory from the identity; its dates mean nothing. No session tickets:
// every connection proves its key anew.
[[nodiscard]] boost::asio::ssl::context makeServerContext(const Identity& identity, ClientCertificate clients);
[[nodiscard]] boost::asio::ssl::context makeClientContext(const Identity* identity);

// Called in the handshake with the key that the other end will have to prove. Must be set on every stream whose context
// asks for a certificate; without one the handshake fails.
using KeyCheck = std::function<bool(const PublicKey&)>;
// `check` must outlive the handshake.
void setKeyCheck(SSL* ssl, const KeyCheck* check);
[[nodiscard]] std::optional<PublicKey> peerKey(SSL* ssl);

[[nodiscard]] boost::asio::ip::tcp::endpoint toAsio(const Endpoint& endpoint);
[[nodiscard]] Endpoint fromAsio(const boost::asio::ip::tcp::endpoint& endpoint);
// Listens there, for one family only. Port 0 takes a free one.
[[nodiscard]] tl::expected<boost::asio::ip::tcp::acceptor, NetError> openAcceptor(boost::asio::io_context& io,
                                                                                  const Endpoint& endpoint);

}  // namespace netpas::net
