#include "app/lab/scenario/window_life.h"

#include <nlohmann/json.hpp>
#include <set>

#include "app/lab/command.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/mesh_link.h"
#include "app/lab/scenario/payment_parties.h"
#include "app/lab/tools/cross_traffic.h"
#include "app/lab/tools/payment_meter.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;

constexpr uint16_t firstPort = 5200;
constexpr uint16_t runningPort = 5300;
constexpr uint16_t crossPort = 5001;
constexpr size_t crossStreams = 8;
constexpr const char* farAway = "198.18.0.1";  // of the internet

struct Use {
    const char* purpose;
    const char* domain;
    int packets;
};
constexpr Use uses[] = {{"video", "films.example", 3000},
                        {"video-call", "grandma.example", 1200},
                        {"game", "arena.example", 400},
                        {"video", "films.example", 2200},
                        {"backup", "", 900},
                        {"music", "radio.example", 150}};

constexpr const char* rules[] = {"up to 1c a minute for video in mpv",
                                 "up to 50c a minute for video calls with family until 2031-01-31",
                                 "up to 5c each for comics from any site", "never for advertisement"};

}  // namespace

void letWindowShow(Topology& topology, const ScenarioOptions&) {
    for (IspSpec& isp : topology.isps) isp.measured = true;
    for (HostSpec& host : topology.hosts) {
        if (host.name == windowPeer || host.name == windowHost) host.agent = host.mayReceive = true;
    }
}

WindowLife::WindowLife(Lab& lab, std::string peerAddress) : m_lab(lab), m_peer(std::move(peerAddress)) {}
WindowLife::~WindowLife() = default;

Expected<void> WindowLife::sayTo(const std::string& host, const std::vector<std::string>& arguments) {
    return netpas(m_lab, host, arguments).map([](const Json&) {});
}

// Bought, used and stopped.
Expected<void> WindowLife::use(uint16_t port, const std::string& purpose, const std::string& domain, int packets) {
    const std::string to = std::to_string(port);
    std::vector<std::string> arguments{"buy",     "--to", m_peer,  "--proto", "udp",       "--to-port", to,
                                       "--class", "best", "--cap", "0.05",    "--purpose", purpose};
    if (!domain.empty()) arguments.insert(arguments.end(), {"--domain", domain});
    auto sink = Tool::start(m_lab, windowPeer, "udp-sink",
                            {"port=" + to, "packets=" + std::to_string(packets), "idle_ms=4000"});
    if (!sink) return tl::unexpected(sink.error());
    const auto bought = netpas(m_lab, windowHost, arguments);
    if (!bought) return tl::unexpected(bought.error());
    auto sender =
        Tool::start(m_lab, windowHost, "udp-send",
                    {"to=" + m_peer, "port=" + to, "packets=" + std::to_string(packets), "size=1100", "mbit=8"});
    if (!sender) return tl::unexpected(sender.error());
    if (const auto arrived = sink->finish(30s); !arrived) return tl::unexpected(arrived.error());
    return stopPurchase(m_lab, windowHost, bought->value("id", "")).map([](const Json&) {});
}

Expected<void> WindowLife::neighbours() {
    LAB_TRY(linkNeighbours(m_lab, windowHost, windowPeer));
    for (const char* const host : {windowHost, windowPeer}) {
        const auto uplink = interfaceAt(m_lab, m_lab.topology().accessLink(host)->name, host);
        if (!uplink) return fail(LabErrc::Topology, std::string(host) + " has no way to its ISP");
        LAB_TRY(startNeighbour(m_lab, host, {"--mesh-uplink", *uplink}));
        LAB_TRY(sayTo(host, {"neighbours", "set", "--upstream", host == windowHost ? "0.0000008" : "0.000001",
                             "--downstream", "0.000002", "--notice", "0s", "--interval", "2s"}));
    }
    return {};
}

