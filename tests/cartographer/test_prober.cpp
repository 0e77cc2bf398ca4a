// Continuous measurement over a network in memory: what it finds, what it costs, and reflectors that lie.
#include <QtTest>

#include <cmath>
#include <deque>

#include "cartographer/measure/prober.h"
#include "core/stamp/reflector.h"

using namespace netpas;
using namespace netpas::measure;
using namespace std::chrono_literals;

namespace {

const SystemTime start{std::chrono::hours(490'000)};
const Endpoint here{*IpAddress::parse("192.0.2.9"), 50000};

ProbeRoute route(uint16_t isp, std::vector<ClassOn> classes = {}) {
    return {IspId(isp), {*IpAddress::parse("198.51.100.1"), isp}, std::move(classes)};
}

// A wire to each route's reflector, with a delay of each way, losses, and what a liar does to an answer.
struct Net {
    struct Way {
        std::chrono::nanoseconds there = 10ms;
        std::chrono::nanoseconds back = 10ms;
        uint64_t loseThere = 0;  // per thousand
        uint64_t loseBack = 0;
        std::function<void(stamp::ReflectorPacket&)> lie;
        std::unique_ptr<stamp::Reflector> reflector = std::make_unique<stamp::Reflector>(stamp::ReflectorOptions{});
        uint64_t sent = 0;
    };
    struct Answer {
        SteadyTime due;
        ProbeRoute route;
        Bytes packet;
    };

    explicit Net(Prober::Options options = {})
        : prober(options, clock, random, [this](const ProbeRoute& to, ByteView packet) { return send(to, packet); }) {}

    bool send(const ProbeRoute& to, ByteView packet) {
        Way& way = ways[to];
        ++way.sent;
        if (random.below(1000) < way.loseThere) return true;
        const SystemTime arrived = clock.now() + std::chrono::duration_cast<std::chrono::microseconds>(way.there);
        auto answer = way.reflector->answer(packet, {from, arrived}, arrived);
        if (!answer || random.below(1000) < way.loseBack) return true;
        if (way.lie) {
            auto reply = *stamp::decodeReflector(*answer, {});
            way.lie(reply);
            answer = stamp::encode(reply, {});
        }
        answers.push_back({clock.steady() + way.there + way.back, to, *answer});
        return true;
    }
    void pass(std::chrono::milliseconds time) {
        constexpr auto step = 5ms;
        for (auto passed = 0ms; passed < time; passed += step) {
            clock.advance(step);
            for (auto at = answers.begin(); at != answers.end();) {
                if (at->due > clock.steady()) {
                    ++at;
                    continue;
                }
                const Answer answer = *at;
                at = answers.erase(at);
                prober.take(answer.route, answer.packet, clock.now(), answer.due);
            }
            prober.run();
        }
    }
    ProbeReport of(const ProbeRoute& wanted) {
        for (ProbeReport& one : prober.report()) {
            if (one.route == wanted) return one;
        }
        return {};
    }

    Endpoint from = here;
    ManualClock clock{start};
    SeededRandom random{1};
    std::map<ProbeRoute, Way> ways;
    std::deque<Answer> answers;
    Prober prober;
};

bool holds(const Estimate& estimate, double truth) { return estimate.low <= truth && truth <= estimate.high; }

}  // namespace

class TestProber : public QObject {
    Q_OBJECT
private slots:

    void eachRouteHasItsOwnEstimates() {
        Net net;
        const ProbeRoute near = route(26);
        const ProbeRoute paid = route(24, {{IspId(26), ServiceClass(1)}, {IspId(24), ServiceClass(2)}});
        const ProbeRoute far = route(24);
        net.ways[near].there = net.ways[near].back = 5ms;
        net.ways[far].there = 40ms;
        net.ways[far].loseThere = 60;
        net.ways[far].loseBack = 20;
        net.ways[paid].there = 15ms;
        net.prober.setRoutes({near, far, paid});
        net.pass(300s);
        QVERIFY(holds(net.of(near).roundTrip, 0.010));
        QVERIFY(holds(net.of(far).roundTrip, 0.050));
        QVERIFY(holds(net.of(paid).roundTrip, 0.025));
        QCOMPARE(int(net.of(near).roundTrip.grade), int(Grade::Good));
        QVERIFY(net.of(near).roundTrip.high - net.of(near).roundTrip.low < 0.003);
        QCOMPARE(net.of(near).loss.value, 0.0);
        QVERIFY(holds(net.of(far).lossThere, 0.06));
        QVERIFY(holds(net.of(far).lossBack, 0.02));
        QVERIFY(holds(net.of(far).loss, 1 - 0.94 * 0.98));
        QVERIFY(net.of(far).trouble.empty());
    }

    void itNeverSendsMoreThanItMay() {
        Prober::Options options;
        options.perMinute = 120;
        Net net(options);
        std::vector<ProbeRoute> routes;
        for (uint16_t isp = 1; isp <= 20; ++isp) routes.push_back(route(isp));
        net.prober.setRoutes(routes);
        net.pass(60s);
        for (int minute = 0; minute < 5; ++minute) {
            const uint64_t before = net.prober.packetsSent();
            net.pass(60s);
            const uint64_t sent = net.prober.packetsSent() - before;
            QVERIFY2(sent <= 121 && sent > 100, qPrintable(QString::number(sent)));
        }
        for (const ProbeRoute& one : routes) QVERIFY(net.ways[one].sent > 20);  // none starves
    }

    void whatIsNotInUseIsNotMeasuredAndForgotten() {
        Net net;
        net.prober.setRoutes({route(26)});
        net.pass(60s);
        net.prober.setRoutes({});
        const uint64_t before = net.prober.packetsSent();
        QVERIFY(before > 50);
        QVERIFY(!net.prober.nextDue());
        net.pass(60s);
        QCOMPARE(net.prober.packetsSent(), before);
        QVERIFY(net.of(route(26)).roundTrip.known());  // until it is old
        net.clock.advance(11min);
        net.prober.setRoutes({});
        QVERIFY(net.prober.report().empty());
    }

    // Its reflector counts anew then, because it asks through another socket.
    void aRouteThatIsUsedAgainIsBelieved() {
        Net net;
        for (int use = 0; use < 5; ++use) {
            net.prober.setRoutes({route(26)});
            net.pass(8s);
            net.prober.setRoutes({});
            net.pass(2s);
            ++net.from.port;
        }
        const ProbeReport report = net.of(route(26));
        QCOMPARE(report.tally.impossible, uint64_t(0));
        QVERIFY2(report.trouble.empty(), report.trouble.c_str());
        QVERIFY(report.roundTrip.known() && report.roundTrip.samples > 30);
    }

    void aLiarIsNoticedAndIgnored_data() {
        QTest::addColumn<int>("kind");
        QTest::newRow("had it longer than it was away") << 0;
        QTest::newRow("answered before it was asked") << 1;
        QTest::newRow("always the same number") << 2;
        QTest::newRow("counts what was never sent") << 3;
    }
    void aLiarIsNoticedAndIgnored() {
        QFETCH(int, kind);
        Net net;
        net.ways[route(26)].lie = [kind](stamp::ReflectorPacket& packet) {
            const SystemTime received = stamp::fromTimestamp(packet.received, false);
            if (kind == 0) packet.timestamp = stamp::toNtp(received + 5s);
            if (kind == 1) packet.timestamp = stamp::toNtp(received - 5s);
            if (kind == 2) packet.sequence = 0;
            if (kind == 3) packet.sequence += 1000;
        };
        net.prober.setRoutes({route(26)});
        net.pass(60s);
        const ProbeReport report = net.of(route(26));
        QVERIFY2(report.trouble.find("not believed") != std::string::npos, report.trouble.c_str());
        QVERIFY(!report.roundTrip.known() && !report.loss.known());
        QVERIFY(report.tally.impossible >= 6);
        const uint64_t sent = net.prober.packetsSent();
        net.pass(60s);
        QCOMPARE(net.prober.packetsSent(), sent);  // nor asked any more
        net.ways[route(26)].lie = nullptr;         // mended
        net.pass(11min);
        QVERIFY(net.of(route(26)).trouble.empty());
        QVERIFY(holds(net.of(route(26)).roundTrip, 0.020));
    }

    void aReflectorThatBoastsGainsLittle() {  // says that it took all but a millisecond of the time
        Net net;
        net.ways[route(26)].lie = [](stamp::ReflectorPacket& packet) {
            packet.timestamp = stamp::toNtp(stamp::fromTimestamp(packet.received, false) + 19ms);
        };
        net.prober.setRoutes({route(26)});
        net.pass(60s);
        QVERIFY(net.of(route(26)).roundTrip.value > 0.0175);
    }

    void aReflectorThatIsStartedAnewIsBelieved() {
        Net net;
        net.prober.setRoutes({route(26)});
        net.pass(30s);
        net.ways[route(26)].reflector = std::make_unique<stamp::Reflector>(stamp::ReflectorOptions{});  // counts anew
        net.pass(60s);
        QVERIFY(net.of(route(26)).trouble.empty());
        QVERIFY(holds(net.of(route(26)).roundTrip, 0.020));
    }

    void silenceIsSaid() {
        Net net;
        net.ways[route(26)].loseThere = 1000;
        net.prober.setRoutes({route(26)});
        net.pass(30s);
        const ProbeReport report = net.of(route(26));
        QVERIFY(!report.trouble.empty() && !report.roundTrip.known());
        QVERIFY(report.loss.value == 1.0 && report.loss.low > 0.3);
    }

    void sayingTheSameAgainChangesNothing() {
        Net net;
        for (int i = 0; i < 600; ++i) {  // ten times a second
            net.prober.setRoutes({route(26)});
            net.pass(100ms);
        }
        QVERIFY2(net.prober.packetsSent() >= 58, qPrintable(QString::number(net.prober.packetsSent())));
    }

    void memoryIsBounded() {
        Net net;
        for (uint16_t isp = 1; isp <= 500; ++isp) {
            net.prober.setRoutes({route(isp)});
            net.pass(50ms);
        }
        QVERIFY(net.prober.report().size() <= 64);
        std::vector<ProbeRoute> many;
        for (uint16_t isp = 1; isp <= 500; ++isp) many.push_back(route(isp));
        net.prober.setRoutes(many);
        QCOMPARE(net.prober.routes().size(), size_t{32});
    }
};

QTEST_APPLESS_MAIN(TestProber)
#include "test_prober.moc"
