// Where a program's stream comes from: URLs as players give them, and the kernel's list of a process's own connections.
#include <QtTest>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "app/cli/streams.h"

using namespace netpas;
using namespace netpas::cli;

namespace {

Endpoint at(const char* address, uint16_t port) { return {*IpAddress::parse(address), port}; }

struct Socket {
    int fd;
    explicit Socket(int number) : fd(number) {}
    ~Socket() { ::close(fd); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
};

}  // namespace

class CliStreamsTest : public QObject {
    Q_OBJECT

private slots:
    void urlsHaveHostsAndPorts() {
        const auto plain = webOf("http://example.net/film.mp4?a=b:8");
        QVERIFY(plain && plain->host == "example.net" && plain->port == 80);
        const auto named = webOf("https://user:word@example.net:8443/x");
        QVERIFY(named && named->host == "example.net" && named->port == 8443);
        const auto six = webOf("http://[2001:db8::1]/x");
        QVERIFY(six && six->host == "2001:db8::1" && six->port == 80);
        const auto sixPort = webOf("https://[2001:db8::1]:81");
        QVERIFY(sixPort && sixPort->host == "2001:db8::1" && sixPort->port == 81);
        for (const char* const no : {"", "film.mp4", "ftp://example.net/", "http://", "http:///x", "http://a:b/",
                                     "http://a:99999/", "http://a:0/"})
            QVERIFY2(!webOf(no), no);
    }

    void theUrlsPortAndHostTellConnectionsApart() {
        const std::vector<Endpoint> all{at("127.0.0.1", 80), at("192.0.2.1", 80), at("192.0.2.1", 443),
                                        at("192.0.2.2", 443)};
        const Web web{"example.net", 80}, safe{"example.net", 443};
        QVERIFY(streamAmong(all, web, {}) == at("192.0.2.1", 80));
        QVERIFY(streamAmong(all, safe, {*IpAddress::parse("192.0.2.2")}) == at("192.0.2.2", 443));
        // Never a guess.
        QVERIFY(!streamAmong(all, safe, {}));
        QVERIFY(!streamAmong(all, std::nullopt, {}));
        QVERIFY(!streamAmong({at("127.0.0.1", 80)}, web, {}));
        QVERIFY(streamAmong({at("192.0.2.9", 7)}, std::nullopt, {}) == at("192.0.2.9", 7));
    }

    void aTreeHasAllThatWasStarted() {
        std::array<int, 2> ends{};
        QCOMPARE(::pipe(ends.data()), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            const pid_t grandchild = ::fork();
            if (grandchild == 0) ::pause();
            (void)!::write(ends[1], &grandchild, sizeof grandchild);
            ::pause();
        }
        pid_t grandchild = 0;
        QCOMPARE(::read(ends[0], &grandchild, sizeof grandchild), ssize_t{sizeof grandchild});
        const std::vector<pid_t> tree = treeOf(::getpid());
        for (const pid_t one : {grandchild, child}) ::kill(one, SIGKILL);
        ::waitpid(child, nullptr, 0);
        QCOMPARE(tree.front(), ::getpid());
        for (const pid_t one : {child, grandchild}) QCOMPARE(std::count(tree.begin(), tree.end(), one), 1);
        QCOMPARE(std::count(tree.begin(), tree.end(), ::getppid()), 0);
        for (const int end : ends) ::close(end);
    }

    void aProcessesOwnConnectionsAreFound() {
        for (const int family : {AF_INET, AF_INET6}) {
            const Socket listener(::socket(family, SOCK_STREAM, 0)), client(::socket(family, SOCK_STREAM, 0));
            sockaddr_in6 here{};
            here.sin6_family = static_cast<sa_family_t>(family);
            if (family == AF_INET6) {
                here.sin6_addr = in6addr_loopback;
            } else {
                reinterpret_cast<sockaddr_in&>(here).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            }
            socklen_t size = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
            auto* const address = reinterpret_cast<sockaddr*>(&here);
            if (::bind(listener.fd, address, size) != 0) QSKIP("no loopback address of this family");
            QCOMPARE(::listen(listener.fd, 1), 0);
            QCOMPARE(::getsockname(listener.fd, address, &size), 0);
            const Endpoint end = at(family == AF_INET6 ? "::1" : "127.0.0.1", ntohs(here.sin6_port));
            const auto known = [&](pid_t process) {
                const auto list = connectionsOf(process);
                return std::count(list.begin(), list.end(), end);
            };
            QCOMPARE(known(::getpid()), 0);
            QCOMPARE(::connect(client.fd, address, size), 0);
            QCOMPARE(known(::getpid()), 1);
            QCOMPARE(known(1), 0);
        }
        QVERIFY(connectionsOf(0x3ffffff).empty());
    }
};

QTEST_APPLESS_MAIN(CliStreamsTest)
#include "test_cli_streams.moc"
