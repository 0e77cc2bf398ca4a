// A link on a paid way fails while a connection runs over it. BGP finds the other way, the directory follows its router, the purchase follows
// the directory: it goes on where that costs no more than was agreed to, and stops where it would.
#include <nlohmann/json.hpp>

#include "app/lab/command.h"
#include "app/lab/netns.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/state.h"
#include "app/lab/tools/tool.h"

namespace netpas::lab {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint16_t port = 5004;
constexpr double mbit = 8;
constexpr auto limit = std::chrono::seconds(20);

double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// At the far end: the near one keeps its addresses, as when a cable is cut.
Expected<void> setLink(ScenarioContext& context, const std::string& name, bool up) {
    for (size_t i = 0; i < context.topology().links.size(); ++i) {
        if (context.topology().links[i].name != name) continue;
        const InterfacePlan& far = context.plan().links[i][1];
        const auto done = requireCommand(
            {"ip", "-n", context.lab().netns(far.node), "link", "set", "dev", far.name, up ? "up" : "down"});
        if (!done) return tl::unexpected(done.error());
        return {};
    }
    return fail(LabErrc::Usage, "the topology has no link " + name);
}

Expected<Json> offerOf(ScenarioContext& context, const std::string& tier) {
    Json found;
    LAB_TRY(waitUntil("the offer " + tier, limit, [&] {
        const auto offers = netpas(context.lab(), "b", {"quote", context.address("a").toString()});
        if (!offers) return false;
        for (const Json& offer : offers->value("offers", Json::array())) {
            if (offer.value("tier", "") == tier) found = offer;
        }
        return !found.is_null();
    }));
    return found;
}

Expected<std::string> buyOffer(ScenarioContext& context, const Json& offer) {
    const auto bought = netpas(context.lab(), "b",
                               {"buy", "--to", context.address("a").toString(), "--to-port", std::to_string(port),
                                "--offer", offer.value("id", ""), "--cap", "0.1"});
    if (!bought) return tl::unexpected(bought.error());
    return bought->value("id", "");
}

Json purchaseOf(ScenarioContext& context, const std::string& id) {
    for (const char* list : {"purchases", "history"}) {
        const auto all = netpas(context.lab(), "b", {list});
        if (!all) continue;
        for (const auto& [name, entries] : all->items()) {
            if (!entries.is_array()) continue;
            for (const Json& one : entries) {
                if (one.is_object() && one.value("id", "") == id) return one;
            }
        }
    }
    return Json::object();
}

bool crosses(const Json& purchase, uint16_t isp) {
    for (const Json& hop : purchase.value("path", Json::array())) {
        if (hop.value("isp", 0) == isp) return true;
    }
    return false;
}

Expected<double> untilItCrosses(ScenarioContext& context, const std::string& id, uint16_t isp,
                                const std::string& what) {
    const auto start = Clock::now();
    LAB_TRY(waitUntil(what, limit, [&] {
        const Json now = purchaseOf(context, id);
        return now.value("state", "") == "active" && crosses(now, isp);
    }));
    return secondsSince(start);
}

uint64_t acceptedAt(ScenarioContext& context, const std::string& router) {
    const auto counters = edgeCounters(context.lab(), router);
    return counters ? counters->value("verdicts", Json::object()).value("forwarded", uint64_t{0}) : 0;
}

// Bought over Y, which fails: the way over V costs less and is taken; when Y is back, so is the purchase.
Expected<void> cheaperWay(ScenarioContext& context) {
    const auto most = offerOf(context, "most");
    if (!most) return tl::unexpected(most.error());
    context.expect(crosses(*most, 25), "the best offer is not the one over Y");
    const auto id = buyOffer(context, *most);
    if (!id) return tl::unexpected(id.error());
    LAB_TRY(untilItCrosses(context, *id, 25, "the purchase over Y"));
    context.say("bought: " + most->value("id", ""));
    LAB_TRY(setLink(context, "over-y", false));
    const auto moved = untilItCrosses(context, *id, 23, "the purchase to go over V");
    if (!moved) return tl::unexpected(moved.error());
    context.say("the link to Y failed; the purchase goes over V");
    const uint64_t before = acceptedAt(context, "v1");
    LAB_TRY(waitUntil("paid packets over V", limit, [&] { return acceptedAt(context, "v1") > before + 100; }));
    LAB_TRY(setLink(context, "over-y", true));
    const auto back = untilItCrosses(context, *id, 25, "the purchase to come back");
    if (!back) return tl::unexpected(back.error());
    const auto settled = stopPurchase(context.lab(), "b", *id);
    if (!settled) return tl::unexpected(settled.error());
    context.result()["seconds_to_the_other_way"] = *moved;
    context.result()["seconds_back"] = *back;
    return {};
}

// Bought over V, which fails: the way over Y costs more than was agreed to.
Expected<void> dearerWay(ScenarioContext& context) {
    const auto enough = offerOf(context, "enough");
    if (!enough) return tl::unexpected(enough.error());
    context.expect(crosses(*enough, 23), "the cheapest sufficient offer is not the one over V");
    const auto id = buyOffer(context, *enough);
    if (!id) return tl::unexpected(id.error());
    LAB_TRY(untilItCrosses(context, *id, 23, "the purchase over V"));
    LAB_TRY(setLink(context, "over-v", false));
    const auto start = Clock::now();
    LAB_TRY(waitUntil("the purchase to end by itself", limit,
                      [&] { return purchaseOf(context, *id).value("state", "") == "settled"; }));
    context.result()["seconds_to_the_end"] = secondsSince(start);
    context.say("the link to V failed; over Y it would cost more: best effort");
    return {};
}

void judge(ScenarioContext& context, const Json& sent, const Json& received) {
    Json& result = context.result();
    const uint64_t out = sent.value("sent", uint64_t{0});
    result["bytes"] = out;
    result["longest_pause_ms"] = received.value("longest_pause_ms", uint64_t{0});
    result["connection_kept"] = !sent.value("reset", true) && !received.value("reset", true);
    result["checksum_equal"] = sent.value("checksum", "-") == received.value("checksum", "+");
    context.expect(result["connection_kept"].get<bool>(), "the connection was reset");
    context.expect(out > 0 && result["checksum_equal"].get<bool>(), "bytes were lost or changed");
}

Expected<void> run(ScenarioContext& context) {
    const std::string where = "port=" + std::to_string(port);
    const std::string seed = "seed=" + std::to_string(context.options().seed);
    auto sink = Tool::start(context.lab(), "a", "tcp-sink", {where, seed});
    if (!sink) return tl::unexpected(sink.error());
    auto sender = Tool::start(
        context.lab(), "b", "tcp-send",
        {"to=" + context.address("a").toString(), where, seed, "seconds=600", "mbit=" + std::to_string(mbit)});
    if (!sender) return tl::unexpected(sender.error());
    LAB_TRY(cheaperWay(context));
    LAB_TRY(dearerWay(context));
    const auto sent = sender->stop();
    if (!sent) return tl::unexpected(sent.error());
    const auto received = sink->finish(limit);
    if (!received) return tl::unexpected(received.error());
    judge(context, *sent, *received);
    const auto bill = billOf(context.lab(), "b");
    if (!bill) return tl::unexpected(bill.error());
    reportBill(context.result(), *bill);
    context.expect(bill->exact(), "ledger, counter and invoice differ");
    context.expect(bill->ledgerPackets > 0, "nothing was ever paid for");
    return context.lab().checkPrograms();
}

}  // namespace

Scenario pathFailureScenario() {
    return {
        "path-failure", "links on a paid way fail; BGP, the directory and the purchase follow", "two-ways", {}, run};
}

}  // namespace netpas::lab
