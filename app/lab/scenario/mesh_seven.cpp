// Seven households with fixed prices and seven pairs of traffic: routes as the prices demand, debts to the byte, with and without losses on the links; and
// after a change of price. Agents and secretaries do all of it; routes are compared with a computation that shares nothing with babeld, debts with what another table counted and with the ways themselves.
#include <nlohmann/json.hpp>
#include <thread>

#include "app/lab/scenario/mesh.h"
#include "app/lab/scenario/mesh_households.h"
#include "app/lab/tools/tool.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;

const std::vector<Hop> pairs{{"a", "g"}, {"c", "e"}, {"d", "f"}, {"e", "c"}, {"f", "d"}, {"g", "a"}, {"e", "a"}};

constexpr uint64_t payload = 1400;
constexpr uint64_t packetBytes = payload + 28;
constexpr uint64_t defaultPackets = 100'041;  // of each pair; a gigabyte in all
constexpr uint64_t onALink = 65'536;          // bytes, as two neighbours allow for when they compare counts
constexpr double packetsPerSecond = 4000;     // of each pair

class MeshSeven {
public:
    explicit MeshSeven(ScenarioContext& context)
        : m_context(context), m_net(context.lab(), sevenPrices), m_homes(context, m_net) {}

    // Prices stay as they are, and all that is sent is paid for; with and without losses.
    Expected<void> traffic() {
        LAB_TRY(begin());
        const auto loss = static_cast<unsigned>(m_context.options().loss * 10);  // of 1,000
        if (loss == 0) LAB_TRY(part(0, "debt_error_bytes"));
        LAB_TRY(part(loss == 0 ? 20 : loss, "debt_error_bytes_with_loss"));
        return end();
    }
    // A price rises, and a babeld dies.
    Expected<void> changes() {
        LAB_TRY(begin());
        LAB_TRY(part(0, "debt_error_bytes"));
        LAB_TRY(priceChange());
        LAB_TRY(routerDies());
        return end();
    }

private:
    Expected<void> begin() {
        LAB_TRY(m_net.start(sevenLinks));
        LAB_TRY(m_net.countPassed());
        LAB_TRY(m_homes.start());
        LAB_TRY(awaitRoutes("routes"));
        m_context.result()["parts"] = Json::array();
        return buyWays();
    }
    Expected<void> end() {
        LAB_TRY(m_homes.settle());
        return judgeBooks();
    }

    // Every kernel's table is what the prices demand.
    Expected<void> awaitRoutes(const std::string& name) {
        std::vector<std::string> wrong{"?"};
        const auto right = waitUntil("routes as the prices demand", babelsPatience, [&] {
            std::this_thread::sleep_for(500ms);
            const auto now = m_net.wrongRoutes();
            if (now) wrong = *now;
            return now && wrong.empty();
        });
        size_t longer = 0, all = 0;
        for (const auto& [from, price] : m_net.prices()) {
            for (const auto& [to, same] : m_net.prices()) {
                if (from == to) continue;
                ++all;
                longer += m_net.cheapest(from, to).size() > (m_net.neighbours(from).contains(to) ? 2U : 3U) ? 1U : 0U;
            }
        }
        m_context.result()[name] = {
            {"checked", 2 * all}, {"wrong", wrong.size()}, {"cheapest_is_not_shortest", longer}};
        m_context.expect(right.has_value(), wrong.empty() ? "no routes" : "a route is wrong: " + wrong.front());
        m_context.say(std::to_string(2 * all) + " routes of both families, " + std::to_string(wrong.size()) +
                      " not as the prices demand; " + std::to_string(longer) +
                      " pairs of nodes go a longer way because it is cheaper");
        return {};
    }

    Expected<void> buyWays() {
        std::vector<std::string> missing;
        const auto all = waitUntil("agreements along all routes", 60s, [&] {
            std::this_thread::sleep_for(300ms);
            const auto now = m_homes.notBought();
            if (now) missing = *now;
            return now && missing.empty();
        });
        if (!all && !missing.empty()) return fail(LabErrc::Timeout, all.error().text + ": " + missing.front());
        return all;
    }

