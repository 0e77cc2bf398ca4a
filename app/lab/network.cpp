#include "app/lab/network.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include "app/lab/command.h"
#include "app/lab/netns.h"
#include "app/lab/state.h"

namespace netpas::lab {
namespace {

constexpr const char* homeInterface = "lan";  // a modem's, towards the hosts behind it

Expected<void> batch(const std::string& program, const std::string& netns, const std::string& lines) {
    if (lines.empty()) return {};
    std::vector<std::string> argv{program};
    if (!netns.empty()) argv.insert(argv.end(), {"-n", netns});
    argv.insert(argv.end(), {"-batch", "-"});
    auto done = requireCommand(argv, lines);
    if (!done) return tl::unexpected(done.error());
    return {};
}

Expected<void> writeSetting(const std::string& path, const std::string& value) {
    std::ofstream out(path);
    out << value;
    out.close();
    if (!out) return fail(LabErrc::System, "cannot write " + value + " to " + path + ": " + std::strerror(errno));
    return {};
}

// Both directions of every veth, addressed from the start, born inside the namespaces: nothing of a lab is ever
// seen in the root namespace.
std::string vethCommands(const std::string& lab, const Topology& topology, const NetworkPlan& plan) {
    std::ostringstream out;
    for (const auto& ends : plan.links) {
        const LinkSpec& link = topology.links[ends[0].link];
        if (link.needsWire()) continue;
        out << "link add name " << ends[0].name << " netns " << namespaceOf(lab, ends[0].node) << " address "
            << ends[0].mac << " mtu " << link.mtu << " type veth peer name " << ends[1].name << " netns "
            << namespaceOf(lab, ends[1].node) << " address " << ends[1].mac << " mtu " << link.mtu << "\n";
    }
    return out.str();
}

std::string nodeCommands(const Topology& topology, const NetworkPlan& plan, const std::string& node) {
    std::ostringstream out;
    out << "link set lo up\n";
    if (const auto loopbacks = plan.loopbacks.find(node); loopbacks != plan.loopbacks.end()) {
        for (const IpAddress& address : loopbacks->second) {
            out << "address add " << address.toString() << (address.isV4() ? "/32" : "/128") << " dev lo"
                << (address.isV6() ? " nodad" : "") << "\n";
        }
    }
    for (const auto& ends : plan.links) {
        for (size_t side = 0; side < 2; ++side) {
            const InterfacePlan& end = ends[side];
            if (end.node != node) continue;
            if (topology.links[end.link].needsWire()) {
                out << "link set dev " << end.name << " address " << end.mac << " mtu " << topology.links[end.link].mtu
                    << "\n";
            }
            out << "link set dev " << end.name << " up\n";
            for (const AddressWithLength& address : end.addresses) {
                out << "address add " << address.toString() << " dev " << end.name
                    << (address.address.isV6() ? " nodad" : "") << "\n";
            }
            // Permanent neighbours: address resolution must not drown in a saturated queue.
            for (const AddressWithLength& peer : ends[1 - side].addresses) {
                out << "neighbour replace " << peer.address.toString() << " lladdr " << ends[1 - side].mac << " dev "
                    << end.name << " nud permanent\n";
            }
        }
    }
    for (const RoutePlan& route : plan.routes) {
        if (route.node != node) continue;
        out << "route add " << route.destination << " via " << route.via.toString() << " dev " << route.interface;
        if (route.source) out << " src " << route.source->toString();
        out << "\n";
    }
    return out.str();
}

// A bridge in the modem, and a cable from it to each host.
std::string homeCommands(const std::string& lab, const HomePlan& home) {
    std::ostringstream out;
    out << "link add name " << homeInterface << " netns " << namespaceOf(lab, home.modem) << " type bridge\n";
    for (const HomePlan::Member& member : home.members) {
        out << "link add name lan-" << member.node << " netns " << namespaceOf(lab, home.modem)
            << " type veth peer name " << home.modem << " netns " << namespaceOf(lab, member.node) << " address "
            << member.mac << "\n";
    }
    return out.str();
}

std::string modemCommands(const HomePlan& home) {
    std::ostringstream out;
    for (const HomePlan::Member& member : home.members) {
        out << "link set dev lan-" << member.node << " master " << homeInterface << " up\n";
    }
    out << "link set dev " << homeInterface << " up\n";
    for (const AddressWithLength& address : home.gateway) {
        out << "address add " << address.toString() << " dev " << homeInterface
            << (address.address.isV6() ? " nodad" : "") << "\n";
    }
    return out.str();
}

std::string memberCommands(const HomePlan& home, const HomePlan::Member& member) {
    std::ostringstream out;
    out << "link set dev " << home.modem << " up\n";
    for (const AddressWithLength& address : member.addresses) {
        out << "address add " << address.toString() << " dev " << home.modem << (address.address.isV6() ? " nodad" : "")
            << "\n";
    }
    for (const AddressWithLength& gateway : home.gateway) {
        out << "route add default via " << gateway.address.toString() << " dev " << home.modem << "\n";
    }
    return out.str();
}

// As modems have it: what does not belong to a connection that began inside stays outside.
Expected<void> makeFirewall(const HomePlan& home) {
    std::string rules = "table inet home {\n chain through { type filter hook forward priority filter; policy " +
                        std::string(home.open ? "accept" : "drop") +
                        ";\n"
                        "  ct state established,related accept\n  iifname \"" +
                        std::string(homeInterface) + "\" oifname \"" + home.uplink + "\" accept\n }\n";
    if (home.translates) {
        rules += " chain out { type nat hook postrouting priority srcnat;\n  meta nfproto ipv4 oifname \"" +
                 home.uplink + "\" masquerade\n }\n";
    }
    auto done = requireCommand({"nft", "-f", "-"}, rules + "}\n");
    if (!done) return tl::unexpected(done.error());
    return {};
}

Expected<void> makeHome(const std::string& lab, const HomePlan& home) {
    LAB_TRY(batch("ip", "", homeCommands(lab, home)));
    LAB_TRY(batch("ip", namespaceOf(lab, home.modem), modemCommands(home)));
    for (const HomePlan::Member& member : home.members) {
        LAB_TRY(batch("ip", namespaceOf(lab, member.node), memberCommands(home, member)));
    }
    return inNamespaceProcess(namespaceOf(lab, home.modem), [&]() -> Expected<void> {
        LAB_TRY(writeSetting("/proc/sys/net/ipv4/ip_forward", "1"));
        LAB_TRY(writeSetting("/proc/sys/net/ipv6/conf/all/forwarding", "1"));
        return makeFirewall(home);
    });
}

// Switches off everything that would let one queue entry stand for several packets of the link.
Expected<void> disableOffload(const std::string& interface) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return fail(LabErrc::System, std::string("cannot open a socket: ") + std::strerror(errno));
    Expected<void> result;
    for (const uint32_t command : {uint32_t{ETHTOOL_STSO}, uint32_t{ETHTOOL_SGSO}, uint32_t{ETHTOOL_SGRO}}) {
        ethtool_value value{command, 0};
        ifreq request{};
        interface.copy(request.ifr_name, IFNAMSIZ - 1);
        request.ifr_data = reinterpret_cast<char*>(&value);
        if (::ioctl(fd, SIOCETHTOOL, &request) != 0 && result) {
            result = fail(LabErrc::System, "cannot switch off offloads of " + interface + ": " + std::strerror(errno));
        }
    }
    ::close(fd);
    return result;
}

// Settings of one node; runs inside its namespace with its own /sys.
Expected<void> configureNode(const Topology& topology, const NetworkPlan& plan, const std::string& node) {
    const IspSpec* const isp = topology.ispOfRouter(node);
    if (isp != nullptr && !isp->overlayOnly) {
        LAB_TRY(writeSetting("/proc/sys/net/ipv4/ip_forward", "1"));
        LAB_TRY(writeSetting("/proc/sys/net/ipv6/conf/all/forwarding", "1"));
    }
    for (const char* scope : {"all", "default"}) {
        const std::string ipv6 = std::string("/proc/sys/net/ipv6/conf/") + scope;
        LAB_TRY(writeSetting(ipv6 + "/accept_ra", "0"));
        LAB_TRY(writeSetting(ipv6 + "/accept_dad", "0"));
        LAB_TRY(writeSetting(std::string("/proc/sys/net/ipv4/conf/") + scope + "/rp_filter", "0"));
    }
    // Receive packet steering on every end: without it a veth reorders across processors.
    std::ostringstream mask;
    const unsigned processors = std::clamp(std::thread::hardware_concurrency(), 1U, 32U);
    mask << std::hex << ((uint64_t{1} << processors) - 1);
    for (const auto& ends : plan.links) {
        for (const InterfacePlan& end : ends) {
            if (end.node != node) continue;
            LAB_TRY(writeSetting("/sys/class/net/" + end.name + "/queues/rx-0/rps_cpus", mask.str()));
            if (!topology.offload) LAB_TRY(disableOffload(end.name));
        }
    }
    return {};
}

struct Queue {
    std::string name;
    uint8_t dscp = 0;
    uint32_t shareMillionths = 0;
    uint8_t priority = 0;
};

// The classes that this end of the link tells apart: those of the ISP that owns it.
std::vector<Queue> queuesOf(const Topology& topology, const InterfacePlan& end) {
    const LinkSpec& link = topology.links[end.link];
    const IspSpec* isp = topology.ispOfRouter(end.node);
    if (isp == nullptr) isp = topology.ispOfHost(end.node);
    std::vector<Queue> queues;
    for (const ServiceClassSpec& spec : isp->classes) {
        Queue queue{spec.name, spec.dscp, spec.share.millionths, spec.priority};
        for (const LinkClassSpec& here : link.classes) {
            if (here.name != spec.name) continue;
            queue.shareMillionths = here.share.millionths;
            queue.priority = here.priority;
        }
        queues.push_back(queue);
    }
    return queues;
}

std::string leaf(const LinkSpec& link) {
    return (link.queue.unit == QueueLimit::Unit::Packets ? "pfifo limit " : "bfifo limit ") +
           std::to_string(link.queue.amount);
}

}  // namespace

