// Six nodes that exchange statements about a flow: who is named, who is not, and what forged, lost, repeated and impossible datagrams do.
#include <QtTest>

#include "tests/cartographer/exchange_world.h"

using namespace world;

namespace {

Question question(const ExchangeWorld& world) { return {world.route, 1, 4}; }

Statement statementOf(const ExchangeWorld& world, size_t signer) {
    Statement out;
    out.signer = world.keys[signer].publicKey();
    out.flow = flowOf(world.route);
    out.window = 1'900'000'100;
    out.packets = 1000;
    out.bytes = 1'000'000;
    return out;
}

}  // namespace

class TestExchange : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void messagesComeBack() {
        const Route six{*IpAddress::parse("fd00::1"), *IpAddress::parse("fd00::2")};
        const Route four{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2")};
        for (const FlowMessage& message :
             {FlowMessage(Told{six, Bytes(600, 1), Bytes(154, 2)}), FlowMessage(Told{four, Bytes(160, 1), {}}),
              FlowMessage(Question{four, 5, 28}), FlowMessage(Answer{six, 15, true, Bytes(671, 3), Bytes(154, 4)})}) {
            const Bytes bytes = encode(message);
            QVERIFY(bytes.size() <= maxMessage);
            QVERIFY(*decodeFlowMessage(bytes) == message);
            for (size_t i = 0; i < bytes.size(); ++i) QVERIFY(!decodeFlowMessage(ByteView(bytes).first(i)));
        }
        QVERIFY(!decodeFlowMessage(encode(Question{four, 5, 6 + maxSpan})));
        QVERIFY(!decodeFlowMessage(encode(Question{four, 5, 4})));
        QVERIFY(!decodeFlowMessage(encode(Answer{four, 16, false, {}, {}})));
        QVERIFY(!decodeFlowMessage(encode(Question{{four.source, six.source}, 1, 2})));
        QVERIFY(flowOf(four) != flowOf({four.destination, four.source}));
    }

    void everybodyLearnsWhatItsWayIsWorth() {
        ExchangeWorld world(1);
        world.run(150, 100);
        double arrives = 1, seconds = 0;
        for (size_t i = ExchangeWorld::nodes - 1; i-- > 0;) {
            arrives *= world.links[i].real.arrives;
            seconds += world.links[i].real.seconds + 0.0005;
            const RouteReport* report = world.report(i);
            QVERIFY(report != nullptr && report->arrives && report->latency && !report->throughput);
            QVERIFY(std::abs(report->claimed.arrives - arrives) < 0.01);
            QVERIFY(std::abs(report->observed.arrives - arrives) < 0.02);
            QVERIFY(std::abs(report->observed.seconds - seconds) < 0.002);
            QVERIFY(!report->verdict);
        }
        QVERIFY(world.exchanges.back()->reports().empty());  // it is the destination
    }

    void theLiarIsAtTheLink_data() {
        QTest::addColumn<QString>("lie");
        for (const char* lie : {"claim", "drop", "counts", "slow", "clock", "narrow"}) QTest::newRow(lie) << lie;
    }
    void theLiarIsAtTheLink() {
        QFETCH(QString, lie);
        for (uint64_t seed = 1; seed <= 12; ++seed) {
            ExchangeWorld world(seed);
            const size_t liar = 1 + seed % (ExchangeWorld::nodes - 2);
            Link& link = world.links[liar];
            if (lie == "slow" || lie == "clock") {
                link.real.seconds += 0.03;
            } else if (lie == "narrow") {
                for (Link& one : world.links) one.said.bitsPerSecond = one.real.bitsPerSecond = 8e6;
                link.real.bitsPerSecond = 4e6;
            } else {
                link.real.arrives *= 0.88;
            }
            if (lie == "counts") world.countedPart[liar] = 0.88;
            if (lie == "clock") world.clockOff[liar] = 30'000'000;
            // Windows of throughput count one by one.
            world.run(lie == "narrow" ? 280 : 200, 100);
            const RouteReport* report = world.report(0);
            QVERIFY(report != nullptr && report->verdict);
            if (lie == "narrow") QCOMPARE(report->verdict->metric, Metric::Throughput);
            QVERIFY(report->verdict->confidence >= 0.9999);
            const size_t near = world.indexOf(report->verdict->near), far = world.indexOf(report->verdict->far);
            QCOMPARE(far, near + 1);
            QVERIFY2(near == liar || far == liar, qPrintable(QString("%1: %2").arg(seed).arg(near)));
            // Behind the liar nobody is suspected.
            for (size_t i = liar + 1; i + 1 < ExchangeWorld::nodes; ++i) QVERIFY(!world.report(i)->verdict);
        }
    }

