// The network of a mesh in the lab: a real babeld in every node, prices in its costs, routes as they must be by another computation, and counters of what
// passed that share nothing with the product's.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "app/lab/scenario/scenario.h"
#include "core/money.h"

namespace netpas::lab {

inline constexpr uint16_t meshTrafficPort = 4000;  // and those above

// Where a way got dear, another one is taken at once if Babel can be sure that it is no loop, else when its destination has counted anew or an old
// distance is forgotten, which takes babeld 200 s.
inline constexpr std::chrono::seconds babelsPatience{300};

using Hop = std::pair<std::string, std::string>;  // from and to

class MeshNet {
public:
    // What each node asks per kB for forwarding, in whole nanodollars.
    using Prices = std::map<std::string, int64_t>;
    MeshNet(Lab& lab, Prices prices) : m_lab(lab), m_prices(std::move(prices)) {}

    // Among the topology's hosts, with links that are made here, each end named after the other one, and with addresses of the mesh; their ways to their ISP stay.
    // The nodes' own agents set Babel's costs.
    Expected<void> start(const std::vector<Hop>& links);
    [[nodiscard]] const Prices& prices() const { return m_prices; }
    [[nodiscard]] Money asks(const std::string& node) const;
    [[nodiscard]] const std::set<std::string>& neighbours(const std::string& node) const { return m_links.at(node); }
    // IPv4.
    [[nodiscard]] IpAddress address(const std::string& node) const;
    // As babeld is given it with -G.
    [[nodiscard]] static std::string routerPort();

    // A babeld that is killed with SIGKILL, and a new one.
    void killRouter(const std::string& node);
    Expected<void> startRouter(const std::string& node);
    // What its agent is to be told, from now on the price by which ways are judged.
    void notePrice(const std::string& node, int64_t nanodollars) { m_prices.at(node) = nanodollars; }
    // The link between the two loses its carrier.
    Expected<void> setLink(const Hop& ends, bool up);
    // The neighbours that routes of this node go through, as the kernel's tables say.
    Expected<std::set<std::string>> nextHops(const std::string& node) const;

    // What the node's neighbours have last heard from its babeld, each by its own one, that sending to it costs: what its price demands, or nothing at all.
    enum class Announced : uint8_t { ItsPrice, Nothing, SomethingElse };
    [[nodiscard]] Announced announced(const std::string& node) const;

    // The cheapest way by these prices; empty: there is none. `without`: links that are down and nodes that are dead, as pairs and as (node, node).
    [[nodiscard]] std::vector<std::string> cheapest(const std::string& from, const std::string& to,
                                                    const std::set<Hop>& without = {}) const;
    // Next hops in the kernels' tables that are not those of the cheapest ways; families are told apart.
    Expected<std::vector<std::string>> wrongRoutes() const;
    // Destinations that a kernel's table does not have.
    Expected<std::vector<std::string>> missingRoutes() const;

    // By a table of the lab's own, behind the product's filter: bytes that `at` passed on after they came from `from`.
    Expected<void> countPassed();
    Expected<uint64_t> passed(const std::string& from, const std::string& at) const;
    // Of what arrives at the end of a connection: bytes to this port, its answers included.
    Expected<void> countArriving(const std::string& at, uint16_t port);
    Expected<uint64_t> arrived(const std::string& at, uint16_t port) const;
    // So many of 1,000 packets that arrive at any node are lost before anybody counts them, whatever they carry.
    Expected<void> lose(unsigned of1000);

private:
    Expected<uint64_t> counter(const std::string& at, const std::string& name) const;
    Expected<std::string> inNode(const std::string& node, std::vector<std::string> argv,
                                 const std::string& input = {}) const;
    [[nodiscard]] int64_t costOf(const std::vector<std::string>& way) const;
    Expected<void> makeHosts();
    Expected<void> makeLink(size_t number, const Hop& ends);
    // IPv4's or IPv6's routes of babeld, by destination, and where they go.
    Expected<std::map<std::string, std::string>> kernelTable(const std::string& node, const char* family) const;

    Lab& m_lab;
    Prices m_prices;
    std::map<std::string, std::vector<IpAddress>> m_addresses;  // of each node, IPv4 first
    std::map<std::string, std::set<std::string>> m_links;
};

}  // namespace netpas::lab
