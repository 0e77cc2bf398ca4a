#include "tun/udp/linux_udp_socket.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <tuple>
#include <utility>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/bytes.h"

namespace netpas::tun {
namespace {

constexpr size_t batchSize = 64;
constexpr size_t firstTrains = 4;
constexpr size_t smallTrain = 4096;  // bytes
constexpr int maxRetries = 8;        // ICMP errors in a row that one call passes over

using Failure = tl::unexpected<UdpError>;

UdpError errorOf(int number) {
    switch (number) {
    case EPERM:
    case EACCES: return UdpError::NotPermitted;
    case EADDRINUSE: return UdpError::AddressInUse;
    case EADDRNOTAVAIL: return UdpError::AddressNotHere;
    case ENODEV: return UdpError::NoSuchDevice;
    case EAFNOSUPPORT: return UdpError::FamilyMismatch;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN: return UdpError::Unreachable;
    case ENOTCONN: return UdpError::NotConnected;
    default: return UdpError::SystemRefused;
    }
}

SendOutcome outcomeOf(int number) {
    switch (number) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM: return SendOutcome::Full;
    case EMSGSIZE: return SendOutcome::TooBig;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENODEV:
    case EADDRNOTAVAIL:
    case ECONNREFUSED:
    case EPERM:
    case EACCES: return SendOutcome::Unreachable;
    default: return SendOutcome::Failed;
    }
}

// What ICMP reported about an earlier datagram is handed to whoever calls next, instead of doing what was asked.
bool mayBeOfEarlierDatagram(int number) {
    switch (number) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EMSGSIZE:
    case ENOPROTOOPT:
    case EPROTO:
    case EOPNOTSUPP:
    case EHOSTDOWN:
    case ENONET:
    case ECONNRESET: return true;
    default: return false;
    }
}

struct SocketAddress {
    union {
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
    };
    socklen_t size = 0;

    SocketAddress() : v6{} {}
    explicit SocketAddress(const Endpoint& endpoint) : v6{} {
        const auto bytes = endpoint.address.bytes();
        if (endpoint.address.isV4()) {
            v4.sin_family = AF_INET;
            v4.sin_port = htons(endpoint.port);
            std::memcpy(&v4.sin_addr, bytes.data(), 4);
            size = sizeof v4;
        } else {
            v6.sin6_family = AF_INET6;
            v6.sin6_port = htons(endpoint.port);
            std::memcpy(&v6.sin6_addr, bytes.data(), 16);
            size = sizeof v6;
        }
    }
    [[nodiscard]] Endpoint endpoint() const {
        if (any.sa_family == AF_INET) {
            std::array<uint8_t, 4> bytes;
            std::memcpy(bytes.data(), &v4.sin_addr, 4);
            return {IpAddress::fromBytes(bytes).value_or(IpAddress{}), ntohs(v4.sin_port)};
        }
        std::array<uint8_t, 16> bytes;
        std::memcpy(bytes.data(), &v6.sin6_addr, 16);
        return {IpAddress::fromBytes(bytes).value_or(IpAddress{}), ntohs(v6.sin6_port)};
    }
};

// Room for the control messages of one datagram: UDP_SEGMENT and traffic class, or UDP_GRO and traffic class.
struct alignas(cmsghdr) Control {
    std::array<uint8_t, 2 * CMSG_SPACE(sizeof(int))> bytes;
};

template <typename T>
void appendControl(msghdr& header, int level, int type, T value) {
    auto* message = reinterpret_cast<cmsghdr*>(static_cast<uint8_t*>(header.msg_control) + header.msg_controllen);
    message->cmsg_level = level;
    message->cmsg_type = type;
    message->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(message), &value, sizeof value);
    header.msg_controllen += CMSG_SPACE(sizeof value);
}

// Messages for one sendmmsg(), on the stack of the sending thread.
class SendBatch {
public:
    void add(std::span<const uint8_t> data, size_t segment, const OutgoingTrain& train, bool v6) {
        const size_t i = m_count++;
        msghdr& header = m_messages[i].msg_hdr;
        header = {};
        m_parts[i] = {const_cast<uint8_t*>(data.data()), data.size()};
        header.msg_iov = &m_parts[i];
        header.msg_iovlen = 1;
        if (train.to) {
            m_addresses[i] = SocketAddress(*train.to);
            header.msg_name = &m_addresses[i].any;
            header.msg_namelen = m_addresses[i].size;
        }
        header.msg_control = m_controls[i].bytes.data();
        if (segment < data.size()) appendControl(header, SOL_UDP, UDP_SEGMENT, static_cast<uint16_t>(segment));
        if (train.trafficClass != 0) {
            appendControl(header, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_TCLASS : IP_TOS, int{train.trafficClass});
        }
        if (header.msg_controllen == 0) header.msg_control = nullptr;
    }
    [[nodiscard]] size_t count() const { return m_count; }
    void clear() { m_count = 0; }

