#include "app/lab/party_configs.h"

#include "app/lab/bgp_configs.h"

#include <algorithm>
#include <set>
#include <sstream>

namespace netpas::lab {
namespace {

constexpr int accountingPort = 46722;
constexpr int directoryPort = 46723;

// Texts that stand here are names, numbers and addresses; only descriptions can hold a quotation mark.
std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return out + "\"";
}

template <typename T, typename Write>
std::string list(const T& items, Write write) {
    std::string out = "[";
    for (const auto& item : items) out += (out.size() > 1 ? ", " : "") + write(item);
    return out + "]";
}

std::string addressList(const std::vector<IpAddress>& addresses) {
    return list(addresses, [](const IpAddress& address) { return quoted(address.toString()); });
}

std::string prefixList(const std::vector<IpPrefix>& prefixes) {
    return list(prefixes, [](const IpPrefix& prefix) { return quoted(prefix.toString()); });
}

std::string minute(uint16_t value) {
    const auto two = [](int number) { return (number < 10 ? "0" : "") + std::to_string(number); };
    return quoted(two(value / 60) + ":" + two(value % 60));
}

void writePrice(std::ostream& out, const Price& price) {
    out << "per_packet = " << quoted(price.perPacket.toString()) << "\nper_kib = " << quoted(price.perKib.toString())
        << "\nsurcharge_1024ths = " << price.surcharge1024ths << "\n";
}

void writeGuarantee(std::ostream& out, const ServiceClassSpec& spec) {
    if (!spec.guarantee) return;
    out << "guarantee = { set_up = " << quoted(spec.guarantee->setUp.toString())
        << ", per_minute = " << quoted(spec.guarantee->perMinute.toString())
        << ", rate_mbit = " << spec.guarantee->rate.bitsPerSecond / 1'000'000
        << ", reservations = " << spec.guarantee->reservations << " }\n";
}

void writePeriods(std::ostream& out, const ServiceClassSpec& spec) {
    for (const PricePeriod& period : spec.periods) {
        out << "[[class.period]]\nfrom = " << minute(period.fromMinuteUtc) << "\nto = " << minute(period.toMinuteUtc)
            << "\n";
        writePrice(out, period.price);
    }
}

std::vector<std::string> hostsOf(const Topology& topology, const IspSpec& isp) {
    std::vector<std::string> hosts;
    for (const HostSpec& host : topology.hosts) {
        if (topology.ispOfHost(host.name) == &isp) hosts.push_back(host.name);
    }
    return hosts;
}

// A link of this ISP to another one, seen from its own end.
struct Exit {
    const IspSpec* neighbour = nullptr;
    uint16_t number = 0;
    const InterfacePlan* near = nullptr;
    const InterfacePlan* far = nullptr;
    std::string link;
};

std::vector<Exit> exitsOf(const PartyInput& input, const IspSpec& isp) {
    std::vector<Exit> exits;
    for (size_t i = 0; i < input.topology.links.size(); ++i) {
        const LinkSpec& link = input.topology.links[i];
        for (size_t side = 0; side < 2; ++side) {
            if (input.topology.ispOfRouter(link.between[side]) != &isp || link.exits[side] == 0) continue;
            const auto& ends = input.plan.links[i];
            exits.push_back({input.topology.ispOfRouter(link.between[1 - side]), link.exits[side], &ends[side],
                             &ends[1 - side], link.name});
        }
    }
    return exits;
}

// Neighbours in the order of their identifiers.
std::vector<const IspSpec*> neighboursOf(const std::vector<Exit>& exits) {
    std::vector<const IspSpec*> neighbours;
    for (const Exit& exit : exits) neighbours.push_back(exit.neighbour);
    std::sort(neighbours.begin(), neighbours.end(), [](const IspSpec* a, const IspSpec* b) { return a->id < b->id; });
    neighbours.erase(std::unique(neighbours.begin(), neighbours.end()), neighbours.end());
    return neighbours;
}

// Those whose accounting servers are joined, with a link or without.
std::vector<const IspSpec*> overlayNeighboursOf(const PartyInput& input, const IspSpec& isp) {
    std::vector<const IspSpec*> neighbours = neighboursOf(exitsOf(input, isp));
    for (const OverlaySpec& pair : input.topology.overlay) {
        for (size_t side = 0; side < 2; ++side) {
            if (pair.between[side] == isp.name) neighbours.push_back(input.topology.isp(pair.between[1 - side]));
        }
    }
    std::sort(neighbours.begin(), neighbours.end(), [](const IspSpec* a, const IspSpec* b) { return a->id < b->id; });
    return neighbours;
}

std::string sampling(const IspSpec& isp) {
    return "\n[sampling]\nthreshold = " + quoted(isp.samplingThreshold.toString()) +
           "\nkind = " + (isp.sampler == SamplerKind::Stratified ? "\"stratified\"" : "\"smart\"") +
           "\nseed = " + std::to_string(isp.samplingSeed) + "\n";
}

std::string accountingReference(const PartyInput& input, const IspSpec& isp) {
    return "\n[accounting]\naddress = " + quoted(input.plan.ispAddress.at(isp.name)[0].toString()) +
           "\nport = " + std::to_string(accountingPort) + "\nkey = " + quoted(input.keys.accounting.at(isp.name)) +
           "\n";
}

void writeCustomers(std::ostream& out, const PartyInput& input, const IspSpec& isp, bool limits) {
    for (const std::string& host : hostsOf(input.topology, isp)) {
        out << "\n[[customer]]\nname = " << quoted(host)
            << "\nprefixes = " << prefixList(input.plan.hostPrefix.at(host)) << "\n";
        if (!limits) {
            const HostSpec& spec = *input.topology.host(host);
            out << "router = " << quoted(input.topology.attachment(host))
                << "\npayments = { send = " << (spec.maySend && !spec.visitor ? "true" : "false")
                << ", receive = " << (spec.mayReceive || spec.visitor ? "true" : "false") << " }\n"
                << (spec.visitor ? "visitors = true\n" : "");
            continue;
        }
        out << "rate = " << quoted(isp.customerLimit.rate.toString())
            << "\nburst = " << quoted(isp.customerLimit.burst.toString()) << "\n";
    }
}

// The lines for strangers at this router: through for money only, and then to everywhere.
void writeGate(std::ostream& out, const PartyInput& input, const IspSpec& isp, const std::string& router) {
    std::vector<IpPrefix> lines;
    std::set<std::string> everywhere;
    for (const std::string& host : hostsOf(input.topology, isp)) {
        if (!input.topology.host(host)->visitor || input.topology.attachment(host) != router) continue;
        for (const IpPrefix& prefix : input.plan.hostPrefix.at(host)) {
            lines.push_back(prefix);
            everywhere.insert(prefix.address().isV6() ? "::/0" : "0.0.0.0/0");
        }
    }
    if (lines.empty()) return;
    std::vector<std::string> servers;
    for (const IpAddress& address : input.plan.ispAddress.at(isp.name))
        servers.push_back(address.toString() + (address.isV6() ? "/128" : "/32"));
    out << "\n[visitors]\nprefixes = " << prefixList(lines)
        << "\nopen = " << list(servers, [](const std::string& server) { return quoted(server); }) << "\n";
    for (const std::string& prefix : everywhere) out << "\n[[delivery]]\nprefix = " << quoted(prefix) << "\n";
}

void writeNeighbourLinks(std::ostream& out, const PartyInput& input, const IspSpec& isp, const std::string& router) {
    const auto exits = exitsOf(input, isp);
    for (const IspSpec* neighbour : neighboursOf(exits)) {
        std::ostringstream links;
        for (const Exit& exit : exits) {
            if (exit.neighbour != neighbour || exit.near->node != router) continue;
            links << "[[neighbour.link]]\nexit = " << exit.number << "\ninterface = " << quoted(exit.near->name)
                  << "\nlocal = " << quoted(exit.near->addresses[0].address.toString())
                  << "\nremote = " << quoted(exit.far->addresses[0].address.toString()) << "\n";
        }
        if (links.str().empty()) continue;
        out << "\n[[neighbour]]\nisp = " << neighbour->id << "\nname = " << quoted(neighbour->name)
            << "\nrate = " << quoted(isp.neighbourLimit.rate.toString())
            << "\nburst = " << quoted(isp.neighbourLimit.burst.toString()) << "\n"
            << links.str();
    }
}

void writeInternals(std::ostream& out, const PartyInput& input, const IspSpec& isp, const std::string& router) {
    const auto exits = exitsOf(input, isp);
    for (const std::string& other : isp.routers) {
        if (other == router) continue;
        std::vector<Exit> theirs;
        for (const Exit& exit : exits) {
            if (exit.near->node == other) theirs.push_back(exit);
        }
        std::vector<IpPrefix> prefixes;
        for (const std::string& host : hostsOf(input.topology, isp)) {
            if (input.topology.attachment(host) != other) continue;
            const auto& own = input.plan.hostPrefix.at(host);
            prefixes.insert(prefixes.end(), own.begin(), own.end());
        }
        out << "\n[[internal]]\nrouter = " << quoted(other)
            << "\nlocal = " << quoted(input.plan.internalAddress.at(router)[0].toString())
            << "\nremote = " << quoted(input.plan.internalAddress.at(other)[0].toString()) << "\nexits = "
            << list(theirs,
                    [](const Exit& exit) {
                        return "{ isp = " + std::to_string(exit.neighbour->id) +
                               ", exit = " + std::to_string(exit.number) + " }";
                    })
            << "\nprefixes = " << prefixList(prefixes) << "\n";
    }
}

// A hop list for the directory: identifiers, and exits that leave the choice to each ISP.
std::string pathEntry(const Topology& topology, const IpPrefix& prefix, const IspPath& path) {
    std::ostringstream out;
    out << "\n[[path]]\nprefix = " << quoted(prefix.toString())
        << "\nisps = " << list(path, [&](const std::string& name) { return std::to_string(topology.isp(name)->id); })
        << "\nexits = " << list(std::vector<int>(path.size() - 1, 0), [](int exit) { return std::to_string(exit); })
        << "\n";
    return out.str();
}

void writePaths(std::ostream& out, const PartyInput& input, const IspSpec& isp) {
    const Topology& topology = input.topology;
    const auto hosts = hostsOf(topology, isp);
    if (std::any_of(hosts.begin(), hosts.end(), [&](const auto& host) { return topology.host(host)->visitor; })) {
        for (const char* prefix : {"0.0.0.0/0", "::/0"})
            out << pathEntry(topology, *IpPrefix::parse(prefix), {isp.name});
    }
    for (const IspSpec& target : topology.isps) {
        const IspPath shortest = input.plan.ispPath(topology, isp.routers[0], target.routers[0]);
        if (shortest.empty() || target.overlayOnly) continue;  // no packets go there
        for (const IpPrefix& prefix : input.plan.ispPrefix.at(target.name)) {
            constexpr size_t longest = 16;
            if (shortest.size() <= longest && !topology.bgp) out << pathEntry(topology, prefix, shortest);
            std::set<IspPath> written{shortest};
            for (const PathSpec& declared : topology.paths) {
                if (declared.isps.front() != isp.name || declared.isps.back() != target.name) continue;
                if (written.insert(declared.isps).second) out << pathEntry(topology, prefix, declared.isps);
            }
        }
    }
}

}  // namespace

