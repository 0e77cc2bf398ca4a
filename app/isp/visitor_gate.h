// Keeps strangers on an access line from the internet until they pay (NetPaS §3.1.4): their packets are passed on only as the edge router delivers them, that is
// paid for; unpaid there is just the way to a home agent, narrow, and to the ISP's own servers. In the kernel's packet filter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/net_address.h"

namespace netpas::isp {

struct VisitorGate {
    std::vector<IpPrefix> visitors;  // addresses that are given to them
    std::vector<IpPrefix> open;      // they reach these without paying: the ISP's servers beyond this machine
    uint16_t homeAgentPort = 46724;  // TCP, anywhere
    uint32_t kibPerSecond = 64;      // to there, for each visitor
};

// `device`: where the edge router hands over what is paid for. Pure.
[[nodiscard]] std::string gateRules(const VisitorGate& gate, const std::string& device);
// In this network namespace, in place of an earlier one. It stays when the process ends: a router that is down lets nobody through for
// nothing. The failure is for people.
[[nodiscard]] tl::expected<void, std::string> shutGate(const VisitorGate& gate, const std::string& device);

}  // namespace netpas::isp