    // Sends from `first` on and returns how many went out; sets `error` when it was none.
    size_t transmit(int fd, size_t first, int& error) {
        const int sent = sendmmsg(fd, &m_messages[first], static_cast<unsigned>(m_count - first), MSG_DONTWAIT);
        if (sent > 0) return static_cast<size_t>(sent);
        error = errno;
        return 0;
    }

private:
    std::array<mmsghdr, batchSize> m_messages;
    std::array<iovec, batchSize> m_parts;
    std::array<SocketAddress, batchSize> m_addresses;
    std::array<Control, batchSize> m_controls;
    size_t m_count = 0;
};

class LinuxUdpSocket final : public UdpSocket {
public:
    LinuxUdpSocket(int fd, UdpOptions options) : m_fd(fd), m_options(std::move(options)) {}
    ~LinuxUdpSocket() override { close(m_fd); }

    [[nodiscard]] tl::expected<void, UdpError> configure();

    [[nodiscard]] Endpoint localEndpoint() const override { return m_options.local; }
    [[nodiscard]] int pollHandle() const noexcept override { return m_fd; }
    size_t send(std::span<OutgoingTrain> trains) noexcept override;
    [[nodiscard]] tl::expected<size_t, UdpError> receive(std::span<ReceivedTrain> into) noexcept override;
    [[nodiscard]] tl::expected<uint32_t, UdpError> pathMtu() const noexcept override;
    [[nodiscard]] tl::expected<uint32_t, UdpError> pathMtuTo(const Endpoint& peer) const override;
    [[nodiscard]] UdpStatistics statistics() const noexcept override {
        return {m_softErrors.load(std::memory_order_relaxed), m_splitTrains.load(std::memory_order_relaxed),
                m_refused.load(std::memory_order_relaxed), m_unreachable.load(std::memory_order_relaxed)};
    }

private:
    [[nodiscard]] bool v6() const { return m_options.local.address.isV6(); }
    [[nodiscard]] tl::expected<void, UdpError> setOption(int level, int option, int value) const;
    [[nodiscard]] tl::expected<void, UdpError> setPathMtuMode() const;
    void setBufferSize(int forced, int ordinary, size_t bytes) const;
    [[nodiscard]] bool acceptable(OutgoingTrain& train) const;
    [[nodiscard]] bool transmit(std::span<OutgoingTrain* const> trains, SendBatch& batch);
    [[nodiscard]] size_t transmitSome(SendBatch& batch, size_t first, int& error);
    void sendSingly(OutgoingTrain& train);
    void countSoftError(int number);
    void clearErrorQueue();
    [[nodiscard]] tl::expected<size_t, UdpError> receiveSome(std::span<ReceivedTrain> into);
    static void readControl(msghdr& header, ReceivedTrain& train);

    int m_fd;
    UdpOptions m_options;
    std::atomic<uint64_t> m_softErrors{0};
    std::atomic<uint64_t> m_splitTrains{0};
    std::atomic<uint64_t> m_refused{0};
    std::atomic<uint64_t> m_unreachable{0};
};

tl::expected<void, UdpError> LinuxUdpSocket::setOption(int level, int option, int value) const {
    if (setsockopt(m_fd, level, option, &value, sizeof value) < 0) return Failure(errorOf(errno));
    return {};
}

void LinuxUdpSocket::setBufferSize(int forced, int ordinary, size_t bytes) const {
    const int value = static_cast<int>(std::min<size_t>(bytes, INT32_MAX / 2));
    if (!setOption(SOL_SOCKET, forced, value)) {
        // Without the privilege the system's limit applies, and that has to do.
        std::ignore = setOption(SOL_SOCKET, ordinary, value);
    }
}

