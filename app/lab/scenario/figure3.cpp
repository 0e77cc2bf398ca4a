// NetPaS Figure 3 with real packets: every ISP gets its price for every packet delivered, to the last eighth of a
// nanodollar, and the sampled confirmations stay as close to the truth as the sampler promises.
#include <cmath>
#include <nlohmann/json.hpp>

#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/paid_path.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/tool.h"
#include "core/price_code.h"
#include "core/random.h"
#include "core/sampling/sampler.h"

namespace netpas::lab {
namespace {

constexpr uint64_t defaultPackets = 100'000;
constexpr uint16_t sinkPort = 5001;
constexpr double packetsPerSecond = 40'000;
constexpr int spreadSeeds = 200;

struct Measured {
    uint64_t sent = 0;       // by the sender's own count
    uint64_t delivered = 0;  // distinct, intact packets at the receiver
    LinkTally access;
    std::vector<LinkTally> egress;  // of each ISP but the last
    Bill bill;
};

Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }
Money times(Money a, uint64_t count) { return checkedMul(a, static_cast<int64_t>(count)).value_or(Money::max()); }

// Signed, in dollars.
std::string difference(Money a, Money b) { return checkedSub(a, b).value_or(Money::max()).toString(); }
bool closer(Money a, Money b, Money limit) {
    const auto gap = checkedSub(a, b);
    return gap && gap->eighths() < limit.eighths() && -gap->eighths() < limit.eighths();
}

Money encodedPrice(const IspSpec& isp) {
    const auto code = PriceCode::roundUp(isp.classes.at(0).price.perPacket);
    return code ? code->value() : Money::max();
}

Expected<Measured> sendAndCount(ScenarioContext& context, uint64_t packets) {
    Lab& lab = context.lab();
    Measured measured;
    const std::string target = context.address("a").toString();
    const std::string port = "port=" + std::to_string(sinkPort);
    const std::string seed = "seed=" + std::to_string(context.options().seed);
    auto sink = Tool::start(lab, "a", "udp-sink", {port, seed, "packets=" + std::to_string(packets), "idle_ms=5000"});
    if (!sink) return tl::unexpected(sink.error());
    auto steps = watchPath(lab, "b", "a");
    if (!steps) return tl::unexpected(steps.error());

    Purchase wish;
    wish.to = target;
    wish.protocol = "udp";
    wish.toPort = sinkPort;
    wish.serviceClass = "gold";
    const auto purchase = buy(lab, "b", wish);
    if (!purchase) return tl::unexpected(purchase.error());
    context.say("B buys class gold of every ISP on the way to A and sends " + std::to_string(packets) + " packets.");

    auto sender = Tool::start(lab, "b", "udp-send",
                              {"to=" + target, port, seed, "packets=" + std::to_string(packets), "size=64", "train=16",
                               "rate=" + std::to_string(packetsPerSecond)});
    if (!sender) return tl::unexpected(sender.error());
    const auto limit = std::chrono::seconds(60 + packets / 5'000);
    const auto sent = sender->finish(limit);
    if (!sent) return tl::unexpected(sent.error());
    const auto received = sink->finish(limit);
    if (!received) return tl::unexpected(received.error());
    measured.sent = sent->value("sent", uint64_t{0});
    measured.delivered = received->value("distinct", uint64_t{0});
    context.expect(received->value("duplicates", uint64_t{1}) == 0 && received->value("corrupt", uint64_t{1}) == 0,
                   "the receiver got duplicate or damaged packets: " + received->dump());

    const auto settled = stopPurchase(lab, "b", *purchase);
    if (!settled) return tl::unexpected(settled.error());
    for (size_t i = 0; i < steps->size(); ++i) {
        LinkTally tally = stopStep((*steps)[i]);
        if (tally.capture.lost != 0 || tally.unreadable != 0) {
            return fail(LabErrc::Evidence, "the capture between " + (*steps)[i].from + " and " + (*steps)[i].to +
                                               " lost " + std::to_string(tally.capture.lost) +
                                               " frames and could not read " + std::to_string(tally.unreadable));
        }
        if (i == 0) {
            measured.access = std::move(tally);
        } else {
            measured.egress.push_back(std::move(tally));
        }
    }
    return measured;
}

// The real sampler over the payments that really crossed the link: standard deviation of what it confirms.
double spreadOf(const std::vector<PaymentRun>& runs, Money threshold, Money truth) {
    double squares = 0;
    for (int seed = 1; seed <= spreadSeeds; ++seed) {
        SeededRandom random(static_cast<uint64_t>(seed));
        SmartSampler sampler(threshold, random);
        uint64_t picked = 0;
        for (const PaymentRun& run : runs) {
            for (uint64_t i = 0; i < run.count; ++i) picked += sampler.observe(run.payment).picked;
        }
        const double error = static_cast<double>(picked) * static_cast<double>(threshold.eighths()) -
                             static_cast<double>(truth.eighths());
        squares += error * error;
    }
    return std::sqrt(squares / spreadSeeds);
}

// Floating point is right here: a spread is a statistic, no amount.
void judgeSpread(ScenarioContext& context, Json& entry, const IspSpec& isp, const std::vector<PaymentRun>& runs,
                 Money truth) {
    const double spread = spreadOf(runs, isp.samplingThreshold, truth);
    const double predicted =
        std::sqrt(static_cast<double>(truth.eighths()) * static_cast<double>(isp.samplingThreshold.eighths()));
    const double ratio = predicted > 0 ? spread / predicted : 0;
    entry["spread_nanodollars"] = std::llround(spread / 8);
    entry["predicted_spread_nanodollars"] = std::llround(predicted / 8);
    entry["spread_ratio"] = ratio;
    context.expect(std::abs(ratio - 1) <= 0.15, "ISP " + isp.name + ": the spread over " + std::to_string(spreadSeeds) +
                                                    " seeds is " + std::to_string(ratio) +
                                                    " of the square root of P times T");
}

struct IspView {
    const IspSpec& isp;
    uint64_t packets;  // that it delivered to the next ISP, or to the destination
    Money amount;      // for them, by captured headers
    std::vector<PaymentRun> payments;
};

Expected<void> judgeIsp(ScenarioContext& context, const IspView& view, const Json& books, const std::string& next) {
    const auto own = ownService(books, context.topology(), next);
    if (!own) return tl::unexpected(own.error());
    const Money price = encodedPrice(view.isp);
    Json entry{
        {"isp", view.isp.id},
        {"name", view.isp.name},
        {"packets", view.packets},
        {"amount", view.amount.toString()},
        {"per_packet", view.packets > 0
                           ? Money::fromEighths(view.amount.eighths() / static_cast<int64_t>(view.packets)).toString()
                           : "0"},
        {"counter", own->counted.toString()},
        {"confirmed", own->confirmed.toString()},
        {"difference", difference(own->confirmed, view.amount)},
        {"threshold", view.isp.samplingThreshold.toString()}};
    context.expect(view.amount == times(price, view.packets),
                   "ISP " + view.isp.name + ": the captured headers do not pay " + price.toString() + " a packet");
    context.expect(own->counted == view.amount, "ISP " + view.isp.name + " counted " + own->counted.toString() +
                                                    ", the links carried " + view.amount.toString());
    if (view.isp.sampler == SamplerKind::Stratified) {
        context.expect(closer(own->confirmed, view.amount, view.isp.samplingThreshold),
                       "ISP " + view.isp.name + ": the confirmed amount is off by a threshold or more");
    } else {
        // Five standard deviations: wrong code shows, chance does not.
        const double predicted = std::sqrt(static_cast<double>(view.amount.eighths()) *
                                           static_cast<double>(view.isp.samplingThreshold.eighths()));
        context.expect(closer(own->confirmed, view.amount, Money::fromEighths(std::llround(5 * predicted) + 1)),
                       "ISP " + view.isp.name + ": the confirmed amount is more than five standard deviations off");
        judgeSpread(context, entry, view.isp, view.payments, view.amount);
    }
    context.say("  ISP " + view.isp.name + ": " + std::to_string(view.packets) + " packets, owed " +
                view.amount.toString() + " dollars, confirmed " + own->confirmed.toString());
    context.result()["isps"].push_back(std::move(entry));
    return {};
}

// What one ISP says it owes its neighbour is what the neighbour says it is owed.
void judgeDebts(ScenarioContext& context, const std::map<std::string, Json>& books, const IspPath& path) {
    for (size_t i = 0; i + 1 < path.size(); ++i) {
        const Json* down = findEntry(books.at(path[i]), "neighbours", "isp", context.topology().isp(path[i + 1])->id);
        const Json* up = findEntry(books.at(path[i + 1]), "neighbours", "isp", context.topology().isp(path[i])->id);
        const auto owes = down != nullptr ? amountAt(*down, "owed_to") : std::nullopt;
        const auto isOwed = up != nullptr ? amountAt(*up, "owed_by") : std::nullopt;
        if (!context.expect(owes && isOwed && *owes == *isOwed,
                            path[i] + " and " + path[i + 1] + " disagree about their debt"))
            continue;
        context.result()["debts"].push_back(Json{{"from", path[i]}, {"to", path[i + 1]}, {"amount", owes->toString()}});
    }
}

void judgeHeader(ScenarioContext& context, const Measured& measured, size_t hops) {
    const size_t wanted = (5 * hops + 3) / 4 * 4;
    bool same = measured.access.headerBytes.size() == 1;
    for (const LinkTally& tally : measured.egress)
        same = same && tally.headerBytes.size() == 1 && tally.headerBytes.contains(wanted);
    const size_t bytes = measured.access.headerBytes.empty() ? 0 : measured.access.headerBytes.begin()->first;
    context.result()["header_bytes"] = bytes;
    context.expect(same && bytes == wanted,
                   "the accounting header is not " + std::to_string(wanted) + " bytes on every link");
}

Expected<void> runFigure3(ScenarioContext& context) {
    const uint64_t packets = context.options().packets != 0 ? context.options().packets : defaultPackets;
    const Topology& topology = context.topology();
    const IspPath path = context.plan().ispPath(topology, topology.attachment("b"), topology.attachment("a"));
    auto measured = sendAndCount(context, packets);
    if (!measured) return tl::unexpected(measured.error());
    const auto books = settledBooks(context.lab(), path, std::chrono::seconds(60));
    if (!books) return tl::unexpected(books.error());

    Json& result = context.result();
    result["packets_sent"] = measured->sent;
    result["packets_paid"] = measured->access.packets;
    result["packets_delivered"] = measured->delivered;
    result["sampler"] = context.options().sampler;
    result["family"] = context.options().family;
    judgeHeader(context, *measured, path.size());
    context.expect(measured->sent == packets && measured->access.packets == packets,
                   "not every packet that was sent left B paid for");
    result["isps"] = Json::array();
    Money perPacket;
    for (size_t i = 0; i < path.size(); ++i) {
        const IspSpec& isp = *topology.isp(path[i]);
        perPacket = plus(perPacket, encodedPrice(isp));
        const bool last = i + 1 == path.size();
        // The last ISP delivers bare packets: what the receiver got, at the price on the link into it.
        LinkTally& tally =
            last ? (measured->egress.empty() ? measured->access : measured->egress.back()) : measured->egress[i];
        IspView view{isp, last ? measured->delivered : tally.packets, tally.perIsp[isp.id], tally.payments[isp.id]};
        if (last) {
            context.expect(tally.packets == measured->delivered, "packets were lost behind the last captured link");
            view.amount = times(encodedPrice(isp), measured->delivered);
        }
        LAB_TRY(judgeIsp(context, view, books->at(path[i]), last ? std::string() : path[i + 1]));
    }
    result["debts"] = Json::array();
    judgeDebts(context, *books, path);

    const auto bill = billOf(context.lab(), "b");
    if (!bill) return tl::unexpected(bill.error());
    result["customer_owes"] = bill->invoice.toString();
    result["per_packet_sent"] =
        measured->sent > 0
            ? Money::fromEighths(bill->invoice.eighths() / static_cast<int64_t>(measured->sent)).toString()
            : "0";
    reportBill(result, *bill);
    context.expect(bill->exact(), "ledger, counter and invoice differ");
    context.expect(bill->invoice == measured->access.total,
                   "the invoice is not what the captured headers promise: " + measured->access.total.toString());
    context.expect(bill->invoice == times(perPacket, measured->sent),
                   "B does not owe " + perPacket.toString() + " a packet sent");
    context.say("  B owes ISP " + path.front() + " " + bill->invoice.toString() + " dollars.");
    return context.lab().checkPrograms();
}

void chooseSampler(Topology& topology, const ScenarioOptions& options) {
    for (IspSpec& isp : topology.isps) {
        isp.sampler = options.sampler == "smart" ? SamplerKind::Smart : SamplerKind::Stratified;
        isp.samplingSeed = options.seed * 1000 + isp.id;
    }
}

Scenario paidPath(const std::string& name, const std::string& description) {
    return {name, description, name, chooseSampler, runFigure3, false};
}

}  // namespace

Scenario figure3Scenario() { return paidPath("figure3", "NetPaS Figure 3: what three ISPs are owed for real packets"); }
Scenario fourIspsScenario() { return paidPath("four-isps", "the same with four ISPs, one with several edge routers"); }
Scenario sixteenIspsScenario() {
    return paidPath("sixteen-isps", "the same with the longest path that a header can pay");
}

}  // namespace netpas::lab
