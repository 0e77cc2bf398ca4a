// What babeld says on its local interface, line by line, and the routes of the mesh that follow from it (ROUTES.md). Pure, bounded; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/money.h"
#include "core/net_address.h"

namespace netpas::routes {

// Costs and metrics of Babel have 16 bits; the greatest says that there is no way.
using BabelCost = uint16_t;
inline constexpr BabelCost babelUnreachable = 0xffff;

struct BabelInterface {
    bool up = false;
    friend bool operator==(const BabelInterface&, const BabelInterface&) = default;
};
struct BabelNeighbour {
    std::string interface;
    IpAddress address;                  // link-local, as its advert has it
    BabelCost asks = babelUnreachable;  // what it says that sending to it costs
    BabelCost told = babelUnreachable;  // what it is told that sending to this node costs
    BabelCost cost = babelUnreachable;  // of the link to it, as routes count it
    friend bool operator==(const BabelNeighbour&, const BabelNeighbour&) = default;
};
struct BabelRoute {
    IpPrefix to;
    IpPrefix from;           // only packets from there; most routes: all
    bool installed = false;  // the one in use
    BabelCost metric = babelUnreachable;
    BabelCost claimed = babelUnreachable;  // of that: what the neighbour says of its own way
    IpAddress via;                         // link-local, for both families
    std::string interface;
    friend bool operator==(const BabelRoute&, const BabelRoute&) = default;
};
// A prefix that this node gives out itself.
struct BabelOwn {
    IpPrefix to;
    BabelCost metric = 0;
    friend bool operator==(const BabelOwn&, const BabelOwn&) = default;
};

inline constexpr size_t maxBabelLine = 1024;
inline constexpr size_t maxBabelRoutes = 65'536;
inline constexpr size_t maxBabelNeighbours = 4096;
inline constexpr size_t maxBabelInterfaces = 256;

class BabelTable {
public:
    enum class Line : uint8_t {
        Greeting,  // "BABEL 1.x" and what follows it until the first Ok
        Ok,        // the request was carried out
        Refused,   // it was not
        Change,    // the table is another one now
        Nothing,   // of a kind that means nothing here
        Malformed,
        TooMany,  // the table is full; nothing was changed
    };
    // Without its end.
    Line take(std::string_view line);

    [[nodiscard]] const std::map<std::string, BabelInterface>& interfaces() const { return m_interfaces; }
    // By the names that babeld gives them.
    [[nodiscard]] const std::map<uint64_t, BabelNeighbour>& neighbours() const { return m_neighbours; }
    [[nodiscard]] const std::map<uint64_t, BabelRoute>& routes() const { return m_routes; }
    [[nodiscard]] const std::map<std::string, BabelOwn>& own() const { return m_own; }
    // The installed route for packets to an address, by longest match; routes for some sources only are left out.
    [[nodiscard]] const BabelRoute* routeTo(const IpAddress& address) const;
    [[nodiscard]] bool hasNeighbour(const std::string& interface) const;
    // A neighbour on this interface is told that sending to this node costs that.
    [[nodiscard]] bool tells(const std::string& interface, BabelCost cost) const;

private:
    std::map<std::string, BabelInterface> m_interfaces;
    std::map<uint64_t, BabelNeighbour> m_neighbours;
    std::map<uint64_t, BabelRoute> m_routes;
    std::map<std::string, BabelOwn> m_own;
};

// What one hop costs beside its price, and what a nanodollar per kB adds: all nodes of a mesh must count alike.
inline constexpr BabelCost hopCost = 96;
inline constexpr BabelCost maxPricedCost = 20'000;  // also of who passes nothing on
// The cost of a link to whoever asks this price, rounded up to whole nanodollars.
[[nodiscard]] BabelCost pricedCost(Money perKb);
// Back: what such a cost says that is asked. Nothing: less than a hop costs, so it is not counted like this, or the most that can be said.
[[nodiscard]] std::optional<Money> announcedPrice(BabelCost cost);

}  // namespace netpas::routes
