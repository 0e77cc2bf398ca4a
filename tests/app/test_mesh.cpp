// The agent's part of agreements with neighbours, on a real link: what is told to the secretary and in which order, floods, the packet filter, rights that end.
#include <QtTest>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>

#include "app/agent/mesh.h"
#include "app/agent/mesh_counters.h"
#include "app/agent/mesh_flood.h"
#include "app/agent/next_hops.h"
#include "app/common/asio_timers.h"
#include "core/agreement/advert.h"
#include "tests/tun/private_namespace.h"

using namespace netpas;
using namespace netpas::agent;
using namespace std::chrono_literals;

namespace {

const LinkAddress farLink = *parseLink("02:00:00:00:00:02");
const IpAddress farAddress = *IpAddress::parse("fe80::2");

tun::ForwardingNeighbour neighbour(const char* link) { return {"mesh0", *parseLink(link), {}, false, false, false}; }
tun::NeighbourMeter meter(uint64_t arrived, uint64_t sent) {
    tun::NeighbourMeter one;
    one.arrived = {arrived, arrived * 100};
    one.sent = {sent, sent * 100};
    return one;
}

LinkAddress stranger(int number) {
    return {2, 9, 0, 0, static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)};
}

}  // namespace

class TestMesh : public QObject {
    Q_OBJECT

    lab::Namespace m_far, m_near;  // this thread is in the second one
    boost::asio::io_context m_io;
    app::AsioTimers m_timers{m_io};
    std::unique_ptr<Mesh> m_mesh;
    std::unique_ptr<MeshSocket> m_there;
    std::vector<channel::Message> m_told;

    template <typename Kind>
    [[nodiscard]] std::vector<Kind> told() const {
        std::vector<Kind> all;
        for (const channel::Message& one : m_told) {
            if (const auto* said = std::get_if<Kind>(&one)) all.push_back(*said);
        }
        return all;
    }
    bool runUntil(const std::function<bool()>& ask, std::chrono::milliseconds limit = 10s) {
        const auto end = std::chrono::steady_clock::now() + limit;
        while (!ask() && std::chrono::steady_clock::now() < end) {
            m_io.restart();
            m_io.run_for(20ms);
        }
        return ask();
    }
    // Packets to this machine's address on the link.
    bool packets(int count) {
        bool done = m_far.enter();
        const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(4000);
        to.sin_addr.s_addr = htonl(0x0a000001);
        const std::array<char, 72> bytes{};
        for (int i = 0; i < count; ++i)
            done = ::sendto(socket, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to) == 72 &&
                   done;
        ::close(socket);
        return m_near.enter() && done;
    }
    // Of as many strangers, each with a link-layer address of its own.
    bool strangersSay(uint8_t kind, int count, int first = 0) {
        bool done = m_far.enter();
        const int socket = ::socket(AF_PACKET, SOCK_RAW, 0);
        sockaddr_ll there{};
        there.sll_family = AF_PACKET;
        there.sll_ifindex = static_cast<int>(::if_nametoindex("there"));
        for (int i = first; i < first + count; ++i) {
            Writer frame;
            frame.bytes(LinkAddress{0x33, 0x33, 0x4e, 0x50, 0, 1});
            frame.bytes(stranger(i));
            frame.u16(ETH_P_IPV6);
            frame.u32(6U << 28);
            frame.u16(8 + 3);
            frame.u8(IPPROTO_UDP);
            frame.u8(255);
            frame.bytes(IpAddress::parse("fe80::9:" + std::to_string(i + 1))->bytes());
            frame.bytes(IpAddress::parse(agreement::multicastGroup)->bytes());
            frame.u16(agreement::agreementPort);
            frame.u16(agreement::agreementPort);
            frame.u32((8 + 3) << 16);
            frame.bytes(Bytes{1, kind, 9});
            const Bytes all = frame.take();
            done = ::sendto(socket, all.data(), all.size(), 0, reinterpret_cast<sockaddr*>(&there), sizeof there) ==
                       static_cast<ssize_t>(all.size()) &&
                   done;
        }
        ::close(socket);
        return m_near.enter() && done;
    }
    static bool filterHas(const std::string& set, const std::string& text) {
        return lab::run("nft list set inet netpas_mesh " + set + " | grep -q '" + text + "'");
    }

private slots:
    void initTestCase() {
        QVERIFY(m_far.made() && m_near.made());
        QVERIFY(
            lab::run("ip link add mesh0 address 02:00:00:00:00:01 type veth peer name there address "
                     "02:00:00:00:00:02 netns " +
                     m_far.path()));
        QVERIFY(
            lab::run("ip link set lo up && ip link set mesh0 addrgenmode none up && ip addr add fe80::1/64 dev mesh0 "
                     "nodad && ip addr add 10.0.0.1/24 dev mesh0"));
        QVERIFY(m_far.enter());
        QVERIFY(
            lab::run("ip link set there addrgenmode none up && ip addr add fe80::2/64 dev there nodad && ip addr add "
                     "10.0.0.2/24 dev there"));
        auto there = MeshSocket::open(*observeInterface("there"));
        QVERIFY(there);
        m_there = std::move(*there);
        QVERIFY(m_near.enter());
        auto mesh = Mesh::open({m_io, m_timers, systemClock(), [](app::LogLevel, const std::string&) {},
                                [this](const channel::Message& one) { m_told.push_back(one); }},
                               {{"mesh0", "absent"}, {}, 0});
        QVERIFY2(mesh, mesh ? "" : mesh.error().c_str());
        m_mesh = std::move(*mesh);
        m_mesh->start();
        m_mesh->secretaryUp();
    }
    void init() { m_told.clear(); }
    void cleanupTestCase() { m_mesh.reset(); }

