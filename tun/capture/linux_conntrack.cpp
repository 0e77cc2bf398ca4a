#include "tun/capture/linux_conntrack.h"

#include <arpa/inet.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <mutex>
#include <span>

#include "tun/capture/netlink_attributes.h"

namespace netpas::tun {

namespace {

constexpr size_t requestSize = 512;

// One direction of a connection, as the kernel writes it down.
struct Tuple {
    FlowKey flow;
    uint8_t icmpType = 0;
    uint16_t icmpIdentifier = 0;
    friend bool operator==(const Tuple&, const Tuple&) = default;
};

// The type of the answer to an ICMP question; nothing for what is none.
std::optional<uint8_t> answerType(uint8_t protocol, uint8_t type) {
    if (protocol == ipproto::icmp6) {
        if (type == ICMPV6_ECHO_REQUEST) return ICMPV6_ECHO_REPLY;
        if (type == ICMPV6_ECHO_REPLY) return ICMPV6_ECHO_REQUEST;
        return std::nullopt;
    }
    if (type == ICMP_ECHO) return ICMP_ECHOREPLY;
    if (type == ICMP_ECHOREPLY) return ICMP_ECHO;
    return std::nullopt;
}

bool isIcmp(uint8_t protocol) { return protocol == ipproto::icmp || protocol == ipproto::icmp6; }

// What the answer to a packet looks like: this is what the table is searched for, because the translated name of a connection stands only
// in the direction that comes back.
std::optional<Tuple> answerTo(const LeavingPacket& packet) {
    Tuple tuple;
    tuple.flow = {packet.flow.dst, packet.flow.src, packet.flow.protocol, packet.flow.dstPort, packet.flow.srcPort};
    if (isIcmp(packet.flow.protocol)) {
        const auto type = answerType(packet.flow.protocol, packet.icmpType);
        if (!type) return std::nullopt;
        tuple.icmpType = *type;
        tuple.icmpIdentifier = packet.icmpIdentifier;
    }
    return tuple;
}

void putTuple(nlmsghdr* header, const Tuple& tuple) {
    const bool v6 = tuple.flow.src.isV6();
    const auto from = tuple.flow.src.bytes(), to = tuple.flow.dst.bytes();
    nlattr* whole = mnl_attr_nest_start(header, CTA_TUPLE_ORIG);
    nlattr* addresses = mnl_attr_nest_start(header, CTA_TUPLE_IP);
    mnl_attr_put(header, v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, from.size(), from.data());
    mnl_attr_put(header, v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, to.size(), to.data());
    mnl_attr_nest_end(header, addresses);
    nlattr* protocol = mnl_attr_nest_start(header, CTA_TUPLE_PROTO);
    mnl_attr_put_u8(header, CTA_PROTO_NUM, tuple.flow.protocol);
    if (isIcmp(tuple.flow.protocol)) {
        mnl_attr_put_u8(header, v6 ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE, tuple.icmpType);
        mnl_attr_put_u8(header, v6 ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE, 0);
        mnl_attr_put_u16(header, v6 ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID, htons(tuple.icmpIdentifier));
    } else {
        mnl_attr_put_u16(header, CTA_PROTO_SRC_PORT, htons(tuple.flow.srcPort));
        mnl_attr_put_u16(header, CTA_PROTO_DST_PORT, htons(tuple.flow.dstPort));
    }
    mnl_attr_nest_end(header, protocol);
    mnl_attr_nest_end(header, whole);
}

uint16_t number16(const nlattr* attribute) {
    const auto bytes = attributeBytes(attribute);
    return bytes.size() < 2 ? uint16_t{0} : static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
}

void readAddresses(const nlattr* nest, Tuple& tuple) {
    forEachAttribute(nest, [&](uint16_t type, const nlattr* attribute) {
        const auto address = IpAddress::fromBytes(attributeBytes(attribute));
        if (!address) return;
        if (type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC) tuple.flow.src = *address;
        if (type == CTA_IP_V4_DST || type == CTA_IP_V6_DST) tuple.flow.dst = *address;
    });
}

void readProtocol(const nlattr* nest, Tuple& tuple) {
    forEachAttribute(nest, [&](uint16_t type, const nlattr* attribute) {
        switch (type) {
        case CTA_PROTO_NUM:
            if (!attributeBytes(attribute).empty()) tuple.flow.protocol = attributeBytes(attribute)[0];
            break;
        case CTA_PROTO_SRC_PORT: tuple.flow.srcPort = number16(attribute); break;
        case CTA_PROTO_DST_PORT: tuple.flow.dstPort = number16(attribute); break;
        case CTA_PROTO_ICMP_ID:
        case CTA_PROTO_ICMPV6_ID: tuple.icmpIdentifier = number16(attribute); break;
        case CTA_PROTO_ICMP_TYPE:
        case CTA_PROTO_ICMPV6_TYPE:
            if (!attributeBytes(attribute).empty()) tuple.icmpType = attributeBytes(attribute)[0];
            break;
        default: break;  // attributes of newer kernels
        }
    });
}

Tuple readTuple(const nlattr* nest) {
    Tuple tuple;
    forEachAttribute(nest, [&](uint16_t type, const nlattr* attribute) {
        if (type == CTA_TUPLE_IP) readAddresses(attribute, tuple);
        if (type == CTA_TUPLE_PROTO) readProtocol(attribute, tuple);
    });
    return tuple;
}

struct Connection {
    Tuple original;
    Tuple reply;
    bool complete = false;
};

int onConnection(const nlmsghdr* header, void* data) {
    auto& connection = *static_cast<Connection*>(data);
    bool original = false, reply = false;
    forEachAttribute(header, sizeof(nfgenmsg), [&](uint16_t type, const nlattr* attribute) {
        if (type == CTA_TUPLE_ORIG) {
            connection.original = readTuple(attribute);
            original = true;
        } else if (type == CTA_TUPLE_REPLY) {
            connection.reply = readTuple(attribute);
            reply = true;
        }
    });
    connection.complete = original && reply;
    return MNL_CB_OK;
}

class LinuxConntrack final : public Translation {
public:
    explicit LinuxConntrack(mnl_socket* socket) : m_socket(socket) {}
    std::optional<FlowKey> before(const LeavingPacket& packet) noexcept override;

private:
    struct Close {
        void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
    };
    [[nodiscard]] std::optional<Connection> find(const Tuple& tuple) noexcept;

