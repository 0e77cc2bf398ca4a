// Which packets of neighbours pass, and how many of them came and went (agreements note): a packet passes if its next hop pays for downstream or its
// previous hop, known by interface and link-layer address, pays for upstream. Control thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/link_address.h"
#include "core/net_address.h"

namespace netpas::tun {

struct ForwardingNeighbour {
    std::string interface;
    LinkAddress link{};
    std::vector<IpAddress> nextHops;  // what routes through it name: link-local and other addresses of that interface
    bool paysUpstream = false;        // what it sends passes
    bool paysDownstream = false;      // what goes to it passes
    bool free = false;                // a little of both passes for nothing, where the options have a rate
    friend bool operator==(const ForwardingNeighbour&, const ForwardingNeighbour&) = default;
};

struct ForwardingState {
    std::set<std::string> mesh;  // interfaces with neighbours: what passes there is subject to the rule
    std::set<std::string>
        uplinks;  // to the internet. All other interfaces are the household's own, and theirs is not looked at
    std::vector<ForwardingNeighbour> neighbours;
};
inline constexpr size_t maxForwardingNeighbours = 1024;
inline constexpr size_t maxNextHops = 8;
inline constexpr size_t maxForwardingInterfaces = 64;

struct PacketCount {
    uint64_t packets = 0;
    uint64_t bytes = 0;  // of IP packets with their headers
    friend bool operator==(const PacketCount&, const PacketCount&) = default;
};
// Of one neighbour, since it was first in the state, also when it left and came back. Each only grows. Packets to link-local and multicast addresses do not count.
struct NeighbourMeter {
    PacketCount arrived;  // from it
    PacketCount taken;    // of these: passed on because it pays for upstream
    PacketCount sent;     // to it, by this machine and through it
};

enum class ForwardingError {
    BadName,     // of an interface
    BadAddress,  // a next hop that is none
    TwiceThere,  // one link-layer address or next hop of an interface belongs to two neighbours
    TooMany,
    AlreadyInUse,  // another agent has the table
    NotPermitted,
    SystemRefused,
};
[[nodiscard]] std::string_view describe(ForwardingError error);
[[nodiscard]] tl::expected<void, ForwardingError> validate(const ForwardingState& state);

class Forwarding {
public:
    virtual ~Forwarding() = default;
    // The whole state, in one step; packets see the one before or this one.
    [[nodiscard]] virtual tl::expected<void, ForwardingError> set(const ForwardingState& state) = 0;
    // In the order of the last state's neighbours.
    [[nodiscard]] virtual tl::expected<std::vector<NeighbourMeter>, ForwardingError> read() = 0;
    // Drawn when the counters began at zero.
    [[nodiscard]] virtual uint64_t run() const = 0;
    // The system's words on the last failure, for the log.
    [[nodiscard]] virtual std::string diagnosis() const = 0;
};

}  // namespace netpas::tun
