#include "app/lab/plan.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <set>

namespace netpas::lab {
namespace {

// The address `offset` places after the first of a prefix; for IPv6 in subnet number `subnet` (a /64 each).
IpAddress addressIn(const IpPrefix& prefix, uint32_t subnet, uint32_t offset) {
    std::vector<uint8_t> bytes(prefix.address().bytes().begin(), prefix.address().bytes().end());
    const auto add = [&bytes](size_t last, uint32_t value) {
        uint32_t carry = value;
        for (size_t at = last + 1; at-- > 0 && carry != 0;) {
            carry += bytes[at];
            bytes[at] = static_cast<uint8_t>(carry & 0xff);
            carry >>= 8;
        }
    };
    if (prefix.address().isV6()) add(7, subnet);
    add(bytes.size() - 1, offset);
    return *IpAddress::fromBytes(bytes);
}

IpPrefix prefixOf(const IpAddress& address, uint8_t length) { return *IpPrefix::make(address, length); }

constexpr uint32_t homeNetworkSize = 16;  // IPv4: a /28
constexpr uint32_t homeSubnets = 0x100;   // IPv6: the first /64 behind a modem
constexpr size_t homeLinks = 0x4000;      // link numbers of home networks, for MAC addresses
constexpr uint32_t hostNetworkSize = 4;   // IPv4: a /30 for each host

class Planner {
public:
    explicit Planner(const Topology& topology) : m_topology(topology) {}

    Expected<NetworkPlan> run() {
        for (size_t i = 0; i < m_topology.isps.size(); ++i) LAB_TRY(planIsp(i));
        planInterfaces();
        findNextNodes();
        planRoutes();
        planHomes();
        return std::move(m_plan);
    }

private:
    // Documentation ranges (RFC 5737) for up to 24 ISPs, the benchmarking range (RFC 2544) for more.
    IpPrefix ipv4Block(size_t index) const {
        if (m_topology.isps[index].ipv4) return *m_topology.isps[index].ipv4;
        const size_t count = m_topology.isps.size();
        static constexpr const char* ranges[] = {"203.0.113.0", "198.51.100.0", "192.0.2.0"};
        for (const auto& [parts, length] : {std::pair<size_t, uint8_t>{1, 24}, {2, 25}, {4, 26}, {8, 27}}) {
            if (count > 3 * parts) continue;
            const IpPrefix range = prefixOf(*IpAddress::parse(ranges[index / parts]), 24);
            return prefixOf(addressIn(range, 0, static_cast<uint32_t>(index % parts) << (32 - length)), length);
        }
        const IpPrefix range = prefixOf(*IpAddress::parse("198.19.0.0"), 16);
        return prefixOf(addressIn(range, 0, static_cast<uint32_t>(index) << 8), 24);
    }

    // RFC 3849; the ISP's number is the third group.
    IpPrefix ipv6Block(size_t index) const {
        const IspSpec& isp = m_topology.isps[index];
        if (isp.ipv6) return *isp.ipv6;
        std::array<uint8_t, 16> bytes{
            0x20, 0x01, 0x0d, 0xb8, static_cast<uint8_t>(isp.id >> 8), static_cast<uint8_t>(isp.id & 0xff)};
        return prefixOf(*IpAddress::fromBytes(bytes), 48);
    }

    Expected<void> planIsp(size_t index) {
        const IspSpec& isp = m_topology.isps[index];
        std::vector<std::string> hosts;
        for (const HostSpec& host : m_topology.hosts) {
            if (host.behind.empty() && m_topology.ispOfHost(host.name) == &isp) hosts.push_back(host.name);
        }
        if (m_topology.ipv4) LAB_TRY(planFamily(isp, ipv4Block(index), hosts));
        if (m_topology.ipv6) LAB_TRY(planFamily(isp, ipv6Block(index), hosts));
        return {};
    }

