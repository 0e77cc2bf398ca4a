// Two households on one link: a sends through b to the internet and pays for it, by an agreement that their agents and secretaries make by themselves. Money
// goes through their ISP. Meanwhile their secretaries and b's agent are killed. Judged by what arrived behind b, and by the books of both and of their payments.
#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "app/lab/command.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/mesh_link.h"
#include "app/lab/scenario/mesh_traffic.h"
#include "app/lab/scenario/process_tree.h"
#include "app/lab/scenario/scenario.h"
#include "core/money.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;

Money moneyIn(const Json& object, const char* name) {
    return Money::parse(object.value(name, std::string())).value_or(Money());
}
Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }

class MeshAgreements {
public:
    explicit MeshAgreements(ScenarioContext& context) : m_context(context), m_lab(context.lab()) {}

    Expected<void> run() {
        LAB_TRY(connect());
        LAB_TRY(agree());
        LAB_TRY(traffic(100));
        m_context.say("a's secretary is killed");
        LAB_TRY(killSecretary("a"));
        LAB_TRY(traffic(100));
        m_context.say("b's secretary is killed");
        LAB_TRY(killSecretary("b"));
        LAB_TRY(traffic(100));
        m_context.say("b's agent is killed, and its secretary with it");
        LAB_TRY(counted());
        Process* const agent = m_lab.program(agentProgram("b"));
        agent->signal(SIGKILL);
        if (const auto ended = agent->wait(5s); !ended) return tl::unexpected(ended.error());
        LAB_TRY(startNeighbour(m_lab, "b", {"--mesh-uplink", uplink("b").name}));
        LAB_TRY(waitFor("b to forward again", [&] { return forwards(); }));
        LAB_TRY(traffic(100));
        LAB_TRY(verified());
        LAB_TRY(counted());
        return judge();
    }

private:
    Expected<void> inNode(const std::string& node, std::vector<std::string> command) {
        std::vector<std::string> argv{"ip", "netns", "exec", m_lab.netns(node)};
        argv.insert(argv.end(), command.begin(), command.end());
        if (auto done = requireCommand(argv); !done) return tl::unexpected(done.error());
        return {};
    }
    [[nodiscard]] const InterfacePlan& uplink(const std::string& host) const {
        for (const auto& ends : m_context.plan().links) {
            for (const InterfacePlan& end : ends) {
                if (end.node == host) return end;
            }
        }
        return m_context.plan().links.front().front();
    }

    // The link between the two, b as a's way to the far address, and agents that look for neighbours there.
    Expected<void> connect() {
        LAB_TRY(linkNeighbours(m_lab, "a", "b"));
        const IpAddress b = uplink("b").addresses.front().address;
        const std::vector<std::pair<std::string, std::vector<std::string>>> steps{
            {"a", {"ip", "route", "add", std::string(farAway) + "/32", "via", secondMeshAddress}},
            {"b", {"sysctl", "-qw", "net.ipv4.ip_forward=1"}},
            {"z1", {"ip", "address", "add", std::string(farAway) + "/32", "dev", "lo"}},
            {"z1", {"ip", "route", "add", meshNetwork, "via", b.toString()}},
        };
        for (const auto& [node, command] : steps) LAB_TRY(inNode(node, command));
        for (const char* host : {"a", "b"}) {
            LAB_TRY(startNeighbour(m_lab, host, {"--mesh-uplink", uplink(host).name}));
        }
        LAB_TRY(m_far.openIn(m_lab, "z1", farAway));
        return m_near.openIn(m_lab, "a", firstMeshAddress);
    }

    // b sells, a buys, and nobody says anything to anybody. What is cut off and when is judged elsewhere: here a slow machine has credit enough.
    Expected<void> agree() {
        LAB_TRY(netpas(m_lab, "b", {"neighbours", "set", "--upstream", "0.000001", "--notice", "0s"}));
        const uint64_t before = m_near.send(20);
        std::this_thread::sleep_for(300ms);
        m_context.expect(before == 20 && m_far.arrived() == 0, "packets passed before anything was agreed");
        LAB_TRY(netpas(m_lab, "a",
                       {"neighbours", "set", "--automatic", "best", "--pay-at", "0.00005", "--close-at", "0.005",
                        "--limit", "0.05", "--interval", "1s", "--lifetime", "600s"}));
        return waitFor("the agreement", [&] { return forwards(); });
    }

    Json agreements(const std::string& host) {
        const auto said = netpas(m_lab, host, {"agreements"});
        return said ? said->value("agreements", Json::array()) : Json::array();
    }
    bool forwards() {
        const Json all = agreements("b");
        return std::any_of(all.begin(), all.end(), [](const Json& one) {
            return one.value("state", "") == "active" && one.value("forwarding", false);
        });
    }
    Expected<void> waitFor(const std::string& what, const std::function<bool()>& ask) {
        return waitUntil(what, 40s, [&] {
            if (ask()) return true;
            std::this_thread::sleep_for(200ms);
            return false;
        });
    }

