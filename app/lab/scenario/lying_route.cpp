// Chains of six nodes, one of which lies about its way, with real traffic: the lying link is named by statements alone, and among honest nodes nobody is. Judged by
// who was told to lie. Several chains work at once; each run has new keys, another place and another lie.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "app/lab/command.h"
#include "app/lab/netns.h"
#include "app/lab/scenario/route_node.h"
#include "app/lab/scenario/scenario.h"
#include "core/random.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;

constexpr size_t chainNodes = 6, chainsAtOnce = 4;
constexpr uint16_t port = 4000;
constexpr size_t payload = 972;  // with UDP and IPv4 headers: 1000 bytes

std::string copyOf(const std::string& node, size_t chain) {
    return chain == 0 ? node : node + "x" + std::to_string(chain);
}

size_t chainsFor(const ScenarioOptions& options) {
    const uint64_t most = std::max({options.runs, options.honest, uint64_t{1}});
    return options.runs == 0 && options.honest == 0 ? chainsAtOnce : std::min<size_t>(chainsAtOnce, most);
}

// More of the same chain beside it.
void multiply(Topology& topology, const ScenarioOptions& options) {
    const Topology one = topology;
    for (size_t chain = 1; chain < chainsFor(options); ++chain) {
        for (IspSpec isp : one.isps) {
            isp.name += std::to_string(chain);
            isp.id = static_cast<uint16_t>(isp.id + chain);
            for (std::string& router : isp.routers) router = copyOf(router, chain);
            topology.isps.push_back(std::move(isp));
        }
        for (HostSpec host : one.hosts) {
            host.name = copyOf(host.name, chain);
            topology.hosts.push_back(std::move(host));
        }
        for (LinkSpec link : one.links) {
            for (std::string& end : link.between) end = copyOf(end, chain);
            link.name = link.between[0] + "-" + link.between[1];
            topology.links.push_back(std::move(link));
        }
    }
}

// What was not verified is null.
Json figures(const routes::Quality& quality, bool arrives, bool throughput, bool latency) {
    Json json;
    json["arrives"] = arrives ? Json(quality.arrives) : Json(nullptr);
    json["bits_per_second"] = throughput ? Json(quality.bitsPerSecond) : Json(nullptr);
    json["seconds"] = latency ? Json(quality.seconds) : Json(nullptr);
    return json;
}

struct Outcome {
    bool named = false, right = false, honestNamed = false, honestCut = false;
};

// One run on one chain.
class Run {
public:
    Run(ScenarioContext& context, size_t chain, routes::Metric metric, uint64_t seed, bool honest)
        : m_context(context), m_lab(context.lab()), m_metric(metric), m_random(seed) {
        for (const char* node : {"a", "m1", "m2", "m3", "m4", "z"}) m_chain.nodes.push_back(copyOf(node, chain));
        for (size_t i = 0; i < chainNodes; ++i) {
            m_keys.push_back(Identity::generate());
            m_chain.keys.push_back(m_keys.back().publicKey());
        }
        if (!honest) m_liar = 1 + m_random.below(chainNodes - 2);
    }
    ~Run() {
        if (m_socket >= 0) ::close(m_socket);
        if (m_sink >= 0) ::close(m_sink);
        if (m_liar) (void)inNode(m_chain.nodes[*m_liar], {"nft", "delete", "table", "inet", "lab_liar"});
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    Expected<void> begin() {
        const auto from = m_context.plan().address(m_chain.nodes.front(), false);
        const auto to = m_context.plan().address(m_chain.nodes.back(), false);
        if (!from || !to) return fail(LabErrc::Topology, "the ends of the chain have no addresses");
        m_chain.route = {*from, *to};
        for (size_t i = 0; i + 1 < chainNodes; ++i) {
            const auto quality = wire(m_chain.nodes[i], m_chain.nodes[i + 1]);
            if (!quality) return fail(LabErrc::Topology, "the chain has a gap");
            m_chain.links.push_back(*quality);
        }
        LAB_TRY(lie());
        routes::ExchangeOptions options;
        options.window = 1000ms;
        options.askAgain = 400ms;
        options.patience = 2500ms;
        options.leastWindows = 8;
        // Wires and nodes share two processors here.
        options.tolerance.seconds = 0.01;
        for (size_t i = 0; i < chainNodes; ++i) {
            auto node = RouteNode::start(m_lab, m_chain, i, m_keys[i], options, m_liar == i ? m_lie : RouteLie{});
            if (!node) return tl::unexpected(node.error());
            m_nodes.push_back(std::move(*node));
        }
        return openTraffic();
    }

    // Of this many a second, what is due now.
    void send(uint64_t packets) {
        std::array<char, payload> text{};
        sockaddr_in there{};
        there.sin_family = AF_INET;
        there.sin_port = htons(port);
        std::memcpy(&there.sin_addr, m_chain.route.destination.bytes().data(), sizeof there.sin_addr);
        for (uint64_t i = 0; i < packets; ++i) {
            ++m_sent;
            std::memcpy(text.data(), &m_sent, sizeof m_sent);
            (void)::sendto(m_socket, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&there),
                           sizeof there);
        }
    }
    void step() {
        for (const auto& node : m_nodes) node->step();
    }
    [[nodiscard]] bool concluded() const {
        const auto report = m_nodes.front()->report();
        return report && report->verdict;
    }

