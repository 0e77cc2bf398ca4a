#include "app/lab/scenario/reconcile.h"

#include <algorithm>
#include <cstdio>
#include <thread>

#include <nlohmann/json.hpp>

#include "app/lab/parties.h"

namespace netpas::lab {
namespace {

Money plus(Money a, Money b) { return Money::fromEighths(a.eighths() + b.eighths()); }

// What one ISP of the path says, from its edge router and its accounting server.
struct Hop {
    const IspSpec* isp = nullptr;
    Money price = Money::zero();  // in the headers on the access link
    uint64_t packets = 0;         // that this ISP handed on or delivered
    Money amount = Money::zero();
    Money confirmed = Money::zero();
    Money owedToNext = Money::zero();
    uint64_t lostBehind = 0;  // packets that left this ISP and did not reach the next one
};

Expected<Hop> readHop(Lab& lab, const IspSpec& isp, const IspSpec* next) {
    Hop hop;
    hop.isp = &isp;
    const auto counters = edgeCounters(lab, isp.routers.front());
    if (!counters) return tl::unexpected(counters.error());
    const auto books = ispBooks(lab, isp.name);
    if (!books) return tl::unexpected(books.error());
    if (next == nullptr) {
        hop.packets = (*counters)["delivered"]["packets"].get<uint64_t>();
        hop.amount = moneyOf((*counters)["delivered"], "own");
        hop.confirmed = moneyOf((*books)["delivered"], "confirmed");
        return hop;
    }
    for (const Json& link : (*counters)["links"]) {
        if (link["isp"] != next->id) continue;
        hop.packets += link["packets"].get<uint64_t>();
        hop.amount = plus(hop.amount, moneyOf(link, "own"));
    }
    const Json neighbour = entryOf((*books)["neighbours"], "isp", next->id);
    if (neighbour.is_null())
        return fail(LabErrc::Evidence, isp.name + "'s books do not know its neighbour " + next->name);
    hop.confirmed = moneyOf(neighbour["own"], "confirmed");
    hop.owedToNext = moneyOf(neighbour, "owed_to");
    const auto there = edgeCounters(lab, next->routers.front());
    if (!there) return tl::unexpected(there.error());
    const Json ingress = entryOf((*there)["ingress"], "isp", isp.id);
    const uint64_t arrived = ingress.is_null() ? 0 : ingress["packets"].get<uint64_t>();
    hop.lostBehind = hop.packets - std::min(arrived, hop.packets);
    return hop;
}

Expected<std::vector<Hop>> readHops(ScenarioContext& context, const std::vector<const IspSpec*>& path,
                                    const PaymentCount& captured) {
    std::vector<Hop> hops;
    for (size_t i = 0; i < path.size(); ++i) {
        auto hop = readHop(context.lab(), *path[i], i + 1 < path.size() ? path[i + 1] : nullptr);
        if (!hop) return tl::unexpected(hop.error());
        const auto promised = captured.perIsp.find(path[i]->id);
        if (promised != captured.perIsp.end() && captured.packets != 0) {
            hop->price = Money::fromEighths(promised->second.eighths() / static_cast<int64_t>(captured.packets));
        }
        hops.push_back(*hop);
    }
    return hops;
}

// Stratified sampling errs by less than T; what was lost between two ISPs could not be confirmed by the later one.
bool confirmationsFit(const std::vector<Hop>& hops) {
    return std::all_of(hops.begin(), hops.end(), [](const Hop& hop) {
        const int64_t difference = hop.amount.eighths() - hop.confirmed.eighths();
        const int64_t threshold = hop.isp->samplingThreshold.eighths();
        return difference > -threshold &&
               difference < threshold + static_cast<int64_t>(hop.lostBehind) * hop.price.eighths();
    });
}

// Confirmations travel after the packets: they get some seconds.
Expected<std::vector<Hop>> settledHops(ScenarioContext& context, const std::vector<const IspSpec*>& path,
                                       const PaymentCount& captured) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(8);
    for (;;) {
        auto hops = readHops(context, path, captured);
        if (!hops || confirmationsFit(*hops) || std::chrono::steady_clock::now() > end) return hops;
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
}

std::string row(const std::string& isp, const std::string& price, const std::string& packets, const std::string& amount,
                const std::string& confirmed, const std::string& owed) {
    char line[200];
    std::snprintf(line, sizeof line, "  %-5s %15s %9s %17s %17s %17s\n", isp.c_str(), price.c_str(), packets.c_str(),
                  amount.c_str(), confirmed.c_str(), owed.c_str());
    return line;
}

std::string hopTable(const std::vector<Hop>& hops) {
    std::string text = row("ISP", "$ per packet", "packets", "earned $", "confirmed $", "owes next ISP $");
    for (const Hop& hop : hops) {
        text += row(hop.isp->name, hop.price.toString(), std::to_string(hop.packets), hop.amount.toString(),
                    hop.confirmed.toString(), &hop == &hops.back() ? "-" : hop.owedToNext.toString());
    }
    return text;
}

Json hopsJson(const std::vector<Hop>& hops) {
    Json list = Json::array();
    for (size_t i = 0; i < hops.size(); ++i) {
        const Hop& hop = hops[i];
        list.push_back(Json{{"isp", hop.isp->id},
                            {"name", hop.isp->name},
                            {"price_per_packet", hop.price.toString()},
                            {"packets", hop.packets},
                            {"amount", hop.amount.toString()},
                            {"confirmed", hop.confirmed.toString()},
                            {"owed_to", i + 1 < hops.size() ? Json(hops[i + 1].isp->id) : Json()},
                            {"owed", hop.owedToNext.toString()},
                            {"lost_behind", hop.lostBehind}});
    }
    return list;
}

// The ISPs on the way that the headers named, in the order in which they are crossed.
std::vector<const IspSpec*> pathOf(ScenarioContext& context, const Json& entry) {
    std::vector<const IspSpec*> path;
    for (const Json& hop : entry["path"]) {
        for (const IspSpec& isp : context.topology().isps) {
            if (isp.id == hop["isp"]) path.push_back(&isp);
        }
    }
    return path;
}

struct Totals {
    Money agentCount = Money::zero();
    Money charged = Money::zero();
    Money edge = Money::zero();
    Money key = Money::zero();
    Money invoice = Money::zero();
    Money capture = Money::zero();
    uint64_t agentPackets = 0;
    uint64_t edgePackets = 0;
    uint64_t invoicePackets = 0;
    uint64_t capturedPackets = 0;

