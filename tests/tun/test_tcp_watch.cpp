// The kernel's counts of real connections over loopback.
#include <QtTest>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tun/watch/tcp_watch.h"

using namespace netpas;
using namespace netpas::tun;

namespace {

// A connection of this process with itself.
struct Pair {
    explicit Pair(int family) {
        const int listener = ::socket(family, SOCK_STREAM, 0);
        sockaddr_storage storage{};
        socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        storage.ss_family = static_cast<sa_family_t>(family);
        if (family == AF_INET) {
            reinterpret_cast<sockaddr_in*>(&storage)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        } else {
            reinterpret_cast<sockaddr_in6*>(&storage)->sin6_addr = in6addr_loopback;
        }
        if (::bind(listener, reinterpret_cast<sockaddr*>(&storage), length) != 0 || ::listen(listener, 1) != 0) return;
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&storage), &length);
        port = ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
        near = ::socket(family, SOCK_STREAM, 0);
        if (::connect(near, reinterpret_cast<sockaddr*>(&storage), length) == 0)
            far = ::accept(listener, nullptr, nullptr);
        ::close(listener);
    }
    ~Pair() {
        ::close(near);
        ::close(far);
    }
    void pass(size_t bytes) const {
        std::vector<char> data(bytes, 'x');
        QVERIFY(::send(near, data.data(), data.size(), 0) == static_cast<ssize_t>(bytes));
        QVERIFY(::recv(far, data.data(), data.size(), MSG_WAITALL) == static_cast<ssize_t>(bytes));
    }
    int near = -1;
    int far = -1;
    uint16_t port = 0;
};

std::vector<TcpCounts> toPort(TcpWatch& watch, const char* prefix, uint16_t port) {
    std::vector<TcpCounts> all = watch.connectionsTo(*IpPrefix::parse(prefix), 100'000);
    std::erase_if(all, [&](const TcpCounts& one) { return one.flow.dstPort != port; });
    return all;
}

}  // namespace

class TestTcpWatch : public QObject {
    Q_OBJECT
private slots:

    void whatWasSentIsCounted() {
        const auto watch = TcpWatch::open();
        QVERIFY2(watch.has_value(), watch ? "" : watch.error().c_str());
        for (const auto& [family, prefix, address] :
             {std::tuple(AF_INET, "127.0.0.0/8", "127.0.0.1"), std::tuple(AF_INET6, "::1/128", "::1")}) {
            const Pair pair(family);
            if (pair.far < 0 && family == AF_INET6) continue;  // no IPv6 here
            QVERIFY(pair.far >= 0);
            pair.pass(50'000);
            auto found = toPort(**watch, prefix, pair.port);
            QCOMPARE(found.size(), size_t{1});
            const TcpCounts first = found.front();
            QVERIFY(first.flow.dst == *IpAddress::parse(address) && first.flow.src == *IpAddress::parse(address));
            QVERIFY(first.segmentsSent >= 1 && first.segmentBytes > 500);
            QVERIFY(first.leastRoundTrip.count() > 0 && first.leastRoundTrip <= first.roundTrip * 2);
            QVERIFY(first.bytesAcked >= 50'000);
            pair.pass(50'000);
            found = toPort(**watch, prefix, pair.port);
            QCOMPARE(found.front().cookie, first.cookie);
            QVERIFY(found.front().segmentsSent > first.segmentsSent && found.front().bytesAcked >= 100'000);
        }
    }

    void onlyThePrefixIsTold() {
        const auto watch = TcpWatch::open();
        QVERIFY(watch.has_value());
        const Pair pair(AF_INET);
        pair.pass(1000);
        QCOMPARE(toPort(**watch, "127.0.0.1/32", pair.port).size(), size_t{1});
        QVERIFY(toPort(**watch, "127.0.0.2/32", pair.port).empty());
        QVERIFY(toPort(**watch, "10.0.0.0/8", pair.port).empty());
        QVERIFY(toPort(**watch, "2001:db8::/32", pair.port).empty());
        QVERIFY((*watch)->connectionsTo(*IpPrefix::parse("127.0.0.0/8"), 0).empty());
    }
};

QTEST_APPLESS_MAIN(TestTcpWatch)
#include "test_tcp_watch.moc"
