// A million hostile packets and garbage on every port, while somebody pays. Nothing of it may be accepted, nobody may crash, the
// payer may not notice, and its bill must be exact.
//
// Judged by captures on all links where something accepted would have to pass, by sinks, by process identifiers, and by the
// books. That the forgeries lack nothing but their defect is shown first: the same forge's valid packets are accepted.
#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <thread>

#include <nlohmann/json.hpp>

#include "app/lab/evidence.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/reconcile.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/attack_thread.h"
#include "app/lab/tools/hostile_customer.h"
#include "app/lab/tools/marker_watch.h"
#include "app/lab/tools/payment_meter.h"
#include "app/lab/tools/port_noise.h"
#include "app/lab/tools/tool.h"
#include "core/flow.h"
#include "core/wire/shim.h"

namespace netpas::lab {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr double usualSeconds = 20;
constexpr double hostilePerSecond = 56'000;  // all attackers together
constexpr uint16_t udpPort = 5001;
constexpr uint16_t tcpPort = 5002;
constexpr uint16_t stoppedPort = 5003;
constexpr uint64_t udpPerSecond = 400;
constexpr double tcpMegabits = 12;
constexpr double margin = 4;  // seconds that the paid flows last longer than the attack
constexpr uint64_t firstSequence = 1 << 20;

class HostilePackets {
public:
    explicit HostilePackets(ScenarioContext& context)
        : m_context(context), m_lab(context.lab()), m_ipv6(context.options().ipv6()) {
        if (context.options().seconds > 0) m_seconds = context.options().seconds;
    }
    Expected<void> run();

private:
    Expected<void> makePlan();
    Expected<void> enrol();
    Expected<void> stoppedPurchase();
    Expected<void> watchLinks();
    Expected<void> proveForge();
    Expected<void> startPaidFlows();
    Expected<void> attack();
    Expected<void> endPaidFlows();
    Expected<void> compareBooks();
    void judge();
    Expected<std::unique_ptr<LinkCapture>> tap(Wiretap& into);
    Expected<AttackThread> attacker(const std::string& node, std::vector<Forge::Kind> kinds, double perSecond);
    std::map<std::string, int> processes();
    uint64_t accepted() const;

