#include "app/agent/link_offload.h"

#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace netpas::agent {

namespace {

// What a card does to packets that come in or go out.
bool switchOff(int socket, const std::string& interface, uint32_t command) {
    ethtool_value value{command, 0};
    ifreq request{};
    interface.copy(request.ifr_name, sizeof request.ifr_name - 1);
    request.ifr_data = reinterpret_cast<char*>(&value);
    return ::ioctl(socket, SIOCETHTOOL, &request) == 0 || errno == EOPNOTSUPP;
}

// The kernel's own TCP makes trains whatever the card can do, unless a train may have one packet only.
bool singlePackets(const std::string& interface) {
    const std::unique_ptr<mnl_socket, decltype(&mnl_socket_close)> socket(mnl_socket_open(NETLINK_ROUTE),
                                                                          mnl_socket_close);
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return false;
    std::array<char, 4096> buffer{};
    nlmsghdr* const message = mnl_nlmsg_put_header(buffer.data());
    message->nlmsg_type = RTM_NEWLINK;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    message->nlmsg_seq = 1;
    auto* const about = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
    about->ifi_family = AF_UNSPEC;
    about->ifi_index = static_cast<int>(::if_nametoindex(interface.c_str()));
    mnl_attr_put_u32(message, IFLA_GSO_MAX_SEGS, 1);
    if (mnl_socket_sendto(socket.get(), message, message->nlmsg_len) < 0) return false;
    const ssize_t size = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    return size > 0 && mnl_cb_run(buffer.data(), static_cast<size_t>(size), 1, mnl_socket_get_portid(socket.get()),
                                  nullptr, nullptr) >= 0;
}

}  // namespace

std::optional<std::string> countPacketsSingly(const std::string& interface) {
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return std::string("no socket: ") + std::strerror(errno);
    std::optional<std::string> refused;
    for (const uint32_t command : {uint32_t{ETHTOOL_SGRO}, uint32_t{ETHTOOL_STSO}, uint32_t{ETHTOOL_SGSO}}) {
        if (!refused && !switchOff(socket, interface, command)) refused = std::strerror(errno);
    }
    ::close(socket);
    if (!refused && !singlePackets(interface)) refused = std::string("gso_max_segs: ") + std::strerror(errno);
    return refused;
}

}  // namespace netpas::agent
