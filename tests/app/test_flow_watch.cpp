// The agent's part of statements about routes, on a real link: what it tells of flows that end here, what it has read when a statement comes, and what links are worth.
#include <QtTest>

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>

#include "app/agent/flow_watch.h"
#include "app/agent/link_echo.h"
#include "cartographer/verify/messages.h"
#include "tests/app/purchase_fakes.h"
#include "tests/tun/private_namespace.h"

using namespace netpas;
using namespace netpas::agent;
using namespace std::chrono_literals;

namespace {

const LinkAddress farLink = *parseLink("02:00:00:00:00:02");
const IpAddress farAddress = *IpAddress::parse("fe80::2");
const verification::Route flow{*IpAddress::parse("10.0.0.2"), *IpAddress::parse("10.0.0.1")};

Bytes toldOf(const verification::Route& route, std::vector<verification::PacketTime> times = {}) {
    const Identity signer = Identity::fromSeed({5});
    verification::Statement statement;
    statement.signer = signer.publicKey();
    statement.flow = verification::flowOf(route);
    statement.window = 1;
    statement.packets = 1000;
    statement.bytes = 1'000'000;
    statement.times = std::move(times);
    return verification::encode(verification::Told{route, verification::sign(statement, signer), {}});
}

}  // namespace

class TestFlowWatch : public QObject {
    Q_OBJECT

    lab::Namespace m_far, m_near;  // this thread is in the second one
    boost::asio::io_context m_io;
    ManualClock m_clock{systemClock().now()};
    secretaryd::fake::Timers m_timers{m_clock};
    std::unique_ptr<FlowWatch> m_watch;
    std::vector<channel::Message> m_told;
    std::vector<std::pair<IpAddress, Bytes>> m_said;

    template <typename Kind>
    [[nodiscard]] std::vector<Kind> told() const {
        std::vector<Kind> all;
        for (const channel::Message& one : m_told) {
            if (const auto* said = std::get_if<Kind>(&one)) all.push_back(*said);
        }
        return all;
    }
    // From the neighbour to this machine; each is different.
    bool packets(int count) {
        bool done = m_far.enter();
        const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(4000);
        to.sin_addr.s_addr = htonl(0x0a000001);
        std::array<char, 72> bytes{};
        for (int i = 0; i < count; ++i) {
            ++m_sent;
            std::memcpy(bytes.data(), &m_sent, sizeof m_sent);
            done = ::sendto(socket, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to) == 72 &&
                   done;
        }
        ::close(socket);
        done = m_near.enter() && done;
        look();
        return done;
    }
    // At the packets that wait.
    void look() {
        for (int i = 0; i < 10; ++i) {
            m_io.restart();
            m_io.run_for(2ms);
            m_timers.run(20ms);
        }
    }
    // To the next report, which is now for the kernel, too.
    void window() {
        m_clock.setWall(systemClock().now() - 10s);
        m_timers.run(10s);
    }
    [[nodiscard]] std::vector<channel::FlowsSeen> reports() {
        std::vector<channel::FlowsSeen> all = told<channel::FlowsSeen>();
        std::erase_if(all, [](const auto& one) { return !one.ending; });
        return all;
    }
    void hear(const Bytes& bytes) { m_watch->heard("mesh0", {farAddress, farLink, bytes}); }
    uint64_t m_sent = 0;
    std::optional<std::chrono::nanoseconds> m_clockError{0};

private slots:
    void initTestCase() {
        QVERIFY(initCrypto());
        QVERIFY(m_far.made() && m_near.made());
        QVERIFY(
            lab::run("ip link add mesh0 address 02:00:00:00:00:01 type veth peer name there address "
                     "02:00:00:00:00:02 netns " +
                     m_far.path()));
        QVERIFY(
            lab::run("ip link set lo up && ip link set mesh0 addrgenmode none up && ip addr add fe80::1/64 dev mesh0 "
                     "nodad && ip addr add 10.0.0.1/24 dev mesh0 && ip neigh add fe80::2 lladdr 02:00:00:00:00:02 dev "
                     "mesh0 nud permanent"));
        QVERIFY(m_far.enter());
        QVERIFY(lab::run("ip link set there addrgenmode none up && ip addr add 10.0.0.2/24 dev there"));
        QVERIFY(m_near.enter());
        auto watch = FlowWatch::open({m_io, m_timers, m_clock, [](app::LogLevel, const std::string&) {},
                                      [this](const channel::Message& one) { m_told.push_back(one); },
                                      [this](const std::string&, const IpAddress& to, ByteView bytes) {
                                          m_said.emplace_back(to, Bytes(bytes.begin(), bytes.end()));
                                          return true;
                                      },
                                      [this] { return m_clockError; }},
                                     {"mesh0", "absent"});
        QVERIFY2(watch, watch ? "" : watch.error().c_str());
        m_watch = std::move(*watch);
        m_watch->start();
    }
    void init() {
        m_told.clear();
        m_said.clear();
    }
    void cleanupTestCase() { m_watch.reset(); }

