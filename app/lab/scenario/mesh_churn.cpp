// A mesh of households in which nothing stays as it is: machines, agents, secretaries and routers are killed, links fail, prices and clocks change, while connections
// run across it. Nothing is paid twice or for nothing, connections live while there is a way, and afterwards all books agree, with those of the ISP too.
#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "app/lab/scenario/mesh.h"
#include "app/lab/scenario/mesh_households.h"
#include "app/lab/tools/tool.h"
#include "core/clock.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;

constexpr double defaultSeconds = 600;
constexpr auto step = 20ms;
constexpr auto patience = 45s;     // of a connection that has a way and gets nowhere
constexpr int64_t mostOff = 3600;  // seconds, of a clock

// A connection across the mesh; its ends are never killed.
struct Connection {
    Connection(std::string sender, std::string receiver, uint16_t number)
        : from(std::move(sender)), to(std::move(receiver)), port(number) {}
    std::string from, to;
    uint16_t port;
    std::optional<Tool> sinkTool, senderTool;
    uint64_t bytes = 0;
    SteadyTime moved{};  // or had no way
    SteadyTime lostWay{};
    bool hasWay = true;
    std::chrono::milliseconds longestStill{0}, withoutWay{0};
    bool stuck = false;
};

class MeshChurn {
public:
    explicit MeshChurn(ScenarioContext& context)
        : m_context(context),
          m_net(context.lab(), sevenPrices),
          m_homes(context, m_net),
          m_random(context.options().seed) {}

    Expected<void> run() {
        LAB_TRY(m_net.start(sevenLinks));
        LAB_TRY(m_net.countPassed());
        LAB_TRY(m_homes.makeClocks());
        LAB_TRY(m_homes.start());
        LAB_TRY(calm());
        m_connections.emplace_back("a", "g", meshTrafficPort);
        m_connections.emplace_back("g", "c", meshTrafficPort + 1);
        m_connections.emplace_back("c", "a", meshTrafficPort + 2);
        LAB_TRY(connectAll());
        LAB_TRY(weather());
        LAB_TRY(calm());
        LAB_TRY(finishAll());
        LAB_TRY(m_homes.settle());
        LAB_TRY(m_context.lab().checkPrograms());
        return judge();
    }

private:
    struct Repair {
        SteadyTime at;
        std::function<Expected<void>()> what;
    };

    uint64_t upTo(uint64_t most) { return std::uniform_int_distribution<uint64_t>(0, most)(m_random); }
    std::string someNode() {
        // The ends of the connections stay.
        static const std::vector<std::string> mortal{"b", "d", "e", "f"};
        return mortal[upTo(mortal.size() - 1)];
    }
    std::string anyNode() {
        return std::next(sevenPrices.begin(), static_cast<std::ptrdiff_t>(upTo(sevenPrices.size() - 1)))->first;
    }
    void later(std::chrono::milliseconds delay, std::function<Expected<void>()> what) {
        m_repairs.push_back({systemClock().steady() + delay, std::move(what)});
    }
    // What an owner says to a household that may be away: again and again until it has heard.
    Expected<void> insist(const std::string& what, std::function<Expected<void>()> say, int times = 120) {
        const auto said = say();
        if (said) return {};
        if (times == 0) return fail(LabErrc::Timeout, what + " could not be said: " + said.error().text);
        later(500ms, [this, what, say = std::move(say), times] { return insist(what, say, times - 1); });
        return {};
    }
    std::chrono::milliseconds aWhile() { return std::chrono::milliseconds(500 + upTo(5500)); }

