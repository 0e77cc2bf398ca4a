#include "app/lab/tools/overlay_relay.h"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <set>

#include "core/net/tls_link.h"
#include "core/random.h"

namespace netpas::lab {

namespace asio = boost::asio;
using accounting::Message;
using Connection = std::shared_ptr<net::TlsConnection>;
using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {
constexpr size_t maxWaiting = 100'000;   // messages of one direction, under way; beyond that the connection breaks
constexpr milliseconds reorderedBy{40};  // at least; twice as much at most
}  // namespace

class OverlayRelay::Impl : public std::enable_shared_from_this<Impl> {
public:
    Impl(asio::io_context& io, RelayOptions options, Hook hook)
        : m_io(io), m_options(std::move(options)), m_hook(std::move(hook)), m_random(m_options.seed) {}

    // One connection on either side, and what is under way between them.
    struct Pair : std::enable_shared_from_this<Pair> {
        explicit Pair(asio::io_context& io) : timers{asio::steady_timer(io), asio::steady_timer(io)} {}
        Connection dialer;
        Connection server;
        std::unique_ptr<net::TlsDialer> toServer;
        std::array<std::multimap<SteadyClock::time_point, Bytes>, 2> underWay;
        std::array<SteadyClock::time_point, 2> last{};  // when the latest that keeps its place is due
        std::array<asio::steady_timer, 2> timers;
        bool ended = false;
    };
    using PairPtr = std::shared_ptr<Pair>;

    tl::expected<uint16_t, net::NetError> start() {
        net::TlsListener::Handlers handlers;
        handlers.accepts = [weak = weak_from_this()](const PublicKey& key, const Endpoint&) {
            const auto self = weak.lock();
            return self && self->m_partition == Partition::None && self->m_options.mask &&
                   self->m_options.mask(key) != nullptr;
        };
        handlers.onConnection = [weak = weak_from_this()](Connection connection) {
            if (const auto self = weak.lock()) self->dialled(std::move(connection));
        };
        m_listener = std::make_unique<net::TlsListener>(m_io, *m_options.face, std::move(handlers));
        return m_listener->listen(m_options.listen);
    }

    void stop() {
        m_listener.reset();
        breakConnections();
    }

    void breakConnections() {
        for (const PairPtr& pair : std::set(m_pairs)) end(pair);
    }

    void setPartition(Partition partition) {
        if (partition == m_partition) return;
        m_partition = partition;
        if (partition != Partition::Silent) breakConnections();
    }

    bool injectBytes(Direction direction, const Bytes& bytes) {
        bool any = false;
        for (const PairPtr& pair : std::set(m_pairs)) {
            if (!pair->server) continue;
            ++m_counts[index(direction)].injected;
            any |= forward(pair, direction, bytes);
        }
        return any;
    }

    [[nodiscard]] size_t connections() const {
        size_t up = 0;
        for (const PairPtr& pair : m_pairs) up += static_cast<size_t>(pair->server && pair->dialer);
        return up;
    }

    asio::io_context& m_io;
    RelayOptions m_options;
    Hook m_hook;
    std::array<Count, 2> m_counts;

private:
    static size_t index(Direction direction) { return direction == Direction::Forth ? 0 : 1; }

    void dialled(Connection connection) {
        const Identity* mask = m_options.mask ? m_options.mask(connection->peerKey()) : nullptr;
        if (!m_listener || m_partition != Partition::None || mask == nullptr) return connection->close();
        const auto pair = std::make_shared<Pair>(m_io);
        pair->dialer = connection;
        connection->onMessage = [weak = weak_from_this(), weakPair = std::weak_ptr(pair)](ByteView bytes) {
            const auto self = weak.lock();
            const auto held = weakPair.lock();
            if (self && held) self->heard(held, Direction::Forth, bytes);
        };
        connection->onClosed = ender(pair);
        net::TlsDialer::Handlers handlers;
        handlers.onUp = [weak = weak_from_this(), weakPair = std::weak_ptr(pair)](Connection up) {
            const auto self = weak.lock();
            const auto held = weakPair.lock();
            if (self && held) self->reached(held, std::move(up));
        };
        handlers.onDown = ender(pair);
        pair->toServer =
            std::make_unique<net::TlsDialer>(m_io, *mask, m_options.to.endpoint, m_options.to.key, handlers);
        pair->toServer->start();
        m_pairs.insert(pair);
    }

    // The end of either connection is the end of both. Posted: neither may be destroyed inside its own call.
    std::function<void(net::NetError)> ender(const PairPtr& pair) {
        return [weak = weak_from_this(), weakPair = std::weak_ptr(pair)](net::NetError) {
            const auto self = weak.lock();
            const auto held = weakPair.lock();
            if (self && held) asio::post(self->m_io, [self, held] { self->end(held); });
        };
    }

    void reached(const PairPtr& pair, Connection up) {
        if (pair->ended) return up->close();
        pair->server = std::move(up);
        // Not onClosed: that one is the dialer's, which tells of it by onDown.
        pair->server->onMessage = [weak = weak_from_this(), weakPair = std::weak_ptr(pair)](ByteView bytes) {
            const auto self = weak.lock();
            const auto held = weakPair.lock();
            if (self && held) self->heard(held, Direction::Back, bytes);
        };
        deliver(pair, Direction::Forth);
    }

