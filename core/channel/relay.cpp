#include "core/channel/relay.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <utility>

#include "core/channel/stream_pump.h"

namespace netpas::channel {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Send = std::function<bool(const Message&)>;
using Pumps = std::map<uint32_t, std::shared_ptr<StreamPump>>;

namespace {

constexpr auto connectTimeout = std::chrono::seconds(5);

tcp::endpoint toAsio(const Endpoint& endpoint) {
    const auto bytes = endpoint.address.bytes();
    if (endpoint.address.isV6()) {
        asio::ip::address_v6::bytes_type raw{};
        std::copy(bytes.begin(), bytes.end(), raw.begin());
        return {asio::ip::address_v6(raw), endpoint.port};
    }
    asio::ip::address_v4::bytes_type raw{};
    std::copy(bytes.begin(), bytes.end(), raw.begin());
    return {asio::ip::address_v4(raw), endpoint.port};
}

// What both ends do with a stream that is open. False: the message is about none.
bool pass(const Message& message, const Pumps& pumps) {
    const auto to = [&](uint32_t stream, auto act) {
        if (const auto found = pumps.find(stream); found != pumps.end()) act(*found->second);
        return true;  // one that has just ended is still a stream
    };
    if (const auto* data = std::get_if<StreamData>(&message))
        return to(data->stream, [&](StreamPump& pump) { pump.data(data->bytes); });
    if (const auto* credit = std::get_if<StreamCredit>(&message))
        return to(credit->stream, [&](StreamPump& pump) { pump.credit(credit->bytes); });
    if (const auto* closed = std::get_if<StreamClosed>(&message))
        return to(closed->stream, [&](StreamPump& pump) { pump.finish(); });
    return false;
}

void cutAll(Pumps& pumps) {
    for (const auto& [stream, pump] : std::exchange(pumps, {})) pump->cut();
}

}  // namespace

class RelayedStreams::Impl : public std::enable_shared_from_this<Impl> {
public:
    using Done = std::function<void(tl::expected<int, net::NetError>)>;

    Impl(asio::io_context& io, Send send) : m_io(io), m_send(std::move(send)) {}

    void open(const Endpoint& endpoint, Done done) {
        const uint32_t stream = ++m_last;
        if (m_pumps.size() + m_opening.size() >= maxStreams || !m_send(StreamOpen{stream, endpoint})) {
            asio::post(m_io, [done = std::move(done)] { done(tl::unexpected(net::NetError::CannotConnect)); });
            return;
        }
        m_opening.emplace(stream, std::move(done));
    }

    bool take(const Message& message) {
        if (const auto* opened = std::get_if<StreamOpened>(&message)) {
            begin(opened->stream);
            return true;
        }
        if (const auto* closed = std::get_if<StreamClosed>(&message)) {
            if (auto opening = m_opening.extract(closed->stream); !opening.empty()) {
                const bool refused = closed->reason == StreamEnd::Refused;
                opening.mapped()(tl::unexpected(refused ? net::NetError::Refused : net::NetError::CannotConnect));
                return true;
            }
        }
        return pass(message, m_pumps);
    }

    void cut() {
        cutAll(m_pumps);
        for (auto& [stream, done] : std::exchange(m_opening, {})) {
            asio::post(m_io, [done = std::move(done)] { done(tl::unexpected(net::NetError::Closed)); });
        }
    }

private:
    void begin(uint32_t stream) {
        auto opening = m_opening.extract(stream);
        if (opening.empty()) return;
        int ends[2] = {-1, -1};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
            (void)m_send(StreamClosed{stream, StreamEnd::Failed});
            opening.mapped()(tl::unexpected(net::NetError::CannotConnect));
            return;
        }
        StreamPump::Socket socket(m_io);
        error_code ignored;
        socket.assign({AF_UNIX, 0}, ends[0], ignored);
        StreamPump::Handlers handlers{m_send, [weak = weak_from_this(), stream] {
                                          if (const auto self = weak.lock()) self->m_pumps.erase(stream);
                                      }};
        const auto pump = std::make_shared<StreamPump>(stream, std::move(socket), std::move(handlers));
        m_pumps.emplace(stream, pump);
        pump->start();
        opening.mapped()(ends[1]);
    }

    asio::io_context& m_io;
    Send m_send;
    uint32_t m_last = 0;
    std::map<uint32_t, Done> m_opening;
    Pumps m_pumps;
};

