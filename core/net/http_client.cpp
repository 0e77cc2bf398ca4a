#include "core/net/http_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "core/net/http_lines.h"
#include "core/net/tls_context.h"
#include "core/net/unix_connect.h"

namespace netpas::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Unix = asio::local::stream_protocol;
using TlsStream = asio::ssl::stream<beast::tcp_stream>;

namespace {

using Done = std::function<void(HttpAnswer)>;

NetError toError(const error_code& error) {
    if (error == beast::error::timeout) return NetError::TimedOut;
    if (error == http::error::body_limit || error == http::error::header_limit) return NetError::TooLarge;
    if (error.category() == http::make_error_code(http::error::bad_method).category()) {
        return error == http::error::end_of_stream ? NetError::Closed : NetError::Malformed;
    }
    return NetError::Closed;
}

template <typename Stream>
class Exchange : public std::enable_shared_from_this<Exchange<Stream>> {
public:
    template <typename... Args>
    Exchange(const HttpCall& call, Done done, Args&&... args)
        : m_stream(std::forward<Args>(args)...), m_done(std::move(done)), m_maxBody(call.maxBody) {
        m_request.version(11);
        m_request.method_string(call.method);
        m_request.target(call.target);
        m_request.set(http::field::host, "netpas");
        m_request.set(http::field::connection, "close");
        for (const HttpHeader& header : call.headers) m_request.set(header.name, header.value);
        if (!call.body.empty() && m_request.find(http::field::content_type) == m_request.end()) {
            m_request.set(http::field::content_type, "application/json");
        }
        m_request.body() = call.body;
        m_request.prepare_payload();
        m_parser.body_limit(call.maxBody);
        if (call.method == "HEAD") m_parser.skip(true);
    }

    // A good answer comes in lines, and has no end.
    void expectLines(HttpLines lines) {
        m_lines = std::move(lines);
        m_parser.body_limit(std::numeric_limits<uint64_t>::max());  // of none Beast 1.74 makes nothing
    }

    Stream& stream() { return m_stream; }

    void send() {
        http::async_write(m_stream, m_request, [self = this->shared_from_this()](const error_code& error, size_t) {
            if (error) return self->finish(tl::unexpected(toError(error)));
            self->receive();
        });
    }

    void finish(HttpAnswer answer) {
        if (auto done = std::exchange(m_done, nullptr)) done(std::move(answer));
    }

private:
    // Beast 1.74 lets a response's announced length pass its own limit: it is checked before the body is read.
    void receive() {
        http::async_read_header(
            m_stream, m_buffer, m_parser, [self = this->shared_from_this()](const error_code& error, size_t) {
                if (error) return self->finish(tl::unexpected(toError(error)));
                const auto length = self->m_parser.content_length();
                if (length && *length > self->m_maxBody) {
                    return self->finish(tl::unexpected(NetError::TooLarge));
                }
                const bool stream = self->m_lines && self->m_parser.get().result() == http::status::ok;
                stream ? self->receiveLines() : self->receiveBody();
            });
    }

    void receiveLines() {
        beast::get_lowest_layer(m_stream).expires_after(m_lines->longestSilence);
        http::async_read_some(m_stream, m_buffer, m_parser,
                              [self = this->shared_from_this()](const error_code& error, size_t) {
                                  // Nobody ends such an answer well.
                                  const bool over = error == http::error::partial_message;
                                  if (error)
                                      return self->finish(tl::unexpected(over ? NetError::Closed : toError(error)));
                                  self->takeLines();
                              });
    }

    void takeLines() {
        std::string& text = m_parser.get().body();
        size_t start = 0;
        for (size_t end; (end = text.find('\n', start)) != std::string::npos; start = end + 1) {
            m_lines->line(text.substr(start, end - start));
        }
        text.erase(0, start);
        if (text.size() > m_lines->longestLine) return finish(tl::unexpected(NetError::TooLarge));
        if (m_parser.is_done()) return finish(tl::unexpected(NetError::Closed));
        receiveLines();
    }

    void receiveBody() {
        http::async_read(
            m_stream, m_buffer, m_parser, [self = this->shared_from_this()](const error_code& error, size_t) {
                if (error) return self->finish(tl::unexpected(toError(error)));
                auto message = self->m_parser.release();
                HttpResponse response;
                response.status = message.result_int();
                response.contentType = std::string(message[http::field::content_type]);
                for (const auto& field : message) {
                    response.headers.push_back({std::string(field.name_string()), std::string(field.value())});
                }
                response.body = std::move(message.body());
                self->finish(std::move(response));
            });
    }

