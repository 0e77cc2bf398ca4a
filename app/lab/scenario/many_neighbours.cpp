// One household with hundreds of neighbours: what its agent and its secretary take of processor and memory while it knows them, and while it buys forwarding from each in both
// directions. Judged by what the neighbours, programs of the lab, have sent, received and counted: nobody is forgotten, nothing ends, and both ends have the same bytes.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/lab/command.h"
#include "app/lab/netns.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/mesh.h"
#include "app/lab/scenario/mesh_crowd.h"
#include "app/lab/scenario/mesh_link.h"
#include "app/lab/scenario/process_tree.h"
#include "core/crypto/hex.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;

class ManyNeighbours {
public:
    explicit ManyNeighbours(ScenarioContext& context) : m_context(context), m_lab(context.lab()) {
        const ScenarioOptions& options = context.options();
        if (options.seconds > 0) m_seconds = std::chrono::duration<double>(options.seconds);
        if (options.clients == 0) return;
        std::erase_if(m_sizes, [&](size_t one) { return one > options.clients; });
        if (m_sizes.empty() || m_sizes.back() != options.clients) m_sizes.push_back(options.clients);
    }
    ~ManyNeighbours() {
        if (m_socket >= 0) ::close(m_socket);
    }
    ManyNeighbours(const ManyNeighbours&) = delete;
    ManyNeighbours& operator=(const ManyNeighbours&) = delete;

    Expected<void> run() {
        LAB_TRY(connect());
        measure("nobody");
        for (const size_t size : m_sizes) {
            LAB_TRY(meet(size));
            measure("adverts");
        }
        LAB_TRY(meet(m_sizes.front()));
        LAB_TRY(netpas(m_lab, "b",
                       {"neighbours", "set", "--automatic", "every", "--interval", "10s", "--lifetime", "3600s",
                        "--pay-at", "0.01", "--close-at", "0.02", "--limit", "1"}));
        m_traffic = true;
        for (const size_t size : m_sizes) {
            LAB_TRY(meet(size));
            LAB_TRY(agree());
            measure("agreements");
        }
        return judge();
    }

private:
    using Names = std::vector<std::string>;