    void end(const PairPtr& pair) {
        if (std::exchange(pair->ended, true)) return;
        m_pairs.erase(pair);
        for (const Direction direction : {Direction::Forth, Direction::Back}) {
            m_counts[index(direction)].dropped += pair->underWay[index(direction)].size();
            pair->underWay[index(direction)].clear();
            pair->timers[index(direction)].cancel();
        }
        if (pair->dialer) pair->dialer->close();
        pair->toServer.reset();
        pair->dialer = nullptr;
        pair->server = nullptr;
    }

    void heard(const PairPtr& pair, Direction direction, ByteView bytes) {
        if (pair->ended) return;
        const auto message = accounting::decode(bytes);
        if (message && std::holds_alternative<accounting::BatchAbility>(*message) && !m_options.batches) return;
        Count& count = m_counts[index(direction)];
        ++count.seen;
        if (m_partition != Partition::None) {
            ++count.dropped;
            return;
        }
        const Bytes original(bytes.begin(), bytes.end());
        if (!message) ++count.undecodable;
        if (!message || !m_hook) return weather(pair, direction, original);
        const std::vector<Message> instead = m_hook(direction, *message);
        if (instead.empty()) ++count.dropped;
        bool same = instead.size() == 1;
        for (const Message& one : instead) {
            Bytes encoded = accounting::encode(one);
            same = same && encoded == original;
            weather(pair, direction, std::move(encoded));
            if (pair->ended) return;
        }
        if (!same && !instead.empty()) ++count.changed;
    }

    bool chance(double share) { return static_cast<double>(m_random.below(1'000'000'000)) < share * 1e9; }

    void weather(const PairPtr& pair, Direction direction, Bytes bytes) {
        const RelayWeather& now = m_options.weather;
        Count& count = m_counts[index(direction)];
        // Always the same number of draws, so that a seed means the same whatever is switched on.
        const bool dropped = chance(now.drop);
        const bool doubled = chance(now.duplicate);
        const bool late = chance(now.reorder);
        const uint64_t jitter = m_random.below(static_cast<uint64_t>(now.jitter.count()) + 1);
        const uint64_t behind = m_random.below(static_cast<uint64_t>(reorderedBy.count()));
        if (dropped) {
            ++count.dropped;
            if (now.breakOnDrop) asio::post(m_io, [self = shared_from_this(), pair] { self->end(pair); });
            return;
        }
        auto due = SteadyClock::now() + now.delay + milliseconds(jitter);
        SteadyClock::time_point& last = pair->last[index(direction)];
        if (late) {
            ++count.reordered;
            due += reorderedBy + milliseconds(behind);
        } else {
            due = last = std::max(last, due);
        }
        auto& queue = pair->underWay[index(direction)];
        if (queue.size() >= maxWaiting) return end(pair);
        if (doubled) {
            ++count.duplicated;
            queue.emplace(due, bytes);
        }
        queue.emplace(due, std::move(bytes));
        deliver(pair, direction);
    }

    void deliver(const PairPtr& pair, Direction direction) {
        auto& queue = pair->underWay[index(direction)];
        const auto now = SteadyClock::now();
        // What comes before the real server has answered waits.
        while (!pair->ended && !queue.empty() && pair->server && queue.begin()->first <= now) {
            const Bytes bytes = std::move(queue.begin()->second);
            queue.erase(queue.begin());
            if (m_partition != Partition::None) {
                ++m_counts[index(direction)].dropped;
            } else if (!forward(pair, direction, bytes)) {
                return end(pair);
            }
        }
        if (pair->ended || queue.empty() || !pair->server) return;
        asio::steady_timer& timer = pair->timers[index(direction)];
        timer.expires_at(queue.begin()->first);
        timer.async_wait([weak = weak_from_this(), weakPair = std::weak_ptr(pair),
                          direction](const boost::system::error_code& error) {
            const auto self = weak.lock();
            const auto held = weakPair.lock();
            if (!error && self && held) self->deliver(held, direction);
        });
    }

    bool forward(const PairPtr& pair, Direction direction, const Bytes& bytes) {
        const Connection& out = direction == Direction::Forth ? pair->server : pair->dialer;
        if (!out || !out->send(bytes)) return false;
        ++m_counts[index(direction)].passed;
        return true;
    }

    SeededRandom m_random;
    Partition m_partition = Partition::None;
    std::unique_ptr<net::TlsListener> m_listener;
    std::set<PairPtr> m_pairs;
};

OverlayRelay::OverlayRelay(asio::io_context& io, RelayOptions options, Hook hook)
    : m_impl(std::make_shared<Impl>(io, std::move(options), std::move(hook))) {}
OverlayRelay::~OverlayRelay() { m_impl->stop(); }
tl::expected<uint16_t, net::NetError> OverlayRelay::start() { return m_impl->start(); }
void OverlayRelay::setHook(Hook hook) { m_impl->m_hook = std::move(hook); }
void OverlayRelay::setWeather(const RelayWeather& weather) { m_impl->m_options.weather = weather; }
void OverlayRelay::setPartition(Partition partition) { m_impl->setPartition(partition); }
void OverlayRelay::breakConnections() { m_impl->breakConnections(); }
bool OverlayRelay::inject(Direction direction, const Message& message) {
    return m_impl->injectBytes(direction, accounting::encode(message));
}
bool OverlayRelay::injectBytes(Direction direction, const Bytes& bytes) {
    return m_impl->injectBytes(direction, bytes);
}
size_t OverlayRelay::connections() const { return m_impl->connections(); }
const OverlayRelay::Count& OverlayRelay::count(Direction direction) const {
    return m_impl->m_counts[direction == Direction::Forth ? 0 : 1];
}

}  // namespace netpas::lab