    void theHonestAreNotNamed() {
        for (uint64_t seed = 1; seed <= 20; ++seed) {
            ExchangeWorld world(seed);
            for (Link& link : world.links) link.datagrams = 0.9;
            world.run(150, 30 + seed * 5);
            for (size_t i = 0; i + 1 < ExchangeWorld::nodes; ++i) {
                const RouteReport* report = world.report(i);
                QVERIFY(report == nullptr || !report->verdict);
            }
        }
    }

    // Who has no time for half a second now and then counts right all the same, and nobody near it is taken for a liar.
    void busyNodesHearLateAndCountRight() {
        for (uint64_t seed = 1; seed <= 8; ++seed) {
            ExchangeWorld world(seed);
            world.busyFor = [&](size_t) { return world.random.below(10) == 0 ? 1 + world.random.below(4) : 0; };
            const bool lie = seed % 2 == 0;
            const size_t liar = 1 + seed % (ExchangeWorld::nodes - 2);
            if (lie) world.links[liar].real.arrives *= 0.88;
            world.run(250, 100);
            const RouteReport* report = world.report(0);
            QVERIFY(report != nullptr && report->verdict.has_value() == lie);
            if (lie)
                QVERIFY(world.indexOf(report->verdict->near) == liar || world.indexOf(report->verdict->far) == liar);
            for (size_t i = lie ? liar + 1 : 0; i + 1 < ExchangeWorld::nodes; ++i) QVERIFY(!world.report(i)->verdict);
        }
    }

    void whoIsMuchTooBusySaysNothing() {
        for (uint64_t seed = 1; seed <= 8; ++seed) {
            ExchangeWorld world(seed);
            world.busyFor = [&](size_t) { return world.random.below(10) == 0 ? 1 + world.random.below(30) : 0; };
            world.run(400, 100);
            for (size_t i = 0; i + 1 < ExchangeWorld::nodes; ++i) {
                const RouteReport* report = world.report(i);
                QVERIFY(report == nullptr || !report->verdict);
            }
        }
    }

    // Whoever passes statements on late, some more than others, makes nobody else's counts wrong, and hides nothing.
    void heldBackStatementsHideNothing() {
        for (uint64_t seed = 1; seed <= 10; ++seed) {
            ExchangeWorld world(seed);
            const size_t liar = 1 + seed % (ExchangeWorld::nodes - 2);
            world.links[liar].real.arrives *= 0.88;
            world.busyFor = [&](size_t node) { return node == liar ? world.random.below(4) : 0; };
            world.run(300, 100);
            const RouteReport* report = world.report(0);
            QVERIFY(report != nullptr && report->verdict);
            QVERIFY(world.indexOf(report->verdict->near) == liar || world.indexOf(report->verdict->far) == liar);
        }
    }

    void whoNeverKnowsWhatPassedIsAtTheLink() {
        for (uint64_t seed = 1; seed <= 5; ++seed) {
            ExchangeWorld world(seed);
            const size_t liar = 1 + seed % (ExchangeWorld::nodes - 2);
            world.links[liar].real.arrives *= 0.88;
            world.busyFor = [&](size_t node) { return node == liar ? 5 + world.random.below(9) : 0; };
            world.run(600, 100);
            const RouteReport* report = world.report(0);
            QVERIFY(report != nullptr && report->verdict);
            QVERIFY(world.indexOf(report->verdict->near) == liar || world.indexOf(report->verdict->far) == liar);
        }
    }

