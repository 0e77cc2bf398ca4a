#include "app/lab/scenario/overlay_kit.h"

#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "app/lab/command.h"
#include "core/net/http_client.h"

namespace netpas::lab {
namespace fs = std::filesystem;
namespace {

constexpr uint16_t accountingPort = 46722;
constexpr uint16_t firstRelayPort = 20000;
constexpr size_t mostIsps = 250;

IpAddress addressOf(int a, int b, size_t c, size_t d) {
    return *IpAddress::parse(std::to_string(a) + "." + std::to_string(b) + "." + std::to_string(c) + "." +
                             std::to_string(d));
}

uint16_t numberOf(const OverlayIspSpec& spec) { return spec.number == 0 ? spec.isp : spec.number; }

void writeNeighbour(std::ostream& out, const OverlayIspSpec& neighbour, const Endpoint& at, const PublicKey& key,
                    const std::string& credit) {
    out << "\n[[neighbour]]\nisp = " << numberOf(neighbour) << "\nname = \"" << neighbour.name << "\"\naddress = \""
        << at.address.toString() << "\"\nport = " << at.port << "\nkey = \"" << key.hex() << "\"\ncredit = \"" << credit
        << "\"\n";
}

void writeCustomer(std::ostream& out, const OverlayCustomerSpec& customer, const IpAddress& address) {
    out << "\n[[customer]]\nname = \"" << customer.name << "\"\nprefixes = [\"" << address.toString() << "/32\"]\n";
    if (!customer.payments.empty()) out << "[customer.payments]\n" << customer.payments << "\n";
}

bool allConnected(const Json& books) {
    for (const Json& neighbour : books.value("neighbours", Json::array())) {
        if (!neighbour.value("connected", false)) return false;
    }
    return books.contains("neighbours");
}

}  // namespace

Expected<std::unique_ptr<Overlay>> Overlay::make(Lab& lab, std::vector<OverlayIspSpec> isps) {
    if (!initCrypto()) return fail(LabErrc::System, "libsodium does not start");
    if (isps.size() > mostIsps) return fail(LabErrc::Usage, "an overlay has at most 250 ISPs");
    std::unique_ptr<Overlay> overlay(new Overlay(lab, std::move(isps)));
    overlay->m_node = lab.topology().nodes().front();
    const std::string netns = lab.netns(overlay->m_node);
    // With a prefix on it the loopback interface has every address of the prefix.
    LAB_TRY(requireCommand({"ip", "-n", netns, "link", "set", "lo", "up"}));
    LAB_TRY(requireCommand({"ip", "-n", netns, "address", "replace", "198.18.0.1/15", "dev", "lo"}));
    for (const OverlayIspSpec& spec : overlay->m_isps) {
        std::error_code error;
        fs::create_directories(overlay->folder(spec.isp), error);
        const auto identity = Identity::loadOrCreate(overlay->identityFile(spec.isp));
        if (!identity) return fail(LabErrc::State, "cannot write " + overlay->identityFile(spec.isp));
        overlay->m_keys[spec.isp] = identity->publicKey();
    }
    return overlay;
}

size_t Overlay::indexOf(uint16_t isp) const {
    for (size_t i = 0; i < m_isps.size(); ++i) {
        if (m_isps[i].isp == isp) return i;
    }
    std::abort();  // a scenario that names an ISP it has not made
}

OverlayIspSpec& Overlay::spec(uint16_t isp) { return m_isps[indexOf(isp)]; }
uint16_t Overlay::number(uint16_t isp) const { return numberOf(m_isps[indexOf(isp)]); }
Endpoint Overlay::endpoint(uint16_t isp) const { return {addressOf(198, 18, 1, indexOf(isp) + 1), accountingPort}; }
accounting::ServerAddress Overlay::server(uint16_t isp) const { return {endpoint(isp), key(isp)}; }
const PublicKey& Overlay::key(uint16_t isp) const { return m_keys.at(isp); }
std::string Overlay::folder(uint16_t isp) const { return m_lab.folder() + "/isp/" + std::to_string(isp); }
std::string Overlay::identityFile(uint16_t isp) const { return folder(isp) + "/accounting.key"; }
std::string Overlay::socket(uint16_t isp) const { return folder(isp) + "/accounting.sock"; }

void Overlay::reachThrough(uint16_t from, uint16_t to, const Endpoint& relay) { m_relays[{from, to}] = relay; }

Endpoint Overlay::relayEndpoint(uint16_t from, uint16_t to) const {
    return {addressOf(198, 18, 2, indexOf(from) + 1), static_cast<uint16_t>(firstRelayPort + indexOf(to))};
}

IpAddress Overlay::customerAddress(uint16_t isp, const std::string& customer) const {
    const size_t index = indexOf(isp);
    const auto& customers = m_isps[index].customers;
    for (size_t i = 0; i < customers.size(); ++i) {
        if (customers[i].name == customer) return addressOf(198, 19, index, i + 1);
    }
    std::abort();
}

Expected<void> Overlay::configure(uint16_t isp) const {
    const OverlayIspSpec& own = m_isps[indexOf(isp)];
    std::ostringstream out;
    if (!own.enterprise) out << "isp = " << numberOf(own) << "\n";
    out << "name = \"" << own.name << "\"\nidentity = \"accounting.key\"\n"
        << "database = \"" << own.database
        << "\"\ndatabase_key = \"database.key\"\nadmin_socket = \"accounting.sock\"\n"
        << "listen = [\"" << endpoint(isp).address.toString() << "\"]\n\n[sampling]\nthreshold = \"0.0001\"\n"
        << "\n[payments]\nfee = \"" << own.fee << "\"\nfee_1024ths = " << own.fee1024ths << "\n"
        << own.payments << "\n";
    for (const uint16_t neighbour : own.neighbours) {
        const auto relay = m_relays.find({isp, neighbour});
        writeNeighbour(out, m_isps[indexOf(neighbour)], relay == m_relays.end() ? endpoint(neighbour) : relay->second,
                       key(neighbour), own.credit);
    }
    for (const uint16_t sibling : own.siblings) {
        const OverlayIspSpec& other = m_isps[indexOf(sibling)];
        out << "\n[[server]]\nname = \"" << other.name << "\"\naddress = \"" << endpoint(sibling).address.toString()
            << "\"\nkey = \"" << key(sibling).hex() << "\"\nplaces = [";
        for (const uint16_t met : other.neighbours) out << "{ isp = " << number(met) << " }, ";
        out << "]\n";
    }
    for (const OverlayCustomerSpec& customer : own.customers) {
        writeCustomer(out, customer, customerAddress(isp, customer.name));
    }
    out << own.more;
    const std::string file = folder(isp) + "/accounting.toml";
    std::ofstream written(file, std::ios::binary | std::ios::trunc);
    written << out.str();
    written.close();
    if (!written) return fail(LabErrc::State, "cannot write " + file);
    return {};
}

// --- processes

Expected<void> Overlay::launch(uint16_t isp) {
    LAB_TRY(configure(isp));
    std::map<std::string, std::string> environment;
    const double shift = m_isps[indexOf(isp)].clockShift;
    if (shift != 0) {
        environment["LD_PRELOAD"] = programPath("libnetpas-lab-clock.so");
        environment["NETPAS_LAB_CLOCK_SHIFT"] = std::to_string(shift);
    }
    std::error_code error;
    fs::remove(socket(isp), error);  // of one that was killed
    std::vector<std::string> argv = m_isps[indexOf(isp)].wrapper;
    argv.insert(argv.end(), {programPath("netpas-isp"), "accounting", "--config", folder(isp) + "/accounting.toml"});
    return m_lab.startProgram(program(isp), m_node, std::move(argv), std::move(environment));
}

Expected<void> Overlay::awaitAnswer(uint16_t isp) {
    LAB_TRY(waitUntil("the accounting server of ISP " + std::to_string(isp), std::chrono::seconds(30),
                      [&] { return unixSocketAnswers(socket(isp)) || !process(isp)->running(); }));
    if (process(isp)->running()) return {};
    return fail(LabErrc::Process,
                "the accounting server of ISP " + std::to_string(isp) + " died: " + process(isp)->logTail());
}

Expected<void> Overlay::start(uint16_t isp) {
    LAB_TRY(launch(isp));
    return awaitAnswer(isp);
}

Expected<void> Overlay::startAll() {
    for (const OverlayIspSpec& spec : m_isps) LAB_TRY(launch(spec.isp));
    for (const OverlayIspSpec& spec : m_isps) LAB_TRY(awaitAnswer(spec.isp));
    return {};
}

Expected<void> Overlay::awaitConnected(std::chrono::seconds limit) {
    return waitUntil("all accounting servers to be connected", limit, [&] {
        for (const OverlayIspSpec& spec : m_isps) {
            const auto said = books(spec.isp);
            if (!said || !allConnected(*said)) return false;
        }
        return true;
    });
}

void Overlay::kill(uint16_t isp) {
    Process* running = process(isp);
    if (running == nullptr) return;
    running->signal(SIGKILL);
    (void)running->wait(std::chrono::seconds(10));
}

void Overlay::stop(uint16_t isp) {
    if (Process* running = process(isp)) running->stop();
}

Process* Overlay::process(uint16_t isp) { return m_lab.program(program(isp)); }

// --- what it says

Expected<std::string> Overlay::ask(uint16_t isp, const std::string& method, const std::string& target,
                                   const std::string& body) const {
    net::HttpCall call;
    call.method = method;
    call.target = target;
    call.body = body;
    call.maxBody = size_t{256} << 20;
    const auto answer = net::httpCall(net::UnixTarget{socket(isp)}, call);
    const std::string what = method + " " + target + " at ISP " + std::to_string(isp) + ": ";
    if (!answer) return fail(LabErrc::Process, what + std::string(net::describe(answer.error())));
    if (answer->status >= 300) return fail(LabErrc::Process, what + answer->body);
    return answer->body;
}

Expected<Json> Overlay::books(uint16_t isp) const {
    const auto body = ask(isp, "GET", "/v1/books");
    if (!body) return tl::unexpected(body.error());
    Json json = Json::parse(*body, nullptr, false);
    if (!json.is_object()) return fail(LabErrc::Process, "the books of ISP " + std::to_string(isp) + " are no JSON");
    return json;
}

}  // namespace netpas::lab
