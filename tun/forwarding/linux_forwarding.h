// The forwarding rule on Linux: an nftables table of our own, whose rules look addresses up in sets. The table belongs to our netlink socket (`flags
// owner`) and goes with the process, however it ends: then everything passes as if we had never been here. No other rule, sysctl or route is touched.
//
// The previous hop is the interface with the Ethernet source address; the next hop is what the kernel's route says (`rt nexthop`), which for a
// destination on the link is the destination itself.
#pragma once

#include <memory>
#include <string>

#include "tun/forwarding/forwarding.h"

namespace netpas::tun {

struct LinuxForwardingOptions {
    std::string table = "netpas_mesh";  // family inet
    uint32_t freeBytesPerSecond = 0;    // to and from each neighbour that has `free`; 0: nothing
};

struct ForwardingFailure {
    ForwardingError error = ForwardingError::SystemRefused;
    std::string diagnosis;
};

// Lets everything pass until set() is called. Works in the network namespace of the calling thread.
[[nodiscard]] tl::expected<std::unique_ptr<Forwarding>, ForwardingFailure> openLinuxForwarding(
    const LinuxForwardingOptions& options);

}  // namespace netpas::tun
