// Which packets belong together.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/net_address.h"

namespace netpas {

// IP protocol numbers that this system treats specially.
namespace ipproto {
inline constexpr uint8_t icmp = 1;
inline constexpr uint8_t tcp = 6;
inline constexpr uint8_t udp = 17;
inline constexpr uint8_t icmp6 = 58;
}  // namespace ipproto

// One packet's flow. Ports are 0 where the protocol has none and in fragments that are not the first.
struct FlowKey {
    IpAddress src;
    IpAddress dst;
    uint8_t protocol = 0;
    uint16_t srcPort = 0;
    uint16_t dstPort = 0;

    friend constexpr auto operator<=>(const FlowKey&, const FlowKey&) = default;
};

// The flows of one purchase, seen from this host: `local` sends, `remote` receives. What is unset matches everything;
// with both addresses unset the match covers both families. Protocol "icmp" means ICMP or ICMPv6 by family.
struct FlowMatch {
    std::optional<IpPrefix> local;
    std::optional<IpPrefix> remote;
    uint8_t protocol = 0;    // 0 = any
    uint16_t localPort = 0;  // 0 = any; only with TCP and UDP
    uint16_t remotePort = 0;

    [[nodiscard]] bool matches(const FlowKey& outgoing) const;
    // "tcp 203.0.113.5:8080 -> 192.0.2.10:*"; the inverse of parse().
    [[nodiscard]] std::string toString() const;
    [[nodiscard]] static std::optional<FlowMatch> parse(std::string_view text);

    friend bool operator==(const FlowMatch&, const FlowMatch&) = default;
};

}  // namespace netpas
