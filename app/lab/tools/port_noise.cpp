#include "app/lab/tools/port_noise.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>

#include "app/lab/netns.h"
#include "core/random.h"

namespace netpas::lab {
namespace {

constexpr size_t keptOpen = 40;

std::string randomBytes(SeededRandom& random, size_t most) {
    std::string bytes(random.below(most) + 1, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.below(256));
    return bytes;
}

// A TLS record that announces a ClientHello, of right or wrong length.
std::string damagedHello(SeededRandom& random) {
    const std::string body = randomBytes(random, 600);
    const size_t claimed = random.below(2) == 0 ? body.size() : random.below(65536);
    std::string record("\x16\x03\x01", 3);
    record += static_cast<char>(claimed >> 8);
    record += static_cast<char>(claimed & 0xff);
    record += '\x01';
    return record + body;
}

std::string damagedRequest(SeededRandom& random) {
    switch (random.below(7)) {
    case 0: return "GET /" + std::string(random.below(70000), 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    case 1: return "POST /v1/purchases HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999\r\n\r\n{";
    case 2: return "POST /v1/purchases HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n\r\n{\"to\":[[[[[[";
    case 3:
        return "POST /v1/join HTTP/1.1\r\nHost: localhost\r\nOrigin: https://example.net\r\nContent-Length: "
               "2\r\n\r\n{}";
    case 4: return "BREW /v1/status HTTP/9.9\r\n" + std::string(random.below(2000), ':') + "\r\n\r\n";
    case 5: {
        std::string request = "DELETE /v1/purchases/";
        request += std::to_string(random.below(1'000'000) + 1'000'000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
        return request;
    }
    default: break;
    }
    std::string deep = "POST /v1/purchases HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n";
    return deep + std::string(20000, '[');
}

std::string garbage(SeededRandom& random) {
    switch (random.below(4)) {
    case 0: return randomBytes(random, 4000);
    case 1: return damagedHello(random);
    case 2: return damagedRequest(random);
    default: return {};  // silence
    }
}

int connectTcp(const Endpoint& to) {
    sockaddr_storage storage{};
    socklen_t size = 0;
    const auto bytes = to.address.bytes();
    if (to.address.isV4()) {
        auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
        v4->sin_family = AF_INET;
        v4->sin_port = htons(to.port);
        std::memcpy(&v4->sin_addr, bytes.data(), bytes.size());
        size = sizeof *v4;
    } else {
        auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(to.port);
        std::memcpy(&v6->sin6_addr, bytes.data(), bytes.size());
        size = sizeof *v6;
    }
    const int fd = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval limit{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);  // also of connect
    if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&storage), size) == 0) return fd;
    if (fd >= 0) ::close(fd);
    return -1;
}

int connectUnix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return -1;
    path.copy(address.sun_path, path.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    if (fd >= 0) ::close(fd);
    return -1;
}

bool answersWithSuccess(int fd) {
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, 2) <= 0) return false;
    std::array<char, 64> start{};
    const ssize_t got = ::recv(fd, start.data(), start.size() - 1, MSG_DONTWAIT);
    return got > 12 && std::strncmp(start.data(), "HTTP/1.1 2", 10) == 0;
}

}  // namespace

std::unique_ptr<PortNoise> PortNoise::start(NoiseTargets targets) {
    std::unique_ptr<PortNoise> noise(new PortNoise);
    noise->m_targets = std::move(targets);
    noise->m_thread = std::thread([running = noise.get()] { running->run(); });
    return noise;
}

PortNoise::~PortNoise() {
    m_stop = true;
    if (m_thread.joinable()) m_thread.join();
}

void PortNoise::run() {
    if (!enterNamespace(m_targets.netns)) return;
    SeededRandom random(m_targets.seed);
    std::deque<int> open;
    const size_t count = m_targets.tcp.size() + m_targets.sockets.size();
    while (!m_stop && count != 0) {
        const size_t choice = random.below(count);
        const int fd = choice < m_targets.tcp.size() ? connectTcp(m_targets.tcp[choice])
                                                     : connectUnix(m_targets.sockets[choice - m_targets.tcp.size()]);
        if (fd < 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            continue;
        }
        ++m_connections;
        const std::string bytes = garbage(random);
        if (!bytes.empty()) (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (answersWithSuccess(fd)) ++m_granted;
        open.push_back(fd);
        if (open.size() > keptOpen) {
            ::close(open.front());
            open.pop_front();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
    for (const int fd : open) ::close(fd);
}

}  // namespace netpas::lab