    // By link: what was passed on, and what was charged for that.
    std::map<Hop, uint64_t> passedSoFar() {
        std::map<Hop, uint64_t> all;
        for (const auto& [node, price] : m_net.prices()) {
            for (const std::string& from : m_net.neighbours(node))
                all[{from, node}] = m_net.passed(from, node).value_or(0);
        }
        return all;
    }
    Expected<std::map<Hop, MeshHouseholds::Bought>> boughtSoFar() {
        LAB_TRY(m_homes.look());
        std::map<Hop, MeshHouseholds::Bought> all;
        for (const auto& [node, price] : m_net.prices()) {
            for (const std::string& from : m_net.neighbours(node)) all[{from, node}] = m_homes.bought(from, node);
        }
        return all;
    }

    Expected<void> part(unsigned lossOf1000, const std::string& name) {
        const uint64_t packets = m_context.options().packets > 0 ? m_context.options().packets : defaultPackets;
        LAB_TRY(m_net.lose(lossOf1000));
        const auto passedBefore = passedSoFar();
        const auto boughtBefore = boughtSoFar();
        if (!boughtBefore) return tl::unexpected(boughtBefore.error());
        std::vector<Tool> sinks, senders;
        uint16_t port = meshTrafficPort;
        for (const auto& [from, to] : pairs) {
            const std::string at = "port=" + std::to_string(port++), count = "packets=" + std::to_string(packets);
            auto sink = Tool::start(m_context.lab(), to, "udp-sink", {at, count, "idle_ms=5000"});
            if (!sink) return tl::unexpected(sink.error());
            sinks.push_back(std::move(*sink));
            auto sender = Tool::start(m_context.lab(), from, "udp-send",
                                      {"to=" + m_net.address(to).toString(), at, count,
                                       "size=" + std::to_string(payload), "rate=" + std::to_string(packetsPerSecond)});
            if (!sender) return tl::unexpected(sender.error());
            senders.push_back(std::move(*sender));
        }
        const auto running = [](std::vector<Tool>& tools) {
            return std::any_of(tools.begin(), tools.end(), [](Tool& tool) { return tool.process().running(); });
        };
        while (running(senders) || running(sinks)) std::this_thread::sleep_for(100ms);
        uint64_t arrived = 0;
        for (Tool& sink : sinks) {
            const auto seen = sink.finish(5s);
            if (!seen) return tl::unexpected(seen.error());
            arrived += seen->value("distinct", uint64_t{0});
        }
        // What was counted goes to the other end with the next count.
        LAB_TRY(m_net.lose(0));
        // What never comes is seen by the judge.
        (void)waitUntil("the last counts", 30s, [&] {
            std::this_thread::sleep_for(300ms);
            if (!m_homes.look()) return false;
            for (const auto& [hop, before] : passedBefore) {
                const uint64_t passed = m_net.passed(hop.first, hop.second).value_or(0) - before;
                if (m_homes.bought(hop.first, hop.second).bytes - boughtBefore->at(hop).bytes < passed) return false;
            }
            return true;
        });
        judgePart(lossOf1000, packets, arrived, passedBefore, *boughtBefore, name);
        return {};
    }

