// ISPs raise their prices while a purchase runs and while a quote is held: nobody pays more than was agreed to. What still fits is taken; when
// nothing does, money stops. The connection goes on, and nobody's packets fall between two menus.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/offers_kit.h"
#include "app/lab/tools/payment_meter.h"
#include "core/directory/documents.h"

namespace netpas::lab {
namespace {

constexpr double mbit = 8;
constexpr uint16_t v = 23;
constexpr uint16_t y = 25;

// What the ISPs ask now, and have asked.
struct Market {
    ScenarioContext& context;
    Topology now;

    Expected<void> set(const std::string& isp, uint8_t service, const char* perPacket) {
        for (IspSpec& one : now.isps) {
            if (one.name != isp) continue;
            for (ServiceClassSpec& offered : one.classes) {
                if (offered.id == service) offered.price.perPacket = *Money::parse(perPacket);
            }
        }
        context.say(isp + " asks " + perPacket + " for class " + std::to_string(service));
        return announcePrices(context.lab(), now, isp);
    }
};

uint64_t underpaidAt(ScenarioContext& context, const std::string& router) {
    const auto counters = edgeCounters(context.lab(), router);
    return counters ? counters->value("verdicts", Json::object()).value("underpaid", uint64_t{1}) : 1;
}

Expected<double> untilPacketsCost(PaymentMeter& meter, Money least, Money most) {
    const auto start = std::chrono::steady_clock::now();
    PaymentCount before = meter.count();
    LAB_TRY(waitUntil("packets at another price", offersPatience, [&] {
        const PaymentCount now = meter.count();
        const auto packets = static_cast<int64_t>(now.packets - before.packets);
        if (packets < 20) return false;
        const int64_t each = (now.amount.eighths() - before.amount.eighths()) / packets;
        before = now;
        return least.eighths() <= each && each <= most.eighths();
    }));
    return secondsSince(start);
}

// Held for minutes, but the price has gone up since.
Expected<void> heldQuote(ScenarioContext& context, const std::string& offer) {
    const auto bought = buyOffer(context, offer, offersPort + 1);
    context.expect(!bought && bought.error().text.find("EXPIRED") != std::string::npos,
                   "an offer whose price went up was sold");
    context.result()["held_quote"] = bought ? "sold" : "refused";
    return {};
}

Expected<void> rises(ScenarioContext& context, PaymentMeter& meter) {
    Market market{context, context.topology()};
    Json& result = context.result();
    const auto most = offerOf(context, "most");
    if (!most) return tl::unexpected(most.error());
    const std::string offer = most->value("id", "");
    const auto id = buyOffer(context, offer);
    if (!id) return tl::unexpected(id.error());
    if (const auto there = untilItCrosses(context, *id, y, 1, "the purchase over Y"); !there)
        return tl::unexpected(there.error());
    const auto nanodollars = [](int64_t n) { return *Money::fromNanodollars(n); };
    if (const auto paid = untilPacketsCost(meter, nanodollars(15), nanodollars(15)); !paid)
        return tl::unexpected(paid.error());
    result["agreed_per_packet"] = nanodollars(15).toString();

    LAB_TRY(market.set("Y", 1, "0.000000009"));
    const auto lower = untilPacketsCost(meter, nanodollars(14), nanodollars(14));
    if (!lower) return tl::unexpected(lower.error());
    LAB_TRY(market.set("Y", 1, "0.00000002"));
    const auto next = untilItCrosses(context, *id, v, 1, "the next offer, over V");
    if (!next) return tl::unexpected(next.error());
    if (const auto paid = untilPacketsCost(meter, nanodollars(13), nanodollars(13)); !paid)
        return tl::unexpected(paid.error());
    LAB_TRY(heldQuote(context, offer));
    LAB_TRY(market.set("V", 1, "0.00000003"));
    const auto silver = untilItCrosses(context, *id, y, 2, "the next offer, silver over Y");
    if (!silver) return tl::unexpected(silver.error());
    if (const auto paid = untilPacketsCost(meter, nanodollars(9), nanodollars(9)); !paid)
        return tl::unexpected(paid.error());
    LAB_TRY(market.set("Y", 2, "0.00000004"));
    const auto rise = std::chrono::steady_clock::now();
    const auto ended = untilItEnds(context, *id);
    if (!ended) return tl::unexpected(ended.error());
    const auto last = meter.count().last.value_or(rise);
    result["seconds_to_the_lower_price"] = *lower;
    result["seconds_to_the_next_offer"] = *next;
    result["seconds_to_the_one_after"] = *silver;
    result["seconds_money_went_on"] = std::max(0.0, std::chrono::duration<double>(last - rise).count());
    const auto evidence = evidenceOf(context, *id);
    if (!evidence) return tl::unexpected(evidence.error());
    result["evidence"] = *evidence;
    context.expect((*evidence)["ways"].size() == 4, "the ledger does not keep how prices and ways changed");
    context.expect((*evidence)["statements"].get<int>() >= 3, "a key of some way has no statement");
    return {};
}

// The menus that were replaced before their time, each signed by its ISP.
Expected<void> keptMenus(ScenarioContext& context) {
    uint64_t good = 0;
    const std::filesystem::path folder = agentStateFolder(context.lab().name(), "b") + "/agent/directory/replaced";
    std::error_code error;
    for (const auto& file : std::filesystem::directory_iterator(folder, error)) {
        std::ifstream in(file.path(), std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
        for (const IspSpec& isp : context.topology().isps) {
            const auto url = joinUrl(context.lab(), isp.name);
            const auto where = url ? directory::parseJoinUrl(*url) : tl::unexpected(directory::DocumentError::BadUrl);
            if (where && directory::openMenu(text, where->key, IspId(isp.id), systemClock().now())) ++good;
        }
    }
    context.result()["replaced_menus_kept"] = good;
    context.expect(good >= 4, "the menus that were replaced are not kept with their signatures");
    return {};
}

Expected<void> run(ScenarioContext& context) {
    auto transfer = OffersTransfer::start(context, mbit);
    if (!transfer) return tl::unexpected(transfer.error());
    auto meter = PaymentMeter::start(context.lab(), context.topology().accessLink("b")->name, "b");
    if (!meter) return tl::unexpected(meter.error());
    LAB_TRY(rises(context, **meter));
    LAB_TRY(transfer->goesOn(context));
    LAB_TRY(transfer->judge(context));
    LAB_TRY(keptMenus(context));
    const auto paid = (*meter)->stop();
    if (!paid) return tl::unexpected(paid.error());
    Json& result = context.result();
    result["dearest_packet"] = paid->dearest.toString();
    context.expect(paid->dearest == *Money::fromNanodollars(15), "a packet cost more than was agreed to");
    const uint64_t underpaid = underpaidAt(context, "y1") + underpaidAt(context, "v1");
    result["underpaid"] = underpaid;
    context.expect(underpaid == 0, "packets fell between two menus");
    const auto bill = billOf(context.lab(), "b");
    if (!bill) return tl::unexpected(bill.error());
    reportBill(result, *bill);
    context.expect(bill->exact(), "ledger, counter and invoice differ");
    context.expect(bill->invoice == paid->amount, "the invoice is not what the captured headers promise");
    return context.lab().checkPrograms();
}

}  // namespace

Scenario priceRiseScenario() {
    return {"price-rise",
            "ISPs raise prices under a purchase and a held quote; nobody pays more than agreed",
            "two-ways",
            {},
            run};
}

}  // namespace netpas::lab