    void interfacesAreToldAndPacketsComeSingly() {
        m_mesh->secretaryUp();
        const auto links = told<channel::MeshLinks>();
        QCOMPARE(links.size(), size_t{1});
        QVERIFY(links[0].on && links[0].links.size() == 1 && links[0].links[0].interface == "mesh0");
        QVERIFY(links[0].links[0].address4 == *IpAddress::parse("10.0.0.1"));
        QVERIFY(lab::run("ip -d link show mesh0 | grep -q 'gso_max_segs 1 '"));
    }

    void aFloodOfAdvertsIsKeptFromTheSecretary() {
        for (int i = 0; i < 2000; ++i) (void)m_there->announce(Bytes{1, 1, static_cast<uint8_t>(i)});
        QVERIFY(runUntil([&] { return !told<channel::MeshHeard>().empty(); }));
        (void)runUntil([] { return false; }, 300ms);
        const auto heard = told<channel::MeshHeard>();
        QVERIFY2(heard.size() <= 8, std::to_string(heard.size()).c_str());
        QVERIFY(heard[0].interface == "mesh0" && heard[0].link == farLink && heard[0].from == farAddress);
    }

    void countsComeBeforeWhatWasSaidAfterThem() {
        m_mesh->on(channel::SetMesh{{{"mesh0", farLink, {farAddress}, false, false, 0}}});
        QVERIFY(runUntil([&] { return !told<channel::MeshCounts>().empty(); }));
        m_told.clear();
        QVERIFY(packets(7));
        QVERIFY(m_there->send(*IpAddress::parse("fe80::1"), Bytes{1, 5, 0}));
        QVERIFY(runUntil([&] { return !told<channel::MeshHeard>().empty(); }));
        const auto counts = told<channel::MeshCounts>();
        QVERIFY(!counts.empty());
        QCOMPARE(m_told.front().index(), channel::Message(channel::MeshCounts{}).index());
        QCOMPARE(counts.back().counts.at(0).arrivedPackets, uint64_t{7});
        QCOMPARE(counts.back().counts.at(0).arrivedBytes, uint64_t{700});
        QVERIFY(counts.back().run != 0);
    }

    void countersGoOnWhenOthersComeAndGo() {
        const auto last = [&] { return told<channel::MeshCounts>().back().counts.at(0); };
        const auto tell = [&](bool another) {
            channel::SetMesh all{{{"mesh0", farLink, {farAddress}, false, false, 0}}};
            if (another)
                all.neighbours.push_back(
                    {"mesh0", {2, 8, 0, 0, 0, 8}, {*IpAddress::parse("fe80::8")}, false, false, 0});
            m_told.clear();
            m_mesh->on(all);
            return runUntil([&] { return !told<channel::MeshCounts>().empty(); });
        };
        QVERIFY(tell(false));
        const uint64_t before = last().arrivedPackets;
        QVERIFY(packets(3));
        QVERIFY(tell(true));
        QCOMPARE(last().arrivedPackets, before + 3);
        QVERIFY(packets(4));
        QVERIFY(tell(false));
        QCOMPARE(last().arrivedPackets, before + 7);
    }

    void strangersWhoFloodMakeNobodyForgotten() {
        m_mesh->on(channel::SetMesh{{{"mesh0", farLink, {farAddress}, false, false, 0}}});
        (void)runUntil([] { return false; }, 300ms);
        m_told.clear();
        QVERIFY(strangersSay(1, 150));
        QVERIFY(m_there->announce(Bytes{1, 1, 7}));
        const auto from = [](const channel::MeshHeard& one) { return one.link == farLink; };
        QVERIFY(runUntil([&] {
            const auto all = told<channel::MeshHeard>();
            return std::any_of(all.begin(), all.end(), from);
        }));
        const auto all = told<channel::MeshHeard>();
        const auto strangers = all.size() - static_cast<size_t>(std::count_if(all.begin(), all.end(), from));
        QVERIFY2(strangers > 0 && strangers < 100, std::to_string(strangers).c_str());
    }

