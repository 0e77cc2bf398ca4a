#include "app/lab/scenario/viewer_buys.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "app/lab/parties.h"
#include "app/lab/scenario/reconcile.h"

namespace netpas::lab {
namespace {

constexpr const char* seller = "g";

Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }

}  // namespace

void letViewerBuy(Topology& topology, const ScenarioOptions&) {
    for (HostSpec& host : topology.hosts) {
        if (host.name == "a") host.agent = host.mayReceive = true;
        if (host.name != "b") continue;
        host.agent = false;
        host.behind = seller;
    }
    HostSpec router;
    router.name = seller;
    router.agent = router.sells = router.mayReceive = true;
    topology.hosts.push_back(router);
    for (LinkSpec& link : topology.links)
        std::replace(link.between.begin(), link.between.end(), std::string("b"), router.name);
}

Expected<void> ViewerBuys::beforeTrouble() {
    return netpas(m_lab, viewer, {"receive", "on"}).map([](const Json&) {});  // what is not spent comes back
}

// As a player with a button does, which shows what it would cost.
Expected<void> ViewerBuys::askPrice(const FlowKey& flow) {
    const auto asked = std::chrono::steady_clock::now();
    const auto quote = netpas(m_lab, viewer,
                              {"quote", flow.src.toString(), "--incoming", "--to-port", std::to_string(flow.srcPort),
                               "--from-port", std::to_string(flow.dstPort), "--mbit", "2.6"});
    if (!quote) return tl::unexpected(quote.error());
    const Json offers = quote->value("offers", Json::array());
    if (offers.size() < 2) return fail(LabErrc::Evidence, "nobody sells for what comes here: " + quote->dump());
    m_offer = offers.back().value("id", "");
    Json& result = m_context.result();
    result["quote_seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - asked).count();
    result["price_shown_per_minute"] = offers.back().value("per_minute_at_most", "");
    m_context.say("The viewer asks what it would cost: at most $" + offers.back().value("per_minute_at_most", "") +
                  " a minute.");
    return {};
}

Expected<std::string> ViewerBuys::place(const FlowKey& flow) {
    Purchase wish;
    wish.to = flow.src.toString();
    wish.protocol = "tcp";
    wish.toPort = flow.srcPort;
    wish.fromPort = flow.dstPort;
    wish.incoming = true;
    wish.offer = m_offer;
    m_context.say("The viewer's agent buys it for what comes: netpas buy --incoming --to " + wish.to + " --to-port " +
                  std::to_string(wish.toPort) + " --from-port " + std::to_string(wish.fromPort) +
                  " --proto tcp --cap 1 --offer " + m_offer);
    return buy(m_lab, viewer, wish);
}

Expected<std::string> ViewerBuys::order(const FlowKey& flow) {
    const auto asked = std::chrono::steady_clock::now();
    const auto bought = place(flow);
    if (!bought) return tl::unexpected(bought.error());
    m_viewers = *bought;
    const auto since = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - asked).count(); };
    m_context.result()["buy_seconds"] = since();
    Json sold;
    LAB_TRY(waitUntil("the access router's purchase", std::chrono::seconds(10), [&] {
        const auto open = netpas(m_lab, accessRouter, {"purchases"});
        const Json list = open ? open->value("purchases", Json::array()) : Json::array();
        if (list.size() == 1) sold = list[0];
        return sold.is_object() && sold.value("state", "") == "active";
    }));
    m_context.result()["seller_active_seconds"] = since();
    return sold.value("id", "");
}

Expected<Json> ViewerBuys::stopViewers(const std::string& purchase) { return stopPurchase(m_lab, viewer, purchase); }

Expected<void> ViewerBuys::endPurchase() {
    const auto settled = stopViewers(m_viewers);
    if (!settled) return tl::unexpected(settled.error());
    LAB_TRY(waitUntil("the access router's purchase to settle", std::chrono::seconds(20), [&] {
        const auto open = netpas(m_lab, accessRouter, {"purchases"});
        return open && open->value("purchases", Json::array()).empty();
    }));
    return judgeSlices(*settled);
}

Expected<Money> ViewerBuys::sum(const std::string& host, const std::string& verb, const char* list, const char* field) {
    const auto said = netpas(m_lab, host, {verb, "--limit", "1000"});
    if (!said) return tl::unexpected(said.error());
    Money all;
    for (const Json& one : said->value(list, Json::array())) {
        if (one.contains(field) && one[field].is_string()) all = plus(all, moneyOf(one, field));
    }
    return all;
}

Expected<void> ViewerBuys::judgeSlices(const Json& settled) {
    const Json side = settled.value("reverse", Json::object());
    Json& result = m_context.result();
    const Money charged = moneyOf(side, "charged");
    const Money back = side.contains("refunded") && side["refunded"].is_string() ? moneyOf(side, "refunded") : Money();
    result["slices"] = side.value("payments", 0);
    result["viewer_charged"] = charged.toString();
    result["viewer_refunded"] = back.toString();
    const double net = static_cast<double>(charged.eighths() - back.eighths()) / 8e9;
    char perMinute[32];
    std::snprintf(perMinute, sizeof perMinute, "%.9f", paidTime() > 0 ? net / paidTime() * 60 : 0.0);
    result["cost_per_minute"] = perMinute;
    // Both ends' books of the same payments, and what the ISPs on the way have taken for passing them on: nothing here.
    const auto sent = sum(viewer, "payments", "payments", "charged");
    const auto received = sum(accessRouter, "received", "received", "amount");
    const auto returned = sum(accessRouter, "payments", "payments", "charged");
    const auto refunds = sum(viewer, "received", "received", "amount");
    for (const auto* one : {&sent, &received, &returned, &refunds}) {
        if (!*one) return tl::unexpected(one->error());
    }
    result["viewer_sent"] = sent->toString();
    result["seller_received"] = received->toString();
    result["seller_returned"] = returned->toString();
    result["viewer_received"] = refunds->toString();
    m_context.expect(*sent == charged && *sent == *received, "what the viewer paid is not what the seller received");
    m_context.expect(*returned == *refunds && *refunds == back, "what the seller paid back is not what came back");
    if (*returned != *refunds || *refunds != back) {
        const auto list = netpas(m_lab, accessRouter, {"payments"});
        if (list) m_context.say(list->dump(1));
    }
    const auto history = netpas(m_lab, accessRouter, {"history", "--limit", "1000"});
    if (!history) return tl::unexpected(history.error());
    Money spent;
    for (const Json& one : history->value("entries", Json::array())) {
        if (one.value("payment", Json()).is_null()) spent = plus(spent, moneyOf(one, "charged"));
    }
    result["seller_spent"] = spent.toString();
    m_context.expect(plus(spent, *returned) == *received, "the seller kept something or paid from its own pocket");
    return {};
}

Scenario viewerBuysScenario() {
    Scenario scenario;
    scenario.name = "viewer-buys";
    scenario.description = "the viewer pays for what an ordinary web server sends; the server's access router sells";
    scenario.topology = "congested-peering";
    scenario.adjust = letViewerBuy;
    scenario.run = [](ScenarioContext& context) { return ViewerBuys(context).run(); };
    return scenario;
}

}  // namespace netpas::lab
