// The secretary at the other end of a serial line, as on a dongle, unplugged and plugged in again and again while it pays for live
// connections. Every third time it loses its power with the line: kill -9, and a new process at the next plugging in;
// every third time the line only falls silent. Over a Unix socket or TLS (--line) there is no cable to pull: every round is a loss of
// power.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>

#include "app/lab/command.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/flow_watch.h"
#include "app/lab/tools/serial_cable.h"
#include "app/lab/tools/tool.h"

namespace netpas::lab {
namespace {

using std::chrono::milliseconds;
using Wall = std::chrono::system_clock;

constexpr uint64_t defaultRounds = 50;
constexpr uint16_t tcpPort = 5007;
constexpr uint16_t udpPort = 5008;
constexpr const char* secretaryProgram = "secretary-b";
// Both flows send far more often than that: whoever is silent for so long has stopped.
constexpr milliseconds quiet{300};

milliseconds since(Wall::time_point begin, Wall::time_point end) {
    return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(end - begin));
}

// Both ends of --line, as the command line of netpasd names them.
struct Ends {
    std::string agent, secretary;
    std::vector<std::string> agentKey;  // for the secretary
};

// Without a final newline.
Expected<std::string> keyOf(Lab& lab, const std::string& role) {
    auto key = requireCommand(
        {programPath("netpasd"), "--role", role, "--show-key", "--state-dir", agentStateFolder(lab.name(), "b")});
    while (key && !key->empty() && key->back() == '\n') key->pop_back();
    return key;
}

Expected<Ends> endsOf(Lab& lab, const std::string& line, const SerialCable& cable) {
    if (line == "serial") return Ends{"serial:" + cable.device(0), "serial:" + cable.device(1), {}};
    if (line == "unix") {
        const std::string path = "unix:" + agentSocket(lab.name(), "b") + ".channel";
        return Ends{path, path, {}};
    }
    const auto agent = keyOf(lab, "agent");
    if (!agent) return tl::unexpected(agent.error());
    const auto secretary = keyOf(lab, "secretary");
    if (!secretary) return tl::unexpected(secretary.error());
    const std::string address = "tls:127.0.0.1:46724";
    return Ends{address + "#" + *secretary, address, {"--agent-key", *agent}};
}

// The agent and its dongle on host b, in place of the pair that the lab started there. They keep its state: the ISP knows the identity.
class Pair {
public:
    Pair(ScenarioContext& context, Ends ends) : m_lab(context.lab()), m_ends(std::move(ends)) {}

    Expected<void> start() {
        m_lab.stopProgram(agentProgram("b"));
        // The secretary that was beside it has its books open until it has settled.
        LAB_TRY(waitUntil("the secretary beside the agent to end", std::chrono::seconds(20),
                          [&] { return !unixSocketAnswers(secretarySocket()); }));
        LAB_TRY(startSecretary());
        const std::string socket = agentSocket(m_lab.name(), "b");
        LAB_TRY(
            m_lab.startProgram(agentProgram("b"), "b",
                               {programPath("netpasd"), "--role", "agent", "--secretary", m_ends.agent, "--state-dir",
                                agentStateFolder(m_lab.name(), "b"), "--socket", socket, "--group", ""}));
        return waitUntil("agent and dongle to meet", std::chrono::seconds(20), [&] { return connected(); });
    }
    Expected<void> startSecretary() {
        std::vector<std::string> command{
            programPath("netpasd"), "--role",         "secretary", "--channel", m_ends.secretary,
            "--secretary-socket",   secretarySocket()};
        const auto usual = agentArguments(m_lab, "b");
        command.insert(command.end(), usual.begin(), usual.end());
        command.insert(command.end(), m_ends.agentKey.begin(), m_ends.agentKey.end());
        return m_lab.startProgram(secretaryProgram, "b", command);
    }
    Expected<void> losePower() {
        Process* const secretary = m_lab.program(secretaryProgram);
        secretary->signal(SIGKILL);
        const auto ended = secretary->wait(std::chrono::seconds(5));
        if (!ended) return tl::unexpected(ended.error());
        m_lab.stopProgram(secretaryProgram);
        return {};
    }
    // Whether both run in the same network, as the kernel says.
    [[nodiscard]] bool shareNetwork() {
        return network(secretaryProgram) == network(agentProgram("b")) || network(secretaryProgram).empty();
    }

private:
    // Where the command line looks for it first.
    [[nodiscard]] std::string secretarySocket() const {
        return std::filesystem::path(agentSocket(m_lab.name(), "b")).parent_path().string() + "/secretary.sock";
    }
    std::string network(const std::string& program) {
        std::error_code error;
        const std::string link = "/proc/" + std::to_string(m_lab.program(program)->pid()) + "/ns/net";
        return std::filesystem::read_symlink(link, error).string();
    }
    // Asked through the agent, its secretary answers.
    bool connected() { return netpas(m_lab, "b", {"--secretary-socket", "/nonexistent", "status"}).has_value(); }