    // Every node has routes to all others and pays for them. Whether they are the cheapest is what mesh-seven asks: after many changes babeld may keep
    // one that has become a little dearer than another.
    Expected<void> calm() {
        std::string missing;
        const auto done = waitUntil("routes to everywhere, and agreements for them", babelsPatience, [&] {
            std::this_thread::sleep_for(500ms);
            auto all = m_homes.notBought();
            if (all && all->empty()) all = m_net.missingRoutes();
            missing.clear();
            if (!all) {
                missing = "; " + all.error().text;
                return false;
            }
            for (const std::string& one : *all) missing += "; " + one;
            return all->empty();
        });
        if (!done) return fail(LabErrc::State, done.error().text + missing);
        const auto dearer = m_net.wrongRoutes();
        if (dearer) m_context.result()["routes_not_the_cheapest"] = dearer->size();
        return {};
    }

    Expected<void> connectAll() {
        for (Connection& one : m_connections) {
            LAB_TRY(m_net.countArriving(one.to, one.port));
            const std::string port = "port=" + std::to_string(one.port), seed = "seed=" + std::to_string(one.port);
            auto sink = Tool::start(m_context.lab(), one.to, "tcp-sink", {port, seed});
            if (!sink) return tl::unexpected(sink.error());
            one.sinkTool.emplace(std::move(*sink));
            auto sender = Tool::start(m_context.lab(), one.from, "tcp-send",
                                      {"to=" + m_net.address(one.to).toString(), port, seed, "mbit=8"});
            if (!sender) return tl::unexpected(sender.error());
            one.senderTool.emplace(std::move(*sender));
            one.moved = systemClock().steady();
        }
        return {};
    }

    // Whether each connection has a way now, and whether it moves.
    void watch() {
        const SteadyTime now = systemClock().steady();
        for (Connection& one : m_connections) {
            const bool way = !m_net.cheapest(one.from, one.to, m_broken).empty();
            if (one.hasWay && !way) one.lostWay = now;
            if (!one.hasWay) one.withoutWay += std::chrono::duration_cast<std::chrono::milliseconds>(now - one.lostWay);
            if (!way) one.lostWay = one.moved = now;
            one.hasWay = way;
            const uint64_t bytes = m_net.arrived(one.to, one.port).value_or(one.bytes);
            const auto still = std::chrono::duration_cast<std::chrono::milliseconds>(now - one.moved);
            if (way) one.longestStill = std::max(one.longestStill, still);
            if (bytes > one.bytes) one.moved = now;
            one.bytes = bytes;
            one.stuck |= way && still > patience;
        }
    }

    Expected<void> weather() {
        const double seconds = m_context.options().seconds > 0 ? m_context.options().seconds : defaultSeconds;
        const SteadyTime end = systemClock().steady() + std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
        m_context.say("bad weather for " + std::to_string(static_cast<int64_t>(seconds)) + " s");
        SteadyTime nextEvent = systemClock().steady(), nextWatch = nextEvent;
        while (systemClock().steady() < end || !m_repairs.empty()) {
            const SteadyTime now = systemClock().steady();
            LAB_TRY(repair(now));
            if (now >= nextEvent && now < end) {
                LAB_TRY(something());
                nextEvent = now + std::chrono::milliseconds(600 + upTo(2400));
            }
            if (now >= nextWatch) {
                watch();
                nextWatch = now + 500ms;
            }
            std::this_thread::sleep_for(step);
        }
        return {};
    }

    Expected<void> repair(SteadyTime now) {
        for (size_t i = 0; i < m_repairs.size();) {
            if (m_repairs[i].at > now) {
                ++i;
                continue;
            }
            const auto what = std::move(m_repairs[i].what);
            m_repairs.erase(m_repairs.begin() + static_cast<std::ptrdiff_t>(i));
            LAB_TRY(what());
        }
        return {};
    }

    Expected<void> something() {
        switch (upTo(7)) {
        case 0:
        case 1: return failLink();
        case 2: return crashNode();
        case 3: return killAgent();
        case 4: return killSecretary();
        case 5: return killRouter();
        case 6: return changePrice();
        default: return changeClock();
        }
    }