    [[nodiscard]] Outcome judge(Json& json) const {
        Outcome outcome;
        const auto place = [&](const PublicKey& key) {
            return static_cast<size_t>(std::find(m_chain.keys.begin(), m_chain.keys.end(), key) - m_chain.keys.begin());
        };
        for (size_t i = 0; i + 1 < chainNodes; ++i) {
            const auto report = m_nodes[i]->report();
            if (!report || !report->verdict) continue;
            const size_t near = place(report->verdict->near), far = place(report->verdict->far);
            const bool atLiar = m_liar && (near == *m_liar || far == *m_liar);
            outcome.honestNamed = outcome.honestNamed || !atLiar;
            // Whoever knows itself to be honest leaves the other end.
            if (near == i && i != m_liar) outcome.honestCut = outcome.honestCut || far != m_liar;
            if (i != 0) continue;
            outcome.named = true;
            outcome.right = atLiar;
            json["named"] = {near, far};
            json["by"] = std::string(name(report->verdict->metric));
            json["confidence"] = report->verdict->confidence;
        }
        if (m_liar) json["liar"] = *m_liar;
        if (m_liar) json["lie"] = m_lieName;
        if (const auto report = m_nodes.front()->report()) {
            json["windows"] = report->windows;
            json["claimed"] = figures(report->claimed, true, true, true);
            json["observed"] = figures(report->observed, report->arrives, report->throughput, report->latency);
        }
        json["packets"] = m_sent;
        json["overhead_bytes"] = overhead();
        return outcome;
    }
    [[nodiscard]] uint64_t overhead() const {
        uint64_t bytes = 0;
        for (const auto& node : m_nodes) bytes += node->exchange().said().bytes;
        return bytes;
    }
    [[nodiscard]] bool heard() const { return m_nodes.front()->report().has_value(); }

private:
    std::optional<routes::Quality> wire(const std::string& near, const std::string& far) const {
        for (const LinkSpec& link : m_context.topology().links) {
            const bool there = link.between[0] == near && link.between[1] == far;
            if (!there && (link.between[0] != far || link.between[1] != near)) continue;
            const LinkDirection& way = link.direction[there ? 0 : 1];
            return routes::Quality{1 - way.loss.millionths / 1e6,
                                   way.rate ? static_cast<double>(way.rate->bitsPerSecond) : 1e9,
                                   std::chrono::duration<double>(way.delay).count() + 0.001};
        }
        return std::nullopt;
    }
    Expected<void> inNode(const std::string& node, std::vector<std::string> command) {
        std::vector<std::string> argv{"ip", "netns", "exec", m_lab.netns(node)};
        argv.insert(argv.end(), command.begin(), command.end());
        if (auto done = requireCommand(argv); !done) return tl::unexpected(done.error());
        return {};
    }
    // What the liar does to packets, behind where everybody counts, and what it says.
    Expected<void> lie() {
        if (!m_liar) return {};
        std::string rule;
        switch (m_metric) {
        case routes::Metric::Loss:
            rule = "numgen random mod 100 < 12 drop";
            m_lieName = "drops";
            if (m_random.below(2) == 0) {
                m_lie.counted = 0.88;
                m_lieName = "drops, and counts as if they had not come";
            }
            break;
        case routes::Metric::Throughput:
            rule = "limit rate over 500 kbytes/second burst 20 kbytes drop";
            m_lieName = "passes on less than it says";
            break;
        case routes::Metric::Latency:
            m_lie.secondsLess = 0.03;
            m_lieName = "says that its link is faster";
            if (m_random.below(2) == 0) {
                m_lie.clockAhead = 30'000'000;
                m_lieName = "says that its link is faster, and when packets came as if it were";
            }
            return {};
        }
        const std::string table =
            "add table inet lab_liar; add chain inet lab_liar c { type filter hook forward priority filter + 30; }; "
            "add rule inet lab_liar c ip saddr " +
            m_chain.route.source.toString() + " ip daddr " + m_chain.route.destination.toString() + " " + rule;
        return inNode(m_chain.nodes[*m_liar], {"nft", table});
    }
    Expected<void> openTraffic() {
        for (const bool source : {true, false}) {
            LAB_TRY(inNamespace(
                m_lab.netns(source ? m_chain.nodes.front() : m_chain.nodes.back()), [&]() -> Expected<void> {
                    int& socket = source ? m_socket : m_sink;
                    socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                    sockaddr_in own{};
                    own.sin_family = AF_INET;
                    own.sin_port = htons(port);
                    const IpAddress& address = source ? m_chain.route.source : m_chain.route.destination;
                    std::memcpy(&own.sin_addr, address.bytes().data(), sizeof own.sin_addr);
                    if (socket < 0 || ::bind(socket, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0)
                        return fail(LabErrc::System, "no socket for traffic");
                    return {};
                }));
        }
        return {};
    }

    ScenarioContext& m_context;
    Lab& m_lab;
    routes::Metric m_metric;
    SeededRandom m_random;
    RouteChain m_chain;
    std::vector<Identity> m_keys;
    std::optional<size_t> m_liar;
    RouteLie m_lie;
    std::string m_lieName;
    std::vector<std::unique_ptr<RouteNode>> m_nodes;
    int m_socket = -1, m_sink = -1;
    uint64_t m_sent = 0;
};

// Sends on all chains, whatever the nodes are at.
class Traffic {
public:
    Traffic(const std::vector<std::unique_ptr<Run>>& runs, uint64_t perSecond)
        : m_thread([this, &runs, perSecond] {
              const auto began = std::chrono::steady_clock::now();
              uint64_t sent = 0;
              while (!m_stop) {
                  const std::chrono::duration<double> now = std::chrono::steady_clock::now() - began;
                  const auto due = static_cast<uint64_t>(now.count() * static_cast<double>(perSecond));
                  // After a pause not everything at once.
                  constexpr uint64_t most = 32;
                  for (const auto& run : runs) run->send(std::min(due - sent, most));
                  sent = due;
                  std::this_thread::sleep_for(2ms);
              }
          }) {}
    ~Traffic() { stop(); }
    Traffic(const Traffic&) = delete;
    Traffic& operator=(const Traffic&) = delete;