    Lab& m_lab;
    const Ends m_ends;
};

struct Traffic {
    Tool tcpSink, tcpSend, udpSink, udpSend;
};

Expected<Traffic> startTraffic(ScenarioContext& context) {
    Lab& lab = context.lab();
    const std::string seed = "seed=" + std::to_string(context.options().seed);
    const std::string to = "to=" + context.address("a").toString();
    const std::string tcpAt = "port=" + std::to_string(tcpPort);
    const std::string udpAt = "port=" + std::to_string(udpPort);
    auto tcpSink = Tool::start(lab, "a", "tcp-sink", {tcpAt, seed});
    if (!tcpSink) return tl::unexpected(tcpSink.error());
    auto udpSink = Tool::start(lab, "a", "udp-sink", {udpAt, seed});
    if (!udpSink) return tl::unexpected(udpSink.error());
    auto tcpSend = Tool::start(lab, "b", "tcp-send", {to, tcpAt, seed, "mbit=10"});
    if (!tcpSend) return tl::unexpected(tcpSend.error());
    auto udpSend = Tool::start(lab, "b", "udp-send", {to, udpAt, seed, "packets=0", "size=600", "rate=500", "train=1"});
    if (!udpSend) return tl::unexpected(udpSend.error());
    return Traffic{std::move(*tcpSink), std::move(*tcpSend), std::move(*udpSink), std::move(*udpSend)};
}

Expected<std::vector<std::string>> buyBoth(ScenarioContext& context) {
    std::vector<std::string> purchases;
    for (const auto& [protocol, port] : {std::pair{"tcp", tcpPort}, std::pair{"udp", udpPort}}) {
        Purchase wish;
        wish.to = context.address("a").toString();
        wish.protocol = protocol;
        wish.toPort = port;
        wish.serviceClass = "gold";
        wish.cap = "0.05";
        const auto purchase = buy(context.lab(), "b", wish);
        if (!purchase) return tl::unexpected(purchase.error());
        purchases.push_back(*purchase);
    }
    return purchases;
}

// What the host's own link shows, from outside of both programs.
class Rounds {
    enum class Kind : uint8_t {
        Silent,  // the line stays, nothing comes through
        Unplugged,
        PowerLost,
    };

public:
    Rounds(ScenarioContext& context, SerialCable& cable, Pair& pair, FlowWatch& watch)
        : m_context(context), m_cable(cable), m_pair(pair), m_watch(watch), m_random(context.options().seed) {}

    Expected<void> waitUntilPaid(Wall::time_point from) {
        return waitUntil("both flows to be paid for", std::chrono::seconds(30), [&] {
            const FlowTimes times = m_watch.times();
            return times.lastPaid > from && Wall::now() - times.lastUnpaid > quiet;
        });
    }