    Expected<void> connect() {
        LAB_TRY(inNode({"ip", "link", "add", "name", meshInterface("b"), "type", "veth", "peer", "name", "crowd",
                        "netns", m_lab.netns("z1")}));
        if (auto up = requireCommand({"ip", "-n", m_lab.netns("z1"), "link", "set", "crowd", "up"}); !up)
            return tl::unexpected(up.error());
        LAB_TRY(inNode({"ip", "link", "set", meshInterface("b"), "up"}));
        LAB_TRY(inNode({"ip", "address", "add", std::string(MeshCrowd::nodesAddress) + "/64", "dev", meshInterface("b"),
                        "nodad"}));
        LAB_TRY(startNeighbour(m_lab, "b"));
        MeshSpot node;
        LAB_TRY(waitFor("b on its link", [&] {
            for (const Json& one : ask("neighbours").value("interfaces", Json::array())) {
                const auto link = parseLink(one.value("link", ""));
                const auto address = IpAddress::parse(one.value("address", ""));
                if (link && address) node = {*link, *address};
            }
            return node.link != LinkAddress{};
        }));
        LAB_TRY(m_crowd.open(m_lab, "z1", "crowd", node));
        m_agent = m_lab.program(agentProgram("b"))->pid();
        const auto secretary = descendantWith(m_agent, "--launched");
        if (!secretary) return fail(LabErrc::State, "b has no secretary");
        m_secretary = *secretary;
        LAB_TRY(m_near.openIn(m_lab, "b", meshInterface("b")));
        return openTraffic();
    }
    Expected<void> openTraffic() {
        return inNamespace(m_lab.netns("b"), [&]() -> Expected<void> {
            m_socket = ::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            const sockaddr_in6 here = socketAddress(IpAddress::parse(MeshCrowd::nodesAddress).value_or(IpAddress()));
            if (m_socket < 0 || ::bind(m_socket, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0)
                return fail(LabErrc::System, "b: no socket for traffic");
            return {};
        });
    }
    static sockaddr_in6 socketAddress(const IpAddress& address) {
        sockaddr_in6 out{};
        out.sin6_family = AF_INET6;
        out.sin6_port = htons(MeshCrowd::trafficPort);
        std::memcpy(&out.sin6_addr, address.bytes().data(), sizeof out.sin6_addr);
        return out;
    }

    Expected<void> inNode(const Names& command, const std::string& input = {}) {
        Names argv{"ip", "netns", "exec", m_lab.netns("b")};
        argv.insert(argv.end(), command.begin(), command.end());
        if (auto done = requireCommand(argv, input); !done) return tl::unexpected(done.error());
        return {};
    }
    Json ask(const std::string& what) {
        const auto said = netpas(m_lab, "b", {what});
        return said ? *said : Json::object();
    }

    // A packet a second to each, from b; and what the crowd has to do.
    void work(std::chrono::duration<double> time) {
        const auto end = std::chrono::steady_clock::now() + time;
        while (std::chrono::steady_clock::now() < end) {
            m_crowd.sendTraffic(m_traffic);
            m_crowd.work();
            sendDue();
            std::this_thread::sleep_for(5ms);
        }
    }
    void sendDue() {
        const std::array<char, MeshCrowd::payload> packet{};
        for (const MeshAttacker::Heard& one : m_near.heard())
            m_arrived += one.port == MeshCrowd::trafficPort ? one.bytes.size() + MeshAttacker::headers : 0;
        const auto now = std::chrono::steady_clock::now();
        m_lastDue = std::max(m_lastDue, now - 1s);
        const auto each = std::chrono::nanoseconds(1s) / std::max<size_t>(m_crowd.size(), 1);
        while (m_traffic && m_crowd.size() > 0 && m_lastDue + each <= now) {
            m_lastDue += each;
            m_turn = (m_turn + 1) % m_crowd.size();
            if (!m_crowd[m_turn].upstream) continue;
            const sockaddr_in6 to = socketAddress(m_crowd[m_turn].address);
            (void)::sendto(m_socket, packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                           sizeof to);
        }
    }
    Expected<void> waitFor(const std::string& what, const std::function<bool()>& ready) {
        return waitUntil(what, 40s, [&] {
            work(300ms);
            return ready();
        });
    }

    // Of those, b has heard lately what they ask.
    size_t known() {
        size_t count = 0;
        for (const Json& one : ask("neighbours").value("neighbours", Json::array()))
            count += one["asks"]["upstream_per_kb"].is_null() ? 0U : 1U;
        return count;
    }
    Expected<void> meet(size_t size) {
        m_context.say(std::to_string(size) + " neighbours");
        // The link's own way of asking who has an address is not what is looked at.
        std::string table;
        for (size_t i = m_met; i < size; ++i) {
            const MeshSpot spot = MeshCrowd::spotOf(i);
            for (const IpAddress& address : {spot.address, MeshCrowd::addressOf(i)}) {
                table += "neigh replace " + address.toString() + " lladdr " + linkText(spot.link) + " dev " +
                         meshInterface("b") + " nud permanent\n";
            }
        }
        if (!table.empty()) LAB_TRY(inNode({"ip", "-batch", "-"}, table));
        m_met = std::max(m_met, size);
        m_crowd.become(size);
        // Whether it does is judged when it is looked at.
        (void)waitFor("b to know " + std::to_string(size), [&] { return known() == size; });
        work(3s);
        return {};
    }
    // Upstream b buys by itself, downstream when it is told to.
    Expected<void> agree() {
        LAB_TRY(waitFor("agreements about what b sends", [&] { return sold(&MeshCrowd::Member::upstream); }));
        for (size_t i = m_asked; i < m_crowd.size(); ++i) {
            LAB_TRY(netpas(m_lab, "b",
                           {"agreements", "offer", m_crowd[i].who.publicKey().nodeId().hex(), "downstream", "--limit",
                            "1", "--for", "3600s"}));
            work(10ms);
        }
        m_asked = m_crowd.size();
        LAB_TRY(waitFor("agreements about what comes to b", [&] { return sold(&MeshCrowd::Member::downstream); }));
        work(3s);
        return {};
    }
    bool sold(std::optional<MeshCrowd::Flow> MeshCrowd::Member::*flow) const {
        for (size_t i = 0; i < m_crowd.size(); ++i) {
            if (!(m_crowd[i].*flow)) return false;
        }
        return true;
    }

    void measure(const std::string& what) {
        const auto began = std::chrono::steady_clock::now();
        const ProcessLoad agent = loadOf(m_agent), secretary = loadOf(m_secretary);
        const uint64_t adverts = m_crowd.advertsSaid(), counts = m_crowd.countsSaid() + m_crowd.countsHeard();
        work(m_seconds);
        const ProcessLoad agentNow = loadOf(m_agent), secretaryNow = loadOf(m_secretary);
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        const auto rounded = [](double value) { return std::round(value * 100) / 100; };
        const auto load = [&](const ProcessLoad& before, const ProcessLoad& now) {
            return Json{{"cpu_percent", rounded((now.seconds - before.seconds) / seconds * 100)},
                        {"resident_mib", rounded(now.bytes / 1048576)}};
        };
        const size_t there = known();
        m_context.result()["phases"].push_back(
            {{"neighbours", m_crowd.size()},
             {"with", what},
             {"known", there},
             {"adverts_per_second", rounded(static_cast<double>(m_crowd.advertsSaid() - adverts) / seconds)},
             {"counts_per_second",
              rounded(static_cast<double>(m_crowd.countsSaid() + m_crowd.countsHeard() - counts) / seconds)},
             {"agent", load(agent, agentNow)},
             {"secretary", load(secretary, secretaryNow)}});
        m_context.expect(there == m_crowd.size(), std::to_string(there) + " of " + std::to_string(m_crowd.size()) +
                                                      " neighbours are known (" + what + ")");
    }

    // When nothing is on its way any more. Upstream the truth is what each neighbour has received, downstream what has arrived at b: a link may lose some.
    Expected<void> judge() {
        m_traffic = false;
        uint64_t error = 0, bytes = 0, agreements = 0, unsent = 0;
        const auto apart = [](uint64_t a, uint64_t b) { return std::max(a, b) - std::min(a, b); };
        const auto agreed = waitFor("both ends' counts", [&] {
            error = bytes = agreements = unsent = 0;
            std::map<std::string, const MeshCrowd::Member*> members;
            for (size_t i = 0; i < m_crowd.size(); ++i) {
                for (const auto* flow : {&m_crowd[i].upstream, &m_crowd[i].downstream})
                    if (*flow) members[toHex((*flow)->id)] = &m_crowd[i];
            }
            uint64_t arrived = 0;
            for (const Json& one : ask("agreements").value("agreements", Json::array())) {
                const auto at = members.find(one.value("id", ""));
                if (at == members.end() || one.value("state", "") != "active") continue;
                const bool up = one.value("direction", "") == "upstream";
                const MeshCrowd::Flow& flow = up ? *at->second->upstream : *at->second->downstream;
                const uint64_t counted = one.value("bytes", uint64_t{0});
                error += apart(counted, flow.counted) + (up ? apart(counted, flow.bytes) : 0);
                arrived += up ? 0 : counted;
                unsent += counted > flow.bytes ? 1U : 0U;
                bytes += counted;
                ++agreements;
            }
            error += apart(arrived, m_arrived);
            return agreements == 2 * m_crowd.size() && error == 0;
        });
        Json& result = m_context.result();
        result["agreements"] = agreements;
        result["bytes"] = bytes;
        result["debt_error_bytes"] = error;
        result["ended"] = m_crowd.ended();
        m_context.expect(agreed && bytes > 0, "both ends have not counted the same");
        m_context.expect(unsent == 0, "more was counted than was sent");
        m_context.expect(m_crowd.ended() == 0, "agreements have ended");
        return {};
    }

    ScenarioContext& m_context;
    Lab& m_lab;
    MeshCrowd m_crowd;
    MeshAttacker m_near;  // says nothing: what really arrives at b
    std::vector<size_t> m_sizes{8, 64, 512};
    std::chrono::duration<double> m_seconds{30};
    std::chrono::steady_clock::time_point m_lastDue;
    uint64_t m_arrived = 0;  // bytes at b, of what it buys downstream
    size_t m_met = 0, m_asked = 0, m_turn = 0;
    pid_t m_agent = 0, m_secretary = 0;
    int m_socket = -1;
    bool m_traffic = false;
};

}  // namespace

Scenario manyNeighboursScenario() {
    return {"many-neighbours",
            "what agent and secretary take with 8, 64 and 512 neighbours: their adverts, then agreements with each",
            "mesh-pair",
            {},
            [](ScenarioContext& context) { return ManyNeighbours(context).run(); }};
}

}  // namespace netpas::lab
