// An ISP sells a class and secretly carries it like everything else. The purchase that suffers is moved to the next best offer; when that one is a lie,
// too, its flow goes best effort. The money stops, the connection stays, and the case is kept.
#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>

#include "app/lab/command.h"
#include "app/lab/evidence.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/cross_traffic.h"
#include "app/lab/tools/payment_meter.h"
#include "app/lab/tools/tool.h"

namespace netpas::lab {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr uint16_t port = 5004;
constexpr uint16_t crossPort = 5001;
constexpr size_t crossStreams = 12;
constexpr double mbit = 3;
constexpr double defaultSeconds = 12;  // while it delivers, and again on the next offer
constexpr seconds limit{40};
constexpr uint16_t liar = 25;
constexpr uint8_t gold = 1;
constexpr uint8_t silver = 2;

double secondsBetween(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
}

void adjust(Topology& topology, const ScenarioOptions&) {
    topology.ipv6 = false;
    for (IspSpec& isp : topology.isps) {
        isp.measured = true;
        for (ServiceClassSpec& one : isp.classes) {
            one.rate = BitRate{one.id == gold ? 6'000'000U : 5'000'000U};
            if (one.latency) continue;
            one.latency = std::chrono::milliseconds(40);
            one.loss = Fraction{1000};
        }
    }
}

// When a packet last paid for each of the liar's classes, by the headers on B's own link.
class LastPaid {
public:
    void saw(std::span<const uint8_t> frame) {
        const auto packet = readPaidPacket(frame);
        if (!packet) return;
        for (const PaidHop& hop : packet->hops) {
            if (hop.isp == liar && hop.serviceClass < m_at.size()) m_at[hop.serviceClass] = Clock::now();
        }
    }
    [[nodiscard]] Clock::time_point of(uint8_t service) const { return m_at[service]; }

private:
    std::array<std::atomic<Clock::time_point>, 64> m_at{};
};

class LiarClass {
public:
    explicit LiarClass(ScenarioContext& context)
        : m_context(context),
          m_lab(context.lab()),
          m_to(context.address("a").toString()),
          m_seconds(context.options().seconds > 0 ? context.options().seconds : defaultSeconds) {}
    Expected<void> run();

private:
    Expected<void> begin();
    Expected<void> honest();
    Expected<void> nextOffer();
    Expected<void> bestEffort();
    Expected<void> remembered();
    Expected<void> judgeConnection();
    Expected<void> judgeBooks();

    Expected<void> stopServing(uint8_t service);
    Expected<void> pass(double time);
    [[nodiscard]] Expected<Json> deliveries();
    [[nodiscard]] Json purchase();
    [[nodiscard]] static int classAt(const Json& purchase, uint16_t isp);

    ScenarioContext& m_context;
    Lab& m_lab;
    std::string m_to;
    double m_seconds;
    std::string m_purchase;
    std::unique_ptr<CrossTraffic> m_cross;
    std::optional<Tool> m_sink, m_sender;
    LastPaid m_lastPaid;  // before the meter, whose thread uses it
    std::unique_ptr<PaymentMeter> m_meter;
};

// The routers of Y still charge for the class, but the link to X does not know it any more: a packet with its mark waits with all others.
Expected<void> LiarClass::stopServing(uint8_t service) {
    for (size_t i = 0; i < m_context.topology().links.size(); ++i) {
        if (m_context.topology().links[i].name != "peering") continue;
        const InterfacePlan& near = m_context.plan().links[i][0];
        // As network.cpp made them: one filter for each class, in their order.
        const std::string handle = "800::80" + std::to_string(service - 1);
        const auto done = requireCommand({"tc", "-n", m_lab.netns(near.node), "filter", "del", "dev", near.name,
                                          "parent", "1:", "protocol", "ip", "prio", "1", "handle", handle, "u32"});
        if (!done) return tl::unexpected(done.error());
        return {};
    }
    return fail(LabErrc::Usage, "the topology has no link 'peering'");
}

Expected<void> LiarClass::pass(double time) {
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(time));
    return waitUntil("the time to pass", seconds(static_cast<int>(time) + 5), [&] { return Clock::now() >= end; });
}

Expected<Json> LiarClass::deliveries() { return netpas(m_lab, "b", {"deliveries"}); }

Json LiarClass::purchase() {
    for (const char* list : {"purchases", "history"}) {
        const auto all = netpas(m_lab, "b", {list});
        if (!all) continue;
        for (const auto& [name, entries] : all->items()) {
            const Json* const found = entries.is_array() ? findEntry(*all, name, "id", m_purchase) : nullptr;
            if (found != nullptr) return *found;
        }
    }
    return Json::object();
}

