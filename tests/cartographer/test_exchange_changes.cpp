// Claims, ways and parts of a flow that change while statements about it are exchanged: who is judged by what, and who is not.
#include <QtTest>
#include <set>

#include "tests/cartographer/exchange_world.h"

using namespace world;

class TestExchangeChanges : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    // Whoever says another thing each time is judged by all of it.
    void whoClaimsAnewEachTimeIsJudged_data() {
        QTest::addColumn<QString>("how");
        for (const char* how : {"number", "latency", "throughput", "weaker now and then"}) QTest::newRow(how) << how;
    }
    void whoClaimsAnewEachTimeIsJudged() {
        QFETCH(QString, how);
        for (uint64_t seed = 1; seed <= 6; ++seed) {
            ExchangeWorld world(seed);
            const size_t liar = 1 + seed % (ExchangeWorld::nodes - 2);
            world.links[liar].real.arrives *= 0.88;
            uint32_t number = 1'900'100'000;
            world.meddle = [&](size_t from, size_t to, Bytes& bytes) {
                auto message = *decodeFlowMessage(bytes);
                auto* told = std::get_if<Told>(&message);
                if (from != liar || to + 1 != liar || told == nullptr) return true;
                Claim claim = *openClaim(told->claim);
                claim.number = ++number;
                const bool other = number % 2 == 0;
                if (how == "latency" && other) claim.latencyNanoseconds += 5'000'000;
                if (how == "throughput" && other) claim.bitsPerSecond -= claim.bitsPerSecond / 5;
                if (how == "weaker now and then" && number % 20 == 0) claim.arrives /= 2;
                told->claim = sign(claim, world.keys[liar]);
                bytes = encode(message);
                return true;
            };
            world.run(300, 100);
            const RouteReport* report = world.report(0);
            QVERIFY2(report != nullptr && report->verdict, qPrintable(QString::number(seed)));
            QVERIFY(world.indexOf(report->verdict->near) == liar || world.indexOf(report->verdict->far) == liar);
        }
    }

    // Links become better and worse, and their ends say so as soon as they know, which is a little later.
    void honestClaimsMayChange() {
        for (uint64_t seed = 1; seed <= 12; ++seed) {
            ExchangeWorld world(seed);
            for (int i = 0; i < 40; ++i) {
                Link& link = world.links[world.random.below(world.links.size())];
                const bool worse = world.random.below(2) == 0;
                link.real.arrives = worse ? 0.75 : 0.995;
                link.real.seconds = worse ? 0.05 : 0.01;
                world.run(10 + world.random.below(8), 100);
                link.said = link.real;
                world.run(world.random.below(20), 100);
                for (size_t node = 0; node + 1 < ExchangeWorld::nodes; ++node) {
                    const RouteReport* report = world.report(node);
                    QVERIFY2(report == nullptr || !report->verdict, qPrintable(QString::number(seed)));
                }
            }
        }
    }

    // The flow takes another way for a while, and comes back; all the time its end counts it.
    void aFlowThatWasElsewhereAccusesNobody() {
        for (uint64_t seed = 1; seed <= 5; ++seed) {
            ExchangeWorld world(seed);
            for (int i = 0; i < 3; ++i) {
                world.entersAt = 0;
                world.run(60 + world.random.below(100), 100);
                world.entersAt = 1 + seed % (ExchangeWorld::nodes - 2);
                world.run(20 + world.random.below(100), 100);
                for (size_t node = 0; node + 1 < ExchangeWorld::nodes; ++node) {
                    const RouteReport* report = world.report(node);
                    QVERIFY(report == nullptr || !report->verdict);
                }
            }
        }
    }

    // It goes on to another neighbour for a while, and leaves the mesh there: nobody has lost that.
    void aFlowThatLeavesElsewhereAccusesNobody() {
        ManualClock clock{SystemTime(std::chrono::seconds(1'900'000'000))};
        const Identity me = Identity::fromSeed({1});
        const std::array<Identity, 2> ends{Identity::fromSeed({2}), Identity::fromSeed({3})};
        const Route route{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.6")};
        size_t next = 0;
        uint64_t mine = 0;
        std::array<uint64_t, 2> theirs{};
        Exchange::Ports ports{clock, me.publicKey(), {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
        ports.send = [](const PublicKey&, const Bytes&) {};
        ports.signStatement = [](const Statement&) {};
        ports.signClaim = [](const Claim&) {};
        ports.passed = [] { return std::vector<Passed>(); };
        ports.passedOf = [&](const Route&) {
            const SteadyTime now = clock.steady();
            return std::optional(Passed{route, {{now, now, mine, mine * 1000}}, now});
        };
        ports.previous = [](const Route&) { return std::nullopt; };
        ports.next = [&](const Route&) { return std::optional(ends[next].publicKey()); };
        ports.link = [](const PublicKey&) { return Quality{1, 1e9, 0.001}; };
        ports.timeOf = [](uint64_t) { return std::nullopt; };
        ports.sightings = [](const Route&, uint64_t) { return std::vector<PacketTime>(); };
        Exchange exchange(std::move(ports), ExchangeWorld::quick());
        const auto windows = [&](size_t end, int count) {
            next = end;
            bool isHeard = true;
            for (int i = 0; i < count; ++i) {
                clock.advance(std::chrono::seconds(1));
                mine += 1000;
                theirs[end] += 1000;
                Statement statement;
                statement.signer = ends[end].publicKey();
                statement.flow = flowOf(route);
                statement.window = static_cast<uint32_t>(clock.now().time_since_epoch() / std::chrono::seconds(1));
                statement.packets = theirs[end];
                statement.bytes = statement.packets * 1000;
                const auto active = clock.steady().time_since_epoch();
                statement.activeNanoseconds =
                    static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(active).count());
                const auto told = encode(Told{route, sign(statement, ends[end]), {}});
                isHeard = exchange.receive(ends[end].publicKey(), told).has_value();
                exchange.run();
            }
            return isHeard;
        };
        QVERIFY(windows(0, 12));
        QCOMPARE(exchange.reports().at(0).windows, size_t{11});
        (void)windows(1, 10);
        QVERIFY(windows(0, 12));
        QVERIFY(exchange.reports().at(0).arrives && exchange.reports().at(0).observed.arrives > 0.99);
        QVERIFY(!exchange.reports().at(0).verdict);
    }

    // Two neighbours number their claims apart: the new one is heard however old its claim is.
    void anotherNeighboursClaimIsHeard() {
        ExchangeWorld world(12);
        world.run(50, 50);
        const size_t heard = world.report(3)->windows;
        QVERIFY(heard > 0);
        // Node 3 goes on by node 2 from now on, which says that node 5 is the end, as node 4 did.
        world.turned = 3;
        Statement statement;
        statement.signer = world.keys[5].publicKey();
        statement.flow = flowOf(world.route);
        statement.window = 1'900'000'100;
        statement.packets = 1000;
        statement.bytes = 1'000'000;
        Claim claim;
        claim.signer = world.keys[2].publicKey();
        claim.destination = statement.signer;
        claim.number = 7;
        claim.arrives = allArrive;
        const Bytes told = encode(Told{world.route, sign(statement, world.keys[5]), sign(claim, world.keys[2])});
        QVERIFY(world.exchanges[3]->receive(world.keys[2].publicKey(), told).has_value());
        QCOMPARE(world.report(3)->windows, size_t{0});
    }

    // A part of it comes another way, and somebody lies: those that see only a part say nothing, the others name the liar.
    void whoSeesAPartSaysNothing() {
        ExchangeWorld world(2);
        world.links[3].real.arrives *= 0.88;
        for (int i = 0; i < 300; ++i) {
            world.entersAt = 0;
            world.run(1, 50);
            world.entersAt = 2;
            world.run(1, 50);
        }
        for (const size_t node : {size_t{0}, size_t{1}}) QVERIFY(!world.report(node)->verdict);
        for (const size_t node : {size_t{2}, size_t{3}}) {
            QVERIFY(world.report(node)->verdict);
            QCOMPARE(world.indexOf(world.report(node)->verdict->near), size_t{3});
        }
    }

    // One bad time is one reason to name a link, not two.
    void whatWasJudgedIsNotJudgedAgain() {
        for (uint64_t seed = 1; seed <= 6; ++seed) {
            ExchangeWorld world(seed);
            const double arrives = world.links[2].real.arrives;
            world.run(120, 100);
            world.links[2].real.arrives = 0.3;
            world.run(30, 100);
            world.links[2].real.arrives = arrives;
            std::set<SystemTime> named;
            for (int i = 0; i < 400; ++i) {
                world.run(1, 100);
                const RouteReport* report = world.report(2);
                if (report->verdict) named.insert(report->verdict->at);
            }
            QCOMPARE(named.size(), size_t{1});
        }
    }

    // Who goes on is named again.
    void whoGoesOnIsNamedAgain() {
        ExchangeWorld world(3);
        world.links[2].real.arrives *= 0.85;
        std::set<SystemTime> named;
        for (int i = 0; i < 600; ++i) {
            world.run(1, 100);
            const RouteReport* report = world.report(2);
            if (report != nullptr && report->verdict) named.insert(report->verdict->at);
        }
        QVERIFY(named.size() >= 2);
    }
};

QTEST_APPLESS_MAIN(TestExchangeChanges)
#include "test_exchange_changes.moc"
