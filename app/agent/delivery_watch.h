// Which beginnings of paid ways are judged, and what is said about those that are not delivered (cartographer/measure/delivery.h). Control thread.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "app/secretary/ports.h"
#include "cartographer/cartographer.h"
#include "cartographer/measure/delivery.h"
#include "core/channel/messages.h"

namespace netpas::agent {

// One purchase's way: what is measured on it, nearest first.
struct JudgedWay {
    std::vector<measure::ClassOn> classes;      // of all its ISPs, in path order
    std::vector<measure::ProbeRoute> measured;  // paid routes on it, nearest first
    const cartographer::Survey* survey = nullptr;
    double bestEffortRate = 0;  // bits a second that its destination got as best effort; 0: not known
};

[[nodiscard]] std::vector<measure::WatchedWay> watchedWays(const std::vector<JudgedWay>& ways);

// What the secretary is told: the purchases that pay for it, whom to blame, and the measurements as JSON.
[[nodiscard]] channel::NotDelivered deliveryTrouble(const measure::NotDelivered& found,
                                                    const std::vector<secretaryd::PaidFlow>& flows, SteadyTime now);
[[nodiscard]] nlohmann::json evidenceJson(const measure::NotDelivered& found, SteadyTime now);
[[nodiscard]] nlohmann::json standingJson(const std::vector<measure::Standing>& standing);

// What this machine sends: over all its devices but those that only lead back into it.
class OwnLoad {
public:
    // Bits a second since the call before; nothing the first time.
    [[nodiscard]] std::optional<double> look(SteadyTime now);

private:
    std::map<std::string, uint32_t> m_sent;  // bytes, by device; the kernel's counter goes round
    SteadyTime m_at{};
};

}  // namespace netpas::agent