std::vector<std::string> edgesOf(const IspSpec& isp) {
    return isp.overlayOnly ? std::vector<std::string>{} : isp.routers;
}

std::string edgeConfig(const PartyInput& input, const IspSpec& isp, const std::string& router) {
    std::ostringstream out;
    out << "isp = " << isp.id << "\nrouter = " << quoted(router)
        << "\nidentity = " << quoted(input.folder + "/edge-" + router + ".key")
        << "\nstate_dir = " << quoted(input.folder + "/edge-" + router)
        << "\nadmin_socket = " << quoted(input.folder + "/edge-" + router + ".sock")
        << "\nlisten = " << addressList(input.plan.routerAddress.at(router))
        << "\nunderpaid = " << (isp.underpaid == Underpaid::Drop ? "\"drop\"" : "\"best-effort\"")
        << "\nblacklist = " << list(isp.blacklist, [](uint16_t id) { return std::to_string(id); }) << "\n"
        << accountingReference(input, isp) << sampling(isp);
    for (const ServiceClassSpec& spec : isp.classes) {
        out << "\n[[class]]\nid = " << int{spec.id} << "\nname = " << quoted(spec.name) << "\ndscp = " << int{spec.dscp}
            << "\n";
        writePrice(out, spec.price);
        writeGuarantee(out, spec);
        writePeriods(out, spec);
    }
    writeCustomers(out, input, isp, true);
    writeNeighbourLinks(out, input, isp, router);
    writeInternals(out, input, isp, router);
    for (const std::string& host : hostsOf(input.topology, isp)) {
        if (input.topology.attachment(host) != router) continue;
        for (const IpPrefix& prefix : input.plan.hostPrefix.at(host))
            out << "\n[[delivery]]\nprefix = " << quoted(prefix.toString()) << "\n";
    }
    writeGate(out, input, isp, router);
    // What the directory sells a path to must be delivered: the kernel knows the way to the ISP's own addresses.
    for (const IpPrefix& prefix : input.plan.ispPrefix.at(isp.name))
        out << "\n[[delivery]]\nprefix = " << quoted(prefix.toString()) << "\n";
    return out.str();
}

