// An emulated internet as its topology file describes it (format: app/lab/README.md).
// Plain data; a Topology returned by parseTopology is complete and consistent.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/lab/error.h"
#include "app/lab/units.h"
#include "core/ids.h"
#include "core/money.h"
#include "core/net_address.h"

namespace netpas::lab {

// What an ISP asks for one packet of a class (NetPaS §5.1 step 5).
struct Price {
    Money perPacket = Money::zero();
    Money perKib = Money::zero();
    uint32_t surcharge1024ths = 0;
    bool operator==(const Price&) const = default;
};

struct PricePeriod {
    uint16_t fromMinuteUtc = 0;
    uint16_t toMinuteUtc = 0;
    Price price;
    bool operator==(const PricePeriod&) const = default;
};

// A class that carries only what was reserved (NetPaS §3.1.1).
struct GuaranteeSpec {
    Money setUp = Money::zero();
    Money perMinute = Money::zero();
    BitRate rate{1'000'000};    // of one reservation
    uint32_t reservations = 1;  // at once, at each router
    bool operator==(const GuaranteeSpec&) const = default;
};

struct ServiceClassSpec {
    std::string name;
    std::string description;
    uint8_t id = 0;           // 1..63; 0 is best effort
    uint8_t dscp = 0;         // 1..63
    uint8_t priority = 0;     // 0 (served first) .. 6; best effort is 7
    Fraction share{500'000};  // of a link's rate, guaranteed to the class
    Price price;
    std::vector<PricePeriod> periods;
    // What the menu promises.
    std::optional<std::chrono::microseconds> latency;
    std::optional<Fraction> loss;
    std::optional<BitRate> rate;
    std::optional<GuaranteeSpec> guarantee{};
    bool operator==(const ServiceClassSpec&) const = default;
};

// A token bucket on remaining nanopayments, in dollars a second and dollars.
struct SpendingLimit {
    Money rate = Money::zero();
    Money burst = Money::zero();
    bool operator==(const SpendingLimit&) const = default;
};

enum class SamplerKind : uint8_t { Stratified, Smart };
enum class Underpaid : uint8_t { Drop, BestEffort };

// What an ISP asks for passing a micropayment on, and the smallest one that it carries.
struct PaymentFee {
    Money fixed = Money::zero();
    uint32_t per1024ths = 0;
    Money smallest = Money::zero();
    bool operator==(const PaymentFee&) const = default;
};

struct IspSpec {
    std::string name;
    uint16_t id = 0;
    std::vector<std::string> routers;  // edge routers; the servers of the ISP run on the first
    bool overlayOnly = false;      // carries no packets: its one node runs an accounting server and does not forward
    bool measured = false;         // runs a reflector (STAMP) and a server of capacity tests (ndt7) on its first router
    std::optional<IpPrefix> ipv4;  // otherwise assigned from the documentation ranges
    std::optional<IpPrefix> ipv6;
    Underpaid underpaid = Underpaid::Drop;
    Money samplingThreshold = Money::zero();
    SamplerKind sampler = SamplerKind::Stratified;
    uint64_t samplingSeed = 0;
    SpendingLimit customerLimit;
    SpendingLimit neighbourLimit;
    PaymentFee payments;
    std::vector<uint16_t> blacklist;
    std::vector<ServiceClassSpec> classes;
    bool operator==(const IspSpec&) const = default;
};

struct HostSpec {
    std::string name;
    bool agent = false;  // runs netpasd and has joined its ISP
    // A modem's host: in its home network, with no link of its own. The modem passes its packets on.
    std::string behind;
    // What its ISP lets it do with micropayments.
    bool maySend = true;
    bool mayReceive = false;
    // A line for strangers, whom its ISP lets through only for money that others send them (NetPaS §3.1.4).
    bool visitor = false;
    bool sells = false;  // better service for packets that come from there, or from hosts behind it (NetPaS §3.1.3)
    bool translates = false;  // a modem: IPv4 of the hosts behind it leaves under its own address (masquerade)
    bool operator==(const HostSpec&) const = default;
};

// How one link treats a class differently from the class's own defaults.
struct LinkClassSpec {
    std::string name;
    Fraction share{500'000};
    uint8_t priority = 0;
    bool operator==(const LinkClassSpec&) const = default;
};

// What happens to packets that leave one end of a link.
struct LinkDirection {
    std::optional<BitRate> rate;
    std::chrono::microseconds delay{0};
    Fraction loss;
    bool operator==(const LinkDirection&) const = default;
};

struct LinkSpec {
    std::string name;
    std::array<std::string, 2> between;
    std::array<LinkDirection, 2> direction;  // [0]: from between[0] to between[1]
    QueueLimit queue{100, QueueLimit::Unit::Packets};
    uint16_t mtu = 1500;
    std::array<uint16_t, 2> exits{};  // exit point numbers at either end of a link between ISPs, else 0
    std::vector<LinkClassSpec> classes;

    // Links that delay or lose are carried by the userspace wire, the others by a veth pair.
    bool needsWire() const {
        return direction[0].delay.count() != 0 || direction[1].delay.count() != 0 ||
               direction[0].loss.millionths != 0 || direction[1].loss.millionths != 0;
    }
    bool operator==(const LinkSpec&) const = default;
};

// A path that the directories offer besides the shortest one.
struct PathSpec {
    std::string from;               // host
    std::string to;                 // host
    std::vector<std::string> isps;  // in the order in which a packet crosses them
    bool operator==(const PathSpec&) const = default;
};

// Neighbours joined by their accounting servers only (NetPaS §3.2): payments pass, packets do not.
struct OverlaySpec {
    std::array<std::string, 2> between;  // ISPs
    bool operator==(const OverlaySpec&) const = default;
};

struct Topology {
    std::string name;
    std::string description;
    uint64_t seed = 1;  // of the wires' losses
    bool ipv4 = true;   // families that the network speaks
    bool ipv6 = true;
    bool bgp =
        false;  // the ISPs' routers speak BGP (BIRD 2), which decides the routes between them and feeds the directories
    bool offload = true;  // false: no segmentation offload on any link, so queues hold packets of link size
    std::vector<IspSpec> isps;
    std::vector<HostSpec> hosts;
    std::vector<LinkSpec> links;
    std::vector<PathSpec> paths;
    std::vector<OverlaySpec> overlay;

    const IspSpec* isp(std::string_view ispName) const;
    const IspSpec* ispOfRouter(std::string_view router) const;
    const HostSpec* host(std::string_view hostName) const;
    const LinkSpec* link(std::string_view linkName) const;
    // Packets pass from one ISP to the other over this link.
    bool joinsIsps(const LinkSpec& spec) const;
    // The only link of a host.
    const LinkSpec* accessLink(std::string_view hostName) const;
    // The router that a host is attached to and the ISP that owns it.
    std::string attachment(std::string_view hostName) const;
    const IspSpec* ispOfHost(std::string_view hostName) const;
    std::vector<const HostSpec*> hostsBehind(std::string_view modem) const;
    std::vector<std::string> nodes() const;  // routers, then hosts
    bool operator==(const Topology&) const = default;
};

// `file` stands in messages: "figure3.toml:12: unknown key 'rat' in [[link]]; did you mean 'rate'?"
Expected<Topology> parseTopology(std::string_view text, const std::string& file);
// A path to a file, or the name of one in the folder of topologies that came with the lab.
Expected<Topology> loadTopology(const std::string& nameOrPath);
// The folders searched for named topologies, first match wins.
std::vector<std::string> topologyFolders();
// The file that parses to this topology again.
std::string formatTopology(const Topology& topology);

}  // namespace netpas::lab
