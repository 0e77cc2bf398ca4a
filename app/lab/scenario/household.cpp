#include "app/lab/scenario/household.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "app/lab/command.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/process_tree.h"

namespace netpas::lab {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Wall = std::chrono::system_clock;

constexpr const char* server = "a";
constexpr const char* mbit = "3";
// A host's transfers send far more often than that: whoever is silent for so long has stopped.
constexpr milliseconds quiet{300};
// Two running purchases fit into the second host's budget, a third one does not; the third host's is less than one costs at most.
constexpr const char* cap = "0.0002";
constexpr const char* ample = "0.005";
constexpr const char* tight = "0.00058";
constexpr const char* tiny = "0.0001";

milliseconds since(Wall::time_point begin, Wall::time_point end) {
    return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(end - begin));
}

Json listIn(const Json& body, const char* name) { return body.value(name, Json::array()); }

}  // namespace

Json Household::Said::body() const {
    Json parsed = Json::parse(text, nullptr, false);
    return parsed.is_object() ? parsed : Json::object();
}
std::string Household::Said::code() const { return body().value("error", Json::object()).value("code", ""); }
std::string Household::Said::message() const { return body().value("error", Json::object()).value("message", ""); }

Household::Household(ScenarioContext& context, const HomePlan& home, uint16_t firstPort)
    : m_context(context),
      m_lab(context.lab()),
      m_home(home),
      m_sparePort(static_cast<uint16_t>(firstPort + 50)),
      m_result(std::make_unique<Json>(Json::object())) {
    constexpr const char* devices[] = {"alice", "bob", "carol"};
    constexpr const char* budgets[] = {ample, tight, tiny};
    for (size_t i = 0; i < std::size(devices); ++i) {
        Host host;
        host.node = home.members.at(i).node;
        host.device = devices[i];
        host.budget = budgets[i];
        host.pays = budgets[i] != tiny;
        for (const bool ipv6 : {false, true}) {
            const auto port = static_cast<uint16_t>(firstPort + i * 10 + (ipv6 ? 1 : 0));
            host.flows.push_back({ipv6, port, {}, {}});
        }
        m_hosts.push_back(std::move(host));
    }
}

std::string Household::configFolder(const Host& at, const std::string& owner) const {
    return m_lab.folder() + "/host/" + at.node + "/config-" + owner;
}