    void judgePart(unsigned lossOf1000, uint64_t packets, uint64_t arrived, const std::map<Hop, uint64_t>& passedBefore,
                   const std::map<Hop, MeshHouseholds::Bought>& boughtBefore, const std::string& name) {
        // Without losses the ways say what is owed: who is on the way and not its end is paid by the one before.
        std::map<Hop, uint64_t> demanded;
        for (const auto& [from, to] : pairs) {
            const auto way = m_net.cheapest(from, to);
            for (size_t i = 1; i + 1 < way.size(); ++i) demanded[{way[i - 1], way[i]}] += packets * packetBytes;
        }
        uint64_t error = 0, forwarded = 0;
        Json debts = Json::array();
        for (const auto& [hop, before] : passedBefore) {
            const uint64_t passed = m_net.passed(hop.first, hop.second).value_or(0) - before;
            const MeshHouseholds::Bought now = m_homes.bought(hop.first, hop.second);
            const uint64_t bytes = now.bytes - boughtBefore.at(hop).bytes;
            error += bytes > passed ? bytes - passed : passed - bytes;
            forwarded += passed;
            if (bytes == 0 && passed == 0) continue;
            if (bytes != passed)
                m_context.say(hop.first + " to " + hop.second + ": " + std::to_string(passed) + " bytes passed, " +
                              std::to_string(bytes) + " are owed");
            const Money charged = checkedSub(now.charged, boughtBefore.at(hop).charged).value_or(Money::max());
            debts.push_back({{"from", hop.first},
                             {"to", hop.second},
                             {"passed_bytes", passed},
                             {"charged_bytes", bytes},
                             {"charged", charged.toString()}});
            if (lossOf1000 == 0)
                m_context.expect(bytes == demanded[hop], hop.first + " owes " + hop.second + " for " +
                                                             std::to_string(bytes) + " bytes, the routes demand " +
                                                             std::to_string(demanded[hop]));
        }
        const uint64_t sent = packets * pairs.size();
        // With losses a route may change, and an agreement begin or end, while packets are on their way over its link.
        const uint64_t inFlight = lossOf1000 == 0 ? 0 : debts.size() * onALink;
        m_context.expect(error <= inFlight, "counts and debts differ by " + std::to_string(error) + " bytes");
        m_context.expect(lossOf1000 > 0 || arrived == sent,
                         std::to_string(sent - arrived) + " packets were lost where none should be");
        m_context.expect(lossOf1000 == 0 || arrived < sent, "nothing was lost although it should be");
        m_context.expect(forwarded > 0, "nothing was forwarded");
        Json& result = m_context.result();
        result["parts"].push_back({{"loss_percent", lossOf1000 / 10.0},
                                   {"pairs", pairs.size()},
                                   {"sent_packets", sent},
                                   {"sent_bytes", sent * packetBytes},
                                   {"arrived_packets", arrived},
                                   {"forwarded_bytes", forwarded},
                                   {"in_flight_bytes", inFlight},
                                   {"debts", std::move(debts)}});
        result[name] = error;
        m_context.say(std::to_string(sent * packetBytes) + " bytes sent, " + std::to_string(forwarded) +
                      " passed on and owed, " + std::to_string(error) + " too many or too few");
    }

    Expected<void> awaitAnnounced(const std::string& node, MeshNet::Announced wanted) {
        const bool silent = wanted == MeshNet::Announced::Nothing;
        return waitUntil(silent ? node + " to be missed" : "Babel to have the price of " + node, babelsPatience, [&] {
            std::this_thread::sleep_for(300ms);
            return m_net.announced(node) == wanted;
        });
    }

    // f gets dear: routes go elsewhere, bought at the price of who is there.
    Expected<void> priceChange() {
        m_net.notePrice("f", 700);
        LAB_TRY(m_homes.setPrice("f"));
        m_context.say("f asks 700 n$ a kB from now on");
        LAB_TRY(awaitAnnounced("f", MeshNet::Announced::ItsPrice));
        LAB_TRY(awaitRoutes("routes_after_price_change"));
        return buyWays();
    }

    // A babeld that begins anew does not know its price: its agent says again what it asks.
    Expected<void> routerDies() {
        m_net.killRouter("b");
        LAB_TRY(awaitAnnounced("b", MeshNet::Announced::Nothing));
        LAB_TRY(m_net.startRouter("b"));
        m_context.say("babeld of b was killed and started again");
        LAB_TRY(awaitAnnounced("b", MeshNet::Announced::ItsPrice));
        LAB_TRY(awaitRoutes("routes_after_router_died"));
        return buyWays();
    }

    Expected<void> judgeBooks() {
        LAB_TRY(m_homes.compareBooks());
        for (const std::string& one : m_homes.differences()) m_context.expect(false, one);
        m_context.result()["books_balance"] = m_homes.differences().empty();
        m_context.result()["balances"] = m_homes.balances();
        m_context.result()["payments"] = m_homes.payments();
        m_context.expect(m_homes.payments() > 0, "nothing was paid");
        return m_context.lab().checkPrograms();
    }

    ScenarioContext& m_context;
    MeshNet m_net;
    MeshHouseholds m_homes;
};

}  // namespace

Scenario meshSevenScenario() {
    return {"mesh-seven",
            "seven households with prices: routes as they demand, debts to the byte",
            "mesh-households",
            {},
            [](ScenarioContext& context) { return MeshSeven(context).traffic(); }};
}

Scenario meshPricesScenario() {
    return {"mesh-prices",
            "seven households, one of which gets dear, and one whose babeld dies: routes follow",
            "mesh-households",
            {},
            [](ScenarioContext& context) { return MeshSeven(context).changes(); }};
}

}  // namespace netpas::lab
