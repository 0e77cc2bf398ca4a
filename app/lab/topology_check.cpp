// Cross-checks of a topology file, and the exit numbers that it leaves open.
#include <algorithm>
#include <map>
#include <set>

#include "app/lab/topology_source.h"
#include "core/price_code.h"

namespace netpas::lab {
namespace {

constexpr size_t maxIsps = 64;
constexpr size_t maxNodes = 256;
constexpr size_t maxLinks = 512;
constexpr size_t maxNodeName = 10;  // names become interface names of at most 15 characters
constexpr size_t maxBehind = 8;
constexpr size_t maxPathLength = 16;  // NetPaS §5.1: 4 bits

bool isNodeName(std::string_view name) {
    if (name.empty() || name.size() > maxNodeName || name[0] < 'a' || name[0] > 'z') return false;
    return std::all_of(name.begin(), name.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

bool isLabel(std::string_view name, size_t limit) {
    if (name.empty() || name.size() > limit) return false;
    return std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

bool overlap(const IpPrefix& a, const IpPrefix& b) {
    return a.address().isV4() == b.address().isV4() && (a.contains(b.address()) || b.contains(a.address()));
}

// The dearest packet that pays for a guarantee.
bool chargesFit(const GuaranteeSpec& spec, const Price& price) {
    const auto charge = checkedAdd(spec.setUp, spec.perMinute);
    const auto all = charge ? checkedAdd(*charge, price.perPacket) : charge;
    return all && PriceCode::roundUp(*all).has_value();
}

class Checker {
public:
    Checker(RawTopology raw, const std::string& file) : m_raw(std::move(raw)), m_file(file) {}

    Expected<Topology> run() {
        checkSizes();
        for (size_t i = 0; i < topology().isps.size() && !m_error; ++i) checkIsp(i);
        for (size_t i = 0; i < topology().hosts.size() && !m_error; ++i) checkHost(i);
        for (size_t i = 0; i < topology().links.size() && !m_error; ++i) checkLink(i);
        if (!m_error) checkAttachment();
        if (!m_error) numberExits();
        if (!m_error) checkPrefixes();
        if (!m_error) checkReachability();
        for (size_t i = 0; i < topology().paths.size() && !m_error; ++i) checkPath(i);
        for (size_t i = 0; i < topology().overlay.size() && !m_error; ++i) checkOverlay(i);
        if (!m_error) checkOverlayMembers();
        if (m_error) return tl::unexpected(*m_error);
        return std::move(m_raw.topology);
    }

private:
    Topology& topology() { return m_raw.topology; }
    void fail(uint32_t line, const std::string& text) {
        if (!m_error) m_error = topologyError(m_file, line, text);
    }

    void checkSizes() {
        if (!isLabel(topology().name, 40))
            fail(1, "'name' must be letters, digits, '-' or '_', for example name = \"figure3\"");
        if (topology().isps.empty()) fail(1, "no [[isp]]; a network needs at least one");
        if (topology().isps.size() > maxIsps) fail(m_raw.lines.isp[maxIsps], "more than 64 ISPs; split the file");
        if (topology().links.size() > maxLinks) fail(m_raw.lines.link[maxLinks], "more than 512 links; split the file");
        size_t nodes = topology().hosts.size();
        for (const IspSpec& isp : topology().isps) nodes += isp.routers.size();
        if (nodes > maxNodes) fail(1, "more than 256 hosts and routers; split the file");
    }

    void addNode(const std::string& name, uint32_t line) {
        if (!isNodeName(name)) {
            fail(line, "'" + name + "' cannot name a node; use up to 10 lower-case letters and digits, a letter first");
        } else if (const auto [at, fresh] = m_nodes.emplace(name, line); !fresh) {
            fail(line,
                 "node '" + name + "' was already declared in line " + std::to_string(at->second) + "; rename one");
        }
    }

    void checkIsp(size_t index) {
        const IspSpec& isp = topology().isps[index];
        const uint32_t line = m_raw.lines.isp[index];
        if (!isLabel(isp.name, 16))
            fail(line, "'" + isp.name + "' cannot name an ISP; use up to 16 letters, digits, '-' or '_'");
        for (size_t other = 0; other < index; ++other) {
            const std::string declared = " in line " + std::to_string(m_raw.lines.isp[other]) + "; change one";
            if (topology().isps[other].name == isp.name)
                fail(line, "duplicate ISP name '" + isp.name + "', as" + declared);
            if (topology().isps[other].id == isp.id)
                fail(line, "duplicate ISP id " + std::to_string(isp.id) + ", as" + declared);
        }
        for (const std::string& router : isp.routers) addNode(router, line);
        if (isp.overlayOnly && !isp.classes.empty()) {
            fail(line, "ISP '" + isp.name + "' is overlay_only, so it carries no packets, but sells classes; remove " +
                           "'overlay_only' or every [[isp.class]]");
        }
        if (isp.overlayOnly && isp.routers.size() != 1) {
            fail(line, "ISP '" + isp.name + "' is overlay_only and has " + std::to_string(isp.routers.size()) +
                           " routers; name the one node that its accounting server runs on");
        }
        checkFamily(isp.ipv4, true, 29, line, "ipv4");
        checkFamily(isp.ipv6, false, 56, line, "ipv6");
        uint64_t shares = 0;
        for (size_t i = 0; i < isp.classes.size(); ++i) {
            checkClass(isp, i, m_raw.lines.ispClass[index][i]);
            shares += isp.classes[i].share.millionths;
        }
        if (shares > 990'000) {
            fail(line, "the classes of ISP '" + isp.name +
                           "' have more than 99% of each link; reduce 'share', best effort needs a rest");
        }
    }

    void checkFamily(const std::optional<IpPrefix>& prefix, bool wantV4, uint8_t longest, uint32_t line,
                     const char* key) {
        if (!prefix) return;
        if (prefix->address().isV4() != wantV4) {
            fail(line, std::string("'") + key + "' holds an address of the other family; swap 'ipv4' and 'ipv6'");
        } else if (prefix->length() > longest) {
            fail(line,
                 prefix->toString() + " is too small for an ISP; use /" + std::to_string(longest) + " or shorter");
        }
    }

    void checkClass(const IspSpec& isp, size_t index, uint32_t line) {
        const ServiceClassSpec& spec = isp.classes[index];
        if (!isLabel(spec.name, 24))
            fail(line, "'" + spec.name + "' cannot name a class; use letters, digits, '-' or '_'");
        for (size_t other = 0; other < index; ++other) {
            const ServiceClassSpec& earlier = isp.classes[other];
            if (earlier.id == spec.id)
                fail(line, "duplicate class id " + std::to_string(spec.id) + " in ISP '" + isp.name + "'; change one");
            if (earlier.name == spec.name)
                fail(line, "duplicate class name '" + spec.name + "' in ISP '" + isp.name + "'; change one");
            if (earlier.dscp == spec.dscp) {
                fail(line, "classes '" + earlier.name + "' and '" + spec.name + "' share dscp " +
                               std::to_string(spec.dscp) + ", so queues cannot tell them apart; change one");
            }
        }
        if (!PriceCode::roundUp(spec.price.perPacket)) {
            fail(line, "the price of class '" + spec.name +
                           "' is above the largest price code (about $4 a packet); lower 'per_packet'");
        }
        if (spec.guarantee && !chargesFit(*spec.guarantee, spec.price)) {
            fail(line, "the charges of class '" + spec.name +
                           "' are above the largest price code (about $4 a packet); lower 'set_up' or 'per_minute'");
        }
        if (spec.share.millionths < 1000) fail(line, "class '" + spec.name + "' has a share below 0.1%; raise 'share'");
    }

    void checkHost(size_t index) { addNode(topology().hosts[index].name, m_raw.lines.host[index]); }

    void checkLink(size_t index) {
        const LinkSpec& link = topology().links[index];
        const uint32_t line = m_raw.lines.link[index];
        if (!isLabel(link.name, 32))
            fail(line, "'" + link.name + "' cannot name a link; use letters, digits, '-' or '_'");
        for (size_t other = 0; other < index; ++other) {
            if (topology().links[other].name == link.name) {
                fail(line, "duplicate link name '" + link.name + "', as in line " +
                               std::to_string(m_raw.lines.link[other]) + "; add or change 'name'");
            }
        }
        for (const std::string& end : link.between) {
            if (!m_nodes.contains(end)) {
                fail(line, "link '" + link.name + "' ends at '" + end +
                               "', which is no node; declare it as a [[host]] or in an ISP's 'routers'");
            }
        }
        if (link.between[0] == link.between[1])
            fail(line, "link '" + link.name + "' joins a node to itself; change 'between'");
        if (topology().host(link.between[0]) != nullptr && topology().host(link.between[1]) != nullptr) {
            fail(line, "link '" + link.name + "' joins two hosts; attach each to a router instead");
        }
        uint64_t shares = 0;
        for (size_t i = 0; i < link.classes.size(); ++i) {
            shares += link.classes[i].share.millionths;
            if (!knowsClass(link, link.classes[i].name)) {
                fail(m_raw.lines.linkClass[index][i], "unknown class '" + link.classes[i].name + "': no ISP at link '" +
                                                          link.name + "' has it; use a name from its [[isp.class]]");
            }
        }
        if (shares > 990'000)
            fail(line, "the classes of link '" + link.name + "' have more than 99% of it; reduce 'share'");
    }

    bool knowsClass(const LinkSpec& link, const std::string& name) {
        for (const std::string& end : link.between) {
            const IspSpec* isp = topology().ispOfRouter(end);
            if (isp == nullptr) continue;
            if (std::any_of(isp->classes.begin(), isp->classes.end(), [&](const auto& c) { return c.name == name; }))
                return true;
        }
        return false;
    }

    void checkBehind(size_t index, size_t links) {
        const HostSpec& host = topology().hosts[index];
        const HostSpec* const modem = topology().host(host.behind);
        const uint32_t line = m_raw.lines.host[index];
        if (modem == nullptr || !modem->behind.empty()) {
            fail(line, "host '" + host.name + "' is behind '" + host.behind +
                           "', which is no host with a link; change 'behind'");
        } else if (links != 0) {
            fail(line, "host '" + host.name + "' is behind '" + host.behind + "' and has a link; remove one of them");
        } else if (host.agent || host.translates) {
            fail(line,
                 "host '" + host.name + "' is behind a modem, whose agent it uses; remove 'agent' and 'translates'");
        } else if (topology().hostsBehind(host.behind).size() > maxBehind) {
            fail(line, "more than 8 hosts behind '" + host.behind + "'; remove some");
        }
    }

    void checkAttachment() {
        for (size_t i = 0; i < topology().hosts.size(); ++i) {
            const std::string& name = topology().hosts[i].name;
            const auto links =
                std::count_if(topology().links.begin(), topology().links.end(),
                              [&](const LinkSpec& link) { return link.between[0] == name || link.between[1] == name; });
            if (!topology().hosts[i].behind.empty()) {
                checkBehind(i, static_cast<size_t>(links));
                continue;
            }
            if (links == 0)
                fail(m_raw.lines.host[i], "host '" + name + "' has no link; add a [[link]] between it and a router");
            const IspSpec* const isp = topology().ispOfHost(name);
            if (links == 1 && isp != nullptr && isp->overlayOnly) {
                fail(m_raw.lines.host[i], "host '" + name + "' is attached to ISP '" + isp->name +
                                              "', which is overlay_only and carries no packets; attach it to another");
            }
            if (links > 1)
                fail(m_raw.lines.host[i],
                     "host '" + name + "' has several links; a host has one, keep the one to its ISP");
        }
    }

    // Exit points count from 1 in every ISP, in the order of the file; numbers that were given stay.
    void numberExits() {
        std::map<std::string, std::set<uint16_t>> taken;
        const auto ends = [this](const LinkSpec& link) {
            return std::array<const IspSpec*, 2>{topology().ispOfRouter(link.between[0]),
                                                 topology().ispOfRouter(link.between[1])};
        };
        for (size_t i = 0; i < topology().links.size(); ++i) {
            const LinkSpec& link = topology().links[i];
            const auto isps = ends(link);
            const bool peering = topology().joinsIsps(link);
            for (size_t side = 0; side < 2; ++side) {
                if (link.exits[side] == 0) continue;
                if (!peering)
                    return fail(m_raw.lines.link[i],
                                "'exits' on a link that does not join two ISPs that carry packets; remove it");
                if (!taken[isps[side]->name].insert(link.exits[side]).second) {
                    return fail(m_raw.lines.link[i], "exit " + std::to_string(link.exits[side]) + " of ISP '" +
                                                         isps[side]->name +
                                                         "' is already another link; change 'exits'");
                }
            }
        }
        for (LinkSpec& link : topology().links) {
            if (!topology().joinsIsps(link)) continue;
            const auto isps = ends(link);
            for (size_t side = 0; side < 2; ++side) {
                if (link.exits[side] != 0) continue;
                uint16_t next = 1;
                while (!taken[isps[side]->name].insert(next).second) ++next;
                link.exits[side] = next;
            }
        }
    }

    void checkPrefixes() {
        for (size_t i = 0; i < topology().isps.size(); ++i) {
            for (size_t j = 0; j < i; ++j) {
                const IspSpec& a = topology().isps[i];
                const IspSpec& b = topology().isps[j];
                if ((a.ipv4 && b.ipv4 && overlap(*a.ipv4, *b.ipv4)) ||
                    (a.ipv6 && b.ipv6 && overlap(*a.ipv6, *b.ipv6))) {
                    fail(m_raw.lines.isp[i],
                         "the prefixes of ISPs '" + a.name + "' and '" + b.name + "' overlap; give them separate ones");
                }
            }
        }
        for (const bool v4 : {true, false}) {
            size_t given = 0;
            for (const IspSpec& isp : topology().isps) given += (v4 ? isp.ipv4 : isp.ipv6).has_value() ? 1U : 0U;
            if (given != 0 && given != topology().isps.size()) {
                fail(m_raw.lines.isp[0], std::string("some ISPs have '") + (v4 ? "ipv4" : "ipv6") +
                                             "' and some have not; give it to all, or to none and let the lab choose");
            }
        }
    }

    // Everything that can be reached from `start` through nodes that `passes` allows to forward.
    template <typename Passes>
    std::set<std::string> reachable(const std::string& start, Passes passes) {
        std::set<std::string> seen{start};
        std::vector<std::string> open{start};
        while (!open.empty()) {
            const std::string node = open.back();
            open.pop_back();
            for (const LinkSpec& link : topology().links) {
                for (size_t side = 0; side < 2; ++side) {
                    if (link.between[side] != node || !passes(link.between[1 - side])) continue;
                    if (seen.insert(link.between[1 - side]).second) open.push_back(link.between[1 - side]);
                }
            }
        }
        return seen;
    }

    void checkReachability() {
        for (size_t i = 0; i < topology().isps.size(); ++i) {
            const IspSpec& isp = topology().isps[i];
            const auto own = reachable(isp.routers[0],
                                       [&](const std::string& node) { return topology().ispOfRouter(node) == &isp; });
            for (const std::string& router : isp.routers) {
                if (!own.contains(router)) {
                    fail(m_raw.lines.isp[i], "router '" + router + "' is unreachable from '" + isp.routers[0] +
                                                 "' inside ISP '" + isp.name +
                                                 "'; add a [[link]] between routers of this ISP");
                }
            }
        }
        const auto all = reachable(topology().isps[0].routers[0], [](const std::string&) { return true; });
        for (const auto& [node, line] : m_nodes) {
            const HostSpec* const host = topology().host(node);
            if (host != nullptr && !host->behind.empty()) continue;  // reached through its modem
            if (!all.contains(node)) {
                fail(line, "'" + node + "' is unreachable from '" + topology().isps[0].routers[0] +
                               "'; add the missing [[link]]");
            }
        }
    }

    bool adjacent(const IspSpec* a, const IspSpec* b) {
        return std::any_of(topology().links.begin(), topology().links.end(), [&](const LinkSpec& link) {
            const IspSpec* left = topology().ispOfRouter(link.between[0]);
            const IspSpec* right = topology().ispOfRouter(link.between[1]);
            return topology().joinsIsps(link) && ((left == a && right == b) || (left == b && right == a));
        });
    }

    void checkPath(size_t index) {
        const PathSpec& path = topology().paths[index];
        const uint32_t line = m_raw.lines.path[index];
        for (const std::string& end : {path.from, path.to}) {
            const HostSpec* const host = topology().host(end);
            if (host == nullptr)
                return fail(line, "a path ends at '" + end + "', which is no host; use a [[host]] name");
            if (!host->behind.empty())
                return fail(line,
                            "a path ends at '" + end + "', which has no ISP; use its modem, '" + host->behind + "'");
        }
        if (path.isps.empty() || path.isps.size() > maxPathLength) {
            return fail(line, "a path crosses 1 to 16 ISPs; write isps = [\"Z\", \"Y\", \"X\"]");
        }
        for (size_t i = 0; i < path.isps.size(); ++i) {
            const IspSpec* isp = topology().isp(path.isps[i]);
            if (isp == nullptr)
                return fail(line, "unknown ISP '" + path.isps[i] + "' in a path; use a name of an [[isp]]");
            if (std::count(path.isps.begin(), path.isps.end(), path.isps[i]) > 1) {
                return fail(
                    line, "ISP '" + path.isps[i] + "' stands twice in a path; NetPaS paths have no loops, remove one");
            }
            if (i > 0 && !adjacent(topology().isp(path.isps[i - 1]), isp)) {
                return fail(line, "ISPs '" + path.isps[i - 1] + "' and '" + path.isps[i] +
                                      "' are not neighbours; add a [[link]] or change the path");
            }
        }
        if (topology().ispOfHost(path.from)->name != path.isps.front() ||
            topology().ispOfHost(path.to)->name != path.isps.back()) {
            fail(line, "the path from '" + path.from + "' to '" + path.to +
                           "' must begin and end at the ISPs of these hosts");
        }
    }

    // Two accounting servers reach each other over plain IP; who carries no packets does not forward either.
    bool serversMeet(const IspSpec& a, const IspSpec& b) {
        const auto forwards = [&](const std::string& node) {
            const IspSpec* const isp = topology().ispOfRouter(node);
            return isp != nullptr && !isp->overlayOnly;
        };
        // From both ends, because reachable() begins and ends anywhere: a node that does not forward is an end only.
        std::set<std::string> around;
        for (const LinkSpec& link : topology().links) {
            for (size_t side = 0; side < 2; ++side) {
                if (link.between[side] == b.routers[0]) around.insert(link.between[1 - side]);
            }
        }
        const auto from = reachable(a.routers[0], forwards);
        return std::any_of(around.begin(), around.end(), [&](const std::string& node) { return from.contains(node); });
    }

    void checkOverlay(size_t index) {
        const OverlaySpec& pair = topology().overlay[index];
        const uint32_t line = m_raw.lines.overlay[index];
        for (const std::string& name : pair.between) {
            if (topology().isp(name) == nullptr)
                return fail(line, "unknown ISP '" + name + "' in [[overlay]]; use a name of an [[isp]]");
        }
        const IspSpec& a = *topology().isp(pair.between[0]);
        const IspSpec& b = *topology().isp(pair.between[1]);
        const std::string both = "ISPs '" + a.name + "' and '" + b.name + "'";
        if (&a == &b) return fail(line, "[[overlay]] joins ISP '" + a.name + "' to itself; name another one");
        if (adjacent(&a, &b)) {
            return fail(
                line,
                both + " are neighbours by a link, so their accounting servers are joined; remove this [[overlay]]");
        }
        for (size_t other = 0; other < index; ++other) {
            const OverlaySpec& earlier = topology().overlay[other];
            if (earlier == pair || earlier == OverlaySpec{{pair.between[1], pair.between[0]}}) {
                return fail(line, both + " are joined in line " + std::to_string(m_raw.lines.overlay[other]) +
                                      " already; remove one");
            }
        }
        if (!serversMeet(a, b)) {
            fail(line, "the accounting servers of " + both + " cannot reach each other, for nobody between them " +
                           "forwards; add a [[link]] between '" + a.routers[0] + "' and '" + b.routers[0] + "'");
        }
    }

    void checkOverlayMembers() {
        for (size_t i = 0; i < topology().isps.size(); ++i) {
            const IspSpec& isp = topology().isps[i];
            const auto joined = [&](const OverlaySpec& pair) {
                return pair.between[0] == isp.name || pair.between[1] == isp.name;
            };
            const auto& overlay = topology().overlay;
            if (!isp.overlayOnly || topology().isps.size() == 1) continue;
            if (std::none_of(overlay.begin(), overlay.end(), joined)) {
                fail(m_raw.lines.isp[i], "ISP '" + isp.name +
                                             "' is overlay_only and has no neighbour in the overlay; " +
                                             "add an [[overlay]] with between = [\"" + isp.name + "\", …]");
            }
        }
    }

    RawTopology m_raw;
    const std::string& m_file;
    std::optional<LabError> m_error;
    std::map<std::string, uint32_t> m_nodes;  // name to line
};

}  // namespace

Expected<Topology> checkTopology(RawTopology raw, const std::string& file) {
    return Checker(std::move(raw), file).run();
}

}  // namespace netpas::lab
