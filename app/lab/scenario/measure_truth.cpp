// Links with a delay, loss and rate of their own, and what the agents behind them estimate: how often the truth lies in the interval that is said
// to hold it in 95 of 100 cases. Each host is measured again and again, by a new agent that knows nothing.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/tool.h"
#include "app/lab/wire.h"
#include "cartographer/measure/estimators.h"
#include "core/random.h"

namespace netpas::lab {
namespace {

constexpr uint64_t shortRuns = 3;
constexpr uint64_t mostHosts = 10;  // of a kind, at a time
constexpr double defaultSeconds = 20;
constexpr int probeEvery = 50;  // milliseconds
constexpr uint16_t firstPort = 6000;

// What a host is there for: its link would be another one under another load.
enum class Kind { Quiet, Filled, Counted };
constexpr std::array kinds{Kind::Quiet, Kind::Filled, Kind::Counted};
char letterOf(Kind kind) { return kind == Kind::Quiet ? 'b' : kind == Kind::Filled ? 'r' : 's'; }

uint64_t runsOf(const ScenarioOptions& options) { return options.runs > 0 ? options.runs : shortRuns; }
uint64_t hostsOf(const ScenarioOptions& options) { return std::min(runsOf(options), mostHosts); }
std::string hostName(Kind kind, uint64_t index) { return letterOf(kind) + std::to_string(index + 1); }
uint16_t portOf(Kind kind, uint64_t index) {
    constexpr uint16_t perKind = 100;
    return static_cast<uint16_t>(firstPort + perKind * static_cast<uint64_t>(kind) + index);
}

LinkDirection directionOf(Kind kind, RandomSource& random) {
    LinkDirection direction;
    direction.delay = std::chrono::microseconds(2000 + random.below(28'001));
    direction.loss.millionths = static_cast<uint32_t>(random.below(25'001));
    if (kind == Kind::Filled) direction.loss.millionths = 0;
    return direction;
}

void addHosts(Topology& topology, const ScenarioOptions& options) {
    std::erase_if(topology.hosts, [](const HostSpec& host) { return host.name == "b1"; });
    std::erase_if(topology.links, [](const LinkSpec& link) { return link.between[0] == "b1"; });
    topology.ipv6 = false;
    topology.seed = options.seed;
    SeededRandom random(options.seed);
    for (const Kind kind : kinds) {
        for (uint64_t i = 0; i < hostsOf(options); ++i) {
            HostSpec host;
            host.name = hostName(kind, i);
            host.agent = true;
            LinkSpec link;
            link.name = host.name + "-z1";
            link.between = {host.name, "z1"};
            link.direction = {directionOf(kind, random), directionOf(kind, random)};
            if (kind == Kind::Filled) link.direction[0].rate = BitRate{1'500'000 + random.below(4'000'001)};
            topology.hosts.push_back(std::move(host));
            topology.links.push_back(std::move(link));
        }
    }
}

// --- the truth

struct Truth {
    double roundTrip = 0;  // milliseconds: as set, and what the wires' processes were late by
    double late = 0;       // of this
    double lossThere = 0;  // as set
    double lossBack = 0;
};

class Wires {
public:
    explicit Wires(const Lab& lab) : m_lab(lab) {}
    // Begins a window.
    void begin() { m_before = all(); }
    // Over links one after the other, away from the host.
    [[nodiscard]] Truth along(const std::vector<std::string>& links) {
        const auto now = all();
        Truth truth;
        double there = 1;
        double back = 1;
        for (const std::string& name : links) {
            const LinkSpec& link = *m_lab.topology().link(name);
            for (size_t side = 0; side < 2; ++side) {
                const WireCounts& before = m_before[name][side];
                const WireCounts& after = now.at(name)[side];
                const auto carried = static_cast<double>(std::max<uint64_t>(after.carried - before.carried, 1));
                const double late = static_cast<double>(after.late - before.late) / carried / 1e6;
                truth.late += late;
                truth.roundTrip += static_cast<double>(link.direction[side].delay.count()) / 1000 + late;
                (side == 0 ? there : back) *= 1 - link.direction[side].loss.millionths / 1e6;
            }
        }
        truth.lossThere = 1 - there;
        truth.lossBack = 1 - back;
        return truth;
    }

private:
    using Counts = std::map<std::string, std::array<WireCounts, 2>>;
    [[nodiscard]] Counts all() const {
        Counts counts;
        for (const LinkSpec& link : m_lab.topology().links) {
            if (!link.needsWire()) continue;
            counts[link.name] =
                readWireCounts(m_lab.folder() + "/ready/" + link.name).value_or(std::array<WireCounts, 2>{});
        }
        return counts;
    }
    const Lab& m_lab;
    Counts m_before;
};

// --- estimates beside it

class Judge {
public:
    // `estimate` as the agent's JSON has it.
    void compare(const std::string& kind, const std::string& where, const Json& estimate, double truth) {
        Score& score = m_scores[kind];
        ++score.runs;
        const bool known = estimate.is_object() && estimate.contains("low") && estimate.contains("high");
        const double low = known ? estimate["low"].get<double>() : 0;
        const double high = known ? estimate["high"].get<double>() : 0;
        const bool inside = known && low <= truth && truth <= high;
        score.unknown += known ? 0U : 1U;
        score.inside += inside ? 1U : 0U;
        score.scarce += known && estimate.value("grade", "") == "scarce" ? 1U : 0U;
        score.width += known ? (high - low) / 2 : 0;
        if (inside && m_shown[kind]++ > 0) return;  // one of each kind, and all that missed
        m_examples.push_back(
            Json{{"kind", kind}, {"where", where}, {"truth", truth}, {"inside", inside}, {"estimate", estimate}});
    }

    void report(Json& result) const {
        Json scores = Json::array();
        uint64_t runs = 0;
        uint64_t inside = 0;
        for (const auto& [kind, score] : m_scores) {
            const double known = static_cast<double>(std::max<uint64_t>(score.runs - score.unknown, 1));
            scores.push_back(Json{{"kind", kind},
                                  {"runs", score.runs},
                                  {"inside", score.inside},
                                  {"unknown", score.unknown},
                                  {"scarce", score.scarce},
                                  {"mean_half_width", score.width / known}});
            runs += score.runs;
            inside += score.inside;
        }
        result["estimates"] = runs;
        result["inside"] = inside;
        result["kinds"] = std::move(scores);
        result["examples"] = m_examples;
    }

    // 93 of 100 of each kind; of few runs, as many as chance leaves of 95 % in all but one case of a thousand.
    void judge(ScenarioContext& context) const {
        for (const auto& [kind, score] : m_scores) {
            const double runs = static_cast<double>(score.runs);
            const double few = 0.95 * runs - 3.1 * std::sqrt(0.05 * 0.95 * runs) - 1;
            const double least = score.runs >= 100 ? 0.93 * runs : few;
            context.expect(static_cast<double>(score.inside) >= least, kind + ": the truth was in the interval in " +
                                                                           std::to_string(score.inside) + " of " +
                                                                           std::to_string(score.runs) + " runs only");
        }
    }

private:
    struct Score {
        uint64_t runs = 0;
        uint64_t inside = 0;
        uint64_t unknown = 0;
        uint64_t scarce = 0;
        double width = 0;
    };
    std::map<std::string, Score> m_scores;
    std::map<std::string, uint64_t> m_shown;
    Json m_examples = Json::array();
};

// --- one window

class Windows {
public:
    Windows(ScenarioContext& context, Judge& judge)
        : m_context(context),
          m_lab(context.lab()),
          m_judge(judge),
          m_wires(m_lab),
          m_seconds(context.options().seconds > 0 ? context.options().seconds : defaultSeconds),
          m_to(context.address("a").toString()) {}

    // `hosts` of each kind.
    Expected<void> run(uint64_t hosts) {
        m_tools.clear();
        for (const Kind kind : kinds) {
            for (uint64_t i = 0; i < hosts; ++i) LAB_TRY(freshAgent(kind, i));
        }
        for (const Kind kind : kinds) {
            for (uint64_t i = 0; i < hosts; ++i) LAB_TRY(startTraffic(kind, i));
        }
        m_wires.begin();
        const auto end =
            std::chrono::steady_clock::now() + std::chrono::milliseconds(static_cast<int64_t>(m_seconds * 1000));
        LAB_TRY(waitUntil("the measurements", std::chrono::seconds(static_cast<int>(m_seconds) + 30),
                          [&] { return std::chrono::steady_clock::now() >= end; }));
        for (uint64_t i = 0; i < hosts; ++i) {
            LAB_TRY(judgeQuiet(i));
            LAB_TRY(judgeFilled(i));
            LAB_TRY(judgeCounted(i));
        }
        return {};
    }

    // Milliseconds by which the wires' processes were late at most, on the way there and back, on average over a window.
    [[nodiscard]] double late() const { return m_late; }

private:
    // Nothing is left of what the one before had measured.
    Expected<void> freshAgent(Kind kind, uint64_t index) {
        const std::string host = hostName(kind, index);
        m_lab.stopProgram(agentProgram(host));
        const int every = kind == Kind::Quiet ? probeEvery : 1000;
        // The ISP's statement about a counted host shall be about its own packets.
        const int packets = kind == Kind::Counted ? 0 : 100'000;
        return startAgent(m_lab, host,
                          {"--measure-every", std::to_string(every), "--measure-packets", std::to_string(packets)});
    }

    Expected<void> startTool(const std::string& node, const std::string& name, std::vector<std::string> arguments) {
        auto tool = Tool::start(m_lab, node, name, std::move(arguments));
        if (!tool) return tl::unexpected(tool.error());
        m_tools.push_back(std::move(*tool));
        return {};
    }

    Expected<void> pay(Kind kind, uint64_t index, const std::string& protocol) {
        Purchase wish;
        wish.to = m_to;
        wish.protocol = protocol;
        wish.toPort = portOf(kind, index);
        wish.serviceClass = "gold";
        const auto id = buy(m_lab, hostName(kind, index), wish);
        if (!id) return tl::unexpected(id.error());
        m_purchases[hostName(kind, index)] = *id;
        return {};
    }

    Expected<void> startTraffic(Kind kind, uint64_t index) {
        const std::string host = hostName(kind, index);
        const std::string port = "port=" + std::to_string(portOf(kind, index));
        const std::string seconds = "seconds=" + std::to_string(m_seconds + 60);
        const std::string to = "to=" + m_to;
        switch (kind) {
        case Kind::Quiet:
            LAB_TRY(pay(kind, index, "tcp"));
            LAB_TRY(startTool("a", "tcp-sink", {port}));
            return startTool(host, "tcp-send", {to, port, seconds, "mbit=2", "congestion=bbr"});
        case Kind::Filled:
            LAB_TRY(netpas(m_lab, host, {"measurements", "--to", m_to}));  // best effort is looked at when asked for
            LAB_TRY(startTool("a", "tcp-sink", {port}));
            return startTool(host, "tcp-send", {to, port, seconds, "congestion=cubic"});
        case Kind::Counted:
            LAB_TRY(pay(kind, index, "udp"));
            LAB_TRY(startTool("a", "udp-sink", {port}));
            return startTool(host, "udp-send", {to, port, "rate=400", "size=200"});
        }
        return {};
    }

    [[nodiscard]] Expected<Json> measured(const std::string& host) {
        const auto answer = netpas(m_lab, host, {"measurements"});
        if (!answer) return tl::unexpected(answer.error());
        return answer->value("measurements", Json::array());
    }

    Expected<void> judgeQuiet(uint64_t index) {
        const std::string host = hostName(Kind::Quiet, index);
        const auto all = measured(host);
        if (!all) return tl::unexpected(all.error());
        const Truth near = m_wires.along({host + "-z1"});
        const Truth peering = m_wires.along({"peering"});
        const Truth far = m_wires.along({host + "-z1", "peering"});
        m_late = std::max(m_late, far.late);
        size_t routes = 0;
        for (const Json& one : *all) {
            const bool paid = !one.value("classes", Json::array()).empty();
            if (one.value("source", "") == "tcp") {
                m_judge.compare("tcp_round_trip_ms", host, one.value("round_trip_ms", Json()), far.roundTrip);
                m_judge.compare("tcp_loss_there", host, one.value("loss_there", Json()), far.lossThere);
                ++routes;
                continue;
            }
            const bool toFirst = one.value("isp", 0) == 26;
            const Truth& truth = toFirst ? near : far;
            const std::string where = host + (toFirst ? " to Z" : " to Y") + (paid ? ", paid" : ", best effort");
            m_judge.compare("stamp_round_trip_ms", where, one.value("round_trip_ms", Json()), truth.roundTrip);
            m_judge.compare("stamp_loss_there", where, one.value("loss_there", Json()), truth.lossThere);
            m_judge.compare("stamp_loss_back", where, one.value("loss_back", Json()), truth.lossBack);
            ++routes;
            if (!one.contains("segment")) continue;
            m_judge.compare("segment_round_trip_ms", where, one["segment"].value("round_trip_ms", Json()),
                            peering.roundTrip);
            m_judge.compare("segment_loss_there", where, one["segment"].value("loss_there", Json()), peering.lossThere);
        }
        constexpr size_t wanted = 5;  // two ISPs, paid and not, and the connection
        m_context.expect(routes == wanted,
                         host + " measured " + std::to_string(routes) + " ways, not 5: " + all->dump());
        return {};
    }

    // The rate is set for frames; the estimate is of IP packets.
    Expected<void> judgeFilled(uint64_t index) {
        constexpr double packet = 1500;
        constexpr double frame = 1514;
        const std::string host = hostName(Kind::Filled, index);
        const auto all = measured(host);
        if (!all) return tl::unexpected(all.error());
        const LinkSpec& link = *m_lab.topology().link(host + "-z1");
        const double truth = static_cast<double>(link.direction[0].rate->bitsPerSecond) / 1e6 * packet / frame;
        Json estimate;
        for (const Json& one : *all) {
            if (one.value("source", "") == "tcp") estimate = one.value("rate_mbit", Json());
        }
        m_judge.compare("tcp_rate_mbit", host, estimate, truth);
        return {};
    }

    // What the first ISP signed that it accepted, beside what the agent's plane sent: the loss of the link between them, seen by packets
    // that nobody could tell from others.
    Expected<void> judgeCounted(uint64_t index) {
        const std::string host = hostName(Kind::Counted, index);
        const auto settled = stopPurchase(m_lab, host, m_purchases[host]);
        if (!settled) return tl::unexpected(settled.error());
        const Json& sent = settled->value("sent", Json::object());
        const auto amount = amountAt(sent, "amount");
        const auto charged = amountAt(*settled, "charged");
        const auto packets = sent.value("packets", uint64_t{0});
        if (!amount || !charged || packets == 0)
            return fail(LabErrc::Evidence, "the purchase of " + host + " has no statement: " + settled->dump());
        // All packets cost the same.
        const int64_t each = amount->eighths() / static_cast<int64_t>(packets);
        const uint64_t accepted = static_cast<uint64_t>(charged->eighths() / each);
        measure::LossEstimator estimator;
        const SteadyTime now = systemClock().steady();
        estimator.add(now, packets, packets - std::min(accepted, packets));
        const measure::Estimate estimate = estimator.estimate(now);
        m_judge.compare("statement_loss_there", host,
                        Json{{"grade", name(estimate.grade)},
                             {"value", estimate.value},
                             {"low", estimate.low},
                             {"high", estimate.high},
                             {"samples", estimate.samples}},
                        m_wires.along({host + "-z1"}).lossThere);
        return {};
    }

    ScenarioContext& m_context;
    Lab& m_lab;
    Judge& m_judge;
    Wires m_wires;
    double m_seconds;
    std::string m_to;
    double m_late = 0;
    std::vector<Tool> m_tools;
    std::map<std::string, std::string> m_purchases;
};

Expected<void> run(ScenarioContext& context) {
    const uint64_t runs = runsOf(context.options());
    const uint64_t hosts = hostsOf(context.options());
    Judge judge;
    Windows windows(context, judge);
    context.result()["runs"] = runs;
    for (uint64_t done = 0; done < runs; done += hosts) {
        const uint64_t now = std::min(hosts, runs - done);
        context.say("Runs " + std::to_string(done + 1) + " to " + std::to_string(done + now) + " of " +
                    std::to_string(runs));
        LAB_TRY(windows.run(now));
    }
    context.result()["wires_late_ms"] = windows.late();
    judge.report(context.result());
    judge.judge(context);
    return {};
}

}  // namespace

Scenario measureTruthScenario() {
    return {"measure-truth",
            "estimates beside the truth: delay, loss and rate of links, by test packets, passive counts and statements",
            "measure", addHosts, run};
}

}  // namespace netpas::lab