    // At most two links at once, none of a node that is down.
    Expected<void> failLink() {
        const Hop link = sevenLinks[upTo(sevenLinks.size() - 1)];
        if (m_linksDown >= 2 || m_broken.contains(link) || m_broken.contains({link.first, link.first}) ||
            m_broken.contains({link.second, link.second}))
            return {};
        LAB_TRY(m_net.setLink(link, false));
        ++m_linksDown;
        ++m_linkFailures;
        m_broken.insert(link);
        later(aWhile(), [this, link]() -> Expected<void> {
            --m_linksDown;
            m_broken.erase(link);
            return m_net.setLink(link, true);
        });
        return {};
    }

    // The whole machine, for a while.
    Expected<void> crashNode() {
        const std::string node = someNode();
        if (m_nodesDown > 0 || m_busy.contains(node)) return {};
        m_busy.insert(node);
        ++m_nodesDown;
        ++m_crashes;
        LAB_TRY(m_homes.kill(node));
        m_net.killRouter(node);
        m_broken.insert({node, node});
        for (const std::string& neighbour : m_net.neighbours(node)) {
            if (!m_broken.contains({node, neighbour}) && !m_broken.contains({neighbour, node}))
                LAB_TRY(m_net.setLink({node, neighbour}, false));
        }
        later(aWhile(), [this, node]() -> Expected<void> {
            --m_nodesDown;
            m_broken.erase({node, node});
            m_busy.erase(node);
            for (const std::string& neighbour : m_net.neighbours(node)) {
                if (!m_broken.contains({node, neighbour}) && !m_broken.contains({neighbour, node}))
                    LAB_TRY(m_net.setLink({node, neighbour}, true));
            }
            LAB_TRY(m_net.startRouter(node));
            return m_homes.launch(node);
        });
        return {};
    }

    // Who forwards and counts; its rule of the packet filter goes with it, and packets go on as the kernel's routes are.
    Expected<void> killAgent() {
        const std::string node = anyNode();
        if (m_busy.contains(node)) return {};
        m_busy.insert(node);
        ++m_agentKills;
        LAB_TRY(m_homes.killAgent(node));
        later(std::chrono::milliseconds(upTo(2000)), [this, node]() -> Expected<void> {
            m_busy.erase(node);
            return m_homes.launch(node);
        });
        return {};
    }

    // Who agrees, keeps the books and pays.
    Expected<void> killSecretary() {
        const std::string node = anyNode();
        if (m_busy.contains(node)) return {};
        ++m_secretaryKills;
        m_homes.killSecretary(node);
        return {};
    }

    Expected<void> killRouter() {
        const std::string node = someNode();
        if (m_busy.contains(node)) return {};
        m_busy.insert(node);
        ++m_routerKills;
        m_net.killRouter(node);
        later(aWhile() / 4, [this, node]() -> Expected<void> {
            m_busy.erase(node);
            return m_net.startRouter(node);
        });
        return {};
    }

    Expected<void> changePrice() {
        const std::string node = someNode();
        ++m_priceChanges;
        m_net.notePrice(node, static_cast<int64_t>(5 + upTo(900)));
        return insist("the price of " + node, [this, node] { return m_homes.setPrice(node); });
    }

    // Of a whole machine, until somebody sets it right and says so.
    Expected<void> changeClock() {
        const std::string node = someNode();
        if (!m_wrongClocks.insert(node).second) return {};
        ++m_clockJumps;
        m_homes.setClock(node, std::chrono::seconds(static_cast<int64_t>(upTo(2 * mostOff)) - mostOff));
        later(3 * aWhile(), [this, node]() -> Expected<void> {
            m_wrongClocks.erase(node);
            m_homes.setClock(node, 0s);
            return insist("the clock of " + node, [this, node] { return m_homes.acceptClock(node); });
        });
        return {};
    }

