#include "app/agent/neighbours.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include "tun/capture/route_socket.h"

namespace netpas::agent {

namespace {

constexpr uint16_t discardPort = 9;  // RFC 863

// A datagram that nobody reads, so that the kernel asks who has the address.
void knock(const IpAddress& address) {
    const auto bytes = address.bytes();
    sockaddr_storage storage{};
    socklen_t length = 0;
    if (address.isV6()) {
        auto& to = reinterpret_cast<sockaddr_in6&>(storage);
        to.sin6_family = AF_INET6;
        to.sin6_port = htons(discardPort);
        std::memcpy(&to.sin6_addr, bytes.data(), bytes.size());
        length = sizeof to;
    } else {
        auto& to = reinterpret_cast<sockaddr_in&>(storage);
        to.sin_family = AF_INET;
        to.sin_port = htons(discardPort);
        std::memcpy(&to.sin_addr, bytes.data(), bytes.size());
        length = sizeof to;
    }
    const int socket = ::socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket < 0) return;
    (void)::sendto(socket, "", 0, 0, reinterpret_cast<const sockaddr*>(&storage), length);
    ::close(socket);
}

}  // namespace

std::function<std::optional<LinkAddress>(const IpAddress&)> linuxNeighbours() {
    auto opened = tun::RouteSocket::open();
    if (!opened) return [](const IpAddress&) { return std::optional<LinkAddress>{}; };
    const auto route = std::make_shared<tun::RouteSocket>(std::move(*opened));
    return [route](const IpAddress& address) -> std::optional<LinkAddress> {
        const auto known = route->neighbour(address);
        if (known && *known) return (*known)->address;
        knock(address);
        return std::nullopt;
    };
}

bool isOwnAddress(const IpAddress& address) {
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return false;
    bool own = false;
    const auto bytes = address.bytes();
    for (const ifaddrs* one = all; one != nullptr && !own; one = one->ifa_next) {
        if (one->ifa_addr == nullptr) continue;
        if (address.isV6() && one->ifa_addr->sa_family == AF_INET6) {
            const auto& at = *reinterpret_cast<const sockaddr_in6*>(one->ifa_addr);
            own = std::memcmp(&at.sin6_addr, bytes.data(), bytes.size()) == 0;
        } else if (!address.isV6() && one->ifa_addr->sa_family == AF_INET) {
            const auto& at = *reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
            own = std::memcmp(&at.sin_addr, bytes.data(), bytes.size()) == 0;
        }
    }
    ::freeifaddrs(all);
    return own;
}

}  // namespace netpas::agent
