// A laptop away from home (NetPaS §3.1.4): the foreign ISP knows nobody, lets nobody through for nothing but to a home agent, and takes money from whoever sends
// it. Online or not is what plain connections of the laptop's kernel say; the money is looked for in everybody's books and on the wire.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "app/lab/command.h"
#include "app/lab/netns.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/payment_parties.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/payment_meter.h"
#include "app/lab/tools/process_memory.h"
#include "app/lab/tools/tool.h"
#include "core/crypto/hex.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr uint16_t doorPort = 46724;
constexpr uint16_t serverPort = 5600;
constexpr uint16_t closedPort = 5601;  // refused by the server itself: it was reached
constexpr const char* budget = "0.004";
constexpr auto online = 2s;  // at most, from the word "roam" on
const std::vector<std::string> way{"home", "Z", "Y", "F"};

Money dollars(const std::string& text) { return Money::parse(text).value_or(Money::max()); }
Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }
Money minus(Money a, Money b) { return checkedSub(a, b).value_or(Money::max()); }

// Whether a plain TCP connection from that namespace gets there: it is accepted, or refused by the other end itself.
bool reaches(const std::string& netns, const IpAddress& address, uint16_t port, std::chrono::milliseconds patience) {
    bool answered = false;
    (void)inNamespace(netns, [&]() -> Expected<void> {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) return {};
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        std::copy_n(address.bytes().begin(), 4, reinterpret_cast<uint8_t*>(&to.sin_addr));
        int error = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? 0 : errno;
        if (error == EINPROGRESS) {
            pollfd ready{fd, POLLOUT, 0};
            socklen_t size = sizeof error;
            error = ETIMEDOUT;
            if (::poll(&ready, 1, static_cast<int>(patience.count())) > 0)
                (void)::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        }
        ::close(fd);
        answered = error == 0 || error == ECONNREFUSED;
        return {};
    });
    return answered;
}

// One `netpas roam`, and what it has said so far.
class Visit {
public:
    static Expected<Visit> begin(Lab& lab, const std::string& url, const IpAddress& home) {
        auto program =
            Tool::startProgram(lab, "r", "roam",
                               {programPath("netpas"), "--socket", agentSocket(lab.name(), "r"), "--json", "roam", url,
                                "--home-at", Endpoint{home, doorPort}.toString(), "--budget", budget},
                               {{"NETPAS_CONFIG_DIR", lab.folder() + "/host/r/config"}});
        if (!program) return tl::unexpected(program.error());
        return Visit(std::move(*program));
    }
    // The last event of that name.
    [[nodiscard]] std::optional<Json> said(const std::string& event) const {
        std::istringstream lines(m_program.output());
        std::optional<Json> found;
        for (std::string line; std::getline(lines, line);) {
            Json one = Json::parse(line, nullptr, false);
            if (one.is_object() && one.value("event", "") == event) found = std::move(one);
        }
        return found;
    }
    [[nodiscard]] std::string output() const { return m_program.output(); }
    bool running() { return m_program.process().running(); }
    // Its last words.
    Expected<Json> end() {
        if (running()) m_program.process().signal(SIGTERM);
        LAB_TRY(waitUntil("netpas roam to end", 15s, [&] { return !running(); }));
        if (auto over = said("over")) return *over;
        return fail(LabErrc::Process, "netpas roam ended without a word: " + output());
    }

private:
    explicit Visit(Tool program) : m_program(std::move(program)) {}
    Tool m_program;
};

class Roaming {
public:
    explicit Roaming(ScenarioContext& context) : m_context(context), m_lab(context.lab()) {}

