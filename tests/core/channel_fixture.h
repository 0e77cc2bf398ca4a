// Two ends of a channel in one process, and the lines between them.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/channel/channel.h"

namespace netpas::channel::test {

// One end, and all that happened to it.
struct End {
    std::unique_ptr<Channel> channel;
    std::vector<Message> messages;
    std::vector<std::string> downs;
    std::vector<std::string> troubles;
    int ups = 0;
    Welcome welcome;
    Hello hello;
    std::function<void(const Message&)> onMessage;

    End(boost::asio::io_context& io, Side side, std::unique_ptr<LineSource> source, uint64_t incarnation = 1,
        ChannelTiming timing = {}) {
        Channel::Handlers handlers;
        handlers.hello = [incarnation] {
            FlowCounters held;
            held.purchase = PurchaseId(7);
            return Hello{0, incarnation, "agent " + std::to_string(incarnation), {held}};
        };
        handlers.onWelcome = [this](const Welcome& got) {
            welcome = got;
            ++ups;
        };
        handlers.onHello = [this](const Hello& got) {
            hello = got;
            ++ups;
        };
        handlers.onDown = [this](const std::string& why) { downs.push_back(why); };
        handlers.onTrouble = [this](const std::string& why) { troubles.push_back(why); };
        handlers.onMessage = [this](Message message) {
            if (onMessage) onMessage(message);
            messages.push_back(std::move(message));
        };
        channel =
            std::make_unique<Channel>(io, side, std::move(source), std::move(handlers), agentCapabilities, timing);
        channel->start();
    }
};

// Runs until that is so; false after ten seconds.
inline bool runUntil(boost::asio::io_context& io, const std::function<bool()>& so) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!so()) {
        if (std::chrono::steady_clock::now() > end) return false;
        io.restart();
        io.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
}

inline std::pair<int, int> socketPair() {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
    return {ends[0], ends[1]};
}

struct TemporaryFolder {
    std::string path;
    TemporaryFolder() {
        std::string name = "/tmp/netpas-channel-XXXXXX";
        path = ::mkdtemp(name.data());
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

// A serial line: two pseudo-terminals and a thread that carries bytes from one to the other, may be unplugged, and may add noise.
class SerialCable {
public:
    explicit SerialCable(const std::string& folder) : m_folder(folder) {}
    ~SerialCable() { unplug(); }
    [[nodiscard]] std::string device(int end) const { return m_folder + "/tty" + std::to_string(end); }

    void plug() {
        for (int end : {0, 1}) {
            m_masters[end] = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
            ::grantpt(m_masters[end]);
            ::unlockpt(m_masters[end]);
            // Until somebody has opened both, they would echo noise to each other for ever.
            termios settings{};
            ::tcgetattr(m_masters[end], &settings);
            settings.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK | ECHONL);
            ::tcsetattr(m_masters[end], TCSANOW, &settings);
            (void)!::symlink(::ptsname(m_masters[end]), device(end).c_str());
        }
        m_stop = false;
        m_thread = std::thread([this] { carry(); });
    }
    // The devices hang up and their names are gone.
    void unplug() {
        if (!m_thread.joinable()) return;
        m_stop = true;
        m_thread.join();
        for (int end : {0, 1}) {
            ::unlink(device(end).c_str());
            ::close(m_masters[end]);
        }
    }
    // Towards that end, as far as there is room. May come in the middle of a frame.
    void noise(int end, const std::string& bytes) { (void)!::write(m_masters[end], bytes.data(), bytes.size()); }
    // The next bytes towards that end are lost.
    void lose(int end, size_t bytes) { m_lose[end] = bytes; }

private:
    void carry() {
        while (!m_stop) {
            fd_set ready;
            FD_ZERO(&ready);
            for (int end : {0, 1}) FD_SET(m_masters[end], &ready);
            timeval wait{0, 5000};
            if (::select(std::max(m_masters[0], m_masters[1]) + 1, &ready, nullptr, nullptr, &wait) <= 0) continue;
            for (int end : {0, 1}) {
                char bytes[4096];
                if (!FD_ISSET(m_masters[end], &ready)) continue;
                ssize_t count = ::read(m_masters[end], bytes, sizeof bytes);
                if (count <= 0) {  // nobody has it open: not yet, or not any more
                    ::usleep(2000);
                    continue;
                }
                const size_t lost = std::min(m_lose[1 - end].load(), static_cast<size_t>(count));
                m_lose[1 - end] -= lost;
                for (ssize_t at = static_cast<ssize_t>(lost); at < count && !m_stop;) {
                    const ssize_t wrote = ::write(m_masters[1 - end], bytes + at, static_cast<size_t>(count - at));
                    if (wrote > 0) {
                        at += wrote;
                    } else {  // full: nobody reads, or it was unplugged meanwhile
                        ::usleep(500);
                    }
                }
            }
        }
    }

    std::string m_folder;
    int m_masters[2] = {-1, -1};
    std::atomic<bool> m_stop = false;
    std::atomic<size_t> m_lose[2] = {0, 0};
    std::thread m_thread;
};

}  // namespace netpas::channel::test
