#include "core/channel/channel.h"

#include <sodium.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <optional>
#include <utility>

#include "core/channel/frame_link.h"

namespace netpas::channel {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;
using Instant = std::chrono::steady_clock::time_point;

namespace {

template <class... Ts>
struct Overloaded : Ts... {
    using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

Instant now() { return std::chrono::steady_clock::now(); }

uint64_t freshNonce() {
    uint64_t nonce = 0;
    randombytes_buf(&nonce, sizeof nonce);
    return nonce;
}

// These are within every limit.
Bytes encodeSmall(const Message& message) { return encode(message).value_or(Bytes{}); }

}  // namespace

std::string_view describe(SendError error) {
    switch (error) {
    case SendError::Down: return "agent and secretary are not connected";
    case SendError::TooLarge: return "the message exceeds a limit of the channel";
    case SendError::Stuck: return "the other end of the channel does not read";
    }
    return "?";
}

bool mayCome(const Message& message, Side from, Capabilities granted) {
    const bool agent = from == Side::Agent;
    const bool asAgent = granted.has(Capability::Agent);
    const auto fromAgent = [&](const auto&) { return agent && asAgent; };
    const auto fromSecretary = [&](const auto&) { return !agent; };
    const auto both = [&](const auto&) { return !agent || asAgent; };
    return std::visit(
        Overloaded{
            [](const Hello&) { return false; },  // only the channel itself has a use for these, at their time
            [](const Welcome&) { return false; },
            [](const Goodbye&) { return true; },
            [](const Ping&) { return true; },
            [](const Pong&) { return true; },
            [&](const Home& m) { return fromAgent(m); },
            [&](const AgentState& m) { return fromAgent(m); },
            [&](const QuoteRequest& m) { return fromSecretary(m); },
            [&](const QuoteAnswer& m) { return fromAgent(m); },
            [&](const Join& m) { return fromSecretary(m); },
            [&](const JoinAnswer& m) { return fromAgent(m); },
            [&](const SetFlows& m) { return fromSecretary(m); },
            [&](const FlowsApplied& m) { return fromAgent(m); },
            [&](const Counters& m) { return fromAgent(m); },
            [&](const Drain& m) { return fromSecretary(m); },
            [&](const Drained& m) { return fromAgent(m); },
            [&](const StreamOpen& m) { return fromSecretary(m); },
            [&](const StreamOpened& m) { return fromAgent(m); },
            [&](const StreamData& m) { return both(m); },
            [&](const StreamCredit& m) { return both(m); },
            [&](const StreamClosed& m) { return both(m); },
            [&](const ApiRequest&) {
                return agent && (granted.has(Capability::Read) || granted.has(Capability::Request));
            },
            [&](const ApiAnswer& m) { return fromSecretary(m); },
            [&](const DeviceAsks& m) { return fromAgent(m); },
            [&](const DeviceAnswer& m) { return fromSecretary(m); },
            [&](const Devices& m) { return fromSecretary(m); },
            [&](const Processes& m) { return fromAgent(m); },
            [&](const NotDelivered& m) { return fromAgent(m); },
            [&](const FindSeller& m) { return fromSecretary(m); },
            [&](const SellerFound& m) { return fromAgent(m); },
            [&](const SellerCall& m) { return fromSecretary(m); },
            [&](const SellerAnswer& m) { return fromAgent(m); },
            [&](const MeshLinks& m) { return fromAgent(m); },
            [&](const MeshHeard& m) { return fromAgent(m); },
            [&](const MeshCounts& m) { return fromAgent(m); },
            [&](const MeshSay& m) { return fromSecretary(m); },
            [&](const SetMesh& m) { return fromSecretary(m); },
            [&](const FlowsSeen& m) { return fromAgent(m); },
            [&](const MeshHops& m) { return fromAgent(m); },
            [&](const TestNeighbour& m) { return fromSecretary(m); },
            [&](const NeighbourTested& m) { return fromAgent(m); },
        },
        message);
}

class Channel::Impl : public std::enable_shared_from_this<Impl> {
public:
    Impl(asio::io_context& io, Side side, std::unique_ptr<LineSource> source, Handlers handlers, Capabilities granted,
         ChannelTiming timing)
        : m_io(io),
          m_timer(io),
          m_side(side),
          m_source(std::move(source)),
          m_handlers(std::move(handlers)),
          m_granted(granted),
          m_timing(timing) {}

