#include "core/net/http_server.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <list>

#include "core/net/http_session.h"
#include "core/net/loopback_owner.h"
#include "core/net/tls_context.h"
#include "core/net/unix_connect.h"

namespace netpas::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Unix = asio::local::stream_protocol;
using TcpStream = beast::tcp_stream;
using TlsStream = asio::ssl::stream<TcpStream>;

HttpRequest toRequest(http::request<http::string_body>&& message, const HttpPeer& peer, bool& wellFormed) {
    HttpRequest request;
    request.method = std::string(message.method_string());
    const auto target = message.target();
    wellFormed = !target.empty() && target.front() == '/' &&
                 decodeTarget(std::string_view(target.data(), target.size()), request);
    for (const auto& field : message) {
        request.headers.push_back({std::string(field.name_string()), std::string(field.value())});
    }
    request.body = std::move(message.body());
    request.peer = peer.credentials;
    request.remote = peer.remote;
    request.clientKey = peer.clientKey;
    return request;
}

http::response<http::string_body> toMessage(HttpResponse response, unsigned version, bool keepAlive, bool headOnly) {
    http::response<http::string_body> message(http::int_to_status(response.status), version);
    message.result(response.status);
    if (response.status != 204 && response.status != 304) message.set(http::field::content_type, response.contentType);
    for (const HttpHeader& header : response.headers) message.set(header.name, header.value);
    message.keep_alive(keepAlive);
    const size_t size = response.body.size();
    if (!headOnly) message.body() = std::move(response.body);
    message.prepare_payload();
    if (headOnly) message.content_length(size);
    return message;
}

std::string HttpPeer::name() const {
    if (credentials || owner) return "uid " + std::to_string(credentials ? credentials->uid : *owner);
    if (withinMachine) return "nobody known";
    return remote ? remote->address.toString() : std::string{};
}

std::chrono::steady_clock::duration HttpShared::turn(const HttpPeer& peer) {
    const bool root = peer.credentials && peer.credentials->uid == 0;
    if (limits.perSecond == 0 || root) return {};
    return pace.turn(peer.name(), std::chrono::steady_clock::now());
}

namespace {

std::optional<PeerCredentials> credentialsOf(int socket) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
    return PeerCredentials{credentials.uid, credentials.gid, credentials.pid};
}

// True when a process accepts connections there.
bool somebodyListens(asio::io_context& io, const std::filesystem::path& path) {
    Unix::socket probe(io);
    error_code error;
    probe.connect(Unix::endpoint(path.string()), error);
    return !error;
}

bool setGroup(const std::filesystem::path& path, const std::string& name) {
    if (name.empty()) return true;
    const group* found = ::getgrnam(name.c_str());
    return found != nullptr && ::lchown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) == 0;
}

}  // namespace

class HttpServer::Impl : public std::enable_shared_from_this<HttpServer::Impl> {
public:
    Impl(asio::io_context& io, HttpHandler handler, HttpLimits limits)
        : m_io(io), m_shared(std::make_shared<HttpShared>(std::move(handler), limits)) {}

    tl::expected<void, NetError> listenUnix(const std::filesystem::path& path, unsigned mode,
                                            const std::string& group) {
        std::error_code ignored;
        if (path.string().size() >= sizeof(sockaddr_un{}.sun_path)) return tl::unexpected(NetError::CannotListen);
        if (std::filesystem::is_socket(path, ignored)) {
            if (somebodyListens(m_io, path)) return tl::unexpected(NetError::CannotListen);
            std::filesystem::remove(path, ignored);
        }
        error_code error;
        Unix::acceptor acceptor(m_io);
        acceptor.open(Unix(), error);
        // Linux gives the new inode the descriptor's mode: nobody can connect until it is opened below.
        const bool hidden = !error && ::fchmod(acceptor.native_handle(), 0) == 0;
        if (!hidden) return tl::unexpected(NetError::CannotListen);
        acceptor.bind(Unix::endpoint(path.string()), error);
        if (error) return tl::unexpected(NetError::CannotListen);
        m_paths.push_back(path);
        acceptor.listen(Unix::acceptor::max_listen_connections, error);
        if (error || !setGroup(path, group) || ::chmod(path.c_str(), mode) != 0) {
            return tl::unexpected(NetError::CannotListen);
        }
        m_unix.push_back(std::move(acceptor));
        acceptUnix(m_unix.back());
        return {};
    }