    // Neighbours of another link are strangers on this one.
    void anAddressIsANeighboursOnItsOwnLinkOnly() {
        (void)runUntil([] { return false; }, 1100ms);  // strangers have their turns again
        channel::SetMesh all;
        for (int i = 0; i < 150; ++i) all.neighbours.push_back({"absent", stranger(i), {}, false, false, 0});
        m_mesh->on(all);
        QVERIFY(strangersSay(1, 150));
        (void)runUntil([] { return false; }, 300ms);
        const size_t heard = told<channel::MeshHeard>().size();
        QVERIFY2(heard > 0 && heard < 100, std::to_string(heard).c_str());
    }

    void strangersMessagesAreFewerThanNeighbours() {
        for (const uint8_t kind : std::array<uint8_t, 2>{5, 9}) {
            m_told.clear();
            for (int i = 0; i < 3; ++i) {
                QVERIFY(strangersSay(kind, 200, 200 * i));
                (void)runUntil([] { return false; }, 20ms);
            }
            QVERIFY(runUntil([&] { return told<channel::MeshHeard>().size() > 100; }));
            (void)runUntil([] { return false; }, 300ms);
            const size_t heard = told<channel::MeshHeard>().size();
            QVERIFY2(heard < 500, std::to_string(heard).c_str());
        }
    }

    void otherKindsGoToWhoTakesThem() {
        int taken = 0;
        m_mesh->onOther([&](const std::string& interface, const MeshDatagram& one) {
            QCOMPARE(interface, std::string("mesh0"));
            QCOMPARE(one.kind(), uint8_t{9});
            ++taken;
        });
        QVERIFY(m_there->send(*IpAddress::parse("fe80::1"), Bytes{1, 9, 1}));
        QVERIFY(runUntil([&] { return taken == 1; }));
        QVERIFY(told<channel::MeshHeard>().empty());
        m_mesh->onOther({});
        QVERIFY(m_there->send(*IpAddress::parse("fe80::1"), Bytes{1, 9, 2}));
        QVERIFY(runUntil([&] { return told<channel::MeshHeard>().size() == 1; }));
        QVERIFY(m_mesh->say("mesh0", farAddress, Bytes{1, 9, 3}));
        QVERIFY(!m_mesh->say("absent", {}, Bytes{1, 9, 3}));
    }

    // The secretary says nothing more.
    void aRightEndsByTheAgentsOwnClock() {
        m_mesh->on(channel::SetMesh{{{"mesh0", farLink, {farAddress}, true, true, 2}}});
        QVERIFY(filterHas("upstream", "02:00:00:00:00:02"));
        QVERIFY(filterHas("downstream6", "fe80::2"));
        QVERIFY(runUntil([] { return !filterHas("upstream", "02:00:00:00:00:02"); }));
        QVERIFY(!filterHas("downstream6", "fe80::2"));
    }

    // The kernel does not know it: nobody has sent from it.
    void whatTwoClaimStaysWhoseItWas() {
        const IpAddress claimed = *IpAddress::parse("fe80::77");
        const channel::MeshNeighbour had{"mesh0", farLink, {claimed}, false, true, 60};
        const channel::MeshNeighbour late{"mesh0", {2, 0, 0, 0, 0, 1}, {claimed}, false, false, 0};
        m_mesh->on(channel::SetMesh{{had}});
        QVERIFY(filterHas("downstream6", "fe80::77"));
        m_mesh->on(channel::SetMesh{{late, had}});
        QVERIFY(filterHas("downstream6", "fe80::77"));
        m_mesh->on(channel::SetMesh{{late}});
        QVERIFY(!filterHas("downstream6", "fe80::77"));
        QVERIFY(filterHas("sent6", "fe80::77"));
    }

    // As when babeld is given another cost (link_rest.h).
    void aLinkThatRestsIsStillThere() {
        QVERIFY(packets(1));
        m_mesh->on(channel::SetMesh{{{"mesh0", farLink, {farAddress}, false, true, 60}}});
        QVERIFY(runUntil([] { return filterHas("downstream4", "10.0.0.2"); }));  // by the kernel's neighbour table
        QVERIFY(lab::run("ip link set mesh0 state dormant"));
        QVERIFY(!observeInterface("mesh0"));
        m_told.clear();
        (void)runUntil([] { return false; }, 2500ms);
        QVERIFY(told<channel::MeshLinks>().empty());
        QVERIFY(filterHas("downstream4", "10.0.0.2"));
        QVERIFY(m_there->announce(Bytes{1, 1, 4}));
        QVERIFY(runUntil([&] { return !told<channel::MeshHeard>().empty(); }));
        QVERIFY(lab::run("ip link set mesh0 state up"));
        QVERIFY(observeInterface("mesh0"));
    }