RelayedStreams::RelayedStreams(asio::io_context& io, Send send) : m_impl(std::make_shared<Impl>(io, std::move(send))) {}
RelayedStreams::~RelayedStreams() { m_impl->cut(); }
net::Connector RelayedStreams::connector() {
    return [weak = std::weak_ptr(m_impl)](const Endpoint& endpoint, Impl::Done done) {
        if (const auto impl = weak.lock()) return impl->open(endpoint, std::move(done));
        done(tl::unexpected(net::NetError::CannotConnect));
    };
}
bool RelayedStreams::take(const Message& message) { return m_impl->take(message); }
void RelayedStreams::cut() { m_impl->cut(); }

class StreamRelay::Impl : public std::enable_shared_from_this<Impl> {
public:
    Impl(asio::io_context& io, Send send, std::function<bool(const Endpoint&)> allows, uint32_t mark)
        : m_io(io), m_send(std::move(send)), m_allows(std::move(allows)), m_mark(mark) {}

    bool take(const Message& message) {
        if (const auto* open = std::get_if<StreamOpen>(&message)) {
            connect(*open);
            return true;
        }
        if (const auto* closed = std::get_if<StreamClosed>(&message)) m_connecting.erase(closed->stream);
        return pass(message, m_pumps);
    }

    void cut() {
        cutAll(m_pumps);
        m_connecting.clear();
    }

private:
    struct Attempt {
        explicit Attempt(asio::io_context& io) : socket(io), timer(io) {}
        tcp::socket socket;
        asio::steady_timer timer;
    };

    void refuse(uint32_t stream, StreamEnd reason) { (void)m_send(StreamClosed{stream, reason}); }

    void connect(const StreamOpen& open) {
        const uint32_t stream = open.stream;
        if (m_pumps.contains(stream) || m_connecting.contains(stream) ||
            m_pumps.size() + m_connecting.size() >= maxStreams || !m_allows(open.endpoint))
            return refuse(stream, StreamEnd::Refused);
        const auto attempt = std::make_shared<Attempt>(m_io);
        error_code failed;
        const tcp::endpoint to = toAsio(open.endpoint);
        attempt->socket.open(to.protocol(), failed);
        if (failed) return refuse(stream, StreamEnd::CannotConnect);
        if (m_mark != 0)
            (void)::setsockopt(attempt->socket.native_handle(), SOL_SOCKET, SO_MARK, &m_mark, sizeof m_mark);
        m_connecting.emplace(stream, attempt);
        attempt->timer.expires_after(connectTimeout);
        attempt->timer.async_wait([weak = std::weak_ptr(attempt)](const error_code& error) {
            error_code ignored;
            const auto late = weak.lock();
            if (!error && late) late->socket.close(ignored);
        });
        attempt->socket.async_connect(to, [weak = weak_from_this(), attempt, stream](const error_code& error) {
            attempt->timer.cancel();
            if (const auto self = weak.lock()) self->connected(stream, *attempt, error);
        });
    }

    void connected(uint32_t stream, Attempt& attempt, const error_code& error) {
        const auto found = m_connecting.find(stream);
        if (found == m_connecting.end() || found->second.get() != &attempt) return;  // cut meanwhile
        m_connecting.erase(found);
        if (error || !attempt.socket.is_open()) return refuse(stream, StreamEnd::CannotConnect);
        error_code ignored;
        attempt.socket.set_option(tcp::no_delay(true), ignored);
        StreamPump::Handlers handlers{m_send, [weak = weak_from_this(), stream] {
                                          if (const auto self = weak.lock()) self->m_pumps.erase(stream);
                                      }};
        const auto pump =
            std::make_shared<StreamPump>(stream, StreamPump::Socket(std::move(attempt.socket)), std::move(handlers));
        m_pumps.emplace(stream, pump);
        if (!m_send(StreamOpened{stream})) return;  // the end of the session will cut it
        pump->start();
    }

    asio::io_context& m_io;
    Send m_send;
    std::function<bool(const Endpoint&)> m_allows;
    uint32_t m_mark;
    std::map<uint32_t, std::shared_ptr<Attempt>> m_connecting;
    Pumps m_pumps;
};

StreamRelay::StreamRelay(asio::io_context& io, Send send, std::function<bool(const Endpoint&)> allows, uint32_t mark)
    : m_impl(std::make_shared<Impl>(io, std::move(send), std::move(allows), mark)) {}
StreamRelay::~StreamRelay() { m_impl->cut(); }
bool StreamRelay::take(const Message& message) { return m_impl->take(message); }
void StreamRelay::cut() { m_impl->cut(); }

}  // namespace netpas::channel