    Expected<void> run() {
        LAB_TRY(startHome());
        LAB_TRY(pairAtHome());
        LAB_TRY(shutOut());
        LAB_TRY(visit());
        LAB_TRY(nobodyKnows());
        LAB_TRY(takesAndGivesNothing());
        LAB_TRY(homeIsAway());
        return stolen();
    }

private:
    [[nodiscard]] IpAddress server() const { return m_context.address("a"); }
    [[nodiscard]] IpAddress home() const { return m_context.address("home"); }
    [[nodiscard]] bool through() const { return reaches(m_lab.netns("r"), server(), closedPort, 300ms); }
    Expected<Json> atHome(const std::vector<std::string>& arguments) { return netpas(m_lab, "home", arguments); }

    // --- at home

    Expected<void> startHome() {
        LAB_TRY(
            startAgent(m_lab, "home", {"--listen-tls", "0.0.0.0:" + std::to_string(doorPort), "--roams", "laptop"}));
        const auto url = joinUrl(m_lab, "Z");
        if (!url) return tl::unexpected(url.error());
        return asVoid(atHome({"join", *url}));
    }
    static Expected<void> asVoid(const Expected<Json>& said) {
        return said ? Expected<void>() : tl::unexpected(said.error());
    }

    // On a cable at home, which is gone afterwards.
    Expected<void> pairAtHome() {
        const std::string at = m_lab.netns("home"), with = m_lab.netns("r");
        const std::vector<std::vector<std::string>> cable{
            {"ip", "-n", at, "link", "add", "cable0", "type", "veth", "peer", "name", "cable1", "netns", with},
            {"ip", "-n", at, "addr", "add", "10.77.0.1/24", "dev", "cable0"},
            {"ip", "-n", with, "addr", "add", "10.77.0.2/24", "dev", "cable1"},
            {"ip", "-n", at, "link", "set", "cable0", "up"},
            {"ip", "-n", with, "link", "set", "cable1", "up"}};
        for (const auto& command : cable) {
            if (const auto done = requireCommand(command); !done) return tl::unexpected(done.error());
        }
        const auto list = atHome({"pair", "list"});
        if (!list) return tl::unexpected(list.error());
        const std::string url = list->value("url", "");
        const std::string key = url.substr(url.find('#') + 1);
        const std::string door = "https://10.77.0.1:" + std::to_string(doorPort) + "/#" + key;
        Json asked;
        LAB_TRY(waitUntil("the laptop to ask to be paired", 15s, [&] {
            const auto said = runCommand(
                {"ip", "netns", "exec", with, "env", "NETPAS_CONFIG_DIR=" + m_lab.folder() + "/host/r/config",
                 programPath("netpas"), "--json", "pair", "request", door, "--name", "laptop", "--no-wait"});
            if (!said || said->status != 0) return false;
            asked = Json::parse(said->out, nullptr, false);
            return asked.is_object();
        }));
        LAB_TRY(asVoid(atHome({"pair", "confirm", asked.value("code", "")})));
        LAB_TRY(asVoid(atHome({"pair", "allow", "laptop", "roam"})));
        LAB_TRY(asVoid(atHome({"budget", "set", "node:laptop", "0.05", "--per", "day"})));
        LAB_TRY(asVoid(atHome({"rules", "add", "--node", "laptop", "--up-to", "always"})));
        const auto devices = atHome({"pair", "list"});
        if (!devices) return tl::unexpected(devices.error());
        if (const Json* const laptop = findEntry(*devices, "devices", "name", "laptop"))
            m_secrets["key of the laptop"] = laptop->value("key", "");
        const auto receiving = atHome({"receive"});
        if (!receiving) return tl::unexpected(receiving.error());
        m_secrets["identifier of the home agent's owner"] = receiving->value("payee", "");
        m_secrets["key of the home agent"] = key;
        const auto gone = requireCommand({"ip", "-n", at, "link", "del", "cable0"});
        if (!gone) return tl::unexpected(gone.error());
        m_context.say("the laptop is paired at home, with a budget, and leaves");
        return {};
    }

    // --- away