std::string queueCommands(const Topology& topology, const InterfacePlan& end) {
    const LinkSpec& link = topology.links[end.link];
    const auto& rate = link.direction[end.side].rate;
    if (!rate) return {};
    constexpr uint32_t quantum = 3028;  // two full packets
    const std::string device = " dev " + end.name + " ";
    const std::string ceiling = std::to_string(rate->bitsPerSecond);
    std::ostringstream out;
    out << "qdisc add" << device << "root handle 1: htb default 1\n"
        << "class add" << device << "parent 1: classid 1:ffff htb rate " << ceiling << " ceil " << ceiling << "\n";
    uint64_t rest = 1'000'000;
    uint32_t minor = 0x10;
    for (const Queue& queue : queuesOf(topology, end)) {
        rest -= std::min<uint64_t>(rest, queue.shareMillionths);
        const uint64_t share = std::max<uint64_t>(1, rate->bitsPerSecond / 1000 * queue.shareMillionths / 1000);
        const uint32_t dsfield = uint32_t{queue.dscp} << 2;  // the two bits below are for congestion notification
        std::ostringstream id;
        id << std::hex << minor;
        out << "class add" << device << "parent 1:ffff classid 1:" << id.str() << " htb rate " << share << " ceil "
            << ceiling << " prio " << int{queue.priority} << " quantum " << quantum << "\n"
            << "qdisc add" << device << "parent 1:" << id.str() << " handle " << id.str() << ": " << leaf(link) << "\n"
            << "filter add" << device << "parent 1: protocol ip prio 1 u32 match ip dsfield " << dsfield
            << " 0xfc flowid 1:" << id.str() << "\n"
            << "filter add" << device << "parent 1: protocol ipv6 prio 2 u32 match ip6 priority " << dsfield
            << " 0xfc flowid 1:" << id.str() << "\n";
        ++minor;
    }
    const uint64_t bestEffort = std::max<uint64_t>(1, rate->bitsPerSecond / 1000 * rest / 1000);
    out << "class add" << device << "parent 1:ffff classid 1:1 htb rate " << bestEffort << " ceil " << ceiling
        << " prio 7 quantum " << quantum << "\n"
        << "qdisc add" << device << "parent 1:1 handle 2: " << leaf(link) << "\n";
    return out.str();
}

