// A link on a paid way fails while a connection runs over it. BGP finds the other way, the directory follows its router, the purchase follows
// the directory: it goes on where that costs no more than was agreed to, in the next best class where it must, and stops where nothing is left.
#include <nlohmann/json.hpp>

#include "app/lab/command.h"
#include "app/lab/netns.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/offers_kit.h"
#include "app/lab/state.h"
#include "app/lab/tools/payment_meter.h"

namespace netpas::lab {
namespace {

constexpr double mbit = 8;
constexpr uint16_t v = 23;
constexpr uint16_t y = 25;

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

uint64_t forwardedAt(ScenarioContext& context, const std::string& router) {
    const auto counters = edgeCounters(context.lab(), router);
    return counters ? counters->value("verdicts", Json::object()).value("forwarded", uint64_t{0}) : 0;
}

Expected<void> paidPacketsAt(ScenarioContext& context, const std::string& router) {
    const uint64_t before = forwardedAt(context, router);
    return waitUntil("paid packets at " + router, offersPatience,
                     [&] { return forwardedAt(context, router) > before + 100; });
}

// Bought over Y, which fails: the way over V costs less and is taken; when Y is back, so is the purchase.
Expected<void> cheaperWay(ScenarioContext& context) {
    const auto most = offerOf(context, "most");
    if (!most) return tl::unexpected(most.error());
    context.expect(crosses(*most, y), "the best offer is not the one over Y");
    const auto id = buyOffer(context, most->value("id", ""));
    if (!id) return tl::unexpected(id.error());
    if (const auto there = untilItCrosses(context, *id, y, 1, "the purchase over Y"); !there)
        return tl::unexpected(there.error());
    context.say("bought: " + most->value("id", ""));
    LAB_TRY(setLink(context, "over-y", false));
    const auto moved = untilItCrosses(context, *id, v, 1, "the purchase to go over V");
    if (!moved) return tl::unexpected(moved.error());
    context.say("the link to Y failed; the purchase goes over V");
    LAB_TRY(paidPacketsAt(context, "v1"));
    LAB_TRY(setLink(context, "over-y", true));
    const auto back = untilItCrosses(context, *id, y, 1, "the purchase to come back");
    if (!back) return tl::unexpected(back.error());
    LAB_TRY(paidPacketsAt(context, "y1"));
    const auto settled = stopPurchase(context.lab(), "b", *id);
    if (!settled) return tl::unexpected(settled.error());
    const auto evidence = evidenceOf(context, *id);
    if (!evidence) return tl::unexpected(evidence.error());
    context.result()["seconds_to_the_other_way"] = *moved;
    context.result()["seconds_back"] = *back;
    context.result()["evidence_of_the_first"] = *evidence;
    context.expect((*evidence)["ways"].size() == 2, "the ledger does not keep that the way changed twice");
    context.expect((*evidence)["statements"].get<int>() >= 3, "a key of some way has no statement");
    return {};
}

// Bought over V, which fails: gold over Y costs more than was agreed to, silver does not. Then Y fails, too.
Expected<void> nothingIsLeft(ScenarioContext& context, PaymentMeter& meter) {
    const auto enough = offerOf(context, "enough");
    if (!enough) return tl::unexpected(enough.error());
    context.expect(crosses(*enough, v), "the cheapest sufficient offer is not the one over V");
    const auto id = buyOffer(context, enough->value("id", ""));
    if (!id) return tl::unexpected(id.error());
    if (const auto there = untilItCrosses(context, *id, v, 1, "the purchase over V"); !there)
        return tl::unexpected(there.error());
    LAB_TRY(setLink(context, "over-v", false));
    const auto next = untilItCrosses(context, *id, y, 2, "the next best class");
    if (!next) return tl::unexpected(next.error());
    context.say("the link to V failed; gold over Y would cost more than was agreed to: silver is taken");
    LAB_TRY(paidPacketsAt(context, "y1"));
    LAB_TRY(setLink(context, "over-y", false));
    const auto cut = std::chrono::steady_clock::now();
    const auto ended = untilItEnds(context, *id);
    if (!ended) return tl::unexpected(ended.error());
    context.say("the link to Y failed, too: no way is left, nothing is paid");
    const auto last = meter.count().last.value_or(cut);
    LAB_TRY(setLink(context, "over-y", true));
    LAB_TRY(setLink(context, "over-v", true));
    const auto evidence = evidenceOf(context, *id);
    if (!evidence) return tl::unexpected(evidence.error());
    context.result()["seconds_to_the_next_offer"] = *next;
    context.result()["seconds_money_went_on"] = std::max(0.0, std::chrono::duration<double>(last - cut).count());
    context.result()["seconds_to_the_end"] = *ended;
    context.result()["evidence_of_the_second"] = *evidence;
    context.expect((*evidence)["ways"].size() == 2, "the ledger does not keep why the way changed and was lost");
    return {};
}

Expected<void> run(ScenarioContext& context) {
    auto transfer = OffersTransfer::start(context, mbit);
    if (!transfer) return tl::unexpected(transfer.error());
    auto meter = PaymentMeter::start(context.lab(), context.topology().accessLink("b")->name, "b");
    if (!meter) return tl::unexpected(meter.error());
    LAB_TRY(cheaperWay(context));
    LAB_TRY(nothingIsLeft(context, **meter));
    // Best effort has a way again, and the connection goes on.
    LAB_TRY(transfer->goesOn(context));
    LAB_TRY(transfer->judge(context));
    const auto paid = (*meter)->stop();
    if (!paid) return tl::unexpected(paid.error());
    const auto bill = billOf(context.lab(), "b");
    if (!bill) return tl::unexpected(bill.error());
    reportBill(context.result(), *bill);
    context.expect(bill->exact(), "ledger, counter and invoice differ");
    context.expect(bill->ledgerPackets > 0, "nothing was ever paid for");
    context.expect(bill->invoice == paid->amount, "the invoice is not what the captured headers promise");
    return context.lab().checkPrograms();
}

}  // namespace

Scenario pathFailureScenario() {
    return {
        "path-failure", "links on a paid way fail; BGP, the directory and the purchase follow", "two-ways", {}, run};
}

}  // namespace netpas::lab
