// Two neighbours on a link of their own hear each other; who is not a neighbour is not heard.
#include <QtTest>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "app/agent/mesh_socket.h"
#include "core/agreement/advert.h"
#include "tests/tun/private_namespace.h"

using namespace netpas;
using namespace netpas::agent;

namespace {

std::optional<MeshDatagram> waitFor(const MeshSocket& socket) {
    pollfd one{socket.descriptor(), POLLIN, 0};
    constexpr int patience = 5000;
    return ::poll(&one, 1, patience) == 1 ? socket.receive() : std::nullopt;
}

}  // namespace

class TestMeshSocket : public QObject {
    Q_OBJECT

    lab::Namespace m_far, m_near;  // this thread is in the second one
    std::unique_ptr<MeshSocket> m_here, m_there;
    MeshInterface m_hereSeen, m_thereSeen;

private slots:
    void initTestCase() {
        QVERIFY(m_far.made() && m_near.made());
        QVERIFY(
            lab::run("ip link add here address 02:00:00:00:00:01 type veth peer name there address "
                     "02:00:00:00:00:02 netns " +
                     m_far.path()));
        QVERIFY(!observeInterface("here"));  // down
        QVERIFY(
            lab::run("ip link set here addrgenmode none up && ip addr add fe80::1/64 dev here nodad && "
                     "ip addr add 10.0.0.1/24 dev here && ip addr add fd00::1/64 dev here nodad"));
        QVERIFY(m_far.enter());
        QVERIFY(
            lab::run("ip link set there addrgenmode none up && ip addr add fe80::2/64 dev there nodad && "
                     "ip addr add fd00::2/64 dev there nodad"));
        const auto there = observeInterface("there");
        QVERIFY(there);
        m_thereSeen = *there;
        auto far = MeshSocket::open(*there);
        QVERIFY2(far, far ? "" : far.error().c_str());
        m_there = std::move(*far);
        QVERIFY(m_near.enter());
        const auto here = observeInterface("here");
        QVERIFY(here);
        m_hereSeen = *here;
        auto near = MeshSocket::open(*here);
        QVERIFY2(near, near ? "" : near.error().c_str());
        m_here = std::move(*near);
    }

    void anInterfaceIsSeenWithItsAddresses() {
        QCOMPARE(m_hereSeen.link, *parseLink("02:00:00:00:00:01"));
        QCOMPARE(m_hereSeen.address, *IpAddress::parse("fe80::1"));
        QVERIFY(m_hereSeen.address4 == *IpAddress::parse("10.0.0.1"));
        QVERIFY(!m_thereSeen.address4);
        QVERIFY(!observeInterface("nowhere"));
    }

    void whatIsAnnouncedIsHeardWithItsLinkLayerAddress() {
        QVERIFY(m_there->announce(Bytes{1, 1, 7}));
        const auto heard = waitFor(*m_here);
        QVERIFY(heard);
        QCOMPARE(heard->bytes, (Bytes{1, 1, 7}));
        QCOMPARE(heard->kind(), uint8_t{1});
        QCOMPARE(heard->link, m_thereSeen.link);
        QCOMPARE(heard->from, m_thereSeen.address);
        QVERIFY(!m_here->receive());
    }

    void oneNeighbourIsSpokenTo() {
        QVERIFY(m_here->send(m_thereSeen.address, Bytes(maxMeshDatagram, 5)));
        const auto heard = waitFor(*m_there);
        QVERIFY(heard);
        QCOMPARE(heard->bytes, Bytes(maxMeshDatagram, 5));
        QCOMPARE(heard->link, m_hereSeen.link);
    }

    // The same bytes to the same port, each wrong in one thing; then one that is right, which is the first to be heard.
    void whoIsNotOnTheLinkIsNotHeard() {
        QVERIFY(m_far.enter());
        const auto shout = [](const char* from, const char* to, int hops, size_t size) {
            const int socket = ::socket(AF_INET6, SOCK_DGRAM, 0);
            const unsigned index = observeInterface("there")->index;
            sockaddr_in6 at{};
            at.sin6_family = AF_INET6;
            at.sin6_scope_id = index;
            std::copy_n(IpAddress::parse(from)->bytes().begin(), 16, at.sin6_addr.s6_addr);
            bool done = ::bind(socket, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 &&
                        ::setsockopt(socket, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops) == 0;
            std::copy_n(IpAddress::parse(to)->bytes().begin(), 16, at.sin6_addr.s6_addr);
            at.sin6_port = htons(agreement::agreementPort);
            const Bytes bytes(size, 9);
            done = done && ::sendto(socket, bytes.data(), size, 0, reinterpret_cast<sockaddr*>(&at), sizeof at) ==
                               static_cast<ssize_t>(size);
            ::close(socket);
            return done;
        };
        QVERIFY(shout("fe80::2", "fe80::1", 254, 3));                    // may have come through a router
        QVERIFY(shout("fd00::2", "fe80::1", 255, 3));                    // not a link-local address
        QVERIFY(shout("fe80::2", "fd00::1", 255, 3));                    // to another address
        QVERIFY(shout("fe80::2", "fe80::1", 255, maxMeshDatagram + 1));  // too long
        QVERIFY(shout("fe80::2", "fe80::1", 255, 4));
        QVERIFY(m_near.enter());
        const auto heard = waitFor(*m_here);
        QVERIFY(heard);
        QCOMPARE(heard->bytes.size(), size_t{4});
        QVERIFY(!m_here->receive());
    }
};

QTEST_GUILESS_MAIN(TestMeshSocket)
#include "test_mesh_socket.moc"