    // A block: the servers first, then the routers, then a network for each host.
    Expected<void> planFamily(const IspSpec& isp, const IpPrefix& block, const std::vector<std::string>& hosts) {
        const bool v4 = block.address().isV4();
        m_plan.ispPrefix[isp.name].push_back(block);
        const IpAddress servers = addressIn(block, 0, 1);
        m_plan.ispAddress[isp.name].push_back(servers);
        m_plan.loopbacks[isp.routers[0]].push_back(servers);
        uint32_t offset = 2;
        for (const std::string& router : isp.routers) {
            const IpAddress own = addressIn(block, 0, offset++);
            m_plan.routerAddress[router].push_back(own);
            m_plan.loopbacks[router].push_back(own);
        }
        for (const std::string& router : isp.routers) {
            if (isp.routers.size() == 1) break;
            const IpAddress towardsOwn = addressIn(block, 0, offset++);
            m_plan.internalAddress[router].push_back(towardsOwn);
            m_plan.loopbacks[router].push_back(towardsOwn);
        }
        const uint32_t first = (offset + hostNetworkSize - 1) / hostNetworkSize;
        const uint64_t needed = v4 ? uint64_t{first + hosts.size()} * hostNetworkSize : hosts.size() + 1;
        const uint64_t available = v4 ? uint64_t{1} << (32 - block.length()) : uint64_t{1} << (64 - block.length());
        if (needed > available) {
            return fail(LabErrc::Topology, "the prefix " + block.toString() + " of ISP '" + isp.name +
                                               "' is too small for its " + std::to_string(hosts.size()) +
                                               " hosts; give it a shorter one");
        }
        for (uint32_t i = 0; i < hosts.size(); ++i) {
            const uint8_t length = v4 ? 30 : 64;
            const uint32_t base = v4 ? (first + i) * hostNetworkSize : 0;
            const uint32_t subnet = v4 ? 0 : i + 1;
            m_plan.hostPrefix[hosts[i]].push_back(prefixOf(addressIn(block, subnet, base), length));
            m_access[hosts[i]].push_back({addressIn(block, subnet, base + 1), length});
            m_plan.hostAddress[hosts[i]].push_back(addressIn(block, subnet, base + 2));
        }
        return delegateToHomes(block, hosts, needed);
    }

    // A modem's ISP gives it a network for the hosts behind it, unless it hides them: a /28 from the end of the block, or a /64.
    Expected<void> delegateToHomes(const IpPrefix& block, const std::vector<std::string>& hosts, uint64_t taken) {
        const bool v4 = block.address().isV4();
        uint32_t count = 0;
        for (const std::string& host : hosts) {
            if (m_topology.hostsBehind(host).empty() || (v4 && m_topology.host(host)->translates)) continue;
            ++count;
            const uint64_t size = v4 ? uint64_t{1} << (32 - block.length()) : 0;
            if (v4 && taken + uint64_t{count} * homeNetworkSize > size) {
                return fail(LabErrc::Topology, "the prefix " + block.toString() +
                                                   " is too small for the network behind '" + host +
                                                   "'; give its ISP a shorter one, or the host translates = true");
            }
            const auto offset = static_cast<uint32_t>(v4 ? size - uint64_t{count} * homeNetworkSize : 0);
            const IpPrefix home = prefixOf(addressIn(block, v4 ? 0 : homeSubnets + count, offset), v4 ? 28 : 64);
            m_plan.hostPrefix[host].push_back(home);
            m_homePrefix[host].push_back(home);
        }
        return {};
    }

    static std::string mac(size_t link, size_t side) {
        std::array<char, 24> text{};
        std::snprintf(text.data(), text.size(), "02:6e:70:%02zx:%02zx:%02zx", (link >> 8) & 0xff, link & 0xff,
                      side + 1);
        return text.data();
    }

    void planInterfaces() {
        std::map<std::string, std::set<std::string>> taken;
        for (size_t i = 0; i < m_topology.links.size(); ++i) {
            const LinkSpec& link = m_topology.links[i];
            std::array<InterfacePlan, 2> ends;
            for (size_t side = 0; side < 2; ++side) {
                InterfacePlan& end = ends[side];
                end.node = link.between[side];
                const std::string& peer = link.between[1 - side];
                end.name = peer;
                for (int copy = 2; !taken[end.node].insert(end.name).second; ++copy)
                    end.name = peer + "-" + std::to_string(copy);
                end.mac = mac(i, side);
                end.addresses = linkAddresses(i, side);
                end.link = i;
                end.side = side;
            }
            m_plan.links.push_back(ends);
        }
    }