tl::expected<void, UdpError> LinuxUdpSocket::setPathMtuMode() const {
    int mode = IP_PMTUDISC_WANT;
    switch (m_options.pathMtu) {
    case PathMtuMode::Discover: mode = IP_PMTUDISC_WANT; break;
    case PathMtuMode::Strict: mode = IP_PMTUDISC_DO; break;
    case PathMtuMode::Fragment: mode = IP_PMTUDISC_DONT; break;
    }
    return v6() ? setOption(SOL_IPV6, IPV6_MTU_DISCOVER, mode) : setOption(SOL_IP, IP_MTU_DISCOVER, mode);
}

tl::expected<void, UdpError> LinuxUdpSocket::configure() {
    setBufferSize(SO_RCVBUFFORCE, SO_RCVBUF, m_options.receiveBuffer);
    setBufferSize(SO_SNDBUFFORCE, SO_SNDBUF, m_options.sendBuffer);
    if (const auto set = setPathMtuMode(); !set) return set;
    if (v6()) {
        if (const auto set = setOption(SOL_IPV6, IPV6_V6ONLY, 1); !set) return set;
    }
    if (m_options.sharePort) {
        if (const auto set = setOption(SOL_SOCKET, SO_REUSEPORT, 1); !set) return set;
    }
    if (m_options.mark) {
        if (const auto set = setOption(SOL_SOCKET, SO_MARK, static_cast<int>(*m_options.mark)); !set) return set;
    }
    if (m_options.reportUnreachable) {
        const auto set = v6() ? setOption(SOL_IPV6, IPV6_RECVERR, 1) : setOption(SOL_IP, IP_RECVERR, 1);
        if (!set) return set;
    }
    const std::string& device = m_options.device;
    if (!device.empty() &&
        setsockopt(m_fd, SOL_SOCKET, SO_BINDTODEVICE, device.c_str(), static_cast<socklen_t>(device.size() + 1)) < 0) {
        return Failure(errno == EINVAL ? UdpError::NoSuchDevice : errorOf(errno));
    }
    if (m_options.reportTrafficClass) {
        const auto set = v6() ? setOption(SOL_IPV6, IPV6_RECVTCLASS, 1) : setOption(SOL_IP, IP_RECVTOS, 1);
        if (!set) return set;
    }
    // A kernel before 5.0 delivers single datagrams, which is right as well.
    if (m_options.receiveTrains) [[maybe_unused]]
        const auto set = setOption(SOL_UDP, UDP_GRO, 1);

    SocketAddress local(m_options.local);
    if (bind(m_fd, &local.any, local.size) < 0) return Failure(errorOf(errno));
    if (m_options.peer) {
        const SocketAddress peer(*m_options.peer);
        if (connect(m_fd, &peer.any, peer.size) < 0) return Failure(errorOf(errno));
    }
    local.size = sizeof local.v6;
    if (getsockname(m_fd, &local.any, &local.size) < 0) return Failure(errorOf(errno));
    m_options.local = local.endpoint();
    return {};
}

bool LinuxUdpSocket::acceptable(OutgoingTrain& train) const {
    const bool addressed = train.to ? train.to->address.isV6() == v6() : m_options.peer.has_value();
    const size_t datagrams = train.datagrams();
    const bool lengths =
        datagrams >= 1 && datagrams <= maxTrainSegments && (datagrams == 1 || train.data.size() <= maxTrainBytes);
    if (!addressed || !lengths) train.outcome = SendOutcome::Failed;
    return addressed && lengths;
}

size_t LinuxUdpSocket::send(std::span<OutgoingTrain> trains) noexcept {
    for (OutgoingTrain& train : trains) {
        train.outcome = SendOutcome::Pending;
        train.datagramsSent = 0;
    }
    SendBatch batch;
    std::array<OutgoingTrain*, batchSize> members;
    bool room = true;
    for (size_t i = 0; i < trains.size() && room; ++i) {
        if (acceptable(trains[i])) {
            members[batch.count()] = &trains[i];
            batch.add(trains[i].data, trains[i].segmentSize, trains[i], v6());
        }
        const bool complete = batch.count() == batchSize || i + 1 == trains.size();
        if (!complete || batch.count() == 0) continue;
        room = transmit(std::span(members).first(batch.count()), batch);
        batch.clear();
    }
    return static_cast<size_t>(std::count_if(
        trains.begin(), trains.end(), [](const OutgoingTrain& train) { return train.outcome == SendOutcome::Sent; }));
}

