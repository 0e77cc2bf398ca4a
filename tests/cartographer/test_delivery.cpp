// The judge of what is paid for, over networks in memory: honest ones, noisy ones for days, and those that sell and do not deliver.
#include <QtTest>

#include <cmath>

#include "cartographer/measure/delivery.h"
#include "core/random.h"

using namespace netpas;
using namespace netpas::measure;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

const ClassOn z{IspId(26), ServiceClass(1)};
const ClassOn y{IspId(25), ServiceClass(1)};
const ClassOn x{IspId(24), ServiceClass(1)};

ProbeRoute route(const std::vector<ClassOn>& way, bool paid) {
    const IspId isp = way.back().isp;
    return {isp, {*IpAddress::parse("198.51.100.1"), isp.value()}, paid ? way : std::vector<ClassOn>{}};
}

WatchedWay watched(const std::vector<ClassOn>& way, std::vector<ClassOn> suspects) {
    PromisedQuality promised{40ms, 0.001};
    return {route(way, true), route(way, false), std::move(suspects), promised, 1e9};
}

struct Fate {
    bool lostThere = false;
    bool lostBack = false;
    nanoseconds there = 10ms;
    nanoseconds back = 10ms;
};

// Test packets on every route, ten times a second where the judge is in a hurry and else once; time does not pass otherwise.
class Simulation {
public:
    using Network = std::function<Fate(const ProbeRoute& route, double second)>;
    Simulation(std::vector<WatchedWay> ways, uint64_t seed) : random(seed), m_ways(std::move(ways)) {
        judge.watch(m_now, m_ways);
    }

    // Until the first verdict or until the time is over.
    std::vector<NotDelivered> run(nanoseconds time, const Network& network) {
        const SteadyTime end = m_now + std::chrono::duration_cast<SteadyTime::duration>(time);
        constexpr auto step = 50ms;
        for (; m_now < end; m_now += step) {
            const std::set<ProbeRoute> urgent = judge.urgent(m_now);
            for (const WatchedWay& way : m_ways) {
                for (const ProbeRoute& one : {way.paid, way.control}) tick(one, urgent.contains(one), network);
            }
            auto found = judge.run(m_now);
            if (!found.empty()) return found;
        }
        return {};
    }
    [[nodiscard]] double seconds() const { return std::chrono::duration<double>(m_now.time_since_epoch()).count(); }
    [[nodiscard]] uint64_t packets() const { return m_packets; }
    [[nodiscard]] double uniform() { return static_cast<double>(random.below(1'000'000'000)) / 1e9; }
    [[nodiscard]] bool chance(double probability) { return uniform() < probability; }

    SeededRandom random;
    DeliveryJudge judge;

private:
    struct Line {
        SteadyTime due{};
        uint32_t sent = 0;  // since the last answer
        uint32_t arrived = 0;
    };
    void tick(const ProbeRoute& one, bool hurry, const Network& network) {
        Line& line = m_lines[one];
        if (hurry) line.due = std::min(line.due, m_now + 100ms);
        if (m_now < line.due) return;
        line.due = m_now + (hurry ? nanoseconds(100ms) : nanoseconds(1s));
        const Fate fate = network(one, seconds());
        ++m_packets;
        ++line.sent;
        judge.sent(one, m_now);
        if (fate.lostThere) return;
        ++line.arrived;
        if (fate.lostBack) return;
        stamp::Sample sample;
        sample.sentAt = m_now;
        // The reflector's clock is far off, and drifts by 20 millionths.
        sample.toReflector =
            fate.there + std::chrono::hours(490'000) + nanoseconds(static_cast<int64_t>(20'000 * seconds()));
        sample.roundTrip = fate.there + fate.back;
        sample.sent = line.sent;
        sample.arrived = line.arrived;
        line.sent = line.arrived = 0;
        judge.answered(one, sample);
    }

    std::vector<WatchedWay> m_ways;
    SteadyTime m_now{1h};
    std::map<ProbeRoute, Line> m_lines;
    uint64_t m_packets = 0;
};

nanoseconds milliseconds(double value) { return nanoseconds(static_cast<int64_t>(value * 1e6)); }

// A queue that many connections fill and drain.
double queueAt(double second, double mean, Simulation& net) {
    return mean * (1 + 0.4 * std::sin(second * 2.1) + 0.2 * std::sin(second * 5.7)) + 4 * net.uniform();
}

const std::vector<ClassOn> whole{z, y};

}  // namespace

class TestDelivery : public QObject {
    Q_OBJECT
private slots:

    void whatIsBetterThanACongestedNetworkIsDelivered() {
        for (uint64_t seed = 1; seed <= 3; ++seed) {
            Simulation net({watched(whole, {y})}, seed);
            const auto found = net.run(6h, [&](const ProbeRoute& one, double second) {
                Fate fate;
                fate.there += milliseconds(net.uniform());
                if (!one.classes.empty()) return fate;
                fate.there += milliseconds(queueAt(second, 150, net));
                fate.lostThere = net.chance(0.05);
                return fate;
            });
            QVERIFY(found.empty());
            QCOMPARE(int(net.judge.standing().front().last), int(Vote::Better));
        }
    }

    // Random losses, jitter, bursts that hit everybody for up to two seconds, outages, congestion on the way back, routes that become longer.
    void aNoisyNetworkIsNeverDropped_data() {
        QTest::addColumn<bool>("promised");
        QTest::addColumn<double>("longer");  // milliseconds
        QTest::newRow("longer ways as short as promised") << true << 7.0;
        QTest::newRow("nothing promised") << false << 35.0;
    }
    void aNoisyNetworkIsNeverDropped() {
        QFETCH(bool, promised);
        QFETCH(double, longer);
        for (uint64_t seed = 1; seed <= 3; ++seed) {
            WatchedWay way = watched(whole, {y});
            if (!promised) way.promised = {};
            Simulation net({way}, seed);
            double nextBurst = 0, burstEnd = 0, height = 0, nextOutage = 600, outageEnd = 0;
            const auto found = net.run(12h, [&](const ProbeRoute&, double second) {
                if (second >= nextBurst) {
                    burstEnd = second + 0.2 + 1.8 * net.uniform();
                    nextBurst = burstEnd + 20 + 80 * net.uniform();
                    height = 40 + 300 * net.uniform();
                }
                if (second >= nextOutage) {
                    outageEnd = second + 1 + 20 * net.uniform();
                    nextOutage = second + 900 * net.uniform() + 300;
                }
                Fate fate;
                fate.there += milliseconds(-3 * std::log(1 - net.uniform()));
                fate.back += milliseconds(-3 * std::log(1 - net.uniform()));
                const bool backCongested = std::fmod(second, 1800) > 1200;
                if (backCongested) fate.back += milliseconds(queueAt(second, 120, net));
                fate.there += milliseconds(longer * std::floor(second / 10'000));
                const bool burst = second < burstEnd;
                if (burst) fate.there += milliseconds(height * (0.7 + 0.3 * net.uniform()));
                fate.lostThere = second < outageEnd || net.chance(burst ? 0.25 : 0.03);
                fate.lostBack = net.chance(backCongested ? 0.06 : 0.02);
                return fate;
            });
            QVERIFY2(found.empty(), qPrintable(QString("seed %1 after %2 s").arg(seed).arg(net.seconds() - 3600)));
            QVERIFY(net.judge.standing().front().votes > 10'000);
        }
    }

    // Sold as better, carried like everything else.
    void aLiarIsFoundWithinSeconds_data() {
        QTest::addColumn<double>("queue");
        QTest::addColumn<double>("loss");
        QTest::newRow("queue") << 90.0 << 0.0;
        QTest::newRow("queue and losses") << 60.0 << 0.04;
        QTest::newRow("losses of a policer") << 0.0 << 0.25;
    }
    void aLiarIsFoundWithinSeconds() {
        QFETCH(double, queue);
        QFETCH(double, loss);
        for (uint64_t seed = 1; seed <= 20; ++seed) {
            Simulation net({watched(whole, {y})}, seed);
            const auto traffic = [&](bool busy) {
                return [&, busy](const ProbeRoute&, double second) {
                    Fate fate;
                    fate.there += milliseconds(net.uniform());
                    if (!busy) return fate;
                    if (queue > 0) fate.there += milliseconds(queueAt(second, queue, net));
                    fate.lostThere = net.chance(loss);
                    return fate;
                };
            };
            QVERIFY(net.run(60s, traffic(false)).empty());
            const double begun = net.seconds();
            const auto found = net.run(60s, traffic(true));
            QCOMPARE(found.size(), size_t{1});
            const double seconds = net.seconds() - begun;
            QVERIFY2(seconds < (queue > 0 ? 15 : 40) && seconds > 4, qPrintable(QString::number(seconds)));
            QVERIFY(found.front().way.suspects == std::vector<ClassOn>{y});
            const auto& windows = found.front().windows;
            QVERIFY(std::count_if(windows.begin(), windows.end(),
                                  [](const auto& one) { return one.vote == Vote::Bad; }) >= 8);
        }
    }

    void whoTakesTheMoneyAndThePacketsIsFound() {
        Simulation net({watched(whole, {y})}, 4);
        const auto found = net.run(60s, [&](const ProbeRoute& one, double) {
            Fate fate;
            fate.lostThere = !one.classes.empty();
            return fate;
        });
        QCOMPARE(found.size(), size_t{1});
    }

    // The ISPs behind the one that lies suffer with it.
    void theFirstThatDoesNotDeliverIsBlamed() {
        for (uint64_t seed = 1; seed <= 20; ++seed) {
            Simulation net({watched({z}, {z}), watched({z, y}, {y}), watched({z, y, x}, {x})}, seed);
            const auto found = net.run(120s, [&](const ProbeRoute& one, double second) {
                Fate fate;
                fate.there += milliseconds(net.uniform());
                if (one.isp == z.isp || second < 3610) return fate;
                fate.there += milliseconds(queueAt(second, 80, net));
                fate.lostThere = net.chance(0.03);
                return fate;
            });
            QCOMPARE(found.size(), size_t{1});
            QVERIFY(found.front().way.suspects == std::vector<ClassOn>{y});
            // Nor is the last one convicted for it afterwards, while something is done about it.
            QVERIFY(net.run(10s, [&](const ProbeRoute&, double) { return Fate{}; }).empty());
        }
    }

    // What is slow as promised is not late.
    void aPromiseThatIsKeptIsDelivered() {
        WatchedWay way = watched(whole, {y});
        way.promised = {200ms, 0.3};
        Simulation net({way}, 5);
        const auto found = net.run(1h, [&](const ProbeRoute&, double second) {
            Fate fate;
            fate.there += milliseconds(queueAt(second, 90, net));
            fate.lostThere = net.chance(0.25);
            return fate;
        });
        QVERIFY(found.empty());
    }

    void whoFillsTheWayItselfBlamesNobody() {
        WatchedWay way = watched(whole, {y});
        way.fairLoad = 7e6;
        Simulation net({way}, 6);
        net.judge.load(8e6);
        const auto full = [&](const ProbeRoute&, double second) {
            Fate fate;
            if (second > 3610) fate.there += milliseconds(queueAt(second, 90, net));
            return fate;
        };
        QVERIFY(net.run(10min, full).empty());
        net.judge.load(1e6);
        QCOMPARE(net.run(1min, full).size(), size_t{1});
    }

    // A longer way, with the same queues as before, is another way and no lie.
    void aLongerWayIsNoQueue() {
        Simulation net({watched(whole, {y})}, 7);
        const auto found = net.run(30min, [&](const ProbeRoute&, double second) {
            Fate fate;
            if (second > 3700) fate.there += 120ms;
            fate.there += milliseconds(0.5 * net.uniform());
            return fate;
        });
        QVERIFY(found.empty());
        QCOMPARE(int(net.judge.standing().front().last), int(Vote::Fine));
    }

    void afterAVerdictThereIsTimeToAct() {
        Simulation net({watched(whole, {y})}, 8);
        const auto lie = [&](const ProbeRoute&, double second) {
            Fate fate;
            if (second > 3610) fate.there += milliseconds(queueAt(second, 90, net));
            return fate;
        };
        QCOMPARE(net.run(60s, lie).size(), size_t{1});
        const double first = net.seconds();
        QCOMPARE(net.run(120s, lie).size(), size_t{1});
        QVERIFY(net.seconds() - first >= 15);
    }

    // Nothing is known of a way whose ISPs have no reflectors, and what is not watched any more is forgotten.
    void whatIsNotWatchedIsNotJudged() {
        Simulation net({watched(whole, {y})}, 9);
        net.judge.watch(SteadyTime{1h}, {});
        QVERIFY(net.run(60s,
                        [&](const ProbeRoute& one, double) {
                            return Fate{!one.classes.empty(), false, 10ms, 10ms};
                        })
                    .empty());
        QVERIFY(net.judge.standing().empty());
        QVERIFY(net.judge.urgent(SteadyTime{1h}).empty());
    }

    void aCalmNetworkIsMeasuredCheaply() {
        Simulation net({watched(whole, {y})}, 10);
        QVERIFY(net.run(1h, [](const ProbeRoute&, double) { return Fate{}; }).empty());
        QVERIFY2(net.packets() < 2 * 3600 + 100, qPrintable(QString::number(net.packets())));
    }
};

QTEST_GUILESS_MAIN(TestDelivery)
#include "test_delivery.moc"
