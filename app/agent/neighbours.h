// Who is where on this machine's links, as the kernel has seen. Control thread.
#pragma once

#include <functional>
#include <optional>

#include "core/link_address.h"
#include "core/net_address.h"

namespace netpas::agent {

// The link-layer address behind an IP address; asks the network first when the kernel has forgotten (and then knows at the next call).
[[nodiscard]] std::function<std::optional<LinkAddress>(const IpAddress&)> linuxNeighbours();

// An address of one of this machine's interfaces.
[[nodiscard]] bool isOwnAddress(const IpAddress& address);

}  // namespace netpas::agent
