// A household with two neighbours: the cheaper one leads to the internet over a slow line. Its agent tests both ways by itself, pays for that, and buys from the better
// one in the end. Judged by the agreements, by what was measured against the lines' rates, and by what the tests have cost.
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/lab/command.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/mesh.h"
#include "app/lab/scenario/scenario.h"
#include "core/clock.h"
#include "core/money.h"
#include "core/ndt7/measurement.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;

struct Seller {
    const char* name;
    const char* link;  // at a; the other end is its name with "-a"
    const char* network;
    const char* perKb;
    double lineBitsPerSecond;
};
constexpr std::array<Seller, 2> sellers{Seller{"b", "to-b", "10.99.0", "0.0000004", 2e6},
                                        Seller{"c", "to-c", "10.98.0", "0.000001", 30e6}};
constexpr double goodEnough = 5e6;
constexpr const char* allowance = "0.01";  // dollars an hour

class MeshSpeedtest {
public:
    explicit MeshSpeedtest(ScenarioContext& context) : m_context(context), m_lab(context.lab()) {}

    Expected<void> run() {
        LAB_TRY(connect());
        for (const Seller& one : sellers)
            LAB_TRY(
                netpas(m_lab, one.name,
                       {"neighbours", "set", "--upstream", one.perKb, "--downstream", one.perKb, "--notice", "0s"}));
        LAB_TRY(named());
        m_context.say("a buys from the best neighbour by itself; b is cheaper, its line is slow");
        LAB_TRY(netpas(m_lab, "a",
                       {"neighbours", "set", "--automatic", "best", "--pay-at", "0.00005", "--close-at", "0.0005",
                        "--limit", "0.01", "--interval", "1s", "--lifetime", "600s"}));
        LAB_TRY(tested());
        LAB_TRY(waitFor("agreements with c in both directions, and with nobody else", 180s,
                        [&] { return buysOnlyFrom("c"); }));
        return judge();
    }

private:
    Expected<void> inNode(const std::string& node, std::vector<std::string> command, std::string* said = nullptr) {
        std::vector<std::string> argv{"ip", "netns", "exec", m_lab.netns(node)};
        argv.insert(argv.end(), command.begin(), command.end());
        auto done = requireCommand(argv);
        if (!done) return tl::unexpected(done.error());
        if (said != nullptr) *said = *done;
        return {};
    }
    Expected<void> waitFor(const std::string& what, std::chrono::seconds patience, const std::function<bool()>& ask) {
        return waitUntil(what, patience, [&] {
            if (ask()) return true;
            std::this_thread::sleep_for(300ms);
            return false;
        });
    }

    Expected<void> connect() {
        for (const char* host : {"a", "b", "c"}) m_lab.program(agentProgram(host))->stop(6s);
        std::vector<std::string> ofA;
        for (const Seller& one : sellers) {
            const std::string there = std::string(one.name) + "-a", network = one.network;
            auto made = requireCommand({"ip", "link", "add", "name", one.link, "netns", m_lab.netns("a"), "type",
                                        "veth", "peer", "name", there, "netns", m_lab.netns(one.name)});
            if (!made) return tl::unexpected(made.error());
            const InterfacePlan* const uplink = uplinkOf(one.name);
            if (uplink == nullptr) return fail(LabErrc::State, std::string(one.name) + " has no uplink");
            const std::vector<std::pair<std::string, std::vector<std::string>>> steps{
                {"a", {"ip", "link", "set", one.link, "up"}},
                {one.name, {"ip", "link", "set", there, "up"}},
                {"a", {"ip", "address", "add", network + ".1/24", "dev", one.link}},
                {one.name, {"ip", "address", "add", network + ".2/24", "dev", there}},
                {one.name, {"sysctl", "-qw", "net.ipv4.ip_forward=1"}},
                {"z1", {"ip", "route", "add", network + ".0/24", "via", uplink->addresses.front().address.toString()}}};
            for (const auto& [node, command] : steps) LAB_TRY(inNode(node, command));
            LAB_TRY(startAgent(m_lab, one.name, {"--mesh", there, "--mesh-uplink", uplink->name}));
            LAB_TRY(netpas(m_lab, one.name, {"receive", "on"}));
            ofA.insert(ofA.end(), {"--mesh", one.link});
        }
        const Endpoint server{m_lab.plan().ispAddress.at("Z").front(), ndt7::defaultPort};
        ofA.insert(ofA.end(), {"--mesh-test", server.toString()});
        LAB_TRY(startAgent(m_lab, "a", ofA));
        if (auto on = netpas(m_lab, "a", {"receive", "on"}); !on) return tl::unexpected(on.error());
        return {};
    }
    [[nodiscard]] const InterfacePlan* uplinkOf(const std::string& host) const {
        for (const auto& ends : m_context.plan().links) {
            for (const InterfacePlan& end : ends) {
                if (end.node == host) return &end;
            }
        }
        return nullptr;
    }

