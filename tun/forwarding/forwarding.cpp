#include "tun/forwarding/forwarding.h"

#include <algorithm>
#include <utility>

namespace netpas::tun {

namespace {

// What Linux takes for a name of an interface, and nftables inside quotation marks.
bool isInterfaceName(const std::string& name) {
    constexpr size_t longest = 15;
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               c == '.' || c == '@';
    };
    return !name.empty() && name.size() <= longest && name != "." && name != ".." &&
           std::all_of(name.begin(), name.end(), allowed);
}

bool isUnicast(const IpAddress& address) {
    const auto bytes = address.bytes();
    if (std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; })) return false;
    return address.isV4() ? bytes[0] != 127 && bytes[0] < 224 : bytes[0] != 0xff;
}

}  // namespace

std::string_view describe(ForwardingError error) {
    switch (error) {
    case ForwardingError::BadName: return "not a name of an interface";
    case ForwardingError::BadAddress: return "a next hop is not an address of one machine";
    case ForwardingError::TwiceThere: return "two neighbours have the same address on one interface";
    case ForwardingError::TooMany: return "too many neighbours, next hops or interfaces";
    case ForwardingError::AlreadyInUse: return "another agent has the forwarding table; stop it first";
    case ForwardingError::NotPermitted: return "the right to administer the network (CAP_NET_ADMIN) is missing";
    case ForwardingError::SystemRefused: return "the packet filter refused";
    }
    return {};
}

tl::expected<void, ForwardingError> validate(const ForwardingState& state) {
    const auto refuse = [](ForwardingError error) { return tl::unexpected(error); };
    if (state.neighbours.size() > maxForwardingNeighbours || state.mesh.size() > maxForwardingInterfaces ||
        state.uplinks.size() > maxForwardingInterfaces)
        return refuse(ForwardingError::TooMany);
    for (const auto* names : {&state.mesh, &state.uplinks}) {
        if (!std::all_of(names->begin(), names->end(), isInterfaceName)) return refuse(ForwardingError::BadName);
    }
    std::set<std::pair<std::string, LinkAddress>> links;
    std::set<std::pair<std::string, IpAddress>> hops;
    for (const ForwardingNeighbour& neighbour : state.neighbours) {
        if (!isInterfaceName(neighbour.interface)) return refuse(ForwardingError::BadName);
        if (neighbour.nextHops.size() > maxNextHops) return refuse(ForwardingError::TooMany);
        if (!links.emplace(neighbour.interface, neighbour.link).second) return refuse(ForwardingError::TwiceThere);
        for (const IpAddress& hop : neighbour.nextHops) {
            if (!isUnicast(hop)) return refuse(ForwardingError::BadAddress);
            if (!hops.emplace(neighbour.interface, hop).second) return refuse(ForwardingError::TwiceThere);
        }
    }
    return {};
}

}  // namespace netpas::tun