    void start() {
        m_source->start(
            [weak = weak_from_this()](std::shared_ptr<Line> line) {
                if (const auto self = weak.lock()) self->attach(std::move(line));
            },
            [weak = weak_from_this()](const std::string& why) {
                if (const auto self = weak.lock()) self->trouble(why);
            });
        arm();
    }

    void stop() {
        if (m_stopped) return;
        m_stopped = true;
        m_timer.cancel();
        m_source->stop();
        if (m_up) m_active->sendNow(encodeSmall(Goodbye{Farewell::Stopping, {}}));
        m_up = false;
        for (const Peer& peer : m_unheard) peer.link->close();
        if (m_active) m_active->close();
        m_unheard.clear();
        m_active = nullptr;
        // The handlers may own what owns this, and may be running now.
        asio::post(m_io, [self = shared_from_this()] { self->m_handlers = {}; });
    }

    [[nodiscard]] bool isUp() const { return m_up; }

    void setBrisk(bool brisk) {
        if (std::exchange(m_brisk, brisk) == brisk || m_stopped) return;
        m_heard = now();  // silence until now was allowed
        arm();
    }

    tl::expected<void, SendError> send(const Message& message) {
        if (!m_up) return tl::unexpected(SendError::Down);
        auto bytes = encode(message);
        if (!bytes) return tl::unexpected(SendError::TooLarge);
        return send(std::move(*bytes));
    }

    tl::expected<void, SendError> send(Bytes message) {
        if (!m_up) return tl::unexpected(SendError::Down);
        if (m_active->send(std::move(message))) return {};
        asio::post(m_io, [self = shared_from_this(), link = m_active] {
            if (self->m_up && self->m_active == link) self->endSession(Farewell::LineTrouble, "it does not read");
        });
        return tl::unexpected(SendError::Stuck);
    }

private:
    using Link = std::shared_ptr<FrameLink>;
    // Secretary: a connection that has not said Hello yet.
    struct Peer {
        Link link;
        Instant since;
        bool announced = false;
    };

    // --- lines

    void attach(std::shared_ptr<Line> line) {
        if (m_stopped) return line->close();
        auto link = std::make_shared<FrameLink>(std::move(line));
        FrameLink::Handlers handlers;
        const auto of = [this](auto method, const Link& made) {
            return [weak = weak_from_this(), weakLink = std::weak_ptr(made), method](const auto&... args) {
                const auto self = weak.lock();
                const auto alive = weakLink.lock();
                if (self && alive && !self->m_stopped) (self.get()->*method)(alive, args...);
            };
        };
        handlers.onFrame = of(&Impl::heard, link);
        handlers.onMessage = of(&Impl::received, link);
        handlers.onTrouble = of(&Impl::damaged, link);
        handlers.onClosed = of(&Impl::closed, link);
        link->start(std::move(handlers));
        if (m_side == Side::Agent) {
            m_active = link;
            greet();
        } else {
            m_unheard.push_back({link, now()});
        }
        arm();
    }

    void closed(const Link& link, const std::string& why) {
        std::erase_if(m_unheard, [&](const Peer& peer) { return peer.link == link; });
        if (m_active == link) {
            m_active = nullptr;
            down(why);
        }
        link->close();
        if (!m_stopped) m_source->again();
    }

    // The line stays where there is no other.
    void drop(const Link& link, const std::string& why) {
        if (link->isOnlyOne()) {
            link->expectOpening();
            if (m_side == Side::Secretary && m_active == link) {
                m_active = nullptr;
                m_unheard.push_back({link, now(), true});
            }
            return;
        }
        closed(link, why);
    }

    // --- sessions

    void greet() {
        Hello hello = m_handlers.hello ? m_handlers.hello() : Hello{};
        m_nonce = hello.nonce = freshNonce();
        m_nextGreeting = now() + m_timing.greeting;
        m_active->expectOpening();
        m_active->beginSession();
        const auto bytes = encode(hello);
        if (!bytes) return trouble("the agent holds more flows than a channel carries: stop some purchases");
        (void)m_active->send(*bytes);
        arm();
    }

    void received(const Link& link, ByteView bytes, bool opening) {
        auto message = decode(bytes);
        if (!message) return misbehaved(link, std::string(describe(message.error())));
        if (auto* goodbye = std::get_if<Goodbye>(&*message)) return tookLeave(link, *goodbye);
        if (opening) return opened(link, *message);
        if (!m_up || link != m_active) return;
        const Side from = m_side == Side::Agent ? Side::Secretary : Side::Agent;
        if (!mayCome(*message, from, m_granted)) return misbehaved(link, "a message that was not granted");
        if (const auto* ping = std::get_if<Ping>(&*message)) {
            link->sendNow(encodeSmall(Pong{ping->number}));
        } else if (!std::holds_alternative<Pong>(*message) && m_handlers.onMessage) {
            m_handlers.onMessage(std::move(*message));
        }
    }

