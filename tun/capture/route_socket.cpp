#include "tun/capture/route_socket.h"

#include <algorithm>
#include <cerrno>
#include <span>

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "tun/capture/netlink_attributes.h"

namespace netpas::tun {

namespace {

constexpr size_t requestSize = 512;

uint8_t familyNumber(IpFamily family) { return family == IpFamily::V4 ? AF_INET : AF_INET6; }

nlmsghdr* beginRequest(void* buffer, uint16_t type, uint16_t flags) {
    nlmsghdr* header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = type;
    header->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    return header;
}

std::vector<uint8_t> ruleRequest(const PolicyRule& rule, uint16_t type, uint16_t flags) {
    alignas(nlmsghdr) uint8_t buffer[requestSize];
    nlmsghdr* header = beginRequest(buffer, type, flags);
    auto* body = static_cast<fib_rule_hdr*>(mnl_nlmsg_put_extra_header(header, sizeof(fib_rule_hdr)));
    body->family = familyNumber(rule.family);
    body->action = FR_ACT_TO_TBL;
    mnl_attr_put_u32(header, FRA_PRIORITY, rule.priority);
    mnl_attr_put_u32(header, FRA_FWMARK, rule.mark);
    mnl_attr_put_u32(header, FRA_FWMASK, rule.mask);
    mnl_attr_put_u32(header, FRA_TABLE, rule.table);
    return {buffer, buffer + header->nlmsg_len};
}

}  // namespace

std::vector<uint8_t> addRuleRequest(const PolicyRule& rule) {
    return ruleRequest(rule, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
}

std::vector<uint8_t> deleteRuleRequest(const PolicyRule& rule) { return ruleRequest(rule, RTM_DELRULE, 0); }

void RouteSocket::Close::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

tl::expected<RouteSocket, int> RouteSocket::open() {
    mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (socket == nullptr) return tl::unexpected(errno);
    RouteSocket result(socket);
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) return tl::unexpected(errno);
    return result;
}

std::optional<unsigned> RouteSocket::interfaceIndex(const std::string& name) {
    const unsigned index = if_nametoindex(name.c_str());
    if (index == 0) return std::nullopt;
    return index;
}

int RouteSocket::descriptor() const { return mnl_socket_get_fd(m_socket.get()); }

tl::expected<void, int> RouteSocket::transact(void* request) {
    auto* header = static_cast<nlmsghdr*>(request);
    header->nlmsg_seq = ++m_sequence;
    if (mnl_socket_sendto(m_socket.get(), header, header->nlmsg_len) < 0) return tl::unexpected(errno);
    alignas(nlmsghdr) uint8_t answer[8192];
    const unsigned port = mnl_socket_get_portid(m_socket.get());
    for (;;) {
        const ssize_t size = mnl_socket_recvfrom(m_socket.get(), answer, sizeof answer);
        if (size < 0) {
            if (errno == EINTR) continue;
            return tl::unexpected(errno);
        }
        const int state = mnl_cb_run(answer, static_cast<size_t>(size), header->nlmsg_seq, port, nullptr, nullptr);
        if (state < 0) return tl::unexpected(errno);
        if (state == MNL_CB_STOP) return {};
    }
}

tl::expected<void, int> RouteSocket::prepareDevice(unsigned index) {
    if (auto configured = configureDevice(index); !configured) return configured;
    if (auto added = addDummyAddress(index); !added && added.error() != EEXIST) return added;
    alignas(nlmsghdr) uint8_t buffer[requestSize];
    nlmsghdr* header = beginRequest(buffer, RTM_SETLINK, 0);
    auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ifinfomsg)));
    link->ifi_index = static_cast<int>(index);
    link->ifi_change = IFF_UP;
    link->ifi_flags = IFF_UP;
    return transact(buffer);
}

