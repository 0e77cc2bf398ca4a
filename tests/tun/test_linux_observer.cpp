// Counts and times in the kernel: this machine between two others, a neighbour and its own household.
#include <QtTest>

#include "tests/tun/net_lab.h"
#include "tun/observe/linux_observer.h"
#include "tun/observe/packet_mark.h"

using namespace netpas;
using namespace netpas::tun;

namespace {

constexpr uint16_t port = 4000;

std::optional<FlowCount> find(Observer& observer, const std::string& from, const std::string& to) {
    const auto counts = observer.counts(from.find(':') != std::string::npos);
    if (!counts) return std::nullopt;
    for (const FlowCount& one : *counts) {
        if (one.source.toString() == from && one.destination.toString() == to) return one;
    }
    return std::nullopt;
}

bool sendAll(int socket, const std::string& to, int count, size_t size, char first = 'a') {
    const netlab::Address there(to, port);
    for (int i = 0; i < count; ++i) {
        std::string text(size, 'x');
        text[0] = static_cast<char>(first + i);
        if (sendto(socket, text.data(), text.size(), 0, there.get(), there.length) != static_cast<ssize_t>(size))
            return false;
    }
    return true;
}

}  // namespace

class TestLinuxObserver : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() {
        const std::string obstacle = netlab::obstacle();
        if (!obstacle.empty()) QSKIP(obstacle.c_str());
        QVERIFY(netlab::enterOwn());
        m_mesh.emplace();
        m_home.emplace();
        const auto join = [](const netlab::Namespace& space, const std::string& here, const std::string& net) {
            return netlab::run("ip link add " + here + " type veth peer name there netns " + space.process() +
                               " && ip addr add 10.0." + net + ".1/24 dev " + here + " && ip -6 addr add fd0" + net +
                               "::1/64 dev " + here + " nodad && ip link set " + here + " up") &&
                   space.exec("ip addr add 10.0." + net + ".2/24 dev there; ip -6 addr add fd0" + net +
                              "::2/64 dev there nodad; ip link set there up; ip route add default via 10.0." + net +
                              ".1; ip -6 route add default via fd0" + net + "::1");
        };
        QVERIFY(join(*m_mesh, "mesh0", "1") && join(*m_home, "home0", "2"));
        QVERIFY(netlab::run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"));
        auto opened = openLinuxObserver();
        QVERIFY2(opened.has_value(), opened ? "" : opened.error().diagnosis.c_str());
        m_observer = std::move(*opened);
        QVERIFY(m_observer->watch({"mesh0"}).has_value());
    }

    void eachPacketCountsOnceWhereItIsFirst() {
        const int neighbour = m_mesh->socket(AF_INET, SOCK_DGRAM), home = m_home->socket(AF_INET, SOCK_DGRAM);
        const int own = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        // Nobody complains of packets that nobody wanted.
        const netlab::Address any("0.0.0.0", port);
        for (const int socket : {neighbour, home, own}) QVERIFY(bind(socket, any.get(), any.length) == 0);
        QVERIFY(sendAll(neighbour, "10.0.2.2", 5, 100));  // forwarded to the household
        QVERIFY(sendAll(neighbour, "10.0.1.1", 3, 100));  // for this machine
        QVERIFY(sendAll(home, "10.0.1.2", 4, 100));       // from the household into the mesh
        QVERIFY(sendAll(own, "10.0.1.2", 2, 100));        // of this machine
        QVERIFY(sendAll(home, "10.0.2.1", 6, 100));       // not of the mesh
        const auto is = [&](const char* from, const char* to, uint64_t packets) {
            const auto count = find(*m_observer, from, to);
            return count && count->packets == packets && count->bytes == packets * 128;
        };
        QTRY_VERIFY(is("10.0.1.2", "10.0.2.2", 5));
        QTRY_VERIFY(is("10.0.1.2", "10.0.1.1", 3));
        QTRY_VERIFY(is("10.0.2.2", "10.0.1.2", 4));
        QTRY_VERIFY(is("10.0.1.1", "10.0.1.2", 2));
        QVERIFY(!find(*m_observer, "10.0.2.2", "10.0.2.1"));
        for (const int socket : {neighbour, home, own}) close(socket);
    }

