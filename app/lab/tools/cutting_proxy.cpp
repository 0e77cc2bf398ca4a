#include "app/lab/tools/cutting_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <optional>

#include "app/lab/netns.h"
#include "core/random.h"

namespace netpas::lab {

namespace {

using namespace std::chrono_literals;
using SteadyPoint = std::chrono::steady_clock::time_point;

// Before a cut: within a request, which may carry a proof; within an answer; within the time that both take.
constexpr uint64_t mostOfClient = 2000, mostOfServer = 8000;
constexpr uint64_t mostMilliseconds = 40;
constexpr auto silence = 700ms;
constexpr int pollMilliseconds = 20;

sockaddr_in toSocket(const Endpoint& endpoint) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    std::memcpy(&address.sin_addr, endpoint.address.bytes().data(), sizeof address.sin_addr);
    return address;
}

void resetOnClose(int socket) {
    const linger hard{1, 0};
    (void)::setsockopt(socket, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

// How one connection is spoiled.
struct Cut {
    enum class How : uint8_t { Reset, End, Silence };
    How how = How::Reset;
    std::optional<uint64_t> bytes;  // of that side
    bool ofServer = false;
    SteadyPoint at = SteadyPoint::max();
};

std::optional<Cut> drawCut(RandomSource& random, int percent) {
    if (random.below(100) >= static_cast<uint64_t>(percent)) return std::nullopt;
    Cut cut;
    cut.how = static_cast<Cut::How>(random.below(3));
    if (random.below(2) == 0) {
        cut.ofServer = random.below(3) != 0;  // what is paid for comes from there
        cut.bytes = random.below(cut.ofServer ? mostOfServer : mostOfClient);
    } else {
        cut.at = std::chrono::steady_clock::now() +
                 std::chrono::milliseconds(static_cast<int64_t>(random.below(mostMilliseconds)));
    }
    return cut;
}

bool sendAll(int socket, const char* data, size_t size) {
    while (size > 0) {
        const ssize_t sent = ::send(socket, data, size, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        data += sent;
        size -= static_cast<size_t>(sent);
    }
    return true;
}

// One connection's two sides.
class Carrier {
public:
    Carrier(int client, int server, std::optional<Cut> cut, const std::atomic<bool>& ending)
        : m_sockets{client, server}, m_cut(cut), m_ending(ending) {}

    // Whether it was cut.
    bool run() {
        while (!m_ending && (m_open[0] || m_open[1])) {
            if (m_cut && std::chrono::steady_clock::now() >= m_cut->at) return true;
            std::array<pollfd, 2> polls{pollfd{m_sockets[0], m_open[0] ? short{POLLIN} : short{0}, 0},
                                        pollfd{m_sockets[1], m_open[1] ? short{POLLIN} : short{0}, 0}};
            if (::poll(polls.data(), polls.size(), pollMilliseconds) < 0) return false;
            for (size_t side = 0; side < 2; ++side) {
                if (!m_open[side] || (polls[side].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
                if (pass(side)) return true;
                if (m_broken) return false;
            }
        }
        return false;
    }

private:
    // From that side to the other one; true: here it is cut.
    bool pass(size_t side) {
        std::array<char, 4096> buffer{};
        const ssize_t got = ::recv(m_sockets[side], buffer.data(), buffer.size(), 0);
        if (got < 0) m_broken = true;
        if (got <= 0) {
            m_open[side] = false;
            ::shutdown(m_sockets[1 - side], SHUT_WR);
            return false;
        }
        auto size = static_cast<size_t>(got);
        const bool counted = m_cut && m_cut->bytes && m_cut->ofServer == (side == 1);
        const bool here = counted && m_passed + size >= *m_cut->bytes;
        if (here) size = static_cast<size_t>(*m_cut->bytes - m_passed);
        if (counted) m_passed += size;
        if (!sendAll(m_sockets[1 - side], buffer.data(), size)) m_broken = true;
        return here;
    }

    std::array<int, 2> m_sockets;
    std::optional<Cut> m_cut;
    const std::atomic<bool>& m_ending;
    std::array<bool, 2> m_open{true, true};
    uint64_t m_passed = 0;
    bool m_broken = false;
};

}  // namespace

Expected<std::unique_ptr<CuttingProxy>> CuttingProxy::start(const std::string& netns, const Endpoint& listen,
                                                            const Endpoint& server, uint64_t seed, int percent) {
    int listener = -1;
    const auto made = inNamespace(netns, [&]() -> Expected<void> {
        listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const sockaddr_in address = toSocket(listen);
        const int on = 1;
        if (listener < 0 || ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
            ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(listener, 256) != 0) {
            return fail(LabErrc::System, "nothing can be listened on at " + listen.toString());
        }
        return {};
    });
    if (!made) {
        if (listener >= 0) ::close(listener);
        return tl::unexpected(made.error());
    }
    std::unique_ptr<CuttingProxy> proxy(new CuttingProxy(listener, server, seed, percent));
    // Sockets to the server are made there, too: threads inherit the namespace.
    proxy->m_acceptor = std::thread([self = proxy.get(), netns] {
        if (enterNamespace(netns)) self->accept();
    });
    return proxy;
}

CuttingProxy::~CuttingProxy() {
    m_ending = true;
    if (m_acceptor.joinable()) m_acceptor.join();
    for (std::thread& carrier : m_carriers) carrier.join();
    ::close(m_listener);
}

CuttingCounts CuttingProxy::counts() const { return {m_connections, m_reset, m_ended, m_silent}; }

void CuttingProxy::accept() {
    while (!m_ending) {
        pollfd wait{m_listener, POLLIN, 0};
        if (::poll(&wait, 1, pollMilliseconds) <= 0) continue;
        const int client = ::accept4(m_listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) continue;
        const uint64_t number = ++m_connections;
        const std::lock_guard lock(m_mutex);
        m_carriers.emplace_back([this, client, number] { carry(client, m_seed + number); });
    }
}

void CuttingProxy::carry(int client, uint64_t seed) {
    SeededRandom random(seed);
    const std::optional<Cut> cut = drawCut(random, m_percent);
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = toSocket(m_server);
    const bool there =
        server >= 0 && ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (!there) resetOnClose(client);
    if (there && Carrier(client, server, cut, m_ending).run()) {
        if (cut->how == Cut::How::Silence) {
            ++m_silent;
            const auto end = std::chrono::steady_clock::now() + silence;
            while (!m_ending && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(10ms);
        }
        if (cut->how == Cut::How::Reset) ++m_reset;
        if (cut->how == Cut::How::End) {
            ++m_ended;
        } else {
            resetOnClose(client);
            resetOnClose(server);
        }
    }
    ::close(client);
    if (server >= 0) ::close(server);
}

}  // namespace netpas::lab
