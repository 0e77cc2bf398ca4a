// Says to babeld what sending to this node costs, on the links of the mesh, an interface at a time: the only way to change it costs this node its own routes
// through that interface for a moment (cartographer/routes/ROUTES.md). Control thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "app/common/log.h"
#include "app/common/timers.h"
#include "cartographer/routes/babel_socket.h"

namespace netpas::agent {

struct BabelCostTimes {
    // A higher cost is the highest one first, for so long: longer than babeld's neighbours wait with their updates.
    std::chrono::milliseconds raiseFor{20'000};
    // The most that is waited for babeld to see that an interface rests, and for its neighbours to say again where they go; they are asked so often.
    std::chrono::milliseconds seesRestWithin{3000}, routesBackWithin{20'000}, askEvery{4000};
    // By then its neighbours have been told.
    std::chrono::milliseconds tellsWithin{30'000};
};

class BabelCosts {
public:
    struct Ports {
        app::Timers& timers;
        app::LogSink log;
        // Lets a link rest, or wakes it (link_rest.h).
        std::function<tl::expected<void, int>(const std::string& interface, bool rests)> rest;
        // Asks a neighbour for its routes (route_request.h).
        std::function<void(const std::string& interface, const IpAddress& neighbour, const std::vector<IpPrefix>&)> ask;
        std::function<void()> settle;  // calls settle() with the connection, if there is one
    };
    // `words`: what babeld is told of each of them besides.
    BabelCosts(Ports ports, std::vector<std::string> interfaces, std::string words, BabelCostTimes times);
    ~BabelCosts();
    BabelCosts(const BabelCosts&) = delete;
    BabelCosts& operator=(const BabelCosts&) = delete;

    // What it costs from now on.
    void set(routes::BabelCost cost);
    // After anything has changed; the connection is complete.
    [[nodiscard]] tl::expected<void, routes::BabelError> settle(routes::BabelSocket& socket);
    // There is no connection any more; the next babeld knows nothing.
    void lost();
    // Why the price is not in the routes; empty: it is, or is about to be.
    [[nodiscard]] const std::string& trouble() const { return m_trouble; }

private:
    using Ways = std::set<std::pair<IpAddress, IpPrefix>>;  // by neighbour
    // Of an interface that babeld has.
    struct Change {
        enum class Phase : uint8_t { Saying, Resting, Returning };
        std::string interface;
        routes::BabelCost cost;
        uint64_t answers;  // until then babeld has not answered
        Ways had;
        unsigned asks = 0;   // for what it had
        bool mayAsk = true;  // again
        bool late = false;   // what is waited for did not come in time
        Phase phase = Phase::Saying;
    };
    [[nodiscard]] routes::BabelCost wanted() const;
    [[nodiscard]] bool isSaid(const std::string& interface) const;
    [[nodiscard]] tl::expected<void, routes::BabelError> begin(routes::BabelSocket& socket);
    void goOn(const routes::BabelSocket& socket);
    [[nodiscard]] static Ways waysThrough(const routes::BabelTable& table, const std::string& interface);
    [[nodiscard]] bool isBack(const routes::BabelTable& table);
    void enter(Change::Phase phase, std::chrono::milliseconds atMost);
    void wake();
    void end();
    void judge(const routes::BabelTable& table);
    void complain(const std::string& why);
    void after(app::Timers::Id& timer, std::chrono::milliseconds time, std::function<void()> what);

    Ports m_ports;
    std::vector<std::string> m_interfaces;
    std::string m_words;
    BabelCostTimes m_times;
    std::optional<routes::BabelCost> m_cost;          // nothing: the secretary has not said yet
    std::map<std::string, routes::BabelCost> m_said;  // to this babeld, by interface
    std::optional<Change> m_change;
    bool m_raises = false;  // the highest cost first
    bool m_judged = true;
    app::Timers::Id m_raiseTimer = 0, m_changeTimer = 0, m_askTimer = 0, m_judgeTimer = 0;
    std::string m_trouble;
};

}  // namespace netpas::agent
