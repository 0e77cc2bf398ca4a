#include "app/agent/link_offload.h"

#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "app/agent/link_request.h"

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

}  // namespace

std::optional<std::string> countPacketsSingly(const std::string& interface) {
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return std::string("no socket: ") + std::strerror(errno);
    std::optional<std::string> refused;
    for (const uint32_t command : {uint32_t{ETHTOOL_SGRO}, uint32_t{ETHTOOL_STSO}, uint32_t{ETHTOOL_SGSO}}) {
        if (!refused && !switchOff(socket, interface, command)) refused = std::strerror(errno);
    }
    ::close(socket);
    if (refused) return refused;
    // The kernel's own TCP makes trains whatever the card can do, unless a train may have one packet only.
    const auto single =
        changeLink(interface, [](nlmsghdr* message) { mnl_attr_put_u32(message, IFLA_GSO_MAX_SEGS, 1); });
    if (!single) refused = std::string("gso_max_segs: ") + std::strerror(single.error());
    return refused;
}

}  // namespace netpas::agent