    void opened(const Link& link, const Message& message) {
        if (const auto* hello = std::get_if<Hello>(&message); hello && m_side == Side::Secretary) {
            welcome(link, *hello);
        } else if (const auto* answer = std::get_if<Welcome>(&message); answer && m_side == Side::Agent) {
            if (m_up || answer->nonce != m_nonce) return;  // of an attempt that was given up
            m_granted = answer->granted;
            const auto asked = milliseconds(answer->heartbeatMilliseconds);
            m_timing.heartbeat = std::clamp(asked, milliseconds(20), m_timing.slowHeartbeat);
            up();
            if (m_handlers.onWelcome) m_handlers.onWelcome(*answer);
        } else {
            misbehaved(link, "a session cannot begin like that");
        }
    }

    void welcome(const Link& link, const Hello& hello) {
        if (m_active && m_active != link && hello.incarnation != m_incarnation) {
            turnAway(link, Farewell::Busy,
                     "agent " + m_agentName +
                         " is connected to this secretary: stop it first, or start a secretary of your own");
            return drop(link, {});
        }
        const Link before = std::exchange(m_active, link);
        if (m_up) down("the agent has begun anew");
        if (before && before != link) closed(before, {});
        if (m_stopped) return;
        std::erase_if(m_unheard, [&](const Peer& peer) { return peer.link == link; });
        m_incarnation = hello.incarnation;
        m_agentName = hello.name;
        const auto heartbeat = static_cast<uint32_t>(m_timing.heartbeat.count());
        link->beginSession();
        link->sendNow(encodeSmall(Welcome{hello.nonce, heartbeat, m_granted}));
        up();
        if (m_handlers.onHello) m_handlers.onHello(hello);
    }

    void up() {
        m_up = true;
        m_lastTrouble.clear();
        m_heard = m_pinged = now();
        m_graceGiven = false;
        arm();
    }

    void down(const std::string& why) {
        if (!std::exchange(m_up, false)) return;
        if (m_handlers.onDown) m_handlers.onDown(why);
    }

    // Ends the session from this side.
    void endSession(Farewell reason, const std::string& text) {
        const Link link = m_active;
        link->sendNow(encodeSmall(Goodbye{reason, text}));
        restart(link, text, reason == Farewell::LineTrouble);
    }

    // After the session: the agent says Hello again, the secretary waits for one.
    void restart(const Link& link, const std::string& why, bool atOnce) {
        drop(link, why);
        down(why);
        if (m_side != Side::Agent || m_active != link || m_stopped) return;
        m_nextGreeting = now() + (atOnce ? milliseconds(0) : m_timing.refused);
        arm();
    }

    void turnAway(const Link& link, Farewell reason, const std::string& text) {
        link->beginSession();
        link->sendNow(encodeSmall(Goodbye{reason, text}));
    }

    void tookLeave(const Link& link, const Goodbye& goodbye) {
        std::string why(describe(goodbye.reason));
        if (!goodbye.text.empty()) why += ": " + goodbye.text;
        if (m_side == Side::Secretary) {
            if (link == m_active) return restart(link, why, false);
            return link->expectOpening();
        }
        const bool lineTrouble = goodbye.reason == Farewell::LineTrouble;
        if (!m_up && lineTrouble) {
            // Often the answer to what was on the line before; one Hello is enough for all of them.
            m_nextGreeting = std::min(m_nextGreeting, now() + milliseconds(50));
            return arm();
        }
        if (!m_up) trouble(why);
        restart(link, why, lineTrouble);
    }

    void damaged(const Link& link, Farewell reason) {
        const std::string text = reason == Farewell::OtherVersion
                                     ? "agent and secretary are of different releases: install the same on both"
                                     : std::string(describe(reason));
        if (reason == Farewell::OtherVersion) trouble(text);
        if (m_up && link == m_active) return endSession(reason, text);
        if (reason == Farewell::LineTrouble) {
            if (!link->isOnlyOne()) closed(link, text);
            return;  // garbage before a session: the next Hello ends it
        }
        if (m_side == Side::Secretary) turnAway(link, reason, text);
        restart(link, text, false);
    }