    Expected<void> one(uint64_t round) {
        const bool cabled = m_context.options().line == "serial";
        const Kind kind = cabled ? static_cast<Kind>(round % 3) : Kind::PowerLost;
        const bool power = kind == Kind::PowerLost;
        const auto unplugged = Wall::now();
        if (kind == Kind::Silent) {
            m_cable.stall(true);
        } else if (cabled) {
            m_cable.unplug();
        }
        if (power) LAB_TRY(m_pair.losePower());
        LAB_TRY(waitUntil("best effort", std::chrono::seconds(10), [&] {
            const FlowTimes times = m_watch.times();
            return Wall::now() - times.lastPaid > quiet && times.lastUnpaid > unplugged;
        }));
        const auto toBestEffort = since(unplugged, m_watch.times().lastPaid);
        // Somebody has to find the dongle again.
        const auto until = Wall::now() + milliseconds(m_random() % 700);
        LAB_TRY(waitUntil("the dongle to be found", std::chrono::seconds(5), [&] { return Wall::now() >= until; }));
        if (power) LAB_TRY(m_pair.startSecretary());
        const auto plugged = Wall::now();
        if (kind == Kind::Silent) {
            m_cable.stall(false);
        } else if (cabled) {
            LAB_TRY(m_cable.plug());
        }
        LAB_TRY(waitUntilPaid(plugged));
        const auto toResume = since(plugged, m_watch.times().lastUnpaid);
        m_longestToBestEffort = std::max(m_longestToBestEffort, toBestEffort);
        (power ? m_longestToRestart : m_longestToResume) =
            std::max(power ? m_longestToRestart : m_longestToResume, toResume);
        m_context.say("  " + std::to_string(round) + ". " + describe(kind) + ": best effort after " +
                      std::to_string(toBestEffort.count()) + " ms, paid again " + std::to_string(toResume.count()) +
                      " ms after it was back");
        return {};
    }

    static std::string describe(Kind kind) {
        switch (kind) {
        case Kind::Silent: return "silent";
        case Kind::Unplugged: return "unplugged";
        case Kind::PowerLost: return "power lost";
        }
        return "?";
    }

