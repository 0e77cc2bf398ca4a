// Which addresses on a link are whose, as the kernel knows it: what routes through a neighbour name as their next hop.
#pragma once

#include <map>
#include <vector>

#include "core/link_address.h"
#include "core/net_address.h"

namespace netpas::agent {

using KnownNeighbours = std::map<IpAddress, LinkAddress>;
// Of one interface, IPv4 and IPv6; what is not resolved is left out. Empty when the kernel does not say.
[[nodiscard]] KnownNeighbours knownNeighbours(unsigned interface);

// The same by link-layer address.
using AddressesOf = std::map<LinkAddress, std::vector<IpAddress>>;
[[nodiscard]] AddressesOf byLink(const KnownNeighbours& known);

// What the neighbour claims, unless the kernel knows it as somebody else's, and what the kernel knows as the neighbour's; at most `most`.
[[nodiscard]] std::vector<IpAddress> nextHopsOf(const LinkAddress& neighbour, const std::vector<IpAddress>& claimed,
                                                const KnownNeighbours& known, const AddressesOf& its, size_t most);

}  // namespace netpas::agent
