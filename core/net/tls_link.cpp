#include "core/net/tls_link.h"

#include <boost/asio/io_context.hpp>
#include <list>
#include <map>
#include <set>

#include "core/net/carried_connection.h"
#include "core/net/tls_connection.h"
#include "core/net/tls_threads.h"

namespace netpas::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// Handshakes in progress and connections together. Shared with the connections, which may outlive the listener.
struct OpenConnections {
    size_t total = 0;
    std::map<IpAddress, size_t> ofAddress;  // no zeros

    [[nodiscard]] bool haveRoomFor(const IpAddress& address, size_t most) const {
        const auto held = ofAddress.find(address);
        return total < most && (held == ofAddress.end() || held->second < maxConnectionsOfAddress);
    }
    void add(const IpAddress& address) {
        ++total;
        ++ofAddress[address];
    }
    void remove(const IpAddress& address) {
        --total;
        const auto held = ofAddress.find(address);
        if (held != ofAddress.end() && --held->second == 0) ofAddress.erase(held);
    }
};

}  // namespace

class TlsListener::Impl : public std::enable_shared_from_this<TlsListener::Impl> {
public:
    Impl(asio::io_context& io, const Identity& identity, Handlers handlers, LinkLimits limits, size_t maxConnections,
         TlsThreads* threads)
        : m_io(io),
          m_threads(threads),
          m_context(makeServerContext(identity, ClientCertificate::Required)),
          m_handlers(std::move(handlers)),
          m_limits(limits),
          m_maxConnections(maxConnections) {}

    tl::expected<uint16_t, NetError> listen(const Endpoint& endpoint) {
        auto acceptor = openAcceptor(m_io, endpoint);
        if (!acceptor) return tl::unexpected(acceptor.error());
        error_code ignored;
        const uint16_t port = acceptor->local_endpoint(ignored).port();
        m_acceptors.push_back(std::move(*acceptor));
        accept(m_acceptors.back());
        return port;
    }

    void close() {
        m_closed = true;
        error_code ignored;
        for (tcp::acceptor& acceptor : m_acceptors) acceptor.close(ignored);
        m_handlers = {};
    }

private:
    void accept(tcp::acceptor& acceptor) {
        acceptor.async_accept([self = shared_from_this(), &acceptor](const error_code& error, tcp::socket socket) {
            if (self->m_closed || error == asio::error::operation_aborted) return;
            if (error) {
                self->pauseThenAccept(acceptor);  // most likely out of file descriptors
                return;
            }
            self->welcome(std::move(socket));
            self->accept(acceptor);
        });
    }

    void pauseThenAccept(tcp::acceptor& acceptor) {
        auto timer = std::make_shared<asio::steady_timer>(m_io, std::chrono::milliseconds(100));
        timer->async_wait([self = shared_from_this(), timer, &acceptor](const error_code&) {
            if (!self->m_closed) self->accept(acceptor);
        });
    }

    void welcome(tcp::socket socket) {
        error_code error;
        const tcp::endpoint at = socket.remote_endpoint(error);
        const Endpoint remote = fromAsio(at);
        if (error || !m_open->haveRoomFor(remote.address, m_maxConnections)) return;  // the socket closes itself
        if (m_threads != nullptr) return hand(std::move(socket), remote);
        auto check = [weak = weak_from_this(), remote](const PublicKey& key) {
            const auto self = weak.lock();
            return self && self->m_handlers.accepts && self->m_handlers.accepts(key, remote);
        };
        auto connection = std::make_shared<FramedTls>(std::move(socket), m_context, m_limits, check, remote);
        m_open->add(remote.address);
        connection->onGone = [open = m_open, address = remote.address] { open->remove(address); };
        // Weak: the connection keeps this function until its handshake is over, and lives by its own operations.
        connection->handshake(
            asio::ssl::stream_base::server,
            [weak = weak_from_this(), weakConnection = std::weak_ptr(connection), remote](auto result) {
                const auto self = weak.lock();
                const auto accepted = weakConnection.lock();
                if (!accepted) return;
                if (!self || self->m_closed) {
                    accepted->close();
                } else if (!result) {
                    if (self->m_handlers.onRefused) self->m_handlers.onRefused(result.error(), remote);
                } else if (self->m_handlers.onConnection) {
                    self->m_handlers.onConnection(accepted);
                }
            });
    }

