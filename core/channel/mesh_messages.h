// What agent and secretary say of neighbours on the machine's links (core/agreement/AGREEMENTS.md). Part of messages.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/link_address.h"
#include "core/money.h"
#include "core/net_address.h"

namespace netpas::channel {

inline constexpr size_t maxMeshLinks = 64;
inline constexpr size_t maxMeshNeighbours = 1024;
inline constexpr size_t maxNextHops = 8;
inline constexpr size_t maxInterface = 15;  // bytes of its name
inline constexpr size_t maxMeshBytes = 1232;

struct MeshLink {
    std::string interface;
    LinkAddress link{};
    IpAddress address;  // link-local
    std::optional<IpAddress> address4;
    friend bool operator==(const MeshLink&, const MeshLink&) = default;
};
// Agent: the interfaces where it looks for neighbours; after Welcome and whenever something changed.
struct MeshLinks {
    bool on = false;  // it was told to look for neighbours at all
    std::vector<MeshLink> links;
    std::string trouble;  // why packets are not forwarded as they should be, for people
    friend bool operator==(const MeshLinks&, const MeshLinks&) = default;
};
// Agent: a datagram of a neighbour. What it is about was counted before: MeshCounts came first.
struct MeshHeard {
    std::string interface;
    LinkAddress link{};  // of the frame
    IpAddress from;
    Bytes bytes;
};
// Of one neighbour. Each only grows in a run.
struct MeshCount {
    std::string interface;
    LinkAddress link{};
    uint64_t arrivedPackets = 0, arrivedBytes = 0;  // from it
    uint64_t takenPackets = 0, takenBytes = 0;      // of these: passed on because it pays
    uint64_t sentPackets = 0, sentBytes = 0;        // to it
};
// Agent: those that changed.
struct MeshCounts {
    uint64_t run = 0;  // drawn when the counters began at zero
    std::vector<MeshCount> counts;
};
// Secretary: to a neighbour, or to all on the link.
struct MeshSay {
    std::string interface;
    std::optional<IpAddress> to;
    Bytes bytes;
};
struct MeshNeighbour {
    std::string interface;
    LinkAddress link{};
    std::vector<IpAddress> nextHops;  // what routes through it name
    bool paysUpstream = false;
    bool paysDownstream = false;
    uint32_t seconds =
        0;  // so long, if the secretary says nothing more: an agreement has an end also when nobody is there to say so
};
// Secretary: all neighbours, not a change. Stays when the session ends.
struct SetMesh {
    std::vector<MeshNeighbour> neighbours;
    std::optional<Money> perKb{};  // asked now for passing on what a neighbour sends; nothing: that is not sold
};
// A next hop of routes.
struct MeshHop {
    std::string interface;
    IpAddress via;
    friend auto operator<=>(const MeshHop&, const MeshHop&) = default;
};
// Agent: all next hops on its links that routes go through; after Welcome and whenever they changed.
struct MeshHops {
    std::vector<MeshHop> inUse;
};

// Where a neighbour is.
struct MeshPlace {
    std::string interface;
    LinkAddress link{};
    friend bool operator==(const MeshPlace&, const MeshPlace&) = default;
};
inline constexpr size_t maxSeenFlows = 64;
inline constexpr size_t maxSeenPackets = 32;
struct SeenPacket {
    uint64_t hash = 0;
    uint64_t nanoseconds = 0;  // since 1970
    friend bool operator==(const SeenPacket&, const SeenPacket&) = default;
};
// The counters of a flow since it began (tun/observe), and when they were asked for and answered: nanoseconds of the agent's steady clock.
inline constexpr size_t maxSeenCounts = 40;
struct SeenCount {
    uint64_t before = 0, after = 0;
    uint64_t packets = 0, bytes = 0;
    friend bool operator==(const SeenCount&, const SeenCount&) = default;
};
// Packets of one source to one destination.
struct SeenFlow {
    IpAddress source, destination;
    uint64_t came = 0;                  // the statement about it, by the same clock
    std::vector<SeenCount> counts;      // the last ones, ascending
    std::optional<MeshPlace> from, to;  // neighbours; nothing: it begins or ends here, as far as the mesh goes
    std::vector<SeenPacket> times;      // of some, ascending by hash
    friend bool operator==(const SeenFlow&, const SeenFlow&) = default;
};
// As the agent knows its link to a neighbour.
struct SeenLink {
    MeshPlace place;
    uint32_t arrives = 0;  // billionths
    uint64_t bitsPerSecond = 0, nanoseconds = 0;
    friend bool operator==(const SeenLink&, const SeenLink&) = default;
};
// Agent: now and then the flows that leave the mesh here, with packets chosen after they came; and the flow that a neighbour's statement is about, before
// the statement (MeshHeard), with the packets that it names.
struct FlowsSeen {
    bool ending = false;
    std::vector<SeenFlow> flows;
    std::vector<SeenLink> links;
    friend bool operator==(const FlowsSeen&, const FlowsSeen&) = default;
};

// Secretary: what is the way to the internet through this neighbour worth? So many bytes in each direction at most. A new question ends the one before.
struct TestNeighbour {
    uint64_t number = 0;
    MeshPlace place;
    IpAddress via;  // its link-local address
    std::optional<IpAddress> via4;
    uint64_t bytes = 0;
    bool up = false, down = false;
    friend bool operator==(const TestNeighbour&, const TestNeighbour&) = default;
};
struct WayTested {
    uint64_t bytes = 0;  // that arrived
    uint64_t bitsPerSecond = 0;
    friend bool operator==(const WayTested&, const WayTested&) = default;
};
// Agent: once for each question.
struct NeighbourTested {
    uint64_t number = 0;
    std::optional<WayTested> up, down;  // nothing: not asked for, or not known
    std::string trouble;                // for people; empty: all that was asked for is known
    friend bool operator==(const NeighbourTested&, const NeighbourTested&) = default;
};

}  // namespace netpas::channel
