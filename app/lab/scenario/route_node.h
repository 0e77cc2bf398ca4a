// A node of a chain in the lab that takes part in the verification of routes: the product's observer in a namespace, its exchange over the real link. What it
// lies about is told to it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/lab/lab.h"
#include "cartographer/verify/exchange.h"
#include "tun/observe/linux_observer.h"

namespace netpas::lab {

namespace routes = netpas::verification;

// Where a chain goes: the names of its nodes, source first.
struct RouteChain {
    std::vector<std::string> nodes;
    routes::Route route;
    std::vector<PublicKey> keys;
    std::vector<routes::Quality> links;  // as their wires were set
};

struct RouteLie {
    double counted = 1;      // of the packets that came
    double secondsLess = 0;  // than its link takes, it says
    int64_t clockAhead = 0;  // nanoseconds
};

class RouteNode {
public:
    static Expected<std::unique_ptr<RouteNode>> start(Lab& lab, const RouteChain& chain, size_t place,
                                                      const Identity& identity, const routes::ExchangeOptions& options,
                                                      const RouteLie& lie);
    ~RouteNode();
    RouteNode(const RouteNode&) = delete;
    RouteNode& operator=(const RouteNode&) = delete;

    // Looks at packets, listens and says what is due.
    void step();
    [[nodiscard]] const routes::Exchange& exchange() const { return *m_exchange; }
    // Of the chain's flow; nothing yet: no statement came.
    [[nodiscard]] std::optional<routes::RouteReport> report() const;

private:
    struct Neighbour {
        PublicKey key;
        IpAddress address;
    };
    RouteNode(const RouteChain& chain, size_t place, const Identity& identity, const RouteLie& lie)
        : m_chain(chain), m_place(place), m_identity(identity), m_lie(lie) {}
    Expected<void> open(Lab& lab, const routes::ExchangeOptions& options);
    [[nodiscard]] routes::Exchange::Ports ports();
    void read();
    [[nodiscard]] std::optional<routes::Passed> passed() const;
    [[nodiscard]] std::optional<PublicKey> keyAt(std::optional<size_t> place) const;
    void hear();

    const RouteChain& m_chain;
    size_t m_place;
    const Identity& m_identity;
    RouteLie m_lie;
    std::unique_ptr<tun::Observer> m_observer;
    routes::CountLog m_log;
    SteadyTime m_read{};
    std::vector<Neighbour> m_neighbours;
    std::optional<routes::Exchange> m_exchange;
    int m_socket = -1;
};

}  // namespace netpas::lab