// False: the socket is full.
bool LinuxUdpSocket::transmit(std::span<OutgoingTrain* const> trains, SendBatch& batch) {
    size_t next = 0;
    while (next < trains.size()) {
        int error = 0;
        const size_t sent = transmitSome(batch, next, error);
        for (size_t i = next; i < next + sent; ++i) {
            trains[i]->outcome = SendOutcome::Sent;
            trains[i]->datagramsSent = static_cast<uint16_t>(trains[i]->datagrams());
        }
        next += sent;
        if (sent > 0) continue;
        OutgoingTrain& train = *trains[next++];
        // Segmentation is refused when a segment exceeds the MTU, and on interfaces and routes that cannot do it.
        const bool refusedTrain = error == EINVAL || error == EIO || error == EMSGSIZE || error == EOPNOTSUPP;
        if (refusedTrain && train.datagrams() > 1) {
            sendSingly(train);
        } else {
            train.outcome = outcomeOf(error);
        }
        if (train.outcome == SendOutcome::Full) return false;
    }
    return true;
}

// As SendBatch::transmit(), but passes over errors of earlier datagrams.
size_t LinuxUdpSocket::transmitSome(SendBatch& batch, size_t first, int& error) {
    bool repeated = false;
    for (int attempt = 0; attempt < maxRetries; ++attempt) {
        const size_t sent = batch.transmit(m_fd, first, error);
        if (sent > 0) return sent;
        if (error == EINTR) continue;
        // With IP_RECVERR the kernel says when the interface's queue dropped a datagram, otherwise it keeps that to itself. Either way it is
        // lost like any other packet in a full queue.
        if (error == ENOBUFS && m_options.reportUnreachable) return 1;
        // The same again is about this datagram; but a refusal can only have come from outside.
        if (!mayBeOfEarlierDatagram(error) || (repeated && error != ECONNREFUSED)) return 0;
        repeated = true;
        countSoftError(error);
    }
    return 0;
}

void LinuxUdpSocket::sendSingly(OutgoingTrain& train) {
    m_splitTrains.fetch_add(1, std::memory_order_relaxed);
    SendBatch batch;
    for (size_t at = 0; at < train.data.size(); at += train.segmentSize) {
        const auto datagram = train.data.subspan(at, std::min<size_t>(train.segmentSize, train.data.size() - at));
        batch.add(datagram, datagram.size(), train, v6());
    }
    size_t next = 0;
    while (next < batch.count()) {
        int error = 0;
        const size_t sent = transmitSome(batch, next, error);
        next += sent;
        if (sent > 0) continue;
        train.outcome = outcomeOf(error);
        train.datagramsSent = static_cast<uint16_t>(next);
        return;
    }
    train.outcome = SendOutcome::Sent;
    train.datagramsSent = static_cast<uint16_t>(next);
}

tl::expected<size_t, UdpError> LinuxUdpSocket::receive(std::span<ReceivedTrain> into) noexcept {
    size_t count = 0;
    size_t bytes = 0;
    int softErrors = 0;
    while (count < into.size() && bytes < receiveBatchBytes) {
        // Four whole trains are a batch; of short ones more come at once.
        const bool small = count > 0 && bytes / count < smallTrain;
        const size_t wanted = std::min(into.size() - count, small ? batchSize : firstTrains);
        const auto received = receiveSome(into.subspan(count, wanted));
        if (received) {
            for (const ReceivedTrain& train : into.subspan(count, *received)) bytes += train.size;
            count += *received;
            if (*received < wanted) break;
            continue;
        }
        if (errno == EAGAIN) break;
        const bool soft = mayBeOfEarlierDatagram(errno) || errno == EINTR || errno == ENOMEM || errno == ENOBUFS;
        if (!soft) {
            if (count > 0) break;
            return received;
        }
        countSoftError(errno);
        if (++softErrors == maxRetries) break;
    }
    if (m_options.reportUnreachable) clearErrorQueue();
    return count;
}

void LinuxUdpSocket::countSoftError(int number) {
    m_softErrors.fetch_add(1, std::memory_order_relaxed);
    if (number == ECONNREFUSED) m_refused.fetch_add(1, std::memory_order_relaxed);
    if (number == EHOSTUNREACH || number == ENETUNREACH || number == EHOSTDOWN || number == ENONET) {
        m_unreachable.fetch_add(1, std::memory_order_relaxed);
    }
}

