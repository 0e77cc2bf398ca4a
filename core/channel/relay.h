// Streams over the channel. The secretary has no network: its TLS connections to the ISP's accounting server run through its agent, which
// sees only what TLS shows. Control thread; everything ends with the session.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "core/channel/messages.h"
#include "core/net/tls_link.h"
#include "core/net_address.h"

namespace boost::asio {
class io_context;
}

namespace netpas::channel {

inline constexpr size_t maxStreams = 8;

// The secretary's end.
class RelayedStreams {
public:
    // `send` gives a message to the channel; false: it is down.
    RelayedStreams(boost::asio::io_context& io, std::function<bool(const Message&)> send);
    ~RelayedStreams();
    RelayedStreams(const RelayedStreams&) = delete;
    RelayedStreams& operator=(const RelayedStreams&) = delete;

    // For TlsDialer and AccountingClient: a socket whose other end is carried to the agent. May outlive this object.
    [[nodiscard]] net::Connector connector();
    // True when the message was about a stream.
    bool take(const Message& message);
    // The session has ended: every stream is cut.
    void cut();

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

// The agent's end.
class StreamRelay {
public:
    // `allows`: whether this agent connects there for its secretary. `mark`: of its sockets (SO_MARK), so that they are never diverted;
    // 0: none.
    StreamRelay(boost::asio::io_context& io, std::function<bool(const Message&)> send,
                std::function<bool(const Endpoint&)> allows, uint32_t mark);
    ~StreamRelay();
    StreamRelay(const StreamRelay&) = delete;
    StreamRelay& operator=(const StreamRelay&) = delete;

    bool take(const Message& message);
    void cut();

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::channel
