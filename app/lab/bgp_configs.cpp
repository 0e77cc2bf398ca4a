#include "app/lab/bgp_configs.h"

#include <algorithm>
#include <sstream>

namespace netpas::lab {
namespace {

// Seconds: a lab has no time for the defaults of the internet.
constexpr const char* timers =
    "  hold time 3;\n  keepalive time 1;\n  connect delay time 1;\n  connect retry time 1;\n  error wait time 1, 2;\n";

const char* family(bool v6) { return v6 ? "ipv6" : "ipv4"; }
char digit(bool v6) { return v6 ? '6' : '4'; }

const IpAddress* addressOf(const std::vector<IpAddress>& addresses, bool v6) {
    const auto found =
        std::find_if(addresses.begin(), addresses.end(), [v6](const IpAddress& one) { return one.isV6() == v6; });
    return found == addresses.end() ? nullptr : &*found;
}

const IpAddress* addressOf(const InterfacePlan& end, bool v6) {
    for (const AddressWithLength& one : end.addresses) {
        if (one.address.isV6() == v6) return &one.address;
    }
    return nullptr;
}

class Writer {
public:
    Writer(const Topology& topology, const NetworkPlan& plan, const IspSpec& isp, const std::string& router)
        : m_topology(topology), m_plan(plan), m_isp(isp), m_router(router) {}

    std::string write(const std::string& folder) {
        m_out << "log stderr { info, remote, warning, error, auth, fatal, bug };\nrouter id " << routerId()
              << ";\nprotocol device { scan time 1; }\n";
        for (const bool v6 : {false, true}) {
            if (!(v6 ? m_topology.ipv6 : m_topology.ipv4)) continue;
            writeOwn(v6);
            writeKernel(v6);
            writeNeighbours(v6);
            writeFellows(v6);
            if (m_router == m_isp.routers.front()) writeDumps(v6, folder);
        }
        return m_out.str();
    }

private:
    // Any number that no other router has; an IPv6-only network has no address for it.
    std::string routerId() const {
        const auto place = std::find(m_isp.routers.begin(), m_isp.routers.end(), m_router) - m_isp.routers.begin();
        return "10." + std::to_string(m_isp.id >> 8) + "." + std::to_string(m_isp.id & 0xff) + "." +
               std::to_string(place + 1);
    }

    void writeOwn(bool v6) {
        m_out << "protocol static own" << digit(v6) << " {\n  " << family(v6) << ";\n";
        for (const IpPrefix& prefix : m_plan.ispPrefix.at(m_isp.name)) {
            if (prefix.address().isV6() == v6) m_out << "  route " << prefix.toString() << " blackhole;\n";
        }
        m_out << "}\n";
    }

    // Best effort goes as BGP says. Routes inside the ISP are the lab's; the way to the other routers is learnt from them.
    void writeKernel(bool v6) {
        m_out << "protocol kernel kernel" << digit(v6) << " {\n  learn;\n  " << family(v6) << " {\n    import "
              << (m_isp.routers.size() > 1 ? "all" : "none")
              << ";\n    export filter { if source != RTS_BGP then reject; krt_prefsrc = "
              << addressOf(m_plan.routerAddress.at(m_router), v6)->toString() << "; accept; };\n  };\n}\n";
    }

    void writeSession(const std::string& name, const IpAddress& near, const IpAddress& far, uint32_t as,
                      const std::string& channel) {
        m_out << "protocol bgp " << name << " {\n  local " << near.toString() << " as " << asOf(m_isp)
              << ";\n  neighbor " << far.toString() << " as " << as << ";\n"
              << timers << channel << "}\n";
    }

    void writeNeighbours(bool v6) {
        for (const auto& ends : m_plan.links) {
            for (size_t side = 0; side < 2; ++side) {
                const IspSpec* const other = m_topology.ispOfRouter(ends[1 - side].node);
                if (ends[side].node != m_router || other == nullptr || other == &m_isp) continue;
                const IpAddress* const near = addressOf(ends[side], v6);
                const IpAddress* const far = addressOf(ends[1 - side], v6);
                if (near == nullptr || far == nullptr || other->overlayOnly) continue;
                writeSession("to" + std::to_string(ends[side].link) + "_" + digit(v6), *near, *far, asOf(*other),
                             "  check link;\n  " + std::string(family(v6)) + " {\n    import all;\n    export where " +
                                 "source = RTS_BGP || proto = \"own" + digit(v6) + "\";\n  };\n");
            }
        }
    }

    void writeFellows(bool v6) {
        for (const std::string& other : m_isp.routers) {
            if (other == m_router) continue;
            const IpAddress* const near = addressOf(m_plan.internalAddress.at(m_router), v6);
            const IpAddress* const far = addressOf(m_plan.internalAddress.at(other), v6);
            if (near == nullptr || far == nullptr) continue;
            writeSession("fellow_" + other + "_" + digit(v6), *near, *far, asOf(m_isp),
                         "  multihop;\n  " + std::string(family(v6)) +
                             " {\n    import all;\n    export where source = RTS_BGP;\n    next hop self;\n" +
                             "    add paths on;\n  };\n");
        }
    }

    void writeDumps(bool v6, const std::string& folder) {
        std::string file = dumpPattern(v6);
        file.replace(file.find('*'), 1, "%s");
        m_out << "protocol mrt dump" << digit(v6) << " {\n  table \"master" << digit(v6) << "\";\n  filename \""
              << folder << "/" << file << "\";\n  period 1;\n}\n";
    }

    const Topology& m_topology;
    const NetworkPlan& m_plan;
    const IspSpec& m_isp;
    const std::string& m_router;
    std::ostringstream m_out;
};

}  // namespace

std::string dumpPattern(bool v6) { return v6 ? "bgp/rib6-*.mrt" : "bgp/rib4-*.mrt"; }

std::string birdConfig(const Topology& topology, const NetworkPlan& plan, const IspSpec& isp, const std::string& router,
                       const std::string& folder) {
    return Writer(topology, plan, isp, router).write(folder);
}

}  // namespace netpas::lab
