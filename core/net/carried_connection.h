// Inside core/net only: a connection that another thread carries, as its owner's thread sees it. Messages cross in both directions
// through a mailbox each, a burst at a time.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <mutex>
#include <vector>

#include "core/net/tls_connection.h"

namespace netpas::net {

class CarriedConnection final : public TlsConnection, public std::enable_shared_from_this<CarriedConnection> {
public:
    // Owner's thread. The carried connection waits for approval and says nothing before open().
    CarriedConnection(boost::asio::any_io_executor owner, const std::shared_ptr<FramedTls>& carried,
                      const PublicKey& peerKey, const Endpoint& remote, const LinkLimits& limits);

    // Owner's thread, once, after the handlers are set.
    void open();

    bool send(Bytes message) override;
    void close() override;
    bool isOpen() const override { return m_open; }
    const PublicKey& peerKey() const override { return m_peerKey; }
    const Endpoint& remote() const override { return m_remote; }

private:
    struct Mailbox {
        std::vector<Bytes> messages;
        size_t bytes = 0;
        bool fetching = false;  // a task that empties it is on its way
    };

    // The carrier's thread.
    void arrived(FramedTls& carried, ByteView message);
    void sendAll(FramedTls& carried);
    void ended(NetError error);
    // Owner's thread.
    void deliver();

    boost::asio::any_io_executor m_owner;
    boost::asio::any_io_executor m_carrier;
    std::weak_ptr<FramedTls> m_carried;  // it holds this, and is held by its own operations
    PublicKey m_peerKey;
    Endpoint m_remote;
    LinkLimits m_limits;
    bool m_open = true;  // owner's thread

    std::mutex m_mutex;  // of what follows
    Mailbox m_in;
    Mailbox m_out;
    bool m_paused = false;  // the carrier reads no more until the owner has caught up
};

}  // namespace netpas::net