Expected<Household::Said> Household::cli(const Host& at, const std::string& owner,
                                         const std::vector<std::string>& arguments) {
    std::error_code error;
    std::filesystem::create_directories(configFolder(at, owner), error);
    std::vector<std::string> argv{"ip",
                                  "netns",
                                  "exec",
                                  m_lab.netns(at.node),
                                  "env",
                                  "NETPAS_CONFIG_DIR=" + configFolder(at, owner),
                                  programPath("netpas"),
                                  "--json"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const auto done = runCommand(argv);
    if (!done) return tl::unexpected(done.error());
    return Said{done->status, done->out + done->err};
}

Expected<Household::Said> Household::ask(const Host& host, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--agent", "home"});
    // On a busy machine the secretary may be taken for lost. Nothing was decided then, and a person would ask again.
    constexpr int patience = 10;
    for (int tries = 0;; ++tries) {
        auto said = cli(host, host.device, arguments);
        if (!said || said->status == 0 || said->code() != "NO_SECRETARY" || tries == patience) return said;
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
}

Expected<Json> Household::told(const Host& host, const std::vector<std::string>& arguments) {
    const auto said = ask(host, arguments);
    if (!said) return tl::unexpected(said.error());
    if (said->status != 0) {
        std::string text = host.device + ": netpas";
        for (const std::string& argument : arguments) text += " " + argument;
        return fail(LabErrc::Command, text + " failed: " + said->text);
    }
    return said->body();
}

Expected<Json> Household::atModem(const std::vector<std::string>& arguments) {
    return netpas(m_lab, m_home.modem, arguments);
}

Expected<void> Household::pairAll() {
    const std::string link = m_context.topology().accessLink(m_home.modem)->name;
    std::set<uint16_t> ports{m_sparePort, static_cast<uint16_t>(m_sparePort + 1)};
    for (const Host& host : m_hosts) {
        for (const Flow& flow : host.flows) ports.insert(flow.port);
    }
    auto watch = FlowWatch::start(m_lab, link, m_home.modem, std::move(ports));
    if (!watch) return tl::unexpected(watch.error());
    m_watch = std::move(*watch);

    const auto list = atModem({"pair", "list"});
    if (!list) return tl::unexpected(list.error());
    m_url = list->value("url", "");
    const auto request = [this](const Host& host, const std::string& owner) -> Expected<std::string> {
        const auto asked = cli(host, owner, {"pair", "request", m_url, "--name", owner, "--no-wait"});
        if (!asked) return tl::unexpected(asked.error());
        if (asked->status != 0) return fail(LabErrc::Command, owner + " cannot ask to be paired: " + asked->text);
        return asked->body().value("code", "");
    };
    for (const Host& host : m_hosts) {
        const auto code = request(host, host.device);
        if (!code) return tl::unexpected(code.error());
        LAB_TRY(atModem({"pair", "confirm", *code}));
        m_context.say("  " + m_home.modem + ": " + host.device + " is paired, code " + *code);
        ++m_paired;
    }
    const auto unconfirmed = request(m_hosts.back(), "eve");
    if (!unconfirmed) return tl::unexpected(unconfirmed.error());
    return {};
}

Expected<void> Household::setBudgets() {
    for (const Host& host : m_hosts) {
        LAB_TRY(atModem({"budget", "set", "node:" + host.device, host.budget, "--per", "day"}));
        LAB_TRY(atModem({"rules", "add", "--node", host.device, "--up-to", "always"}));
    }
    return {};
}

Expected<void> Household::startTransfers() {
    for (Host& host : m_hosts) {
        for (Flow& flow : host.flows) {
            const auto target = m_context.plan().address(server, flow.ipv6);
            if (!target) return fail(LabErrc::Topology, "this scenario needs both address families");
            const std::string where = "port=" + std::to_string(flow.port), seed = "seed=" + std::to_string(flow.port);
            auto sink = Tool::start(m_lab, server, "tcp-sink", {where, seed});
            if (!sink) return tl::unexpected(sink.error());
            auto sender = Tool::start(m_lab, host.node, "tcp-send",
                                      {"to=" + target->toString(), where, seed, std::string("mbit=") + mbit});
            if (!sender) return tl::unexpected(sender.error());
            flow.sink = std::move(*sink);
            flow.sender = std::move(*sender);
        }
    }
    return {};
}

std::vector<std::string> Household::order(bool ipv6, uint16_t port, const char* protocol) const {
    return {"buy",
            "--to",
            m_context.plan().address(server, ipv6)->toString(),
            "--to-port",
            std::to_string(port),
            "--proto",
            protocol,
            "--class",
            "gold",
            "--cap",
            cap};
}

Expected<std::string> Household::buy(Host& host, const std::vector<std::string>& what) {
    const auto bought = told(host, what);
    if (!bought) return tl::unexpected(bought.error());
    const std::string id = bought->value("id", "");
    LAB_TRY(waitUntil(host.device + "'s purchase to become active", seconds(15), [&] {
        const auto all = told(host, {"purchases"});
        if (!all) return false;
        const Json* const entry = findEntry(*all, "purchases", "id", id);
        return entry != nullptr && entry->value("state", "") == "active";
    }));
    ++host.bought;
    return id;
}

Expected<void> Household::expectOverBudget(Host& host) {
    const auto said = ask(host, order(false, static_cast<uint16_t>(m_sparePort + 2)));
    if (!said) return tl::unexpected(said.error());
    host.code = said->code();
    host.reason = said->message();
    if (m_context.expect(said->status != 0 && host.code == "QUOTA_EXCEEDED",
                         host.device + " was not refused for its budget: " + said->text)) {
        ++host.refused;
    }
    return {};
}

Expected<void> Household::waitUntilPaid(Wall::time_point from) {
    for (const Host& host : m_hosts) {
        for (const Flow& flow : host.flows) {
            LAB_TRY(waitUntil(host.device + "'s packets to be paid for, or not", seconds(20), [&] {
                const FlowTimes times = m_watch->times(flow.port);
                if (!host.pays) return times.lastUnpaid > from;
                return times.lastPaid > from && Wall::now() - times.lastUnpaid > quiet;
            }));
            if (host.pays) m_toPaid = std::max(m_toPaid, since(from, m_watch->times(flow.port).lastUnpaid));
        }
    }
    return {};
}

Expected<void> Household::waitUntilUnpaid(Wall::time_point from) {
    for (const Host& host : m_hosts) {
        for (const Flow& flow : host.flows) {
            LAB_TRY(waitUntil(host.device + "'s packets to go best effort", seconds(10), [&] {
                const FlowTimes times = m_watch->times(flow.port);
                return times.lastUnpaid > from && Wall::now() - times.lastPaid > quiet;
            }));
            m_toBestEffort = std::max(m_toBestEffort, since(from, m_watch->times(flow.port).lastPaid));
        }
    }
    return {};
}

Expected<void> Household::buyAll() {
    const auto from = Wall::now();
    for (Host& host : m_hosts) {
        for (const Flow& flow : host.flows) {
            if (!host.pays) continue;
            const auto id = buy(host, order(flow.ipv6, flow.port));
            if (!id) return tl::unexpected(id.error());
            host.purchases.push_back(*id);
        }
        if (host.budget != ample) LAB_TRY(expectOverBudget(host));
    }
    LAB_TRY(waitUntilPaid(from));
    m_context.say("  " + m_home.modem + ": alice and bob pay for what they send, carol is refused");
    return {};
}

Expected<void> Household::settled() {
    return waitUntil("every purchase at " + m_home.modem + " to be settled", seconds(30), [&] {
        const auto open = atModem({"purchases"});
        return open && listIn(*open, "purchases").empty();
    });
}

// The modem's kernel goes on, and so do the connections, best effort meanwhile.
Expected<void> Household::restart() {
    Process* const agent = m_lab.program(agentProgram(m_home.modem));
    const auto secretary = descendantWith(agent->pid(), "--role secretary");
    if (!secretary) return fail(LabErrc::Process, "there is no secretary beside the agent of " + m_home.modem);
    const auto killed = Wall::now();
    agent->signal(SIGKILL);
    ::kill(*secretary, SIGKILL);
    const auto ended = agent->wait(seconds(30));  // the kernel takes its device and its table down first
    if (!ended) return tl::unexpected(ended.error());
    m_lab.stopProgram(agentProgram(m_home.modem));
    LAB_TRY(waitUntilUnpaid(killed));
    m_context.expect(m_toBestEffort < seconds(1), "best effort took longer than a second");
    LAB_TRY(startAgent(m_lab, m_home.modem));
    LAB_TRY(waitUntil("the modem to speak to its ISP", seconds(20), [&] {
        const auto status = atModem({"status"});
        const Json isp = status ? status->value("isp", Json()) : Json();
        return isp.is_object() && isp.value("connected", false);
    }));
    LAB_TRY(settled());
    for (Host& host : m_hosts) host.purchases.clear();
    ++m_restarts;
    m_context.say("  " + m_home.modem + ": agent and secretary were killed and started again");
    return {};
}

Expected<void> Household::judgeTransfers(Host& host) {
    for (Flow& flow : host.flows) {
        const auto sent = flow.sender->stop(seconds(20));
        if (!sent) return tl::unexpected(sent.error());
        const auto received = flow.sink->finish(seconds(20));
        if (!received) return tl::unexpected(received.error());
        const bool intact = sent->value("checksum", "-") == received->value("checksum", "+") &&
                            received->value("wrong", uint64_t{1}) == 0 && sent->value("sent", uint64_t{0}) > 0 &&
                            sent->value("sent", uint64_t{0}) == received->value("received", uint64_t{1}) &&
                            !sent->value("reset", true) && !received->value("reset", true);
        ++m_connections;
        m_broken += intact ? 0 : 1;
        m_bytes += received->value("received", uint64_t{0});
        m_longestPause = std::max(m_longestPause, received->value("longest_pause_ms", uint64_t{0}));
        m_context.expect(intact, m_home.modem + ": " + host.device + (flow.ipv6 ? "'s IPv6" : "'s IPv4") +
                                     " connection broke: " + sent->dump() + " " + received->dump());
    }
    return {};
}

Expected<void> Household::finishTransfers() {
    for (Host& host : m_hosts) LAB_TRY(judgeTransfers(host));
    for (const Host& host : m_hosts) {
        for (const std::string& purchase : host.purchases) LAB_TRY(told(host, {"stop", purchase}));
    }
    return settled();
}

// Each host's money three times: what its packets carried on the modem's uplink, what the ledger has under its name, what its budget knows.
Expected<void> Household::judgeHosts() {
    const auto totals = atModem({"totals", "--by", "node"});
    if (!totals) return tl::unexpected(totals.error());
    const auto budgets = atModem({"budget", "show"});
    if (!budgets) return tl::unexpected(budgets.error());
    Json hosts = Json::array();
    for (const Host& host : m_hosts) {
        Money captured;
        uint64_t packets = 0;
        std::set<uint16_t> ports;
        for (const Flow& flow : host.flows) ports.insert(flow.port);
        if (&host == &m_hosts.front()) ports.insert({m_sparePort, static_cast<uint16_t>(m_sparePort + 1)});
        for (const uint16_t port : ports) {
            const FlowTimes times = m_watch->times(port);
            captured = Money::fromEighths(captured.eighths() + times.amount.eighths());
            packets += times.paid;
        }
        const Json* const total = findEntry(*totals, "totals", "name", host.device);
        const Json* const budget = findEntry(*budgets, "budgets", "subject", host.device);
        const auto spent = total != nullptr ? amountAt(*total, "amount") : Money::zero();
        const auto used = budget != nullptr ? amountAt(*budget, "spent") : std::nullopt;
        if (!spent || !used)
            return fail(LabErrc::Evidence, "no figures about " + host.device + ": " + totals->dump() + budgets->dump());
        m_context.expect(*spent == captured, m_home.modem + ": the ledger says that " + host.device + " spent " +
                                                 spent->toString() + ", its packets carried " + captured.toString());
        m_context.expect(*used == *spent, m_home.modem + ": " + host.device + "'s budget knows of " + used->toString() +
                                              ", the ledger of " + spent->toString());
        m_context.expect(*spent <= *Money::parse(host.budget), host.device + " spent more than its budget");
        m_context.expect(host.pays ? packets > 0 : packets == 0,
                         host.device + " paid for " + std::to_string(packets) + " packets");
        hosts.push_back(Json{{"host", host.node},
                             {"device", host.device},
                             {"budget", host.budget},
                             {"spent", spent->toString()},
                             {"paid_packets", packets},
                             {"bought", host.bought},
                             {"refused", host.refused},
                             {"refused_code", host.code},
                             {"refused_reason", host.reason}});
    }
    (*m_result)["hosts"] = hosts;
    return {};
}

Expected<void> Household::judge() {
    const auto seen = m_watch->stop();
    if (!seen) return tl::unexpected(seen.error());
    const auto bill = billOf(m_lab, m_home.modem);
    if (!bill) return tl::unexpected(bill.error());
    m_bill = *bill;
    Json& result = *m_result;
    result["modem"] = m_home.modem;
    result["translates"] = m_home.translates;
    result["paired"] = m_paired;
    LAB_TRY(judgeHosts());
    result["attempts"] = m_attempts;
    result["in_vain"] = m_refused;
    result["own_sent"] = m_ownSent;
    result["own_paid"] = m_ownPaid;
    result["spoofed_sent"] = m_spoofedSent;
    result["spoofed_paid"] = m_spoofedPaid;
    result["restarts"] = m_restarts;
    result["longest_to_best_effort_ms"] = m_toBestEffort.count();
    result["longest_to_paid_ms"] = m_toPaid.count();
    result["connections"] = m_connections;
    result["connections_broken"] = m_broken;
    result["longest_pause_ms"] = m_longestPause;
    result["bytes_received"] = m_bytes;
    result["paid_packets"] = seen->paid;
    result["best_effort_packets"] = seen->unpaid;
    result["amount_captured"] = seen->amount.toString();
    // The agent that was killed did not count its last packets; what is charged is what the ISP's statement and the captures agree on.
    const bool exact = bill->unsettled == 0 && bill->ledger == bill->counter && bill->counter == bill->invoice &&
                       bill->invoice == seen->amount && bill->counterPackets == bill->invoicePackets &&
                       bill->invoicePackets == seen->paid;
    reportBill(result, *bill);
    result["exact"] = exact;
    m_context.expect(exact, m_home.modem + ": ledger, counter, invoice and captured packets differ");
    uint64_t refused = 0;
    for (const auto& [kind, count] : m_refused) refused += count;
    m_context.expect(refused == m_attempts, m_home.modem + ": some attempt for another succeeded");
    return {};
}

}  // namespace netpas::lab
