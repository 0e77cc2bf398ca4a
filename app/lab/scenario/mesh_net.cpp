#include "app/lab/scenario/mesh_net.h"

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <tuple>

#include "app/lab/command.h"
#include "app/lab/netns.h"
#include "cartographer/routes/babel_socket.h"

namespace netpas::lab {

namespace {

using namespace std::chrono_literals;

// Babel's cost of a link beside its price: as the protocol has it, not as the product computes it.
constexpr int64_t perHop = 96;
constexpr int64_t farAway = int64_t{1} << 40;

constexpr const char* hostsPrefix4 = "10.77.0.0/24";
constexpr const char* hostsPrefix6 = "fd00:77::/64";

std::string routerProgram(const std::string& node) { return "babeld-" + node; }

std::string babelPath() {
    for (const char* path : {"/usr/sbin/babeld", "/usr/local/sbin/babeld", "/usr/bin/babeld"}) {
        std::error_code error;
        if (std::filesystem::exists(path, error)) return path;
    }
    return {};
}

}  // namespace

Money MeshNet::asks(const std::string& node) const {
    return Money::fromEighths(m_prices.at(node) * Money::eighthsPerNanodollar);
}

IpAddress MeshNet::address(const std::string& node) const { return m_addresses.at(node).front(); }

std::string MeshNet::routerPort() { return "33123"; }

Expected<std::string> MeshNet::inNode(const std::string& node, std::vector<std::string> argv,
                                      const std::string& input) const {
    argv.insert(argv.begin(), {"ip", "netns", "exec", m_lab.netns(node)});
    return requireCommand(argv, input);
}

Expected<void> MeshNet::start(const std::vector<Hop>& links) {
    LAB_TRY(makeHosts());
    for (size_t i = 0; i < links.size(); ++i) LAB_TRY(makeLink(i + 1, links[i]));
    for (const auto& [node, price] : m_prices) LAB_TRY(startRouter(node));
    return {};
}

Expected<void> MeshNet::makeHosts() {
    size_t number = 0;
    for (const auto& [node, price] : m_prices) {
        const std::string last = std::to_string(++number);
        std::vector<std::vector<std::string>> steps{
            {"sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"}};
        for (const std::string& text : {"10.77.0." + last, "fd00:77::" + last}) {
            const auto address = IpAddress::parse(text);
            if (!address) return fail(LabErrc::Usage, "too many nodes in the mesh");
            m_addresses[node].push_back(*address);
            steps.push_back({"ip", "address", "add", text, "dev", "lo"});
        }
        for (const auto& step : steps) {
            if (auto done = inNode(node, step); !done) return tl::unexpected(done.error());
        }
    }
    return {};
}

Expected<void> MeshNet::makeLink(size_t number, const Hop& ends) {
    const auto& [a, b] = ends;
    if (auto made = requireCommand({"ip", "link", "add", "name", b, "netns", m_lab.netns(a), "type", "veth", "peer",
                                    "name", a, "netns", m_lab.netns(b)});
        !made)
        return tl::unexpected(made.error());
    const std::string net = "10.78." + std::to_string(number) + ".";
    for (const auto& [node, to, last] : {std::tuple(a, b, "1/24"), std::tuple(b, a, "2/24")}) {
        m_links[node].insert(to);
        for (const auto& step : {std::vector<std::string>{"ip", "address", "add", net + last, "dev", to},
                                 std::vector<std::string>{"ip", "link", "set", "dev", to, "up"}}) {
            if (auto done = inNode(node, step); !done) return tl::unexpected(done.error());
        }
    }
    return {};
}

Expected<void> MeshNet::startRouter(const std::string& node) {
    const std::string babeld = babelPath();
    if (babeld.empty())
        return fail(LabErrc::Usage, "the nodes of this mesh run babeld; install it: apt install babeld");
    std::vector<std::string> argv{babeld, "-r", "-G", routerPort(), "-I", "", "-l", "-h", "1", "-H", "1", "-M", "0"};
    argv.insert(argv.end(), {"-S", m_lab.folder() + "/babel-" + node + ".state"});
    const auto say = [&](const std::string& statement) { argv.insert(argv.end(), {"-C", statement}); };
    // The node's agent adds the links of the mesh, each with its price; babeld wants one interface to begin with.
    say("default type wired");
    say("interface none");
    for (const char* prefix : {hostsPrefix4, hostsPrefix6})
        say("redistribute local ip " + std::string(prefix) + " allow");
    say("redistribute local deny");
    for (const IpAddress& own : m_addresses.at(node))
        say("install ip " + std::string(own.isV6() ? "::/0" : "0.0.0.0/0") + " pref-src " + own.toString());
    LAB_TRY(m_lab.startProgram(routerProgram(node), node, argv));
    return waitUntil("babeld of " + node, 10s, [&] {
        return inNamespace(m_lab.netns(node),
                           []() -> Expected<void> {
                               if (routes::BabelSocket::connect(routerPort())) return {};
                               return fail(LabErrc::State, "nobody listens");
                           })
            .has_value();
    });
}

void MeshNet::killRouter(const std::string& node) {
    if (Process* program = m_lab.program(routerProgram(node))) program->signal(SIGKILL);
    m_lab.stopProgram(routerProgram(node));
}

MeshNet::Announced MeshNet::announced(const std::string& node) const {
    size_t right = 0, silent = 0;
    for (const std::string& neighbour : m_links.at(node)) {
        routes::BabelCost cost = routes::babelUnreachable;
        const auto ask = [&]() -> Expected<void> {
            auto socket = routes::BabelSocket::connect(routerPort());
            if (!socket) return fail(LabErrc::State, std::string(describe(socket.error())));
            LAB_TRY(waitUntil("babeld of " + neighbour, 2s,
                              [&] { return !socket->read().has_value() || socket->complete(); }));
            for (const auto& [id, one] : socket->table().neighbours()) {
                if (one.interface == node) cost = one.asks;
            }
            return {};
        };
        if (!inNamespace(m_lab.netns(neighbour), ask)) return Announced::SomethingElse;
        right += cost == perHop + m_prices.at(node) ? 1U : 0U;
        silent += cost == routes::babelUnreachable ? 1U : 0U;
    }
    const size_t all = m_links.at(node).size();
    return right == all ? Announced::ItsPrice : silent == all ? Announced::Nothing : Announced::SomethingElse;
}

std::vector<std::string> MeshNet::cheapest(const std::string& from, const std::string& to,
                                           const std::set<Hop>& without) const {
    const auto gone = [&](const std::string& a, const std::string& b) {
        return without.contains({a, b}) || without.contains({b, a});
    };
    std::map<std::string, int64_t> cost{{from, 0}};
    std::map<std::string, std::string> before;
    std::set<std::pair<int64_t, std::string>> open{{0, from}};
    while (!open.empty()) {
        const auto [reached, node] = *open.begin();
        open.erase(open.begin());
        if (gone(node, node)) continue;
        for (const std::string& next : m_links.at(node)) {
            if (gone(node, next) || gone(next, next)) continue;
            const int64_t total = reached + perHop + m_prices.at(next);
            const auto known = cost.try_emplace(next, farAway).first;
            if (known->second <= total) continue;
            open.erase({known->second, next});
            known->second = total;
            open.insert({total, next});
            before[next] = node;
        }
    }
    std::vector<std::string> way{to};
    while (way.front() != from) {
        const auto previous = before.find(way.front());
        if (previous == before.end()) return {};
        way.insert(way.begin(), previous->second);
    }
    return way;
}

int64_t MeshNet::costOf(const std::vector<std::string>& way) const {
    int64_t cost = 0;
    for (size_t i = 1; i < way.size(); ++i) cost += perHop + m_prices.at(way[i]);
    return way.size() > 1 ? cost : farAway;
}

Expected<std::map<std::string, std::string>> MeshNet::kernelTable(const std::string& node, const char* family) const {
    const auto shown = inNode(node, {"ip", "-j", family, "route", "show", "proto", "babel"});
    if (!shown) return tl::unexpected(shown.error());
    std::map<std::string, std::string> next;
    const Json table = Json::parse(shown->empty() ? "[]" : *shown, nullptr, false);
    for (const Json& route : table) {
        // A next hop of the other family would hide it from the forwarding rule.
        if (route.contains("gateway")) next[route.value("dst", "")] = route.value("dev", "");
    }
    return next;
}

Expected<std::set<std::string>> MeshNet::nextHops(const std::string& node) const {
    std::set<std::string> all;
    for (const char* family : {"-4", "-6"}) {
        const auto table = kernelTable(node, family);
        if (!table) return tl::unexpected(table.error());
        for (const auto& [to, next] : *table) all.insert(next);
    }
    return all;
}

Expected<std::vector<std::string>> MeshNet::wrongRoutes() const {
    std::vector<std::string> wrong;
    for (const auto& [node, price] : m_prices) {
        for (const char* family : {"-4", "-6"}) {
            auto next = kernelTable(node, family);
            if (!next) return tl::unexpected(next.error());
            for (const auto& [to, there] : m_addresses) {
                if (to == node) continue;
                const std::string address = there.at(family == std::string_view("-4") ? 0 : 1).toString();
                const std::string demanded = cheapest(node, to).at(1);
                if ((*next)[address] == demanded) continue;
                // Two ways may cost the same.
                if (m_links.at(node).contains((*next)[address])) {
                    std::vector<std::string> other = cheapest((*next)[address], to);
                    other.insert(other.begin(), node);
                    if (costOf(other) == costOf(cheapest(node, to))) continue;
                }
                wrong.push_back(node + " to " + to + " (" + address + "): by " +
                                ((*next)[address].empty() ? "nobody" : (*next)[address]) + ", cheapest by " + demanded);
            }
        }
    }
    return wrong;
}

Expected<std::vector<std::string>> MeshNet::missingRoutes() const {
    std::vector<std::string> missing;
    for (const auto& [node, price] : m_prices) {
        for (const char* family : {"-4", "-6"}) {
            const auto next = kernelTable(node, family);
            if (!next) return tl::unexpected(next.error());
            for (const auto& [to, there] : m_addresses) {
                const std::string address = there.at(family == std::string_view("-4") ? 0 : 1).toString();
                if (to != node && !next->contains(address))
                    missing.push_back(node + " has no route to " + to + " (" + address + ")");
            }
        }
    }
    return missing;
}

Expected<void> MeshNet::countPassed() {
    for (const auto& [node, neighbours] : m_links) {
        std::ostringstream rules;
        rules << "table inet lab_truth {\n";
        for (const std::string& neighbour : neighbours) rules << " counter from_" << neighbour << " {}\n";
        rules << " chain lose { type filter hook prerouting priority -600; }\n"
              << " chain passed { type filter hook forward priority 500;\n";
        for (const std::string& neighbour : neighbours)
            rules << "  iifname \"" << neighbour << "\" counter name from_" << neighbour << "\n";
        rules << " }\n}\n";
        if (auto done = inNode(node, {"nft", "-f", "-"}, rules.str()); !done) return tl::unexpected(done.error());
    }
    return {};
}

Expected<uint64_t> MeshNet::passed(const std::string& from, const std::string& at) const {
    return counter(at, "from_" + from);
}

Expected<void> MeshNet::countArriving(const std::string& at, uint16_t port) {
    const std::string number = std::to_string(port);
    auto done = inNode(at, {"nft", "-f", "-"},
                       "table inet lab_truth {\n counter at_" + number +
                           " {}\n chain here { type filter hook input priority 500; tcp dport " + number +
                           " counter name at_" + number + "\n }\n}\n");
    if (!done) return tl::unexpected(done.error());
    return {};
}

Expected<uint64_t> MeshNet::arrived(const std::string& at, uint16_t port) const {
    return counter(at, "at_" + std::to_string(port));
}

Expected<uint64_t> MeshNet::counter(const std::string& at, const std::string& name) const {
    const auto shown = inNode(at, {"nft", "-j", "list", "counter", "inet", "lab_truth", name});
    if (!shown) return tl::unexpected(shown.error());
    const Json answer = Json::parse(*shown, nullptr, false);
    for (const Json& object : answer.value("nftables", Json::array())) {
        if (object.contains("counter")) return object["counter"].value("bytes", uint64_t{0});
    }
    return fail(LabErrc::State, at + " has no counter " + name);
}

Expected<void> MeshNet::setLink(const Hop& ends, bool up) {
    auto done = inNode(ends.first, {"ip", "link", "set", "dev", ends.second, up ? "up" : "down"});
    if (!done) return tl::unexpected(done.error());
    return {};
}

Expected<void> MeshNet::lose(unsigned of1000) {
    for (const auto& [node, neighbours] : m_links) {
        std::string rules = "flush chain inet lab_truth lose\n", links;
        for (const std::string& neighbour : neighbours) links += (links.empty() ? "\"" : ", \"") + neighbour + "\"";
        if (of1000 > 0)
            rules += "add rule inet lab_truth lose iifname { " + links + " } numgen random mod 1000 < " +
                     std::to_string(of1000) + " drop\n";
        if (auto done = inNode(node, {"nft", "-f", "-"}, rules); !done) return tl::unexpected(done.error());
    }
    return {};
}

}  // namespace netpas::lab