std::string accountingConfig(const PartyInput& input, const IspSpec& isp) {
    std::ostringstream out;
    out << "isp = " << isp.id << "\nname = " << quoted(isp.name)
        << "\nidentity = " << quoted(input.folder + "/accounting.key")
        << "\nlisten = " << addressList(input.plan.ispAddress.at(isp.name)) << "\nport = " << accountingPort
        << "\ndatabase = " << quoted(input.folder + "/books.db")
        << "\ndatabase_key = " << quoted(input.folder + "/books.key")
        << "\nadmin_socket = " << quoted(input.folder + "/accounting.sock") << "\n"
        << sampling(isp) << "\n[payments]\nfee = " << quoted(isp.payments.fixed.toString())
        << "\nfee_1024ths = " << isp.payments.per1024ths << "\nsmallest = " << quoted(isp.payments.smallest.toString())
        << "\n";
    for (const std::string& router : edgesOf(isp)) {
        out << "\n[[edge]]\nrouter = " << quoted(router) << "\nkey = " << quoted(input.keys.edge.at(router)) << "\n";
    }
    for (const IspSpec* neighbour : overlayNeighboursOf(input, isp)) {
        out << "\n[[neighbour]]\nisp = " << neighbour->id << "\nname = " << quoted(neighbour->name)
            << "\naddress = " << quoted(input.plan.ispAddress.at(neighbour->name)[0].toString())
            << "\nport = " << accountingPort << "\nkey = " << quoted(input.keys.accounting.at(neighbour->name)) << "\n";
    }
    writeCustomers(out, input, isp, false);
    for (const IspSpec& other : input.topology.isps) {
        if (&other == &isp) continue;
        out << "\n[[isp_key]]\nisp = " << other.id << "\nkey = " << quoted(input.keys.accounting.at(other.name))
            << "\n";
    }
    return out.str();
}