    // To the thread that will carry it. Who may connect is asked here, when the key is proved.
    void hand(tcp::socket accepted, const Endpoint& remote) {
        error_code error;
        const auto protocol = accepted.local_endpoint(error).protocol();
        tcp::socket socket(m_threads->next());
        socket.assign(protocol, accepted.release(error), error);
        if (error) return;
        static const KeyCheck anyKey = [](const PublicKey&) { return true; };
        auto carried = std::make_shared<FramedTls>(std::move(socket), m_context, m_limits, anyKey, remote);
        m_open->add(remote.address);
        carried->onGone = [owner = m_io.get_executor(), open = m_open, remote] {
            asio::post(owner, [open, remote] { open->remove(remote.address); });
        };
        carried->onProved = [weak = weak_from_this(), owner = m_io.get_executor(),
                             carried = std::weak_ptr(carried)](const PublicKey& key) {
            asio::post(owner, [weak, carried, key] {
                const auto self = weak.lock();
                const auto proved = carried.lock();
                if (self && proved) self->decide(proved, key);
            });
        };
        asio::post(carried->executor(), [carried, weak = weak_from_this(), owner = m_io.get_executor(), remote] {
            carried->handshake(asio::ssl::stream_base::server, [weak, owner, remote](auto result) {
                if (result) return;
                asio::post(owner, [weak, error = result.error(), remote] {
                    const auto self = weak.lock();
                    if (self && !self->m_closed && self->m_handlers.onRefused)
                        self->m_handlers.onRefused(error, remote);
                });
            });
        });
    }

    void decide(const std::shared_ptr<FramedTls>& proved, const PublicKey& key) {
        const Endpoint remote = proved->remote();
        const bool welcome = !m_closed && m_handlers.accepts && m_handlers.accepts(key, remote);
        if (!welcome || !m_handlers.onConnection) {
            asio::post(proved->executor(), [proved] { proved->approved(false); });
            return;
        }
        auto connection = std::make_shared<CarriedConnection>(m_io.get_executor(), proved, key, remote, m_limits);
        m_handlers.onConnection(connection);
        connection->open();
    }

    asio::io_context& m_io;
    TlsThreads* m_threads;
    asio::ssl::context m_context;
    Handlers m_handlers;
    LinkLimits m_limits;
    size_t m_maxConnections;
    std::shared_ptr<OpenConnections> m_open = std::make_shared<OpenConnections>();
    std::list<tcp::acceptor> m_acceptors;  // addresses stay valid
    bool m_closed = false;
};

TlsListener::TlsListener(asio::io_context& io, const Identity& identity, Handlers handlers, LinkLimits limits,
                         size_t maxConnections, TlsThreads* threads)
    : m_impl(std::make_shared<Impl>(io, identity, std::move(handlers), limits, maxConnections, threads)) {}
TlsListener::~TlsListener() { m_impl->close(); }
tl::expected<uint16_t, NetError> TlsListener::listen(const Endpoint& endpoint) { return m_impl->listen(endpoint); }
void TlsListener::close() { m_impl->close(); }

class TlsDialer::Impl : public std::enable_shared_from_this<TlsDialer::Impl> {
public:
    Impl(asio::io_context& io, const Identity& identity, Endpoint server, PublicKey serverKey, Handlers handlers,
         LinkLimits limits, DialBackoff backoff, Connector connector)
        : m_context(makeClientContext(&identity)),
          m_io(io),
          m_timer(io),
          m_server(server),
          m_serverKey(serverKey),
          m_handlers(std::move(handlers)),
          m_limits(limits),
          m_backoff(backoff),
          m_connector(std::move(connector)),
          m_pause(backoff.first) {}

    void start() {
        if (!m_stopped) return;
        m_stopped = false;
        asio::post(m_io, [self = shared_from_this()] {
            if (!self->m_stopped) self->connect();
        });
    }

    void stop() {
        m_stopped = true;
        ++m_attempt;
        m_timer.cancel();
        error_code ignored;
        if (m_socket) m_socket->close(ignored);
        if (auto connection = std::exchange(m_connection, nullptr)) {
            connection->onClosed = nullptr;
            connection->close();
        }
    }

private:
    void connect() {
        if (m_connector) {
            connectElsewhere();
        } else {
            connectTcp();
        }
    }