    void stop() {
        m_stop = true;
        if (m_thread.joinable()) m_thread.join();
    }

private:
    std::atomic<bool> m_stop{false};
    std::thread m_thread;  // last: it begins when everything is there
};

class LyingRoute {
public:
    LyingRoute(ScenarioContext& context, routes::Metric metric) : m_context(context), m_metric(metric) {}

    Expected<void> run() {
        const ScenarioOptions& options = m_context.options();
        const bool isWhole = options.runs == 0 && options.honest == 0;
        const uint64_t runs = isWhole ? 20 : options.runs, honest = isWhole ? 100 : options.honest;
        m_context.result()["metric"] = std::string(name(m_metric));
        LAB_TRY(all(runs, false));
        LAB_TRY(all(honest, true));
        Json& result = m_context.result();
        result["runs"] = runs;
        result["named_right"] = m_right;
        result["named_wrong"] = m_wrong;
        result["not_named"] = runs - m_right - m_wrong;
        result["honest_runs"] = honest;
        result["honest_named"] = m_honestNamed;
        result["honest_cut_off"] = m_honestCut;
        result["overhead_bytes_per_route"] = {{"with_a_liar", runs == 0 ? 0 : m_bytes / runs},
                                              {"honest", honest == 0 ? 0 : m_honestBytes / honest}};
        m_context.expect(m_right * 20 >= runs * 19,
                         "named right in " + std::to_string(m_right) + " of " + std::to_string(runs) + " runs");
        m_context.expect(m_honestNamed == 0 && m_honestCut == 0, "honest nodes were named");
        return {};
    }

private:
    Expected<void> all(uint64_t count, bool honest) {
        const size_t atOnce = chainsFor(m_context.options());
        for (uint64_t done = 0; done < count; done += atOnce)
            LAB_TRY(batch(done, std::min<uint64_t>(atOnce, count - done), honest));
        return {};
    }

