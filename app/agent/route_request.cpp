#include "app/agent/route_request.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "cartographer/routes/babel_request.h"

namespace netpas::agent {

bool requestRoutes(const std::string& interface, const IpAddress& neighbour, const std::vector<IpPrefix>& prefixes) {
    const unsigned index = ::if_nametoindex(interface.c_str());
    const int socket = ::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket < 0) return false;
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_port = htons(routes::babelPort);  // requests from elsewhere are not answered, and babeld shares it
    constexpr int yes = 1;
    bool sent = index != 0 && neighbour.isV6() &&
                ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes) == 0 &&
                ::setsockopt(socket, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &yes, sizeof yes) == 0 &&
                ::bind(socket, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
    if (sent) std::memcpy(&at.sin6_addr, neighbour.bytes().data(), sizeof at.sin6_addr);
    at.sin6_scope_id = index;
    for (const Bytes& datagram : routes::encodeRouteRequests(prefixes)) {
        sent = sent &&
               ::sendto(socket, datagram.data(), datagram.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&at),
                        sizeof at) == static_cast<ssize_t>(datagram.size());
    }
    ::close(socket);
    return sent;
}

}  // namespace netpas::agent