    void anInterfaceThatGoesIsToldAndItsReturnToo() {
        QVERIFY(lab::run("ip link set mesh0 down"));
        QVERIFY(runUntil([&] {
            const auto links = told<channel::MeshLinks>();
            return !links.empty() && links.back().links.empty();
        }));
        QVERIFY(lab::run("ip link set mesh0 up && ip addr replace fe80::1/64 dev mesh0 nodad"));
        QVERIFY(runUntil([&] { return !told<channel::MeshLinks>().back().links.empty(); }));
        QVERIFY(runUntil([&] {
            (void)m_there->announce(Bytes{1, 1, 3});
            return !told<channel::MeshHeard>().empty();
        }));
    }

    void onlyWhatHasChangedIsTold() {
        MeshCounters counters;
        const std::vector both{neighbour("02:00:00:00:00:02"), neighbour("02:00:00:00:00:03")};
        QCOMPARE(counters.changed(both, {meter(5, 10), meter(1, 1)}).size(), size_t{2});
        QVERIFY(counters.changed(both, {meter(5, 10), meter(1, 1)}).empty());
        const auto later = counters.changed(both, {meter(6, 12), meter(1, 1)});
        QCOMPARE(later.size(), size_t{1});
        QCOMPARE(later[0].sentPackets, uint64_t{12});
        QCOMPARE(later[0].arrivedBytes, uint64_t{600});
        counters.tellAll();
        QCOMPARE(counters.changed(both, {meter(6, 12), meter(1, 1)}).size(), size_t{2});
    }

    void manySendersTogetherAreBounded() {
        MeshFlood flood({64, 1024}, {4, 64});
        ManualClock clock;
        const auto passes = [&](const LinkAddress& link, const std::string& on = "mesh0") {
            return flood.mayPass(on, link, false, clock.steady());
        };
        int passed = 0;
        for (int i = 0; i < 5000; ++i) passed += passes(stranger(i)) ? 1 : 0;
        QVERIFY(passed <= 65);
        QVERIFY(flood.mayPass("mesh0", farLink, true, clock.steady()));  // neighbours have turns of their own
        // Who was not listened to for the others' sake has lost no turn of its own.
        for (int i = 0; i < 10; ++i) QVERIFY(!passes(farLink));
        clock.advance(20ms);
        QVERIFY(passes(farLink));
        clock.advance(1s);
        QVERIFY(passes(stranger(9999)));
    }

    void whoFloodsWithAnothersAddressOnAnotherLinkTakesNoTurnOfIt() {
        MeshFlood flood({64, 1024}, {4, 64});
        ManualClock clock;
        for (const bool neighbour : {false, true}) {
            int passed = 0;
            for (int i = 0; i < 1000; ++i) passed += flood.mayPass("mesh1", farLink, neighbour, clock.steady()) ? 1 : 0;
            QVERIFY(passed <= 65);
            QVERIFY(flood.mayPass("mesh0", farLink, neighbour, clock.steady()));
        }
    }

    void nextHopsAreWhatIsClaimedAndNotAnothers() {
        const auto address = [](const char* text) { return *IpAddress::parse(text); };
        const LinkAddress mine = farLink, other = *parseLink("02:00:00:00:00:09");
        const KnownNeighbours known{
            {address("10.0.0.2"), mine}, {address("10.0.0.9"), other}, {address("fe80::7"), mine}};
        const auto hops = nextHopsOf(mine, {address("fe80::2"), address("10.0.0.9")}, known, byLink(known), 8);
        QCOMPARE(hops, (std::vector{address("fe80::2"), address("10.0.0.2"), address("fe80::7")}));
        QCOMPARE(nextHopsOf(mine, {address("fe80::2")}, known, byLink(known), 2).size(), size_t{2});
        // The kernel knows who sent the packets before.
        QVERIFY(runUntil([&] {
            if (!packets(1)) return false;
            const auto seen = knownNeighbours(observeInterface("mesh0")->index);
            return seen.contains(address("10.0.0.2")) && seen.at(address("10.0.0.2")) == farLink;
        }));
    }
};

QTEST_GUILESS_MAIN(TestMesh)
#include "test_mesh.moc"
