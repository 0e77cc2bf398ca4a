#include "core/net/tls_connection.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

namespace netpas::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {
constexpr size_t readChunk = 16384;  // one TLS record
constexpr auto drainTime = std::chrono::seconds(2);
}  // namespace

FramedTls::FramedTls(asio::generic::stream_protocol::socket socket, asio::ssl::context& context,
                     const LinkLimits& limits, KeyCheck check, const Endpoint& remote)
    : m_stream(std::move(socket), context),
      m_timer(m_stream.get_executor()),
      m_limits(limits),
      m_check(std::move(check)),
      m_remote(remote),
      m_heard(std::chrono::steady_clock::now()) {
    error_code ignored;
    m_stream.next_layer().set_option(asio::ip::tcp::no_delay(true), ignored);  // not on a local socket
}

void FramedTls::handshake(asio::ssl::stream_base::handshake_type side,
                          std::function<void(tl::expected<void, NetError>)> done) {
    m_ready = std::move(done);
    m_deadline = std::chrono::steady_clock::now() + m_limits.handshakeTimeout;
    setKeyCheck(m_stream.native_handle(), &m_check);
    armTimer();
    m_stream.async_handshake(side, [self = shared_from_this(), side](const error_code& error) {
        self->handshakeDone(side, static_cast<bool>(error));
    });
}

void FramedTls::handshakeDone(asio::ssl::stream_base::handshake_type side, bool failed) {
    if (m_state != State::Handshake) return;
    const auto key = net::peerKey(m_stream.native_handle());
    if (failed || !key) {
        fail(NetError::Refused);
        return;
    }
    m_peerKey = *key;
    if (side == asio::ssl::stream_base::client) {
        m_awaitFirstFrame = true;
        read();
    } else if (const auto proved = std::exchange(onProved, nullptr)) {
        m_proving = true;
        armTimer();
        proved(m_peerKey);
    } else {
        approved(true);
    }
}

void FramedTls::approved(bool yes) {
    if (m_state != State::Handshake) return;
    m_proving = false;
    if (!yes) return fail(NetError::Refused);
    enqueue({});
    becomeOpen();
    flush();
    if (m_state != State::Closed) read();
}

void FramedTls::resume() {
    const bool stopped = std::exchange(m_reading, Reading::Running) == Reading::Paused;
    if (stopped && m_state == State::Open) read();
}

void FramedTls::becomeOpen() {
    m_state = State::Open;
    m_heard = std::chrono::steady_clock::now();
    if (auto ready = std::exchange(m_ready, nullptr)) ready({});
}

void FramedTls::read() {
    const size_t have = m_input.size();
    m_input.resize(have + readChunk);
    m_stream.async_read_some(asio::buffer(m_input.data() + have, readChunk),
                             [self = shared_from_this(), have](const error_code& error, size_t count) {
                                 self->m_input.resize(have + count);
                                 if (error) {
                                     self->fail(NetError::Closed);
                                 } else {
                                     self->received(count);
                                 }
                             });
}

void FramedTls::received(size_t) {
    m_heard = std::chrono::steady_clock::now();
    if (!takeFrames()) return;
    if (m_reading == Reading::Running) return read();
    m_reading = Reading::Paused;
    armTimer();
}

// False when the connection has ended meanwhile.
bool FramedTls::takeFrames() {
    size_t at = 0;
    while (m_input.size() - at >= 4) {
        const size_t length = load32(m_input.data() + at);
        if (length > m_limits.maxMessage) {
            fail(NetError::TooLarge);
            return false;
        }
        if (m_input.size() - at - 4 < length) break;
        if (std::exchange(m_awaitFirstFrame, false)) becomeOpen();
        if (length > 0 && m_state == State::Open && onMessage) onMessage({m_input.data() + at + 4, length});
        if (m_state != State::Open) return false;
        at += 4 + length;
    }
    m_input.erase(m_input.begin(), m_input.begin() + static_cast<std::ptrdiff_t>(at));
    return true;
}

