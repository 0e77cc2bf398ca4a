// The nftables commands behind the forwarding rule, as text; pure, so that tests can read it. States have been validated.
#pragma once

#include <string>

#include "tun/forwarding/forwarding.h"
#include "tun/forwarding/linux_forwarding.h"

namespace netpas::tun {

// Makes the table with its rules, which never change: who pays stands in sets.
[[nodiscard]] std::string nftCreateForwardingTable(const LinuxForwardingOptions& options);
// From one state to the next, in one transaction. All counters stay, so that they can be read once nobody has a right by the state before any more.
[[nodiscard]] std::string nftChangeForwarding(const LinuxForwardingOptions& options, const ForwardingState& before,
                                              const ForwardingState& after);
// The counters that nobody has any more.
[[nodiscard]] std::string nftDropCounters(const LinuxForwardingOptions& options, const ForwardingState& before,
                                          const ForwardingState& after);
// The sets with counters: arrived, taken by link-layer address; sent4, sent6 by next hop.
[[nodiscard]] std::string nftListMeter(const LinuxForwardingOptions& options, const std::string& meter);

}  // namespace netpas::tun