    [[nodiscard]] bool agree() const {
        return charged == agentCount && charged == edge && charged == key && charged == invoice && charged == capture &&
               agentPackets == edgePackets && agentPackets == invoicePackets && agentPackets == capturedPackets;
    }
    [[nodiscard]] std::string toString() const {
        return "  agent's ledger       $" + charged.toString() + "  (" + std::to_string(agentPackets) +
               " packets, its own count $" + agentCount.toString() + ")\n  first ISP's counter  $" + edge.toString() +
               "  (" + std::to_string(edgePackets) + " packets)\n  its session keys     $" + key.toString() +
               "\n  invoice              $" + invoice.toString() + "  (" + std::to_string(invoicePackets) +
               " packets)\n  capture on the link  $" + capture.toString() + "  (" + std::to_string(capturedPackets) +
               " packets)\n";
    }
};

Expected<Totals> readTotals(ScenarioContext& context, const std::string& host, const Json& entry,
                            const PaymentCount& captured) {
    Lab& lab = context.lab();
    const IspSpec& first = *context.topology().ispOfHost(host);
    Totals totals;
    totals.agentCount = moneyOf(entry["sent"], "amount");
    totals.agentPackets = entry["sent"]["packets"].get<uint64_t>();
    totals.charged = moneyOf(entry, "charged");
    totals.capture = captured.amount;
    totals.capturedPackets = captured.packets;
    const auto counters = edgeCounters(lab, context.topology().attachment(host));
    if (!counters) return tl::unexpected(counters.error());
    totals.edge = edgeTotal(*counters);
    for (const Json& link : (*counters)["links"]) totals.edgePackets += link["packets"].get<uint64_t>();
    const auto books = ispBooks(lab, first.name);
    if (!books) return tl::unexpected(books.error());
    const Json customer = entryOf((*books)["customers"], "name", host);
    if (customer.is_null()) return fail(LabErrc::Evidence, first.name + "'s books have no customer " + host);
    totals.invoice = moneyOf(customer, "amount");
    totals.invoicePackets = customer["packets"].get<uint64_t>();
    for (const Json& slice : entry.value("keys", Json::array())) {
        const Json key = entryOf(customer["keys"], "id", slice["key"]);
        if (key.is_null())
            return fail(LabErrc::Evidence, first.name + "'s books do not know a session key of the purchase");
        totals.key = checkedAdd(totals.key, moneyOf(key, "amount")).value_or(Money::max());
    }
    return totals;
}

}  // namespace

Money moneyOf(const Json& object, const char* field) {
    const auto at = object.find(field);
    if (at == object.end() || !at->is_string()) return Money::fromEighths(-1);  // equals no amount that anybody can owe
    return Money::parse(at->get<std::string>()).value_or(Money::fromEighths(-1));
}

Money edgeTotal(const Json& counters) {
    Money total = moneyOf(counters["delivered"], "own");
    for (const Json& link : counters["links"])
        total = plus(total, plus(moneyOf(link, "own"), moneyOf(link, "downstream")));
    return total;
}

Json entryOf(const Json& array, const char* key, const Json& value) {
    for (const Json& entry : array) {
        if (entry.contains(key) && entry[key] == value) return entry;
    }
    return {};
}

Expected<Reconciliation> reconcileMoney(ScenarioContext& context, const std::string& host, const std::string& purchase,
                                        const PaymentCount& captured) {
    const auto history = netpas(context.lab(), host, {"history"});
    if (!history) return tl::unexpected(history.error());
    const Json entry = entryOf((*history)["entries"], "id", purchase);
    if (entry.is_null()) return fail(LabErrc::Evidence, "the agent's history does not know purchase " + purchase);
    const auto totals = readTotals(context, host, entry, captured);
    if (!totals) return tl::unexpected(totals.error());
    const auto hops = settledHops(context, pathOf(context, entry), captured);
    if (!hops) return tl::unexpected(hops.error());

    Reconciliation money;
    money.exact = totals->agree();
    Json& result = context.result();
    result["ledger"] = totals->charged.toString();
    result["first_isp_counter"] = totals->edge.toString();
    result["invoice"] = totals->invoice.toString();
    result["exact"] = money.exact;
    result["agent_count"] = totals->agentCount.toString();
    result["agent_packets"] = totals->agentPackets;
    result["first_isp_packets"] = totals->edgePackets;
    result["hops"] = hopsJson(*hops);
    money.table = hopTable(*hops) + totals->toString();

    context.expect(money.exact, "the books disagree:\n" + totals->toString());
    context.expect(
        confirmationsFit(*hops),
        "confirmed amounts differ from the true ones by more than the sampling threshold:\n" + hopTable(*hops));
    Money sum = Money::zero();
    for (const Hop& hop : *hops) {
        sum = plus(sum, hop.price);
        context.expect(hop.amount.eighths() == hop.price.eighths() * static_cast<int64_t>(hop.packets),
                       hop.isp->name + " counted something else than its price for each packet");
    }
    context.expect(sum.eighths() * static_cast<int64_t>(captured.packets) == captured.amount.eighths(),
                   "the prices on the access link differ from packet to packet");
    return money;
}

}  // namespace netpas::lab
