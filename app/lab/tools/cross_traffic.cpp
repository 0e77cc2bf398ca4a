#include "app/lab/tools/cross_traffic.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "app/lab/lab.h"
#include "app/lab/netns.h"

namespace netpas::lab {
namespace {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress socketAddress(const Endpoint& endpoint) {
    SocketAddress result;
    const auto bytes = endpoint.address.bytes();
    if (endpoint.address.isV4()) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(endpoint.port);
        std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
        std::memcpy(&result.storage, &v4, result.size = sizeof v4);
    } else {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(endpoint.port);
        std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
        std::memcpy(&result.storage, &v6, result.size = sizeof v6);
    }
    return result;
}

Expected<void> systemFailure(const std::string& what) {
    return fail(LabErrc::System, what + ": " + std::strerror(errno));
}

}  // namespace

Expected<void> CrossTraffic::connect(const std::string& senderNetns, const std::string& receiverNetns,
                                     const Endpoint& to, size_t streams) {
    const SocketAddress address = socketAddress(to);
    const int family = address.storage.ss_family;
    int listener = -1;
    LAB_TRY(inNamespace(receiverNetns, [&]() -> Expected<void> {
        listener = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (listener < 0 || ::bind(listener, address.get(), address.size) != 0 || ::listen(listener, 128) != 0) {
            return systemFailure("cross traffic cannot listen at " + to.toString());
        }
        return {};
    }));
    Expected<void> result = inNamespace(senderNetns, [&]() -> Expected<void> {
        for (size_t i = 0; i < streams; ++i) {
            m_senders.push_back(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
            if (::connect(m_senders.back(), address.get(), address.size) != 0)
                return systemFailure("cross traffic cannot connect");
        }
        return {};
    });
    for (size_t i = 0; result && i < streams; ++i) {
        m_receivers.push_back(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
        if (m_receivers.back() < 0) result = systemFailure("cross traffic cannot accept");
    }
    ::close(listener);
    return result;
}

Expected<std::unique_ptr<CrossTraffic>> CrossTraffic::start(Lab& lab, const std::string& sender,
                                                            const std::string& receiver, const Endpoint& to,
                                                            size_t streams) {
    std::unique_ptr<CrossTraffic> traffic(new CrossTraffic);
    LAB_TRY(traffic->connect(lab.netns(sender), lab.netns(receiver), to, streams));
    traffic->m_thread = std::thread([running = traffic.get()] { running->run(); });
    return traffic;
}

CrossTraffic::~CrossTraffic() {
    m_stop = true;
    if (m_thread.joinable()) m_thread.join();
    for (const int fd : m_senders) ::close(fd);
    for (const int fd : m_receivers) ::close(fd);
}

void CrossTraffic::run() {
    std::vector<uint8_t> buffer(65536);
    std::vector<pollfd> wait;
    for (const int fd : m_senders) wait.push_back({fd, POLLOUT, 0});
    for (const int fd : m_receivers) wait.push_back({fd, POLLIN, 0});
    while (!m_stop) {
        if (::poll(wait.data(), wait.size(), 100) <= 0) continue;
        for (pollfd& entry : wait) {
            if (entry.revents == 0) continue;
            ssize_t done = 0;
            if (entry.events == POLLOUT) {
                done = ::send(entry.fd, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            } else {
                done = ::recv(entry.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
                if (done > 0) m_received += static_cast<uint64_t>(done);
            }
            if (done == 0 || (done < 0 && errno != EAGAIN && errno != EINTR))
                entry.fd = -1;  // poll ignores it from now on
        }
    }
}

}  // namespace netpas::lab
