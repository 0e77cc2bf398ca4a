#include "app/lab/scenario/threat_net.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "app/lab/parties.h"
#include "core/net/http_client.h"
#include "core/wire/shim.h"

namespace netpas::lab {
namespace fs = std::filesystem;
namespace {

constexpr const char* classTable = "\n[[class]]\nid = 1\nname = \"gold\"\ndscp = 46\nper_packet = \"";
constexpr uint16_t sinkPort = 7000;

IpAddress addressOf(size_t a, size_t b, size_t c, size_t d) {
    return *IpAddress::parse(std::to_string(a) + "." + std::to_string(b) + "." + std::to_string(c) + "." +
                             std::to_string(d));
}

bool edgesConnected(const Json& books) {
    for (const Json& edge : books.value("edges", Json::array())) {
        if (!edge.value("connected", false)) return false;
    }
    return true;
}

Expected<std::unique_ptr<Identity>> identityIn(const std::string& file) {
    auto identity = Identity::loadOrCreate(file);
    if (!identity) return fail(LabErrc::State, file + ": " + std::string(describe(identity.error())));
    return std::make_unique<Identity>(std::move(*identity));
}

}  // namespace

Expected<std::unique_ptr<ThreatNet>> ThreatNet::make(Lab& lab, OverlayThread& thread, std::vector<ThreatIsp> isps,
                                                     uint64_t seed) {
    std::unique_ptr<ThreatNet> net(new ThreatNet(lab, thread, std::move(isps)));
    net->m_seed = seed;
    std::vector<OverlayIspSpec> specs;
    for (const ThreatIsp& isp : net->m_isps) {
        OverlayIspSpec spec;
        spec.isp = isp.isp;
        spec.name = isp.name;
        spec.fee = isp.fee;
        spec.credit = isp.credit;
        spec.neighbours = isp.links;
        spec.neighbours.insert(spec.neighbours.end(), isp.overlayOnly.begin(), isp.overlayOnly.end());
        spec.customers = isp.customers;
        spec.payments = isp.payments;
        spec.enterprise = isp.provider != 0;
        specs.push_back(std::move(spec));
    }
    auto overlay = Overlay::make(lab, std::move(specs));
    if (!overlay) return tl::unexpected(overlay.error());
    net->m_overlay = std::move(*overlay);
    for (const ThreatIsp& isp : net->m_isps) {
        auto own = identityIn(net->m_overlay->identityFile(isp.isp));
        if (!own) return tl::unexpected(own.error());
        net->m_identities[isp.isp] = std::move(*own);
        auto router = identityIn(net->m_overlay->folder(isp.isp) + "/edge.key");
        if (!router) return tl::unexpected(router.error());
        net->m_routers[isp.isp] = std::move(*router);
    }
    return net;
}

ThreatNet::~ThreatNet() {
    for (const ThreatIsp& isp : m_isps) stop(isp.isp);
    m_thread.run([&] { m_relays.clear(); });
}

void ThreatNet::stop(uint16_t isp) {
    m_lab.stopProgram(edgeProgram(isp));
    m_lab.stopProgram("accounting-" + std::to_string(isp));
}

// --- addresses

size_t ThreatNet::indexOf(uint16_t isp) const {
    for (size_t i = 0; i < m_isps.size(); ++i) {
        if (m_isps[i].isp == isp) return i;
    }
    std::abort();  // a row that names an ISP it has not made
}

std::string ThreatNet::netns() const { return m_lab.netns(m_overlay->node()); }
Endpoint ThreatNet::edge(uint16_t isp) const { return {addressOf(198, 18, 3, indexOf(isp) + 1), dataPort}; }
IpAddress ThreatNet::destination(uint16_t isp) const { return addressOf(10, indexOf(isp), 0, 9); }
Endpoint ThreatNet::sink(uint16_t isp) const { return {addressOf(198, 19, 128 + indexOf(isp), 250), sinkPort}; }
IpAddress ThreatNet::linkAddress(uint16_t of, uint16_t towards) const {
    return addressOf(198, 18, 4 + indexOf(of), indexOf(towards) + 1);
}

// What the ISP's router takes for its neighbour's address on their link.
IpAddress ThreatNet::remoteOf(uint16_t isp, uint16_t neighbour) const {
    const auto box = m_boxAddresses.find({std::min(isp, neighbour), std::max(isp, neighbour)});
    return box != m_boxAddresses.end() ? box->second : linkAddress(neighbour, isp);
}

std::vector<HopBlock> ThreatNet::path(const std::vector<uint16_t>& isps) const {
    std::vector<HopBlock> hops;
    for (const uint16_t isp : isps) {
        const auto price = Money::parse(m_isps[indexOf(isp)].price);
        hops.push_back({IspId(isp), ServiceClass(1), *PriceCode::roundUp(*price), ExitPoint(0)});
    }
    return hops;
}

// --- the cheat's hands

Expected<PacketRelay*> ThreatNet::boxBetween(uint16_t a, uint16_t b) {
    const uint16_t low = std::min(a, b);
    const uint16_t high = std::max(a, b);
    const IpAddress at = addressOf(198, 19, 128 + indexOf(low), indexOf(high) + 1);
    auto box = PacketRelay::start(netns(), {at, dataPort}, linkAddress(a, b), linkAddress(b, a));
    if (!box) return tl::unexpected(box.error());
    m_boxAddresses[{low, high}] = at;
    m_boxes.push_back(std::move(*box));
    return m_boxes.back().get();
}

Expected<OverlayRelay*> ThreatNet::relayAtRouter(uint16_t isp) {
    RelayOptions options;
    options.listen = {addressOf(198, 18, 2, indexOf(isp) + 1), 30000};
    options.face = m_identities.at(isp).get();
    options.to = m_overlay->server(isp);
    options.mask = [router = m_routers.at(isp).get()](const PublicKey& key) {
        return key == router->publicKey() ? router : nullptr;
    };
    m_edgeAccounting[isp] = options.listen;
    bool listening = false;
    m_thread.run([&] {
        m_relays.push_back(std::make_unique<OverlayRelay>(m_thread.io(), options));
        listening = m_relays.back()->start().has_value();
    });
    if (!listening) return fail(LabErrc::System, "no relay at the router of ISP " + std::to_string(isp));
    return m_relays.back().get();
}

Expected<OverlayRelay*> ThreatNet::relayBetween(uint16_t from, uint16_t to) {
    RelayOptions options;
    options.listen = m_overlay->relayEndpoint(from, to);
    options.face = m_identities.at(to).get();
    options.to = m_overlay->server(to);
    options.mask = [dialer = m_identities.at(from).get()](const PublicKey& key) {
        return key == dialer->publicKey() ? dialer : nullptr;
    };
    m_overlay->reachThrough(from, to, options.listen);
    bool listening = false;
    m_thread.run([&] {
        m_relays.push_back(std::make_unique<OverlayRelay>(m_thread.io(), options));
        listening = m_relays.back()->start().has_value();
    });
    if (!listening)
        return fail(LabErrc::System, "no relay between " + std::to_string(from) + " and " + std::to_string(to));
    return m_relays.back().get();
}

// --- programs

std::string ThreatNet::accountingTables(const ThreatIsp& isp) const {
    std::ostringstream out;
    out << "\n[comparison]\ngrace_seconds = " << isp.graceSeconds << "\n" << isp.comparison;
    if (isp.hasRouter())
        out << "\n[[edge]]\nrouter = \"r\"\nkey = \"" << routerIdentity(isp.isp).publicKey().hex() << "\"\n";
    for (const ThreatIsp& other : m_isps) {
        if (other.isp != isp.isp)
            out << "\n[[isp_key]]\nisp = " << other.isp << "\nkey = \"" << m_overlay->key(other.isp).hex() << "\"\n";
    }
    out << isp.more;
    return out.str();
}

Expected<void> ThreatNet::configureRouter(const ThreatIsp& isp) const {
    const auto relay = m_edgeAccounting.find(isp.isp);
    const Endpoint accounting = relay == m_edgeAccounting.end() ? m_overlay->endpoint(isp.isp) : relay->second;
    std::ostringstream out;
    out << "isp = " << (isp.provider != 0 ? isp.provider : isp.isp)
        << "\nrouter = \"r\"\nidentity = \"edge.key\"\nstate_dir = \"edge\"\n"
        << "admin_socket = \"edge.sock\"\nlisten = [\"" << edge(isp.isp).address.toString() << "\"]\n"
        << "\n[accounting]\naddress = \"" << accounting.address.toString() << "\"\nport = " << accounting.port
        << "\nkey = \"" << m_overlay->key(isp.isp).hex() << "\"\n"
        << "\n[sampling]\nthreshold = \"" << threshold
        << "\"\nkind = \"stratified\"\nseed = " << m_seed * 1000 + indexOf(isp.isp) + 1 << "\n";
    if (isp.provider == 0) {
        writeTrade(out, isp);
    } else {
        out << "\n[[provider]]\nlocal = \"" << edge(isp.isp).address.toString() << "\"\nremote = \""
            << edge(isp.provider).address.toString() << "\"\n";
    }
    out << "\n[[delivery]]\nprefix = \"10." << indexOf(isp.isp) << ".0.0/16\"\nparticipate = \""
        << sink(isp.isp).toString() << "\"\n"
        << isp.router;
    std::ofstream file(m_overlay->folder(isp.isp) + "/edge.toml", std::ios::binary | std::ios::trunc);
    file << out.str();
    file.close();
    if (!file) return fail(LabErrc::State, "cannot write the configuration of a router");
    return {};
}

// What it sells, and to whom.
void ThreatNet::writeTrade(std::ostream& out, const ThreatIsp& isp) const {
    out << classTable << isp.price << "\"\n";
    for (const OverlayCustomerSpec& customer : isp.customers) {
        out << "\n[[customer]]\nname = \"" << customer.name << "\"\nprefixes = [\""
            << m_overlay->customerAddress(isp.isp, customer.name).toString() << "/32\"]\nrate = \"" << isp.bucketRate
            << "\"\nburst = \"" << isp.bucketBurst << "\"\n";
    }
    for (const uint16_t neighbour : isp.links) {
        out << "\n[[neighbour]]\nisp = " << neighbour
            << "\n[[neighbour.link]]\nexit = 1\ninterface = \"lo\"\nlocal = \""
            << linkAddress(isp.isp, neighbour).toString() << "\"\nremote = \""
            << remoteOf(isp.isp, neighbour).toString() << "\"\n";
    }
}

Expected<void> ThreatNet::start() {
    for (const ThreatIsp& isp : m_isps) m_overlay->spec(isp.isp).more = accountingTables(isp);
    LAB_TRY(m_overlay->startAll());
    for (const ThreatIsp& isp : m_isps) {
        if (!isp.hasRouter()) continue;
        LAB_TRY(configureRouter(isp));
        LAB_TRY(m_lab.startProgram(
            edgeProgram(isp.isp), m_overlay->node(),
            {programPath("netpas-isp"), "edge", "--config", m_overlay->folder(isp.isp) + "/edge.toml"}));
    }
    LAB_TRY(m_overlay->awaitConnected(std::chrono::seconds(30)));
    for (const ThreatIsp& isp : m_isps) {
        if (!isp.hasRouter()) continue;
        Process* program = m_lab.program(edgeProgram(isp.isp));
        const auto up = waitUntil("the router of ISP " + std::to_string(isp.isp), std::chrono::seconds(30), [&] {
            const auto said = books(isp.isp);
            return !program->running() || (said && edgesConnected(*said));
        });
        if (!program->running()) return fail(LabErrc::Process, "a router died: " + program->logTail());
        LAB_TRY(up);
    }
    return {};
}

Expected<Json> ThreatNet::books(uint16_t isp) const { return m_overlay->books(isp); }

Expected<void> ThreatNet::askRouter(uint16_t isp, const std::string& method, const std::string& target,
                                    const std::string& body) const {
    net::HttpCall call;
    call.method = method;
    call.target = target;
    call.body = body;
    const auto answer = net::httpCall(net::UnixTarget{edgeSocketOf(isp)}, call);
    if (answer && answer->status < 300) return {};
    return fail(LabErrc::Process, "the router of ISP " + std::to_string(isp) + " did not take " + method + " " +
                                      target + (answer ? ": " + answer->body : ""));
}

Expected<Json> ThreatNet::counters(uint16_t isp) const {
    net::HttpCall call;
    call.method = "GET";
    call.target = "/v1/counters";
    const auto answer = net::httpCall(net::UnixTarget{edgeSocketOf(isp)}, call);
    if (!answer || answer->status != 200)
        return fail(LabErrc::Process, "the router of ISP " + std::to_string(isp) + " does not tell its counters");
    Json json = Json::parse(answer->body, nullptr, false);
    if (!json.is_object()) return fail(LabErrc::Process, "the counters of a router are no JSON");
    return json;
}

}  // namespace netpas::lab
