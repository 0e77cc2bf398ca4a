// Estimates as the local API shows them (resources/api/README.md).
#pragma once

#include <deque>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <vector>

#include "cartographer/measure/arrivals.h"
#include "cartographer/measure/passive.h"
#include "cartographer/measure/prober.h"

namespace netpas::agent {

struct Measured {
    std::vector<measure::ProbeReport> probes;
    std::map<measure::ProbeRoute, measure::ProbeRoute>
        before;  // a route and the one that ends where its last ISP begins
    std::vector<measure::PassiveReport> passive;
    uint64_t packetsSent = 0;  // test packets
    SteadyTime now{};
};

// {"grade": "unknown"} while nothing is known: no number can be taken for a fact. `scale`: to the unit that is shown.
[[nodiscard]] nlohmann::json estimateJson(const measure::Estimate& estimate, double scale, SteadyTime now);
[[nodiscard]] nlohmann::json arrivalsJson(const std::deque<measure::Arrivals::Rate>& rates, SteadyTime now);
// With a destination: the ISPs on the way there, and connections to it.
[[nodiscard]] nlohmann::json measurementsJson(const Measured& measured, const std::optional<IpAddress>& destination,
                                              const std::set<IspId>& onTheWay);

}  // namespace netpas::agent