    Stream m_stream;
    Done m_done;
    uint64_t m_maxBody;
    http::request<http::string_body> m_request;
    http::response_parser<http::string_body> m_parser;
    beast::flat_buffer m_buffer;
    std::optional<HttpLines> m_lines;
};

using Lines = std::optional<HttpLines>;

void callUnix(asio::io_context& io, const UnixTarget& target, const HttpCall& call, Lines lines, Done done) {
    auto exchange = std::make_shared<Exchange<UnixStream>>(call, std::move(done), io);
    if (lines) exchange->expectLines(std::move(*lines));
    if (target.socket.string().size() >= sizeof(sockaddr_un{}.sun_path)) {
        asio::post(io, [exchange] { exchange->finish(tl::unexpected(NetError::CannotConnect)); });
        return;
    }
    exchange->stream().expires_after(call.timeout);
    connectUnix(exchange->stream(), Unix::endpoint(target.socket.string()),
                std::chrono::steady_clock::now() + call.timeout, exchange, [exchange](const error_code& error) {
                    if (error) {
                        const bool late = error == beast::error::timeout;
                        return exchange->finish(tl::unexpected(late ? NetError::TimedOut : NetError::CannotConnect));
                    }
                    exchange->send();
                });
}

// What the handshake needs for its whole length.
struct TlsParts {
    TlsParts(const PublicKey& key, const Identity* client)
        : context(makeClientContext(client)), check([key](const PublicKey& offered) { return offered == key; }) {}
    asio::ssl::context context;
    KeyCheck check;
};

void callTls(asio::io_context& io, const TlsTarget& target, const HttpCall& call, Lines lines, Done done) {
    auto parts = std::make_shared<TlsParts>(target.key, target.client);
    auto withParts = [parts, done = std::move(done)](HttpAnswer answer) { done(std::move(answer)); };
    auto exchange = std::make_shared<Exchange<TlsStream>>(call, withParts, io, parts->context);
    if (lines) exchange->expectLines(std::move(*lines));
    setKeyCheck(exchange->stream().native_handle(), &parts->check);
    exchange->stream().next_layer().expires_after(call.timeout);
    exchange->stream().next_layer().async_connect(toAsio(target.server), [exchange, parts](const error_code& error) {
        if (error) {
            const bool late = error == beast::error::timeout;
            return exchange->finish(tl::unexpected(late ? NetError::TimedOut : NetError::CannotConnect));
        }
        exchange->stream().async_handshake(asio::ssl::stream_base::client, [exchange, parts](const error_code& failed) {
            if (failed) {
                const bool late = failed == beast::error::timeout;
                return exchange->finish(tl::unexpected(late ? NetError::TimedOut : NetError::Refused));
            }
            exchange->send();
        });
    });
}

void callAny(asio::io_context& io, const HttpTarget& target, const HttpCall& call, Lines lines, Done done) {
    if (const auto* unixTarget = std::get_if<UnixTarget>(&target)) {
        callUnix(io, *unixTarget, call, std::move(lines), std::move(done));
    } else {
        callTls(io, std::get<TlsTarget>(target), call, std::move(lines), std::move(done));
    }
}

}  // namespace

void httpCall(asio::io_context& io, const HttpTarget& target, const HttpCall& call,
              std::function<void(HttpAnswer)> done) {
    callAny(io, target, call, std::nullopt, std::move(done));
}

void httpLines(asio::io_context& io, const HttpTarget& target, HttpLines lines) {
    HttpCall call;
    call.target = lines.target;
    call.timeout = lines.toBegin;
    auto ended = std::exchange(lines.ended, nullptr);
    callAny(io, target, call, std::move(lines), std::move(ended));
}

HttpAnswer httpCall(const HttpTarget& target, const HttpCall& call) {
    asio::io_context io;
    std::optional<HttpAnswer> result;
    httpCall(io, target, call, [&result](HttpAnswer answer) { result = std::move(answer); });
    io.run();
    return result ? std::move(*result) : HttpAnswer(tl::unexpected(NetError::Closed));
}

}  // namespace netpas::net
