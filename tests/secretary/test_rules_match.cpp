// Sites and schedules.
#include <QTest>

#include "secretary/rules/match.h"
#include "tests/secretary/rules_fixture.h"

using namespace netpas;
using namespace netpas::secretary::rules;
using namespace std::chrono;

namespace {

const TimeZone berlin = TimeZone::fromPosix("CET-1CEST,M3.5.0,M10.5.0/3").value();

Schedule window(int fromHour, int toHour, uint8_t weekdays = Schedule::everyDay) {
    Schedule schedule;
    schedule.from = hours(fromHour);
    schedule.to = hours(toHour);
    schedule.weekdays = weekdays;
    return schedule;
}

}  // namespace

class RulesMatchTest : public QObject {
    Q_OBJECT

private slots:
    void sites_data() {
        QTest::addColumn<QString>("pattern");
        QTest::addColumn<QString>("domain");
        QTest::addColumn<bool>("matches");
        const auto row = [](const char* pattern, const char* domain, bool matches) {
            QTest::addRow("%s %s", pattern, domain) << QString(pattern) << QString(domain) << matches;
        };
        row("example.net", "example.net", true);
        row("example.net", "www.example.net", false);
        row("example.net", "EXAMPLE.net.", true);
        row("Example.NET.", "example.net", true);
        row("*.example.net", "example.net", true);
        row("*.example.net", "www.example.net", true);
        row("*.example.net", "a.b.example.net", true);
        row("*.example.net", "notexample.net", false);
        row("*.example.net", "example.net.evil.org", false);
        row("*.example.net", "net", false);
        row("*.example.net", "", false);
        row("example.net", "", false);
        row("", "", true);
        row("", "example.net", false);
        row("*.xn--bcher-kva.example", "www.xn--bcher-kva.example", true);
        row("*.bücher.example", "www.bücher.example", true);
    }
    void sites() {
        QFETCH(QString, pattern);
        QFETCH(QString, domain);
        QFETCH(bool, matches);
        QCOMPARE(domainMatches(normalDomain(pattern.toStdString()), normalDomain(domain.toStdString())), matches);
    }

    void whatIsNoSite() {
        for (const char* pattern :
             {"", "*", "*.", ".", "a..b", ".a", "a.", "*.*.a", "a*.b", "https://a.b", "a.b:80", "a b", "A.b"}) {
            QVERIFY2(!isDomainPattern(pattern), pattern);
        }
        QVERIFY(!isDomainPattern(std::string(64, 'a') + ".net"));
        for (const char* pattern : {"a", "a.b", "*.a", "*.a.b", "xn--a.b", "bücher.example", "a_b.c"}) {
            QVERIFY2(isDomainPattern(pattern), pattern);
        }
    }

    void aWindowWithinTheDay() {
        const Schedule schedule = window(9, 17);
        QVERIFY(!scheduleIsOpen(schedule, {}, utc("2026-11-23T08:59:59Z")));
        QVERIFY(scheduleIsOpen(schedule, {}, utc("2026-11-23T09:00:00Z")));
        QVERIFY(scheduleIsOpen(schedule, {}, utc("2026-11-23T16:59:59Z")));
        QVERIFY(!scheduleIsOpen(schedule, {}, utc("2026-11-23T17:00:00Z")));
    }

    // 2026-11-20 is a Friday. The hours after midnight belong to the evening before.
    void aWindowOverMidnightBelongsToItsFirstDay() {
        const Schedule friday = window(22, 2, 1U << 4);
        QVERIFY(!scheduleIsOpen(friday, {}, utc("2026-11-20T01:00:00Z")));
        QVERIFY(scheduleIsOpen(friday, {}, utc("2026-11-20T22:00:00Z")));
        QVERIFY(scheduleIsOpen(friday, {}, utc("2026-11-21T01:59:59Z")));
        QVERIFY(!scheduleIsOpen(friday, {}, utc("2026-11-21T02:00:00Z")));
        QVERIFY(!scheduleIsOpen(friday, {}, utc("2026-11-21T22:00:00Z")));
    }

    void weekdaysAreLocal() {
        const Schedule monday = window(0, 24, 1);
        // Sunday, 23:30 in UTC, is Monday in Berlin.
        QVERIFY(scheduleIsOpen(monday, berlin, utc("2026-11-22T23:30:00Z")));
        QVERIFY(!scheduleIsOpen(monday, {}, utc("2026-11-22T23:30:00Z")));
    }

    void theHourThatDaylightTimeSkipsAndTheOneThatItRepeats() {
        const Schedule night = window(2, 3);
        for (SystemTime time = utc("2026-03-29T00:00:00Z"); time < utc("2026-03-29T12:00:00Z"); time += minutes(10)) {
            QVERIFY(!scheduleIsOpen(night, berlin, time));
        }
        int open = 0;
        for (SystemTime time = utc("2026-10-24T22:00:00Z"); time < utc("2026-10-25T12:00:00Z"); time += minutes(10)) {
            open += scheduleIsOpen(night, berlin, time) ? 1 : 0;
        }
        QCOMPARE(open, 12);  // two hours
        const Schedule noon = window(12, 13);
        QVERIFY(scheduleIsOpen(noon, berlin, utc("2026-03-29T10:00:00Z")));
        QVERIFY(scheduleIsOpen(noon, berlin, utc("2026-03-28T11:00:00Z")));
    }

    void whenItOpensNext() {
        const Schedule weekend = window(20, 22, 0x60);
        QCOMPARE(scheduleOpens(weekend, {}, utc("2026-11-23T12:00:00Z")).value(), utc("2026-11-28T20:00:00Z"));
        QCOMPARE(scheduleOpens(weekend, {}, utc("2026-11-28T21:00:00Z")).value(), utc("2026-11-28T21:00:00Z"));
        QCOMPARE(scheduleOpens(weekend, {}, utc("2026-11-29T22:00:00Z")).value(), utc("2026-12-05T20:00:00Z"));
        QVERIFY(!scheduleOpens(window(1, 2, 0), {}, utc("2026-11-23T12:00:00Z")));
    }
};

QTEST_APPLESS_MAIN(RulesMatchTest)
#include "test_rules_match.moc"
