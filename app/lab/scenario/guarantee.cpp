// A class with a guarantee over a full peering (NetPaS §3.1.1): what is reserved arrives, is kept while its owner is silent, costs what the offer said, and
// is not sold twice. Who finds no place pays for the question only.
#include <array>
#include <mutex>
#include <nlohmann/json.hpp>

#include "app/lab/evidence.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/cross_traffic.h"
#include "app/lab/tools/payment_meter.h"
#include "app/lab/tools/tool.h"
#include "core/price_code.h"

namespace netpas::lab {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr uint16_t port = 5007;
constexpr uint16_t crossPort = 5001;
constexpr size_t crossStreams = 12;
constexpr uint16_t seller = 25;
constexpr double defaultSeconds = 10;  // of each flow
constexpr size_t datagram = 500;       // of UDP payload; with headers 528 bytes
constexpr double rate = 200;           // datagrams a second: 0.84 Mbit/s
constexpr double tooMuch = 1000;       // 4.2 Mbit/s, more than twice of what is reserved
constexpr seconds patience{20};

Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }
Money times(Money a, uint64_t n) { return checkedMul(a, static_cast<int64_t>(n)).value_or(Money::max()); }

double since(Clock::time_point from, Clock::time_point to) { return std::chrono::duration<double>(to - from).count(); }

// What the seller asks, by the topology.
struct Prices {
    Money packet, first, minute;
};

// Of a payer's packets, by what they promise the seller.
struct Charges {
    uint64_t data = 0, questions = 0, setUps = 0, minutes = 0, others = 0;
    std::optional<Clock::time_point> setUp, minute, lastData;
    Money amount;                       // of all
    Money dearestSetUp, dearestMinute;  // whole packets
};

class ChargeWatch {
public:
    explicit ChargeWatch(Prices prices) : m_prices(prices) {}

    void saw(std::span<const uint8_t> frame) {
        const auto packet = readPaidPacket(frame);
        if (!packet) return;
        const auto hop = std::find_if(packet->hops.begin(), packet->hops.end(),
                                      [](const PaidHop& one) { return one.isp == seller; });
        const std::lock_guard lock(m_mutex);
        const Money total = Money::fromEighths(static_cast<int64_t>(packet->totalEighths()));
        m_charges.amount = plus(m_charges.amount, total);
        if (hop == packet->hops.end()) {
            ++m_charges.others;
            return;
        }
        const Money paid = Money::fromEighths(static_cast<int64_t>(hop->priceEighths));
        if (paid >= m_prices.first) {
            ++m_charges.setUps;
            m_charges.setUp = Clock::now();
            m_charges.dearestSetUp = std::max(m_charges.dearestSetUp, total);
        } else if (paid >= m_prices.minute) {
            ++m_charges.minutes;
            m_charges.minute = Clock::now();
            m_charges.dearestMinute = std::max(m_charges.dearestMinute, total);
        } else if (paid != m_prices.packet) {
            ++m_charges.others;
        } else if (packet->innerPort == 0) {
            ++m_charges.questions;
        } else {
            ++m_charges.data;
            m_charges.lastData = Clock::now();
        }
    }
    [[nodiscard]] Charges now() const {
        const std::lock_guard lock(m_mutex);
        return m_charges;
    }

private:
    const Prices m_prices;
    mutable std::mutex m_mutex;
    Charges m_charges;
};

class GuaranteeShow {
public:
    explicit GuaranteeShow(ScenarioContext& context)
        : m_context(context),
          m_lab(context.lab()),
          m_result(context.result()),
          m_to(context.address("a").toString()),
          m_short(context.options().seconds > 0),
          m_seconds(m_short ? context.options().seconds : defaultSeconds),
          m_spec(*context.topology().isp("Y")->classes.at(0).guarantee),
          m_prices{context.topology().isp("Y")->classes[0].price.perPacket, {}, {}} {
        m_prices.minute = plus(m_prices.packet, m_spec.perMinute);
        m_prices.first = plus(m_prices.minute, m_spec.setUp);
    }
    Expected<void> run();

private:
    struct Payer {
        std::string host;
        std::unique_ptr<ChargeWatch> watch;  // before the meter, whose thread uses it
        std::unique_ptr<PaymentMeter> meter;
        Json offer;
        std::string purchase;
    };