tl::expected<void, int> RouteSocket::configureDevice(unsigned index) {
    alignas(nlmsghdr) uint8_t buffer[requestSize];
    nlmsghdr* header = beginRequest(buffer, RTM_SETLINK, 0);
    auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ifinfomsg)));
    link->ifi_index = static_cast<int>(index);
    nlattr* families = mnl_attr_nest_start(header, IFLA_AF_SPEC);
    // Packets that are delivered through the device come from addresses whose route is another interface. The greater of the
    // interface's and the global value counts; 2 is loose, 1 is strict.
    nlattr* inet = mnl_attr_nest_start(header, AF_INET);
    nlattr* settings = mnl_attr_nest_start(header, IFLA_INET_CONF);
    mnl_attr_put_u32(header, IPV4_DEVCONF_RP_FILTER, 2);
    mnl_attr_nest_end(header, settings);
    mnl_attr_nest_end(header, inet);
    // No link-local address, so that the kernel sends no router solicitations of its own into the device.
    nlattr* inet6 = mnl_attr_nest_start(header, AF_INET6);
    mnl_attr_put_u8(header, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    mnl_attr_nest_end(header, inet6);
    mnl_attr_nest_end(header, families);
    const tl::expected<void, int> both = transact(buffer);
    if (both || both.error() != EAFNOSUPPORT) return both;
    mnl_attr_nest_cancel(header, inet6);  // a kernel without IPv6
    mnl_attr_nest_end(header, families);
    return transact(buffer);
}

tl::expected<void, int> RouteSocket::addDummyAddress(unsigned index) {
    // An interface without any IPv4 address fails even the loose reverse path filter. This is the dummy address of RFC 7600, and with host
    // scope nothing ever takes it as its source.
    constexpr uint8_t address[] = {192, 0, 0, 8};
    alignas(nlmsghdr) uint8_t buffer[requestSize];
    nlmsghdr* header = beginRequest(buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
    auto* body = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ifaddrmsg)));
    body->ifa_family = AF_INET;
    body->ifa_prefixlen = 32;
    body->ifa_scope = RT_SCOPE_HOST;
    body->ifa_index = index;
    mnl_attr_put(header, IFA_LOCAL, sizeof address, address);
    mnl_attr_put(header, IFA_ADDRESS, sizeof address, address);
    return transact(buffer);
}

tl::expected<void, int> RouteSocket::replaceDefaultRoute(IpFamily family, unsigned index, uint32_t table) {
    alignas(nlmsghdr) uint8_t buffer[requestSize];
    nlmsghdr* header = beginRequest(buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    auto* route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(rtmsg)));
    route->rtm_family = familyNumber(family);
    route->rtm_table = RT_TABLE_UNSPEC;
    route->rtm_protocol = RTPROT_STATIC;
    route->rtm_scope = family == IpFamily::V4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    route->rtm_type = RTN_UNICAST;
    mnl_attr_put_u32(header, RTA_TABLE, table);
    mnl_attr_put_u32(header, RTA_OIF, index);
    return transact(buffer);
}

tl::expected<void, int> RouteSocket::replaceGateway(const IpAddress& via, unsigned index, uint32_t table) {
    alignas(nlmsghdr) uint8_t buffer[requestSize];
    nlmsghdr* header = beginRequest(buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    auto* route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(rtmsg)));
    route->rtm_family = via.isV6() ? AF_INET6 : AF_INET;
    route->rtm_table = RT_TABLE_UNSPEC;
    route->rtm_protocol = RTPROT_STATIC;
    route->rtm_scope = RT_SCOPE_UNIVERSE;
    route->rtm_type = RTN_UNICAST;
    const auto bytes = via.bytes();
    mnl_attr_put(header, RTA_GATEWAY, bytes.size(), bytes.data());
    mnl_attr_put_u32(header, RTA_TABLE, table);
    mnl_attr_put_u32(header, RTA_OIF, index);
    return transact(buffer);
}

tl::expected<void, int> RouteSocket::deleteDefaultRoute(IpFamily family, uint32_t table) {
    alignas(nlmsghdr) uint8_t buffer[requestSize];
    nlmsghdr* header = beginRequest(buffer, RTM_DELROUTE, 0);
    auto* route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(rtmsg)));
    route->rtm_family = familyNumber(family);
    route->rtm_table = RT_TABLE_UNSPEC;
    mnl_attr_put_u32(header, RTA_TABLE, table);
    return transact(buffer);
}

