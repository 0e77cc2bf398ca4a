#include "app/agent/link_request.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>

#include "tun/capture/netlink_attributes.h"

namespace netpas::agent {

namespace {

using Attribute = std::function<void(uint16_t, const nlattr*)>;

int onLink(const nlmsghdr* header, void* data) {
    const auto& attribute = *static_cast<const Attribute*>(data);
    if (header->nlmsg_type == RTM_NEWLINK) tun::forEachAttribute(header, sizeof(ifinfomsg), attribute);
    return MNL_CB_OK;
}

tl::expected<void, int> request(const std::string& interface, uint16_t type, uint16_t flags,
                                const std::function<void(nlmsghdr*)>& put, Attribute attribute) {
    const std::unique_ptr<mnl_socket, decltype(&mnl_socket_close)> socket(mnl_socket_open(NETLINK_ROUTE),
                                                                          mnl_socket_close);
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return tl::unexpected(errno);
    const unsigned index = ::if_nametoindex(interface.c_str());
    if (index == 0) return tl::unexpected(ENODEV);
    // What is known of one link has its place in here: netlink cuts off nothing smaller.
    std::array<char, 32'768> buffer{};
    nlmsghdr* const message = mnl_nlmsg_put_header(buffer.data());
    message->nlmsg_type = type;
    message->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    message->nlmsg_seq = 1;
    auto* const about = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
    about->ifi_family = AF_UNSPEC;
    about->ifi_index = static_cast<int>(index);
    if (put) put(message);
    if (mnl_socket_sendto(socket.get(), message, message->nlmsg_len) < 0) return tl::unexpected(errno);
    const ssize_t size = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    if (size <= 0 || mnl_cb_run(buffer.data(), static_cast<size_t>(size), 1, mnl_socket_get_portid(socket.get()),
                                onLink, &attribute) < 0)
        return tl::unexpected(errno);
    return {};
}

}  // namespace

tl::expected<void, int> changeLink(const std::string& interface, const std::function<void(nlmsghdr*)>& attributes) {
    return request(interface, RTM_NEWLINK, NLM_F_ACK, attributes, [](uint16_t, const nlattr*) {});
}

tl::expected<void, int> readLink(const std::string& interface, const Attribute& attribute) {
    return request(interface, RTM_GETLINK, 0, nullptr, attribute);
}

}  // namespace netpas::agent
