// kill -9 of the agent in the middle of a paid transfer: the connection goes on, nothing of the agent is left in the kernel,
// and after a restart its ledger says what the ISP says.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <nlohmann/json.hpp>

#include "app/lab/command.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/paid_path.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/tool.h"

namespace netpas::lab {
namespace {

constexpr double defaultSeconds = 12;
constexpr uint16_t port = 5004;
constexpr double mbit = 80;

// Everything that a capture could leave in a namespace, one line each; compared with what was there before the agent.
Expected<std::vector<std::string>> kernelState(Lab& lab, const std::string& host) {
    const std::string netns = lab.netns(host);
    const std::string access = " dev " + lab.topology().attachment(host) + " ";
    const std::vector<std::vector<std::string>> questions{
        {"ip", "-n", netns, "-4", "rule", "list"},
        {"ip", "-n", netns, "-6", "rule", "list"},
        {"ip", "-n", netns, "-4", "route", "list", "table", "all"},
        {"ip", "-n", netns, "-6", "route", "list", "table", "all"},
        {"ip", "-n", netns, "-o", "link", "list", "type", "tun"},
        {"ip", "netns", "exec", netns, "nft", "list", "ruleset"},
    };
    std::vector<std::string> lines;
    for (const auto& argv : questions) {
        const auto answer = requireCommand(argv);
        if (!answer) return tl::unexpected(answer.error());
        size_t begin = 0;
        while (begin < answer->size()) {
            const size_t end = std::min(answer->find('\n', begin), answer->size());
            std::string line = answer->substr(begin, end - begin);
            begin = end + 1;
            while (!line.empty() && line.back() == ' ') line.pop_back();
            // What the kernel sets up by itself (addresses of the access link, cached path MTUs) is no rule of anybody.
            const bool kernels =
                line.find(" cache ") != std::string::npos ||
                (line.find(access) != std::string::npos && line.find(" proto kernel ") != std::string::npos);
            if (!line.empty() && !kernels) lines.push_back(argv[3] + ": " + line);
        }
    }
    std::sort(lines.begin(), lines.end());
    return lines;
}

std::vector<std::string> extraLines(const std::vector<std::string>& now, const std::vector<std::string>& before) {
    std::vector<std::string> extra;
    std::set_difference(now.begin(), now.end(), before.begin(), before.end(), std::back_inserter(extra));
    return extra;
}

// Bytes that the sink's kernel has received, from outside the transfer's own programs.
uint64_t receivedBytes(Lab& lab, const std::string& host) {
    const std::string router = lab.topology().attachment(host);
    const auto answer = runCommand(
        {"ip", "netns", "exec", lab.netns(host), "cat", "/sys/class/net/" + router + "/statistics/rx_bytes"});
    return answer && answer->status == 0 ? std::strtoull(answer->out.c_str(), nullptr, 10) : 0;
}

Expected<void> waitForTraffic(ScenarioContext& context, uint64_t bytes, const std::string& what) {
    const uint64_t begin = receivedBytes(context.lab(), "a");
    return waitUntil(what, std::chrono::seconds(20), [&] { return receivedBytes(context.lab(), "a") > begin + bytes; });
}

Expected<void> killAgent(ScenarioContext& context, const std::vector<std::string>& before) {
    Process* agent = context.lab().program(agentProgram("b"));
    const auto diverted = kernelState(context.lab(), "b");
    if (!diverted) return tl::unexpected(diverted.error());
    const size_t rules = extraLines(*diverted, before).size();
    context.result()["rules_while_paying"] = rules;
    context.expect(rules > 0, "nothing was diverted before the kill: the scenario proves nothing");
    agent->signal(SIGKILL);
    const auto ended = agent->wait(std::chrono::seconds(5));
    if (!ended) return tl::unexpected(ended.error());
    context.say("  the agent is dead (kill -9)");
    // The kernel and the agent's guard need a moment; what counts is that nothing stays.
    std::vector<std::string> left;
    const auto clean = waitUntil("the diversion to vanish", std::chrono::seconds(5), [&] {
        const auto now = kernelState(context.lab(), "b");
        if (now) left = extraLines(*now, before);
        return now && left.empty();
    });
    context.result()["leftover_rules"] = left.size();
    for (const std::string& line : left) context.say("  left behind: " + line);
    context.expect(clean.has_value(), "the dead agent left rules behind");
    return {};
}

Expected<void> restartAgent(ScenarioContext& context) {
    LAB_TRY(startAgent(context.lab(), "b"));
    return waitUntil("the agent to settle what was open", std::chrono::seconds(30), [&] {
        const auto bill = billOf(context.lab(), "b");
        return bill && bill->unsettled == 0;
    });
}

Expected<void> run(ScenarioContext& context) {
    Lab& lab = context.lab();
    const double seconds = context.options().seconds > 0 ? context.options().seconds : defaultSeconds;
    // Without the agent, to know what the kernel looks like without it.
    lab.stopProgram(agentProgram("b"));
    std::vector<std::string> before;
    LAB_TRY(waitUntil("a kernel without agent", std::chrono::seconds(5), [&] {
        const auto state = kernelState(lab, "b");
        if (!state) return false;
        before = *state;
        return std::none_of(before.begin(), before.end(),
                            [](const std::string& line) { return line.find("netpas") != std::string::npos; });
    }));
    LAB_TRY(startAgent(lab, "b"));

    const std::string seed = "seed=" + std::to_string(context.options().seed);
    const std::string where = "port=" + std::to_string(port);
    auto sink = Tool::start(lab, "a", "tcp-sink", {where, seed});
    if (!sink) return tl::unexpected(sink.error());
    auto steps = watchPath(lab, "b", "a");
    if (!steps) return tl::unexpected(steps.error());
    auto sender = Tool::start(lab, "b", "tcp-send",
                              {"to=" + context.address("a").toString(), where, seed,
                               "seconds=" + std::to_string(seconds), "mbit=" + std::to_string(mbit)});
    if (!sender) return tl::unexpected(sender.error());
    constexpr uint64_t someMegabytes = 4'000'000;
    LAB_TRY(waitForTraffic(context, someMegabytes, "the transfer to begin"));
    Purchase wish;
    wish.to = context.address("a").toString();
    wish.protocol = "tcp";
    wish.toPort = port;
    wish.serviceClass = "gold";
    const auto purchase = buy(lab, "b", wish);
    if (!purchase) return tl::unexpected(purchase.error());
    context.say("B pays for its transfer to A.");
    LAB_TRY(waitForTraffic(context, 2 * someMegabytes, "the paid transfer"));
    LAB_TRY(killAgent(context, before));
    LAB_TRY(waitForTraffic(context, someMegabytes, "the transfer to go on without the agent"));

    const auto limit = std::chrono::seconds(40) + std::chrono::seconds(static_cast<int>(seconds));
    const auto sent = sender->finish(limit);
    if (!sent) return tl::unexpected(sent.error());
    const auto received = sink->finish(limit);
    if (!received) return tl::unexpected(received.error());
    LAB_TRY(restartAgent(context));

    Json& result = context.result();
    const bool intact = !sent->value("reset", true) && !received->value("reset", true) &&
                        received->value("wrong", uint64_t{1}) == 0 &&
                        sent->value("sent", uint64_t{0}) == received->value("received", uint64_t{1}) &&
                        sent->value("checksum", "-") == received->value("checksum", "+");
    result["connection_survived"] = intact;
    result["bytes"] = received->value("received", uint64_t{0});
    result["longest_pause_ms"] = received->value("longest_pause_ms", uint64_t{0});
    result["retransmitted_segments"] = sent->value("retransmitted_segments", uint64_t{0});
    context.expect(intact, "the connection did not survive: " + sent->dump() + " " + received->dump());
    LinkTally paid;
    for (size_t i = 0; i < steps->size(); ++i) {
        const LinkTally tally = stopStep((*steps)[i]);
        if (tally.capture.lost != 0) return fail(LabErrc::Evidence, "a capture lost packets");
        if (i == 0) paid = tally;
    }
    result["amount_captured"] = paid.total.toString();
    const auto bill = billOf(lab, "b");
    if (!bill) return tl::unexpected(bill.error());
    reportBill(result, *bill);
    context.expect(paid.packets > 0, "nothing was paid for");
    // The agent died before it could store its last count: the ISP's signed statement is what it settles by, so amounts are
    // compared, not numbers of packets.
    const bool equal = bill->unsettled == 0 && bill->ledger == bill->counter && bill->counter == bill->invoice;
    result["exact"] = equal;
    context.expect(equal, "after the restart the ledger does not equal the ISP's counter");
    context.expect(bill->invoice == paid.total, "the ISP charges " + bill->invoice.toString() +
                                                    ", the captured headers promise " + paid.total.toString());
    return lab.checkPrograms();
}

}  // namespace

Scenario agentDiesScenario() {
    return {"agent-dies", "kill -9 of the agent while it pays for a transfer", "figure3", {}, run, false};
}

}  // namespace netpas::lab
