// Times as text.
#include <QtTest>

#include "core/clock.h"

using namespace netpas;

class TestClock : public QObject {
    Q_OBJECT

private slots:
    void timesComeBackAsTheyWereWritten() {
        for (const char* text : {"1970-01-01T00:00:00Z", "2026-11-22T18:00:00Z", "2024-02-29T23:59:59.000001Z"}) {
            const auto time = parseTimestamp(text);
            QVERIFY2(time.has_value(), text);
            QCOMPARE(timeText(*time), std::string(text));
            QVERIFY(parseTime(text) == time);
        }
        QVERIFY(parseTimestamp("2026-11-22T18:00:00.000000Z") == parseTimestamp("2026-11-22T18:00:00Z"));
    }
    void programsWriteTheFullForm() {
        for (const char* text :
             {"", "Z", "2026-11-22", "2026-02-29T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T18:00:00",
              "2026-11-22t18:00:00Z", "2026-11-22T18:00:00.5Z", "2026-13-01T00:00:00Z", "2026-11-22T18:00:00,000001Z",
              "2026-11-22T18:00:00.00000aZ", "2026-11-22T18:00:60Z"}) {
            QVERIFY2(!parseTimestamp(text), text);
        }
    }
    void peopleMayLeaveOutTheEnd() {
        const auto day = parseTimestamp("2031-01-31T00:00:00Z");
        QVERIFY(parseTime("2031-01-31") == day);
        QVERIFY(parseTime("2031-01-31T12:30") == *day + std::chrono::minutes(750));
        QVERIFY(parseTime("2031-01-31T12:30Z") == *day + std::chrono::minutes(750));
        QVERIFY(parseTime("2031-01-31T12:30:59") == *day + std::chrono::seconds(750 * 60 + 59));
        for (const char* text : {"", "2031", "2031-01", "2031-01-31T", "2031-01-31T12", "2031-1-31", "2031-02-29",
                                 "2031-01-31T12:30:59.5", "2031-01-31T12:30:59.0000001", "2031-01-31T12:30:59x"}) {
            QVERIFY2(!parseTime(text), text);
        }
    }
};

QTEST_APPLESS_MAIN(TestClock)
#include "test_clock.moc"