    Expected<void> watch(Payer& payer);
    Expected<void> order(Payer& payer);
    Expected<Json> flow(const std::string& host, double perSecond, double time, uint32_t stream);
    Expected<std::array<Json, 2>> bothFlows();
    Expected<void> reserve();
    Expected<void> compare();
    Expected<void> silence();
    Expected<void> noPlace();
    Expected<void> crash();
    Expected<void> police();
    Expected<void> handOver();
    Expected<void> judgeBooks(Payer& payer);
    Expected<void> judgeDebts();

    ScenarioContext& m_context;
    Lab& m_lab;
    Json& m_result;
    std::string m_to;
    bool m_short;
    double m_seconds;
    GuaranteeSpec m_spec;
    Prices m_prices;
    Payer m_b{"b", {}, {}, {}, {}}, m_e{"e", {}, {}, {}, {}};
    std::unique_ptr<CrossTraffic> m_cross;
    std::optional<Tool> m_echo;
};

Expected<void> GuaranteeShow::watch(Payer& payer) {
    payer.watch = std::make_unique<ChargeWatch>(m_prices);
    auto meter = PaymentMeter::start(m_lab, m_context.topology().accessLink(payer.host)->name, payer.host,
                                     [seen = payer.watch.get()](std::span<const uint8_t> frame) {
                                         seen->saw(frame);
                                         return true;
                                     });
    if (!meter) return tl::unexpected(meter.error());
    payer.meter = std::move(*meter);
    return {};
}

// By the offer, which says what the reservation costs.
Expected<void> GuaranteeShow::order(Payer& payer) {
    LAB_TRY(waitUntil("an offer with a guarantee", patience, [&] {
        const auto quote = netpas(m_lab, payer.host, {"quote", m_to});
        for (const Json& offer : quote ? quote->value("offers", Json::array()) : Json::array()) {
            if (offer.contains("guarantee")) payer.offer = offer;
        }
        return payer.offer.is_object();
    }));
    Purchase wish;
    wish.to = m_to;
    wish.protocol = "udp";
    wish.toPort = port;
    wish.offer = payer.offer.value("id", "");
    const auto bought = buy(m_lab, payer.host, wish);
    if (!bought) return tl::unexpected(bought.error());
    payer.purchase = *bought;
    return {};
}

Expected<Json> GuaranteeShow::flow(const std::string& host, double perSecond, double time, uint32_t stream) {
    auto tool = Tool::start(
        m_lab, host, "round-trip",
        {"to=" + m_to, "port=" + std::to_string(port), "size=" + std::to_string(datagram),
         "rate=" + std::to_string(perSecond), "seconds=" + std::to_string(time), "seed=" + std::to_string(stream)});
    if (!tool) return tl::unexpected(tool.error());
    return tool->finish(seconds(static_cast<int>(time)) + patience);
}

// B's reserved flow and E's, at the same time over the same link.
Expected<std::array<Json, 2>> GuaranteeShow::bothFlows() {
    std::vector<Tool> tools;
    for (const char* host : {"b", "e"}) {
        auto tool = Tool::start(m_lab, host, "round-trip",
                                {"to=" + m_to, "port=" + std::to_string(port), "size=" + std::to_string(datagram),
                                 "rate=" + std::to_string(rate), "seconds=" + std::to_string(m_seconds),
                                 "seed=" + std::to_string(m_context.options().seed)});
        if (!tool) return tl::unexpected(tool.error());
        tools.push_back(std::move(*tool));
    }
    std::array<Json, 2> both;
    for (size_t i = 0; i < both.size(); ++i) {
        auto done = tools[i].finish(seconds(static_cast<int>(m_seconds)) + patience);
        if (!done) return tl::unexpected(done.error());
        both[i] = std::move(*done);
    }
    return both;
}

