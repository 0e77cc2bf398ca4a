// Diverting flows on Linux: an nftables table marks their packets, a policy route takes marked packets to the TUN device.
//
// Everything vanishes with the process, however it ends: the table is owned by our netlink socket (`flags owner`), the route goes with the TUN
// device, and a guard process removes the two policy rules. Rules that a killed guard left behind point to an empty table, which
// changes nothing, and are removed by the next agent. Addresses, routes and sysctls of other interfaces are never touched.
//
// Forwarded packets take their whole ordinary way first: firewall, connection tracking, address translation. Behind all that, in the
// postrouting hook, a copy is sent into the device in the packet's place. So nothing that decides by the outgoing interface (masquerade
// above all, which drops a connection whose interface changes) ever sees another one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tun/capture/capture.h"

namespace netpas::tun {

// Two agents on one machine need different names and numbers; the mask may be the same.
struct LinuxCaptureOptions {
    std::string device = "netpas0";  // the TUN device; exists already
    std::string table = "netpas";    // nftables, family inet
    uint32_t markMask = 0xfff00000;  // the bits of the packet mark that are ours; the others stay as they are
    uint32_t mark = 0x4e500000;      // diverted
    uint32_t routeTable = 20560;
    uint32_t rulePriority = 5270;
    std::string lockDirectory = "/run/netpas";  // made when it is missing
};

// The mark of what must never be diverted: the agent's own datagrams and what it sends best effort.
inline constexpr uint32_t bypassMark = 0x4e600000;
// The same for a forwarded packet whose address was translated before it was diverted: connection tracking leaves it alone, for it knows the
// connection by its other name only, and would take this for a second one.
inline constexpr uint32_t translatedBypassMark = 0x4e800000;

struct CaptureFailure {
    CaptureError error = CaptureError::SystemRefused;
    std::string diagnosis;  // the system's words, for the log
};

// Diverts nothing until set() is called. Works in the network namespace of the calling thread. Forks the guard: call it early, before secrets are in memory
// and while few threads run. Removes the diversion, not the device, when it is destroyed.
[[nodiscard]] tl::expected<std::unique_ptr<Capture>, CaptureFailure> openLinuxCapture(
    const LinuxCaptureOptions& options);

}  // namespace netpas::tun
