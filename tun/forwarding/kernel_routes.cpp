#include "tun/forwarding/kernel_routes.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>

#include "tun/capture/netlink_attributes.h"

namespace netpas::tun {

namespace {

struct CloseSocket {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};

std::optional<unsigned> number(const nlattr* attribute) {
    if (mnl_attr_validate(attribute, MNL_TYPE_U32) < 0) return std::nullopt;
    return mnl_attr_get_u32(attribute);
}

// RTA_VIA: a family, then an address of it.
std::optional<IpAddress> otherFamily(std::span<const uint8_t> value) {
    if (value.size() < 2) return std::nullopt;
    return IpAddress::fromBytes(value.subspan(2));
}

struct Hop {
    std::optional<IpAddress> via;
    unsigned interface = 0;
};

void readHop(uint16_t type, const nlattr* attribute, Hop& hop) {
    if (type == RTA_GATEWAY) hop.via = IpAddress::fromBytes(attributeBytes(attribute));
    if (type == RTA_VIA) hop.via = otherFamily(attributeBytes(attribute));
    if (type == RTA_OIF) hop.interface = number(attribute).value_or(0);
}

std::vector<Hop> severalHops(std::span<const uint8_t> bytes) {
    std::vector<Hop> hops;
    while (bytes.size() >= sizeof(rtnexthop)) {
        const auto* next = reinterpret_cast<const rtnexthop*>(bytes.data());
        if (next->rtnh_len < sizeof(rtnexthop) || next->rtnh_len > bytes.size()) break;
        Hop hop{std::nullopt, static_cast<unsigned>(next->rtnh_ifindex)};
        forEachAttribute(bytes.subspan(sizeof(rtnexthop), next->rtnh_len - sizeof(rtnexthop)),
                         [&](uint16_t type, const nlattr* attribute) { readHop(type, attribute, hop); });
        hops.push_back(hop);
        bytes = bytes.subspan(std::min<size_t>((size_t{next->rtnh_len} + 3) & ~size_t{3}, bytes.size()));
    }
    return hops;
}

int onRoute(const nlmsghdr* header, void* data) {
    auto& routes = *static_cast<std::vector<KernelRoute>*>(data);
    if (header->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(header) < sizeof(rtmsg)) return MNL_CB_OK;
    const auto* body = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(header));
    if (body->rtm_type != RTN_UNICAST || (body->rtm_flags & RTM_F_CLONED) != 0) return MNL_CB_OK;
    uint32_t table = body->rtm_table;
    KernelRoute route;
    std::optional<IpPrefix> to;
    if (body->rtm_dst_len == 0) to = IpPrefix::parse(body->rtm_family == AF_INET6 ? "::/0" : "0.0.0.0/0");
    std::vector<Hop> hops(1);
    forEachAttribute(header, sizeof(rtmsg), [&](uint16_t type, const nlattr* attribute) {
        if (type == RTA_TABLE) table = number(attribute).value_or(0);
        if (type == RTA_PRIORITY) route.metric = number(attribute).value_or(0);
        if (type == RTA_DST) {
            const auto address = IpAddress::fromBytes(attributeBytes(attribute));
            if (address) to = IpPrefix::make(*address, body->rtm_dst_len);
        }
        if (type == RTA_MULTIPATH) {
            hops = severalHops(attributeBytes(attribute));
        } else if (!hops.empty()) {
            readHop(type, attribute, hops.front());
        }
    });
    if (table != RT_TABLE_MAIN || !to) return MNL_CB_OK;
    route.to = *to;
    for (const Hop& hop : hops) {
        std::array<char, IF_NAMESIZE> name{};
        if (!hop.via || if_indextoname(hop.interface, name.data()) == nullptr) continue;
        if (routes.size() >= maxKernelRoutes) break;
        route.via = *hop.via;
        route.interface = name.data();
        routes.push_back(route);
    }
    return MNL_CB_OK;
}

}  // namespace

tl::expected<std::vector<KernelRoute>, int> kernelRoutes() {
    const std::unique_ptr<mnl_socket, CloseSocket> socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return tl::unexpected(errno);
    std::vector<KernelRoute> routes;
    std::vector<uint8_t> answer(1 << 16);
    uint32_t sequence = 0;
    for (const uint8_t family : {uint8_t{AF_INET}, uint8_t{AF_INET6}}) {
        alignas(nlmsghdr) std::array<uint8_t, 128> buffer{};
        nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
        header->nlmsg_type = RTM_GETROUTE;
        header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        header->nlmsg_seq = ++sequence;
        auto* body = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(rtmsg)));
        body->rtm_family = family;
        if (mnl_socket_sendto(socket.get(), header, header->nlmsg_len) < 0) return tl::unexpected(errno);
        for (int state = MNL_CB_OK; state != MNL_CB_STOP;) {
            const ssize_t size = mnl_socket_recvfrom(socket.get(), answer.data(), answer.size());
            if (size < 0 && errno == EINTR) continue;
            if (size < 0) return tl::unexpected(errno);
            state = mnl_cb_run(answer.data(), static_cast<size_t>(size), sequence, mnl_socket_get_portid(socket.get()),
                               onRoute, &routes);
            if (state < 0) return tl::unexpected(errno);
        }
    }
    return routes;
}

const KernelRoute* routeTo(const std::vector<KernelRoute>& routes, const IpAddress& address) {
    const KernelRoute* best = nullptr;
    for (const KernelRoute& route : routes) {
        if (!route.to.contains(address)) continue;
        const bool longer = best == nullptr || route.to.length() > best->to.length();
        if (longer || (route.to.length() == best->to.length() && route.metric < best->metric)) best = &route;
    }
    return best;
}

}  // namespace netpas::tun
