// How much had passed at a moment that is over: from readings around it, however late a statement comes, and never from too few of them.
#include <QtTest>

#include "cartographer/verify/moments.h"

using namespace netpas;
using namespace netpas::verification;
using namespace std::chrono_literals;

namespace {

SteadyTime at(std::chrono::milliseconds since) { return SteadyTime(1h + since); }
Reading reading(std::chrono::milliseconds when, uint64_t packets, std::chrono::milliseconds took = 2ms) {
    return {at(when - took / 2), at(when + took / 2), packets, packets * 1000};
}
Route routeTo(size_t i) { return {*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.1.0." + std::to_string(i))}; }

}  // namespace

class TestMoments : public QObject {
    Q_OBJECT

private slots:
    void betweenTwoReadingsAPartHasPassed() {
        const std::vector<Reading> all{reading(0ms, 100), reading(200ms, 300), reading(400ms, 300)};
        const auto half = countedAt(all, at(100ms), 250ms);
        QVERIFY(half && half->packets == 200 && half->bytes == 200'000);
        QVERIFY(countedAt(all, at(200ms), 250ms)->packets == 300);
        QVERIFY(countedAt(all, at(333ms), 250ms)->packets == 300);
    }

    void theNearestCountsAtTheEnds() {
        const std::vector<Reading> all{reading(0ms, 100), reading(200ms, 300)};
        QVERIFY(countedAt(all, at(210ms), 250ms)->packets == 300);
        QVERIFY(countedAt(all, at(-10ms), 250ms)->packets == 100);
        QVERIFY(!countedAt(all, at(500ms), 250ms));
        QVERIFY(!countedAt(all, at(-300ms), 250ms));
        QVERIFY(!countedAt({}, at(0ms), 250ms));
    }

    void whoReadTooRarelyDoesNotKnow() {
        const std::vector<Reading> all{reading(0ms, 100), reading(600ms, 700)};
        QVERIFY(!countedAt(all, at(300ms), 250ms));
        // Also when one reading took so long.
        const std::vector<Reading> slow{reading(0ms, 100), reading(400ms, 700, 600ms)};
        QVERIFY(!countedAt(slow, at(100ms), 250ms));
        QVERIFY(!countedAt({reading(0ms, 100, 600ms)}, at(0ms), 250ms));
    }

    void theLeastLateOneTellsHowLateTheOthersWere() {
        Moments moments;
        QVERIFY(moments.of(10s, at(10'050ms)) == at(10'050ms));
        QVERIFY(moments.of(20s, at(21'700ms)) == at(20'050ms));
        QVERIFY(moments.of(30s, at(30'020ms)) == at(30'020ms));
        QVERIFY(moments.of(40s, at(40'900ms)) == at(40'020ms));
        // Clocks drift: what was long ago does not count.
        for (int i = 5; i < 40; ++i) (void)moments.of(i * 10s, at(i * 10'000ms + 300ms));
        QVERIFY(moments.of(400s, at(400'500ms)) == at(400'300ms));
    }

    void whoStartsAnewIsNotLate() {
        Moments moments;
        (void)moments.of(500s, at(500'000ms));
        QVERIFY(moments.of(0s, at(600'000ms)) == at(600'000ms));
    }

    void flowsAndReadingsAreBounded() {
        CountLog log;
        const Route first = routeTo(1);
        log.add(first, reading(0ms, 1));
        QVERIFY(log.of(first).empty() && !log.wants(false));
        log.want(first, at(0ms));
        QVERIFY(log.wants(false) && !log.wants(true));
        for (size_t i = 0; i < 3 * CountLog::maxReadings; ++i) log.add(first, reading(1ms * i, i));
        QCOMPARE(log.of(first).size(), CountLog::maxReadings);
        QCOMPARE(log.of(first).back().packets, uint64_t{3 * CountLog::maxReadings - 1});
        log.add(first, reading(1s, 5));  // began to count anew
        QCOMPARE(log.of(first).size(), size_t{1});
        // The one that was told of longest ago goes first.
        for (size_t i = 2; i < 2 + CountLog::maxFlows; ++i) log.want(routeTo(i), at(1s + 1ms * i));
        QVERIFY(log.of(first).empty());
        log.want(routeTo(200), at(2s));
        log.add(routeTo(200), reading(2s, 5));
        log.clean(at(30s));
        QVERIFY(!log.of(routeTo(200)).empty());
        log.clean(at(90s));
        QVERIFY(log.of(routeTo(200)).empty() && !log.wants(false));
    }
};

QTEST_APPLESS_MAIN(TestMoments)
#include "test_moments.moc"