    std::vector<AddressWithLength> linkAddresses(size_t index, size_t side) const {
        const LinkSpec& link = m_topology.links[index];
        std::vector<AddressWithLength> result;
        for (size_t end = 0; end < 2; ++end) {
            if (m_topology.host(link.between[end]) == nullptr) continue;
            const std::string& host = link.between[end];
            if (end != side) return m_access.at(host);
            for (size_t family = 0; family < m_plan.hostAddress.at(host).size(); ++family) {
                result.push_back({m_plan.hostAddress.at(host)[family], m_access.at(host)[family].length});
            }
            return result;
        }
        const auto number = static_cast<uint32_t>(index);
        const auto place = static_cast<uint32_t>(side + 1);
        if (m_topology.ipv4) {
            result.push_back({addressIn(prefixOf(*IpAddress::parse("198.18.0.0"), 15), 0, number * 4 + place), 30});
        }
        if (m_topology.ipv6) {
            // ISP number 0 does not exist: its block holds the links between routers.
            result.push_back({addressIn(prefixOf(*IpAddress::parse("2001:db8::"), 48), number + 1, place), 64});
        }
        return result;
    }

    // Shortest paths that cross as few ISPs as possible; hosts do not forward; earlier links win ties.
    void findNextNodes() {
        const std::vector<std::string> nodes = m_topology.nodes();
        for (const std::string& target : nodes) {
            std::map<std::string, uint64_t> cost{{target, 0}};
            std::set<std::pair<uint64_t, std::string>> open{{0, target}};
            while (!open.empty()) {
                const auto [reached, node] = *open.begin();
                open.erase(open.begin());
                const IspSpec* here = m_topology.ispOfRouter(node);
                if ((here == nullptr || here->overlayOnly) && node != target) continue;
                for (const LinkSpec& link : m_topology.links) {
                    for (size_t side = 0; side < 2; ++side) {
                        if (link.between[side] != node) continue;
                        const std::string& next = link.between[1 - side];
                        const IspSpec* there = m_topology.ispOfRouter(next);
                        const bool crossing = here != nullptr && there != nullptr && here != there;
                        const uint64_t total = reached + 1 + (crossing ? 1000 : 0);
                        const auto known = cost.find(next);
                        if (known != cost.end() && known->second <= total) continue;
                        if (known != cost.end()) open.erase({known->second, next});
                        cost[next] = total;
                        open.insert({total, next});
                        m_plan.nextNode[next][target] = node;
                    }
                }
            }
        }
    }

    const InterfacePlan& interfaceTowards(const std::string& from, const std::string& to) const {
        for (const auto& ends : m_plan.links) {
            for (size_t side = 0; side < 2; ++side) {
                if (ends[side].node == from && ends[1 - side].node == to) return ends[side];
            }
        }
        return m_plan.links.front()[0];  // neighbours always share a link
    }

    std::optional<IpAddress> ownAddress(const std::string& router, bool v4) const {
        const auto own = m_plan.routerAddress.find(router);
        if (own == m_plan.routerAddress.end()) return std::nullopt;
        for (const IpAddress& address : own->second) {
            if (address.isV4() == v4) return address;
        }
        return std::nullopt;
    }

    void addRoute(const std::string& node, const std::string& owner, const std::string& destination, bool v4) {
        const auto& known = m_plan.nextNode.at(node);
        const auto way = known.find(owner);
        if (way == known.end()) return;  // nobody between them forwards
        const std::string& next = way->second;
        const InterfacePlan& out = interfaceTowards(node, next);
        for (const AddressWithLength& gateway : m_plan.links[out.link][1 - out.side].addresses) {
            if (gateway.address.isV4() != v4) continue;
            m_plan.routes.push_back({node, destination, gateway.address, out.name, ownAddress(node, v4)});
        }
    }

    void planRoutes() {
        for (const HostSpec& host : m_topology.hosts) {
            const std::string router = m_topology.attachment(host.name);
            if (router.empty()) continue;
            if (m_topology.ipv4) addRoute(host.name, router, "0.0.0.0/0", true);
            if (m_topology.ipv6) addRoute(host.name, router, "::/0", false);
        }
        for (const IspSpec& isp : m_topology.isps) {
            for (const std::string& router : isp.routers) planRouterRoutes(router);
        }
    }