    Expected<void> finishAll() {
        Json& result = m_context.result()["connections"] = Json::array();
        for (Connection& one : m_connections) {
            one.senderTool->process().signal(SIGTERM);
            const auto sent = one.senderTool->finish(60s), came = one.sinkTool->finish(10s);
            const std::string name = one.from + " to " + one.to;
            if (!m_context.expect(sent && came, "the connection of " + name + " did not end")) continue;
            const bool whole = sent->value("checksum", "-") == came->value("checksum", "+") &&
                               came->value("wrong", uint64_t{1}) == 0 && !sent->value("reset", true) &&
                               !came->value("reset", true) && sent->value("sent", uint64_t{0}) > 0;
            m_context.expect(whole, "the connection of " + name + " broke: " + sent->dump() + came->dump());
            m_context.expect(!one.stuck, "the connection of " + name + " had a way and did not move");
            result.push_back({{"from", one.from},
                              {"to", one.to},
                              {"whole", whole},
                              {"bytes", came->value("received", uint64_t{0})},
                              {"retransmitted_segments", sent->value("retransmitted_segments", uint64_t{0})},
                              {"longest_still_with_a_way_ms", one.longestStill.count()},
                              {"without_a_way_ms", one.withoutWay.count()}});
        }
        return {};
    }

    Expected<void> judge() {
        LAB_TRY(m_homes.compareBooks());
        Json& result = m_context.result();
        result["events"] = {{"links_down", m_linkFailures},    {"nodes_crashed", m_crashes},
                            {"agents_killed", m_agentKills},   {"secretaries_killed", m_secretaryKills},
                            {"routers_killed", m_routerKills}, {"prices_changed", m_priceChanges},
                            {"clocks_changed", m_clockJumps}};
        // Nobody is charged for what did not pass, nor pays what was not charged.
        uint64_t passed = 0, charged = 0, tooMuch = 0;
        for (const auto& [node, price] : sevenPrices) {
            for (const std::string& from : m_net.neighbours(node)) {
                const auto truth = m_net.passed(from, node);
                if (!truth) return tl::unexpected(truth.error());
                const uint64_t bought = m_homes.bought(from, node).bytes;
                passed += *truth;
                charged += bought;
                tooMuch += bought > *truth ? bought - *truth : 0;
            }
        }
        m_context.expect(tooMuch == 0, std::to_string(tooMuch) + " bytes were charged that did not pass");
        m_context.expect(charged > 0, "nothing was charged");
        for (const std::string& one : m_homes.paidTwice()) m_context.expect(false, one);
        for (const std::string& one : m_homes.differences()) m_context.expect(false, one);
        result["passed_bytes"] = passed;
        result["charged_bytes"] = charged;
        result["charged_too_much_bytes"] = tooMuch;
        result["paid_twice"] = m_homes.paidTwice().size();
        result["payments"] = m_homes.payments();
        result["books_balance"] = m_homes.differences().empty();
        result["balances"] = m_homes.balances();
        m_context.say(std::to_string(m_homes.payments()) + " payments, " + std::to_string(charged) + " of " +
                      std::to_string(passed) + " bytes charged; the rest passed while an agent was dead");
        return {};
    }

    ScenarioContext& m_context;
    MeshNet m_net;
    MeshHouseholds m_homes;
    std::mt19937_64 m_random;
    std::vector<Connection> m_connections;
    std::vector<Repair> m_repairs;
    std::set<Hop> m_broken;        // links, and nodes as a pair with themselves
    std::set<std::string> m_busy;  // nodes with a repair to come
    std::set<std::string> m_wrongClocks;
    int m_linksDown = 0, m_nodesDown = 0;
    uint64_t m_linkFailures = 0, m_crashes = 0, m_agentKills = 0, m_secretaryKills = 0, m_routerKills = 0,
             m_priceChanges = 0, m_clockJumps = 0;
};

}  // namespace

Scenario meshChurnScenario() {
    return {"mesh-churn",
            "seven households that die, links that fail, prices and clocks that change: nothing is paid twice, "
            "connections live",
            "mesh-households",
            {},
            [](ScenarioContext& context) { return MeshChurn(context).run(); }};
}

}  // namespace netpas::lab
