#include "core/net/loopback_owner.h"

#include <algorithm>

#ifdef __linux__
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#endif

namespace netpas::net {

bool isLoopback(const IpAddress& address) {
    const auto bytes = address.bytes();
    if (address.isV4()) return bytes[0] == 127;
    return bytes.back() == 1 && std::all_of(bytes.begin(), bytes.end() - 1, [](uint8_t byte) { return byte == 0; });
}

#ifdef __linux__

namespace {

struct Question {
    nlmsghdr head{};
    inet_diag_req_v2 body{};
};

Question questionFor(const Endpoint& theirs, const Endpoint& ours) {
    Question question;
    question.head.nlmsg_len = sizeof question;
    question.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    question.head.nlmsg_flags = NLM_F_REQUEST;
    question.body.sdiag_family = theirs.address.isV4() ? AF_INET : AF_INET6;
    question.body.sdiag_protocol = IPPROTO_TCP;
    question.body.idiag_states = ~0U;
    // As the other end sees itself.
    question.body.id.idiag_sport = htons(theirs.port);
    question.body.id.idiag_dport = htons(ours.port);
    const auto from = theirs.address.bytes(), to = ours.address.bytes();
    std::memcpy(question.body.id.idiag_src, from.data(), from.size());
    std::memcpy(question.body.id.idiag_dst, to.data(), to.size());
    question.body.id.idiag_cookie[0] = question.body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    return question;
}

}  // namespace

std::optional<uint32_t> loopbackOwner(const Endpoint& theirs, const Endpoint& ours) {
    if (theirs.address.isV4() != ours.address.isV4()) return std::nullopt;
    // The kernel answers within send(): nothing is waited for.
    const int netlink = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
    if (netlink < 0) return std::nullopt;
    const Question question = questionFor(theirs, ours);
    std::optional<uint32_t> owner;
    alignas(nlmsghdr) std::array<char, 1024> answer{};
    ssize_t size = -1;
    if (::send(netlink, &question, sizeof question, 0) == static_cast<ssize_t>(sizeof question)) {
        size = ::recv(netlink, answer.data(), answer.size(), 0);
    }
    ::close(netlink);
    nlmsghdr head{};
    inet_diag_msg found{};
    if (size < static_cast<ssize_t>(sizeof head + sizeof found)) return std::nullopt;
    std::memcpy(&head, answer.data(), sizeof head);
    std::memcpy(&found, answer.data() + NLMSG_HDRLEN, sizeof found);
    const bool open = found.idiag_state == TCP_ESTABLISHED || found.idiag_state == TCP_SYN_SENT;
    if (head.nlmsg_type == SOCK_DIAG_BY_FAMILY && open) owner = found.idiag_uid;
    return owner;
}

#else

std::optional<uint32_t> loopbackOwner(const Endpoint&, const Endpoint&) { return std::nullopt; }

#endif

}  // namespace netpas::net
