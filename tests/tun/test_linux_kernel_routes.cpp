// The kernel's routes through neighbours, as `ip route` has set them, in a namespace of its own.
#include <QtTest>

#include "tests/tun/net_lab.h"
#include "tun/forwarding/kernel_routes.h"

using namespace netpas;
using namespace netpas::tun;

namespace {

IpAddress address(const char* text) { return IpAddress::parse(text).value_or(IpAddress()); }

const KernelRoute* find(const std::vector<KernelRoute>& routes, const char* to) {
    for (const KernelRoute& route : routes) {
        if (route.to == IpPrefix::parse(to)) return &route;
    }
    return nullptr;
}

}  // namespace

class TestLinuxKernelRoutes : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() {
        if (const std::string why = netlab::obstacle(); !why.empty()) QSKIP(why.c_str());
        QVERIFY(netlab::enterOwn());
        QVERIFY(
            netlab::run("ip link add name wb type veth peer name other && ip link set wb up && ip link set other up"));
        QVERIFY(netlab::run("ip addr add 198.18.0.1/29 dev wb && ip -6 addr add fe80::1/64 dev wb nodad"));
        QVERIFY(netlab::run("ip route add 203.0.113.0/24 via 198.18.0.2 metric 20"));
        QVERIFY(netlab::run("ip route add 203.0.113.0/24 via 198.18.0.3 metric 10 onlink dev wb"));
        QVERIFY(netlab::run("ip route add 203.0.113.8/32 via inet6 fe80::2 dev wb onlink"));
        QVERIFY(netlab::run("ip route add default via 198.18.0.2"));
        QVERIFY(netlab::run("ip -6 route add 2001:db8::/32 via fe80::2 dev wb"));
        QVERIFY(netlab::run("ip route add 192.0.2.0/24 nexthop via 198.18.0.2 nexthop via 198.18.0.3 dev wb onlink"));
        QVERIFY(netlab::run("ip route add 192.0.2.9/32 via 198.18.0.2 table 100"));
        QVERIFY(netlab::run("ip route add unreachable 192.0.2.10/32"));
    }

    void nextHopsOfBothFamiliesAreThere() {
        const auto routes = kernelRoutes();
        QVERIFY(routes.has_value());
        QVERIFY((*find(*routes, "2001:db8::/32") ==
                 KernelRoute{*IpPrefix::parse("2001:db8::/32"), address("fe80::2"), "wb", 1024}));
        QCOMPARE(find(*routes, "203.0.113.8/32")->via, address("fe80::2"));
        QCOMPARE(find(*routes, "0.0.0.0/0")->via, address("198.18.0.2"));
        size_t several = 0;
        for (const KernelRoute& route : *routes) several += route.to == IpPrefix::parse("192.0.2.0/24") ? 1U : 0U;
        QCOMPARE(several, size_t{2});
    }

    void whatHasNoNextHopIsNot() {
        const auto routes = kernelRoutes();
        for (const char* to : {"198.18.0.0/29", "192.0.2.9/32", "192.0.2.10/32", "fe80::/64"})
            QVERIFY2(find(*routes, to) == nullptr, to);
    }

    void theKernelsPreferenceIsKept() {
        const auto routes = kernelRoutes();
        QCOMPARE(routeTo(*routes, address("203.0.113.1"))->via, address("198.18.0.3"));
        QCOMPARE(routeTo(*routes, address("203.0.113.8"))->via, address("fe80::2"));
        QCOMPARE(routeTo(*routes, address("8.8.8.8"))->via, address("198.18.0.2"));
        QVERIFY(routeTo(*routes, address("2001:dead::1")) == nullptr);
    }
};

QTEST_GUILESS_MAIN(TestLinuxKernelRoutes)
#include "test_linux_kernel_routes.moc"