tl::expected<void, int> RouteSocket::replaceHostRoute(const IpAddress& host, unsigned index) {
    const auto bytes = host.bytes();
    alignas(nlmsghdr) uint8_t buffer[requestSize];
    nlmsghdr* header = beginRequest(buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    auto* route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(rtmsg)));
    route->rtm_family = host.isV6() ? AF_INET6 : AF_INET;
    route->rtm_dst_len = static_cast<uint8_t>(bytes.size() * 8);
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_protocol = RTPROT_STATIC;
    route->rtm_scope = host.isV6() ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    route->rtm_type = RTN_UNICAST;
    mnl_attr_put(header, RTA_DST, bytes.size(), bytes.data());
    mnl_attr_put_u32(header, RTA_OIF, index);
    mnl_attr_put_u32(header, RTA_PRIORITY, 1U << 20 | index);  // routes of other devices stay
    return transact(buffer);
}

namespace {

struct NeighbourSearch {
    std::span<const uint8_t> wanted;
    std::vector<Neighbour> found;
};

int onNeighbour(const nlmsghdr* header, void* data) {
    auto& search = *static_cast<NeighbourSearch*>(data);
    const auto* entry = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(header));
    constexpr unsigned valid = NUD_PERMANENT | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE;
    if (header->nlmsg_type != RTM_NEWNEIGH || (entry->ndm_state & valid) == 0) return MNL_CB_OK;
    Neighbour neighbour;
    neighbour.interface = static_cast<unsigned>(entry->ndm_ifindex);
    bool same = false, addressed = false;
    forEachAttribute(header, sizeof(ndmsg), [&](uint16_t type, const nlattr* attribute) {
        const auto value = attributeBytes(attribute);
        if (type == NDA_DST) {
            same = std::equal(value.begin(), value.end(), search.wanted.begin(), search.wanted.end());
        } else if (type == NDA_LLADDR && value.size() == neighbour.address.size()) {
            std::copy(value.begin(), value.end(), neighbour.address.begin());
            addressed = true;
        }
    });
    if (same && addressed) search.found.push_back(neighbour);
    return MNL_CB_OK;
}

}  // namespace

tl::expected<std::optional<Neighbour>, int> RouteSocket::neighbour(const IpAddress& address) {
    alignas(nlmsghdr) uint8_t buffer[requestSize];
    nlmsghdr* header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = RTM_GETNEIGH;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = ++m_sequence;
    auto* body = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ndmsg)));
    body->ndm_family = address.isV6() ? AF_INET6 : AF_INET;
    if (mnl_socket_sendto(m_socket.get(), header, header->nlmsg_len) < 0) return tl::unexpected(errno);
    NeighbourSearch search{address.bytes(), {}};
    std::vector<uint8_t> answer(1 << 16);
    for (;;) {
        const ssize_t size = mnl_socket_recvfrom(m_socket.get(), answer.data(), answer.size());
        if (size < 0) {
            if (errno == EINTR) continue;
            return tl::unexpected(errno);
        }
        const int state = mnl_cb_run(answer.data(), static_cast<size_t>(size), header->nlmsg_seq,
                                     mnl_socket_get_portid(m_socket.get()), onNeighbour, &search);
        if (state < 0) return tl::unexpected(errno);
        if (state == MNL_CB_STOP) break;
    }
    if (search.found.size() != 1) return std::optional<Neighbour>{};
    return search.found.front();
}

tl::expected<void, int> RouteSocket::addRule(const PolicyRule& rule) {
    std::vector<uint8_t> request = addRuleRequest(rule);
    return transact(request.data());
}

tl::expected<unsigned, int> RouteSocket::deleteRules(const PolicyRule& rule) {
    std::vector<uint8_t> request = deleteRuleRequest(rule);
    for (unsigned deleted = 0;; ++deleted) {
        const tl::expected<void, int> result = transact(request.data());
        if (result) continue;
        if (result.error() == ENOENT || result.error() == EAFNOSUPPORT) return deleted;
        return tl::unexpected(result.error());
    }
}

}  // namespace netpas::tun
