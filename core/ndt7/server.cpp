#include "core/ndt7/server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <list>
#include <map>

#include "core/ndt7/test_run.h"
#include "core/net/tls_context.h"

namespace netpas::ndt7 {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;
using net::NetError;
using TlsStream = asio::ssl::stream<beast::tcp_stream>;

namespace {

struct Shared {
    ServerLimits limits;
    std::function<void(const Served&)> onServed;
    size_t tests = 0;
    std::map<IpAddress, size_t> ofAddress;  // no zeros
    std::map<const void*, std::function<void()>> closers;
};

// Whom we show our key need not show one.
const net::KeyCheck& anyKey() {
    static const net::KeyCheck any = [](const PublicKey&) { return true; };
    return any;
}

template <typename Stream>
class Session : public std::enable_shared_from_this<Session<Stream>> {
public:
    template <typename... Args>
    Session(std::shared_ptr<Shared> shared, Endpoint remote, Endpoint local, Args&&... args)
        : m_shared(std::move(shared)),
          m_remote(remote),
          m_local(local),
          m_stream(std::make_unique<Stream>(std::forward<Args>(args)...)) {
        ++m_shared->tests;
        ++m_shared->ofAddress[m_remote.address];
        m_shared->closers[this] = [this] { abort(); };
    }
    ~Session() {
        --m_shared->tests;
        const auto count = m_shared->ofAddress.find(m_remote.address);
        if (--count->second == 0) m_shared->ofAddress.erase(count);
        m_shared->closers.erase(this);
    }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    void start() {
        beast::get_lowest_layer(*m_stream).expires_after(m_shared->limits.handshake);
        if constexpr (std::is_same_v<Stream, TlsStream>) {
            net::setKeyCheck(m_stream->native_handle(), &anyKey());
            m_stream->async_handshake(asio::ssl::stream_base::server,
                                      [self = this->shared_from_this()](const error_code& error) {
                                          if (!error) self->readRequest();
                                      });
        } else {
            readRequest();
        }
    }

private:
    void abort() {
        if (const auto run = m_run.lock()) return run->abort();
        if (m_stream) beast::get_lowest_layer(*m_stream).close();
    }

    void readRequest() {
        m_parser.header_limit(8192);
        m_parser.body_limit(0);
        http::async_read(*m_stream, m_buffer, m_parser,
                         [self = this->shared_from_this()](const error_code& error, size_t) {
                             if (!error) self->judge();
                         });
    }

    void judge() {
        const auto& request = m_parser.get();
        const auto target = request.target();
        const std::string_view path = std::string_view(target.data(), target.size()).substr(0, target.find('?'));
        if (path != downloadPath && path != uploadPath)
            return refuse(http::status::not_found, "there are /ndt/v7/download and /ndt/v7/upload\n");
        const auto offered = request[http::field::sec_websocket_protocol];
        const bool speaks =
            std::string_view(offered.data(), offered.size()).find(subprotocol) != std::string_view::npos;
        if (!websocket::is_upgrade(request) || !speaks)
            return refuse(http::status::bad_request, "ask for a WebSocket with net.measurementlab.ndt.v7\n");
        if (m_shared->tests > m_shared->limits.tests ||
            m_shared->ofAddress[m_remote.address] > m_shared->limits.perAddress)
            return refuse(http::status::service_unavailable, "too many tests at the moment; try again in a minute\n");
        accept(path == uploadPath ? Direction::Upload : Direction::Download);
    }

    void refuse(http::status status, const char* why) {
        m_answer.result(status);
        m_answer.set(http::field::content_type, "text/plain");
        m_answer.body() = why;
        m_answer.keep_alive(false);
        m_answer.prepare_payload();
        http::async_write(*m_stream, m_answer, [self = this->shared_from_this()](const error_code&, size_t) {
            beast::get_lowest_layer(*self->m_stream).close();
        });
    }

    void accept(Direction direction) {
        auto socket = std::make_unique<websocket::stream<Stream>>(std::move(*m_stream));
        m_stream.reset();
        socket->set_option(websocket::stream_base::decorator([](websocket::response_type& response) {
            response.set(http::field::sec_websocket_protocol, std::string(subprotocol));
        }));
        auto& reference = *socket;
        reference.async_accept(m_parser.get(), [self = this->shared_from_this(), direction,
                                                socket = std::move(socket)](const error_code& error) mutable {
            if (!error) self->run(direction, std::move(socket));
        });
    }

