// How fast data comes, from the kernel's counts.
#include <QTest>

#include "cartographer/measure/arrivals.h"

using namespace netpas;
using namespace netpas::measure;
using namespace std::chrono_literals;

namespace {

const IpAddress server = *IpAddress::parse("192.0.2.10");

PassiveTcp::Seen seen(uint64_t cookie, uint64_t received, const IpAddress& other = server) {
    PassiveTcp::Seen one;
    one.counts.cookie = cookie;
    one.counts.bytesReceived = received;
    one.subject.destination = other;
    return one;
}

}  // namespace

class TestArrivals : public QObject {
    Q_OBJECT

private slots:
    void allConnectionsWithOneEndCountTogether() {
        Arrivals arrivals;
        SteadyTime now{};
        arrivals.take(now, {seen(1, 1000), seen(2, 50)});
        QVERIFY(arrivals.from(server).empty());  // one look at counters says nothing
        arrivals.take(now += 2s, {seen(1, 251'000), seen(2, 250'050)});
        QCOMPARE(arrivals.from(server).size(), size_t{1});
        QCOMPARE(arrivals.from(server).back().bitPerSecond, 2'000'000.0);
        // One that is new brings nothing yet; one that stands still neither.
        arrivals.take(now += 1s, {seen(1, 251'000), seen(3, 999'999)});
        QCOMPARE(arrivals.from(server).back().bitPerSecond, 0.0);
    }

    void othersAreOthers() {
        Arrivals arrivals;
        const IpAddress other = *IpAddress::parse("2001:db8::1");
        SteadyTime now{};
        arrivals.take(now, {seen(1, 0), seen(2, 0, other)});
        arrivals.take(now += 1s, {seen(1, 125'000), seen(2, 0, other)});
        QCOMPARE(arrivals.from(server).back().bitPerSecond, 1'000'000.0);
        QCOMPARE(arrivals.from(other).back().bitPerSecond, 0.0);
        arrivals.take(now += 1s, {seen(1, 125'000)});
        QVERIFY(arrivals.from(other).empty());  // its connection is over
    }

    void aMinuteIsKept() {
        Arrivals arrivals;
        SteadyTime now{};
        for (uint64_t second = 0; second < 300; ++second, now += 1s) arrivals.take(now, {seen(1, second * 1000)});
        const auto rates = arrivals.from(server);
        QVERIFY(rates.size() >= 60 && rates.size() <= 61);
        QVERIFY(rates.front().at < rates.back().at && rates.back().at - rates.front().at <= 60s);
    }
};

QTEST_GUILESS_MAIN(TestArrivals)
#include "test_arrivals.moc"