Expected<void> GuaranteeShow::reserve() {
    LAB_TRY(watch(m_b));
    LAB_TRY(watch(m_e));
    auto echo = Tool::start(m_lab, "a", "echo", {"port=" + std::to_string(port)});
    if (!echo) return tl::unexpected(echo.error());
    m_echo = std::move(*echo);
    auto cross = CrossTraffic::start(m_lab, "c", "d", {m_context.address("d"), crossPort}, crossStreams);
    if (!cross) return tl::unexpected(cross.error());
    m_cross = std::move(*cross);
    LAB_TRY(order(m_b));
    const Json shown = m_b.offer.value("guarantee", Json::object());
    m_result["shown_first_minute"] = shown.value("first_minute", "");
    m_result["shown_each_minute"] = shown.value("each_minute", "");
    m_context.say("B buys a guarantee over the full peering: " + shown.value("first_minute", "") +
                  " for the first minute, " + shown.value("each_minute", "") + " for each further one.");
    const auto first = flow("b", rate, 1, 99);
    if (!first) return tl::unexpected(first.error());
    const Charges paid = m_b.watch->now();
    m_context.expect(paid.setUps == 1 && paid.questions >= 1, "the first packets did not set up the reservation once");
    m_context.expect(paid.data > 0, "nothing was carried under the reservation");
    return {};
}

Expected<void> GuaranteeShow::compare() {
    const auto flows = bothFlows();
    if (!flows) return tl::unexpected(flows.error());
    m_result["reserved"] = (*flows)[0];
    m_result["best_effort"] = (*flows)[1];
    m_context.say("Reserved: " + (*flows)[0].dump() + "; best effort beside it: " + (*flows)[1].dump());
    m_context.expect((*flows)[0].value("lost", 1) == 0, "packets of the reserved flow were lost");
    m_context.expect((*flows)[1].value("lost", 0) > 0, "best effort lost nothing: the peering was not full");
    m_context.expect((*flows)[0].value("p99_ms", 1e9) < (*flows)[1].value("median_ms", 0.0),
                     "the reserved flow waited as long as best effort");
    m_context.expect(m_e.watch->now().amount == Money::zero(), "E paid before it bought anything");
    return {};
}

// Nothing to send until a minute after the charge that pays for it.
Expected<void> GuaranteeShow::silence() {
    const Charges before = m_b.watch->now();
    m_context.say("B falls silent.");
    LAB_TRY(waitUntil("the next minute to be paid", seconds(70),
                      [&] { return m_b.watch->now().minutes > before.minutes; }));
    const Charges renewed = m_b.watch->now();
    const Clock::time_point over = *renewed.setUp + seconds(65);
    LAB_TRY(waitUntil("the first minute to be over", seconds(75), [&] { return Clock::now() >= over; }));
    const Charges quiet = m_b.watch->now();
    m_result["renewed_after_seconds"] = since(*renewed.setUp, *renewed.minute);
    m_result["silent_seconds"] = since(*before.lastData, Clock::now());
    m_context.expect(quiet.data == before.data, "data was sent while B was silent");
    m_context.expect(since(*renewed.setUp, *renewed.minute) < 60, "the next minute was paid after the first was over");
    const auto again = flow("b", rate, m_seconds, 2);
    if (!again) return tl::unexpected(again.error());
    m_result["after_silence"] = *again;
    m_context.expect(again->value("lost", 1) == 0 && again->value("back", 0) > 0,
                     "after the silence packets of the reserved flow were lost");
    m_context.expect(m_b.watch->now().setUps == 1, "B set up its reservation again");
    return {};
}