    void misbehaved(const Link& link, const std::string& what) {
        if (m_up && link == m_active) return endSession(Farewell::Misbehaved, what);
        damaged(link, Farewell::Misbehaved);
    }

    void trouble(const std::string& why) {
        if (why == m_lastTrouble) return;
        m_lastTrouble = why;
        if (m_handlers.onTrouble) m_handlers.onTrouble(why);
    }

    // --- signs of life

    void heard(const Link& link) {
        if (link != m_active) return;
        m_heard = now();
        m_graceGiven = false;
    }

    [[nodiscard]] milliseconds heartbeat() const { return m_brisk ? m_timing.heartbeat : m_timing.slowHeartbeat; }
    [[nodiscard]] milliseconds silence() const { return m_brisk ? m_timing.silence : m_timing.slowSilence; }

    void arm() {
        if (m_stopped) return;
        Instant next = now() + std::chrono::hours(1);
        if (m_up) {
            next = std::min(m_pinged + heartbeat(), m_heard + silence());
        } else if (m_side == Side::Agent && m_active) {
            next = m_nextGreeting;
        }
        for (const Peer& peer : m_unheard) {
            if (!peer.link->isOnlyOne()) {
                next = std::min(next, peer.since + m_timing.unheard);
            } else if (!peer.announced) {
                next = std::min(next, peer.since + m_timing.announcement);
            }
        }
        m_due = next;
        m_timer.expires_at(next);
        m_timer.async_wait([weak = weak_from_this()](const error_code& error) {
            const auto self = weak.lock();
            if (!error && self && !self->m_stopped) self->tick();
        });
    }

    void tick() {
        const Instant at = now();
        // This process itself did not get to run: what came meanwhile has not been looked at yet. Once: a busy machine makes
        // every turn a late one.
        const auto grace = m_timing.heartbeat / 2;
        if (!m_graceGiven && at - m_due > grace && at - m_heard > silence() - grace) {
            m_graceGiven = true;
            m_heard = at - silence() + grace;
        }
        if (m_up && at - m_heard >= silence()) {
            endSession(Farewell::LineTrouble, "nothing was heard for " + std::to_string(silence().count()) + " ms");
        } else if (m_up && at - m_pinged >= heartbeat()) {
            m_pinged = at;
            m_active->sendNow(encodeSmall(Ping{++m_pingNumber}));
        } else if (!m_up && m_side == Side::Agent && m_active && at >= m_nextGreeting) {
            greet();
        }
        std::vector<Link> mute;
        for (Peer& peer : m_unheard) {
            if (!peer.link->isOnlyOne()) {
                if (at - peer.since >= m_timing.unheard) mute.push_back(peer.link);
            } else if (!peer.announced && at - peer.since >= m_timing.announcement) {
                // An agent that waits at the other end need not wait for its next greeting.
                peer.announced = true;
                turnAway(peer.link, Farewell::LineTrouble, {});
            }
        }
        for (const Link& link : mute) closed(link, "it did not say hello");
        arm();
    }

    asio::io_context& m_io;
    asio::steady_timer m_timer;
    Side m_side;
    std::unique_ptr<LineSource> m_source;
    Handlers m_handlers;
    Capabilities m_granted;
    ChannelTiming m_timing;
    Link m_active;  // agent: the line there is; secretary: the line of the session
    std::list<Peer> m_unheard;
    bool m_up = false;
    bool m_brisk = false;
    bool m_graceGiven = false;  // … since something was heard last
    bool m_stopped = false;
    uint64_t m_nonce = 0;
    uint64_t m_incarnation = 0;
    std::string m_agentName;
    std::string m_lastTrouble;
    uint32_t m_pingNumber = 0;
    Instant m_heard, m_pinged, m_nextGreeting, m_due;
};

Channel::Channel(asio::io_context& io, Side side, std::unique_ptr<LineSource> source, Handlers handlers,
                 Capabilities granted, ChannelTiming timing)
    : m_impl(std::make_shared<Impl>(io, side, std::move(source), std::move(handlers), granted, timing)) {}
Channel::~Channel() { m_impl->stop(); }
void Channel::start() { m_impl->start(); }
void Channel::stop() { m_impl->stop(); }
bool Channel::isUp() const { return m_impl->isUp(); }
void Channel::setBrisk(bool brisk) { m_impl->setBrisk(brisk); }
tl::expected<void, SendError> Channel::send(const Message& message) { return m_impl->send(message); }
tl::expected<void, SendError> Channel::sendEncoded(Bytes message) { return m_impl->send(std::move(message)); }

}  // namespace netpas::channel