    void connectElsewhere() {
        const uint64_t attempt = ++m_attempt;
        m_timer.expires_after(m_limits.handshakeTimeout);
        m_timer.async_wait([self = shared_from_this(), attempt](const error_code& error) {
            if (!error && self->m_attempt == attempt) self->lost(NetError::TimedOut);
        });
        m_connector(m_server, [self = shared_from_this(), attempt](tl::expected<int, NetError> made) {
            asio::generic::stream_protocol::socket socket(self->m_io);
            error_code failed;
            if (made) socket.assign({AF_UNIX, 0}, *made, failed);
            if (self->m_stopped || self->m_attempt != attempt) return;  // the socket closes itself
            self->m_timer.cancel();
            if (!made || failed) {
                self->lost(made ? NetError::CannotConnect : made.error());
            } else {
                self->secure(std::move(socket));
            }
        });
    }

    void connectTcp() {
        m_socket = std::make_shared<tcp::socket>(m_io);
        m_timer.expires_after(m_limits.handshakeTimeout);
        m_timer.async_wait([socket = m_socket](const error_code& error) {
            error_code ignored;
            if (!error) socket->close(ignored);
        });
        m_socket->async_connect(
            toAsio(m_server), [self = shared_from_this(), socket = m_socket](const error_code& error) {
                if (self->m_stopped || self->m_socket != socket) return;
                self->m_timer.cancel();
                if (error || !socket->is_open()) {
                    self->lost(error == asio::error::operation_aborted ? NetError::TimedOut : NetError::CannotConnect);
                } else {
                    self->secure(std::move(*socket));
                }
            });
    }

    void secure(asio::generic::stream_protocol::socket socket) {
        auto check = [expected = m_serverKey](const PublicKey& key) { return key == expected; };
        auto connection = std::make_shared<FramedTls>(std::move(socket), m_context, m_limits, check, m_server);
        m_connection = connection;
        connection->handshake(asio::ssl::stream_base::client,
                              [weak = weak_from_this(), weakConnection = std::weak_ptr(connection)](auto result) {
                                  const auto self = weak.lock();
                                  const auto made = weakConnection.lock();
                                  if (!made) return;
                                  if (!self || self->m_stopped || self->m_connection != made) {
                                      made->close();
                                  } else if (!result) {
                                      self->lost(result.error());
                                  } else {
                                      self->up(made);
                                  }
                              });
    }

    void up(const std::shared_ptr<FramedTls>& connection) {
        m_pause = m_backoff.first;
        connection->onClosed = [weak = weak_from_this(), raw = connection.get()](NetError error) {
            const auto self = weak.lock();
            if (self && !self->m_stopped && self->m_connection.get() == raw) self->lost(error);
        };
        if (m_handlers.onUp) m_handlers.onUp(connection);
    }

    void lost(NetError error) {
        ++m_attempt;
        m_connection = nullptr;
        m_socket = nullptr;
        if (m_handlers.onDown) m_handlers.onDown(error);
        if (m_stopped) return;
        m_timer.expires_after(m_pause);
        m_pause = std::min(m_pause * 2, m_backoff.longest);
        m_timer.async_wait([self = shared_from_this()](const error_code& failed) {
            if (!failed && !self->m_stopped) self->connect();
        });
    }

    asio::ssl::context m_context;
    asio::io_context& m_io;
    asio::steady_timer m_timer;
    Endpoint m_server;
    PublicKey m_serverKey;
    Handlers m_handlers;
    LinkLimits m_limits;
    DialBackoff m_backoff;
    Connector m_connector;
    std::chrono::milliseconds m_pause;
    std::shared_ptr<tcp::socket> m_socket;
    std::shared_ptr<FramedTls> m_connection;
    bool m_stopped = true;
    uint64_t m_attempt = 0;  // what an older one brings is not wanted any more
};

TlsDialer::TlsDialer(asio::io_context& io, const Identity& identity, Endpoint server, PublicKey serverKey,
                     Handlers handlers, LinkLimits limits, DialBackoff backoff, Connector connector)
    : m_impl(std::make_shared<Impl>(io, identity, server, serverKey, std::move(handlers), limits, backoff,
                                    std::move(connector))) {}
TlsDialer::~TlsDialer() { m_impl->stop(); }
void TlsDialer::start() { m_impl->start(); }
void TlsDialer::stop() { m_impl->stop(); }

}  // namespace netpas::net
