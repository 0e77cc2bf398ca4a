// The forwarding rule in the kernel: this machine forwards between two neighbours, a household of its own and an uplink.
#include <QtTest>

#include "tests/tun/net_lab.h"
#include "tun/forwarding/linux_forwarding.h"

using namespace netpas;
using namespace netpas::tun;

namespace {

constexpr uint16_t port = 4000;
constexpr size_t payload = 100;
// The IP packet around it.
constexpr size_t packet4 = payload + 28, packet6 = payload + 48;

// One machine beside this one, on a link of its own. Its address for the world is on its loopback, so that its route has a next hop.
class Machine {
public:
    Machine(int number, const std::string& here) : m_number(std::to_string(number)), m_here(here) {
        const std::string there = "there" + m_number;
        const std::string mac = "02:00:00:00:01:0" + m_number;
        m_made =
            m_space.valid() &&
            netlab::run("ip link add name " + here + " type veth peer name " + there + " address " + mac) &&
            netlab::run("ip link set " + there + " netns " + m_space.process()) &&
            netlab::run("ip addr add 10.0." + m_number + ".1/24 dev " + here) &&
            netlab::run("ip link set " + here + " addrgenmode none") &&
            netlab::run("ip -6 addr add fe80::1/64 dev " + here + " nodad") &&
            netlab::run("ip link set " + here + " up") &&
            m_space.exec("ip link set " + there + " addrgenmode none; ip addr add 10.0." + m_number + ".2/24 dev " +
                         there + "; ip -6 addr add fe80::2/64 dev " + there + " nodad; ip link set " + there +
                         " up; ip addr add " + address(false) + "/32 dev lo; ip -6 addr add " + address(true) +
                         "/128 dev lo nodad; ip route add default via 10.0." + m_number + ".1 src " + address(false) +
                         "; ip -6 route add default via fe80::1 dev " + there + " src " + address(true)) &&
            netlab::run("ip route add " + address(false) + " via 10.0." + m_number + ".2") &&
            netlab::run("ip -6 route add " + address(true) + " via fe80::2 dev " + here);
        for (const bool v6 : {false, true}) {
            const int socket = m_space.socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM);
            const netlab::Address own(address(v6), port);
            m_made = m_made && bind(socket, own.get(), own.length) == 0;
            (v6 ? m_socket6 : m_socket4) = socket;
        }
    }
    ~Machine() {
        close(m_socket4);
        close(m_socket6);
    }
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    [[nodiscard]] bool made() const { return m_made; }
    [[nodiscard]] std::string address(bool v6) const { return v6 ? "fd09::" + m_number : "10.9.0." + m_number; }
    [[nodiscard]] const netlab::Namespace& space() const { return m_space; }
    [[nodiscard]] int socket(bool v6) const { return v6 ? m_socket6 : m_socket4; }
    [[nodiscard]] ForwardingNeighbour neighbour() const {
        ForwardingNeighbour one;
        one.interface = m_here;
        one.link = *parseLink("02:00:00:00:01:0" + m_number);
        one.nextHops = {*IpAddress::parse("10.0." + m_number + ".2"), *IpAddress::parse("fe80::2")};
        return one;
    }
    bool send(const Machine& to, bool v6) const {
        const std::string text(payload, 'x');
        const netlab::Address there(to.address(v6), port);
        return sendto(socket(v6), text.data(), text.size(), 0, there.get(), there.length) ==
               static_cast<ssize_t>(payload);
    }
    // What has arrived.
    size_t drain(bool v6) const {
        size_t arrived = 0;
        while (netlab::receive(socket(v6), arrived == 0 ? 100 : 5)) ++arrived;
        return arrived;
    }

private:
    std::string m_number, m_here;
    netlab::Namespace m_space;
    int m_socket4 = -1, m_socket6 = -1;
    bool m_made = false;
};

}  // namespace

class TestLinuxForwardingRule : public QObject {
    Q_OBJECT

    std::unique_ptr<Machine> m_a, m_b, m_home, m_world;