    Expected<void> startLaptop() {
        if (m_lab.program(agentProgram("r")) != nullptr) m_lab.stopProgram(agentProgram("r"));
        return startAgent(m_lab, "r", {"--visiting"});
    }

    // For nothing there is the way to a home agent, and no other.
    Expected<void> shutOut() {
        auto sink = Tool::start(m_lab, "a", "tcp-sink", {"port=" + std::to_string(serverPort), "seed=1"});
        if (!sink) return tl::unexpected(sink.error());
        m_sink = std::move(*sink);
        const bool fromHome = reaches(m_lab.netns("home"), server(), closedPort, 1000ms);
        const bool unpaid = through();
        const bool door = reaches(m_lab.netns("r"), home(), doorPort, 1000ms);
        const bool otherPort = reaches(m_lab.netns("r"), home(), doorPort + 1, 300ms);
        m_context.expect(fromHome, "the server cannot be reached from home: nothing would be proved");
        m_context.expect(!unpaid, "the visitor gets through without paying");
        m_context.expect(door, "the visitor does not reach the home agent");
        m_context.expect(!otherPort, "the visitor reaches more than the home agent's door");
        m_context.result()["through_without_paying"] = unpaid || otherPort;
        return {};
    }

    Expected<Visit> beginVisit() {
        const auto url = joinUrl(m_lab, "F");
        if (!url) return tl::unexpected(url.error());
        return Visit::begin(m_lab, *url, home());
    }

    Expected<void> visit() {
        LAB_TRY(startLaptop());
        auto meter = PaymentMeter::start(m_lab, "hotspot", "r");
        if (!meter) return tl::unexpected(meter.error());
        const auto began = Steady::now();
        auto visit = beginVisit();
        if (!visit) return tl::unexpected(visit.error());
        while (!through() && Steady::now() - began < 20s && visit->running()) std::this_thread::sleep_for(10ms);
        const auto seconds = std::chrono::duration<double>(Steady::now() - began).count();
        Json& result = m_context.result();
        result["online_seconds"] = seconds;
        if (!m_context.expect(through(), "the visitor does not come online: " + visit->output())) return {};
        m_context.expect(seconds <= std::chrono::duration<double>(online).count(),
                         "online only after " + std::to_string(seconds) + " s");
        m_context.say("online after " + std::to_string(seconds) + " s");
        LAB_TRY(work(*visit));
        const auto over = visit->end();
        if (!over) return tl::unexpected(over.error());
        const auto seen = (*meter)->stop();
        if (!seen) return tl::unexpected(seen.error());
        return judgeBooks(*over, *seen);
    }

    // A transfer over plain access, then the same with better service from all on the way.
    Expected<void> work(Visit& visit) {
        const std::string port = "port=" + std::to_string(serverPort);
        auto sender = Tool::start(m_lab, "r", "tcp-send", {"to=" + server().toString(), port, "seed=1", "mbit=2"});
        if (!sender) return tl::unexpected(sender.error());
        std::this_thread::sleep_for(
            std::chrono::duration<double>(m_context.options().seconds > 0 ? m_context.options().seconds : 8));
        const auto gold = buy(m_lab, "r", {server().toString(), "tcp", serverPort, 0, "gold", "0.0008"});
        if (!gold) return tl::unexpected(gold.error());
        std::this_thread::sleep_for(3s);
        const auto better = stopPurchase(m_lab, "r", *gold);
        if (!better) return tl::unexpected(better.error());
        const auto charged = amountAt(*better, "charged");
        m_context.expect(charged && *charged > Money::zero() && (*better)["path"].size() == 3,
                         "no better service was bought: " + better->dump());
        m_context.result()["better_service"] = better->value("charged", "");
        const auto sent = sender->stop();
        if (!sent) return tl::unexpected(sent.error());
        const auto received = m_sink->stop();
        if (!received) return tl::unexpected(received.error());
        m_context.expect(received->value("checksum", "x") == sent->value("checksum", "y"),
                         "the transfer broke: " + sent->dump() + received->dump());
        m_context.result()["bytes"] = received->value("received", uint64_t{0});
        const auto paid = visit.said("paid");
        m_context.expect(
            paid && dollars((*paid)["paid"].get<std::string>()) > Money::fromEighths(dollars(budget).eighths() / 8),
            "the home agent was never asked for a second slice");
        return {};
    }

