// Inside core/net only: one server connection, the same over a Unix socket and over TLS.
#pragma once

#include <array>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/net/http_server.h"
#include "core/net/http_stream.h"
#include "core/net/tls_context.h"
#include "core/pace.h"

namespace netpas::net {

struct HttpPeer;

struct HttpShared {
    HttpShared(HttpHandler given, const HttpLimits& most)
        : handler(std::move(given)), limits(most), pace(std::max(most.perSecond, 1U), most.burst) {}

    HttpHandler handler;
    HttpLimits limits;
    Pace pace;  // of requests, by HttpPeer::name()
    // How long this peer's next request has to wait; it counts from now on.
    [[nodiscard]] std::chrono::steady_clock::duration turn(const HttpPeer& peer);
    size_t connections = 0;
    std::map<std::string, size_t> ofPeer;  // connections by HttpPeer::name(); no zeros
    bool closed = false;
    std::vector<std::function<void()>> closers;  // one per live session, by slot; empty slots are reused
    std::vector<size_t> freeSlots;
};

struct HttpPeer {
    std::optional<PeerCredentials> credentials;
    std::optional<Endpoint> remote;
    std::optional<PublicKey> clientKey;
    bool withinMachine = false;     // a plain connection from a loopback address: addresses are free there
    std::optional<uint32_t> owner;  // … and whose, where the kernel says so
    // Whom connections are counted for.
    [[nodiscard]] std::string name() const;
};

[[nodiscard]] HttpRequest toRequest(boost::beast::http::request<boost::beast::http::string_body>&& message,
                                    const HttpPeer& peer, bool& wellFormed);
[[nodiscard]] boost::beast::http::response<boost::beast::http::string_body> toMessage(HttpResponse response,
                                                                                      unsigned version, bool keepAlive,
                                                                                      bool headOnly);

template <typename Stream>
class HttpSession : public std::enable_shared_from_this<HttpSession<Stream>> {
    using error_code = boost::system::error_code;
    using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
    using Message = boost::beast::http::response<boost::beast::http::string_body>;
    using Head = boost::beast::http::response<boost::beast::http::empty_body>;

public:
    template <typename... Args>
    HttpSession(std::shared_ptr<HttpShared> shared, HttpPeer peer, Args&&... args)
        : m_stream(std::forward<Args>(args)...),
          m_timer(m_stream.get_executor()),
          m_shared(std::move(shared)),
          m_peer(std::move(peer)),
          m_count(m_shared->ofPeer.try_emplace(m_peer.name(), 0).first) {
        ++m_shared->connections;
        ++m_count->second;
    }
    ~HttpSession() {
        --m_shared->connections;
        if (--m_count->second == 0) m_shared->ofPeer.erase(m_count);
        if (m_slot) {
            m_shared->closers[*m_slot] = nullptr;
            m_shared->freeSlots.push_back(*m_slot);
        }
    }
    HttpSession(const HttpSession&) = delete;
    HttpSession& operator=(const HttpSession&) = delete;

    void start() {
        if (m_shared->freeSlots.empty()) {
            m_slot = m_shared->closers.size();
            m_shared->closers.emplace_back();
        } else {
            m_slot = m_shared->freeSlots.back();
            m_shared->freeSlots.pop_back();
        }
        m_shared->closers[*m_slot] = [weak = this->weak_from_this()] {
            if (const auto self = weak.lock()) self->abort();
        };
        if constexpr (isTls) {
            lowest().expires_after(m_shared->limits.readTimeout);
            setKeyCheck(m_stream.native_handle(), &anyKey());
            m_stream.async_handshake(boost::asio::ssl::stream_base::server,
                                     [self = this->shared_from_this()](const error_code& error) {
                                         if (error) return;
                                         self->m_peer.clientKey = peerKey(self->m_stream.native_handle());
                                         self->read();
                                     });
        } else {
            read();
        }
    }

private:
    static constexpr bool isTls = requires(Stream & s) {
        s.native_handle();
        s.next_layer();
    };

    // Who may do what is the handler's business.
    static const KeyCheck& anyKey() {
        static const KeyCheck any = [](const PublicKey&) { return true; };
        return any;
    }

    auto& lowest() {
        if constexpr (isTls) {
            return m_stream.next_layer();
        } else {
            return m_stream;
        }
    }

    void abort() {
        m_done = true;
        m_timer.cancel();
        m_waiting = nullptr;
        lowest().close();
        if (m_source) m_source->end();
    }

    void read() {
        if (m_shared->closed) return;
        const auto wait = m_shared->turn(m_peer);
        if (wait <= std::chrono::steady_clock::duration::zero()) return readNow();
        m_timer.expires_after(wait);
        m_timer.async_wait([self = this->shared_from_this()](const error_code& error) {
            if (!error && !self->m_done) self->readNow();
        });
    }

    void readNow() {
        if (m_shared->closed) return;
        m_parser.emplace();
        m_parser->header_limit(static_cast<uint32_t>(m_shared->limits.maxHeader));
        m_parser->body_limit(m_shared->limits.maxBody);
        lowest().expires_after(m_shared->limits.readTimeout);
        boost::beast::http::async_read(
            m_stream, m_buffer, *m_parser,
            [self = this->shared_from_this()](const error_code& error, size_t) { self->received(error); });
    }

