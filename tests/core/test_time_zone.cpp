#include <QTest>

#include <fstream>
#include <iterator>

#include "core/time_zone.h"

using namespace netpas;
using namespace std::chrono;

namespace {

SystemTime at(int y, unsigned m, unsigned d, int hour = 0, int minute = 0) {
    return SystemTime(sys_days(year(y) / month(m) / day(d))) + hours(hour) + minutes(minute);
}
LocalTime local(int y, unsigned m, unsigned d, int hour = 0, int minute = 0) {
    return LocalTime(local_days(year(y) / month(m) / day(d))) + hours(hour) + minutes(minute);
}
constexpr const char* berlin = "CET-1CEST,M3.5.0,M10.5.0/3";

}  // namespace

class TimeZoneTest : public QObject {
    Q_OBJECT

private slots:
    void aZoneWithoutRulesIsUtc() { QCOMPARE(TimeZone().offsetAt(at(2026, 7, 1)).count(), 0); }

    void daylightTimeChangesTheOffset() {
        const auto zone = TimeZone::fromPosix(berlin).value();
        QCOMPARE(zone.offsetAt(at(2026, 3, 29, 0, 59)).count(), 3600);
        QCOMPARE(zone.offsetAt(at(2026, 3, 29, 1, 0)).count(), 7200);
        QCOMPARE(zone.offsetAt(at(2026, 10, 25, 0, 59)).count(), 7200);
        QCOMPARE(zone.offsetAt(at(2026, 10, 25, 1, 0)).count(), 3600);
    }

    void southOfTheEquatorSummerSpansTheYear() {
        const auto zone = TimeZone::fromPosix("AEST-10AEDT,M10.1.0,M4.1.0/3").value();
        QCOMPARE(zone.offsetAt(at(2026, 1, 1)).count(), 11 * 3600);
        QCOMPARE(zone.offsetAt(at(2026, 6, 1)).count(), 10 * 3600);
        QCOMPARE(zone.offsetAt(at(2026, 12, 31, 23)).count(), 11 * 3600);
    }

    void otherFormsOfPosix() {
        QCOMPARE(TimeZone::fromPosix("<+0545>-5:45").value().offsetAt(at(2026, 1, 1)).count(), 5 * 3600 + 45 * 60);
        const auto julian = TimeZone::fromPosix("AAA3BBB,J60/0,J300").value();  // 1 March, whatever February has
        QCOMPARE(julian.offsetAt(at(2024, 3, 1, 2, 59)).count(), -3 * 3600);
        QCOMPARE(julian.offsetAt(at(2024, 3, 1, 3, 0)).count(), -2 * 3600);
        const auto counted = TimeZone::fromPosix("AAA0BBB,59/0,300").value();  // 29 February in a leap year
        QCOMPARE(counted.offsetAt(at(2024, 2, 29)).count(), 3600);
        QCOMPARE(counted.offsetAt(at(2023, 2, 28, 23)).count(), 0);
    }

    void nonsenseIsRefused_data() {
        QTest::addColumn<QString>("rule");
        for (const char* rule :
             {"", "C", "CET", "CET-", "CET-99", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
              "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0/3x", "<CET-1", "CET-1:60"}) {
            QTest::addRow("%s", rule) << QString(rule);
        }
    }
    void nonsenseIsRefused() {
        QFETCH(QString, rule);
        QVERIFY(!TimeZone::fromPosix(rule.toStdString()));
    }

    void skippedAndRepeatedLocalTimes() {
        const auto zone = TimeZone::fromPosix(berlin).value();
        QCOMPARE(zone.system(local(2026, 7, 1, 12)), at(2026, 7, 1, 10));
        QCOMPARE(zone.system(local(2026, 3, 29, 2, 30)), at(2026, 3, 29, 1));        // skipped: the jump
        QCOMPARE(zone.system(local(2026, 10, 25, 2, 30)), at(2026, 10, 25, 0, 30));  // twice: the earlier
        QCOMPARE(zone.system(local(2026, 10, 25, 3)), at(2026, 10, 25, 2));
    }

    void theDatabaseAgreesWithTheRule() {
        const auto read = TimeZone::load("Europe/Berlin");
        if (!read) QSKIP("no time zone database on this machine");
        const auto rule = TimeZone::fromPosix(berlin).value();
        // From 1996 the European Union has had this rule; 2060 is beyond the changes that a file lists.
        for (SystemTime time = at(1997, 1, 1); time < at(2060, 1, 1); time += hours(11)) {
            QCOMPARE(read->offsetAt(time), rule.offsetAt(time));
        }
        QCOMPARE(read->offsetAt(at(1880, 1, 1)).count(), 53 * 60 + 28);  // local mean time
        QCOMPARE(read->offsetAt(at(1970, 7, 1)).count(), 3600);          // no summer time then
    }

    void everyCutOfAFileIsRefusedOrHarmless() {
        std::ifstream in("/usr/share/zoneinfo/Europe/Berlin", std::ios::binary);
        const Bytes file{std::istreambuf_iterator<char>(in), {}};
        if (file.empty()) QSKIP("no time zone database on this machine");
        for (size_t size = 0; size < file.size(); ++size) {
            const auto zone = TimeZone::fromTzif(ByteView(file).first(size));
            if (zone) static_cast<void>(zone->offsetAt(at(2026, 7, 1)));
        }
        QVERIFY(!TimeZone::fromTzif(ByteView(file).first(60)));
        Bytes other = file;
        other[0] = 'X';
        QVERIFY(!TimeZone::fromTzif(other));
    }

    void namesCannotLeaveTheDatabase() {
        for (const char* name : {"../../../etc/passwd", "/etc/passwd", "", "Europe", "No/Such", "a b"}) {
            QVERIFY2(!TimeZone::load(name), name);
        }
        QVERIFY(TimeZone::load("UTC"));
        QVERIFY(TimeZone::load(berlin));
    }
};

QTEST_APPLESS_MAIN(TimeZoneTest)
#include "test_time_zone.moc"
