#include "app/lab/tools/packet_relay.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "app/lab/netns.h"

namespace netpas::lab {
namespace {

constexpr int bufferBytes = 32 << 20;
constexpr size_t longestDatagram = 65536;

sockaddr_in toSystem(const Endpoint& endpoint) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    std::copy_n(endpoint.address.bytes().begin(), 4, reinterpret_cast<uint8_t*>(&address.sin_addr));
    return address;
}

Endpoint fromSystem(const sockaddr_in& address) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&address.sin_addr);
    return {*IpAddress::fromBytes({bytes, 4}), ntohs(address.sin_port)};
}

}  // namespace

Expected<int> boundUdpSocket(const std::string& netns, const Endpoint& at) {
    int fd = -1;
    LAB_TRY(inNamespace(netns, [&]() -> Expected<void> {
        fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0) return fail(LabErrc::System, std::string("no UDP socket: ") + std::strerror(errno));
        ::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bufferBytes, sizeof bufferBytes);
        ::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bufferBytes, sizeof bufferBytes);
        const sockaddr_in address = toSystem(at);
        if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return {};
        const int error = errno;
        ::close(fd);
        return fail(LabErrc::System, "cannot take UDP " + at.toString() + ": " + std::strerror(error));
    }));
    return fd;
}

bool sendDatagram(int fd, const Endpoint& to, ByteView bytes) {
    const sockaddr_in address = toSystem(to);
    return ::sendto(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
           static_cast<ssize_t>(bytes.size());
}

std::optional<Bytes> receiveDatagram(int fd, std::chrono::milliseconds limit, Endpoint* from) {
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(limit.count())) <= 0) return std::nullopt;
    Bytes bytes(longestDatagram);
    sockaddr_in address{};
    socklen_t length = sizeof address;
    const ssize_t got = ::recvfrom(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&address), &length);
    if (got < 0) return std::nullopt;
    bytes.resize(static_cast<size_t>(got));
    if (from != nullptr) *from = fromSystem(address);
    return bytes;
}

Expected<std::unique_ptr<PacketRelay>> PacketRelay::start(const std::string& netns, const Endpoint& at,
                                                          const IpAddress& first, const IpAddress& second) {
    const auto fd = boundUdpSocket(netns, at);
    if (!fd) return tl::unexpected(fd.error());
    std::unique_ptr<PacketRelay> relay(new PacketRelay(*fd, at, first, second));
    relay->m_thread = std::thread([raw = relay.get()] { raw->run(); });
    return relay;
}

PacketRelay::~PacketRelay() {
    m_ending = true;
    if (m_thread.joinable()) m_thread.join();
    ::close(m_fd);
}

void PacketRelay::setHook(Hook hook) {
    const std::lock_guard lock(m_mutex);
    m_hook = std::move(hook);
}

void PacketRelay::run() {
    while (!m_ending) {
        Endpoint from;
        auto bytes = receiveDatagram(m_fd, std::chrono::milliseconds(50), &from);
        if (!bytes || (from.address != m_first && from.address != m_second)) continue;
        ++m_seen;
        const bool fromFirst = from.address == m_first;
        const Bytes before = *bytes;
        {
            const std::lock_guard lock(m_mutex);
            if (m_hook) bytes = m_hook(fromFirst, std::move(*bytes));
        }
        if (!bytes) {
            ++m_dropped;
            continue;
        }
        if (*bytes != before) ++m_changed;
        if (!sendDatagram(m_fd, {fromFirst ? m_second : m_first, m_port}, *bytes)) ++m_lost;
    }
}

}  // namespace netpas::lab
