// What survives a restart: levels and counters, exactly once, and nothing that was damaged.
#include <QTemporaryDir>
#include <QTest>

#include <fstream>

#include "core/crypto/identity.h"
#include "tests/tun/edge_packets.h"
#include "tun/edge/edge_books.h"
#include "tun/edge/edge_state.h"

using namespace netpas;
using namespace netpas::tun;
using namespace netpas::tun::edgetest;

namespace {

EdgeTotals someTotals(int64_t scale) {
    EdgeTotals totals;
    for (size_t i = 0; i < verdictCount; ++i) totals.verdicts[i] = i * static_cast<uint64_t>(scale);
    const auto n = static_cast<uint64_t>(scale);
    totals.ingress[IspId(26)] = {n, 2 * n, nano(3 * scale)};
    totals.links[{IspId(24), ExitPoint(3)}] = {n, 5 * n, nano(scale), nano(7 * scale)};
    totals.delivered = {n, n, nano(scale)};
    totals.downstream[{IspId(24), IspId(23)}] = {n, nano(scale)};
    totals.keys[SessionKeyId(7)] = {n, 8 * n, nano(12 * scale), 100 + n};
    return totals;
}

EdgeState someState() {
    EdgeState state;
    state.incarnation = 77;
    state.ended = true;
    state.customerLevels = {{"B", nano(5)}, {"C", Money::zero()}};
    state.neighbourLevels = {{IspId(26), nano(6)}};
    state.lifetime = someTotals(1000);
    state.tail = someTotals(3);
    state.nextSequences = {{SessionKeyId(7), 42}, {SessionKeyId(8), UINT64_MAX}};
    state.places = {{ServiceClass(1), Bytes(8, 7), 123'456'789}, {ServiceClass(2), Bytes(32, 9), INT64_MAX}};
    return state;
}

}  // namespace

class TestEdgeState : public QObject {
    Q_OBJECT

private slots:
    void stateIsReadAsItWasWritten();
    void damagedStateIsRefused();
    void missingStateIsNoError();
    void interruptedWriteKeepsTheOldState();
    void levelsSurviveARestart();
    void booksSendEverythingExactlyOnceOverRestarts();
    void aCrashChargesNothingTwice();
    void removedKeysLeaveNothingBehind();
};