    Json ask(const char* what) {
        const auto said = netpas(m_lab, "a", {what});
        return said ? said->value(what, Json::array()) : Json::array();
    }
    // By the interface that leads there.
    Expected<void> named() {
        return waitFor("adverts of both neighbours", 40s, [&] {
            const Json all = ask("neighbours");
            for (const Json& one : all) {
                for (const Seller& seller : sellers) {
                    const bool sells = one["asks"].value("upstream_per_kb", Json()).is_string();
                    if (sells && one.value("interface", "") == seller.link)
                        m_nodes[seller.name] = one.value("neighbour", "");
                }
            }
            return m_nodes.size() == sellers.size();
        });
    }

    Expected<void> tested() {
        const SteadyTime began = systemClock().steady();
        LAB_TRY(waitFor("measurements of both ways", 120s, [&] {
            const Json all = ask("neighbours");
            m_measured = Json::object();
            for (const Json& one : all) {
                for (const auto& [name, node] : m_nodes) {
                    const Json& measured = one["measured"];
                    if (one.value("neighbour", "") == node && measured["upstream"].is_object() &&
                        measured["downstream"].is_object())
                        m_measured[name] = measured;
                }
            }
            return m_measured.size() == m_nodes.size();
        }));
        m_context.result()["tested_after_s"] = std::chrono::duration<double>(systemClock().steady() - began).count();
        return {};
    }

    bool buysOnlyFrom(const std::string& seller) {
        size_t with = 0, others = 0;
        for (const Json& one : ask("agreements")) {
            if (one.value("state", "") != "active") continue;
            (one.value("neighbour", "") == m_nodes[seller] ? with : others) += 1;
        }
        return with == 2 && others == 0;
    }

    Expected<void> judge() {
        Json& result = m_context.result();
        result["measured"] = m_measured;
        for (const Seller& one : sellers) {
            for (const char* direction : {"upstream", "downstream"}) {
                const double rate = m_measured[one.name][direction].value("bit_per_second", 0.0);
                const std::string what = std::string(one.name) + ", " + direction + ": " +
                                         std::to_string(static_cast<int64_t>(rate)) + " bit/s measured";
                m_context.say(what);
                m_context.expect(rate <= one.lineBitsPerSecond * 1.05, what + ", more than its line carries");
                m_context.expect((rate >= goodEnough) == (one.lineBitsPerSecond >= goodEnough),
                                 what + " of " + std::to_string(static_cast<int64_t>(one.lineBitsPerSecond)));
            }
        }
        Money charged;
        for (const Json& one : ask("agreements"))
            charged =
                checkedAdd(charged, Money::parse(one.value("charged", "")).value_or(Money())).value_or(Money::max());
        result["charged"] = charged.toString();
        m_context.expect(charged > Money::zero(), "the tests have cost nothing");
        m_context.expect(charged <= *Money::parse(allowance), "the tests have cost " + charged.toString());
        std::string rules;
        LAB_TRY(inNode("a", {"ip", "rule", "show"}, &rules));
        m_context.expect(rules.find("0x4e7") == std::string::npos, "a route of the tests was left: " + rules);
        m_context.say("a buys from c now, and the tests have cost " + charged.toString() + " USD");
        return {};
    }

    ScenarioContext& m_context;
    Lab& m_lab;
    std::map<std::string, std::string> m_nodes;  // by name
    Json m_measured;
};

}  // namespace

Scenario meshSpeedtestScenario() {
    return {"mesh-speedtest",
            "two neighbours, the cheaper one with a slow line: an agent tests both ways and buys from the better one",
            "mesh-trio",
            {},
            [](ScenarioContext& context) { return MeshSpeedtest(context).run(); }};
}

}  // namespace netpas::lab
