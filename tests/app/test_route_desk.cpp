// Four secretaries in a row, their agents' observations made up: routes are verified, shown, and an agreement with who does not deliver ends; what is not known
// is neither claimed nor held against anybody.
#include <QtTest>

#include <deque>

#include "app/secretary/route_desk.h"
#include "core/random.h"
#include "tests/app/purchase_fakes.h"

using namespace netpas;
using namespace netpas::secretaryd;
using namespace std::chrono_literals;

namespace {

const verification::Route route{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.4")};

LinkAddress linkOf(size_t node) { return {2, 0, 0, 0, 0, static_cast<uint8_t>(node + 1)}; }
IpAddress addressOf(size_t node) { return *IpAddress::parse("fe80::" + std::to_string(node + 1)); }

// Each node has an interface towards each side; all of its links have its one card's address.
class Row {
public:
    static constexpr size_t size = 4;
    static constexpr uint64_t packetSize = 1000;

    Row() {
        for (size_t i = 0; i < size; ++i) {
            nodes.push_back(std::make_unique<Node>());
            nodes[i]->me = Identity::fromSeed({static_cast<uint8_t>(i + 1)});
        }
        for (size_t i = 0; i < size; ++i) start(i);
    }

    // A second each; so many packets.
    void run(size_t seconds, uint64_t packets) {
        for (size_t second = 0; second < seconds; ++second) {
            send(packets);
            if (++m_second % 10 == 0) report();
            timers.run(1000ms);
            deliver();
        }
    }
    [[nodiscard]] std::optional<verification::RouteReport> at(size_t node) {
        const auto all = nodes[node]->routes->through(nodes[node + 1]->me.publicKey());
        return all.empty() ? std::nullopt : std::optional(all.front());
    }
    // The first node pays the second one for what it sends.
    [[nodiscard]] bool agree() {
        MeshSettings sells;
        sells.asks.upstream = *Money::parse("0.000001");
        sells.notice = 0s;
        MeshSettings buys;
        buys.buys = MeshBuys::Best;
        if (!nodes[1]->desk->set(sells) || !nodes[0]->desk->set(buys)) return false;
        run(15, 0);
        return state() == "active";
    }
    [[nodiscard]] std::string state() const {
        const auto all = nodes[0]->desk->agreements();
        return all.empty() ? "none" : all.front().state;
    }

    struct Node {
        Identity me = Identity::generate();
        store::MemoryDocuments documents;
        channel::SetMesh filter;
        std::unique_ptr<NeighbourDesk> desk;
        std::unique_ptr<RouteDesk> routes;
        uint64_t packets = 0;
    };
    ManualClock clock{SystemTime(1'800'000'000s)};
    fake::Timers timers{clock};
    std::vector<std::unique_ptr<Node>> nodes;
    std::array<double, size - 1> arrives{0.99, 0.98, 0.99};
    std::array<double, size - 1> said{0.99, 0.98, 0.99};
    bool linksKnown = true;

private:
    // Between node i and the next one.
    static std::string name(size_t link) { return "mesh" + std::to_string(link); }

    void start(size_t i) {
        Node& node = *nodes[i];
        auto opened = NeighbourDesk::open({node.documents, timers, clock, [](LogLevel, const std::string&) {}, node.me,
                                           [this, i](const channel::MeshSay& what) { say(i, what); },
                                           [&node](const channel::SetMesh& all) { node.filter = all; },
                                           [](const NeighbourPayment&, const NeighbourPaymentTold& told) {
                                               told({NeighbourPaymentNews::Kind::Posted, {}});
                                           },
                                           [] { return IspId{26}; }, [] { return true; }},
                                          NeighbourDesk::engineOptions());
        node.desk = std::move(*opened);
        node.routes = std::make_unique<RouteDesk>(
            RouteDesk::Ports{timers, clock, [](LogLevel, const std::string&) {}, node.me, *node.desk});
        channel::MeshLinks links{true, {}, ""};
        if (i > 0) links.links.push_back({name(i - 1), linkOf(i), addressOf(i), {}});
        if (i + 1 < size) links.links.push_back({name(i), linkOf(i), addressOf(i), {}});
        node.desk->links(links);
    }
    void say(size_t from, const channel::MeshSay& what) {
        const size_t to = what.interface == name(from) ? from + 1 : from - 1;
        if (to < size) under.push_back({to, {what.interface, linkOf(from), addressOf(from), what.bytes}});
    }
    void deliver() {
        while (!under.empty()) {
            const auto [to, what] = under.front();
            under.pop_front();
            count(to);
            // What the agent sees when a statement comes.
            if (what.bytes.size() > 1 && what.bytes[1] == verification::firstKind)
                nodes[to]->routes->seen({false, {flow(to)}, links(to)});
            nodes[to]->desk->heard(what);
        }
    }
    void count(size_t to) {
        channel::MeshCounts all{to + 1, {}};
        for (const channel::MeshNeighbour& one : nodes[to]->filter.neighbours)
            all.counts.push_back({one.interface, one.link, 0, 0, 0, 0, 0, 0});
        nodes[to]->desk->counted(all);
    }
    void send(uint64_t packets) {
        for (uint64_t k = 0; k < packets; ++k) {
            for (size_t i = 0; i < size; ++i) {
                ++nodes[i]->packets;
                if (i + 1 < size && static_cast<double>(m_random.below(1'000'000)) >= arrives[i] * 1e6) break;
            }
        }
    }
    channel::SeenFlow flow(size_t i) const {
        const auto now = static_cast<uint64_t>(clock.steady().time_since_epoch().count());
        channel::SeenFlow seen{route.source,
                               route.destination,
                               now,
                               {{now, now, nodes[i]->packets, nodes[i]->packets * packetSize}},
                               {},
                               {},
                               {}};
        if (i > 0) seen.from = channel::MeshPlace{name(i - 1), linkOf(i - 1)};
        if (i + 1 < size) seen.to = channel::MeshPlace{name(i), linkOf(i + 1)};
        return seen;
    }
    std::vector<channel::SeenLink> links(size_t i) const {
        if (!linksKnown || i + 1 >= size) return {};
        return {{{name(i), linkOf(i + 1)}, static_cast<uint32_t>(said[i] * 1e9), 50'000'000, 5'000'000}};
    }
    void report() {
        for (size_t i = 0; i < size; ++i) {
            channel::FlowsSeen all{true, {}, links(i)};
            if (i + 1 == size && nodes[i]->packets > 0) all.flows.push_back(flow(i));
            nodes[i]->routes->seen(all);
        }
    }

    SeededRandom m_random{7};
    std::deque<std::pair<size_t, channel::MeshHeard>> under;
    size_t m_second = 0;
};

}  // namespace

class TestRouteDesk : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void aWayIsVerifiedAndShown() {
        Row row;
        QVERIFY(row.agree());
        row.run(120, 200);
        const auto report = row.at(0);
        QVERIFY(report && report->windows > 5 && report->arrives && !report->throughput && !report->verdict);
        QVERIFY(std::abs(report->claimed.arrives - 0.99 * 0.98 * 0.99) < 0.001);
        QVERIFY(std::abs(report->observed.arrives - report->claimed.arrives) < 0.01);
        const auto views = row.nodes[0]->desk->agreements();
        QVERIFY(!views.empty() && views.front().routes.size() == 1);
        QVERIFY(row.nodes[0]->desk->neighbours().front().routes.size() == 1);
        QVERIFY(row.nodes[3]->desk->neighbours().front().routes.empty());
        QCOMPARE(row.state(), std::string("active"));
    }

    void whoDoesNotDeliverLosesItsAgreement() {
        Row row;
        QVERIFY(row.agree());
        row.arrives[0] = 0.85;  // of what goes to the second node, which says that it never came
        row.run(100, 200);
        QCOMPARE(row.state(), std::string("active"));  // once is not enough
        row.run(150, 200);
        const auto report = row.at(0);
        QVERIFY(report && report->verdict && report->verdict->confidence >= 0.9999);
        QVERIFY(report->verdict->near == row.nodes[0]->me.publicKey());
        QVERIFY(report->verdict->far == row.nodes[1]->me.publicKey());
        QVERIFY(row.state() == "ending" || row.state() == "ended");
    }

    void aLinkThatHasBecomeWorseIsNobodysLie() {
        Row row;
        QVERIFY(row.agree());
        row.run(60, 200);
        row.arrives[0] = 0.85;
        row.run(25, 200);
        row.said[0] = 0.85;  // its echoes say so by now
        row.run(250, 200);
        QCOMPARE(row.state(), std::string("active"));
    }

    void whoIsFurtherAwayIsNamedAndNobodyLosesAnything() {
        Row row;
        QVERIFY(row.agree());
        row.arrives[2] = 0.85;  // the third one's link
        row.run(200, 200);
        const auto report = row.at(0);
        QVERIFY(report && report->verdict);
        QVERIFY(report->verdict->near == row.nodes[2]->me.publicKey());
        QCOMPARE(row.state(), std::string("active"));
    }

    void whatIsNotKnownIsNotClaimed() {
        Row row;
        row.linksKnown = false;
        QVERIFY(row.agree());
        row.arrives = {0.5, 0.5, 0.5};
        row.run(150, 200);
        const auto report = row.at(0);
        QVERIFY(report && !report->verdict && report->claimed.arrives == 0);
        QCOMPARE(row.state(), std::string("active"));
    }
};

QTEST_APPLESS_MAIN(TestRouteDesk)
#include "test_route_desk.moc"
