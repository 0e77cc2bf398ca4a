#include <QtTest>

#include <thread>

#include "core/bytes.h"
#include "core/snapshot.h"

using namespace netpas;

class TestSnapshot : public QObject {
    Q_OBJECT
private slots:
    void readersSeeTheNewestValueAtTheirNextRefresh() {
        SnapshotCell<int> cell;
        SnapshotReader<int> reader(cell);
        QVERIFY(reader.refresh() == nullptr);
        cell.publish(std::make_shared<const int>(1));
        QCOMPARE(*reader.refresh(), 1);
        const uint64_t before = reader.generation();
        cell.publish(std::make_shared<const int>(2));
        QCOMPARE(*reader.refresh(), 2);
        QVERIFY(reader.generation() != before);
        QCOMPARE(*reader.refresh(), 2);
    }
    void valuesStayWholeWhileAnotherThreadPublishes() {
        using Pair = std::pair<int, int>;
        SnapshotCell<Pair> cell;
        cell.publish(std::make_shared<const Pair>(0, 0));
        std::thread publisher([&] {
            for (int i = 1; i <= 20'000; ++i) cell.publish(std::make_shared<const Pair>(i, -i));
        });
        SnapshotReader<Pair> reader(cell);
        int last = 0;
        bool whole = true;
        while (last < 20'000) {
            const Pair* pair = reader.refresh();
            whole = whole && pair->first == -pair->second && pair->first >= last;
            last = pair->first;
        }
        publisher.join();
        QVERIFY(whole);
    }
    void aReaderGoesDeadAtTheFirstShortRead() {
        const Bytes bytes = {0, 1, 2, 3, 4};
        Reader reader(bytes);
        QCOMPARE(reader.u16(), uint16_t{1});
        QCOMPARE(reader.u32(), 0U);
        QVERIFY(!reader.ok());
        QCOMPARE(int(reader.u8()), 0);
        Writer writer;
        writer.u8(1);
        writer.u16(2);
        writer.u32(3);
        writer.u64(4);
        writer.blob16(bytes);
        Reader back(writer.data());
        QCOMPARE(int(back.u8()), 1);
        QCOMPARE(int(back.u16()), 2);
        QCOMPARE(back.u32(), 3U);
        QCOMPARE(back.u64(), uint64_t{4});
        QCOMPARE(back.blob16().size(), size_t{5});
        QVERIFY(back.finished());
        Reader limited(ByteView(writer.data()).subspan(15));
        QVERIFY(limited.blob16(4).empty());
        QVERIFY(!limited.ok());
    }
};

QTEST_APPLESS_MAIN(TestSnapshot)
#include "test_snapshot.moc"
