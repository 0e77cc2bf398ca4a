#include "core/net/carried_connection.h"

#include <boost/asio/post.hpp>

namespace netpas::net {

namespace asio = boost::asio;

CarriedConnection::CarriedConnection(asio::any_io_executor owner, const std::shared_ptr<FramedTls>& carried,
                                     const PublicKey& peerKey, const Endpoint& remote, const LinkLimits& limits)
    : m_owner(std::move(owner)),
      m_carrier(carried->executor()),
      m_carried(carried),
      m_peerKey(peerKey),
      m_remote(remote),
      m_limits(limits) {}

void CarriedConnection::open() {
    const auto carried = m_carried.lock();
    if (!carried) return;
    asio::post(m_carrier, [self = shared_from_this(), weak = m_carried] {
        const auto there = weak.lock();
        if (!there) return;
        there->onMessage = [self, raw = there.get()](ByteView message) { self->arrived(*raw, message); };
        there->onClosed = [self](NetError error) { self->ended(error); };
        there->approved(true);
        // It may have ended while it waited.
        if (!there->isOpen()) self->ended(NetError::Closed);
    });
}

bool CarriedConnection::send(Bytes message) {
    if (!m_open || message.size() > m_limits.maxMessage) return false;
    const auto carried = m_carried.lock();
    if (!carried) return false;
    const std::lock_guard lock(m_mutex);
    if (m_out.bytes + message.size() + 4 > m_limits.maxQueued) return false;
    m_out.bytes += message.size() + 4;
    m_out.messages.push_back(std::move(message));
    if (std::exchange(m_out.fetching, true)) return true;
    asio::post(m_carrier, [self = shared_from_this(), weak = m_carried] {
        if (const auto there = weak.lock()) self->sendAll(*there);
    });
    return true;
}

// Here a full queue is found out after the message was taken: the connection ends, and the owner hears of it.
void CarriedConnection::sendAll(FramedTls& carried) {
    std::vector<Bytes> messages;
    {
        const std::lock_guard lock(m_mutex);
        messages.swap(m_out.messages);
        m_out.bytes = 0;
        m_out.fetching = false;
    }
    for (Bytes& message : messages) {
        if (carried.isOpen() && !carried.send(std::move(message))) return carried.giveUp();
    }
}

void CarriedConnection::close() {
    if (!std::exchange(m_open, false)) return;
    // Handlers own whoever set them; they run no more, and may be running now.
    asio::post(m_owner, [self = shared_from_this()] {
        self->onMessage = nullptr;
        self->onClosed = nullptr;
    });
    const auto carried = m_carried.lock();
    if (!carried) return;
    asio::post(m_carrier, [weak = m_carried] {
        if (const auto there = weak.lock()) there->close();
    });
}

void CarriedConnection::arrived(FramedTls& carried, ByteView message) {
    const std::lock_guard lock(m_mutex);
    m_in.bytes += message.size();
    m_in.messages.emplace_back(message.begin(), message.end());
    if (m_in.bytes > 4 * m_limits.maxMessage && !std::exchange(m_paused, true)) carried.pause();
    if (std::exchange(m_in.fetching, true)) return;
    asio::post(m_owner, [self = shared_from_this()] { self->deliver(); });
}

void CarriedConnection::deliver() {
    std::vector<Bytes> messages;
    bool resume = false;
    {
        const std::lock_guard lock(m_mutex);
        messages.swap(m_in.messages);
        m_in.bytes = 0;
        m_in.fetching = false;
        resume = std::exchange(m_paused, false);
    }
    for (const Bytes& message : messages) {
        if (!m_open) return;
        if (onMessage) onMessage(message);
    }
    if (!resume || !m_open || m_carried.expired()) return;
    asio::post(m_carrier, [weak = m_carried] {
        if (const auto there = weak.lock()) there->resume();
    });
}

void CarriedConnection::ended(NetError error) {
    asio::post(m_owner, [self = shared_from_this(), error] {
        if (!std::exchange(self->m_open, false)) return;
        const auto closed = std::exchange(self->onClosed, nullptr);
        self->onMessage = nullptr;
        if (closed) closed(error);
    });
}

}  // namespace netpas::net
