// What is learnt from the kernel's counts of TCP connections.
#include <QtTest>

#include <cmath>
#include <random>

#include "cartographer/measure/passive.h"

using namespace netpas;
using namespace netpas::measure;
using namespace std::chrono_literals;

namespace {

const PassiveSubject bestEffort{*IpAddress::parse("203.0.113.7"), {}};
const PassiveSubject gold{*IpAddress::parse("203.0.113.7"), {{IspId(26), ServiceClass(1)}}};

// A connection over a link that loses and has a rate.
struct Connection {
    explicit Connection(uint64_t number) { counts.cookie = number; }
    TcpCounts counts{};
    std::mt19937_64 random{1};

    void send(uint64_t segments, double loss) {
        std::binomial_distribution<uint64_t> lost(segments, loss);
        const uint64_t again = lost(random);
        counts.segmentsSent += segments;
        counts.retransmitted += again;
        counts.segmentBytes = 1448;
        counts.roundTrip = std::chrono::microseconds(42'000 + random() % 3000);
        counts.leastRoundTrip = 40'100us;
    }
};

bool holds(const Estimate& estimate, double truth) {
    return estimate.known() && estimate.low <= truth && truth <= estimate.high;
}

PassiveReport of(PassiveTcp& passive, const PassiveSubject& subject, SteadyTime now) {
    for (const PassiveReport& one : passive.report(now)) {
        if (one.subject == subject) return one;
    }
    return {};
}

}  // namespace

class TestPassive : public QObject {
    Q_OBJECT
private slots:

    void lossesAreRetransmissions() {
        PassiveTcp passive;
        Connection one(1);
        SteadyTime now{};
        for (int i = 0; i < 100; ++i) {
            one.send(200, 0.01);
            passive.take(now += 1s, {{one.counts, bestEffort}});
        }
        const PassiveReport report = of(passive, bestEffort, now);
        QVERIFY(holds(report.lossThere, 0.01));
        QCOMPARE(int(report.lossThere.grade), int(Grade::Good));
        QVERIFY(report.lossThere.high < 0.02);
    }

    void whatTheOtherEndHadAlreadyMakesTheIntervalWider() {
        PassiveTcp passive;
        Connection one(1);
        SteadyTime now{};
        for (int i = 0; i < 100; ++i) {
            one.send(200, 0.01);
            one.counts.retransmitted += 1;  // by mistake, or since a piece was lost: nobody knows
            one.counts.needlessly += 1;
            passive.take(now += 1s, {{one.counts, bestEffort}});
        }
        const Estimate loss = of(passive, bestEffort, now).lossThere;
        QVERIFY(holds(loss, 0.01) && holds(loss, 0.015));
        QVERIFY(loss.low > 0.006 && loss.high < 0.025);
    }

    void theRoundTripLiesBetweenLeastAndAverage() {
        PassiveTcp passive;
        Connection one(1);
        SteadyTime now{};
        for (int i = 0; i < 60; ++i) {
            one.send(100, 0);
            passive.take(now += 1s, {{one.counts, bestEffort}});
        }
        const PassiveReport report = of(passive, bestEffort, now);
        QVERIFY(holds(report.roundTrip, 0.040));
        QVERIFY(holds(report.roundTrip, 0.043));
        QVERIFY(std::abs(report.roundTrip.value - 0.0401) < 1e-6);
        QVERIFY(report.roundTrip.high < 0.045);
    }

    void onlyWhatTheNetworkHeldBackTellsItsRate() {
        PassiveTcp passive;
        Connection one(1);
        SteadyTime now{};
        const auto pass = [&](bool application, double busy, double held, uint64_t rate) {
            one.send(1000, 0);
            one.counts.applicationLimited = application;
            one.counts.busy += std::chrono::microseconds(std::llround(busy * 1e6));
            one.counts.held += std::chrono::microseconds(std::llround(held * 1e6));
            one.counts.deliveryRate = rate;
            passive.take(now += 1s, {{one.counts, bestEffort}});
        };
        for (int i = 0; i < 20; ++i) {
            pass(true, 1, 0, 9'000'000);   // nothing more to send
            pass(false, 0.3, 0, 50'000);   // idle for most of the time
            pass(false, 1, 0.5, 100'000);  // the receiver is slow
        }
        QVERIFY(!of(passive, bestEffort, now).rate.known());
        for (int i = 0; i < 30; ++i) pass(false, 1, 0, 2'400'000);
        const Estimate rate = of(passive, bestEffort, now).rate;
        QVERIFY(holds(rate, 2'400'000 * 8 * 1500.0 / 1448));
        QCOMPARE(int(rate.grade), int(Grade::Good));
    }

    void paidAndUnpaidAreToldApart() {
        PassiveTcp passive;
        Connection one(1);
        Connection other(2);
        SteadyTime now{};
        const auto pass = [&](double loss, const PassiveSubject& subject) {
            for (int i = 0; i < 60; ++i) {
                one.send(300, loss);
                other.send(300, 0.05);
                passive.take(now += 1s, {{one.counts, subject}, {other.counts, bestEffort}});
            }
        };
        pass(0.05, bestEffort);
        pass(0.0, gold);  // upgraded in mid-stream; the other one is its control
        QVERIFY(holds(of(passive, bestEffort, now).lossThere, 0.05));
        QVERIFY(of(passive, gold, now).lossThere.high < 0.01);
        QVERIFY(of(passive, bestEffort, now).lossThere.low > 0.03);
    }

    void anotherConnectionIsNotTheOneBefore() {
        PassiveTcp passive;
        Connection one(1);
        one.send(100'000, 0.5);
        SteadyTime now{};
        passive.take(now += 1s, {{one.counts, bestEffort}});
        Connection other(2);
        passive.take(now += 1s, {{other.counts, bestEffort}});
        QVERIFY(passive.report(now).empty());  // the first look at each says nothing
    }

    void memoryIsBounded() {
        PassiveTcp passive;
        SteadyTime now{};
        for (int round = 0; round < 5; ++round) {
            std::vector<PassiveTcp::Seen> all;
            for (uint32_t i = 0; i < 5000; ++i) {
                PassiveTcp::Seen seen{
                    {}, {*IpAddress::fromBytes(std::array<uint8_t, 4>{10, 0, uint8_t(i >> 8), uint8_t(i)}), {}}};
                seen.counts.cookie = i + 1;
                seen.counts.segmentsSent = static_cast<uint64_t>(round) * 100;
                all.push_back(seen);
            }
            passive.take(now += 1s, all);
        }
        QVERIFY(passive.report(now).size() <= 64);
    }
};

QTEST_APPLESS_MAIN(TestPassive)
#include "test_passive.moc"