    void aFlowThatEndsHereIsTold() {
        QVERIFY(packets(60));
        window();
        const auto all = reports();
        QCOMPARE(all.size(), size_t{1});
        QCOMPARE(all[0].flows.size(), size_t{1});
        const channel::SeenFlow& one = all[0].flows[0];
        QVERIFY(one.source == flow.source && one.destination == flow.destination && !one.to);
        QVERIFY((one.from == channel::MeshPlace{"mesh0", farLink}));
        QCOMPARE(one.counts.size(), size_t{1});
        QCOMPARE(one.counts[0].packets, uint64_t{60});
        QCOMPARE(one.counts[0].bytes, uint64_t{6000});
        QCOMPARE(one.times.size(), channel::maxSeenPackets);
        QVERIFY(std::is_sorted(one.times.begin(), one.times.end(),
                               [](const auto& a, const auto& b) { return a.hash < b.hash; }));
    }

    void fewPacketsAreNotWorthAStatement() {
        QVERIFY(packets(10));
        window();
        const auto all = reports();
        QVERIFY(!all.empty() && all[0].flows.empty());
    }

    void whatWasReadIsToldBeforeTheStatement() {
        hear(toldOf(flow));
        m_told.clear();
        m_timers.run(1s);
        QVERIFY(packets(30));
        m_timers.run(1s);
        m_told.clear();
        const auto came = static_cast<uint64_t>(m_clock.steady().time_since_epoch().count());
        hear(toldOf(flow));
        QCOMPARE(m_told.size(), size_t{2});
        const auto seen = told<channel::FlowsSeen>();
        const auto heard = told<channel::MeshHeard>();
        QVERIFY(seen.size() == 1 && heard.size() == 1 && std::holds_alternative<channel::FlowsSeen>(m_told[0]));
        QVERIFY(!seen[0].ending && seen[0].flows.size() == 1);
        const channel::SeenFlow& one = seen[0].flows[0];
        QCOMPARE(one.came, came);
        // Several times a second since the first statement, before and after the packets.
        QVERIFY2(one.counts.size() >= 8, qPrintable(QString::number(one.counts.size())));
        QVERIFY(one.counts.size() <= channel::maxSeenCounts);
        QCOMPARE(one.counts.back().packets - one.counts.front().packets, uint64_t{30});
        for (size_t i = 1; i < one.counts.size(); ++i) {
            QVERIFY(one.counts[i].before >= one.counts[i - 1].after);
            QVERIFY(one.counts[i].packets >= one.counts[i - 1].packets);
        }
        QVERIFY(heard[0].bytes == toldOf(flow) && heard[0].link == farLink);
    }

    void packetsThatAStatementNamesHaveTheirTimes() {
        QVERIFY(packets(40));
        window();
        const auto all = reports();
        QVERIFY(!all.empty() && !all[0].flows.empty() && all[0].flows[0].times.size() >= 10);
        const channel::SeenPacket& known = all[0].flows[0].times[3];
        m_told.clear();
        hear(toldOf(flow, {{known.hash, 5}, {known.hash + 1, 6}}));
        const auto seen = told<channel::FlowsSeen>();
        QVERIFY(seen.size() == 1 && seen[0].flows.size() == 1);
        QCOMPARE(seen[0].flows[0].times, std::vector{known});
    }