int LiarClass::classAt(const Json& purchase, uint16_t isp) {
    for (const Json& hop : purchase.value("path", Json::array())) {
        if (hop.value("isp", 0) == isp) return hop.value("class", 0);
    }
    return 0;
}

// A connection that wants 3 Mbit/s, the best class for it, and a peering link that others fill.
Expected<void> LiarClass::begin() {
    const std::string where = "port=" + std::to_string(port);
    const std::string seed = "seed=" + std::to_string(m_context.options().seed);
    auto meter = PaymentMeter::start(m_lab, m_context.topology().accessLink("b")->name, "b",
                                     [this](std::span<const uint8_t> frame) {
                                         m_lastPaid.saw(frame);
                                         return true;
                                     });
    if (!meter) return tl::unexpected(meter.error());
    m_meter = std::move(*meter);
    auto sink = Tool::start(m_lab, "a", "tcp-sink", {where, seed});
    if (!sink) return tl::unexpected(sink.error());
    m_sink = std::move(*sink);
    auto sender =
        Tool::start(m_lab, "b", "tcp-send", {"to=" + m_to, where, seed, "seconds=600", "mbit=" + std::to_string(mbit)});
    if (!sender) return tl::unexpected(sender.error());
    m_sender = std::move(*sender);
    Purchase wish;
    wish.to = m_to;
    wish.protocol = "tcp";
    wish.toPort = port;
    const auto bought = buy(m_lab, "b", wish);
    if (!bought) return tl::unexpected(bought.error());
    m_purchase = *bought;
    LAB_TRY(pass(4));
    auto cross = CrossTraffic::start(m_lab, "c", "d", {m_context.address("d"), crossPort}, crossStreams);
    if (!cross) return tl::unexpected(cross.error());
    m_cross = std::move(*cross);
    return {};
}

Expected<void> LiarClass::honest() {
    m_context.say("B has bought the best class of all; others fill the link between Y and X. Y delivers.");
    LAB_TRY(pass(m_seconds));
    const auto said = deliveries();
    if (!said) return tl::unexpected(said.error());
    const Json now = purchase();
    m_context.result()["cases_while_honest"] = said->value("cases", Json::array()).size();
    m_context.expect(said->value("cases", Json::array()).empty(), "a case while Y delivers: " + said->dump());
    m_context.expect(now.value("state", "") == "active" && classAt(now, liar) == gold,
                     "the purchase is not on Y's gold class while Y delivers: " + now.dump());
    return {};
}

Expected<void> LiarClass::nextOffer() {
    const auto start = Clock::now();
    LAB_TRY(stopServing(gold));
    m_context.say("Y goes on to sell gold, and carries it like everything else.");
    const auto moved = waitUntil("the purchase to take the next offer", limit, [&] {
        const Json now = purchase();
        return now.value("state", "") == "active" && classAt(now, liar) == silver;
    });
    if (!moved) {
        const auto measured = netpas(m_lab, "b", {"measurements"});
        return fail(LabErrc::Evidence,
                    moved.error().text + "; " + purchase().dump() + (measured ? measured->dump() : ""));
    }
    m_context.result()["seconds_to_next_offer"] = secondsBetween(start, Clock::now());
    LAB_TRY(pass(m_seconds));
    const double stopped = secondsBetween(start, m_lastPaid.of(gold));
    m_context.result()["seconds_until_gold_was_paid_last"] = stopped;
    m_context.say("After " + std::to_string(stopped) + " s nothing is paid for gold any more: B pays for silver.");
    const auto said = deliveries();
    if (!said) return tl::unexpected(said.error());
    m_context.expect(said->value("cases", Json::array()).size() == 1, "silver is delivered, but: " + said->dump());
    m_context.expect(classAt(purchase(), liar) == silver, "the purchase does not stay on silver");
    m_context.expect(m_lastPaid.of(silver) > m_lastPaid.of(gold), "nothing was paid for silver");
    return {};
}

Expected<void> LiarClass::bestEffort() {
    const auto start = Clock::now();
    LAB_TRY(stopServing(silver));
    m_context.say("Now silver is a lie, too.");
    LAB_TRY(
        waitUntil("the purchase to end by itself", limit, [&] { return purchase().value("state", "") == "settled"; }));
    const Json over = purchase();
    const double stopped = secondsBetween(start, m_lastPaid.of(silver));
    m_context.result()["seconds_until_silver_was_paid_last"] = stopped;
    m_context.result()["reason"] = over.value("reason", "");
    m_context.expect(over.value("reason", "") == "not delivered", "the purchase ended otherwise: " + over.dump());
    m_context.say("After " + std::to_string(stopped) + " s nothing is paid for at all: " + over.value("note", ""));
    return {};
}