// E wants the only place, which B has.
Expected<void> GuaranteeShow::noPlace() {
    LAB_TRY(order(m_e));
    auto sender = flow("e", rate, 3, 3);
    if (!sender) return tl::unexpected(sender.error());
    const Charges paid = m_e.watch->now();
    m_result["second_customer"] =
        Json{{"flow", *sender}, {"questions", paid.questions}, {"paid", paid.amount.toString()}};
    m_context.expect(paid.questions > 0, "E did not ask for a place");
    m_context.expect(paid.setUps == 0 && paid.minutes == 0 && paid.data == 0, "E paid for a place that it did not get");
    m_context.expect(sender->value("back", 0) > 0, "E's flow did not go on at all");
    const auto told = netpas(m_lab, "e", {"purchases"});
    if (!told) return tl::unexpected(told.error());
    m_context.say("E is told: " + told->dump());
    m_context.expect(told->dump().find("no place is left") != std::string::npos, "E is not told why: " + told->dump());
    return {};
}

// Who has paid keeps the place, whatever happens to the router.
Expected<void> GuaranteeShow::crash() {
    const Charges before = m_b.watch->now();
    m_context.say("Y's router is killed and started again.");
    LAB_TRY(crashEdge(m_lab, "Y", "y1"));
    const auto again = flow("b", rate, 2, 5);
    if (!again) return tl::unexpected(again.error());
    const Charges after = m_b.watch->now();
    m_result["after_crash"] = Json{{"flow", *again}, {"set_ups", after.setUps - before.setUps}};
    m_context.expect(after.setUps == before.setUps && after.data > before.data,
                     "the router forgot what was paid for when it was killed");
    m_context.expect(again->value("lost", 1) == 0, "after the router's restart reserved packets were lost");
    return {};
}

// More than twice what is reserved: the rest neither enters the class nor is paid for.
Expected<void> GuaranteeShow::police() {
    const double time = std::max(3.0, m_seconds / 2);
    const Charges before = m_b.watch->now();
    const auto sent = flow("b", tooMuch, time, 4);
    if (!sent) return tl::unexpected(sent.error());
    const Charges after = m_b.watch->now();
    const uint64_t carried = after.data - before.data;
    const double bits = static_cast<double>(carried) * static_cast<double>(datagram + 28) * 8;
    m_result["too_much"] = Json{{"sent", sent->value("sent", uint64_t{0})},
                                {"carried_in_class", carried},
                                {"mbit_in_class", bits / time / 1e6}};
    const auto most = static_cast<double>(m_spec.rate.bitsPerSecond) * (time + 1);
    m_context.expect(bits <= most, "more than was reserved went into the class");
    m_context.expect(carried > 0 && carried < sent->value("sent", uint64_t{0}), "nothing was held back");
    const auto edge = edgeCounters(m_lab, "y1");
    if (!edge) return tl::unexpected(edge.error());
    const Json refused = edge->value("verdicts", Json::object());
    m_result["not_reserved_at_y"] = refused.value("not_reserved", uint64_t{0});
    m_context.expect(refused.value("not_reserved", uint64_t{0}) == 0, "Y refused packets that were paid for");
    return {};
}

// B leaves; E gets the place when what B has paid for is over.
Expected<void> GuaranteeShow::handOver() {
    m_context.say("B ends its purchase; E waits for the place.");
    auto sender = Tool::start(m_lab, "e", "round-trip", {"to=" + m_to, "port=" + std::to_string(port), "rate=20"});
    if (!sender) return tl::unexpected(sender.error());
    const auto start = Clock::now();
    LAB_TRY(waitUntil("E to get the place", seconds(150), [&] { return m_e.watch->now().data > 0; }));
    m_result["second_customer_waited_seconds"] = since(start, Clock::now());
    m_context.expect(m_e.watch->now().setUps == 1, "E did not set up exactly once");
    return sender->stop().map([](const Json&) {});
}