    void run(Direction direction, std::unique_ptr<websocket::stream<Stream>> socket) {
        RunOptions options{direction,         direction == Direction::Download,
                           "server",          m_shared->limits.testTime,
                           UINT64_MAX,        m_remote.toString(),
                           m_local.toString()};
        const auto run = std::make_shared<TestRun<Stream>>(
            std::move(socket), std::move(options), [](const Measurement&) {},
            [self = this->shared_from_this(), direction](const RunOutcome& outcome) {
                if (self->m_shared->onServed) {
                    self->m_shared->onServed(
                        {direction, self->m_remote, outcome.bytes, outcome.elapsed, outcome.complete});
                }
            });
        m_run = run;
        run->start();
    }

    std::shared_ptr<Shared> m_shared;
    Endpoint m_remote;
    Endpoint m_local;
    std::unique_ptr<Stream> m_stream;
    beast::flat_buffer m_buffer;
    http::request_parser<http::empty_body> m_parser;
    http::response<http::string_body> m_answer;
    std::weak_ptr<TestRun<Stream>> m_run;
};

}  // namespace

class Server::Impl : public std::enable_shared_from_this<Server::Impl> {
public:
    Impl(asio::io_context& io, ServerLimits limits, std::function<void(const Served&)> onServed)
        : m_io(io), m_shared(std::make_shared<Shared>()) {
        m_shared->limits = limits;
        m_shared->onServed = std::move(onServed);
    }

    tl::expected<uint16_t, NetError> listen(const Endpoint& endpoint, const Identity* identity) {
        auto acceptor = net::openAcceptor(m_io, endpoint);
        if (!acceptor) return tl::unexpected(acceptor.error());
        m_ears.push_back({std::move(*acceptor), {}});
        Ear& ear = m_ears.back();
        if (identity != nullptr) ear.tls.emplace(net::makeServerContext(*identity, net::ClientCertificate::None));
        error_code ignored;
        const uint16_t port = ear.acceptor.local_endpoint(ignored).port();
        accept(ear);
        return port;
    }

    void abandon() {
        m_shared->onServed = nullptr;
        close();
    }
    void close() {
        for (Ear& ear : m_ears) {
            error_code ignored;
            ear.acceptor.close(ignored);
        }
        const auto closers = m_shared->closers;
        for (const auto& [session, close] : closers) close();
    }

private:
    struct Ear {
        tcp::acceptor acceptor;
        std::optional<asio::ssl::context> tls;
    };

    void accept(Ear& ear) {
        ear.acceptor.async_accept([weak = weak_from_this(), &ear](const error_code& error, tcp::socket socket) {
            const auto self = weak.lock();
            if (!self || error == asio::error::operation_aborted) return;
            if (!error) self->begin(ear, std::move(socket));
            self->accept(ear);
        });
    }

    void begin(Ear& ear, tcp::socket socket) {
        error_code error;
        const auto remote = socket.remote_endpoint(error);
        const auto local = socket.local_endpoint(error);
        // Handshakes count as tests, and have a few places more: whoever is one too many is told so.
        if (error || m_shared->tests >= 2 * m_shared->limits.tests) return;
        socket.set_option(tcp::no_delay(true), error);
        beast::tcp_stream stream(std::move(socket));
        if (ear.tls) {
            std::make_shared<Session<TlsStream>>(m_shared, net::fromAsio(remote), net::fromAsio(local),
                                                 std::move(stream), *ear.tls)
                ->start();
        } else {
            std::make_shared<Session<beast::tcp_stream>>(m_shared, net::fromAsio(remote), net::fromAsio(local),
                                                         std::move(stream))
                ->start();
        }
    }

    asio::io_context& m_io;
    std::shared_ptr<Shared> m_shared;
    std::list<Ear> m_ears;
};

Server::Server(asio::io_context& io, ServerLimits limits, std::function<void(const Served&)> onServed)
    : m_impl(std::make_shared<Impl>(io, limits, std::move(onServed))) {}
Server::~Server() { m_impl->abandon(); }
tl::expected<uint16_t, NetError> Server::listen(const Endpoint& endpoint, const Identity* identity) {
    return m_impl->listen(endpoint, identity);
}
void Server::close() { m_impl->close(); }

}  // namespace netpas::ndt7
