#include <array>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tun/agent/bypass.h"

namespace netpas::tun {

std::string_view describe(BypassError error) noexcept {
    switch (error) {
    case BypassError::NotPermitted: return "raw sockets need the capabilities CAP_NET_RAW and CAP_NET_ADMIN";
    case BypassError::SystemRefused: return "the system has no raw sockets";
    }
    return "unknown bypass error";
}

namespace {

constexpr int patience = 20;  // ms to wait for room in the socket's buffer
constexpr size_t batchSize = 64;
constexpr int bufferSize = 4 << 20;

class RawSocket {
public:
    RawSocket() = default;
    ~RawSocket() {
        if (m_fd >= 0) close(m_fd);
    }
    RawSocket(const RawSocket&) = delete;
    RawSocket& operator=(const RawSocket&) = delete;

    // 0 or errno.
    int open(int family, uint32_t mark) {
        const int one = 1;
        // IPPROTO_RAW: sends only, and the packets carry their own IP header.
        m_fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
        if (m_fd < 0) return errno;
        const int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
        const int included = family == AF_INET ? IP_HDRINCL : IPV6_HDRINCL;
        if (setsockopt(m_fd, level, included, &one, sizeof one) != 0 ||
            setsockopt(m_fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0) {
            return errno;
        }
        setsockopt(m_fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof one);
        if (setsockopt(m_fd, SOL_SOCKET, SO_SNDBUFFORCE, &bufferSize, sizeof bufferSize) != 0) {
            setsockopt(m_fd, SOL_SOCKET, SO_SNDBUF, &bufferSize, sizeof bufferSize);
        }
        return 0;
    }
    [[nodiscard]] int descriptor() const { return m_fd; }

private:
    int m_fd = -1;
};

BypassOutcome outcomeOf(int error) { return error == EMSGSIZE ? BypassOutcome::TooBig : BypassOutcome::Refused; }

class LinuxBypass final : public Bypass {
public:
    tl::expected<void, BypassError> open(uint32_t mark, uint32_t translatedMark);
    void send(std::span<BypassPacket> packets) noexcept override;

private:
    // A run of packets of one family.
    void sendRun(const RawSocket& socket, std::span<BypassPacket> packets);

    struct Sockets {
        RawSocket v4, v6;
        bool hasV6 = false;
    };
    [[nodiscard]] static int open(Sockets& sockets, uint32_t mark);

    Sockets m_ordinary, m_translated;
    bool m_hasTranslated = false;
    std::array<mmsghdr, batchSize> m_messages{};
    std::array<iovec, batchSize> m_parts{};
    std::array<sockaddr_storage, batchSize> m_addresses{};
};

int LinuxBypass::open(Sockets& sockets, uint32_t mark) {
    const int error = sockets.v4.open(AF_INET, mark);
    sockets.hasV6 = error == 0 && sockets.v6.open(AF_INET6, mark) == 0;  // kernels may have no IPv6
    return error;
}

tl::expected<void, BypassError> LinuxBypass::open(uint32_t mark, uint32_t translatedMark) {
    int error = open(m_ordinary, mark);
    m_hasTranslated = translatedMark != 0;
    if (error == 0 && m_hasTranslated) error = open(m_translated, translatedMark);
    if (error != 0) {
        return tl::unexpected(error == EPERM ? BypassError::NotPermitted : BypassError::SystemRefused);
    }
    return {};
}

uint8_t versionOf(const BypassPacket& packet) {
    const size_t size = packet.packet.size();
    const auto version = static_cast<uint8_t>(size == 0 ? 0 : packet.packet[0] >> 4);
    return (version == 4 && size >= 20) || (version == 6 && size >= 40) ? version : uint8_t{0};
}

void LinuxBypass::send(std::span<BypassPacket> packets) noexcept {
    size_t next = 0;
    while (next < packets.size()) {
        const uint8_t version = versionOf(packets[next]);
        const bool translated = packets[next].translated;
        size_t end = next + 1;
        while (end < packets.size() && end - next < batchSize && versionOf(packets[end]) == version &&
               packets[end].translated == translated) {
            ++end;
        }
        const auto run = packets.subspan(next, end - next);
        const Sockets& sockets = translated && m_hasTranslated ? m_translated : m_ordinary;
        if (version == 4 || (version == 6 && sockets.hasV6)) {
            sendRun(version == 4 ? sockets.v4 : sockets.v6, run);
        } else {
            for (BypassPacket& packet : run) packet.outcome = BypassOutcome::Refused;
        }
        next = end;
    }
}

void LinuxBypass::sendRun(const RawSocket& socket, std::span<BypassPacket> packets) {
    for (size_t i = 0; i < packets.size(); ++i) {
        const auto packet = packets[i].packet;
        m_parts[i] = {const_cast<uint8_t*>(packet.data()), packet.size()};
        msghdr& header = m_messages[i].msg_hdr;
        header = {};
        header.msg_iov = &m_parts[i];
        header.msg_iovlen = 1;
        header.msg_name = &m_addresses[i];
        if (packet[0] >> 4 == 4) {
            auto* to = new (&m_addresses[i]) sockaddr_in{};
            to->sin_family = AF_INET;
            std::memcpy(&to->sin_addr, packet.data() + 16, 4);
            header.msg_namelen = sizeof(sockaddr_in);
        } else {
            auto* to = new (&m_addresses[i]) sockaddr_in6{};
            to->sin6_family = AF_INET6;
            std::memcpy(&to->sin6_addr, packet.data() + 24, 16);
            header.msg_namelen = sizeof(sockaddr_in6);
        }
    }
    size_t next = 0;
    bool waited = false;
    while (next < packets.size()) {
        const int sent =
            sendmmsg(socket.descriptor(), &m_messages[next], static_cast<unsigned>(packets.size() - next), 0);
        if (sent > 0) {
            for (int i = 0; i < sent; ++i) packets[next++].outcome = BypassOutcome::Sent;
            waited = false;
        } else if (errno == EAGAIN && !waited) {
            pollfd event{socket.descriptor(), POLLOUT, 0};
            waited = poll(&event, 1, patience) <= 0;
        } else if (errno == ENOBUFS) {
            packets[next++].outcome =
                BypassOutcome::Sent;  // dropped by the interface's queue, as it may drop any packet
        } else if (errno != EINTR) {
            packets[next++].outcome = outcomeOf(errno);
        }
    }
}

}  // namespace

tl::expected<std::unique_ptr<Bypass>, BypassError> openLinuxBypass(uint32_t mark, uint32_t translatedMark) {
    auto bypass = std::make_unique<LinuxBypass>();
    if (auto opened = bypass->open(mark, translatedMark); !opened) return tl::unexpected(opened.error());
    return bypass;
}

}  // namespace netpas::tun