    void report() const {
        Json& result = m_context.result();
        result["longest_to_best_effort_ms"] = m_longestToBestEffort.count();
        result["longest_to_resume_ms"] = m_longestToResume.count();
        result["longest_to_resume_after_power_loss_ms"] = m_longestToRestart.count();
        m_context.expect(m_longestToBestEffort < std::chrono::seconds(1), "best effort took longer than a second");
    }

private:
    ScenarioContext& m_context;
    SerialCable& m_cable;
    Pair& m_pair;
    FlowWatch& m_watch;
    std::mt19937_64 m_random;
    milliseconds m_longestToBestEffort{0};
    milliseconds m_longestToResume{0};
    milliseconds m_longestToRestart{0};
};

Expected<void> judgeTraffic(ScenarioContext& context, Traffic& traffic) {
    const auto limit = std::chrono::seconds(20);
    const auto tcpSent = traffic.tcpSend.stop(limit);
    if (!tcpSent) return tl::unexpected(tcpSent.error());
    const auto tcpReceived = traffic.tcpSink.finish(limit);
    if (!tcpReceived) return tl::unexpected(tcpReceived.error());
    const auto udpSent = traffic.udpSend.stop(limit);
    if (!udpSent) return tl::unexpected(udpSent.error());
    // What is on its way arrives within the lab's delays.
    const auto until = Wall::now() + std::chrono::seconds(1);
    LAB_TRY(waitUntil("the last datagrams", limit, [&] { return Wall::now() >= until; }));
    const auto udpReceived = traffic.udpSink.stop(limit);
    if (!udpReceived) return tl::unexpected(udpReceived.error());

    const bool tcpIntact = !tcpSent->value("reset", true) && !tcpReceived->value("reset", true) &&
                           tcpReceived->value("wrong", uint64_t{1}) == 0 &&
                           tcpSent->value("sent", uint64_t{0}) == tcpReceived->value("received", uint64_t{1}) &&
                           tcpSent->value("checksum", "-") == tcpReceived->value("checksum", "+");
    const uint64_t out = udpSent->value("sent", uint64_t{0});
    const uint64_t in = udpReceived->value("distinct", uint64_t{0});
    const bool udpIntact = udpSent->value("refused", uint64_t{1}) == 0 && out == in && out > 0 &&
                           udpReceived->value("duplicates", uint64_t{1}) == 0 &&
                           udpReceived->value("corrupt", uint64_t{1}) == 0;
    Json& result = context.result();
    result["connections"] = 2;
    result["connections_broken"] = (tcpIntact ? 0 : 1) + (udpIntact ? 0 : 1);
    result["tcp_bytes"] = tcpReceived->value("received", uint64_t{0});
    result["tcp_longest_pause_ms"] = tcpReceived->value("longest_pause_ms", uint64_t{0});
    result["udp_datagrams"] = out;
    result["udp_lost"] = out - std::min(in, out);
    context.expect(tcpIntact, "the TCP connection broke: " + tcpSent->dump() + " " + tcpReceived->dump());
    context.expect(udpIntact, "the UDP flow lost datagrams: " + udpSent->dump() + " " + udpReceived->dump());
    return {};
}

Money excess(Money a, Money b) { return a > b ? Money::fromEighths(a.eighths() - b.eighths()) : Money::zero(); }
Money sum(Money a, Money b) { return Money::fromEighths(a.eighths() + b.eighths()); }

// Lost: paid by packets that were seen to leave, but in no statement, or stated and in no ledger. Spent twice: stated without a packet,
// or charged without a statement.
Expected<void> judgeMoney(ScenarioContext& context, const FlowTimes& seen, const std::vector<std::string>& purchases) {
    const auto bill = billOf(context.lab(), "b");
    if (!bill) return tl::unexpected(bill.error());
    Json& result = context.result();
    const Money lost = sum(excess(seen.amount, bill->invoice), excess(bill->invoice, bill->ledger));
    const Money twice = sum(excess(bill->invoice, seen.amount), excess(bill->ledger, bill->invoice));
    result["paid_packets"] = seen.paid;
    result["best_effort_packets"] = seen.unpaid;
    result["amount_captured"] = seen.amount.toString();
    reportBill(result, *bill);
    result["purchases"] = purchases.size();
    result["lost"] = lost.toString();
    result["spent_twice"] = twice.toString();
    context.expect(seen.paid > 0, "nothing was ever paid for");
    context.expect(bill->unsettled == 0, "a purchase is not settled");
    context.expect(bill->counter == bill->invoice, "the ISP's counters and its invoice differ");
    context.expect(lost == Money::zero(), "money was lost: " + lost.toString());
    context.expect(twice == Money::zero(), "money was spent twice: " + twice.toString());
    return {};
}

Expected<void> run(ScenarioContext& context) {
    Lab& lab = context.lab();
    const uint64_t rounds = context.options().rounds > 0 ? context.options().rounds : defaultRounds;
    const std::string folder = lab.folder() + "/cable";
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    ::chmod(folder.c_str(), 0755);
    SerialCable cable(folder);
    LAB_TRY(cable.plug());
    const std::string& line = context.options().line;
    auto ends = endsOf(lab, line, cable);
    if (!ends) return tl::unexpected(ends.error());
    Pair pair(context, std::move(*ends));
    LAB_TRY(pair.start());
    context.result()["line"] = line;
    context.result()["secretary_has_network"] = pair.shareNetwork();
    context.expect(pair.shareNetwork() == (line == "tls"), "the secretary is not in the network that its line needs");

    auto watch = FlowWatch::start(lab, context.topology().accessLink("b")->name, "b", {tcpPort, udpPort});
    if (!watch) return tl::unexpected(watch.error());
    auto traffic = startTraffic(context);
    if (!traffic) return tl::unexpected(traffic.error());
    const auto purchases = buyBoth(context);
    if (!purchases) return tl::unexpected(purchases.error());
    Rounds all(context, cable, pair, **watch);
    LAB_TRY(all.waitUntilPaid({}));
    context.say("B pays for a TCP and a UDP flow; its secretary is at the other end of " + line + ".");
    for (uint64_t round = 1; round <= rounds; ++round) LAB_TRY(all.one(round));
    context.result()["rounds"] = rounds;
    all.report();
    LAB_TRY(judgeTraffic(context, *traffic));
    for (const std::string& purchase : *purchases) {
        const auto stopped = stopPurchase(lab, "b", purchase);
        if (!stopped) return tl::unexpected(stopped.error());
    }
    LAB_TRY(waitUntil("the settlement", std::chrono::seconds(30), [&] {
        const auto bill = billOf(lab, "b");
        return bill && bill->unsettled == 0;
    }));
    const auto seen = (*watch)->stop();
    if (!seen) return tl::unexpected(seen.error());
    LAB_TRY(judgeMoney(context, *seen, *purchases));
    if (line == "serial") context.result()["serial_bytes"] = cable.bytes();
    return lab.checkPrograms();
}

}  // namespace

Scenario dongleScenario() {
    return {"dongle", "the secretary behind a serial line, unplugged again and again while it pays", "figure3", {}, run,
            false};
}

}  // namespace netpas::lab