// Both buy upstream of each other; what the window's host sends to the far address takes its neighbour's way.
Expected<void> WindowLife::agreed() {
    for (const char* const host : {windowHost, windowPeer}) {
        LAB_TRY(waitUntil("the neighbour of " + std::string(host) + " to sell", 40s, [&] {
            const auto known = netpas(m_lab, host, {"neighbours"});
            const Json list = known ? known->value("neighbours", Json::array()) : Json::array();
            return !list.empty() &&
                   netpas(m_lab, host, {"agreements", "offer", list[0].value("neighbour", ""), "upstream"}).has_value();
        }));
    }
    LAB_TRY(waitUntil("agreements of the neighbours", 40s, [&] {
        const auto all = netpas(m_lab, windowHost, {"agreements"});
        std::set<std::string> roles;
        for (const Json& one : all ? all->value("agreements", Json::array()) : Json::array()) {
            if (one.value("forwarding", false)) roles.insert(one.value("role", ""));
        }
        return roles.size() == 2;
    }));
    const std::string far = std::string(farAway) + "/32";
    const std::string window = m_lab.netns(windowHost);
    if (const auto routed = requireCommand({"ip", "-n", window, "route", "add", far, "via", secondMeshAddress});
        !routed)
        return tl::unexpected(routed.error());
    if (const auto forwards =
            requireCommand({"ip", "netns", "exec", m_lab.netns(windowPeer), "sysctl", "-qw", "net.ipv4.ip_forward=1"});
        !forwards)
        return tl::unexpected(forwards.error());
    auto sender = Tool::start(m_lab, windowHost, "udp-send",
                              {"to=" + std::string(farAway), "port=9", "packets=0", "size=1000", "mbit=0.2"});
    if (!sender) return tl::unexpected(sender.error());
    m_traffic.push_back(std::move(*sender));
    return {};
}

Expected<void> WindowLife::past() {
    for (const char* const rule : rules) LAB_TRY(sayTo(windowHost, {"rules", "add", rule}));
    const auto payee = becomePayee(m_lab, windowPeer);
    if (!payee) return tl::unexpected(payee.error());
    LAB_TRY(sayTo(windowHost, {"contacts", "add", "Grandma", "--payee", *payee, "--domain", "grandma.example",
                               "--address", m_peer, "--group", "family"}));
    LAB_TRY(sayTo(windowHost, {"contacts", "add", "Films & Co.", "--domain", "films.example", "--note",
                               "the cinema round the corner"}));
    LAB_TRY(sayTo(windowHost, {"budget", "set", "everything", "2", "--per", "month"}));
    LAB_TRY(sayTo(windowHost, {"budget", "set", "everything", "0.5", "--per", "day"}));
    uint16_t port = firstPort;
    for (const Use& one : uses) LAB_TRY(use(port++, one.purpose, one.domain, one.packets));
    LAB_TRY(sayTo(windowHost, {"pay", "Grandma", "--amount", "0.0125", "--to-isp", "24", "--purpose", "present",
                               "--description", "for the cake"}));
    return ask("article", "news.example");
}

Expected<void> WindowLife::present() {
    const std::string port = std::to_string(runningPort);
    auto sink = Tool::start(m_lab, windowPeer, "udp-sink", {"port=" + port});
    if (!sink) return tl::unexpected(sink.error());
    m_traffic.push_back(std::move(*sink));
    LAB_TRY(sayTo(windowHost, {"buy", "--to", m_peer, "--proto", "udp", "--to-port", port, "--class", "best", "--cap",
                               "0.02", "--purpose", "video-call", "--domain", "grandma.example"}));
    auto sender = Tool::start(m_lab, windowHost, "udp-send",
                              {"to=" + m_peer, "port=" + port, "packets=0", "size=1100", "mbit=2"});
    if (!sender) return tl::unexpected(sender.error());
    m_traffic.push_back(std::move(*sender));
    const auto other = m_lab.plan().address("d", false);
    if (!other) return fail(LabErrc::Topology, "nobody is there for the others' traffic");
    auto cross = CrossTraffic::start(m_lab, "c", "d", Endpoint{*other, crossPort}, crossStreams);
    if (!cross) return tl::unexpected(cross.error());
    m_cross = std::move(*cross);
    return {};
}

Expected<void> WindowLife::ask(const std::string& purpose, const std::string& domain) {
    const auto said = askNetpas(m_lab, windowHost,
                                {"--request", "buy", "--attended", "--to", m_peer, "--class", "best", "--cap", "0.03",
                                 "--for", "10m", "--purpose", purpose, "--domain", domain});
    if (!said) return tl::unexpected(said.error());
    return {};
}

}  // namespace netpas::lab