    void lostAndRepeatedDatagramsChangeNothing() {
        ExchangeWorld world(3);
        world.links[3].real.arrives *= 0.85;
        for (Link& link : world.links) link.datagrams = 0.9;
        world.meddle = [&](size_t from, size_t to, Bytes& bytes) {
            if (world.random.below(3) == 0) (void)world.exchanges[to]->receive(world.keys[from].publicKey(), bytes);
            return true;
        };
        world.run(300, 100);
        const RouteReport* report = world.report(0);
        QVERIFY(report != nullptr && report->verdict);
        QCOMPARE(world.indexOf(report->verdict->near), size_t{3});
    }

    void whoIsSilentIsAtTheLink() {
        ExchangeWorld world(4);
        world.links[3].real.arrives *= 0.85;
        world.meddle = [](size_t from, size_t, Bytes& bytes) {
            const auto message = decodeFlowMessage(bytes);
            return from != 3 || !std::holds_alternative<Answer>(*message);
        };
        world.run(200, 100);
        const RouteReport* report = world.report(0);
        QVERIFY(report != nullptr && report->verdict);
        QCOMPARE(world.indexOf(report->verdict->near), size_t{2});
        QCOMPARE(world.indexOf(report->verdict->far), size_t{3});
    }

    void forgersAreNotHeard() {
        // Node 2 writes statements and claims anew, in its own name and in others'.
        ExchangeWorld world(5);
        world.meddle = [&](size_t from, size_t, Bytes& bytes) {
            auto message = *decodeFlowMessage(bytes);
            auto* told = std::get_if<Told>(&message);
            if (from != 2 || told == nullptr) return true;
            Statement better = *openStatement(told->statement);
            better.packets += 100'000;
            better.bytes += 100'000'000;
            better.times.clear();
            told->statement = sign(better, world.keys[2]);  // not by whom it names
            bytes = encode(message);
            return true;
        };
        world.run(100, 50);
        QVERIFY(world.unheard[Unheard::Forged] > 5);
        QVERIFY(world.report(0) == nullptr && world.report(1) == nullptr && world.report(2) != nullptr);
    }

    void impossibleStatementsAreRefused() {
        ExchangeWorld world(6);
        world.run(50, 50);
        Exchange& fourth = *world.exchanges[4];
        const Identity& end = world.keys[5];
        const auto tell = [&](auto change) {
            Statement statement = statementOf(world, 5);
            change(statement);
            const auto heard = fourth.receive(end.publicKey(), encode(Told{world.route, sign(statement, end), {}}));
            return heard ? std::optional<Unheard>() : heard.error();
        };
        QCOMPARE(tell([](Statement& s) { s.packets = s.bytes; }), Unheard::Forged);
        QCOMPARE(tell([](Statement& s) { s.flow = {1}; }), Unheard::Impossible);
        QCOMPARE(tell([](Statement& s) { s.window += 400; }), Unheard::Impossible);
        QCOMPARE(tell([](Statement& s) { s.times = {{1, UINT64_MAX}}; }), Unheard::Impossible);
        QCOMPARE(tell([](Statement& s) { s.window -= 1000; }), Unheard::Stale);
        // Of packets that never passed.
        Route other = world.route;
        std::swap(other.source, other.destination);
        Statement statement = statementOf(world, 5);
        statement.flow = flowOf(other);
        QCOMPARE(fourth.receive(end.publicKey(), encode(Told{other, sign(statement, end), {}})).error(),
                 Unheard::Impossible);
        // A future that is near enough is a clock's.
        QVERIFY(!tell([](Statement&) {}));
        QVERIFY(world.report(4)->windows == 0);  // its counts had fallen
    }

    void strangersAreNotHeard() {
        ExchangeWorld world(7);
        world.run(50, 50);
        const auto from = [&](size_t who, const FlowMessage& message) {
            return world.exchanges[3]->receive(world.keys[who].publicKey(), encode(message)).error();
        };
        QCOMPARE(from(1, Told{world.route, sign(statementOf(world, 5), world.keys[5]), {}}), Unheard::Stranger);
        QCOMPARE(from(4, question(world)), Unheard::Stranger);
        QCOMPARE(from(4, Answer{world.route, 0, true, sign(statementOf(world, 4), world.keys[4]), {}}),
                 Unheard::Stale);  // nobody has asked
        QCOMPARE(from(4, Told{world.route, sign(statementOf(world, 5), world.keys[5]), {}}), Unheard::Forged);
        QCOMPARE(world.exchanges[3]->receive(world.keys[4].publicKey(), Bytes(40, 1)).error(), Unheard::Malformed);
    }

