// Messages over TLS 1.3 with both ends authenticated by pinned Ed25519 keys (DESIGN §8).
// A frame is a 32-bit length and that many bytes; an empty frame is a sign of life.
// Everything here runs on the thread that runs the io_context; handlers are called there, never from inside send().
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "core/crypto/identity.h"
#include "core/net/net_error.h"
#include "core/net_address.h"

namespace boost::asio {
class io_context;
}

namespace netpas::net {

struct LinkLimits {
    size_t maxMessage = 65536;           // bytes; a longer frame closes the link before memory is taken
    size_t maxQueued = size_t{4} << 20;  // bytes waiting to be sent; beyond that send() refuses
    std::chrono::milliseconds handshakeTimeout{5000};
    std::chrono::milliseconds pingInterval{5000};
    std::chrono::milliseconds silenceTimeout{20000};  // nothing heard for so long: closed
};

// An authenticated connection. It lives until one end closes it, also when nobody holds it.
class TlsConnection {
public:
    virtual ~TlsConnection() = default;
    // False when the queue is full or the connection is closed: the message was not taken.
    [[nodiscard]] virtual bool send(Bytes message) = 0;
    // What was taken for sending still leaves, within two seconds; handlers are called no more.
    virtual void close() = 0;
    [[nodiscard]] virtual bool isOpen() const = 0;
    [[nodiscard]] virtual const PublicKey& peerKey() const = 0;
    [[nodiscard]] virtual const Endpoint& remote() const = 0;

    std::function<void(ByteView)> onMessage;
    // Once, after the last message. Not called for close() by this side. TlsDialer uses it itself: see onDown.
    std::function<void(NetError)> onClosed;
};

class TlsThreads;

// One address cannot take every place of a listener.
inline constexpr size_t maxConnectionsOfAddress = 64;

// Accepts connections of known keys.
class TlsListener {
public:
    struct Handlers {
        // Asked in the handshake; false refuses the peer before it can say anything.
        std::function<bool(const PublicKey&, const Endpoint& remote)> accepts;
        std::function<void(std::shared_ptr<TlsConnection>)> onConnection;
        // For a rate-limited log: who was turned away.
        std::function<void(NetError, const Endpoint& remote)> onRefused;
    };

    // `identity` is read here only. maxConnections bounds handshakes in progress and connections together. With `threads`, which must
    // outlive the listener, these carry the connections; handlers are called on `io` all the same.
    TlsListener(boost::asio::io_context& io, const Identity& identity, Handlers handlers, LinkLimits limits = {},
                size_t maxConnections = 1024, TlsThreads* threads = nullptr);
    ~TlsListener();
    TlsListener(const TlsListener&) = delete;
    TlsListener& operator=(const TlsListener&) = delete;

    // Port 0 takes a free one; the answer is the port in use. May be called for several addresses.
    [[nodiscard]] tl::expected<uint16_t, NetError> listen(const Endpoint& endpoint);
    // Stops accepting; connections that were handed out stay.
    void close();

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

struct DialBackoff {
    std::chrono::milliseconds first{100};
    std::chrono::milliseconds longest{5000};
};

// Makes a connection in another way than TCP: `done` gets a connected stream socket, owned by the receiver from then on. Called once for
// every attempt; after the receiver has given up, `done` closes what it gets.
using Connector = std::function<void(const Endpoint& server, std::function<void(tl::expected<int, NetError>)> done)>;

// Keeps one connection to a known server: connects, and connects again after a pause that doubles up to a limit.
class TlsDialer {
public:
    struct Handlers {
        // The server has accepted our key. Set the connection's own handlers here.
        std::function<void(std::shared_ptr<TlsConnection>)> onUp;
        std::function<void(NetError)> onDown;  // after every loss and every failed attempt
    };
    TlsDialer(boost::asio::io_context& io, const Identity& identity, Endpoint server, PublicKey serverKey,
              Handlers handlers, LinkLimits limits = {}, DialBackoff backoff = {}, Connector connector = {});
    ~TlsDialer();
    TlsDialer(const TlsDialer&) = delete;
    TlsDialer& operator=(const TlsDialer&) = delete;

    void start();
    // No handler is called any more.
    void stop();

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::net
