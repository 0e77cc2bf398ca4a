#include "app/agent/next_hops.h"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "core/agreement/advert.h"
#include "tun/capture/netlink_attributes.h"

namespace netpas::agent {

namespace {

struct Reading {
    unsigned interface = 0;
    KnownNeighbours all;
};

int take(const nlmsghdr* message, void* into) {
    auto& reading = *static_cast<Reading*>(into);
    const auto* about = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
    constexpr unsigned resolved = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
    if (message->nlmsg_type != RTM_NEWNEIGH || static_cast<unsigned>(about->ndm_ifindex) != reading.interface ||
        (about->ndm_state & resolved) == 0)
        return MNL_CB_OK;
    std::optional<IpAddress> address;
    std::optional<LinkAddress> link;
    tun::forEachAttribute(message, sizeof(ndmsg), [&](uint16_t type, const nlattr* attribute) {
        const auto bytes = tun::attributeBytes(attribute);
        if (type == NDA_DST) address = IpAddress::fromBytes(bytes);
        if (type == NDA_LLADDR && bytes.size() == sizeof(LinkAddress)) {
            link.emplace();
            std::copy(bytes.begin(), bytes.end(), link->begin());
        }
    });
    const bool multicast = address && (address->isV6() ? address->bytes()[0] == 0xff : address->bytes()[0] >= 224);
    if (address && link && !multicast) reading.all.emplace(*address, *link);
    return MNL_CB_OK;
}

bool dump(mnl_socket* socket, uint8_t family, uint32_t sequence, Reading& reading) {
    std::array<char, 16384> buffer{};
    nlmsghdr* const message = mnl_nlmsg_put_header(buffer.data());
    message->nlmsg_type = RTM_GETNEIGH;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    message->nlmsg_seq = sequence;
    static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ndmsg)))->ndm_family = family;
    if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0) return false;
    for (;;) {
        const ssize_t size = mnl_socket_recvfrom(socket, buffer.data(), buffer.size());
        if (size <= 0) return false;
        const int more = mnl_cb_run(buffer.data(), static_cast<size_t>(size), sequence, mnl_socket_get_portid(socket),
                                    take, &reading);
        if (more <= MNL_CB_STOP) return more == MNL_CB_STOP;
    }
}

}  // namespace

KnownNeighbours knownNeighbours(unsigned interface) {
    const std::unique_ptr<mnl_socket, decltype(&mnl_socket_close)> socket(mnl_socket_open(NETLINK_ROUTE),
                                                                          mnl_socket_close);
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return {};
    Reading reading{interface, {}};
    if (!dump(socket.get(), AF_INET, 1, reading) || !dump(socket.get(), AF_INET6, 2, reading)) return {};
    return std::move(reading.all);
}

AddressesOf byLink(const KnownNeighbours& known) {
    AddressesOf all;
    for (const auto& [address, link] : known) all[link].push_back(address);
    return all;
}

std::vector<IpAddress> nextHopsOf(const LinkAddress& neighbour, const std::vector<IpAddress>& claimed,
                                  const KnownNeighbours& known, const AddressesOf& its, size_t most) {
    std::vector<IpAddress> hops;
    const auto add = [&](const IpAddress& address) {
        if (std::find(hops.begin(), hops.end(), address) == hops.end()) hops.push_back(address);
    };
    for (const IpAddress& address : claimed) {
        const auto at = known.find(address);
        if (at == known.end() || at->second == neighbour) add(address);
    }
    if (const auto own = its.find(neighbour); own != its.end())
        std::for_each(own->second.begin(), own->second.end(), add);
    if (hops.size() > most) hops.resize(most);
    return hops;
}

}  // namespace netpas::agent