    std::mutex m_mutex;
    std::unique_ptr<mnl_socket, Close> m_socket;
    uint32_t m_sequence = 0;
};

std::optional<Connection> LinuxConntrack::find(const Tuple& tuple) noexcept {
    alignas(nlmsghdr) std::array<uint8_t, requestSize> request;
    nlmsghdr* header = mnl_nlmsg_put_header(request.data());
    header->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    auto* body = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
    body->nfgen_family = tuple.flow.src.isV6() ? AF_INET6 : AF_INET;
    body->version = NFNETLINK_V0;
    putTuple(header, tuple);

    const std::lock_guard lock(m_mutex);
    header->nlmsg_seq = ++m_sequence;
    if (mnl_socket_sendto(m_socket.get(), header, header->nlmsg_len) < 0) return std::nullopt;
    Connection connection;
    alignas(nlmsghdr) std::array<uint8_t, 8192> answer;
    for (;;) {
        const ssize_t size = mnl_socket_recvfrom(m_socket.get(), answer.data(), answer.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return std::nullopt;
        const unsigned sequence = header->nlmsg_seq;
        // An answer to a question that was given up earlier.
        if (reinterpret_cast<const nlmsghdr*>(answer.data())->nlmsg_seq != sequence) continue;
        const int state = mnl_cb_run(answer.data(), static_cast<size_t>(size), sequence,
                                     mnl_socket_get_portid(m_socket.get()), onConnection, &connection);
        if (state < 0) return std::nullopt;  // ENOENT: no such connection
        if (state == MNL_CB_STOP) break;
    }
    return connection.complete ? std::optional(connection) : std::nullopt;
}

std::optional<FlowKey> LinuxConntrack::before(const LeavingPacket& packet) noexcept {
    const auto answer = answerTo(packet);
    if (!answer) return std::nullopt;
    const auto connection = find(*answer);
    if (!connection) return std::nullopt;
    // Of a connection that began behind this machine the packet goes the original way, else it is an answer itself.
    const bool outward = connection->reply == *answer;
    if (!outward && !(connection->original == *answer)) return std::nullopt;
    const FlowKey& before = outward ? connection->original.flow : connection->reply.flow;
    if (before == packet.flow) return std::nullopt;
    return before;
}

}  // namespace

tl::expected<std::unique_ptr<Translation>, int> openLinuxConntrack() {
    mnl_socket* socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (socket == nullptr) return tl::unexpected(errno);
    auto conntrack = std::make_unique<LinuxConntrack>(socket);
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) return tl::unexpected(errno);
    const timeval patience{0, 200'000};
    setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return conntrack;
}

}  // namespace netpas::tun