    void floodsAreCutShort() {
        ExchangeWorld world(8);
        world.run(50, 50);
        const Bytes asked = encode(question(world));
        size_t flood = 0;
        const uint64_t before = world.exchanges[3]->said().datagrams;
        for (int i = 0; i < 100'000; ++i) {
            const auto heard = world.exchanges[3]->receive(world.keys[2].publicKey(), asked);
            flood += !heard && heard.error() == Unheard::Flood ? 1U : 0U;
        }
        QVERIFY(flood >= 99'999);
        QVERIFY(world.exchanges[3]->said().datagrams <= before + maxWindows);
        // Others are heard meanwhile.
        world.run(50, 50);
        QVERIFY(world.report(3)->windows > 1);
    }

    void flowsAreBounded() {
        ExchangeOptions options = ExchangeWorld::quick();
        options.maxFlows = 16;
        ManualClock clock{SystemTime(std::chrono::seconds(1'900'000'000))};
        const Identity me = Identity::fromSeed({1}), other = Identity::fromSeed({2});
        Exchange::Ports ports{clock, me.publicKey(), {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
        ports.send = [](const PublicKey&, const Bytes&) {};
        ports.signStatement = [](const Statement&) {};
        ports.signClaim = [](const Claim&) {};
        ports.passed = [] { return std::vector<Passed>(); };
        ports.passedOf = [](const Route& route) {
            return std::optional(Passed{route, {{{}, {}, 5000, 5'000'000}}, {}});
        };
        ports.previous = [](const Route&) { return std::nullopt; };
        ports.next = [&](const Route&) { return std::optional(other.publicKey()); };
        ports.link = [](const PublicKey&) { return Quality{1, 1e9, 0.001}; };
        ports.timeOf = [](uint64_t) { return std::nullopt; };
        ports.sightings = [](const Route&, uint64_t) { return std::vector<PacketTime>(); };
        Exchange exchange(std::move(ports), options);
        const auto tell = [&](uint8_t last) {
            const std::array<uint8_t, 4> to{10, 0, 1, last};
            const Route route{*IpAddress::parse("10.0.0.1"), *IpAddress::fromBytes(to)};
            Statement statement;
            statement.signer = other.publicKey();
            statement.flow = flowOf(route);
            statement.window = 1'900'000'000;
            statement.packets = 1000;
            statement.bytes = 100'000;
            return exchange.receive(other.publicKey(), encode(Told{route, sign(statement, other), {}})).has_value();
        };
        size_t kept = 0;
        for (uint8_t i = 1; i <= 40; ++i) kept += tell(i) ? 1U : 0U;
        QCOMPARE(kept, size_t{16});
        QCOMPARE(exchange.reports().size(), size_t{16});
        clock.advance(std::chrono::minutes(5));
        exchange.run();
        QVERIFY(exchange.reports().empty() && tell(50));
    }

    void aNodeThatCannotSignLosesItsRouteOnly() {
        ExchangeWorld world(9);
        world.maySign = [](size_t node) { return node != 3; };
        world.run(100, 50);
        QVERIFY(world.report(3) != nullptr && world.report(4) != nullptr && world.report(2) == nullptr);
        world.maySign = {};
        world.run(50, 50);
        QVERIFY(world.report(0) != nullptr);
    }

    void aNodeThatStartsAnewIsComparedAnew() {
        ExchangeWorld world(10);
        world.run(120, 100);
        world.counts[2] = 0;
        world.run(20, 100);
        QVERIFY(world.report(2)->windows < 4);
        world.run(120, 100);
        for (size_t i = 0; i + 1 < ExchangeWorld::nodes; ++i) QVERIFY(!world.report(i)->verdict);
    }
};

QTEST_APPLESS_MAIN(TestExchange)
#include "test_exchange.moc"
