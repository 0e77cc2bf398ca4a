// The spend gate: exact, whoever reserves and gives back at the same time.
#include <QTest>

#include <thread>
#include <vector>

#include "tun/agent/purchase_counters.h"
#include "tun/agent/spend_gate.h"

using namespace netpas;
using namespace netpas::tun;

namespace {

Money eighths(int64_t count) { return Money::fromEighths(count); }
SteadyTime at(int64_t nanoseconds) { return SteadyTime{std::chrono::nanoseconds(nanoseconds)}; }

}  // namespace

class TestSpendGate : public QObject {
    Q_OBJECT

private slots:
    void grantsUpToTheCap() {
        SpendGate gate(eighths(1000));
        QCOMPARE(gate.reserve(eighths(120), 5, at(0)).packets, 5u);
        const SpendGate::Grant rest = gate.reserve(eighths(120), 5, at(0));
        QCOMPARE(rest.packets, 3u);
        QCOMPARE(rest.limit, SpendLimit::Cap);
        QCOMPARE(gate.remaining(), eighths(40));
        QVERIFY(gate.capReached());
        gate.giveBack(eighths(120), 1);
        QCOMPARE(gate.spent(), eighths(840));
        QCOMPARE(gate.reserve(eighths(8), 100, at(0)).packets, 20u);
        QCOMPARE(gate.remaining(), Money::zero());
    }

    void remembersAnEarlierLife() {
        SpendGate gate(eighths(1000), Money::zero(), eighths(900), 4711);
        QCOMPARE(gate.reserve(eighths(60), 3, at(0)).packets, 1u);
        QCOMPARE(gate.takeSequence(64), uint64_t{4711});
        QCOMPARE(gate.nextSequence(), uint64_t{4775});
    }

    void nothingIsGrantedBeyondAnOverdrawnCap() {
        SpendGate gate(eighths(100), Money::zero(), eighths(200));
        QCOMPARE(gate.reserve(eighths(8), 1, at(0)).packets, 0u);
        QCOMPARE(gate.remaining(), eighths(-100));
    }

    void theRateIsATokenBucketOfOneSecond() {
        SpendGate gate(Money::max(), eighths(1000));
        QCOMPARE(gate.reserve(eighths(100), 64, at(0)).packets, 10u);
        QCOMPARE(gate.reserve(eighths(100), 64, at(99'999'999)).limit, SpendLimit::PerSecond);
        QCOMPARE(gate.reserve(eighths(100), 64, at(100'000'000)).packets, 1u);
        QCOMPARE(gate.reserve(eighths(100), 64, at(5'000'000'000)).packets, 10u);  // no more than a second's worth
        gate.giveBack(eighths(100), 4);
        QCOMPARE(gate.reserve(eighths(100), 64, at(5'000'000'000)).packets, 4u);
        QCOMPARE(gate.reserve(eighths(1001), 1, at(60'000'000'000)).packets, 0u);  // can never be paid
        QVERIFY(!gate.capReached());
    }

    void anyMinuteStaysWithinTheRate() {
        SpendGate gate(Money::max(), eighths(7'777));
        int64_t paid = 0;
        for (int64_t time = 0; time < 60'000'000'000; time += 1'234'567) {
            paid += 97 * int64_t{gate.reserve(eighths(97), 64, at(time)).packets};
        }
        QVERIFY(paid <= 7'777 * 61);
        QVERIFY(paid > 7'777 * 60 * 99 / 100);
    }

    void whatTheCapRefusesTakesNothingFromTheRate() {
        SpendGate gate(eighths(300), eighths(1000));
        QCOMPARE(gate.reserve(eighths(100), 10, at(0)).limit, SpendLimit::Cap);
        gate.giveBack(eighths(100), 3);
        QCOMPARE(gate.reserve(eighths(100), 3, at(0)).packets, 3u);
    }

    void threadsNeverSpendMoreThanTheCap() {
        constexpr int64_t cap = 1'000'003;
        SpendGate gate{eighths(cap)};
        std::atomic<int64_t> paid{0};
        std::vector<std::thread> threads;
        for (int64_t each : {97, 120, 8, 1001}) {
            threads.emplace_back([&, each] {
                for (int i = 0; i < 20'000; ++i) {
                    const uint32_t granted = gate.reserve(eighths(each), 7, at(0)).packets;
                    const uint32_t kept = granted / 2;
                    gate.giveBack(eighths(each), granted - kept);
                    paid += each * kept;
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        QCOMPARE(gate.spent().eighths(), paid.load());
        QVERIFY(paid.load() <= cap);
        QVERIFY(paid.load() > cap - 2002);
    }

    void countersAreNeverReadHalfWritten() {
        CounterCell cell;
        std::atomic<bool> stop{false};
        std::thread writer([&] {
            while (!stop) cell.addPaid(3, 300, 30);
        });
        for (int i = 0; i < 100'000; ++i) {
            const PurchaseCounters counters = cell.read();
            if (counters.bytes != counters.packets * 100 ||
                counters.amount.eighths() != static_cast<int64_t>(counters.packets) * 10) {
                stop = true;
                writer.join();
                QFAIL("half an update");
            }
        }
        stop = true;
        writer.join();
    }
};

QTEST_APPLESS_MAIN(TestSpendGate)
#include "test_spend_gate.moc"
