#include "app/lab/scenario/mesh_siege.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "app/lab/command.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/mesh_link.h"
#include "core/agreement/messages.h"

namespace netpas::lab {

using namespace std::chrono_literals;

Expected<void> MeshSiege::begin() {
    LAB_TRY(connect());
    LAB_TRY(agree());
    LAB_TRY(known());
    const ProcessLoad before = effort();
    LAB_TRY(during("quiet", 100, {}, [](int) {}));
    m_quiet = effort();
    m_quiet.seconds -= before.seconds;
    return {};
}

// a, b and the attacker on one link; b has another one, where nobody is but the attacker.

Expected<void> MeshSiege::connect() {
    const std::string z = m_lab.netns("z1"), a = m_lab.netns("a"), b = m_lab.netns("b");
    const auto end = [&](const std::string& name, const std::string& netns, const std::string& peer) {
        return Names{"ip",   "link", "add",  "name", name, "netns", netns,
                     "type", "veth", "peer", "name", peer, "netns", z};
    };
    std::vector<Names> steps{{"ip", "-n", z, "link", "add", "air", "type", "bridge", "mcast_snooping", "0"},
                             end(meshInterface("a"), a, "air-a"),
                             end(meshInterface("b"), b, "air-b"),
                             end("mesh-x", z, "air-x"),
                             end("mesh-c", b, "mesh-y")};
    for (const char* port : {"air-a", "air-b", "air-x"})
        steps.push_back({"ip", "-n", z, "link", "set", port, "master", "air", "up"});
    // It knows who is where, whatever the attacker says: else packets would go astray in it, and nobody could help that.
    steps.push_back({"ip", "-n", z, "link", "set", "air-x", "type", "bridge_slave", "learning", "off"});
    for (const char* port : {"air", "mesh-x", "mesh-y"}) steps.push_back({"ip", "-n", z, "link", "set", port, "up"});
    steps.push_back({"ip", "-n", b, "link", "set", "mesh-c", "up"});
    for (const auto& [host, address] : {std::pair{"a", firstMeshAddress}, {"b", secondMeshAddress}}) {
        const std::string name = meshInterface(host), netns = m_lab.netns(host);
        steps.push_back({"ip", "-n", netns, "link", "set", name, "up"});
        steps.push_back({"ip", "-n", netns, "address", "add", std::string(address) + "/24", "dev", name});
    }
    const std::string far = std::string(farAway) + "/32";
    steps.push_back({"ip", "-n", a, "route", "add", far, "via", secondMeshAddress});
    steps.push_back({"ip", "-n", z, "address", "add", far, "dev", "lo"});
    steps.push_back(
        {"ip", "-n", z, "route", "add", meshNetwork, "via", uplink("b").addresses.front().address.toString()});
    steps.push_back({"ip", "netns", "exec", b, "sysctl", "-qw", "net.ipv4.ip_forward=1"});
    for (const Names& step : steps) {
        if (auto done = requireCommand(step); !done) return tl::unexpected(done.error());
    }
    LAB_TRY(startNeighbour(m_lab, "a", {"--mesh-uplink", uplink("a").name}));
    LAB_TRY(startNeighbour(m_lab, "b", {"--mesh-uplink", uplink("b").name, "--mesh", "mesh-c"}));
    LAB_TRY(m_attacker.openIn(m_lab, "z1", "mesh-x"));
    LAB_TRY(m_elsewhere.openIn(m_lab, "z1", "mesh-y"));
    LAB_TRY(m_far.openIn(m_lab, "z1", farAway));
    return m_near.openIn(m_lab, "a", firstMeshAddress);
}

const InterfacePlan& MeshSiege::uplink(const std::string& host) const {
    for (const auto& ends : m_context.plan().links) {
        for (const InterfacePlan& end : ends) {
            if (end.node == host) return end;
        }
    }
    return m_context.plan().links.front().front();
}

Json MeshSiege::ask(const std::string& host, const std::string& what) {
    const auto said = netpas(m_lab, host, {what});
    return said ? *said : Json::object();
}

Json MeshSiege::agreements(const std::string& host) {
    return ask(host, "agreements").value("agreements", Json::array());
}

std::string MeshSiege::active(const std::string& host) {
    for (const Json& one : agreements(host)) {
        if (one.value("state", "") == "active" && one.value("forwarding", false)) return one.value("id", "");
    }
    return {};
}

Expected<void> MeshSiege::waitFor(const std::string& what, const std::function<bool()>& ready) {
    return waitUntil(what, 40s, [&] {
        if (ready()) return true;
        std::this_thread::sleep_for(200ms);
        return false;
    });
}

Expected<void> MeshSiege::agree() {
    LAB_TRY(netpas(m_lab, "b", {"neighbours", "set", "--upstream", "0.000001", "--notice", "0s"}));
    LAB_TRY(netpas(m_lab, "a",
                   {"neighbours", "set", "--automatic", "best", "--pay-at", "0.00005", "--close-at", "0.005", "--limit",
                    "0.1", "--interval", "1s", "--lifetime", "600s"}));
    LAB_TRY(waitFor("the agreement", [&] { return !active("b").empty(); }));
    m_agreement = active("b");
    return {};
}
// Both ends' places on the link, what they say to everybody, and the attacker as one whom they know.

Expected<void> MeshSiege::known() {
    for (const char* host : {"a", "b"}) {
        for (const Json& one : ask(host, "neighbours").value("interfaces", Json::array())) {
            if (one.value("name", "") != meshInterface(host)) continue;
            const auto link = parseLink(one.value("link", ""));
            const auto address = IpAddress::parse(one.value("address", ""));
            if (link && address) m_spots[host] = {*link, *address};
        }
        if (!m_spots.contains(host)) return fail(LabErrc::State, std::string(host) + " is not on the link");
    }
    for (const Names& step : {Names{"neigh", "replace", attackersAddress, "lladdr", linkText(m_me.link), "dev",
                                    meshInterface("a"), "nud", "permanent"},
                              Names{"route", "add", std::string(behindAttacker) + "/32", "via", attackersAddress}}) {
        Names command{"ip", "-n", m_lab.netns("a")};
        command.insert(command.end(), step.begin(), step.end());
        if (auto done = requireCommand(command); !done) return tl::unexpected(done.error());
    }
    return waitFor("adverts of both", [&] {
        collect();
        return m_said.contains("a") && m_said.contains("b");
    });
}

void MeshSiege::collect() {
    for (MeshAttacker::Heard& one : m_attacker.overheard()) {
        for (const auto& [host, spot] : m_spots) {
            if (spot.link == one.from.link && agreement::looksLikeAdvert(one.bytes))
                m_said[host].push_back(std::move(one.bytes));
        }
    }
}

// Fifty times a second, with a's packets on their way.

Expected<void> MeshSiege::during(const std::string& attack, int steps, const Names& refused,
                                 const std::function<void(int)>& step) {
    const Json before = ask("b", "neighbours").value("refused", Json::object());
    for (int i = 0; i < steps; ++i) {
        step(i);
        if (i % 10 == 0) m_sent += m_near.send(20);
        std::this_thread::sleep_for(20ms);
        m_arrived += m_far.arrived();
    }
    collect();
    m_context.result()["packets"][attack] = {m_sent, m_arrived};
    if (refused.empty()) return {};
    Json grown = Json::object();
    const auto done = waitUntil(attack, 5s, [&] {
        const Json now = ask("b", "neighbours").value("refused", Json::object());
        for (const auto& [kind, count] : now.items()) {
            const uint64_t more = count.get<uint64_t>() - before.value(kind, uint64_t{0});
            if (more > 0) grown[kind] = more;
        }
        return std::all_of(refused.begin(), refused.end(), [&](const auto& kind) { return grown.contains(kind); });
    });
    m_context.result()["refused"][attack] = grown;
    for (const std::string& kind : refused)
        m_context.expect(grown.contains(kind), attack + ": nothing was refused as " + kind + ", but " + grown.dump());
    (void)done;
    return {};
}

ProcessLoad MeshSiege::effort() {
    ProcessLoad sum;
    const pid_t agent = m_lab.program(agentProgram("b"))->pid();
    const auto secretary = descendantWith(agent, "--launched");
    for (const pid_t pid : {agent, secretary.value_or(agent)}) {
        const ProcessLoad load = loadOf(pid);
        sum.seconds += load.seconds;
        sum.bytes += load.bytes;
    }
    return sum;
}

uint64_t MeshSiege::bytesOf(const std::string& host) {
    uint64_t sum = 0;
    for (const Json& one : agreements(host)) sum += one.value("bytes", uint64_t{0});
    return sum;
}

Expected<void> MeshSiege::judge() {
    std::this_thread::sleep_for(500ms);
    m_arrived += m_far.arrived();
    const uint64_t meant = m_arrived * MeshTraffic::packetBytes;
    const auto counted = waitFor("both ends' counts", [&] { return bytesOf("a") == meant && bytesOf("b") == meant; });
    Json& result = m_context.result();
    result["sent"] = m_sent;
    result["arrived"] = m_arrived;
    result["debt_error_bytes"] = static_cast<int64_t>(bytesOf("b")) - static_cast<int64_t>(meant);
    m_context.expect(counted && m_arrived == m_sent && m_sent > 0, "a's packets did not all pass and count");
    uint64_t others = 0, listed = 0;
    for (const char* host : {"a", "b"}) {
        for (const Json& one : agreements(host)) {
            const bool theirs = one.value("id", "") == m_agreement;
            others += theirs ? 0 : 1;
            m_context.expect(!theirs || (one.value("state", "") == "active" && one.value("forwarding", false)),
                             std::string(host) + "'s agreement is " + one.dump());
            m_context.expect(theirs || (one.value("state", "") != "active" && one.value("charged", "0") == "0"),
                             "something was bought: " + one.dump());
        }
        const Json all = ask(host, "neighbours");
        listed = std::max<uint64_t>(listed, all.value("neighbours", Json::array()).size());
        m_context.expect(all.value("refused", Json::object()).size() <= 32, "reasons are not bounded");
    }
    result["other_agreements"] = others;
    result["neighbours_at_most"] = listed;
    m_context.expect(listed <= 1024, "the table of neighbours is not bounded");
    const double grown = effort().bytes / m_quiet.bytes;
    result["memory_times_quiet"] = grown;
    m_context.expect(grown < 2, "memory grew to " + std::to_string(grown) + " times");
    return {};
}

}  // namespace netpas::lab
