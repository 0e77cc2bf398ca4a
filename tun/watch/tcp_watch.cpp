#include "tun/watch/tcp_watch.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <algorithm>
#include <array>
#include <span>

namespace netpas::tun {

namespace {

// TCP_ESTABLISHED, TCP_FIN_WAIT1, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSING: states in which data may still be on its way.
constexpr uint32_t dataStates = 1U << 1 | 1U << 4 | 1U << 8 | 1U << 9 | 1U << 11;

void append(std::vector<uint8_t>& out, const void* from, size_t size) {
    const auto* const bytes = static_cast<const uint8_t*>(from);
    out.insert(out.end(), bytes, bytes + size);
}

template <typename T>
void append(std::vector<uint8_t>& out, const T& value) {
    append(out, &value, sizeof value);
}

// The kernel's filter: the other end is in this prefix.
std::vector<uint8_t> filterFor(const IpPrefix& remote) {
    const auto address = remote.address().bytes();
    inet_diag_hostcond condition{};
    condition.family = remote.address().isV6() ? AF_INET6 : AF_INET;
    condition.prefix_len = static_cast<uint8_t>(remote.length());
    condition.port = -1;  // any
    const size_t size = sizeof(inet_diag_bc_op) + sizeof condition + address.size();
    inet_diag_bc_op operation{};
    operation.code = INET_DIAG_BC_D_COND;
    operation.yes = static_cast<uint8_t>(size);
    operation.no = static_cast<uint16_t>(size + 4);  // beyond the end: not this one
    std::vector<uint8_t> code;
    append(code, operation);
    append(code, condition);
    append(code, address.data(), address.size());
    return code;
}

std::vector<uint8_t> requestFor(const IpPrefix& remote, int family, uint32_t sequence) {
    inet_diag_req_v2 request{};
    request.sdiag_family = static_cast<uint8_t>(family);
    request.sdiag_protocol = IPPROTO_TCP;
    request.idiag_ext = 1U << (INET_DIAG_INFO - 1);
    request.idiag_states = dataStates;
    const std::vector<uint8_t> filter = filterFor(remote);
    nlattr attribute{};
    attribute.nla_type = INET_DIAG_REQ_BYTECODE;
    attribute.nla_len = static_cast<uint16_t>(sizeof attribute + filter.size());
    nlmsghdr head{};
    head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    head.nlmsg_seq = sequence;
    head.nlmsg_len = static_cast<uint32_t>(sizeof head + sizeof request + attribute.nla_len);
    std::vector<uint8_t> message;
    append(message, head);
    append(message, request);
    append(message, attribute);
    append(message, filter.data(), filter.size());
    return message;
}

IpAddress addressFrom(int family, const uint32_t* words) {
    constexpr std::array<uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const auto* const bytes = reinterpret_cast<const uint8_t*>(words);
    if (family == AF_INET) return IpAddress::fromBytes({bytes, 4}).value_or(IpAddress{});
    if (std::equal(mapped.begin(), mapped.end(), bytes))  // IPv4 on an IPv6 socket
        return IpAddress::fromBytes({bytes + mapped.size(), 4}).value_or(IpAddress{});
    return IpAddress::fromBytes({bytes, 16}).value_or(IpAddress{});
}

TcpCounts countsFrom(const inet_diag_msg& message, const tcp_info& info) {
    using std::chrono::microseconds;
    TcpCounts counts;
    counts.flow.src = addressFrom(message.idiag_family, message.id.idiag_src);
    counts.flow.dst = addressFrom(message.idiag_family, message.id.idiag_dst);
    counts.flow.protocol = ipproto::tcp;
    counts.flow.srcPort = ntohs(message.id.idiag_sport);
    counts.flow.dstPort = ntohs(message.id.idiag_dport);
    counts.cookie = uint64_t{message.id.idiag_cookie[1]} << 32 | message.id.idiag_cookie[0];
    counts.segmentsSent = info.tcpi_data_segs_out;
    counts.retransmitted = info.tcpi_total_retrans;
    counts.needlessly = info.tcpi_dsack_dups;
    counts.bytesAcked = info.tcpi_bytes_acked;
    counts.bytesReceived = info.tcpi_bytes_received;
    counts.segmentsReceived = info.tcpi_data_segs_in;
    counts.segmentBytes = info.tcpi_snd_mss;
    counts.roundTrip = microseconds(info.tcpi_rtt);
    constexpr uint32_t unknown = UINT32_MAX;
    counts.leastRoundTrip = microseconds(info.tcpi_min_rtt == unknown ? 0 : info.tcpi_min_rtt);
    counts.deliveryRate = info.tcpi_delivery_rate;
    counts.applicationLimited = info.tcpi_delivery_rate_app_limited != 0;
    counts.busy = microseconds(info.tcpi_busy_time);
    counts.held = microseconds(info.tcpi_rwnd_limited + info.tcpi_sndbuf_limited);
    return counts;
}

// One answer of the kernel's; a shorter struct of an older kernel leaves the rest at nothing.
void take(std::span<const uint8_t> payload, std::vector<TcpCounts>& out) {
    inet_diag_msg message{};
    if (payload.size() < sizeof message) return;
    std::memcpy(&message, payload.data(), sizeof message);
    size_t at = NLMSG_ALIGN(sizeof message);
    while (at + sizeof(nlattr) <= payload.size()) {
        nlattr attribute{};
        std::memcpy(&attribute, payload.data() + at, sizeof attribute);
        if (attribute.nla_len < sizeof attribute || at + attribute.nla_len > payload.size()) return;
        if (attribute.nla_type == INET_DIAG_INFO) {
            tcp_info info{};
            std::memcpy(&info, payload.data() + at + sizeof attribute,
                        std::min(sizeof info, attribute.nla_len - sizeof attribute));
            out.push_back(countsFrom(message, info));
            return;
        }
        at += NLA_ALIGN(attribute.nla_len);
    }
}

// Reads one dump to its end. False when the kernel refused or fell silent.
bool readDump(int descriptor, uint32_t sequence, size_t most, std::vector<TcpCounts>& out) {
    alignas(nlmsghdr) std::array<uint8_t, 32768> buffer{};
    for (;;) {
        const ssize_t size = ::recv(descriptor, buffer.data(), buffer.size(), 0);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return false;
        const std::span<const uint8_t> all(buffer.data(), static_cast<size_t>(size));
        for (size_t at = 0; at + sizeof(nlmsghdr) <= all.size();) {
            nlmsghdr head{};
            std::memcpy(&head, all.data() + at, sizeof head);
            if (head.nlmsg_len < sizeof head || at + head.nlmsg_len > all.size()) return false;
            if (head.nlmsg_seq == sequence) {
                if (head.nlmsg_type == NLMSG_DONE) return true;
                if (head.nlmsg_type == NLMSG_ERROR) return false;
                if (out.size() < most) take(all.subspan(at + sizeof head, head.nlmsg_len - sizeof head), out);
            }
            at += NLMSG_ALIGN(head.nlmsg_len);
        }
    }
}

}  // namespace

tl::expected<std::unique_ptr<TcpWatch>, std::string> TcpWatch::open() {
    const int descriptor = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (descriptor < 0)
        return tl::unexpected(std::string("the kernel tells nothing of TCP connections: ") + std::strerror(errno));
    timeval patience{0, 200'000};
    (void)::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return std::unique_ptr<TcpWatch>(new TcpWatch(descriptor));
}

TcpWatch::~TcpWatch() { ::close(m_descriptor); }

std::vector<TcpCounts> TcpWatch::connectionsTo(const IpPrefix& remote, size_t most) {
    std::vector<TcpCounts> out;
    // IPv4 connections may sit on IPv6 sockets.
    for (const int family : {AF_INET, AF_INET6}) {
        if (family == AF_INET && remote.address().isV6()) continue;
        const std::vector<uint8_t> request = requestFor(remote, family, ++m_sequence);
        sockaddr_nl kernel{};
        kernel.nl_family = AF_NETLINK;
        if (::sendto(m_descriptor, request.data(), request.size(), 0, reinterpret_cast<const sockaddr*>(&kernel),
                     sizeof kernel) < 0)
            return out;
        if (!readDump(m_descriptor, m_sequence, most, out)) return out;
    }
    return out;
}

}  // namespace netpas::tun