    // Twenty at a time, with pauses in which something can be counted and paid.
    Expected<void> traffic(uint64_t packets) {
        for (uint64_t sent = 0; sent < packets; sent += 20) {
            m_sent += m_near.send(20);
            std::this_thread::sleep_for(200ms);
            m_arrived += m_far.arrived();
        }
        return {};
    }
    // b is the end of the mesh for these packets and says what came; a compares. A burst shows what the link carries.
    Expected<void> verified() {
        m_sent += m_near.send(200);
        Json quality;
        LAB_TRY(waitUntil("a statement of what arrived", 90s, [&] {
            if (!traffic(20)) return false;
            for (const Json& one : agreements("a")) {
                if (one.value("state", "") == "active") quality = one.value("verified", Json());
            }
            return quality.is_object() && quality.value("arrives", Json()).is_number();
        }));
        m_context.result()["verified_arrives"] = quality["arrives"];
        m_context.expect(quality.value("arrives", 0.0) > 0.9, "b says that less came: " + quality.dump());
        return {};
    }
    // Both ends know of all that has passed, and it is paid but for what is below the threshold.
    Expected<void> counted() {
        std::this_thread::sleep_for(500ms);
        m_arrived += m_far.arrived();
        return waitFor("counts and payments", [&] {
            return bytesOf("a") == m_arrived * MeshTraffic::packetBytes &&
                   bytesOf("b") == m_arrived * MeshTraffic::packetBytes;
        });
    }
    uint64_t bytesOf(const std::string& host) {
        uint64_t sum = 0;
        for (const Json& one : agreements(host)) sum += one.value("bytes", uint64_t{0});
        return sum;
    }

    Expected<void> killSecretary(const std::string& host) {
        const pid_t agent = m_lab.program(agentProgram(host))->pid();
        const auto secretary = descendantWith(agent, "--launched");
        if (!secretary) return fail(LabErrc::State, host + " has no secretary");
        ::kill(*secretary, SIGKILL);
        // The agent forwards on meanwhile.
        LAB_TRY(traffic(20));
        return waitFor("another secretary of " + host, [&] {
            const auto now = descendantWith(agent, "--launched");
            return now && *now != *secretary && !agreements(host).empty();
        });
    }

    Expected<void> judge() {
        LAB_TRY(netpas(m_lab, "a", {"neighbours", "set", "--automatic", "nothing"}));
        const Json offered = agreements("a");
        for (const Json& one : offered) {
            if (one.value("state", "") == "active")
                LAB_TRY(netpas(m_lab, "a", {"agreements", "end", one.value("id", "")}));
        }
        LAB_TRY(waitFor("the end and the last payment", [&] {
            for (const char* host : {"a", "b"}) {
                for (const Json& one : agreements(host)) {
                    const bool open = one.value("state", "") != "ended" || one.value("owed", "") != "0" ||
                                      one.value("owing", "") != "0";
                    if (open) return false;
                }
            }
            return true;
        }));
        const auto made = netpas(m_lab, "a", {"payments"});
        const auto received = netpas(m_lab, "b", {"received"});
        if (!made || !received) return tl::unexpected(made ? received.error() : made.error());
        Money paid, came, chargedAtA, chargedAtB;
        std::set<std::string> names;
        uint64_t posted = 0;
        for (const Json& one : made->value("payments", Json::array())) {
            if (one.value("state", "") != "posted") continue;
            ++posted;
            names.insert(one.value("payment", ""));
            paid = plus(paid, moneyIn(one, "amount"));
        }
        for (const Json& one : received->value("received", Json::array())) {
            if (one.value("state", "") == "posted") came = plus(came, moneyIn(one, "amount"));
        }
        const Json atA = agreements("a"), atB = agreements("b");
        for (const Json& one : atA) chargedAtA = plus(chargedAtA, moneyIn(one, "charged"));
        for (const Json& one : atB) chargedAtB = plus(chargedAtB, moneyIn(one, "charged"));
        const Money paidByBooks = atA.empty() ? Money() : moneyIn(atA.front(), "paid");
        const auto error =
            static_cast<int64_t>(bytesOf("b")) - static_cast<int64_t>(m_arrived * MeshTraffic::packetBytes);
        Json& result = m_context.result();
        result["sent"] = m_sent;
        result["arrived"] = m_arrived;
        result["debt_error_bytes"] = error;
        result["charged"] = chargedAtA.toString();
        result["payments"] = posted;
        result["paid"] = paid.toString();
        m_context.expect(m_sent == m_arrived && m_arrived > 0, "packets that were paid for did not pass");
        m_context.expect(error == 0, "the count is not what arrived");
        m_context.expect(chargedAtA == chargedAtB, "a and b do not have the same charge");
        m_context.expect(posted >= 3 && names.size() == posted, "a payment has no name of its own");
        m_context.expect(paid == chargedAtA && came == paid && paidByBooks == paid,
                         "charged " + chargedAtA.toString() + ", paid " + paid.toString() + ", received " +
                             came.toString() + ", by the books " + paidByBooks.toString());
        m_context.say(std::to_string(m_arrived) + " packets passed and were paid for with " + paid.toString() +
                      " USD in " + std::to_string(posted) + " payments");
        return {};
    }

    ScenarioContext& m_context;
    Lab& m_lab;
    MeshTraffic m_near, m_far;
    uint64_t m_sent = 0, m_arrived = 0;
};

}  // namespace

Scenario meshAgreementsScenario() {
    return {"mesh-agreements",
            "two neighbours' agents agree on forwarding by themselves, and what passes is paid through their ISP",
            "mesh-pair",
            {},
            [](ScenarioContext& context) { return MeshAgreements(context).run(); }};
}

}  // namespace netpas::lab