Expected<void> makeNetwork(const std::string& lab, const Topology& topology, const NetworkPlan& plan,
                           const StartWire& startWire) {
    const std::vector<std::string> nodes = topology.nodes();
    std::string lines;
    for (const std::string& node : nodes) lines += "netns add " + namespaceOf(lab, node) + "\n";
    LAB_TRY(batch("ip", "", lines));
    LAB_TRY(batch("ip", "", vethCommands(lab, topology, plan)));
    for (size_t i = 0; i < topology.links.size(); ++i) {
        if (topology.links[i].needsWire()) LAB_TRY(startWire(i));
    }
    for (const std::string& node : nodes) {
        const std::string netns = namespaceOf(lab, node);
        LAB_TRY(inNamespaceProcess(netns, [&] { return configureNode(topology, plan, node); }));
        LAB_TRY(batch("ip", netns, nodeCommands(topology, plan, node)));
        std::string queues;
        for (const auto& ends : plan.links) {
            for (const InterfacePlan& end : ends) {
                if (end.node == node) queues += queueCommands(topology, end);
            }
        }
        LAB_TRY(batch("tc", netns, queues));
    }
    for (const HomePlan& home : plan.homes) LAB_TRY(makeHome(lab, home));
    return {};
}

}  // namespace netpas::lab
