// Flows of hosts behind this machine, with real kernels: a modem with and without address translation, two hosts at its home network, and the
// internet of agent_lab.h.
#include <QTest>

#include <memory>

#include "tests/tun/agent_lab.h"
#include "tun/agent/agent_plane.h"
#include "tun/agent/bypass.h"
#include "tun/capture/linux_capture.h"
#include "tun/capture/linux_conntrack.h"
#include "tun/capture/route_socket.h"

using namespace agentlab;

namespace {

constexpr const char* lockDirectory = "/tmp/netpas-test-forwarding-lock";
constexpr LinkAddress aliceLink{2, 0, 0, 0, 0, 0xa};
constexpr LinkAddress bobLink{2, 0, 0, 0, 0, 0xb};

Money nano(int64_t nanodollars) { return Money::fromEighths(nanodollars * 8); }

struct Purchase {
    uint64_t id = 0;
    std::string match;
    std::optional<LinkAddress> sender;
    std::shared_ptr<SpendGate> gate = std::make_shared<SpendGate>(*Money::parse("1000"));
};

// The agent of a modem.
struct ModemAgent {
    std::unique_ptr<TunDevice> device;
    std::unique_ptr<Bypass> bypass;
    std::unique_ptr<Translation> translation;
    LinuxUdpFactory sockets;
    std::unique_ptr<AgentPlane> plane;
    std::unique_ptr<Capture> capture;

    // Empty, or what did not work.
    std::string start() {
        auto tun = openLinuxTun({"netpas0", 1, true, true, 1500, true});
        if (!tun) return std::string(describe(tun.error()));
        device = std::move(*tun);
        auto diverter = openLinuxCapture({.lockDirectory = lockDirectory});
        if (!diverter) return diverter.error().diagnosis;
        capture = std::move(*diverter);
        auto around = openLinuxBypass(bypassMark, translatedBypassMark);
        if (!around) return std::string(describe(around.error()));
        bypass = std::move(*around);
        auto connections = openLinuxConntrack();
        if (!connections) return strerror(connections.error());
        translation = std::move(*connections);
        AgentPlaneOptions options;
        options.mark = bypassMark;
        options.translation = translation.get();
        plane = std::make_unique<AgentPlane>(*device, sockets, *bypass, systemClock(), options);
        return plane->start() ? "" : "no threads";
    }
    // Empty, or what did not work.
    std::string divert(const std::vector<Purchase>& purchases, bool v6) {
        AgentSnapshot snapshot;
        std::vector<CapturedFlow> captured;
        for (const Purchase& purchase : purchases) {
            AgentFlow flow;
            flow.purchase = PurchaseId(purchase.id);
            flow.match = *FlowMatch::parse(purchase.match);
            flow.path = {{IspId(26), ServiceClass(1), ExitPoint(0), {{nano(3), {}, 0}, {}}},
                         {IspId(25), ServiceClass(1), ExitPoint(0), {{nano(12), {}, 0}, {}}}};
            flow.key = SessionKeyId(static_cast<uint32_t>(purchase.id));
            flow.secret = Row::key();
            flow.edge = Row::edgeEndpoint(v6);
            flow.gate = purchase.gate;
            flow.forwarded = true;
            captured.push_back({flow.match, CaptureAction::Divert, CapturePoint::Forwarded, purchase.sender});
            snapshot.flows.push_back(std::move(flow));
        }
        if (!plane->publish(snapshot)) return "not published";
        return capture->set(captured) ? "" : capture->diagnosis();
    }
    bool undivert() {
        if (!capture->set({}) || !plane->drain(PurchaseId(0), std::chrono::seconds(10))) return false;
        return plane->publish({}).has_value();
    }
};

// How the modem passes packets on.
struct Mode {
    const char* name;
    bool v6;
    const char* home;   // the hosts' network: alice is 2, bob 3
    const char* rules;  // nftables commands
};
constexpr const char* masquerade =
    "nft add table inet nat; nft add chain inet nat out '{ type nat hook postrouting priority srcnat; }';"
    "nft add rule inet nat out oifname up0 masquerade";
constexpr const char* otherPorts =
    "nft add table ip nat; nft add chain ip nat out '{ type nat hook postrouting priority srcnat; }';"
    "nft add rule ip nat out oifname up0 meta l4proto tcp snat to 192.0.2.1:40000-40999;"
    "nft add rule ip nat out oifname up0 meta l4proto udp snat to 192.0.2.1:40000-40999";
// As modems have it: what does not belong to a connection that began inside stays out.
constexpr const char* firewall =
    "nft add table inet fw; nft add chain inet fw through '{ type filter hook forward priority filter; policy drop; }';"
    "nft add rule inet fw through ct state established,related accept;"
    "nft add rule inet fw through iifname lan0 oifname up0 accept";
constexpr Mode modes[] = {
    {"ipv4 masquerade", false, "10.0.0.", masquerade}, {"ipv4 translated to other ports", false, "10.0.0.", otherPorts},
    {"ipv4 routed", false, "203.0.113.", "true"},      {"ipv6 routed", true, "2001:db8:8::", "true"},
    {"ipv6 masquerade", true, "fd00::", masquerade},
};

std::string connections(const std::string& host) {
    return netlab::output("grep ESTABLISHED /proc/net/nf_conntrack | grep -o 'src=.*' | grep 'src=" + host +
                          " ' | sed 's/ use=.*//'");
}

std::string unshorten(const std::string& address) {  // as /proc/net/nf_conntrack writes it
    if (address.find(':') == std::string::npos) return address;
    std::string text;
    const auto parsed = IpAddress::parse(address);
    for (size_t i = 0; parsed && i < 16; ++i) {
        char byte[4];
        std::snprintf(byte, sizeof byte, "%02x", parsed->bytes()[i]);
        if (i > 0 && i % 2 == 0) text += ':';
        text += byte;
    }
    return text;
}

}  // namespace