    void planHomes() {
        uint32_t number = 0;
        for (const HostSpec& modem : m_topology.hosts) {
            const auto behind = m_topology.hostsBehind(modem.name);
            if (behind.empty()) continue;
            HomePlan home{modem.name, modem.translates, modem.sells, m_topology.attachment(modem.name), {}, {}};
            for (const HostSpec* host : behind) {
                const size_t place = home.members.size();
                home.members.push_back({host->name, mac(homeLinks + number, place), {}});
            }
            std::vector<IpPrefix> networks;
            if (m_topology.ipv4 && modem.translates) {
                networks.push_back(prefixOf(addressIn(prefixOf(*IpAddress::parse("10.0.0.0"), 8), 0, number << 8), 24));
            }
            for (const IpPrefix& prefix : m_homePrefix[modem.name]) networks.push_back(prefix);
            for (const IpPrefix& network : networks) addHomeNetwork(home, network);
            m_plan.homes.push_back(std::move(home));
            ++number;
        }
    }

    void addHomeNetwork(HomePlan& home, const IpPrefix& network) {
        const bool v4 = network.address().isV4();
        home.gateway.push_back({addressIn(network, 0, 1), network.length()});
        for (uint32_t i = 0; i < home.members.size(); ++i) {
            const IpAddress address = addressIn(network, 0, i + 2);
            home.members[i].addresses.push_back({address, network.length()});
            m_plan.hostAddress[home.members[i].node].push_back(address);
        }
        if (home.translates && v4) return;
        // The modem's router, whose neighbour it is, must know; the others know the prefix as they know the modem's own.
        const InterfacePlan& in = interfaceTowards(home.uplink, home.modem);
        const auto way = m_plan.address(home.modem, !v4);
        if (way) m_plan.routes.push_back({home.uplink, network.toString(), *way, in.name, std::nullopt});
    }

    void planRouterRoutes(const std::string& router) {
        const IspSpec* const here = m_topology.ispOfRouter(router);
        for (const auto& [owner, addresses] : m_plan.loopbacks) {
            if (owner == router || (m_topology.bgp && m_topology.ispOfRouter(owner) != here)) continue;
            for (const IpAddress& address : addresses) {
                addRoute(router, owner, prefixOf(address, address.isV4() ? 32 : 128).toString(), address.isV4());
            }
        }
        for (const auto& [host, prefixes] : m_plan.hostPrefix) {
            if (m_topology.attachment(host) == router || (m_topology.bgp && m_topology.ispOfHost(host) != here))
                continue;
            for (const IpPrefix& prefix : prefixes) addRoute(router, host, prefix.toString(), prefix.address().isV4());
        }
    }

    const Topology& m_topology;
    NetworkPlan m_plan;
    std::map<std::string, std::vector<IpPrefix>> m_homePrefix;       // of modems, for the hosts behind them
    std::map<std::string, std::vector<AddressWithLength>> m_access;  // router's end of a host's link
};

}  // namespace

std::optional<IpAddress> NetworkPlan::address(const std::string& host, bool ipv6) const {
    const auto at = hostAddress.find(host);
    if (at == hostAddress.end()) return std::nullopt;
    for (const IpAddress& candidate : at->second) {
        if (candidate.isV6() == ipv6) return candidate;
    }
    return std::nullopt;
}

IspPath NetworkPlan::ispPath(const Topology& topology, const std::string& fromRouter,
                             const std::string& toRouter) const {
    IspPath path;
    const auto ways = nextNode.find(fromRouter);
    if (fromRouter != toRouter && (ways == nextNode.end() || !ways->second.contains(toRouter))) return path;
    for (std::string node = fromRouter;; node = nextNode.at(node).at(toRouter)) {
        const IspSpec* isp = topology.ispOfRouter(node);
        if (isp != nullptr && (path.empty() || path.back() != isp->name)) path.push_back(isp->name);
        if (node == toRouter) return path;
    }
}

Expected<NetworkPlan> makePlan(const Topology& topology) { return Planner(topology).run(); }

}  // namespace netpas::lab
