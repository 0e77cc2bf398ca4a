// Statements about routes through neighbours (cartographer/verify/VERIFICATION.md): the exchange with the neighbours that the desk of agreements knows, over what the
// agent has seen pass. Signs, names who does not deliver, and ends what was agreed with it. Control thread; nothing here waits.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "app/secretary/neighbour_desk.h"
#include "cartographer/verify/exchange.h"

namespace netpas::secretaryd {

class RouteDesk {
public:
    struct Ports {
        Timers& timers;
        const Clock& clock;
        LogSink log;
        const Identity& me;
        NeighbourDesk& neighbours;  // outlives this
    };

    [[nodiscard]] static verification::ExchangeOptions exchangeOptions();
    explicit RouteDesk(Ports ports, const verification::ExchangeOptions& options = exchangeOptions());
    ~RouteDesk();
    RouteDesk(const RouteDesk&) = delete;
    RouteDesk& operator=(const RouteDesk&) = delete;

    // The agent's side.
    void seen(const channel::FlowsSeen& seen);
    void heard(const NeighbourPlace& from, ByteView datagram);

    // Ways that begin with this neighbour.
    [[nodiscard]] std::vector<verification::RouteReport> through(const PublicKey& neighbour) const;

private:
    struct Seen {
        channel::SeenFlow flow;
        SteadyTime at{};
    };
    struct Judged {
        SystemTime at;
        PublicKey far;
    };
    [[nodiscard]] verification::Exchange::Ports ports();
    [[nodiscard]] const channel::SeenFlow* find(const verification::Route& route) const;
    [[nodiscard]] std::optional<PublicKey> keyAt(const std::optional<channel::MeshPlace>& place) const;
    void tick();
    void judge();

    Ports m_ports;
    std::map<verification::Route, Seen> m_seen;
    std::map<PublicKey, verification::Quality> m_links;
    std::vector<verification::Route> m_ending;       // in the agent's last report
    std::optional<verification::Route> m_fresh;      // seen for the statement that comes next
    std::map<uint64_t, uint64_t> m_times;            // of the packets that the last statement names
    std::map<verification::Route, Judged> m_judged;  // where this node is the near end
    verification::Exchange m_exchange;
    Timers::Id m_timer = 0;
    std::shared_ptr<bool> m_alive = std::make_shared<bool>(true);
};

}  // namespace netpas::secretaryd
