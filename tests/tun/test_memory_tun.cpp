#include <QtTest>

#include <poll.h>

#include "tests/tun/reference_packets.h"
#include "tun/device/memory_tun.h"

using namespace netpas::tun;
using reference::Packet;

namespace {

bool readable(const TunDevice& device, unsigned queue) {
    pollfd waiting{device.pollHandle(queue), POLLIN, 0};
    return poll(&waiting, 1, 0) == 1;
}

struct Room {
    std::vector<Packet> memory;
    std::vector<ReadSlot> frames;
    explicit Room(size_t count) : memory(count, Packet(maxFrameSize)), frames(count) {
        for (size_t i = 0; i < count; ++i) frames[i].buffer = memory[i];
    }
};

}  // namespace

class TestMemoryTun : public QObject {
    Q_OBJECT
private slots:
    void framesAreReadInOrderAndOnce() {
        MemoryTun tun;
        Room room(2);
        QCOMPARE(*tun.readBatch(0, room.frames), size_t{0});
        QVERIFY(!readable(tun, 0));
        const VnetHeader vnet{1, 1, 52, 1000, 20, 16};
        tun.push({vnet, reference::tcp4});
        tun.push({{}, reference::udp4});
        tun.push({{}, reference::udp6});
        QVERIFY(readable(tun, 0));
        QCOMPARE(*tun.readBatch(0, room.frames), size_t{2});
        QVERIFY(room.frames[0].vnet == vnet);
        QVERIFY(std::ranges::equal(room.frames[0].packet(), reference::tcp4));
        QVERIFY(std::ranges::equal(room.frames[1].packet(), reference::udp4));
        QVERIFY(readable(tun, 0));
        QCOMPARE(*tun.readBatch(0, room.frames), size_t{1});
        QVERIFY(!readable(tun, 0));
    }
    void piecesAreJoinedWhenWritten() {
        MemoryTun tun("x", 2);
        const std::span<const uint8_t> whole(reference::tcp4);
        const std::array pieces = {whole.first(20), whole.subspan(20, 7), whole.subspan(27)};
        const std::array frames = {OutgoingFrame{{1, 1, 52, 5, 20, 16}, pieces}};
        const auto count = tun.writeBatch(1, frames);
        QVERIFY(count && count->written == 1 && count->refused == 0);
        QVERIFY(tun.takeWritten(0).empty());
        const auto written = tun.takeWritten(1);
        QCOMPARE(written.size(), size_t{1});
        QVERIFY(written[0].packet == reference::tcp4 && written[0].vnet == frames[0].vnet);
        QVERIFY(tun.takeWritten(1).empty());
    }
    void refusalsAreCountedAndLost() {
        MemoryTun tun;
        const std::span<const uint8_t> whole(reference::tcp4);
        const std::array frames(std::to_array<OutgoingFrame>({{{}, {&whole, 1}}, {{}, {&whole, 1}}}));
        tun.refuseNext(1);
        auto count = tun.writeBatch(0, frames);
        QVERIFY(count && count->written == 1 && count->refused == 1);
        QVERIFY(tun.setUp(false) && !tun.isUp());
        count = tun.writeBatch(0, frames);
        QVERIFY(count && count->written == 0 && count->refused == 2);
        QCOMPARE(tun.takeWritten().size(), size_t{1});
    }
    void aRemovedDeviceIsGoneForEverything() {
        MemoryTun tun;
        Room room(1);
        tun.remove();
        QVERIFY(readable(tun, 0));  // so that a sleeping thread learns it
        QVERIFY(tun.readBatch(0, room.frames).error() == TunError::Gone);
        QVERIFY(tun.writeBatch(0, {}).error() == TunError::Gone);
        QVERIFY(tun.mtu().error() == TunError::Gone);
        QVERIFY(tun.setMtu(1400).error() == TunError::Gone);
        QVERIFY(tun.setUp(true).error() == TunError::Gone);
    }
    void theMtuIsKept() {
        MemoryTun tun;
        QVERIFY(tun.setMtu(1400));
        QCOMPARE(*tun.mtu(), 1400u);
        QVERIFY(tun.setMtu(10).error() == TunError::BadMtu);
        QCOMPARE(*tun.mtu(), 1400u);
    }
};

QTEST_APPLESS_MAIN(TestMemoryTun)
#include "test_memory_tun.moc"