void FramedTls::enqueue(const Bytes& message) {
    const size_t at = m_queued.size();
    m_queued.resize(at + 4 + message.size());
    store32(m_queued.data() + at, static_cast<uint32_t>(message.size()));
    std::copy(message.begin(), message.end(), m_queued.begin() + static_cast<std::ptrdiff_t>(at + 4));
}

bool FramedTls::send(Bytes message) {
    if (m_state != State::Open || message.size() > m_limits.maxMessage) return false;
    if (m_queued.size() + m_inFlight.size() + message.size() + 4 > m_limits.maxQueued) return false;
    enqueue(message);
    flush();
    return true;
}

void FramedTls::flush() {
    if (m_writing || m_queued.empty() || m_state == State::Closed) return;
    m_writing = true;
    m_inFlight.swap(m_queued);
    asio::async_write(m_stream, asio::buffer(m_inFlight), [self = shared_from_this()](const error_code& error, size_t) {
        self->m_writing = false;
        self->m_inFlight.clear();
        if (error) {
            self->fail(NetError::Closed);
        } else if (self->m_state == State::Draining && self->m_queued.empty()) {
            self->shut();
        } else {
            self->flush();
        }
    });
}

void FramedTls::armTimer() {
    const auto interval =
        m_state == State::Open ? m_limits.pingInterval : std::min(m_limits.pingInterval, m_limits.handshakeTimeout);
    m_timer.expires_after(interval);
    // While it waits for its owner, this is the only operation that keeps it.
    const bool waits = m_proving || m_reading == Reading::Paused;
    m_timer.async_wait([weak = weak_from_this(), held = waits ? shared_from_this() : nullptr](const error_code& error) {
        const auto self = weak.lock();
        if (!error && self) self->tick();
    });
}

void FramedTls::tick() {
    const auto now = std::chrono::steady_clock::now();
    switch (m_state) {
    case State::Handshake:
        if (now >= m_deadline) {
            fail(NetError::TimedOut);
            return;
        }
        break;
    case State::Open:
        if (m_reading == Reading::Paused) m_heard = now;  // silent because nobody listens
        if (now - m_heard > m_limits.silenceTimeout) {
            fail(NetError::TimedOut);
            return;
        }
        if (!m_writing) {
            enqueue({});
            flush();
        }
        break;
    case State::Draining:
        if (now >= m_deadline) shut();
        break;
    case State::Closed: return;
    }
    if (m_state != State::Closed) armTimer();
}

void FramedTls::fail(NetError error) {
    if (m_state == State::Closed) return;
    const bool wasOpen = m_state == State::Open;
    // After our half of the handshake a hang-up means that the other end turned our key away.
    const bool early = m_awaitFirstFrame && error == NetError::Closed;
    auto ready = std::exchange(m_ready, nullptr);
    auto closed = wasOpen ? std::exchange(onClosed, nullptr) : nullptr;
    shut();
    if (ready) ready(tl::unexpected(early ? NetError::Refused : error));
    if (closed) closed(error);
}

// What is queued still leaves; nothing is read or reported any more.
void FramedTls::close() {
    if (m_state != State::Open || (!m_writing && m_queued.empty())) {
        shut();
        return;
    }
    m_state = State::Draining;
    m_deadline = std::chrono::steady_clock::now() + drainTime;
    m_timer.cancel();
    armTimer();
}

void FramedTls::shut() {
    if (m_state == State::Closed) return;
    m_state = State::Closed;
    m_timer.cancel();
    error_code ignored;
    m_stream.next_layer().shutdown(asio::socket_base::shutdown_both, ignored);
    m_stream.next_layer().close(ignored);
    // Handlers own whoever set them; they run no more, and may be running now.
    asio::post(m_stream.get_executor(), [self = shared_from_this()] {
        self->onMessage = nullptr;
        self->onClosed = nullptr;
        self->onProved = nullptr;
        self->m_ready = nullptr;
    });
    if (auto gone = std::exchange(onGone, nullptr)) gone();
}

}  // namespace netpas::net
