// Inside core/net only: one TLS connection with framing, a bounded queue and signs of life.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>

#include "core/net/tls_context.h"
#include "core/net/tls_link.h"

namespace netpas::net {

class FramedTls final : public TlsConnection, public std::enable_shared_from_this<FramedTls> {
public:
    using Stream = boost::asio::ssl::stream<boost::asio::generic::stream_protocol::socket>;

    // Over TCP, or over a local socket whose other end is carried to the peer.
    FramedTls(boost::asio::generic::stream_protocol::socket socket, boost::asio::ssl::context& context,
              const LinkLimits& limits, KeyCheck check, const Endpoint& remote);

    // `done` is called once. A client is ready when the server's first frame is in, because only then has the server
    // accepted its key (TLS 1.3 lets the client finish first); a server sends that frame.
    void handshake(boost::asio::ssl::stream_base::handshake_type side,
                   std::function<void(tl::expected<void, NetError>)> done);

    bool send(Bytes message) override;
    void close() override;
    bool isOpen() const override { return m_state == State::Open; }
    const PublicKey& peerKey() const override { return m_peerKey; }
    const Endpoint& remote() const override { return m_remote; }

    // Called once when the connection has ended in any way; for whoever counts connections.
    std::function<void()> onGone;
    // Of a server: asked after the handshake, before the client hears anything; approved() answers, at once or later.
    std::function<void(const PublicKey&)> onProved;
    void approved(bool yes);
    // No more is read until resume(); frames that are here already still arrive.
    void pause() { m_reading = Reading::Pausing; }
    void resume();
    // Ends it as if the other end had gone.
    void giveUp() { fail(NetError::Closed); }
    [[nodiscard]] boost::asio::any_io_executor executor() { return m_stream.get_executor(); }

private:
    enum class State { Handshake, Open, Draining, Closed };
    enum class Reading { Running, Pausing, Paused };

    void handshakeDone(boost::asio::ssl::stream_base::handshake_type side, bool failed);
    void becomeOpen();
    void read();
    void received(size_t count);
    [[nodiscard]] bool takeFrames();
    void flush();
    void enqueue(const Bytes& message);
    void armTimer();
    void tick();
    void fail(NetError error);
    void shut();

    Stream m_stream;
    boost::asio::steady_timer m_timer;
    LinkLimits m_limits;
    KeyCheck m_check;
    Endpoint m_remote;
    PublicKey m_peerKey;
    std::function<void(tl::expected<void, NetError>)> m_ready;
    State m_state = State::Handshake;
    Reading m_reading = Reading::Running;
    bool m_proving = false;  // its key waits for the owner's word
    bool m_awaitFirstFrame = false;
    bool m_writing = false;
    Bytes m_input;   // not yet parsed
    Bytes m_queued;  // frames that wait for the write under way
    Bytes m_inFlight;
    std::chrono::steady_clock::time_point m_heard;
    std::chrono::steady_clock::time_point m_deadline;  // of the handshake, or of draining
};

}  // namespace netpas::net