class TestLinuxForwarding : public QObject {
    Q_OBJECT

private:
    std::unique_ptr<Row> m_row;
    std::unique_ptr<netlab::Namespace> m_alice, m_bob;

    static void families() {
        QTest::addColumn<int>("mode");
        for (size_t i = 0; i < std::size(modes); ++i) QTest::newRow(modes[i].name) << static_cast<int>(i);
    }
    [[nodiscard]] static bool translate(const Mode& mode) {
        (void)netlab::run("nft flush ruleset");
        return netlab::run(std::string(mode.rules) + ";" + firewall);
    }
    static std::string target(bool v6) { return v6 ? "[2001:db8:3::2]:8080" : "198.51.100.2:8080"; }
    static std::string matchFrom(const Mode& mode, const char* host, const char* protocol) {
        const std::string address = mode.home + std::string(host);
        return std::string(protocol) + " " + (mode.v6 ? "[" + address + "]" : address) + ":* -> " + target(mode.v6);
    }
    bool attach(const netlab::Namespace& host, const char* port, const LinkAddress& link, const char* number) {
        char mac[18];
        std::snprintf(mac, sizeof mac, "02:00:00:00:00:%02x", link[5]);
        return netlab::run(std::string("ip link add ") + port + " type veth peer name eth0 netns " + host.process() +
                           " && ip link set " + port + " master lan0 up") &&
               host.exec(std::string("ip link set eth0 address ") + mac +
                         " up; for n in 10.0.0. 203.0.113.; do ip addr add ${n}" + number +
                         "/24 dev eth0; done; ip addr add 2001:db8:8::" + number +
                         "/64 dev eth0 nodad; ip addr add fd00::" + number + "/64 dev eth0 nodad;");
    }
    [[nodiscard]] bool setUp(const Mode& mode) const {
        const std::string gateway = mode.home + std::string("1"), dashed = mode.v6 ? "-6 " : "";
        bool good = translate(mode);
        for (const auto& [host, number] : {std::pair{m_alice.get(), "2"}, {m_bob.get(), "3"}}) {
            good = good &&
                   host->exec("ip " + dashed + "route replace default via " + gateway + " src " + mode.home + number);
        }
        return good;
    }

private slots:
    void initTestCase() {
        const std::string obstacle = netlab::obstacle();
        if (!obstacle.empty()) QSKIP(obstacle.c_str());
        auto row = std::make_unique<Row>();
        const std::string failure = row->build();
        QVERIFY2(failure.empty(), failure.c_str());
        m_alice = std::make_unique<netlab::Namespace>();
        m_bob = std::make_unique<netlab::Namespace>();
        QVERIFY(m_alice->valid() && m_bob->valid());
        QVERIFY(netlab::run(
            "ip link add lan0 type bridge && ip link set lan0 up && sysctl -qw net.ipv4.ip_forward=1 "
            "net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=1 && ip addr add 10.0.0.1/24 dev lan0 && ip "
            "addr add "
            "203.0.113.1/24 dev lan0 && ip addr add 2001:db8:8::1/64 dev lan0 nodad && ip addr add fd00::1/64 dev lan0 "
            "nodad"
            // Forwarding switched off what the router's advertisements had taught; the routes of the row are static.
            " && ip -6 route replace default via 2001:db8:1::fe"));
        QVERIFY(attach(*m_alice, "pa", aliceLink, "2") && attach(*m_bob, "pb", bobLink, "3"));
        QVERIFY(row->routeBack("203.0.113.0/24") && row->routeBack("2001:db8:8::/64"));
        m_row = std::move(row);
    }
    void init() {
        if (!m_row) QSKIP("no namespaces");
        QVERIFY(m_row->setMiddleMtu(1500));
        m_row->counts->packets = 0;
        m_row->counts->eighths = 0;
    }