void TestEdgeState::stateIsReadAsItWasWritten() {
    QTemporaryDir folder;
    const std::filesystem::path file = folder.filePath("edge.state").toStdString();
    QVERIFY(writeState(file, someState()).has_value());
    const auto read = readState(file);
    QVERIFY(read.has_value() && read->has_value());
    QVERIFY(**read == someState());
    QCOMPARE(std::filesystem::status(file).permissions(),
             std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

void TestEdgeState::damagedStateIsRefused() {
    const Bytes good = encodeState(someState());
    QVERIFY(decodeState(good).has_value());
    for (size_t i = 0; i < good.size(); ++i) {
        Bytes bad = good;
        bad[i] ^= 0x10;
        QCOMPARE(decodeState(bad).error(), StateError::Damaged);
        QCOMPARE(decodeState(ByteView(good).first(i)).error(), StateError::Damaged);
    }
    // Right checksum, wrong contents: a count of entries that cannot be.
    SeededRandom random(5);
    for (int round = 0; round < 20'000; ++round) {
        Bytes bad(good.begin(), good.end() - 32);
        for (uint64_t i = 0; i <= random.below(4); ++i)
            bad[random.below(bad.size())] = static_cast<uint8_t>(random.below(256));
        if (random.below(3) == 0) bad.resize(random.below(bad.size()));
        const auto checksum = blake2b256(bad);
        bad.insert(bad.end(), checksum.begin(), checksum.end());
        const auto state = decodeState(bad);
        if (state) QVERIFY(decodeState(encodeState(*state)).has_value());
    }
}

void TestEdgeState::missingStateIsNoError() {
    QTemporaryDir folder;
    const auto read = readState(folder.filePath("none").toStdString());
    QVERIFY(read.has_value() && !read->has_value());
    QCOMPARE(readState(folder.path().toStdString()).error(), StateError::CannotRead);
    QCOMPARE(writeState("/proc/nowhere/edge.state", someState()).error(), StateError::CannotWrite);
}

void TestEdgeState::interruptedWriteKeepsTheOldState() {
    QTemporaryDir folder;
    const std::filesystem::path file = folder.filePath("edge.state").toStdString();
    QVERIFY(writeState(file, someState()).has_value());
    // What a crash between writing and renaming leaves.
    std::ofstream(file.string() + ".new") << "half a sta";
    QVERIFY(**readState(file) == someState());
    EdgeState next = someState();
    next.incarnation = 78;
    QVERIFY(writeState(file, next).has_value());
    QVERIFY(**readState(file) == next);
}

void TestEdgeState::levelsSurviveARestart() {
    const Bytes packet = plain(ShimKind::Transit, header({hop(26, 3, 1), hop(25, 10, 3), hop(24, 2)}), innerPacket({}));
    EdgeConfig config = edgeConfig();
    config.neighbours[0].limit = BucketLimit{nano(1), nano(36)};  // three packets
    Router first(config);
    QCOMPARE(first.verdict(packet, Arrival::Neighbour), Verdict::Forwarded);
    QCOMPARE(first.verdict(packet, Arrival::Neighbour), Verdict::Forwarded);
    const EdgeReport report = first.report();

    Router second(config);
    for (size_t i = 0; i < report.neighbours.size(); ++i) {
        second.processor.restoreNeighbourLevel(i, report.neighbours[i].level);
    }
    for (size_t i = 0; i < report.customers.size(); ++i)
        second.processor.restoreCustomerLevel(i, report.customers[i].level);
    QCOMPARE(second.report().neighbours[0].level, report.neighbours[0].level);
    QCOMPARE(second.verdict(packet, Arrival::Neighbour), Verdict::Forwarded);
    QCOMPARE(second.verdict(packet, Arrival::Neighbour), Verdict::RateLimited);
}

// Three incarnations of one router; the accounting server adds up what each sent. The middle one ends before it could
// send everything. The server's sum must be what was counted, to the last eighth.
void TestEdgeState::booksSendEverythingExactlyOnceOverRestarts() {
    const SessionKey key = sessionKey();
    const Bytes inner = innerPacket({});
    const Bytes head = header({hop(25, 10, 3), hop(24, 2)});
    EdgeTotals server;
    EdgeState state;
    uint64_t sequence = 0;
    uint64_t sentPackets = 0;
    for (int incarnation = 0; incarnation < 3; ++incarnation) {
        Router router;
        (void)router.processor.installKey(key, state.nextSequences[key.id], router.now.steady);
        EdgeBooks books(state.lifetime, state.tail);
        EdgeTotals heard;  // the last report that this incarnation sent
        for (int round = 0; round < 5; ++round) {
            for (int i = 0; i < 10 + round; ++i) {
                QCOMPARE(router.verdict(customer(key, sequence++, head, inner)), Verdict::Forwarded);
                ++sentPackets;
            }
            books.take(router.report());
            const bool connected = incarnation != 1 || round < 2;
            if (connected) {
                books.sentAggregates();
                books.sentKey(key.id);
                heard = books.now();
            }
        }
        server.add(heard);
        state.lifetime = books.lifetime();
        state.tail = books.unsent();
        state.nextSequences[key.id] = books.now().keys.at(key.id).nextSequence;
        // An old packet does not pass in the next life.
        state = *decodeState(encodeState(state));
    }
    const LinkCounters expected{sentPackets, sentPackets * inner.size(), nano(10 * static_cast<int64_t>(sentPackets)),
                                nano(2 * static_cast<int64_t>(sentPackets))};
    QCOMPARE((server.links[{IspId(24), ExitPoint(3)}]), expected);
    QCOMPARE((state.lifetime.links[{IspId(24), ExitPoint(3)}]), expected);
    QCOMPARE(server.keys[key.id].amount, nano(12 * static_cast<int64_t>(sentPackets)));
    QCOMPARE(server.keys[key.id].packets, sentPackets);
    QCOMPARE(server.verdicts[0], sentPackets);
    QVERIFY(state.tail.keys.empty());
    Router last;
    (void)last.processor.installKey(key, state.nextSequences[key.id], last.now.steady);
    QCOMPARE(last.verdict(customer(key, sequence - 1, head, inner)), Verdict::Stale);
}

void TestEdgeState::aCrashChargesNothingTwice() {
    EdgeTotals tail = someTotals(3);
    EdgeBooks books(someTotals(1000), tail);
    QVERIFY(books.now() == tail);
    QVERIFY(books.inheritedTail() == tail);  // nothing sent yet: if it crashes now, the tail is still owed
    books.sentAggregates();
    books.sentKey(SessionKeyId(7));
    QVERIFY(books.inheritedTail() == EdgeTotals{});
    EdgeTotals nothing = books.unsent();
    QVERIFY(nothing.keys.empty());
    QCOMPARE(nothing.delivered, DeliveredCounters{});
    QCOMPARE(books.lifetime().delivered, someTotals(1000).delivered);  // the tail is part of it already
}

void TestEdgeState::removedKeysLeaveNothingBehind() {
    EdgeBooks books({}, someTotals(3));
    const KeyCounters final{5, 40, nano(60), 200};
    books.takeKey(SessionKeyId(7), final);
    QCOMPARE(books.key(SessionKeyId(7)), (KeyCounters{8, 64, nano(96), 200}));
    QCOMPARE(books.unsent().keys.size(), size_t{1});
    books.forget(SessionKeyId(7));
    QVERIFY(books.unsent().keys.empty());
    QCOMPARE(books.key(SessionKeyId(7)), KeyCounters{});
}

QTEST_APPLESS_MAIN(TestEdgeState)
#include "test_edge_state.moc"
