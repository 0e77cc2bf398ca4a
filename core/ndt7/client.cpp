#include "core/ndt7/client.h"

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include "core/ndt7/test_run.h"
#include "core/net/tls_context.h"

namespace netpas::ndt7 {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;
using net::NetError;
using TlsStream = asio::ssl::stream<beast::tcp_stream>;

namespace {

constexpr std::chrono::seconds connectTime{10};

NetError errorOf(const error_code& error) {
    if (error == beast::error::timeout) return NetError::TimedOut;
    if (error == websocket::error::upgrade_declined || error == websocket::error::no_sec_accept)
        return NetError::Malformed;
    return NetError::CannotConnect;
}

}  // namespace

class Client::Impl : public std::enable_shared_from_this<Client::Impl> {
public:
    Impl(asio::io_context& io, const Target& target, Direction direction, Options options, Handlers handlers)
        : m_io(io), m_target(target), m_direction(direction), m_options(options), m_handlers(std::move(handlers)) {}

    void start() {
        if (m_target.key) {
            m_check = [key = *m_target.key](const PublicKey& shown) { return shown == key; };
            m_tls.emplace(net::makeClientContext(nullptr));
            auto socket = std::make_unique<websocket::stream<TlsStream>>(beast::tcp_stream(m_io), *m_tls);
            net::setKeyCheck(socket->next_layer().native_handle(), &m_check);
            connect(std::move(socket));
        } else {
            connect(std::make_unique<websocket::stream<beast::tcp_stream>>(m_io));
        }
    }

    void stop() {
        m_stopped = true;
        if (m_stopRun) m_stopRun();
        if (m_abort && !m_stopRun) m_abort();
    }
    // Nobody wants to hear of it any more.
    void abandon() {
        m_handlers = {};
        if (m_abort) m_abort();
    }

private:
    template <typename Stream>
    using Socket = std::unique_ptr<websocket::stream<Stream>>;

    void failed(NetError error) {
        m_abort = nullptr;
        m_stopRun = nullptr;
        if (const auto done = std::exchange(m_handlers.onDone, nullptr)) done(tl::unexpected(error));
    }

    template <typename Stream>
    void connect(Socket<Stream> socket) {
        auto& lowest = beast::get_lowest_layer(*socket);
        if (m_options.mark != 0) {
            error_code refused;
            lowest.socket().open(net::toAsio(m_target.server).protocol(), refused);
            if (refused || ::setsockopt(lowest.socket().native_handle(), SOL_SOCKET, SO_MARK, &m_options.mark,
                                        sizeof m_options.mark) != 0)
                return failed(NetError::CannotConnect);
        }
        lowest.expires_after(connectTime);
        m_abort = [&lowest] { lowest.close(); };
        lowest.async_connect(net::toAsio(m_target.server), [self = shared_from_this(), socket = std::move(socket)](
                                                               const error_code& error) mutable {
            if (error) return self->failed(errorOf(error));
            error_code ignored;
            beast::get_lowest_layer(*socket).socket().set_option(asio::ip::tcp::no_delay(true), ignored);
            self->secure(std::move(socket));
        });
    }

    void secure(Socket<beast::tcp_stream> socket) { upgrade(std::move(socket)); }
    void secure(Socket<TlsStream> socket) {
        auto& stream = socket->next_layer();
        stream.async_handshake(asio::ssl::stream_base::client, [self = shared_from_this(), socket = std::move(socket)](
                                                                   const error_code& error) mutable {
            if (error) return self->failed(NetError::Refused);
            self->upgrade(std::move(socket));
        });
    }

    template <typename Stream>
    void upgrade(Socket<Stream> socket) {
        socket->set_option(websocket::stream_base::decorator([](websocket::request_type& request) {
            request.set(beast::http::field::sec_websocket_protocol, std::string(subprotocol));
        }));
        const std::string host = m_target.host.empty() ? m_target.server.toString() : m_target.host;
        const std::string path(m_direction == Direction::Upload ? uploadPath : downloadPath);
        auto& reference = *socket;
        reference.async_handshake(
            host, path, [self = shared_from_this(), socket = std::move(socket)](const error_code& error) mutable {
                if (error) return self->failed(errorOf(error));
                self->run(std::move(socket));
            });
    }

    template <typename Stream>
    void run(Socket<Stream> socket) {
        RunOptions options{
            m_direction, m_direction == Direction::Upload, "client", m_options.testTime, m_options.mostBytes, {}, {}};
        const auto run = std::make_shared<TestRun<Stream>>(
            std::move(socket), std::move(options),
            [self = shared_from_this()](const Measurement& measurement) {
                if (self->m_handlers.onProgress) self->m_handlers.onProgress(measurement);
            },
            [self = shared_from_this()](const RunOutcome& outcome) { self->ended(outcome); });
        const std::weak_ptr<TestRun<Stream>> weak(run);
        m_abort = [weak] {
            if (const auto alive = weak.lock()) alive->abort();
        };
        m_stopRun = [weak] {
            if (const auto alive = weak.lock()) alive->stop();
        };
        run->start();
        if (m_stopped) run->stop();
    }

    void ended(const RunOutcome& outcome) {
        m_abort = nullptr;
        m_stopRun = nullptr;
        const auto done = std::exchange(m_handlers.onDone, nullptr);
        m_handlers = {};
        if (!done) return;
        if (!outcome.complete && !outcome.stopped && outcome.bytes == 0) return done(tl::unexpected(NetError::Closed));
        Result result;
        result.direction = m_direction;
        result.stopped = outcome.stopped || !outcome.complete;
        if (m_direction == Direction::Download) {
            result.bytes = outcome.bytes;
            result.elapsed = outcome.elapsed;
            if (outcome.peer) result.sender = outcome.peer->tcp;
        } else {
            result.sender = outcome.tcp;
            // What was sent need not have arrived: the receiver's word counts, and where it says nothing what its kernel acknowledged.
            if (outcome.peer && outcome.peer->bytes != 0) {
                result.bytes = outcome.peer->bytes;
                result.elapsed = outcome.peer->elapsed;
            } else if (outcome.tcp) {
                result.bytes = outcome.tcp->bytesAcked;
                result.elapsed = std::chrono::microseconds(outcome.tcp->elapsed);
            }
        }
        done(result);
    }

    asio::io_context& m_io;
    Target m_target;
    Direction m_direction;
    Options m_options;
    Handlers m_handlers;
    net::KeyCheck m_check;
    std::optional<asio::ssl::context> m_tls;
    std::function<void()> m_abort;
    std::function<void()> m_stopRun;
    bool m_stopped = false;
};

Client::Client(asio::io_context& io, const Target& target, Direction direction, Options options, Handlers handlers)
    : m_impl(std::make_shared<Impl>(io, target, direction, options, std::move(handlers))) {
    asio::post(io, [weak = std::weak_ptr(m_impl)] {
        if (const auto impl = weak.lock()) impl->start();
    });
}
Client::~Client() { m_impl->abandon(); }
void Client::stop() { m_impl->stop(); }

}  // namespace netpas::ndt7