    std::unique_ptr<Forwarding> opened(const LinuxForwardingOptions& options = {}) {
        auto forwarding = openLinuxForwarding(options);
        return forwarding ? std::move(*forwarding) : nullptr;
    }
    ForwardingState state(bool aUpstream, bool bDownstream) const {
        ForwardingState out{{"na", "nb"}, {"world"}, {m_a->neighbour(), m_b->neighbour()}};
        out.neighbours[0].paysUpstream = aUpstream;
        out.neighbours[1].paysDownstream = bDownstream;
        return out;
    }
    static size_t through(const Machine& from, const Machine& to, bool v6, size_t packets = 3) {
        for (size_t i = 0; i < packets; ++i) {
            if (!from.send(to, v6)) return SIZE_MAX;
        }
        return to.drain(v6);
    }

private slots:
    void initTestCase() {
        if (const std::string why = netlab::obstacle(); !why.empty()) QSKIP(why.c_str());
        QVERIFY(netlab::enterOwn());
        QVERIFY(netlab::run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"));
        m_a = std::make_unique<Machine>(1, "na");
        m_b = std::make_unique<Machine>(2, "nb");
        m_home = std::make_unique<Machine>(3, "home");
        m_world = std::make_unique<Machine>(4, "world");
        for (const auto* one : {&m_a, &m_b, &m_home, &m_world}) QVERIFY((*one)->made());
        for (const bool v6 : {false, true}) {  // the links know each other
            QTRY_COMPARE(through(*m_a, *m_b, v6), size_t{3});
            QTRY_COMPARE(through(*m_home, *m_world, v6), size_t{3});
        }
    }

    void aPacketPassesIfItsNextHopPaysForDownstreamOrItsPreviousForUpstream() {
        const auto forwarding = opened();
        QVERIFY(forwarding != nullptr);
        for (const bool v6 : {false, true}) {
            for (const bool upstream : {false, true}) {
                for (const bool downstream : {false, true}) {
                    QVERIFY(forwarding->set(state(upstream, downstream)).has_value());
                    QCOMPARE(through(*m_a, *m_b, v6), upstream || downstream ? size_t{3} : size_t{0});
                    QCOMPARE(through(*m_b, *m_a, v6), size_t{0});  // nobody pays for that way
                }
            }
        }
    }

    void theInternetIsForCustomersOnly() {
        const auto forwarding = opened();
        for (const bool v6 : {false, true}) {
            QVERIFY(forwarding->set(state(true, true)).has_value());
            QCOMPARE(through(*m_a, *m_world, v6), size_t{3});
            QCOMPARE(through(*m_world, *m_a, v6), size_t{0});
            QCOMPARE(through(*m_world, *m_b, v6), size_t{3});
            QCOMPARE(through(*m_b, *m_world, v6), size_t{0});
        }
    }

    void theHouseholdIsNotLookedAt() {
        const auto forwarding = opened();
        QVERIFY(forwarding->set(state(false, false)).has_value());
        for (const bool v6 : {false, true}) {
            for (const auto* other : {&m_a, &m_world}) {
                QCOMPARE(through(*m_home, **other, v6), size_t{3});
                QCOMPARE(through(**other, *m_home, v6), size_t{3});
            }
        }
    }

    void countersAreExactAndSurviveChanges() {
        const auto forwarding = opened();
        for (const bool v6 : {false, true}) {
            QVERIFY(forwarding->set(state(true, false)).has_value());
            const auto before = forwarding->read();
            QVERIFY(before.has_value() && before->size() == 2);
            QCOMPARE(through(*m_a, *m_b, v6, 5), size_t{5});
            QVERIFY(forwarding->set(state(false, false)).has_value());
            QCOMPARE(through(*m_a, *m_b, v6, 2), size_t{0});  // arrives here, and no further
            QCOMPARE(through(*m_home, *m_b, v6, 4), size_t{4});
            const auto after = forwarding->read();
            QVERIFY(after.has_value() && after->size() == 2);
            const size_t size = v6 ? packet6 : packet4;
            const auto grown = [&](PacketCount NeighbourMeter::*count, size_t who, size_t packets) {
                const PacketCount& then = (*before)[who].*count;
                const PacketCount& now = (*after)[who].*count;
                return now.packets - then.packets == packets && now.bytes - then.bytes == packets * size;
            };
            QVERIFY(grown(&NeighbourMeter::arrived, 0, 7));
            QVERIFY(grown(&NeighbourMeter::taken, 0, 5));
            QVERIFY(grown(&NeighbourMeter::sent, 1, 9));
            QVERIFY(grown(&NeighbourMeter::arrived, 1, 0));
            QVERIFY(grown(&NeighbourMeter::sent, 0, 0));
        }
    }

    void whatWasCountedStaysCountedWhenCountersGo() {
        const auto forwarding = opened();
        const ForwardingState both = state(false, true);
        ForwardingState less = both, without = both, anothers = both;
        less.neighbours[1].nextHops.erase(less.neighbours[1].nextHops.begin());  // IPv4's
        without.neighbours.pop_back();
        anothers.neighbours = {less.neighbours[1], both.neighbours[1]};
        anothers.neighbours[1].link = *parseLink("02:00:00:00:01:09");
        anothers.neighbours[1].nextHops.pop_back();
        const auto become = [&](const ForwardingState& next) { return forwarding->set(next).has_value(); };
        const auto sent = [&](size_t who) {
            const auto meters = forwarding->read();
            return meters && meters->size() > who ? (*meters)[who].sent : PacketCount{};
        };
        const auto counts = [](size_t v4, size_t v6) { return PacketCount{v4 + v6, v4 * packet4 + v6 * packet6}; };
        const auto send = [&](bool v6, size_t packets) { return through(*m_home, *m_b, v6, packets) == packets; };
        QVERIFY(become(both) && send(false, 5) && sent(1) == counts(5, 0));
        // Nobody reads meanwhile.
        QVERIFY(send(false, 2) && send(true, 3) && become(less));
        QVERIFY(sent(1) == counts(7, 3));
        QVERIFY(send(false, 1) && send(true, 2) && become(both) && send(false, 4));
        QVERIFY(sent(1) == counts(11, 5));
        QVERIFY(send(true, 1) && become(without) && send(true, 9) && become(both) && send(true, 1));
        QVERIFY(sent(1) == counts(11, 7));
        QVERIFY(send(false, 2) && become(anothers) && send(false, 6) && send(true, 1));
        QVERIFY(sent(0) == counts(13, 8));
        QVERIFY(sent(1) == counts(6, 0));
        // What nobody has any more is not there any more.
        QVERIFY(become(without));
        QVERIFY(netlab::output("nft list table inet netpas_mesh").find("10.0.2.2") == std::string::npos);
    }

    // Linux forwards packets to IPv4's link-local addresses, which nobody counts when they arrive: nobody is charged for them either.
    void whatIsNotCountedIsNotForwarded() {
        const std::string local = "169.254.7.7";
        QVERIFY(m_b->space().exec("ip addr add " + local + "/32 dev lo"));
        QVERIFY(netlab::run("ip route add " + local + " via 10.0.2.2"));
        const int there = m_b->space().socket(AF_INET, SOCK_DGRAM);
        const netlab::Address at(local, port);
        QVERIFY(bind(there, at.get(), at.length) == 0);
        const auto arrive = [&](const Machine& from) {
            for (int i = 0; i < 3; ++i) (void)sendto(from.socket(false), "x", 1, 0, at.get(), at.length);
            size_t arrived = 0;
            while (netlab::receive(there, arrived == 0 ? 100 : 5)) ++arrived;
            return arrived;
        };
        QCOMPARE(arrive(*m_a), size_t{3});
        const auto forwarding = opened();
        QVERIFY(forwarding->set(state(true, true)).has_value());
        QCOMPARE(arrive(*m_a), size_t{0});
        QCOMPARE(arrive(*m_home), size_t{3});
        const auto meters = forwarding->read();
        QVERIFY(meters.has_value());
        QCOMPARE((*meters)[0].arrived.packets, uint64_t{0});
        QCOMPARE((*meters)[0].taken.packets, uint64_t{0});
        close(there);
        QVERIFY(netlab::run("ip route del " + local) && m_b->space().exec("ip addr del " + local + "/32 dev lo"));
    }

    // A's address in the packet, B's link-layer address: who pays is known by the link. On another link A's link-layer address is nothing either.
    void anothersAddressIsWorthNothing() {
        const auto forwarding = opened();
        QVERIFY(forwarding->set(state(true, false)).has_value());
        const std::string asA = "ip addr add " + m_a->address(false) + "/32 dev lo";
        QVERIFY(m_b->space().exec(asA));
        const int forger = m_b->space().socket(AF_INET, SOCK_DGRAM);
        const netlab::Address source(m_a->address(false), port), target(m_world->address(false), port);
        QVERIFY(bind(forger, source.get(), source.length) == 0);
        QVERIFY(netlab::run("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.nb.rp_filter=0"));
        const auto forge = [&] {
            for (int i = 0; i < 3; ++i) (void)sendto(forger, "x", 1, 0, target.get(), target.length);
            return m_world->drain(false);
        };
        QCOMPARE(forge(), size_t{0});
        QVERIFY(m_b->space().exec("ip link set there2 address 02:00:00:00:01:01"));
        QVERIFY(m_b->space().exec("ip route replace default via 10.0.2.1"));
        QCOMPARE(forge(), size_t{0});
        // The same packets of somebody who pays pass: they were good otherwise.
        ForwardingState paying = state(true, false);
        paying.neighbours[1].link = *parseLink("02:00:00:00:01:01");
        paying.neighbours[1].paysUpstream = true;
        QVERIFY(forwarding->set(paying).has_value());
        QCOMPARE(forge(), size_t{3});
        close(forger);
        QVERIFY(m_b->space().exec("ip link set there2 address 02:00:00:00:01:02"));
        QVERIFY(m_b->space().exec("ip route replace default via 10.0.2.1 src " + m_b->address(false)));
        QVERIFY(m_b->space().exec("ip addr del " + m_a->address(false) + "/32 dev lo"));
        QTRY_COMPARE(through(*m_home, *m_b, false), size_t{3});
    }

    void theFreeTierIsALittle() {
        constexpr uint32_t bytes = 2000;
        for (const bool v6 : {false, true}) {
            const auto forwarding = opened({"netpas_mesh", bytes});
            QVERIFY(forwarding != nullptr);
            ForwardingState gratis = state(false, false);
            gratis.neighbours[0].free = true;
            QVERIFY(forwarding->set(gratis).has_value());
            constexpr size_t many = 100;
            const size_t passed = through(*m_a, *m_world, v6, many);
            QVERIFY2(passed > 0 && passed < many, qPrintable(QString::number(passed)));
            const auto meters = forwarding->read();
            QVERIFY(meters.has_value());
            QCOMPARE((*meters)[0].taken.packets, uint64_t{0});  // owed by nobody
        }
    }

    void oneTableOneAgent() {
        auto first = openLinuxForwarding({});
        QVERIFY(first.has_value());
        const auto second = openLinuxForwarding({});
        QVERIFY(!second && second.error().error == ForwardingError::AlreadyInUse);
        first->reset();
        QVERIFY(openLinuxForwarding({}).has_value());
    }

    void programsThatItStartsDoNotKeepIt() {
        auto first = openLinuxForwarding({});
        QVERIFY(first.has_value());
        const std::string child = netlab::output("sleep 20 >/dev/null 2>&1 & echo $!");
        first->reset();
        const bool again = openLinuxForwarding({}).has_value();
        QVERIFY(netlab::run("kill " + child));
        QVERIFY(again);
    }

    void withItEverythingGoes() {
        {
            const auto forwarding = opened();
            QVERIFY(forwarding->set(state(false, false)).has_value());
            QCOMPARE(through(*m_a, *m_b, false), size_t{0});
        }
        QCOMPARE(through(*m_a, *m_b, false), size_t{3});
        QVERIFY(netlab::output("nft list tables").find("netpas") == std::string::npos);
    }
};

QTEST_GUILESS_MAIN(TestLinuxForwardingRule)
#include "test_linux_forwarding_rule.moc"
