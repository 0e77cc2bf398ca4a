// What an edge router is told about itself and its surroundings. Plain data; the application reads it from a file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/guarantee.h"
#include "core/ids.h"
#include "core/money.h"
#include "core/net_address.h"
#include "core/price_model.h"
#include "tun/edge/edge_sampling.h"

namespace netpas::tun {

// A token bucket of money (NetPaS §5.1 step 3). Unset means no limit.
struct BucketLimit {
    Money perSecond;  // ≥ 0
    Money burst;      // > 0
    friend bool operator==(const BucketLimit&, const BucketLimit&) = default;
};

struct EdgeClass {
    ServiceClass id;
    std::string name;
    uint8_t dscp = 0;  // 0..63
    PriceSchedule price;
    std::vector<PriceSchedule> former{};  // that were promised and are still taken
    std::optional<Guarantee> guarantee{};
    uint32_t reservations = 0;  // with a guarantee: so many at once
};

struct EdgeCustomer {
    std::string name;
    std::vector<IpPrefix> prefixes;  // where its datagrams come from
    std::optional<BucketLimit> limit;
};

struct EdgeLink {
    ExitPoint exit;         // as both ISPs call it, 1..1023
    std::string interface;  // the sockets are bound to it
    IpAddress local;
    IpAddress remote;
};

struct EdgeNeighbour {
    IspId isp;
    std::string name;
    std::optional<BucketLimit> limit;  // of the payments that arrive from it
    std::vector<EdgeLink> links;       // the first is the most convenient exit
};

struct EdgeInternal {
    struct Exit {
        IspId isp;
        ExitPoint exit;
    };
    std::string router;
    IpAddress local;
    IpAddress remote;
    std::vector<Exit> exits;         // links that this other edge router of the ISP has
    std::vector<IpPrefix> prefixes;  // destinations that it delivers to
};

struct EdgeDelivery {
    IpPrefix prefix;
    std::optional<Endpoint> participate;  // gets the packet with its header
    // Not 0: who gets it confirms it (NetPaS §5.4). This router samples none of it and counts it under this number.
    ExitPoint counter{0};
    bool active = true;  // one that was added may be taken back; its index stays
};

// At a customer's border router: an edge router of its ISP, which delivers packets with their headers.
struct EdgeProvider {
    IpAddress local;
    IpAddress remote;
};

enum class UnderpaidAction : uint8_t { Drop, BestEffort };
struct EdgeConfig {
    IspId isp;
    std::string router;
    std::vector<IpAddress> listen;  // customers send here, UDP 46721
    UnderpaidAction underpaid = UnderpaidAction::Drop;
    std::vector<IspId> blacklist;
    EdgeSampling sampling;
    std::vector<EdgeClass> classes;
    std::vector<EdgeCustomer> customers;
    std::vector<EdgeNeighbour> neighbours;
    std::vector<EdgeInternal> internals;
    std::vector<EdgeDelivery> deliveries;
    // If there are any, this is a customer's border router, `isp` is its ISP, and what arrives from these is sampled here.
    std::vector<EdgeProvider> providers;
};

}  // namespace netpas::tun