    tl::expected<void, NetError> listenInherited(int descriptor) {
        error_code error;
        Unix::acceptor acceptor(m_io);
        acceptor.assign(Unix(), descriptor, error);
        if (error) return tl::unexpected(NetError::CannotListen);
        m_unix.push_back(std::move(acceptor));
        acceptUnix(m_unix.back());
        return {};
    }

    tl::expected<uint16_t, NetError> listenTls(const Endpoint& endpoint, const Identity& identity, bool clientKeys) {
        const auto asked = clientKeys ? ClientCertificate::Required : ClientCertificate::None;
        if (!m_context) m_context.emplace(makeServerContext(identity, asked));
        auto acceptor = openAcceptor(m_io, endpoint);
        if (!acceptor) return tl::unexpected(acceptor.error());
        error_code ignored;
        const uint16_t port = acceptor->local_endpoint(ignored).port();
        m_tcp.push_back(std::move(*acceptor));
        acceptTls(m_tcp.back());
        return port;
    }

    tl::expected<uint16_t, NetError> listenLoopback(const Endpoint& endpoint) {
        if (!toAsio(endpoint).address().is_loopback()) return tl::unexpected(NetError::CannotListen);
        return listenPlain(endpoint);
    }

    tl::expected<uint16_t, NetError> listenPlain(const Endpoint& endpoint) {
        auto acceptor = openAcceptor(m_io, endpoint);
        if (!acceptor) return tl::unexpected(acceptor.error());
        error_code ignored;
        // Who finds the queue full tries again a second later.
        acceptor->listen(tcp::acceptor::max_listen_connections, ignored);
        const uint16_t port = acceptor->local_endpoint(ignored).port();
        m_tcp.push_back(std::move(*acceptor));
        acceptPlain(m_tcp.back());
        return port;
    }

    void close() {
        if (m_shared->closed) return;
        m_shared->closed = true;
        error_code ignored;
        for (auto& acceptor : m_unix) acceptor.close(ignored);
        for (auto& acceptor : m_tcp) acceptor.close(ignored);
        for (const auto& path : m_paths) ::unlink(path.c_str());
        const auto closers = m_shared->closers;
        for (const auto& close : closers) {
            if (close) close();
        }
        // A request that still waits must not reach an owner that is gone.
        m_shared->handler = [](const HttpRequest&, const HttpReply&) {};
    }

private:
    [[nodiscard]] bool hasRoomFor(const HttpPeer& peer) const {
        if (m_shared->connections >= m_shared->limits.maxConnections) return false;
        const auto held = m_shared->ofPeer.find(peer.name());
        return held == m_shared->ofPeer.end() || held->second < m_shared->limits.maxPerPeer;
    }

    // Some of those that wait are taken in one go: a crowd that is turned away costs who stands behind it little. Its sockets are made known to the event loop
    // only if they stay, which is most of the work. `begin` owns the descriptor.
    template <typename Acceptor, typename Begin>
    void acceptOn(Acceptor& acceptor, int inARow, Begin begin) {
        acceptor.async_wait(
            Acceptor::wait_read, [self = shared_from_this(), &acceptor, inARow, begin](const error_code& error) {
                if (self->m_shared->closed || error == asio::error::operation_aborted) return;
                int failed = error ? EIO : 0;
                for (int i = 0; i < inARow && failed == 0; ++i) {
                    const int socket = ::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
                    if (socket >= 0) begin(socket);
                    failed = socket >= 0 || errno == ECONNABORTED || errno == EINTR ? 0 : errno;
                }
                if (failed == 0 || failed == EAGAIN || failed == EWOULDBLOCK)
                    return self->acceptOn(acceptor, inARow, begin);
                // Without descriptors, say.
                auto timer = std::make_shared<asio::steady_timer>(self->m_io, std::chrono::milliseconds(100));
                timer->async_wait([self, timer, &acceptor, inARow, begin](const error_code&) {
                    if (!self->m_shared->closed) self->acceptOn(acceptor, inARow, begin);
                });
            });
    }

    void acceptUnix(Unix::acceptor& acceptor) {
        error_code ignored;
        acceptor.non_blocking(true, ignored);
        acceptOn(acceptor, 64, [this](int descriptor) {
            HttpPeer peer;
            peer.credentials = credentialsOf(descriptor);
            auto socket = taken<Unix::socket>(descriptor, Unix(), hasRoomFor(peer));
            if (!socket) return;
            std::make_shared<HttpSession<UnixStream>>(m_shared, std::move(peer), std::move(*socket))->start();
        });
    }

