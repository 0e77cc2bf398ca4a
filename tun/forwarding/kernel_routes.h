// The kernel's routes through other machines: which neighbour a packet goes to, where no routing daemon says so. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/net_address.h"

namespace netpas::tun {

struct KernelRoute {
    IpPrefix to;
    IpAddress via;  // may be of the other family
    std::string interface;
    uint32_t metric = 0;
    friend bool operator==(const KernelRoute&, const KernelRoute&) = default;
};
inline constexpr size_t maxKernelRoutes = 65'536;  // more are left out

// Unicast routes of the main table that have a next hop, of both families, in the network namespace of the calling thread. A route over several next hops
// is there once for each. Errors are errno values.
[[nodiscard]] tl::expected<std::vector<KernelRoute>, int> kernelRoutes();
// The one that the kernel prefers for an address: longest prefix, then least metric. Null: none of these.
[[nodiscard]] const KernelRoute* routeTo(const std::vector<KernelRoute>& routes, const IpAddress& address);

}  // namespace netpas::tun
