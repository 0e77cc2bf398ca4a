// Lines over TLS: one message of core/net/tls_link.h is one frame.
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "core/channel/frame.h"
#include "core/channel/line.h"
#include "core/channel/retry.h"
#include "core/net/tls_link.h"

namespace netpas::channel {

namespace asio = boost::asio;
using OnLine = std::function<void(std::shared_ptr<Line>)>;
using OnTrouble = std::function<void(const std::string&)>;

namespace {

net::LinkLimits limitsOfLine() {
    net::LinkLimits limits;
    limits.maxMessage = maxFrame;
    limits.maxQueued = size_t{1} << 20;
    return limits;
}

class TlsLine final : public Line, public std::enable_shared_from_this<TlsLine> {
public:
    TlsLine(asio::io_context& io, std::shared_ptr<net::TlsConnection> connection)
        : m_io(io), m_connection(std::move(connection)) {}

    void start(Handlers handlers) override {
        m_handlers = std::move(handlers);
        m_connection->onMessage = [weak = weak_from_this()](ByteView frame) {
            const auto self = weak.lock();
            if (!self || !self->m_open) return;
            const auto handler = frame.size() < frameHeaderSize ? nullptr : self->m_handlers.onFrame;
            if (handler) handler(frame);
        };
    }
    void send(Bytes frame) override {
        if (!m_open || m_connection->send(std::move(frame))) return;
        asio::post(m_io, [self = shared_from_this()] {
            self->m_connection->close();
            self->ended("the other end does not read");
        });
    }
    // TLS has a bounded queue of its own; what is urgent waits behind it.
    [[nodiscard]] size_t pending() const override { return 0; }
    [[nodiscard]] size_t maxPayload() const override { return maxFramePayload; }
    [[nodiscard]] bool isOnlyOne() const override { return false; }
    void close() override {
        if (!std::exchange(m_open, false)) return;
        m_connection->close();
        asio::post(m_io, [self = shared_from_this()] { self->m_handlers = {}; });
    }
    void ended(const std::string& why) {
        if (!std::exchange(m_open, false)) return;
        const auto handlers = std::exchange(m_handlers, {});
        if (handlers.onClosed) handlers.onClosed(why);
    }

private:
    asio::io_context& m_io;
    std::shared_ptr<net::TlsConnection> m_connection;
    Handlers m_handlers;
    bool m_open = true;
};

class TlsDialSource final : public LineSource {
public:
    TlsDialSource(asio::io_context& io, const Identity& identity, const Endpoint& secretary, const PublicKey& key)
        : m_io(io), m_retry(io), m_identity(identity), m_secretary(secretary), m_key(key) {}

    void start(OnLine onLine, OnTrouble onTrouble) override {
        net::TlsDialer::Handlers handlers;
        handlers.onUp = [this, onLine](std::shared_ptr<net::TlsConnection> connection) {
            m_line = std::make_shared<TlsLine>(m_io, std::move(connection));
            m_retry.made();
            onLine(m_line);
        };
        handlers.onDown = [this, onTrouble](net::NetError error) {
            if (const auto line = std::exchange(m_line, nullptr)) return line->ended(std::string(describe(error)));
            const std::string remedy = error == net::NetError::Refused ? ": pair this agent with the secretary" : "";
            onTrouble("no secretary at " + m_secretary.toString() + ": " + std::string(describe(error)) + remedy);
        };
        m_dialer = std::make_unique<net::TlsDialer>(m_io, m_identity, m_secretary, m_key, std::move(handlers),
                                                    limitsOfLine(), net::DialBackoff{});
        m_dialer->start();
    }
    // The dialer connects again by itself when the other end hangs up; when this side did, it has to be told.
    void again() override {
        if (!m_dialer || !m_line) return;
        m_line = nullptr;
        m_dialer->stop();
        m_retry.after([this, alive = std::weak_ptr(m_alive)] {
            if (!alive.expired() && m_dialer) m_dialer->start();
        });
    }
    void stop() override {
        m_retry.cancel();
        m_line = nullptr;
        m_dialer = nullptr;
    }

private:
    asio::io_context& m_io;
    Retry m_retry;
    const Identity& m_identity;
    Endpoint m_secretary;
    PublicKey m_key;
    std::unique_ptr<net::TlsDialer> m_dialer;
    std::shared_ptr<TlsLine> m_line;
    std::shared_ptr<int> m_alive = std::make_shared<int>();
};

class TlsListenSource final : public LineSource {
public:
    TlsListenSource(asio::io_context& io, const Identity& identity, const Endpoint& address,
                    std::function<bool(const PublicKey&)> accepts)
        : m_io(io) {
        net::TlsListener::Handlers handlers;
        handlers.accepts = [accepts = std::move(accepts)](const PublicKey& key, const Endpoint&) {
            return accepts(key);
        };
        handlers.onConnection = [&io, to = m_to](std::shared_ptr<net::TlsConnection> connection) {
            if (!to->onLine) return connection->close();
            const auto line = std::make_shared<TlsLine>(io, connection);
            // The connection lives by itself and keeps the line as long.
            connection->onClosed = [line](net::NetError error) { line->ended(std::string(describe(error))); };
            to->onLine(line);
        };
        handlers.onRefused = [to = m_to](net::NetError, const Endpoint& remote) {
            if (to->onTrouble)
                to->onTrouble("an agent at " + remote.address.toString() + " was turned away: its key is not paired");
        };
        m_listener = std::make_unique<net::TlsListener>(m_io, identity, std::move(handlers), limitsOfLine(), 16);
        if (const auto port = m_listener->listen(address); !port)
            m_failure = "cannot listen on " + address.toString() + ": " + std::string(describe(port.error()));
    }

    void start(OnLine onLine, OnTrouble onTrouble) override {
        m_to->onLine = std::move(onLine);
        m_to->onTrouble = std::move(onTrouble);
        if (m_failure.empty()) return;
        asio::post(m_io, [to = m_to, why = m_failure] {
            if (to->onTrouble) to->onTrouble(why);
        });
    }
    void again() override {}
    void stop() override {
        *m_to = {};
        m_listener = nullptr;
    }

private:
    struct To {
        OnLine onLine;
        OnTrouble onTrouble;
    };
    asio::io_context& m_io;
    std::shared_ptr<To> m_to = std::make_shared<To>();
    std::string m_failure;
    std::unique_ptr<net::TlsListener> m_listener;
};

}  // namespace

std::unique_ptr<LineSource> tlsDialer(asio::io_context& io, const Identity& identity, const Endpoint& secretary,
                                      const PublicKey& key) {
    return std::make_unique<TlsDialSource>(io, identity, secretary, key);
}
std::unique_ptr<LineSource> tlsListener(asio::io_context& io, const Identity& identity, const Endpoint& address,
                                        std::function<bool(const PublicKey&)> accepts) {
    return std::make_unique<TlsListenSource>(io, identity, address, std::move(accepts));
}

}  // namespace netpas::channel
