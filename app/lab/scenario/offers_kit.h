// Offers and purchases that follow routes and prices, as scenarios see them from B's command line.
#pragma once

#include <chrono>
#include <string>

#include "app/lab/json.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/tool.h"

namespace netpas::lab {

inline constexpr auto offersPatience = std::chrono::seconds(20);
// Ports at A, so that purchases differ.
inline constexpr uint16_t offersPort = 5004;

[[nodiscard]] double secondsSince(std::chrono::steady_clock::time_point start);

// The offer of that tier from B to A.
Expected<Json> offerOf(ScenarioContext& context, const std::string& tier);
// The purchase's identifier.
Expected<std::string> buyOffer(ScenarioContext& context, const std::string& offer, uint16_t port = offersPort);
// Open or history; an empty object when there is none.
Json purchaseOf(ScenarioContext& context, const std::string& id);
// Whether its way crosses that ISP, in that class (0: any).
bool crosses(const Json& purchase, uint16_t isp, unsigned service = 0);
// Seconds until the purchase is active and does.
Expected<double> untilItCrosses(ScenarioContext& context, const std::string& id, uint16_t isp, unsigned service,
                                const std::string& what);
// Seconds until it has ended and is settled, nobody having stopped it.
Expected<double> untilItEnds(ScenarioContext& context, const std::string& id);
// What the ledger keeps of it, by kind; and whether every signed statement is accepted.
Expected<Json> evidenceOf(ScenarioContext& context, const std::string& id);

// One TCP connection from B to A that runs until it is judged.
class OffersTransfer {
public:
    static Expected<OffersTransfer> start(ScenarioContext& context, double mbit);
    // Waits until more of it arrives than has so far, as B's kernel was told.
    Expected<void> goesOn(ScenarioContext& context);
    // Ends it: kept, whole, and how long it paused at most go into the result.
    Expected<void> judge(ScenarioContext& context);

private:
    OffersTransfer(Tool sink, Tool sender) : m_sink(std::move(sink)), m_sender(std::move(sender)) {}
    Tool m_sink, m_sender;
};

}  // namespace netpas::lab
