// Households behind modems that run the agent, with and without address translation: each host buys within its own budget, none for another,
// and connections outlive the modem's programs.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "app/lab/scenario/household.h"

namespace netpas::lab {
namespace {

constexpr uint16_t firstPort = 5100;
constexpr uint16_t portsOfOne = 100;

// Only one of the two, when the command line says so.
void choose(Topology& topology, const ScenarioOptions& options) {
    if (!options.nat && !options.routed) return;
    for (const HostSpec& modem : std::vector<HostSpec>(topology.hosts)) {
        if (topology.hostsBehind(modem.name).empty() || modem.translates == options.nat) continue;
        std::erase_if(topology.hosts,
                      [&](const HostSpec& host) { return host.behind == modem.name || host.name == modem.name; });
        std::erase_if(topology.links, [&](const LinkSpec& link) {
            return std::count(link.between.begin(), link.between.end(), modem.name) != 0;
        });
    }
}

Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }

void report(ScenarioContext& context, const std::vector<Household>& households) {
    Json& result = context.result();
    uint64_t connections = 0, broken = 0, attempts = 0;
    Bill sum;
    Json all = Json::array();
    for (const Household& household : households) {
        const Json& one = household.result();
        connections += one.value("connections", uint64_t{0});
        broken += one.value("connections_broken", uint64_t{0});
        attempts += one.value("attempts", uint64_t{0});
        const Bill& bill = household.bill();
        sum.ledger = plus(sum.ledger, bill.ledger);
        sum.counter = plus(sum.counter, bill.counter);
        sum.invoice = plus(sum.invoice, bill.invoice);
        sum.ledgerPackets += bill.ledgerPackets;
        sum.counterPackets += bill.counterPackets;
        sum.invoicePackets += bill.invoicePackets;
        all.push_back(one);
    }
    result["connections"] = connections;
    result["connections_broken"] = broken;
    result["attempts_for_another"] = attempts;
    result["paid_packets"] = sum.counterPackets;
    reportBill(result, sum);
    result["exact"] = std::all_of(households.begin(), households.end(),
                                  [](const Household& one) { return one.result().value("exact", false); });
    result["households"] = all;
}

Expected<void> run(ScenarioContext& context) {
    std::vector<Household> households;
    for (const HomePlan& home : context.plan().homes) {
        households.emplace_back(context, home, static_cast<uint16_t>(firstPort + households.size() * portsOfOne));
    }
    if (households.empty()) return fail(LabErrc::Topology, "nobody is behind a modem in this topology");
    const auto each = [&](Expected<void> (Household::*step)()) -> Expected<void> {
        for (Household& household : households) LAB_TRY((household.*step)());
        return {};
    };
    LAB_TRY(each(&Household::pairAll));
    LAB_TRY(each(&Household::setBudgets));
    LAB_TRY(each(&Household::startTransfers));
    LAB_TRY(each(&Household::buyAll));
    LAB_TRY(each(&Household::attack));
    LAB_TRY(each(&Household::restart));
    LAB_TRY(each(&Household::buyAll));
    LAB_TRY(each(&Household::finishTransfers));
    LAB_TRY(each(&Household::judge));
    report(context, households);
    return context.lab().checkPrograms();
}

}  // namespace

Scenario modemScenario() {
    return {"modem",
            "hosts behind modems: each buys for itself, none for another, connections outlive the modem's programs",
            "household",
            choose,
            run,
            false};
}

}  // namespace netpas::lab
