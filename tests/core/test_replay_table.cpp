#include <QtTest>

#include "core/accounting/replay_table.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace std::chrono_literals;
using Seen = ReplayTable::Seen;

namespace {

const SystemTime start{std::chrono::seconds(1'700'000'000)};

Bytes idOf(uint64_t number) {
    Bytes id(16, 0);
    store64(id.data() + 8, number);
    return id;
}

}  // namespace

class TestReplayTable : public QObject {
    Q_OBJECT

private slots:
    void whatWasSeenIsSeen() {
        ReplayTable table(60s, 5s);
        for (uint64_t i = 0; i < 5000; ++i) QCOMPARE(table.insert(idOf(i), 7, start + i * 1ms, start), Seen::No);
        for (uint64_t i = 0; i < 5000; ++i) {
            QCOMPARE(table.insert(idOf(i), 7, start + i * 1ms, start + 5s), Seen::Before);
            QCOMPARE(table.look(idOf(i), 7, start + i * 1ms), Seen::Before);
        }
        QCOMPARE(table.size(), size_t{5000});
        QCOMPARE(table.look(idOf(5000), 7, start), Seen::No);
    }

    void otherContentsUnderAUsedIdentifierAreSeen() {
        ReplayTable table(60s, 5s);
        for (uint64_t i = 0; i < 5000; ++i) QCOMPARE(table.insert(idOf(i), i, start, start), Seen::No);
        for (uint64_t i = 0; i < 5000; ++i) {
            QCOMPARE(table.insert(idOf(i), i + 1, start, start), Seen::Other);
            QCOMPARE(table.insert(idOf(i), i, start, start), Seen::Before);
        }
        QCOMPARE(table.size(), size_t{5000});
    }

    void aFullTableTakesMoreWhenOldEntriesHaveLeft() {
        ReplayTable table(60s, 5s, 100);
        for (uint64_t i = 0; i < 100; ++i) QCOMPARE(table.insert(idOf(i), 7, start, start), Seen::No);
        QCOMPARE(table.insert(idOf(100), 7, start, start + 60s), Seen::Full);
        QCOMPARE(table.insert(idOf(1), 7, start, start + 60s), Seen::Before);
        QCOMPARE(table.insert(idOf(100), 7, start + 61s, start + 61s), Seen::No);
        QCOMPARE(table.size(), size_t{1});
    }

    void identifiersWithoutATimeAreKeptLongEnoughAndNotForEver() {
        RecentIds ids(60s);
        QVERIFY(ids.insert(idOf(1), start));
        QVERIFY(!ids.insert(idOf(1), start + 60s));
        QVERIFY(ids.contains(idOf(1)) && !ids.contains(idOf(2)));
        QVERIFY(ids.insert(idOf(2), start + 120s));
        QVERIFY(!ids.contains(idOf(1)) && ids.contains(idOf(2)));
        QVERIFY(!ids.insert(idOf(2), start));  // a clock that goes back
    }

    void timesOutsideAreNotTaken() {
        ReplayTable table(60s, 5s);
        QCOMPARE(table.insert(idOf(1), 7, start, start), Seen::No);
        QCOMPARE(table.insert(idOf(2), 7, start - 61s, start), Seen::Outside);
        QCOMPARE(table.insert(idOf(3), 7, start + 6s, start), Seen::Outside);
        QCOMPARE(table.insert(idOf(4), 7, start - 60s, start), Seen::No);
        QCOMPARE(table.insert(idOf(5), 7, start + 5s, start), Seen::No);
    }

    // What has left can never come in again.
    void whatIsForgottenIsTooOld() {
        ReplayTable table(60s, 5s);
        QCOMPARE(table.insert(idOf(1), 7, start, start), Seen::No);
        for (int second = 1; second <= 200; ++second) {
            const Seen seen = table.insert(idOf(1), 7, start, start + second * 1s);
            QCOMPARE(seen, second <= 60 ? Seen::Before : Seen::Outside);
            (void)table.insert(idOf(static_cast<uint64_t>(100 + second)), 7, start + second * 1s, start + second * 1s);
        }
        QVERIFY(table.size() <= 67);
    }

    void aClockThatGoesBackBringsNothingBack() {
        ReplayTable table(60s, 5s);
        QCOMPARE(table.insert(idOf(1), 7, start, start), Seen::No);
        QCOMPARE(table.insert(idOf(2), 7, start + 100s, start + 100s), Seen::No);
        QCOMPARE(table.insert(idOf(1), 7, start, start), Seen::Outside);
    }

    // The paper has two entries in a KB; the aim is sixty.
    void manyEntriesTakeLittleRoom() {
        ReplayTable table(60s, 5s);
        constexpr uint64_t entries = 1'000'000;
        for (uint64_t i = 0; i < entries; ++i) {
            QCOMPARE(table.insert(idOf(i), 7, start - (i % 60) * 1s, start), Seen::No);
        }
        QCOMPARE(table.size(), size_t{entries});
        const double perKb = static_cast<double>(entries) * 1024 / static_cast<double>(table.bytes());
        QVERIFY2(perKb >= 60, std::to_string(perKb).c_str());
        for (uint64_t i = 0; i < entries; i += 997) {
            QCOMPARE(table.insert(idOf(i), 7, start - (i % 60) * 1s, start), Seen::Before);
        }
    }
};

QTEST_APPLESS_MAIN(TestReplayTable)
#include "test_replay_table.moc"