    // The visitor's account at F. There is one for each visit.
    Expected<Json> account(const std::string& node) {
        const auto books = ispBooks(m_lab, "F");
        if (!books) return tl::unexpected(books.error());
        if (const Json* const found = findEntry(*books, "visitors", "node", node)) return *found;
        return fail(LabErrc::Evidence, "F knows no visitor " + node);
    }

    // Home agent, all ISPs on the way, F, the laptop and the wire say the same.
    Expected<void> judgeBooks(const Json& over, const PaymentCount& wire) {
        m_visitor = over.value("payee", "");
        const auto at = account(m_visitor);
        if (!at) return tl::unexpected(at.error());
        const Money paid = dollars(over.value("paid", "")), received = dollars(at->value("received", ""));
        const Money used = dollars(over["used"].is_string() ? over["used"].get<std::string>() : "");
        const Money invoice = dollars(at->value("amount", "")), left = dollars(at->value("left", ""));
        const auto history = netpas(m_lab, "r", {"history", "--limit", "100"});
        if (!history) return tl::unexpected(history.error());
        Money charged;
        for (const Json& entry : history->value("entries", Json::array())) {
            if (const auto amount = amountAt(entry, "charged")) charged = plus(charged, *amount);
        }
        const auto debts = owedForPayments(at->value("account", ""));
        if (!debts) return tl::unexpected(debts.error());
        const auto payments = atHome({"payments", "--limit", "1000"});
        if (!payments) return tl::unexpected(payments.error());
        Money sent, cost;
        for (const Json& one : payments->value("payments", Json::array())) {
            if (one.value("state", "") != "posted") continue;
            sent = plus(sent, dollars(one.value("amount", "")));
            cost = plus(cost, dollars(one.value("charged", "")));
        }
        m_context.expect(paid == received && paid == sent, "the home agent sent " + sent.toString() +
                                                               ", the laptop heard of " + paid.toString() +
                                                               ", F credits " + received.toString());
        m_context.expect(invoice == charged && invoice == wire.amount,
                         "F charges " + invoice.toString() + ", the laptop's ledger has " + charged.toString() +
                             ", its packets carried " + wire.amount.toString());
        m_context.expect(used == charged, "netpas roam says that " + used.toString() +
                                              " was used, the laptop's ledger " + charged.toString());
        m_context.expect(left == minus(received, invoice), "F says that " + left.toString() + " is left");
        m_context.expect((*debts)[0] == cost,
                         "Z wants " + (*debts)[0].toString() + " from home for payments of " + cost.toString());
        m_context.expect((*debts)[2] == plus(received, feesOf("F")), "what Y owes F is not what F credits and its fee");
        Json& result = m_context.result();
        result["paid_by_home_agent"] = sent.toString();
        result["credited_by_f"] = received.toString();
        result["used"] = invoice.toString();
        result["carried_by_packets"] = wire.amount.toString();
        result["laptop_ledger"] = charged.toString();
        result["left_with_f"] = left.toString();
        result["home_owes_z"] = (*debts)[0].toString();
        result["z_owes_y"] = (*debts)[1].toString();
        result["y_owes_f"] = (*debts)[2].toString();
        result["exact"] = m_context.failures().empty();
        m_context.say("home sent " + sent.toString() + ", F was used for " + invoice.toString() + ", " +
                      left.toString() + " is left there");
        return {};
    }
    // Along the way from home to the visitor's account at F, agreed by both ends.
    Expected<std::vector<Money>> owedForPayments(const std::string& visitor) {
        std::vector<std::string> all = way;
        all.push_back(visitor);
        std::vector<Money> owed;
        LAB_TRY(waitUntil("the books on the way to agree", 10s, [&] {
            const auto received = receivedBy(m_lab, "r");
            if (!received) return false;
            const auto debts = debtsAlong(m_lab, all, *received);
            if (!debts) return false;
            owed.clear();
            for (const Debt& debt : *debts) owed.push_back(debt.byDebtor);
            return std::all_of(debts->begin(), debts->end(), [](const Debt& debt) { return debt.agreed(); });
        }));
        return owed;
    }
    // As many fees as payments: what Y passed on is the amounts and F's fees.
    Money feesOf(const std::string& isp) {
        const auto payments = atHome({"payments", "--limit", "1000"});
        Money fees;
        for (const Json& one : payments ? payments->value("payments", Json::array()) : Json::array()) {
            if (one.value("state", "") != "posted") continue;
            for (const Json& fee : one.value("fees", Json::array())) {
                if (fee.value("isp", 0) == m_context.topology().isp(isp)->id)
                    fees = plus(fees, dollars(fee.value("amount", "")));
            }
        }
        return fees;
    }