    void aConnectionIsUpgradedAndDroppedBackInMidStream_data() { families(); }
    void aConnectionIsUpgradedAndDroppedBackInMidStream() {
        QFETCH(int, mode);
        const Mode& how = modes[mode];
        QVERIFY(setUp(how));
        ModemAgent agent;
        const std::string failure = agent.start();
        QVERIFY2(failure.empty(), failure.c_str());
        Transfer transfer(Row::server(how.v6), m_alice.get());
        QVERIFY(transfer.flows(5'000'000));
        const std::string alice = unshorten(how.home + std::string("2"));
        const std::string before = connections(alice);
        QVERIFY(!before.empty());
        QCOMPARE(m_row->counts->packets.load(), uint64_t{0});
        for (uint64_t id = 1; id <= 3; ++id) {
            const Purchase bought{id, matchFrom(how, "2", "tcp"), aliceLink};
            const std::string diverted = agent.divert({bought}, how.v6);
            QVERIFY2(diverted.empty(), diverted.c_str());
            QVERIFY(transfer.flows(20'000'000));
            QVERIFY(agent.undivert());
            const PurchaseCounters drained = agent.plane->counters(PurchaseId(id));
            QVERIFY(drained.packets > 10'000);
            QCOMPARE(drained.amount, nano(15 * static_cast<int64_t>(drained.packets)));
            QCOMPARE(drained.bestEffortPackets(), uint64_t{0});
            QVERIFY(transfer.flows(5'000'000));
            QCOMPARE(agent.plane->counters(PurchaseId(id)), drained);
        }
        QCOMPARE(agent.plane->totals().unowned.bestEffortPackets(), uint64_t{0});
        QCOMPARE(connections(alice), before);  // the same translation all the time
        const std::string result = transfer.finish();
        QVERIFY2(result.empty(), result.c_str());
        QCOMPARE(m_row->counts->badTags.load(), uint64_t{0});
        QCOMPARE(m_row->counts->malformed.load(), uint64_t{0});
    }

    // Both speak to the same server, from the same port, and behind a translation with the same address.
    void eachHostPaysForItsOwnFlowOnly_data() { families(); }
    void eachHostPaysForItsOwnFlowOnly() {
        QFETCH(int, mode);
        const Mode& how = modes[mode];
        QVERIFY(setUp(how));
        ModemAgent agent;
        QVERIFY(agent.start().empty());
        const Purchase alices{1, matchFrom(how, "2", "udp"), aliceLink}, bobs{2, matchFrom(how, "3", "udp"), bobLink};
        const std::string diverted = agent.divert({alices, bobs}, how.v6);
        QVERIFY2(diverted.empty(), diverted.c_str());
        std::vector<int> sockets;
        const auto port = static_cast<uint16_t>(5000 + 10 * mode);  // connections of the mode before are still known
        for (const auto& [host, number] : {std::pair{m_alice.get(), "2"}, {m_bob.get(), "3"}}) {
            const netlab::Address server(Row::server(how.v6), serverPort), own(how.home + std::string(number), port);
            const int socket = host->socket(server.family(), SOCK_DGRAM);
            QCOMPARE(bind(socket, own.get(), own.length), 0);
            QCOMPARE(::connect(socket, server.get(), server.length), 0);
            QCOMPARE(roundTrip(socket, 100, 2000), 100u);  // makes the connection known; goes best effort
            sockets.push_back(socket);
        }
        for (int i = 0; i < 30; ++i) QCOMPARE(roundTrip(sockets[0], 100, 2000), 100u);
        for (int i = 0; i < 20; ++i) QCOMPARE(roundTrip(sockets[1], 100, 2000), 100u);
        // An answer may be back before its packet is counted.
        QTRY_COMPARE(agent.plane->counters(PurchaseId(1)).packets, uint64_t{30});
        QTRY_COMPARE(agent.plane->counters(PurchaseId(2)).packets, uint64_t{20});

        // Bob borrows Alice's address: the packets come from the wrong neighbour and are not paid for.
        const std::string address = how.home + std::string("2"), length = how.v6 ? "/128" : "/32";
        QVERIFY(m_bob->exec("ip addr add " + address + length + " dev eth0" + (how.v6 ? " nodad" : "")));
        const netlab::Address server(Row::server(how.v6), serverPort), stolen(address, static_cast<uint16_t>(port + 1));
        const int thief = m_bob->socket(server.family(), SOCK_DGRAM);
        QCOMPARE(bind(thief, stolen.get(), stolen.length), 0);
        QCOMPARE(::connect(thief, server.get(), server.length), 0);
        for (int i = 0; i < 10; ++i) (void)roundTrip(thief, 100, 20);
        QVERIFY(m_bob->exec("ip addr del " + address + length + " dev eth0"));
        QCOMPARE(agent.plane->counters(PurchaseId(1)).packets, uint64_t{30});
        QVERIFY(agent.undivert());
        QCOMPARE(agent.plane->totals().unowned.bestEffortPackets(), uint64_t{0});
        QCOMPARE(m_row->counts->packets.load(), uint64_t{50});
        for (const int socket : sockets) ::close(socket);
        ::close(thief);
        (void)netlab::run("ip neigh flush dev lan0; ip -6 neigh flush dev lan0");
    }

    void pingsOfTwoHostsAreToldApart() {
        const Mode& how = modes[0];
        QVERIFY(setUp(how));
        ModemAgent agent;
        QVERIFY(agent.start().empty());
        const Purchase alices{1, "icmp 10.0.0.2:* -> 198.51.100.2:*", aliceLink};
        const Purchase bobs{2, "icmp 10.0.0.3:* -> 198.51.100.2:*", bobLink};
        QVERIFY(agent.divert({alices, bobs}, false).empty());
        QVERIFY(m_alice->exec("ping -q -c 6 -i 0.05 198.51.100.2 >/dev/null & sleep 0.02; wait"));
        QVERIFY(m_bob->exec("ping -q -c 4 -i 0.05 198.51.100.2 >/dev/null"));
        QVERIFY(agent.undivert());
        QCOMPARE(agent.plane->counters(PurchaseId(1)).packets, uint64_t{5});
        QCOMPARE(agent.plane->counters(PurchaseId(2)).packets, uint64_t{3});
    }

    void whatCannotBePaidForLeavesAsItWouldHave_data() { families(); }
    void whatCannotBePaidForLeavesAsItWouldHave() {
        QFETCH(int, mode);
        const Mode& how = modes[mode];
        QVERIFY(setUp(how));
        ModemAgent agent;
        QVERIFY(agent.start().empty());
        const std::string alice = unshorten(how.home + std::string("2"));
        Transfer transfer(Row::server(how.v6), m_alice.get());
        QVERIFY(transfer.flows(1'000'000));
        const std::string before = connections(alice);
        // Enough for a thousand packets; the rest of the stream meets the cap.
        Purchase bought{1, matchFrom(how, "2", "tcp"), aliceLink, std::make_shared<SpendGate>(nano(15'000))};
        QVERIFY(agent.divert({bought}, how.v6).empty());
        QVERIFY(transfer.flows(20'000'000));
        m_row->stopEdge();
        bought = {2, bought.match, aliceLink};
        QVERIFY(agent.divert({bought}, how.v6).empty());
        const bool flowed = transfer.flows(20'000'000);
        QVERIFY(m_row->startEdge());
        QVERIFY(flowed);
        const PurchaseCounters capped = agent.plane->counters(PurchaseId(1)),
                               dead = agent.plane->counters(PurchaseId(2));
        QVERIFY2(capped.amount == nano(15'000), capped.amount.toString().c_str());
        QVERIFY(capped.bestEffort[size_t(BestEffortReason::CapReached)] > 1000);
        QVERIFY(dead.bestEffort[size_t(BestEffortReason::EdgeUnreachable)] > 1000);
        QCOMPARE(capped.bestEffortLost + dead.bestEffortLost, uint64_t{0});
        QVERIFY(agent.undivert());
        QVERIFY(transfer.flows(1'000'000));
        QCOMPARE(connections(alice), before);
        const std::string result = transfer.finish();
        QVERIFY2(result.empty(), result.c_str());
    }

    void sendersBehindLearnThePathMtu_data() { families(); }
    void sendersBehindLearnThePathMtu() {
        QFETCH(int, mode);
        const Mode& how = modes[mode];
        QVERIFY(setUp(how));
        QVERIFY(m_row->setMiddleMtu(1400));
        ModemAgent agent;
        QVERIFY(agent.start().empty());
        const std::string diverted = agent.divert({{1, matchFrom(how, "2", "udp"), aliceLink}}, how.v6);
        QVERIFY2(diverted.empty(), diverted.c_str());
        const netlab::Address server(Row::server(how.v6), serverPort);
        const int socket = m_alice->socket(server.family(), SOCK_DGRAM);
        const int always = IP_PMTUDISC_DO;
        setsockopt(socket, how.v6 ? SOL_IPV6 : SOL_IP, how.v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &always,
                   sizeof always);
        QCOMPARE(::connect(socket, server.get(), server.length), 0);
        const size_t large = how.v6 ? 1452 : 1472;
        const size_t fits = how.v6 ? 1400 - 48 - 36 - 48 : 1400 - 28 - 36 - 28;
        size_t size = large;
        int attempts = 0;
        for (int inARow = 0; inARow < 5 && attempts < 60; ++attempts) {
            inARow = roundTrip(socket, size, 200) == size && size <= fits ? inARow + 1 : 0;
            usleep(25'000);
            int mtu = 0;
            socklen_t length = sizeof mtu;
            getsockopt(socket, how.v6 ? SOL_IPV6 : SOL_IP, how.v6 ? IPV6_MTU : IP_MTU, &mtu, &length);
            size = std::min(large, static_cast<size_t>(mtu) - (how.v6 ? 48 : 28));
        }
        QVERIFY2(attempts < 60, qPrintable(QString("still %1 bytes").arg(size)));
        QVERIFY(agent.plane->counters(PurchaseId(1)).tooBigReported > 0);
        ::close(socket);
        QVERIFY(agent.undivert());
        QVERIFY(m_alice->exec("ip route flush cache; ip -6 route flush cache"));
    }

    void fragmentsOfAHostBehindArePaidForTogether_data() { families(); }
    void fragmentsOfAHostBehindArePaidForTogether() {
        QFETCH(int, mode);
        const Mode& how = modes[mode];
        QVERIFY(setUp(how));
        ModemAgent agent;
        QVERIFY(agent.start().empty());
        QVERIFY(agent.divert({{1, matchFrom(how, "2", "udp"), aliceLink}}, how.v6).empty());
        const netlab::Address server(Row::server(how.v6), serverPort);
        const int socket = m_alice->socket(server.family(), SOCK_DGRAM);
        const int never = IP_PMTUDISC_DONT;
        setsockopt(socket, how.v6 ? SOL_IPV6 : SOL_IP, how.v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &never,
                   sizeof never);
        QCOMPARE(::connect(socket, server.get(), server.length), 0);
        QCOMPARE(roundTrip(socket, 10, 2000), 10u);
        for (int i = 0; i < 10; ++i) QCOMPARE(roundTrip(socket, 4000, 2000), 4000u);
        QVERIFY(agent.undivert());
        QCOMPARE(agent.plane->counters(PurchaseId(1)).packets, uint64_t{30});  // three fragments each
        ::close(socket);
    }

    void aKilledAgentLeavesTheConnectionAndNothingElse_data() { families(); }
    void aKilledAgentLeavesTheConnectionAndNothingElse() {
        QFETCH(int, mode);
        const Mode& how = modes[mode];
        QVERIFY(setUp(how));
        const auto traces = [] {
            return netlab::output(
                "ip rule; ip -6 rule; nft list ruleset; ip link show netpas0 2>/dev/null; ip -6 route | grep netpas0");
        };
        const std::string before = traces();
        Transfer transfer(Row::server(how.v6), m_alice.get());
        QVERIFY(transfer.flows(1'000'000));
        int ready[2];
        QCOMPARE(pipe(ready), 0);
        const pid_t child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            ModemAgent agent;
            const bool good =
                agent.start().empty() && agent.divert({{1, matchFrom(how, "2", "tcp"), aliceLink}}, how.v6).empty();
            if (write(ready[1], good ? "y" : "n", 1) != 1) _exit(1);
            for (;;) pause();
        }
        char good = 0;
        QCOMPARE(read(ready[0], &good, 1), ssize_t{1});
        ::close(ready[0]);
        ::close(ready[1]);
        const bool flowed = good == 'y' && transfer.flows(20'000'000);
        kill(child, SIGKILL);
        QVERIFY(flowed);
        QVERIFY(m_row->counts->packets.load() > 5'000);
        QCOMPARE(waitpid(child, nullptr, 0), child);
        QVERIFY(transfer.flows(20'000'000));
        for (int i = 0; i < 200 && traces() != before; ++i) usleep(10'000);
        QCOMPARE(traces(), before);
        const std::string result = transfer.finish();
        QVERIFY2(result.empty(), result.c_str());
    }

    void theNeighbourOfAnAddressIsKnown() {
        QVERIFY(setUp(modes[3]));
        QVERIFY(m_bob->exec("ping -q -c 1 2001:db8:8::1 >/dev/null; ping -q -c 1 10.0.0.1 >/dev/null"));
        auto route = RouteSocket::open();
        QVERIFY(route.has_value());
        for (const char* address : {"10.0.0.3", "2001:db8:8::3"}) {
            const auto found = route->neighbour(*IpAddress::parse(address));
            QVERIFY(found && *found);
            QCOMPARE((*found)->address, bobLink);
        }
        const auto nobody = route->neighbour(*IpAddress::parse("10.0.0.77"));
        QVERIFY(nobody && !*nobody);
    }

    void cleanupTestCase() {
        m_row.reset();
        (void)netlab::run(std::string("rm -rf ") + lockDirectory);
    }
};

QTEST_APPLESS_MAIN(TestLinuxForwarding)
#include "test_linux_forwarding.moc"
