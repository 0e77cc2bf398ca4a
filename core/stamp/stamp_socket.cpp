#include "core/stamp/stamp_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <utility>

namespace netpas::stamp {

namespace {

constexpr int firstHops = 255;

struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;

    [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address toSystem(const Endpoint& endpoint) {
    Address out;
    const auto bytes = endpoint.address.bytes();
    if (endpoint.address.isV6()) {
        auto& to = reinterpret_cast<sockaddr_in6&>(out.storage);
        to.sin6_family = AF_INET6;
        to.sin6_port = htons(endpoint.port);
        std::memcpy(&to.sin6_addr, bytes.data(), bytes.size());
        out.length = sizeof to;
    } else {
        auto& to = reinterpret_cast<sockaddr_in&>(out.storage);
        to.sin_family = AF_INET;
        to.sin_port = htons(endpoint.port);
        std::memcpy(&to.sin_addr, bytes.data(), bytes.size());
        out.length = sizeof to;
    }
    return out;
}

Endpoint fromSystem(const sockaddr_storage& storage) {
    Endpoint endpoint;
    if (storage.ss_family == AF_INET6) {
        const auto& from = reinterpret_cast<const sockaddr_in6&>(storage);
        endpoint.address =
            IpAddress::fromBytes({reinterpret_cast<const uint8_t*>(&from.sin6_addr), 16}).value_or(IpAddress{});
        endpoint.port = ntohs(from.sin6_port);
    } else {
        const auto& from = reinterpret_cast<const sockaddr_in&>(storage);
        endpoint.address =
            IpAddress::fromBytes({reinterpret_cast<const uint8_t*>(&from.sin_addr), 4}).value_or(IpAddress{});
        endpoint.port = ntohs(from.sin_port);
    }
    return endpoint;
}

bool set(int descriptor, int level, int option, int value) {
    return ::setsockopt(descriptor, level, option, &value, sizeof value) == 0;
}

bool prepare(int descriptor, bool v6, const StampSocket::Options& options) {
    bool good = set(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    if (v6) {
        good = good && set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
               set(descriptor, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) &&
               set(descriptor, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) &&
               set(descriptor, IPPROTO_IPV6, IPV6_UNICAST_HOPS, firstHops) &&
               set(descriptor, IPPROTO_IPV6, IPV6_TCLASS, options.trafficClass);
    } else {
        good = good && set(descriptor, IPPROTO_IP, IP_RECVTTL, 1) && set(descriptor, IPPROTO_IP, IP_RECVTOS, 1) &&
               set(descriptor, IPPROTO_IP, IP_TTL, firstHops) &&
               set(descriptor, IPPROTO_IP, IP_TOS, options.trafficClass);
    }
    if (options.mark) good = good && set(descriptor, SOL_SOCKET, SO_MARK, static_cast<int>(*options.mark));
    return good;
}

int intOf(const cmsghdr* header) {
    int value = 0;
    std::memcpy(&value, CMSG_DATA(header), std::min(sizeof value, header->cmsg_len - CMSG_LEN(0)));
    return value;
}

void readExtras(msghdr& message, Arrival& arrival) {
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        const auto is = [&](int level, int type) { return header->cmsg_level == level && header->cmsg_type == type; };
        if (is(SOL_SOCKET, SCM_TIMESTAMPNS)) {
            timespec stamp{};
            std::memcpy(&stamp, CMSG_DATA(header), sizeof stamp);
            arrival.time = SystemTime(std::chrono::duration_cast<SystemTime::duration>(
                std::chrono::seconds(stamp.tv_sec) + std::chrono::nanoseconds(stamp.tv_nsec)));
        } else if (is(IPPROTO_IP, IP_TTL) || is(IPPROTO_IPV6, IPV6_HOPLIMIT)) {
            arrival.ttl = static_cast<uint8_t>(intOf(header));
        } else if (is(IPPROTO_IP, IP_TOS) || is(IPPROTO_IPV6, IPV6_TCLASS)) {
            arrival.trafficClass = static_cast<uint8_t>(intOf(header));
        }
    }
}

}  // namespace

tl::expected<StampSocket, std::string> StampSocket::open(const Options& options) {
    const bool v6 = options.local.address.isV6();
    const int descriptor = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return tl::unexpected(std::string("no UDP socket: ") + std::strerror(errno));
    StampSocket socket(descriptor);
    if (!prepare(descriptor, v6, options))
        return tl::unexpected(std::string("the UDP socket cannot be set up: ") + std::strerror(errno));
    Address local = toSystem(options.local);
    if (::bind(descriptor, local.get(), local.length) != 0)
        return tl::unexpected(options.local.toString() + " cannot be used: " + std::strerror(errno));
    if (options.peer) {
        Address peer = toSystem(*options.peer);
        if (::connect(descriptor, peer.get(), peer.length) != 0)
            return tl::unexpected(options.peer->toString() + " cannot be reached: " + std::strerror(errno));
    }
    return socket;
}

StampSocket::StampSocket(StampSocket&& other) noexcept : m_descriptor(std::exchange(other.m_descriptor, -1)) {}

StampSocket::~StampSocket() {
    if (m_descriptor >= 0) ::close(m_descriptor);
}

Endpoint StampSocket::local() const {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    ::getsockname(m_descriptor, reinterpret_cast<sockaddr*>(&storage), &length);
    return fromSystem(storage);
}

bool StampSocket::send(ByteView packet, const std::optional<Endpoint>& to) const {
    Address address = to ? toSystem(*to) : Address{};
    return ::sendto(m_descriptor, packet.data(), packet.size(), 0, to ? address.get() : nullptr, address.length) ==
           static_cast<ssize_t>(packet.size());
}

std::optional<StampSocket::Received> StampSocket::receive(SystemTime now) const {
    Received received;
    received.packet.resize(maxSize + 1);
    alignas(cmsghdr) std::array<uint8_t, 256> extras{};
    sockaddr_storage from{};
    for (;;) {
        iovec vector{received.packet.data(), received.packet.size()};
        msghdr message{};
        message.msg_name = &from;
        message.msg_namelen = sizeof from;
        message.msg_iov = &vector;
        message.msg_iovlen = 1;
        message.msg_control = extras.data();
        message.msg_controllen = extras.size();
        const ssize_t size = ::recvmsg(m_descriptor, &message, 0);
        if (size < 0) {
            // An ICMP error about something sent earlier is told once and is no reason to stop.
            if (errno == EINTR || errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH) continue;
            return std::nullopt;
        }
        received.packet.resize(static_cast<size_t>(size));
        received.arrival.from = fromSystem(from);
        received.arrival.time = now;
        readExtras(message, received.arrival);
        return received;
    }
}

}  // namespace netpas::stamp