    // Nothing that names the laptop or its owner is in any of F's processes; what they do know of the visitor is found by the same search.
    Expected<void> nobodyKnows() {
        uint64_t found = 0, control = 0, searched = 0;
        for (const std::string& name : {accountingProgram("F"), directoryProgram("F"), edgeProgram("f1")}) {
            const auto memory = ProcessMemory::read(m_lab.program(name)->pid());
            if (!memory) return tl::unexpected(memory.error());
            searched += memory->bytes();
            for (const auto& [what, hex] : m_secrets) {
                for (const Pattern& form : formsOfHex(hex)) {
                    const size_t times = memory->count(form);
                    found += times;
                    m_context.expect(times == 0, name + " has the " + what);
                }
            }
            for (const Pattern& form : formsOfHex(m_visitor)) control += memory->count(form);
        }
        m_context.expect(control > 0, "the search would not find what F does know");
        m_context.expect(m_secrets.size() == 3, "not everything that names the laptop was known to the search");
        Json& result = m_context.result();
        result["identities_found_at_f"] = found;
        result["visitor_found_at_f"] = control;
        result["bytes_searched"] = searched;
        return {};
    }
    static std::vector<Pattern> formsOfHex(const std::string& hex) {
        std::vector<uint8_t> raw(hex.size() / 2);
        if (hex.empty() || !fromHex(hex, raw)) return {};
        return formsOf(std::span<const uint8_t>(raw));
    }

    // --- what can be lost

    // F takes the money and lets nothing through.
    Expected<void> takesAndGivesNothing() {
        LAB_TRY(startLaptop());
        const std::string cheat =
            "add table inet cheat\nadd chain inet cheat c { type filter hook forward priority -10; }\n"
            "add rule inet cheat c iifname \"npedge*\" drop\n";
        const std::string f = m_lab.netns("f1");
        if (const auto done = requireCommand({"ip", "netns", "exec", f, "nft", "-f", "-"}, cheat); !done)
            return tl::unexpected(done.error());
        auto visit = beginVisit();
        if (!visit) return tl::unexpected(visit.error());
        LAB_TRY(waitUntil("the laptop to give up", 30s, [&] { return !visit->running(); }));
        const auto over = visit->end();
        if (!over) return tl::unexpected(over.error());
        (void)requireCommand({"ip", "netns", "exec", f, "nft", "delete", "table", "inet", "cheat"});
        const Money slice = Money::fromEighths(dollars(budget).eighths() / 8);
        m_context.expect(visit->output().find("NOT_DELIVERED") != std::string::npos,
                         "nobody noticed that nothing gets through: " + visit->output());
        m_context.expect(dollars(over->value("paid", "")) == slice, "the cheat got " + over->value("paid", ""));
        m_context.expect(over->value("payee", "") != m_visitor && !over->value("payee", "").empty(),
                         "the second visit is known to be the first one's");
        Json& result = m_context.result();
        result["lost_to_a_cheat"] = over->value("paid", "");
        result["slice"] = slice.toString();
        result["visits_linked"] = over->value("payee", "") == m_visitor;
        m_context.say("an ISP that gives nothing got " + over->value("paid", "") + " of a budget of " + budget);
        return {};
    }

