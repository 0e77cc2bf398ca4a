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
        for (uint64_t i = 0; i < 5000; ++i) QCOMPARE(table.insert(idOf(i), start + i * 1ms, start), Seen::No);
        for (uint64_t i = 0; i < 5000; ++i) {
            QCOMPARE(table.insert(idOf(i), start + i * 1ms, start + 5s), Seen::Before);
            QVERIFY(table.contains(idOf(i), start + i * 1ms));
        }
        QCOMPARE(table.size(), size_t{5000});
        QVERIFY(!table.contains(idOf(5000), start));
    }

    void timesOutsideAreNotTaken() {
        ReplayTable table(60s, 5s);
        QCOMPARE(table.insert(idOf(1), start, start), Seen::No);
        QCOMPARE(table.insert(idOf(2), start - 61s, start), Seen::Outside);
        QCOMPARE(table.insert(idOf(3), start + 6s, start), Seen::Outside);
        QCOMPARE(table.insert(idOf(4), start - 60s, start), Seen::No);
        QCOMPARE(table.insert(idOf(5), start + 5s, start), Seen::No);
    }

    // What has left can never come in again.
    void whatIsForgottenIsTooOld() {
        ReplayTable table(60s, 5s);
        QCOMPARE(table.insert(idOf(1), start, start), Seen::No);
        for (int second = 1; second <= 200; ++second) {
            const Seen seen = table.insert(idOf(1), start, start + second * 1s);
            QCOMPARE(seen, second <= 60 ? Seen::Before : Seen::Outside);
            (void)table.insert(idOf(static_cast<uint64_t>(100 + second)), start + second * 1s, start + second * 1s);
        }
        QVERIFY(table.size() <= 67);
    }

    void aClockThatGoesBackBringsNothingBack() {
        ReplayTable table(60s, 5s);
        QCOMPARE(table.insert(idOf(1), start, start), Seen::No);
        QCOMPARE(table.insert(idOf(2), start + 100s, start + 100s), Seen::No);
        QCOMPARE(table.insert(idOf(1), start, start), Seen::Outside);
    }

    // The paper has two entries in a KB; the aim is sixty.
    void manyEntriesTakeLittleRoom() {
        ReplayTable table(60s, 5s);
        constexpr uint64_t entries = 1'000'000;
        for (uint64_t i = 0; i < entries; ++i) {
            QCOMPARE(table.insert(idOf(i), start - (i % 60) * 1s, start), Seen::No);
        }
        QCOMPARE(table.size(), size_t{entries});
        const double perKb = static_cast<double>(entries) * 1024 / static_cast<double>(table.bytes());
        QVERIFY2(perKb >= 60, std::to_string(perKb).c_str());
        for (uint64_t i = 0; i < entries; i += 997) {
            QCOMPARE(table.insert(idOf(i), start - (i % 60) * 1s, start), Seen::Before);
        }
    }
};

QTEST_APPLESS_MAIN(TestReplayTable)
#include "test_replay_table.moc"
