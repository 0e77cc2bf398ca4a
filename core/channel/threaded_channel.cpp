#include "core/channel/threaded_channel.h"

#include <pthread.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace netpas::channel {

namespace asio = boost::asio;

namespace {

// An agent that pays says what it counted 20 times a second: a control thread that hangs is found out after some 13 s.
constexpr size_t mostWaiting = 256;
constexpr std::chrono::milliseconds farewell{600};

}  // namespace

class ThreadedChannel::Impl : public std::enable_shared_from_this<Impl> {
public:
    Impl(asio::io_context& io, Channel::Handlers handlers) : m_io(io), m_handlers(std::move(handlers)) {}

    void make(const MakeSource& makeSource, Capabilities granted, ChannelTiming timing) {
        m_channel =
            std::make_unique<Channel>(m_lineIo, Side::Secretary, makeSource(m_lineIo), lineHandlers(), granted, timing);
        asio::post(m_lineIo, [this] { m_channel->start(); });
    }

    bool start() {
        try {
            m_thread = std::thread([this] {
                m_lineIo.run();
                m_lineIo.restart();
                m_lineIo.run_for(farewell);
            });
        } catch (const std::system_error&) {
            return false;
        }
        pthread_setname_np(m_thread.native_handle(), "netpas-channel");
        return true;
    }

    void stop() {
        {
            const std::lock_guard lock(m_mutex);
            if (std::exchange(m_stopped, true)) return;
        }
        m_room.notify_all();
        m_up = false;
        asio::post(m_lineIo, [this] {
            m_channel->stop();
            m_guard.reset();
            m_lineIo.stop();
        });
        // The handlers may own what owns this, and may be running now.
        asio::post(m_io, [self = shared_from_this()] { self->m_handlers = {}; });
    }

    void join() {
        if (m_thread.joinable()) m_thread.join();
        m_channel.reset();
    }

    [[nodiscard]] bool isUp() const { return m_up; }

    void setBrisk(bool brisk) {
        asio::post(m_lineIo, [this, brisk] { m_channel->setBrisk(brisk); });
    }

    tl::expected<void, SendError> send(const Message& message) {
        if (!m_up) return tl::unexpected(SendError::Down);
        auto bytes = encode(message);
        if (!bytes) return tl::unexpected(SendError::TooLarge);
        asio::post(m_lineIo, [this, session = m_session, bytes = std::move(*bytes)]() mutable {
            if (session == m_lineSession) (void)m_channel->sendEncoded(std::move(bytes));
        });
        return {};
    }

private:
    // On the line's thread from here …
    Channel::Handlers lineHandlers() {
        Channel::Handlers handlers;
        handlers.onHello = [this](const Hello& hello) {
            tell([hello, session = ++m_lineSession](Impl& self) {
                self.m_up = true;
                self.m_session = session;
                if (self.m_handlers.onHello) self.m_handlers.onHello(hello);
            });
        };
        handlers.onDown = [this](const std::string& why) {
            tell([why](Impl& self) {
                self.m_up = false;
                if (self.m_handlers.onDown) self.m_handlers.onDown(why);
            });
        };
        handlers.onMessage = [this](Message message) {
            awaitRoom();
            tell([message = std::move(message)](Impl& self) mutable {
                self.makeRoom();
                if (self.m_handlers.onMessage) self.m_handlers.onMessage(std::move(message));
            });
        };
        handlers.onTrouble = [this](const std::string& why) {
            tell([why](Impl& self) {
                if (self.m_handlers.onTrouble) self.m_handlers.onTrouble(why);
            });
        };
        return handlers;
    }

    template <typename Function>
    void tell(Function function) {
        asio::post(m_io, [weak = weak_from_this(), function = std::move(function)]() mutable {
            const auto self = weak.lock();
            if (self && !self->m_stopped) function(*self);
        });
    }

    void awaitRoom() {
        std::unique_lock lock(m_mutex);
        m_room.wait(lock, [this] { return m_waiting < mostWaiting || m_stopped; });
        ++m_waiting;
    }
    // … to here.

    void makeRoom() {
        {
            const std::lock_guard lock(m_mutex);
            --m_waiting;
        }
        m_room.notify_one();
    }

    asio::io_context& m_io;
    Channel::Handlers m_handlers;
    bool m_up = false;
    uint64_t m_session = 0;  // that the handlers know of

    std::mutex m_mutex;
    std::condition_variable m_room;
    size_t m_waiting = 0;    // messages that the control thread has not seen yet
    bool m_stopped = false;  // written by the control thread only

    asio::io_context m_lineIo{1};
    asio::executor_work_guard<asio::io_context::executor_type> m_guard{m_lineIo.get_executor()};
    std::unique_ptr<Channel> m_channel;  // used on its thread, and where that does not run
    uint64_t m_lineSession = 0;          // of the line's thread
    std::thread m_thread;
};

ThreadedChannel::ThreadedChannel(asio::io_context& io, const MakeSource& makeSource, Channel::Handlers handlers,
                                 Capabilities granted, ChannelTiming timing)
    : m_impl(std::make_shared<Impl>(io, std::move(handlers))) {
    m_impl->make(makeSource, granted, timing);
}
ThreadedChannel::~ThreadedChannel() {
    m_impl->stop();
    m_impl->join();
}
bool ThreadedChannel::start() { return m_impl->start(); }
void ThreadedChannel::stop() { m_impl->stop(); }
bool ThreadedChannel::isUp() const { return m_impl->isUp(); }
void ThreadedChannel::setBrisk(bool brisk) { m_impl->setBrisk(brisk); }
tl::expected<void, SendError> ThreadedChannel::send(const Message& message) { return m_impl->send(message); }

}  // namespace netpas::channel