    // The home agent does not answer: nothing is paid, nothing is bought.
    Expected<void> homeIsAway() {
        LAB_TRY(startLaptop());
        Process* const agent = m_lab.program(agentProgram("home"));
        agent->signal(SIGSTOP);
        auto visit = beginVisit();
        if (!visit) {
            agent->signal(SIGCONT);
            return tl::unexpected(visit.error());
        }
        const auto ended = waitUntil("the laptop to give up", 40s, [&] { return !visit->running(); });
        agent->signal(SIGCONT);
        if (!ended) return ended;
        const auto over = visit->end();
        if (!over) return tl::unexpected(over.error());
        m_context.expect(over->value("paid", "x") == "0", "something was paid without the home agent");
        m_context.expect(!through(), "the visitor got through without paying");
        m_context.result()["paid_without_home_agent"] = over->value("paid", "");
        return {};
    }

    // The device is stolen in the middle of a visit, and its owner ends the pairing: the thief has what is paid ahead.
    Expected<void> stolen() {
        LAB_TRY(startLaptop());
        auto visit = beginVisit();
        if (!visit) return tl::unexpected(visit.error());
        LAB_TRY(waitUntil("the laptop to be online", 20s,
                          [&] { return visit->said("online").has_value() || !visit->running(); }));
        LAB_TRY(asVoid(atHome({"pair", "remove", "laptop"})));
        std::this_thread::sleep_for(500ms);
        const auto before = visit->said("paid");
        // As fast as it goes.
        auto thief = Tool::start(m_lab, "r", "udp-send",
                                 {"to=" + server().toString(), "port=" + std::to_string(serverPort + 2),
                                  "packets=400000", "rate=4000", "size=1000"});
        if (!thief) return tl::unexpected(thief.error());
        const auto cut = waitUntil("the thief to be cut off", 60s, [&] {
            // The rate that the laptop allows itself drops some as well.
            constexpr int tries = 5;
            for (int i = 0; i < tries; ++i) {
                if (through()) return false;
            }
            return true;
        });
        m_context.expect(cut.has_value(), "the thief is still online");
        (void)thief->stop();
        const auto over = visit->end();
        if (!over) return tl::unexpected(over.error());
        const Money paid = dollars(over->value("paid", ""));
        m_context.expect(before && paid == dollars((*before)["paid"].get<std::string>()),
                         "something was paid for the thief after the pairing had ended");
        m_context.expect(paid <= Money::fromEighths(dollars(budget).eighths() / 8 * 3),
                         "the thief had " + paid.toString());
        m_context.result()["thief_had"] = over->value("paid", "");
        m_context.say("a thief had what was paid ahead: " + paid.toString());
        return {};
    }

    ScenarioContext& m_context;
    Lab& m_lab;
    std::optional<Tool> m_sink;
    std::map<std::string, std::string> m_secrets;  // what names the laptop or its owner, in hexadecimal
    std::string m_visitor;                         // as F knows the first visit
};

}  // namespace

Scenario roamingScenario() {
    return {"roaming",
            "a laptop away from home: a foreign ISP that knows only money gets it from the home agent",
            "roaming",
            [](Topology& topology, const ScenarioOptions&) { topology.ipv6 = false; },
            [](ScenarioContext& context) { return Roaming(context).run(); },
            false,
            false};
}

}  // namespace netpas::lab
