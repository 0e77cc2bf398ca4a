// Addresses, interfaces and routes of a topology: a pure function of it, so that every command of the lab
// computes the same plan from the topology kept in the state folder.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/lab/topology.h"

namespace netpas::lab {

struct AddressWithLength {
    IpAddress address;
    uint8_t length = 0;
    std::string toString() const { return address.toString() + "/" + std::to_string(length); }
};

// One end of a link.
struct InterfacePlan {
    std::string node;
    std::string name;  // inside the node's namespace
    std::string mac;
    std::vector<AddressWithLength> addresses;  // IPv4 first, as far as the topology speaks it
    size_t link = 0;                           // index into Topology::links
    size_t side = 0;                           // index into LinkSpec::between
};

struct RoutePlan {
    std::string node;
    std::string destination;  // prefix
    IpAddress via;
    std::string interface;
    // Routers speak from their own address: those of links are known to neighbours only.
    std::optional<IpAddress> source;
};

// A home network: the modem and the hosts behind it on one bridge.
struct HomePlan {
    struct Member {
        std::string node;
        std::string mac;
        std::vector<AddressWithLength> addresses;
    };
    std::string modem;
    bool translates = false;
    bool open = false;                       // an access router, not a household's modem: whoever may knock inside
    std::string uplink;                      // the modem's interface to its ISP
    std::vector<AddressWithLength> gateway;  // the modem's addresses there
    std::vector<Member> members;
};

struct PrefixOwner {
    IpPrefix prefix;
    std::string node;
};

// A way from one ISP to another, by names.
using IspPath = std::vector<std::string>;

struct NetworkPlan {
    std::vector<std::array<InterfacePlan, 2>> links;  // as Topology::links
    std::map<std::string, std::vector<IpAddress>>
        loopbacks;  // of routers: its own, on the first also the ISP's servers'
    std::map<std::string, std::vector<IpAddress>> ispAddress;       // by ISP name: accounting and directory
    std::map<std::string, std::vector<IpAddress>> routerAddress;    // by router: where its edge listens for customers
    std::map<std::string, std::vector<IpAddress>> internalAddress;  // by router: towards the other routers of its ISP
    std::map<std::string, std::vector<IpAddress>> hostAddress;
    std::map<std::string, std::vector<IpPrefix>> hostPrefix;  // the access network of a host
    std::map<std::string, std::vector<IpPrefix>> ispPrefix;
    std::vector<HomePlan> homes;
    std::vector<RoutePlan> routes;
    std::map<std::string, std::map<std::string, std::string>> nextNode;  // [from][to]

    // The address of a host in one family, nothing when the topology does not speak it.
    std::optional<IpAddress> address(const std::string& host, bool ipv6) const;
    // The ISPs that best-effort packets cross between two routers; empty: nobody between them forwards.
    IspPath ispPath(const Topology& topology, const std::string& fromRouter, const std::string& toRouter) const;
};

Expected<NetworkPlan> makePlan(const Topology& topology);

}  // namespace netpas::lab
