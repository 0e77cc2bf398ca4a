// The nftables commands behind the Linux capture, as text; pure, so that tests can read it.
#pragma once

#include <span>
#include <string>

#include "tun/capture/capture.h"
#include "tun/capture/linux_capture.h"

namespace netpas::tun {

// An address beyond the device that no packet has: forwarded IPv6 packets need a route into the device that needs no mark. Of the
// discard-only prefix (RFC 6666). IPv4 takes any address to be on the link when the interface is given.
inline constexpr const char* deviceGateway4 = "192.0.0.1";
inline constexpr const char* deviceGateway6 = "100::6e65:7470";

// Makes the table, owned by the netlink socket that sends this; fails when the table exists.
[[nodiscard]] std::string nftCreateTable(const LinuxCaptureOptions& options);
// Makes what forwarded flows need besides: two tables for the families, owned in the same way, and further chains in the first one.
// Repeating it changes nothing.
[[nodiscard]] std::string nftCreateForwarding(const LinuxCaptureOptions& options);
// Replaces all rules in one transaction. The flows have been validated. `forwarding`: what forwarded flows need has been made.
[[nodiscard]] std::string nftReplaceRules(const LinuxCaptureOptions& options, std::span<const CapturedFlow> flows,
                                          bool forwarding = false);
// What goes into a name in these commands: letters, digits, '_' and '-', at most 31, a letter first.
[[nodiscard]] bool isNftName(const std::string& name);

}  // namespace netpas::tun