// Also by an agent and a secretary that were started again; and it has consequences.
Expected<void> LiarClass::remembered() {
    m_lab.stopProgram(agentProgram("b"));
    LAB_TRY(startAgent(m_lab, "b"));
    const auto said = deliveries();
    if (!said) return tl::unexpected(said.error());
    const Json cases = said->value("cases", Json::array());
    m_context.result()["cases"] = Json::array();
    for (const Json& one : cases) {
        uint64_t bad = 0;
        for (const Json& window : one["evidence"].value("windows", Json::array()))
            bad += window["vote"] == "bad" ? 1U : 0U;
        m_context.result()["cases"].push_back(Json{{"not_delivered", one["not_delivered"]},
                                                   {"outcome", one["outcome"]},
                                                   {"paid", one["paid"]},
                                                   {"bad_windows", bad}});
        m_context.expect(bad >= 8, "the evidence shows too little: " + one.dump());
    }
    m_context.expect(cases.size() == 2, "there are not two cases: " + said->dump());
    m_context.result()["avoided"] = Json::array();
    for (const Json& one : said->value("classes", Json::array())) {
        if (one.value("avoided", false)) m_context.result()["avoided"].push_back(Json{one["isp"], one["class"]});
    }
    const auto again =
        netpas(m_lab, "b", {"buy", "--to", m_to, "--to-port", "5005", "--class", "best", "--cap", "0.1"});
    m_context.result()["bought_again"] = again.has_value();
    m_context.expect(!again, "what did not deliver was bought again");
    return {};
}

Expected<void> LiarClass::judgeConnection() {
    const auto sent = m_sender->stop();
    if (!sent) return tl::unexpected(sent.error());
    const auto received = m_sink->finish(limit);
    if (!received) return tl::unexpected(received.error());
    const bool kept = !sent->value("reset", true) && !received->value("reset", true);
    const bool same = sent->value("checksum", "-") == received->value("checksum", "+");
    m_context.result()["bytes"] = sent->value("sent", uint64_t{0});
    m_context.result()["connection_kept"] = kept;
    m_context.result()["checksum_equal"] = same;
    m_context.expect(kept, "the connection was reset");
    m_context.expect(same && sent->value("sent", uint64_t{0}) > 0, "bytes were lost or changed");
    m_context.expect(m_cross->bytesReceived() > 0, "there was no cross traffic");
    return {};
}

Expected<void> LiarClass::judgeBooks() {
    const auto captured = m_meter->stop();
    if (!captured) return tl::unexpected(captured.error());
    const std::vector<std::string> path{"Z", "Y", "X"};
    const auto books = settledBooks(m_lab, path, seconds(30));
    if (!books) return tl::unexpected(books.error());
    const auto bill = billOf(m_lab, "b");
    if (!bill) return tl::unexpected(bill.error());
    reportBill(m_context.result(), *bill);
    m_context.expect(bill->exact(), "ledger, counter and invoice differ");
    m_context.expect(bill->invoice == captured->amount && bill->invoice > Money::zero(),
                     "the invoice is not what the captured headers promise: " + captured->amount.toString());
    Json debts = Json::array();
    for (size_t i = 0; i + 1 < path.size(); ++i) {
        const IspSpec* const up = m_context.topology().isp(path[i]);
        const IspSpec* const down = m_context.topology().isp(path[i + 1]);
        const Json* const there = findEntry(books->at(path[i]), "neighbours", "isp", down->id);
        const Json* const here = findEntry(books->at(path[i + 1]), "neighbours", "isp", up->id);
        const auto owes = there != nullptr ? amountAt(*there, "owed_to") : std::nullopt;
        const auto isOwed = here != nullptr ? amountAt(*here, "owed_by") : std::nullopt;
        m_context.expect(owes && isOwed && *owes == *isOwed && *owes > Money::zero(),
                         path[i] + " and " + path[i + 1] + " disagree about their debt");
        if (owes) debts.push_back(Json{{"from", path[i]}, {"to", path[i + 1]}, {"amount", owes->toString()}});
    }
    m_context.result()["debts"] = std::move(debts);
    return {};
}

Expected<void> LiarClass::run() {
    LAB_TRY(begin());
    LAB_TRY(honest());
    LAB_TRY(nextOffer());
    LAB_TRY(bestEffort());
    LAB_TRY(remembered());
    LAB_TRY(judgeConnection());
    m_cross.reset();
    LAB_TRY(judgeBooks());
    return m_lab.checkPrograms();
}

Expected<void> run(ScenarioContext& context) { return LiarClass(context).run(); }

}  // namespace

Scenario liarClassScenario() {
    return {"liar-class", "an ISP sells a class and does not deliver it", "congested-peering", adjust, run};
}

}  // namespace netpas::lab