    // Nobody behind this machine has lost what its own rules do not pass on.
    void whatIsNotPassedOnDoesNotCount() {
        QVERIFY(
            netlab::run("nft 'add table inet unpaid; add chain inet unpaid pass { type filter hook forward priority "
                        "filter + 10; }; add rule inet unpaid pass udp length 58 drop'"));
        const int neighbour = m_mesh->socket(AF_INET, SOCK_DGRAM), home = m_home->socket(AF_INET, SOCK_DGRAM);
        const netlab::Address bound("10.0.2.2", port);
        QVERIFY(bind(home, bound.get(), bound.length) == 0);
        const auto before = find(*m_observer, "10.0.1.2", "10.0.2.2");
        const uint64_t had = before ? before->packets : 0;
        QVERIFY(sendAll(neighbour, "10.0.2.2", 7, 50));
        QVERIFY(sendAll(neighbour, "10.0.2.2", 4, 60));
        const auto now = [&] {
            const auto count = find(*m_observer, "10.0.1.2", "10.0.2.2");
            return count ? count->packets - had : 0;
        };
        QTRY_COMPARE(now(), uint64_t{4});
        QVERIFY(netlab::run("nft delete table inet unpaid"));
        QVERIFY(sendAll(neighbour, "10.0.2.2", 1, 50));
        QTRY_COMPARE(now(), uint64_t{5});
        close(neighbour);
        close(home);
    }

    void version6CountsAsWell() {
        const int neighbour = m_mesh->socket(AF_INET6, SOCK_DGRAM);
        QTRY_VERIFY(sendAll(neighbour, "fd02::2", 1, 100) && find(*m_observer, "fd01::2", "fd02::2"));
        close(neighbour);
    }

    void timesAreOfWhenItCame() {
        const int neighbour = m_mesh->socket(AF_INET, SOCK_DGRAM);
        const netlab::Address bound("10.0.1.2", 4001);
        QVERIFY(bind(neighbour, bound.get(), bound.length) == 0);
        m_observer->collect();
        const auto now = [] {
            timespec at{};
            clock_gettime(CLOCK_REALTIME, &at);
            return static_cast<uint64_t>(at.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(at.tv_nsec);
        };
        const uint64_t before = now();
        QVERIFY(sendAll(neighbour, "10.0.2.2", 5, 100, 'A'));
        const uint64_t flow = flowNumber(*IpAddress::parse("10.0.1.2"), *IpAddress::parse("10.0.2.2"));
        const auto seen = [&] {
            m_observer->collect();
            return m_observer->sightings().of(flow, before);
        };
        QTRY_COMPARE(seen().size(), size_t{5});
        for (const Sighting& one : seen()) QVERIFY(one.nanoseconds <= now());
        const auto origin = m_observer->origin(flow);
        QVERIFY(origin && origin->interface == "mesh0");
        QVERIFY(netlab::run("ip neigh show 10.0.1.2 dev mesh0 | grep -q " + linkText(origin->link)));
        close(neighbour);
    }

    void whatIsWatchedCanChange() {
        QVERIFY(m_observer->watch({"mesh0", "home0"}).has_value());
        QVERIFY(find(*m_observer, "10.0.1.2", "10.0.2.2").has_value());  // nothing is lost
        QVERIFY(m_observer->watch({"mesh0"}).has_value());
        const auto gone = m_observer->watch({"mesh0", "gone0"});
        QVERIFY(!gone && m_observer->diagnosis().find("gone0") != std::string::npos);
        const auto bad = m_observer->watch({"a\" } ; flush ruleset"});
        QVERIFY(!bad && bad.error() == ObserveError::BadName);
    }

    void anotherAgentIsTold() {
        const auto second = openLinuxObserver();
        QVERIFY(!second && second.error().error == ObserveError::AlreadyInUse);
        m_observer.reset();
        QVERIFY(!netlab::run("nft list table inet netpas_flows >/dev/null 2>&1"));
    }

private:
    std::optional<netlab::Namespace> m_mesh, m_home;
    std::unique_ptr<Observer> m_observer;
};

QTEST_APPLESS_MAIN(TestLinuxObserver)
#include "test_linux_observer.moc"