    ScenarioContext& m_context;
    Lab& m_lab;
    bool m_ipv6;
    double m_seconds = usualSeconds;
    AttackPlan m_plan;
    Wiretap m_live;
    Wiretap m_stopped;
    std::map<std::string, std::unique_ptr<MarkerWatch>> m_watches;
    std::vector<std::string> m_linksBetween;  // ISPs, in path order
    std::map<std::string, int> m_processes;
    std::unique_ptr<LinkCapture> m_tap;
    std::unique_ptr<PaymentMeter> m_meter;
    std::vector<std::string> m_purchases;
    std::optional<Tool> m_udpSink, m_udpSender, m_tcpSink, m_tcpSender;
    Json m_udpSent, m_udpReceived, m_tcpSent, m_tcpReceived;
    uint64_t m_controls = 0;  // valid packets of the attacker's own, at the first ISP
    uint64_t m_controlsSeen = 0;
    uint64_t m_sent = 0;
    uint64_t m_captureLost = 0;
    PaymentCount m_paid;
    bool m_booksExact = false;
};

std::map<std::string, int> HostilePackets::processes() {
    std::map<std::string, int> pids;
    for (const std::string& name : m_lab.programNames())
        pids[name] = m_lab.program(name)->running() ? m_lab.program(name)->pid() : -1;
    return pids;
}

IpAddress ofFamily(const std::vector<IpAddress>& addresses, bool ipv6) {
    for (const IpAddress& address : addresses) {
        if (address.isV6() == ipv6) return address;
    }
    return {};
}

IpAddress ofFamily(const std::vector<AddressWithLength>& addresses, bool ipv6) {
    for (const AddressWithLength& address : addresses) {
        if (address.address.isV6() == ipv6) return address.address;
    }
    return {};
}

Expected<void> HostilePackets::makePlan() {
    const Topology& topology = m_context.topology();
    const NetworkPlan& plan = m_context.plan();
    const IspPath path = plan.ispPath(topology, topology.attachment("b"), topology.attachment("a"));
    if (path.size() != 3) return fail(LabErrc::Topology, "the attack is made for a path of three ISPs");
    for (size_t i = 0; i < path.size(); ++i) {
        const IspSpec& isp = *topology.isp(path[i]);
        const auto price = PriceCode::roundUp(isp.classes.front().price.perPacket);
        if (!price) return fail(LabErrc::Topology, isp.name + " asks for too much");
        m_plan.path.push_back({IspId(isp.id), ServiceClass(isp.classes.front().id), *price, ExitPoint(0)});
        m_plan.edges.push_back(ofFamily(plan.routerAddress.at(isp.routers.front()), m_ipv6));
        m_plan.edgesBetween.push_back(ofFamily(plan.routerAddress.at(isp.routers.front()), false));
        m_plan.servers.push_back(ofFamily(plan.ispAddress.at(isp.name), m_ipv6));
        for (const auto& ends : plan.links) {
            if (i == 0) break;
            const std::string before = topology.isp(path[i - 1])->routers.front();
            if (ends[0].node == before && ends[1].node == isp.routers.front()) {
                m_linksBetween.push_back(topology.links[ends[0].link].name);
                m_plan.betweenIsps.emplace_back(ofFamily(ends[0].addresses, false), ofFamily(ends[1].addresses, false));
            }
        }
    }
    if (m_plan.betweenIsps.size() != 2) return fail(LabErrc::Topology, "links between the ISPs are missing");
    m_plan.blacklisted = IspId(666);
    m_plan.stranger = IspId(777);
    m_plan.forbidden = IspId(888);
    m_plan.firstSequence = firstSequence;
    m_plan.attacker = m_context.address("e");
    m_plan.victim = m_context.address("b");
    m_plan.target = m_context.address("a");
    m_plan.outside = *IpAddress::parse(m_ipv6 ? "2001:db8:ffff::9" : "198.18.77.77");
    return {};
}

// The hostile customer is a real customer: it has keys, and spends nothing but what its valid packets cost.
Expected<void> HostilePackets::enrol() {
    const auto make = [&](uint32_t id, const char* cap, const char* perSecond, seconds lifetime) {
        SessionKey key;
        key.id = SessionKeyId(id);
        for (uint8_t& byte : key.secret) byte = static_cast<uint8_t>(systemRandom().below(256));
        key.cap = *Money::parse(cap);
        key.capPerSecond = *Money::parse(perSecond);
        for (const HopBlock& hop : m_plan.path) key.allowed.push_back(hop.isp);
        for (const IspId isp : {m_plan.blacklisted, m_plan.stranger}) key.allowed.push_back(isp);
        key.expires = systemClock().now() + lifetime;
        return key;
    };
    m_plan.valid = make(9001, "1", "1", seconds(3600));
    m_plan.expired = make(9002, "1", "1", seconds(2));
    m_plan.revoked = make(9003, "1", "1", seconds(3600));
    m_plan.poor = make(9004, "0.000000014", "1", seconds(3600));  // one nanodollar less than a packet costs
    m_plan.slow = make(9005, "1", "0.000000001", seconds(3600));  // the router grants a little more than is said
    m_context.say(
        "Host e enrols as a customer of the first ISP and gets keys of its own: good, soon expired, revoked, poor and "
        "slow ones.");
    return enrolKeys(m_lab, "e",
                     {{m_plan.valid, false},
                      {m_plan.expired, false},
                      {m_plan.revoked, true},
                      {m_plan.poor, false},
                      {m_plan.slow, false}});
}

// Records every genuine datagram that host b sends to its edge router.
Expected<std::unique_ptr<LinkCapture>> HostilePackets::tap(Wiretap& into) {
    const auto interface = interfaceAt(m_lab, m_context.topology().accessLink("b")->name, "b");
    if (!interface) return fail(LabErrc::Topology, "host b has no access link");
    return LinkCapture::start(m_lab.netns("b"), *interface, CaptureFilter::NetpasData,
                              [&into](const CapturedPacket& packet) {
                                  if (packet.direction != PacketDirection::Outgoing || isHostileFrame(packet.frame))
                                      return;
                                  const auto plain = readPlainPacket(packet.frame);
                                  if (plain && plain->destinationPort == dataPort && !plain->payload.empty())
                                      into.record(plain->payload);
                              });
}

Purchase wishFor(const IpAddress& to, const std::string& protocol, uint16_t port) {
    Purchase wish;
    wish.to = to.toString();
    wish.protocol = protocol;
    wish.toPort = port;
    wish.serviceClass = "gold";
    return wish;
}

// A purchase whose packets a wiretapper keeps: after it is stopped its key is worth nothing.
Expected<void> HostilePackets::stoppedPurchase() {
    auto wire = tap(m_stopped);
    if (!wire) return tl::unexpected(wire.error());
    const auto id = buy(m_lab, "b", wishFor(m_plan.target, "udp", stoppedPort));
    if (!id) return tl::unexpected(id.error());
    const std::string to = "to=" + m_plan.target.toString();
    const std::string port = "port=" + std::to_string(stoppedPort);
    auto sink = Tool::start(m_lab, "a", "udp-sink", {port, "packets=500", "idle_ms=4000"});
    if (!sink) return tl::unexpected(sink.error());
    auto sender = Tool::start(m_lab, "b", "udp-send", {to, port, "packets=500", "rate=1000", "size=200"});
    if (!sender) return tl::unexpected(sender.error());
    const auto sent = sender->finish(seconds(15));
    if (!sent) return tl::unexpected(sent.error());
    const auto received = sink->finish(seconds(15));
    if (!received) return tl::unexpected(received.error());
    const auto stopped = stopPurchase(m_lab, "b", *id);
    if (!stopped) return tl::unexpected(stopped.error());
    (*wire)->stop();
    m_context.expect(m_stopped.size() == 500,
                     "the wiretap saw " + std::to_string(m_stopped.size()) + " of 500 paid packets");
    return {};
}

// Wherever something accepted would have to pass: behind the last edge, and between the ISPs.
Expected<void> HostilePackets::watchLinks() {
    for (const LinkSpec& link : m_context.topology().links) {
        for (const std::string& node : link.between) {
            const bool host = m_context.topology().host(node) != nullptr;
            const bool betweenIsps = link.exits[0] != 0 && node == link.between[1];
            if (!betweenIsps && (!host || node == "b" || node == "e")) continue;
            auto watch = MarkerWatch::start(m_lab, link.name, node);
            if (!watch) return tl::unexpected(watch.error());
            m_watches[link.name] = std::move(*watch);
        }
    }
    auto meter = PaymentMeter::start(m_lab, m_context.topology().accessLink("b")->name, "b",
                                     [](std::span<const uint8_t> frame) { return !isHostileFrame(frame); });
    if (!meter) return tl::unexpected(meter.error());
    m_meter = std::move(*meter);
    return {};
}

uint64_t HostilePackets::accepted() const {
    uint64_t most = 0;
    for (const auto& [link, watch] : m_watches) most = std::max(most, watch->forged());
    // Also what lost its marker: an edge router must not have sent on more datagrams than were genuine before it.
    uint64_t genuine = m_paid.packets + m_controls;
    for (const std::string& link : m_linksBetween) {
        const uint64_t relayed = m_watches.at(link)->relayed();
        most = std::max(most, relayed - std::min(relayed, genuine));
        ++genuine;  // behind each link its neighbour proved its forge with one valid packet
    }
    return most;
}

// Without a defect the forge's packets arrive: at the first ISP with the attacker's own key, at the others from the neighbour.
Expected<void> HostilePackets::proveForge() {
    Forge forge(m_plan, m_live, m_stopped, 1);
    const std::string target = m_context.topology().accessLink("a")->name;
    const auto arrives = [&](const std::string& what, const std::string& node, bool ipv6,
                             const Datagram& datagram) -> Expected<void> {
        auto sender = RawSender::open(m_lab.netns(node), ipv6);
        if (!sender) return tl::unexpected(sender.error());
        const uint64_t before = m_watches[target]->valid();
        if (!(*sender)->add(datagram)) return fail(LabErrc::Evidence, "a valid packet " + what + " mixes families");
        (*sender)->flush();
        const auto seen =
            waitUntil("a valid packet " + what, seconds(5), [&] { return m_watches[target]->valid() > before; });
        m_context.expect(seen.has_value(), "a valid packet " + what + " did not arrive: the forgeries prove nothing");
        return {};
    };
    const Datagram own = forge.control();
    m_plan.firstSequence += 1;
    LAB_TRY(arrives("of the attacker's own", "e", m_ipv6, own));
    m_controls = 1;
    const IspPath path = m_context.plan().ispPath(m_context.topology(), m_context.topology().attachment("b"),
                                                  m_context.topology().attachment("a"));
    for (size_t at = 1; at < path.size(); ++at) {
        LAB_TRY(arrives("of the neighbour of " + path[at], m_context.topology().isp(path[at - 1])->routers.front(),
                        false, forge.controlBetween(at)));
    }
    m_controlsSeen = m_watches[target]->valid();
    m_context.say("Its forge works: valid packets of the attackers arrive. From here on each has a defect.");
    return {};
}

Expected<void> HostilePackets::startPaidFlows() {
    auto wire = tap(m_live);
    if (!wire) return tl::unexpected(wire.error());
    m_tap = std::move(*wire);
    for (const auto& [protocol, port] : {std::pair<std::string, uint16_t>{"udp", udpPort}, {"tcp", tcpPort}}) {
        const auto id = buy(m_lab, "b", wishFor(m_plan.target, protocol, port));
        if (!id) return tl::unexpected(id.error());
        m_purchases.push_back(*id);
    }
    const std::string to = "to=" + m_plan.target.toString();
    const double length = m_seconds + margin;
    const std::string packets =
        "packets=" + std::to_string(static_cast<uint64_t>(static_cast<double>(udpPerSecond) * length));
    const auto start = [&](std::optional<Tool>& into, const std::string& node, const std::string& tool,
                           std::vector<std::string> arguments) -> Expected<void> {
        auto started = Tool::start(m_lab, node, tool, std::move(arguments));
        if (!started) return tl::unexpected(started.error());
        into.emplace(std::move(*started));
        return {};
    };
    const std::string udp = "port=" + std::to_string(udpPort);
    const std::string tcp = "port=" + std::to_string(tcpPort);
    LAB_TRY(start(m_udpSink, "a", "udp-sink", {udp, packets, "idle_ms=6000"}));
    LAB_TRY(start(m_tcpSink, "a", "tcp-sink", {tcp}));
    LAB_TRY(
        start(m_udpSender, "b", "udp-send", {to, udp, packets, "rate=" + std::to_string(udpPerSecond), "size=600"}));
    LAB_TRY(start(m_tcpSender, "b", "tcp-send",
                  {to, tcp, "seconds=" + std::to_string(length), "mbit=" + std::to_string(tcpMegabits)}));
    m_context.say("B pays for a UDP flow and a TCP transfer to A.");
    // Only time makes a key expire.
    std::this_thread::sleep_for(m_plan.expired.expires + milliseconds(100) - systemClock().now());
    return waitUntil("paid packets on the wire", seconds(10), [&] { return m_live.size() > 100; });
}

Expected<AttackThread> HostilePackets::attacker(const std::string& node, std::vector<Forge::Kind> kinds,
                                                double perSecond) {
    AttackThread::Senders senders;
    for (const bool ipv6 : {false, true}) {
        auto sender = RawSender::open(m_lab.netns(node), ipv6);
        if (!sender) return tl::unexpected(sender.error());
        senders[ipv6 ? 1 : 0] = std::move(*sender);
    }
    uint64_t seed = m_context.options().seed;
    for (const char c : node) seed = seed * 131 + static_cast<uint8_t>(c);
    return AttackThread(std::move(senders), Forge(m_plan, m_live, m_stopped, seed), std::move(kinds), perSecond);
}

Expected<void> HostilePackets::attack() {
    m_processes = processes();
    // The line of the victim itself carries what a stolen or borrowed address would send.
    std::vector<Forge::Kind> fromVictimsLine;
    for (const Forge::Kind& kind : Forge::customerKinds()) {
        if (kind.name.starts_with("forged") || kind.name == "unknown_source" || kind.name == "random_bytes" ||
            kind.name == "key_unknown") {
            fromVictimsLine.push_back({"from_victims_line_" + kind.name, kind.make});
        }
    }
    std::vector<AttackThread> attackers;
    const auto add = [&](const std::string& node, const std::vector<Forge::Kind>& kinds,
                         double share) -> Expected<void> {
        auto made = attacker(node, kinds, hostilePerSecond * share);
        if (!made) return tl::unexpected(made.error());
        attackers.push_back(std::move(*made));
        return {};
    };
    LAB_TRY(add("e", Forge::customerKinds(), 0.70));
    LAB_TRY(add("b", fromVictimsLine, 0.05));
    LAB_TRY(add("f", Forge::pretenderKinds(1), 0.07));
    LAB_TRY(add("g", Forge::pretenderKinds(2), 0.07));
    LAB_TRY(add(m_context.topology().attachment("f"), Forge::neighbourKinds(2), 0.055));
    LAB_TRY(add(m_context.topology().attachment("e"), Forge::neighbourKinds(1), 0.055));

    NoiseTargets noise;
    noise.netns = m_lab.netns("e");
    noise.seed = m_context.options().seed;
    for (const IpAddress& server : m_plan.servers) {
        for (const uint16_t port : {accountingPort, directoryPort}) noise.tcp.push_back({server, port});
    }
    noise.sockets.push_back(agentSocket(m_lab.name(), "b"));
    for (const IspSpec& isp : m_context.topology().isps) {
        noise.sockets.push_back(accountingSocket(m_lab.name(), isp.name));
        noise.sockets.push_back(edgeSocket(m_lab.name(), m_context.topology(), isp.routers.front()));
    }
    auto ports = PortNoise::start(noise);
    m_context.say("Six attackers begin: " + std::to_string(static_cast<uint64_t>(hostilePerSecond)) +
                  " packets a second, and garbage on every port.");
    const auto begin = Clock::now();
    for (AttackThread& one : attackers) one.start(m_seconds);
    for (AttackThread& one : attackers) one.join();
    const double length = duration<double>(Clock::now() - begin).count();

    // At the end every genuine datagram that was ever recorded comes once more, in order.
    auto sender = RawSender::open(m_lab.netns("e"), m_ipv6);
    if (!sender) return tl::unexpected(sender.error());
    Forge forge(m_plan, m_live, m_stopped, m_context.options().seed);
    for (uint64_t i = 0, all = m_live.size(); i < all; ++i) {
        (void)(*sender)->add(forge.replay(i));
        constexpr uint64_t pause = 512;
        if (i % pause == pause - 1) std::this_thread::sleep_for(milliseconds(5));
    }
    (*sender)->flush();

    std::map<std::string, uint64_t> byKind;
    uint64_t refused = (*sender)->refused();
    m_sent = (*sender)->sent();
    byKind["replay_of_everything_in_order"] = m_sent;
    for (const AttackThread& one : attackers) {
        one.addTo(byKind);
        m_sent += one.sent();
        refused += one.refused();
    }
    Json& result = m_context.result();
    result["family"] = m_context.options().family;
    result["sent"] = m_sent;
    result["not_sent"] = refused;
    result["attack_seconds"] = length;
    result["garbage_connections"] = ports->connections();
    m_context.expect(ports->granted() == 0, "garbage on a port was answered with success");
    m_context.expect(ports->connections() > 100, "hardly any garbage reached the ports");
    result["by_kind"] = byKind;
    return {};
}

Expected<void> HostilePackets::endPaidFlows() {
    const auto finish = [](std::optional<Tool>& tool, Json& into) -> Expected<void> {
        auto result = tool->finish(seconds(60));
        if (!result) return tl::unexpected(result.error());
        into = std::move(*result);
        return {};
    };
    LAB_TRY(finish(m_udpSender, m_udpSent));
    LAB_TRY(finish(m_tcpSender, m_tcpSent));
    LAB_TRY(finish(m_udpSink, m_udpReceived));
    LAB_TRY(finish(m_tcpSink, m_tcpReceived));
    for (const std::string& id : m_purchases) {
        const auto settled = stopPurchase(m_lab, "b", id);
        if (!settled) return tl::unexpected(settled.error());
    }
    m_captureLost = m_tap->stop().lost;
    return {};
}

// Everybody pays for what it really sent: B for its flows, E for its valid packets and for none of its forgeries.
Expected<void> HostilePackets::compareBooks() {
    const auto paid = m_meter->stop();
    if (!paid) return tl::unexpected(paid.error());
    m_paid = *paid;
    const auto bill = billOf(m_lab, "b");
    if (!bill) return tl::unexpected(bill.error());
    const IspSpec& first = *m_context.topology().ispOfHost("b");
    const auto books = ispBooks(m_lab, first.name);
    if (!books) return tl::unexpected(books.error());
    const Json attackerEntry = entryOf((*books)["customers"], "name", "e");
    Money price = Money::zero();
    for (const HopBlock& hop : m_plan.path) price = Money::fromEighths(price.eighths() + hop.price.value().eighths());
    const Money owed = Money::fromEighths(price.eighths() * static_cast<int64_t>(m_controls));
    const Money attackerBill = attackerEntry.is_null() ? Money::zero() : moneyOf(attackerEntry, "amount");
    // The purchase of before the watch: its packets are in the bill, and were captured by the first wiretap.
    const Money captured =
        Money::fromEighths(m_paid.amount.eighths() + price.eighths() * static_cast<int64_t>(m_stopped.size()));

    Json& result = m_context.result();
    reportBill(result, *bill);
    result["captured_amount"] = captured.toString();
    result["attacker_owes"] = attackerBill.toString();
    result["attacker_bought"] = owed.toString();
    m_booksExact = bill->exact() && bill->ledger == captured && attackerBill == owed;
    result["books_exact"] = m_booksExact;
    m_context.expect(m_booksExact, "the books differ from what really was sent: " + bill->ledger.toString() +
                                       " charged, " + captured.toString() + " captured, the attacker owes " +
                                       attackerBill.toString() + " instead of " + owed.toString());
    result["verdicts"] = Json::object();
    for (const IspSpec& isp : m_context.topology().isps) {
        const auto counters = edgeCounters(m_lab, isp.routers.front());
        if (!counters) return tl::unexpected(counters.error());
        Json verdicts = Json::object();
        for (const auto& [name, count] : (*counters)["verdicts"].items()) {
            if (count != 0) verdicts[name] = count;
        }
        result["verdicts"][isp.routers.front()] = std::move(verdicts);
    }
    return {};
}

void HostilePackets::judge() {
    uint64_t valid = 0;
    for (auto& [link, watch] : m_watches) {
        m_captureLost += watch->stop().lost;
        valid = std::max(valid, watch->valid());
    }
    const std::map<std::string, int> now = processes();
    const auto crashes =
        static_cast<uint64_t>(std::count_if(m_processes.begin(), m_processes.end(), [&](const auto& entry) {
            const auto after = now.find(entry.first);
            return entry.second <= 0 || after == now.end() || after->second != entry.second;
        }));
    const auto number = [](const Json& json, const char* name, uint64_t otherwise) {
        return json.value(name, otherwise);
    };
    const uint64_t udpSent = number(m_udpSent, "sent", 0);
    const uint64_t udpGot = number(m_udpReceived, "distinct", 0);
    const uint64_t intruders = number(m_udpReceived, "duplicates", 1) + number(m_udpReceived, "corrupt", 1) +
                               number(m_udpReceived, "foreign", 1);
    const bool tcpEqual =
        m_tcpSent.value("checksum", "") == m_tcpReceived.value("checksum", "-") && !m_tcpSent.value("reset", true) &&
        number(m_tcpSent, "sent", 0) == number(m_tcpReceived, "received", 1) && number(m_tcpReceived, "wrong", 1) == 0;
    Json& result = m_context.result();
    result["accepted"] = accepted() + intruders;
    result["crashes"] = crashes;
    result["paid_tcp_checksum_equal"] = tcpEqual;
    result["paid_tcp_bytes"] = number(m_tcpReceived, "received", 0);
    result["paid_udp_sent"] = udpSent;
    result["paid_udp_lost"] = udpSent - std::min(udpSent, udpGot);
    result["paid_packets"] = m_paid.packets;
    result["captures_lost"] = m_captureLost;

    m_context.expect(static_cast<double>(m_sent) >= 50'000 * m_seconds, "too few hostile packets were sent");
    m_context.expect(accepted() == 0, "forged packets were forwarded or delivered");
    m_context.expect(intruders == 0,
                     "the paid UDP flow got packets that were not its own or came twice: " + m_udpReceived.dump());
    m_context.expect(valid == m_controlsSeen, "a valid packet of the attackers was taken twice");
    m_context.expect(crashes == 0, "programs ended or were restarted");
    m_context.expect(tcpEqual, "the paid TCP transfer was harmed: " + m_tcpSent.dump() + m_tcpReceived.dump());
    m_context.expect(udpSent > 0 && udpGot == udpSent, "paid UDP packets were lost: " + m_udpReceived.dump());
    m_context.expect(m_captureLost == 0, "captures lost packets, so they are no evidence");
}

Expected<void> HostilePackets::run() {
    LAB_TRY(makePlan());
    LAB_TRY(enrol());
    LAB_TRY(stoppedPurchase());
    LAB_TRY(watchLinks());
    LAB_TRY(proveForge());
    LAB_TRY(startPaidFlows());
    LAB_TRY(attack());
    LAB_TRY(endPaidFlows());
    LAB_TRY(compareBooks());
    judge();
    const Json& result = m_context.result();
    m_context.say(std::to_string(m_sent) + " hostile packets, " + result["accepted"].dump() + " accepted, " +
                  result["crashes"].dump() + " crashes; B paid $" + result["ledger"].get<std::string>() + " for " +
                  std::to_string(m_paid.packets) + " packets.");
    return {};
}

}  // namespace

Scenario hostilePacketsScenario() {
    Scenario scenario;
    scenario.name = "hostile-packets";
    scenario.description =
        "a million malformed, forged and replayed packets and garbage on every port beside paid flows";
    scenario.topology = "hostile";
    scenario.run = [](ScenarioContext& context) { return HostilePackets(context).run(); };
    return scenario;
}

}  // namespace netpas::lab