    Expected<void> batch(uint64_t first, uint64_t count, bool honest) {
        std::vector<std::unique_ptr<Run>> runs;
        for (uint64_t i = 0; i < count; ++i) {
            runs.push_back(
                std::make_unique<Run>(m_context, i, m_metric, m_context.options().seed * 1000 + first + i, honest));
            LAB_TRY(runs.back()->begin());
        }
        // Windows of throughput count one by one, so that takes more of them. With a liar it ends when that is named; nodes that have too much else to
        // do say nothing, and then it takes longer.
        const bool many = m_metric == routes::Metric::Throughput;
        const auto limit = !honest ? 64s : many ? 24s : 14s;
        const auto began = std::chrono::steady_clock::now();
        const uint64_t perSecond = many ? 1650 : 400;
        Traffic traffic(runs, perSecond);
        while (std::chrono::steady_clock::now() - began < limit) {
            if (!honest && std::all_of(runs.begin(), runs.end(), [](const auto& run) { return run->concluded(); }))
                break;
            for (const auto& run : runs) run->step();
            std::this_thread::sleep_for(5ms);
        }
        traffic.stop();
        for (const auto& run : runs) note(*run, honest);
        return {};
    }

    void note(const Run& run, bool honest) {
        Json json;
        const Outcome outcome = run.judge(json);
        m_context.expect(run.heard(), "no statement came");
        if (honest) {
            m_honestNamed += outcome.named || outcome.honestNamed ? 1U : 0U;
            m_honestCut += outcome.honestCut ? 1U : 0U;
            m_honestBytes += run.overhead();
        } else {
            (outcome.right ? m_right : m_wrong) += outcome.named ? 1U : 0U;
            m_bytes += run.overhead();
        }
        m_context.say((honest ? "honest: " : "lying: ") + json.dump());
        m_context.result()[honest ? "honest_results" : "results"].push_back(std::move(json));
    }

    ScenarioContext& m_context;
    routes::Metric m_metric;
    uint64_t m_right = 0, m_wrong = 0, m_honestNamed = 0, m_honestCut = 0, m_bytes = 0, m_honestBytes = 0;
};

routes::Metric metricOf(const std::string& name) {
    if (name == "throughput") return routes::Metric::Throughput;
    return name == "latency" ? routes::Metric::Latency : routes::Metric::Loss;
}

}  // namespace

Scenario lyingRouteScenario() {
    return {"lying-route",
            "in a chain of six, who lies about its way is named by statements about normal traffic",
            "mesh-chain",
            multiply,
            [](ScenarioContext& context) { return LyingRoute(context, metricOf(context.options().metric)).run(); },
            false,
            true};
}

}  // namespace netpas::lab
