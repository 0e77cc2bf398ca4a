// One connection, upgraded and dropped back to best effort again and again while it runs: nothing is lost, nothing is
// reset, and only the upgraded stretches are paid for.
#include <nlohmann/json.hpp>

#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/paid_path.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/tool.h"

namespace netpas::lab {
namespace {

constexpr double defaultSeconds = 60;
constexpr int upgrades = 3;
constexpr uint16_t port = 5003;
constexpr uint16_t fromPort = 40003;
// Enough to keep every program busy, little enough that best effort alone could carry it.
constexpr double tcpMbit = 80;
constexpr uint64_t udpSize = 1200;
constexpr double udpPerSecond = 4000;

struct Ends {
    Tool sink;
    Tool sender;
};

Expected<Ends> startTransfer(ScenarioContext& context, double seconds) {
    const bool tcp = context.options().protocol == "tcp";
    const std::string seed = "seed=" + std::to_string(context.options().seed);
    const std::string where = "port=" + std::to_string(port);
    const std::string to = "to=" + context.address("a").toString();
    const std::string own = "from_port=" + std::to_string(fromPort);
    const auto packets = static_cast<uint64_t>(seconds * udpPerSecond);
    std::vector<std::string> sinkArguments{where, seed};
    std::vector<std::string> senderArguments{to, where, own, seed};
    if (tcp) {
        senderArguments.insert(senderArguments.end(),
                               {"seconds=" + std::to_string(seconds), "mbit=" + std::to_string(tcpMbit)});
    } else {
        sinkArguments.insert(sinkArguments.end(), {"packets=" + std::to_string(packets), "idle_ms=5000"});
        senderArguments.insert(senderArguments.end(),
                               {"packets=" + std::to_string(packets), "size=" + std::to_string(udpSize),
                                "rate=" + std::to_string(udpPerSecond), "train=4"});
    }
    auto sink = Tool::start(context.lab(), "a", tcp ? "tcp-sink" : "udp-sink", sinkArguments);
    if (!sink) return tl::unexpected(sink.error());
    auto sender = Tool::start(context.lab(), "b", tcp ? "tcp-send" : "udp-send", senderArguments);
    if (!sender) return tl::unexpected(sender.error());
    return Ends{std::move(*sink), std::move(*sender)};
}

// Buys for a while, several times, with best effort before, between and after.
Expected<uint64_t> upgradeAndDowngrade(ScenarioContext& context, Ends& ends, double seconds) {
    Purchase wish;
    wish.to = context.address("a").toString();
    wish.protocol = context.options().protocol;
    wish.toPort = port;
    wish.serviceClass = "gold";
    const auto stretch = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::duration<double>(seconds / (2 * upgrades + 1)));
    const auto rest = [&]() -> Expected<void> {
        // The transfer runs against the clock: stretches are measured, not guessed for readiness.
        const auto end = std::chrono::steady_clock::now() + stretch;
        return waitUntil("the next change", stretch + std::chrono::seconds(10),
                         [&] { return std::chrono::steady_clock::now() >= end || !ends.sender.process().running(); });
    };
    uint64_t done = 0;
    LAB_TRY(rest());
    for (int i = 0; i < upgrades; ++i) {
        const auto purchase = buy(context.lab(), "b", wish);
        if (!purchase) return tl::unexpected(purchase.error());
        context.say("  upgraded (purchase " + *purchase + ")");
        LAB_TRY(rest());
        const auto settled = stopPurchase(context.lab(), "b", *purchase);
        if (!settled) return tl::unexpected(settled.error());
        context.say("  back to best effort, charged " + settled->value("charged", Json("?")).dump());
        LAB_TRY(rest());
        ++done;
    }
    return done;
}

void judgeTcp(ScenarioContext& context, const Json& sent, const Json& received) {
    Json& result = context.result();
    const uint64_t out = sent.value("sent", uint64_t{0});
    const uint64_t in = received.value("received", uint64_t{0});
    const uint64_t resets = (sent.value("reset", true) ? 1U : 0U) + (received.value("reset", true) ? 1U : 0U);
    result["connections"] = 1;
    result["resets"] = resets;
    result["bytes_sent"] = out;
    result["bytes_received"] = in;
    result["bytes_lost"] = out >= in ? out - in : in - out;
    result["checksum_equal"] = sent.value("checksum", "-") == received.value("checksum", "+");
    result["longest_pause_ms"] = received.value("longest_pause_ms", uint64_t{0});
    result["retransmitted_segments"] = sent.value("retransmitted_segments", uint64_t{0});
    context.expect(resets == 0, "the connection was reset");
    context.expect(out == in && out > 0, "bytes were lost");
    context.expect(result["checksum_equal"].get<bool>() && received.value("wrong", uint64_t{1}) == 0,
                   "bytes were changed");
}

void judgeUdp(ScenarioContext& context, const Json& sent, const Json& received) {
    Json& result = context.result();
    const uint64_t out = sent.value("sent", uint64_t{0});
    const uint64_t in = received.value("distinct", uint64_t{0});
    result["connections"] = 1;
    result["resets"] = sent.value("refused", uint64_t{1});
    result["bytes_sent"] = out * udpSize;
    result["bytes_received"] = in * udpSize;
    result["bytes_lost"] = (out - std::min(in, out)) * udpSize;
    result["checksum_equal"] =
        received.value("corrupt", uint64_t{1}) == 0 && received.value("foreign", uint64_t{1}) == 0 && in == out;
    result["duplicates"] = received.value("duplicates", uint64_t{1});
    result["reordered"] = received.value("reordered", uint64_t{0});
    context.expect(sent.value("refused", uint64_t{1}) == 0, "the kernel refused datagrams");
    context.expect(in == out && out > 0, "datagrams were lost");
    context.expect(received.value("duplicates", uint64_t{1}) == 0, "datagrams arrived twice");
    context.expect(received.value("corrupt", uint64_t{1}) == 0, "datagrams were changed");
}

Expected<void> run(ScenarioContext& context) {
    const double seconds = context.options().seconds > 0 ? context.options().seconds : defaultSeconds;
    const bool tcp = context.options().protocol == "tcp";
    auto steps = watchPath(context.lab(), "b", "a");
    if (!steps) return tl::unexpected(steps.error());
    context.say("B sends to A for " + std::to_string(static_cast<int>(seconds)) + " s over one " +
                context.options().protocol + " flow.");
    auto ends = startTransfer(context, seconds);
    if (!ends) return tl::unexpected(ends.error());
    const auto done = upgradeAndDowngrade(context, *ends, seconds);
    if (!done) return tl::unexpected(done.error());
    const auto limit = std::chrono::seconds(30) + std::chrono::seconds(static_cast<int>(seconds));
    const auto sent = ends->sender.finish(limit);
    if (!sent) return tl::unexpected(sent.error());
    const auto received = ends->sink.finish(limit);
    if (!received) return tl::unexpected(received.error());

    Json& result = context.result();
    result["protocol"] = context.options().protocol;
    result["family"] = context.options().family;
    result["seconds"] = sent->value("seconds", 0.0);
    result["upgrades"] = *done;
    result["downgrades"] = *done;
    if (tcp) {
        judgeTcp(context, *sent, *received);
    } else {
        judgeUdp(context, *sent, *received);
    }
    std::vector<LinkTally> tallies;
    for (PathStep& step : *steps) {
        tallies.push_back(stopStep(step));
        if (tallies.back().capture.lost != 0)
            return fail(LabErrc::Evidence, "the capture behind " + step.from + " lost packets");
    }
    result["paid_packets"] = tallies.front().packets;
    result["amount_captured"] = tallies.front().total.toString();
    context.expect(tallies.front().packets > 0, "nothing was ever paid for");
    for (size_t i = 1; i < tallies.size(); ++i) {
        context.expect(tallies[i].packets == tallies.front().packets,
                       "paid packets were lost between " + (*steps)[i].from + " and " + (*steps)[i].to);
    }
    const auto bill = billOf(context.lab(), "b");
    if (!bill) return tl::unexpected(bill.error());
    reportBill(result, *bill);
    context.expect(bill->exact(), "ledger, counter and invoice differ");
    context.expect(bill->invoice == tallies.front().total, "the invoice is not what the captured headers promise");
    return context.lab().checkPrograms();
}

}  // namespace

Scenario upgradeMidstreamScenario() {
    return {"upgrade-midstream",
            "one connection, bought up and dropped back three times while it runs",
            "figure3",
            {},
            run,
            false};
}

}  // namespace netpas::lab