    // Nothing: it is closed.
    template <typename Socket>
    std::optional<Socket> taken(int descriptor, const typename Socket::protocol_type& protocol, bool wanted) {
        Socket socket(m_io);
        error_code error;
        if (wanted) socket.assign(protocol, descriptor, error);
        if (wanted && !error) return socket;
        ::close(descriptor);
        return std::nullopt;
    }

    // Who they are is asked of the kernel: fewer in a row, for others wait meanwhile.
    static constexpr int tcpInARow = 8;

    // Of either end of a connection.
    template <typename Name>
    static std::optional<tcp::endpoint> endpointOf(int descriptor, Name name) {
        tcp::endpoint endpoint;
        auto size = static_cast<socklen_t>(endpoint.capacity());
        if (name(descriptor, endpoint.data(), &size) != 0) return std::nullopt;
        endpoint.resize(size);
        return endpoint;
    }
    static std::optional<HttpPeer> remotePeer(int descriptor) {
        const auto remote = endpointOf(descriptor, ::getpeername);
        if (!remote) return std::nullopt;
        HttpPeer peer;
        peer.remote = fromAsio(*remote);
        return peer;
    }

    void acceptPlain(tcp::acceptor& acceptor) {
        error_code ignored;
        acceptor.non_blocking(true, ignored);
        acceptOn(acceptor, tcpInARow, [this](int descriptor) {
            auto peer = remotePeer(descriptor);
            const auto local = endpointOf(descriptor, ::getsockname);
            if (peer && local) {
                peer->withinMachine = isLoopback(peer->remote->address);
                if (peer->withinMachine) peer->owner = loopbackOwner(*peer->remote, fromAsio(*local));
            }
            auto socket = takenTcp(descriptor, peer);
            if (!socket) return;
            std::make_shared<HttpSession<TcpStream>>(m_shared, std::move(*peer), std::move(*socket))->start();
        });
    }

    void acceptTls(tcp::acceptor& acceptor) {
        error_code ignored;
        acceptor.non_blocking(true, ignored);
        acceptOn(acceptor, tcpInARow, [this](int descriptor) {
            auto peer = remotePeer(descriptor);
            auto socket = takenTcp(descriptor, peer);
            if (!socket) return;
            std::make_shared<HttpSession<TlsStream>>(m_shared, std::move(*peer), std::move(*socket), *m_context)
                ->start();
        });
    }

    std::optional<tcp::socket> takenTcp(int descriptor, const std::optional<HttpPeer>& peer) {
        const auto local = endpointOf(descriptor, ::getsockname);
        return taken<tcp::socket>(descriptor, local ? local->protocol() : tcp::v4(),
                                  local && peer && hasRoomFor(*peer));
    }

    asio::io_context& m_io;
    std::shared_ptr<HttpShared> m_shared;
    std::optional<asio::ssl::context> m_context;
    std::list<Unix::acceptor> m_unix;
    std::list<tcp::acceptor> m_tcp;
    std::vector<std::filesystem::path> m_paths;
};

HttpServer::HttpServer(asio::io_context& io, HttpHandler handler, HttpLimits limits)
    : m_impl(std::make_shared<Impl>(io, std::move(handler), limits)) {}
HttpServer::~HttpServer() { m_impl->close(); }
tl::expected<void, NetError> HttpServer::listenUnix(const std::filesystem::path& path, unsigned mode,
                                                    const std::string& group) {
    return m_impl->listenUnix(path, mode, group);
}
tl::expected<void, NetError> HttpServer::listenInherited(int descriptor) { return m_impl->listenInherited(descriptor); }
tl::expected<uint16_t, NetError> HttpServer::listenTls(const Endpoint& endpoint, const Identity& identity,
                                                       bool clientKeys) {
    return m_impl->listenTls(endpoint, identity, clientKeys);
}
tl::expected<uint16_t, NetError> HttpServer::listenLoopback(const Endpoint& endpoint) {
    return m_impl->listenLoopback(endpoint);
}
tl::expected<uint16_t, NetError> HttpServer::listenPlain(const Endpoint& endpoint) {
    return m_impl->listenPlain(endpoint);
}
void HttpServer::close() { m_impl->close(); }

}  // namespace netpas::net