// What the errors say has been counted; the datagrams that they quote take up buffer space.
void LinuxUdpSocket::clearErrorQueue() {
    uint8_t nothing = 0;
    for (int i = 0; i < 64; ++i) {
        if (recv(m_fd, &nothing, sizeof nothing, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
    }
}

// errno says why it failed.
tl::expected<size_t, UdpError> LinuxUdpSocket::receiveSome(std::span<ReceivedTrain> into) {
    std::array<mmsghdr, batchSize> messages;
    std::array<iovec, batchSize> parts;
    std::array<SocketAddress, batchSize> addresses;
    std::array<Control, batchSize> controls;
    for (size_t i = 0; i < into.size(); ++i) {
        parts[i] = {into[i].buffer.data(), into[i].buffer.size()};
        msghdr& header = messages[i].msg_hdr;
        header = {};
        header.msg_name = &addresses[i].any;
        header.msg_namelen = sizeof(sockaddr_in6);
        header.msg_iov = &parts[i];
        header.msg_iovlen = 1;
        header.msg_control = controls[i].bytes.data();
        header.msg_controllen = controls[i].bytes.size();
    }
    const int received = recvmmsg(m_fd, messages.data(), static_cast<unsigned>(into.size()), MSG_DONTWAIT, nullptr);
    if (received < 0) return Failure(errorOf(errno));
    for (size_t i = 0; i < static_cast<size_t>(received); ++i) {
        ReceivedTrain& slot = into[i];
        slot.size = messages[i].msg_len;
        slot.segmentSize = slot.size;
        slot.trafficClass = 0;
        slot.truncated = (messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
        slot.from = addresses[i].endpoint();
        readControl(messages[i].msg_hdr, slot);
    }
    return static_cast<size_t>(received);
}

void LinuxUdpSocket::readControl(msghdr& header, ReceivedTrain& train) {
    for (cmsghdr* message = CMSG_FIRSTHDR(&header); message != nullptr; message = CMSG_NXTHDR(&header, message)) {
        int number = 0;
        if (message->cmsg_level == SOL_IP && message->cmsg_type == IP_TOS) {
            train.trafficClass = *CMSG_DATA(message);  // one byte
            continue;
        }
        if (message->cmsg_len < CMSG_LEN(sizeof number)) continue;
        std::memcpy(&number, CMSG_DATA(message), sizeof number);
        if (message->cmsg_level == SOL_UDP && message->cmsg_type == UDP_GRO && number > 0) {
            train.segmentSize = std::min(train.size, static_cast<size_t>(number));
        }
        if (message->cmsg_level == SOL_IPV6 && message->cmsg_type == IPV6_TCLASS) {
            train.trafficClass = static_cast<uint8_t>(number);
        }
    }
}

tl::expected<uint32_t, UdpError> LinuxUdpSocket::pathMtu() const noexcept {
    int mtu = 0;
    socklen_t size = sizeof mtu;
    const int got =
        v6() ? getsockopt(m_fd, SOL_IPV6, IPV6_MTU, &mtu, &size) : getsockopt(m_fd, SOL_IP, IP_MTU, &mtu, &size);
    if (got < 0) return Failure(errorOf(errno));
    return static_cast<uint32_t>(mtu);
}

tl::expected<uint32_t, UdpError> LinuxUdpSocket::pathMtuTo(const Endpoint& peer) const {
    UdpOptions options = m_options;
    options.local.port = 0;
    options.peer = peer;
    options.receiveBuffer = options.sendBuffer = 0;  // nothing is sent
    const auto socket = LinuxUdpFactory().open(options);
    if (!socket) return Failure(socket.error());
    return (*socket)->pathMtu();
}

}  // namespace

tl::expected<std::unique_ptr<UdpSocket>, UdpError> LinuxUdpFactory::open(const UdpOptions& options) {
    const bool v6 = options.local.address.isV6();
    if (options.peer && options.peer->address.isV6() != v6) return Failure(UdpError::FamilyMismatch);
    const int fd = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return Failure(errorOf(errno));
    auto socket = std::make_unique<LinuxUdpSocket>(fd, options);
    if (const auto configured = socket->configure(); !configured) return Failure(configured.error());
    return socket;
}

}  // namespace netpas::tun
