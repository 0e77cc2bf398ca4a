#include "app/share/dht_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <optional>

#include "app/share/dht_messages.h"

extern char** environ;

namespace netpas::dht {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds beforeAgain{5};

struct Spawned {
    pid_t process = -1;
    int socket = -1;
};

// The child has its end of the socket as descriptor 3 and nothing else of this process.
std::optional<Spawned> spawn(const DhtOptions& options) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return std::nullopt;
    std::vector<std::string> arguments{options.program.string(), std::to_string(options.port),
                                       std::to_string(options.network)};
    arguments.insert(arguments.end(), options.bootstrap.begin(), options.bootstrap.end());
    std::vector<char*> raw;
    for (std::string& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    // A duplicate is not closed by exec; so the original must have another number.
    const int moved = ends[1] == agentSocket ? ::fcntl(ends[1], F_DUPFD_CLOEXEC, agentSocket + 1) : ends[1];
    ::posix_spawn_file_actions_adddup2(&actions, moved, agentSocket);
    ::posix_spawn_file_actions_addclosefrom_np(&actions, agentSocket + 1);
    Spawned spawned;
    const int failed = ::posix_spawn(&spawned.process, options.program.c_str(), &actions, nullptr, raw.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (moved != ends[1]) ::close(moved);
    ::close(ends[1]);
    if (failed != 0) {
        ::close(ends[0]);
        errno = failed;
        return std::nullopt;
    }
    spawned.socket = ends[0];
    return spawned;
}

}  // namespace

struct DhtProcess::Impl : std::enable_shared_from_this<Impl> {
    Impl(asio::io_context& context, DhtOptions given, std::function<void(const std::string&)> say)
        : io(context), again(context), options(std::move(given)), problem(std::move(say)) {}

    void start() {
        const auto spawned = spawn(options);
        if (!spawned) {
            problem(options.program.string() + " cannot be started: " + std::strerror(errno));
            return later();
        }
        process = spawned->process;
        socket.emplace(io, spawned->socket);
        say(Follow{followed});
        for (const auto& [topic, value] : kept) say(Kept{topic, value});
        wait();
    }

    void later() {
        again.expires_after(beforeAgain);
        again.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (self && !error) self->start();
        });
    }

    // What does not fit is lost: it is said again when the process starts anew, and values are published again anyway.
    void say(const Message& message) {
        if (!socket) return;
        const Bytes bytes = encode(message);
        (void)::send(socket->native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }

    void wait() {
        socket->async_wait(asio::posix::stream_descriptor::wait_read,
                           [weak = weak_from_this()](const boost::system::error_code& error) {
                               const auto self = weak.lock();
                               if (self && !error) self->readable();
                           });
    }

    void readable() {
        constexpr int batch = 64;
        std::array<uint8_t, maxMessage + 1> buffer{};
        for (int i = 0; i < batch; ++i) {
            const ssize_t count = ::recv(socket->native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (count < 0 && (errno == EAGAIN || errno == EINTR)) break;
            if (count <= 0) return ended();
            const auto message = decode(ByteView(buffer.data(), static_cast<size_t>(count)));
            if (!message) continue;
            if (const auto* found = std::get_if<Kept>(&*message); found && onValue) onValue(*found);
            if (const auto* known = std::get_if<Nodes>(&*message)) nodes = known->count;
            if (!socket) return;
        }
        wait();
    }

    void ended() {
        problem(options.program.filename().string() + " has ended; it is started again");
        reap();
        later();
    }

    void reap() {
        nodes = 0;
        socket.reset();
        if (process <= 0) return;
        (void)::kill(process, SIGKILL);
        while (::waitpid(process, nullptr, 0) < 0 && errno == EINTR) {
        }
        process = -1;
    }

    asio::io_context& io;
    asio::steady_timer again;
    DhtOptions options;
    std::function<void(const std::string&)> problem;
    std::function<void(const Kept&)> onValue;
    std::optional<asio::posix::stream_descriptor> socket;
    pid_t process = -1;
    std::set<share::Topic> followed;
    std::map<share::Topic, Bytes> kept;
    uint16_t nodes = 0;
};

DhtProcess::DhtProcess(asio::io_context& io, DhtOptions options, std::function<void(const std::string&)> problem)
    : m_impl(std::make_shared<Impl>(io, std::move(options), std::move(problem))) {
    m_impl->onValue = [this](const Kept& found) {
        if (onValue) onValue(found.topic, found.value);
    };
    m_impl->start();
}

DhtProcess::~DhtProcess() {
    m_impl->onValue = nullptr;
    m_impl->again.cancel();
    m_impl->reap();
}

void DhtProcess::follow(const std::set<share::Topic>& topics) {
    m_impl->followed.clear();
    for (const share::Topic& topic : topics) {
        if (m_impl->followed.size() < maxTopics) m_impl->followed.insert(topic);
    }
    std::erase_if(m_impl->kept, [&](const auto& one) { return !m_impl->followed.contains(one.first); });
    m_impl->say(Follow{m_impl->followed});
}

void DhtProcess::publish(const share::Topic& topic, const Bytes& value) {
    if (value.size() > maxValue || !m_impl->followed.contains(topic)) return;
    m_impl->kept[topic] = value;
    m_impl->say(Kept{topic, value});
}

uint16_t DhtProcess::nodes() const { return m_impl->nodes; }

}  // namespace netpas::dht