    // Of two clocks that are off by so much, the way between them never seems to be slower than it is.
    void timesAreAsEarlyOrAsLateAsTheyCanBe() {
        m_clockError = 7ms;
        QVERIFY(packets(40));
        window();
        auto all = reports();
        QVERIFY(!all.empty() && !all[0].flows.empty() && !all[0].flows[0].times.empty());
        const channel::SeenPacket early = all[0].flows[0].times[0];
        m_told.clear();
        hear(toldOf(flow, {{early.hash, 5}}));
        const auto seen = told<channel::FlowsSeen>();
        QVERIFY(seen.size() == 1 && seen[0].flows.size() == 1 && seen[0].flows[0].times.size() == 1);
        QCOMPARE(seen[0].flows[0].times[0].nanoseconds, early.nanoseconds + uint64_t{14'000'000});
        // Who does not know what time it is says nothing about it.
        m_clockError.reset();
        m_told.clear();
        hear(toldOf(flow, {{early.hash, 5}}));
        QVERIFY(told<channel::FlowsSeen>().at(0).flows.at(0).times.empty());
        QVERIFY(packets(40));
        window();
        all = reports();
        QVERIFY(!all.empty() && !all[0].flows.empty());
        QVERIFY(all[0].flows[0].counts.size() == 1 && all[0].flows[0].times.empty());
        m_clockError = 0ns;
    }

    void whatNeverPassedIsToldWithoutCounts() {
        hear(toldOf({*IpAddress::parse("10.9.9.9"), flow.destination}));
        QVERIFY(told<channel::FlowsSeen>().empty());
        QCOMPARE(told<channel::MeshHeard>().size(), size_t{1});
    }

    void garbageGoesNoFurther() {
        Bytes cut = toldOf(flow);
        cut.resize(cut.size() / 2);
        hear(cut);
        hear({1, 9});
        hear({1, 14, 0});
        hear({1, 255});
        QVERIFY(m_told.empty() && m_said.empty());
        // Questions are the secretary's.
        hear(verification::encode(verification::Question{flow, 1, 2}));
        QVERIFY(told<channel::MeshHeard>().size() == 1 && told<channel::FlowsSeen>().empty());
    }

    void linksAreWorthWhatTheirEchoesSay() {
        LinkEchoes there;
        const Bytes question = there.ask({"there", farLink}, m_clock.steady());
        hear(question);
        QCOMPARE(m_said.size(), size_t{1});
        QVERIFY(m_said[0].first == farAddress && m_said[0].second[1] == LinkEchoes::answerKind);
        for (int i = 0; i < 15; ++i) {
            m_said.clear();
            m_timers.run(1s);
            for (const auto& [to, bytes] : m_said) {
                QVERIFY(to == farAddress);
                if (const auto answer = there.answerTo({"there", farLink}, bytes); answer && i % 15 != 7) hear(*answer);
            }
        }
        m_told.clear();
        window();
        const auto all = reports();
        QVERIFY(!all.empty() && all.back().links.size() == 1);
        const channel::SeenLink& link = all.back().links[0];
        QVERIFY((link.place == channel::MeshPlace{"mesh0", farLink}));
        QVERIFY(link.arrives > 300'000'000 && link.arrives < 1'000'000'000);  // some were not answered
    }

    // How much came from it, and when that was counted.
    void neighboursAreToldWhatCame() {
        LinkEchoes there;
        const auto answer = [&] {
            m_said.clear();
            hear(there.ask({"there", farLink}, m_clock.steady()));
            return m_said.size() == 1 ? m_said[0].second : Bytes(64);
        };
        m_timers.run(1s);  // it has been asked itself
        channel::MeshCount count;
        count.interface = "mesh0";
        count.link = farLink;
        count.arrivedBytes = 7000;
        m_watch->counted({1, {count}});
        const Bytes first = answer();
        QCOMPARE(load64(first.data() + 10), uint64_t{7000});
        m_timers.run(1s);
        count.arrivedBytes = 9000;
        m_watch->counted({1, {count}});
        const Bytes second = answer();
        QCOMPARE(load64(second.data() + 10), uint64_t{9000});
        QCOMPARE(load64(second.data() + 18) - load64(first.data() + 18), uint64_t{1'000'000'000});
    }

    void nothingIsToldAfterTheEnd() {
        m_watch->stop();
        m_told.clear();
        m_timers.run(30s);
        QVERIFY(m_told.empty());
        QCOMPARE(m_timers.waiting(), size_t{0});
    }
};

QTEST_APPLESS_MAIN(TestFlowWatch)
#include "test_flow_watch.moc"