// The sum is what the offer said, times what the capture counted.
Expected<void> GuaranteeShow::judgeBooks(Payer& payer) {
    const auto captured = payer.meter->stop();
    if (!captured) return tl::unexpected(captured.error());
    const Charges seen = payer.watch->now();
    const auto bill = billOf(m_lab, payer.host);
    if (!bill) return tl::unexpected(bill.error());
    const Json shown = payer.offer.value("guarantee", Json::object());
    const Money first = amountAt(shown, "first_minute").value_or(Money::zero());
    const Money minute = amountAt(shown, "each_minute").value_or(Money::zero());
    // Whole packets: Z's and X's prices beside Y's.
    Money packet = m_prices.packet;
    for (const char* isp : {"Z", "X"}) packet = plus(packet, m_context.topology().isp(isp)->classes[0].price.perPacket);
    const Money sum =
        plus(plus(times(packet, seen.data + seen.questions), times(first, seen.setUps)), times(minute, seen.minutes));
    Json& result = m_result["bill_" + payer.host] = Json::object();
    reportBill(result, *bill);
    result["data_packets"] = seen.data;
    result["questions"] = seen.questions;
    result["set_ups"] = seen.setUps;
    result["minutes"] = seen.minutes;
    result["per_packet"] = packet.toString();
    result["captured"] = captured->amount.toString();
    result["computed"] = sum.toString();
    m_context.expect(bill->exact(), payer.host + ": ledger, counter and invoice differ");
    m_context.expect(seen.others == 0, payer.host + ": packets that pay something else");
    m_context.expect(bill->invoice == captured->amount && sum == captured->amount && bill->invoice > Money::zero(),
                     payer.host + ": the invoice is not packets, set-up and minutes as captured");
    m_context.expect(seen.setUps == 0 || seen.dearestSetUp == first, payer.host + ": the first minute cost otherwise");
    m_context.expect(seen.minutes == 0 || seen.dearestMinute == minute, payer.host + ": a minute cost otherwise");
    return {};
}

Expected<void> GuaranteeShow::judgeDebts() {
    const std::vector<std::string> path{"Z", "Y", "X"};
    const auto books = settledBooks(m_lab, path, seconds(30));
    if (!books) return tl::unexpected(books.error());
    Json debts = Json::array();
    for (size_t i = 0; i + 1 < path.size(); ++i) {
        const Json* const there =
            findEntry(books->at(path[i]), "neighbours", "isp", m_context.topology().isp(path[i + 1])->id);
        const Json* const here =
            findEntry(books->at(path[i + 1]), "neighbours", "isp", m_context.topology().isp(path[i])->id);
        const auto owes = there != nullptr ? amountAt(*there, "owed_to") : std::nullopt;
        const auto isOwed = here != nullptr ? amountAt(*here, "owed_by") : std::nullopt;
        m_context.expect(owes && isOwed && *owes == *isOwed && *owes > Money::zero(),
                         path[i] + " and " + path[i + 1] + " disagree about their debt");
        if (owes) debts.push_back(Json{{"from", path[i]}, {"to", path[i + 1]}, {"amount", owes->toString()}});
    }
    m_result["debts"] = std::move(debts);
    return {};
}

Expected<void> GuaranteeShow::run() {
    LAB_TRY(reserve());
    LAB_TRY(compare());
    LAB_TRY(noPlace());
    LAB_TRY(crash());
    LAB_TRY(police());
    if (!m_short) LAB_TRY(silence());
    const auto stopped = stopPurchase(m_lab, "b", m_b.purchase);
    if (!stopped) return tl::unexpected(stopped.error());
    if (!m_short) LAB_TRY(handOver());
    const auto last = stopPurchase(m_lab, "e", m_e.purchase);
    if (!last) return tl::unexpected(last.error());
    m_context.expect(m_cross->bytesReceived() > 0, "there was no cross traffic");
    m_cross.reset();
    LAB_TRY(judgeDebts());
    LAB_TRY(judgeBooks(m_b));
    LAB_TRY(judgeBooks(m_e));
    return m_lab.checkPrograms();
}

void adjust(Topology& topology, const ScenarioOptions&) { topology.ipv6 = false; }

}  // namespace

Scenario guaranteeScenario() {
    return {"guarantee", "a class with a guarantee: reserved, kept in silence, full for the next, paid as offered",
            "guaranteed-class", adjust, [](ScenarioContext& context) { return GuaranteeShow(context).run(); }};
}

}  // namespace netpas::lab