    void received(const error_code& error) {
        namespace http = boost::beast::http;
        if (m_done) return;
        if (error == http::error::header_limit)
            return complain(431, "HEADER_TOO_LARGE", "the request's headers are too long");
        if (error == http::error::body_limit) return complain(413, "BODY_TOO_LARGE", "the request's body is too long");
        if (error == http::error::end_of_stream || error == http::error::partial_message ||
            error == boost::beast::error::timeout) {
            return hangUp();
        }
        if (error) {
            // A parser's complaint deserves an answer; a broken connection cannot have one.
            if (error.category() == http::make_error_code(http::error::bad_method).category()) {
                return complain(400, "MALFORMED", "this is not an HTTP request");
            }
            return hangUp();
        }
        auto message = m_parser->release();
        m_version = message.version();
        m_keepAlive = message.keep_alive();
        m_headOnly = message.method() == http::verb::head;
        bool wellFormed = false;
        const HttpRequest request = toRequest(std::move(message), m_peer, wellFormed);
        if (!wellFormed) return complain(400, "MALFORMED", "the request's target is malformed");
        handle(request);
    }

    void handle(const HttpRequest& request) {
        const uint64_t number = ++m_exchange;
        m_answered = false;
        lowest().expires_never();
        m_timer.expires_after(m_shared->limits.answerTimeout);
        m_timer.async_wait([weak = this->weak_from_this(), number](const error_code& error) {
            const auto self = weak.lock();
            if (!error && self) {
                self->answer(number, HttpResponse::error(504, "TIMEOUT", "the answer took too long", "try again"));
            }
        });
        // The session holds itself until it is answered, so that a reply that somebody keeps for longer holds nothing.
        m_waiting = this->shared_from_this();
        m_shared->handler(request, [weak = this->weak_from_this(), number](HttpResponse response) {
            if (const auto self = weak.lock()) self->answer(number, std::move(response));
        });
    }

    void answer(uint64_t number, HttpResponse response) {
        if (number != m_exchange || m_answered || m_done) return;
        m_answered = true;
        m_timer.cancel();
        m_waiting = nullptr;  // whoever called holds the session meanwhile
        if (response.stream && m_version >= 11 && !m_headOnly) return beginStream(response);
        write(toMessage(std::move(response), m_version, m_keepAlive, m_headOnly));
    }

    void complain(unsigned status, std::string_view code, std::string_view text) {
        m_keepAlive = false;
        write(toMessage(HttpResponse::error(status, code, text), 11, false, false));
    }

    void write(Message message) {
        m_message = std::make_unique<Message>(std::move(message));
        lowest().expires_after(m_shared->limits.writeTimeout);
        boost::beast::http::async_write(m_stream, *m_message,
                                        [self = this->shared_from_this()](const error_code& error, size_t) {
                                            if (error || self->m_done) return;
                                            if (self->m_message->need_eof() || !self->m_keepAlive)
                                                return self->hangUp();
                                            self->read();
                                        });
    }

    // --- answers without an end

    void beginStream(const HttpResponse& response) {
        namespace http = boost::beast::http;
        m_keepAlive = false;
        m_source = response.stream;
        m_head = std::make_unique<Head>(http::int_to_status(response.status), m_version);
        m_head->set(http::field::content_type, response.contentType);
        for (const HttpHeader& header : response.headers) m_head->set(header.name, header.value);
        m_head->keep_alive(false);
        m_head->chunked(true);
        m_serializer = std::make_unique<http::response_serializer<http::empty_body>>(*m_head);
        watchReader();
        lowest().expires_after(m_shared->limits.writeTimeout);
        m_sending = true;
        http::async_write_header(m_stream, *m_serializer,
                                 [self = this->shared_from_this()](const error_code& error, size_t) {
                                     self->m_source->attach([weak = self->weak_from_this()] {
                                         if (const auto alive = weak.lock()) alive->sendNext();
                                     });
                                     self->sent(error);
                                 });
    }

    // Whoever reads a stream has nothing more to say: anything that comes is its end.
    void watchReader() {
        lowest().expires_never();
        m_stream.async_read_some(boost::asio::buffer(m_aside),
                                 [self = this->shared_from_this()](const error_code&, size_t) {
                                     if (!self->m_done) self->abort();
                                 });
    }

    void sent(const error_code& error) {
        m_sending = false;
        if (m_done) return;
        if (error) return abort();
        sendNext();
    }

    void sendNext() {
        if (m_done || m_sending) return;
        if (m_source->over()) return abort();
        m_piece = m_source->take();
        if (m_piece.empty()) return;
        m_sending = true;
        lowest().expires_after(m_shared->limits.writeTimeout);
        boost::asio::async_write(
            m_stream, boost::beast::http::make_chunk(boost::asio::const_buffer(m_piece.data(), m_piece.size())),
            [self = this->shared_from_this()](const error_code& error, size_t) { self->sent(error); });
    }

    void hangUp() {
        error_code ignored;
        if constexpr (isTls) {
            lowest().expires_after(m_shared->limits.writeTimeout);
            m_stream.async_shutdown([self = this->shared_from_this()](const error_code&) {});
        } else {
            lowest().socket().shutdown(boost::asio::socket_base::shutdown_send, ignored);
        }
    }

    Stream m_stream;
    boost::asio::steady_timer m_timer;
    boost::beast::flat_buffer m_buffer;
    std::optional<Parser> m_parser;
    std::unique_ptr<Message> m_message;
    std::unique_ptr<Head> m_head;
    std::unique_ptr<boost::beast::http::response_serializer<boost::beast::http::empty_body>> m_serializer;
    std::shared_ptr<HttpStream> m_source;
    std::string m_piece;
    std::array<char, 1> m_aside{};
    bool m_sending = false;
    std::shared_ptr<HttpShared> m_shared;
    HttpPeer m_peer;
    std::map<std::string, size_t>::iterator m_count;
    std::optional<size_t> m_slot;
    std::shared_ptr<HttpSession> m_waiting;
    uint64_t m_exchange = 0;
    unsigned m_version = 11;
    bool m_answered = false;
    bool m_keepAlive = false;
    bool m_headOnly = false;
    bool m_done = false;
};

}  // namespace netpas::net