std::string directoryConfig(const PartyInput& input, const IspSpec& isp) {
    std::ostringstream out;
    out << "isp = " << isp.id << "\nname = " << quoted(isp.name)
        << "\nidentity = " << quoted(input.folder + "/directory.key")
        << "\nlisten = " << addressList(input.plan.ispAddress.at(isp.name)) << "\nport = " << directoryPort
        << "\nvalidity_seconds = 3600\nrefresh_seconds = 1\n"
        << accountingReference(input, isp);
    for (const std::string& router : isp.routers)
        out << "\n[[edge]]\naddresses = " << addressList(input.plan.routerAddress.at(router)) << "\n";
    for (const ServiceClassSpec& spec : isp.classes) {
        out << "\n[[class]]\nid = " << int{spec.id} << "\nname = " << quoted(spec.name)
            << "\ndescription = " << quoted(spec.description) << "\ndscp = " << int{spec.dscp} << "\n";
        writePrice(out, spec.price);
        out << "promised = {";
        const char* separator = " ";
        const auto promise = [&](const char* key, double value) {
            out << separator << key << " = " << std::fixed << value;
            separator = ", ";
        };
        if (spec.latency) promise("latency_ms", static_cast<double>(spec.latency->count()) / 1000);
        if (spec.loss) promise("loss", static_cast<double>(spec.loss->millionths) / 1e6);
        if (spec.rate) promise("rate_mbit", static_cast<double>(spec.rate->bitsPerSecond) / 1e6);
        out << " }\n";
        writeGuarantee(out, spec);
        writePeriods(out, spec);
    }
    for (const Exit& exit : exitsOf(input, isp)) {
        out << "\n[[exit]]\nisp = " << exit.neighbour->id << "\nexit = " << exit.number
            << "\nname = " << quoted(exit.link) << "\n";
        if (!input.topology.bgp) continue;
        out << "peers = " << list(exit.far->addresses, [](const AddressWithLength& peer) {
            return quoted(peer.address.toString());
        }) << "\n";
    }
    if (input.topology.bgp) {
        std::vector<std::string> dumps;
        if (input.topology.ipv4) dumps.push_back(dumpPattern(false));
        if (input.topology.ipv6) dumps.push_back(dumpPattern(true));
        out << "\n[bgp]\ndumps = " << list(dumps, quoted) << "\nkeep = 3\nas = [" << asOf(isp) << "]\n";
    }
    if (isp.measured) {
        for (const IpAddress& address : input.plan.ispAddress.at(isp.name))
            out << "\n[[reflector]]\naddress = " << quoted(address.toString())
                << "\n[[speed_test]]\naddress = " << quoted(address.toString()) << "\n";
    }
    for (const std::string& host : hostsOf(input.topology, isp)) {
        if (!input.topology.host(host)->sells) continue;
        for (const IpAddress& address : input.plan.hostAddress.at(host))
            out << "\n[[reverse_seller]]\naddress = " << quoted(address.toString())
                << "\nkey = " << quoted(input.keys.reverse.at(host)) << "\n";
    }
    writePaths(out, input, isp);
    for (const IspSpec& other : input.topology.isps) {
        if (other.overlayOnly) continue;  // has no directory
        const auto directory = Endpoint{input.plan.ispAddress.at(other.name)[0], directoryPort};
        out << "\n[[known_isp]]\nid = " << other.id << "\nname = " << quoted(other.name)
            << "\ndirectory = " << quoted("https://" + directory.toString())
            << "\nkey = " << quoted(input.keys.directory.at(other.name)) << "\n";
        if (input.topology.bgp && &other != &isp) out << "as = [" << asOf(other) << "]\n";
    }
    return out.str();
}

}  // namespace netpas::lab
