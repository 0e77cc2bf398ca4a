// The parts that an edge router's processor is made of, each against a plain model.
#include <QTest>
#include <map>
#include <set>
#include <unordered_map>

#include "tests/tun/edge_packets.h"
#include "tun/edge/key_table.h"
#include "tun/edge/money_bucket.h"
#include "tun/edge/prefix_table.h"
#include "tun/edge/replay_window.h"

using namespace netpas;
using namespace netpas::tun;
using namespace netpas::tun::edgetest;

class TestEdgeParts : public QObject {
    Q_OBJECT

private slots:
    void windowAgreesWithAModel();
    void windowSlidesOverLongJumps();
    void windowTakesTheLowestFreeSlotOfABurst();
    void windowThatStartsLaterIsStaleBelow();
    void bucketLosesNothingToRounding();
    void bucketSurvivesExtremes();
    void bucketKeepsItsLevelOverARestart();
    void keyTableAgreesWithAModel();
    void keyTableRefusesWhatItCannotHold();
    void longestPrefixWins();
    void prefixTableAgreesWithASearch();
    void acceptedSumsEqualTheModel();
};

// What the rule says, slot by slot, without bits.
struct WindowModel {
    std::set<uint64_t> taken;
    uint64_t top = 0;

    std::optional<uint64_t> accept(uint64_t sequence, uint32_t burst) {
        const uint64_t floor = top > ReplayWindow::size ? top - ReplayWindow::size : 0;
        for (uint64_t slot = sequence; slot < sequence + burst; ++slot) {
            if (slot < floor || taken.contains(slot)) continue;
            taken.insert(slot);
            top = std::max(top, slot + 1);
            return slot;
        }
        return std::nullopt;
    }
};

void TestEdgeParts::windowAgreesWithAModel() {
    SeededRandom random(42);
    for (int round = 0; round < 20; ++round) {
        ReplayWindow window;
        WindowModel model;
        uint64_t around = random.below(10'000);
        for (int i = 0; i < 5000; ++i) {
            const uint64_t kind = random.below(100);
            if (kind < 5) around += random.below(6000);
            const uint64_t back = random.below(kind < 20 ? 5000 : 100);
            const uint64_t sequence = around > back ? around - back : 0;
            const auto burst = static_cast<uint32_t>(1 + random.below(64));
            if (kind > 60) around += random.below(burst + 1);
            const ReplayWindow::Found found = window.find(sequence, burst);
            const std::optional<uint64_t> expected = model.accept(sequence, burst);
            QCOMPARE(found.result == ReplayWindow::Result::Free, expected.has_value());
            if (!expected) continue;
            QCOMPARE(found.slot, *expected);
            window.take(found.slot);
            QCOMPARE(window.top(), model.top);
        }
    }
}

void TestEdgeParts::windowSlidesOverLongJumps() {
    ReplayWindow window;
    for (const uint64_t slot :
         {uint64_t{0}, uint64_t{4095}, uint64_t{4096}, uint64_t{1} << 40, (uint64_t{1} << 40) + 4095}) {
        const auto found = window.find(slot, 1);
        QVERIFY(found.result == ReplayWindow::Result::Free);
        window.take(found.slot);
        QVERIFY(window.find(slot, 1).result == ReplayWindow::Result::Replayed);
    }
    QVERIFY(window.find((uint64_t{1} << 40) - 1, 1).result == ReplayWindow::Result::Stale);
    QVERIFY(window.find((uint64_t{1} << 40) + 1, 1).result == ReplayWindow::Result::Free);
    QVERIFY(window.find(4096, 64).result == ReplayWindow::Result::Stale);
}

void TestEdgeParts::windowTakesTheLowestFreeSlotOfABurst() {
    ReplayWindow window;
    for (uint64_t i = 0; i < 64; ++i) {
        QCOMPARE(window.find(40, 64).slot, 40 + i);
        window.take(40 + i);
    }
    QVERIFY(window.find(40, 64).result == ReplayWindow::Result::Replayed);
    QCOMPARE(window.find(41, 64).slot, uint64_t{104});
    QCOMPARE(window.find(0, 41).slot, uint64_t{0});
}

void TestEdgeParts::windowThatStartsLaterIsStaleBelow() {
    ReplayWindow window;
    window.startAt(1000);
    QVERIFY(window.find(999, 1).result == ReplayWindow::Result::Stale);
    QCOMPARE(window.find(990, 20).slot, uint64_t{1000});
    QCOMPARE(window.top(), uint64_t{1000});
}

void TestEdgeParts::bucketLosesNothingToRounding() {
    // 7 eighths a second, asked for in steps of 3 microseconds: after a second exactly 7.
    SteadyTime now{};
    MoneyBucket bucket(Money::fromEighths(7), Money::fromEighths(1000), now);
    bucket.take(Money::fromEighths(1000));
    for (int i = 0; i < 333'333; ++i) bucket.refill(now += std::chrono::microseconds(3));
    QCOMPARE(bucket.level(), Money::fromEighths(6));
    bucket.refill(now += std::chrono::microseconds(1));
    QCOMPARE(bucket.level(), Money::fromEighths(7));
    bucket.refill(now + std::chrono::hours(1));
    QCOMPARE(bucket.level(), Money::fromEighths(1000));
}

void TestEdgeParts::bucketSurvivesExtremes() {
    SteadyTime now{};
    MoneyBucket bucket(Money::max(), Money::max(), now);
    bucket.take(Money::max());
    bucket.refill(now += std::chrono::microseconds(1));
    QCOMPARE(bucket.level().eighths(), INT64_MAX / 1'000'000);
    bucket.refill(now += std::chrono::hours(24 * 365));
    QCOMPARE(bucket.level(), Money::max());
    MoneyBucket empty(Money::zero(), Money::fromEighths(1), now);
    QVERIFY(empty.covers(Money::fromEighths(1)));
    empty.take(Money::fromEighths(1));
    empty.refill(now += std::chrono::hours(1));
    QVERIFY(!empty.covers(Money::fromEighths(1)));
    QVERIFY(MoneyBucket().covers(Money::max()));
}

void TestEdgeParts::bucketKeepsItsLevelOverARestart() {
    MoneyBucket bucket(nano(10), nano(100), SteadyTime{});
    bucket.restore(nano(30));
    QVERIFY(bucket.covers(nano(30)));
    QVERIFY(!bucket.covers(nano(31)));
    bucket.restore(nano(1000));
    QCOMPARE(bucket.level(), nano(100));
    bucket.restore(Money::fromEighths(-5));
    QCOMPARE(bucket.level(), Money::zero());
}

void TestEdgeParts::keyTableAgreesWithAModel() {
    KeyTable table;
    std::unordered_map<uint32_t, TagKey> model;
    SeededRandom random(7);
    for (int i = 0; i < 60'000; ++i) {
        const auto id = static_cast<uint32_t>(random.below(9000) * 65536);  // ids that differ in high bits only
        if (random.below(3) != 0) {
            SessionKey key = sessionKey(id);
            const auto result = table.install(key, 0, SteadyTime{});
            QVERIFY(result.has_value());
            model[id] = key.secret;
        } else {
            QCOMPARE(table.remove(SessionKeyId(id)).has_value(), model.erase(id) == 1);
        }
        if (i % 5000 != 0) continue;
        for (uint32_t probe = 0; probe < 9000; ++probe) {
            const KeyRecord* record = table.find(SessionKeyId(probe * 65536));
            const auto expected = model.find(probe * 65536);
            QCOMPARE(record != nullptr, expected != model.end());
            if (record != nullptr) QCOMPARE(record->secret, expected->second);
        }
    }
    QCOMPARE(table.size(), model.size());
}

void TestEdgeParts::keyTableRefusesWhatItCannotHold() {
    KeyTable table(2);
    SessionKey key = sessionKey(1);
    key.allowed.assign(17, IspId(1));
    QCOMPARE(table.install(key, 0, SteadyTime{}).error(), KeyError::TooManyIsps);
    key = sessionKey(1);
    key.cap = Money::fromEighths(-1);
    QCOMPARE(table.install(key, 0, SteadyTime{}).error(), KeyError::BadLimit);
    QVERIFY(table.install(sessionKey(1), 0, SteadyTime{}).has_value());
    QVERIFY(table.install(sessionKey(2), 0, SteadyTime{}).has_value());
    QCOMPARE(table.install(sessionKey(3), 0, SteadyTime{}).error(), KeyError::TableFull);
    QVERIFY(table.install(sessionKey(2), 0, SteadyTime{}).has_value());
}

void TestEdgeParts::longestPrefixWins() {
    const std::vector<PrefixTable::Entry> entries = {{prefix("0.0.0.0/0"), 1},     {prefix("10.0.0.0/8"), 2},
                                                     {prefix("10.1.2.0/24"), 3},   {prefix("10.1.2.3"), 4},
                                                     {prefix("2001:db8::/32"), 5}, {prefix("2001:db8:0:1::/64"), 6},
                                                     {prefix("2001:db8::1"), 7},   {prefix("10.1.2.3"), 8}};
    const PrefixTable table(entries);
    const auto find = [&](std::string_view text) { return table.find(ip(text).bytes()).value_or(0); };
    QCOMPARE(find("192.0.2.1"), 1U);
    QCOMPARE(find("10.9.9.9"), 2U);
    QCOMPARE(find("10.1.2.9"), 3U);
    QCOMPARE(find("10.1.2.3"), 4U);
    QCOMPARE(find("2001:db8:9::"), 5U);
    QCOMPARE(find("2001:db8:0:1::9"), 6U);
    QCOMPARE(find("2001:db8::1"), 7U);
    QCOMPARE(find("2001:db9::1"), 0U);
    QVERIFY(!PrefixTable().find(ip("10.0.0.1").bytes()));
}

void TestEdgeParts::prefixTableAgreesWithASearch() {
    SeededRandom random(3);
    std::vector<PrefixTable::Entry> entries;
    for (uint32_t i = 0; i < 500; ++i) {
        const auto length = static_cast<uint8_t>(random.below(33));
        std::array<uint8_t, 4> bytes{};
        const uint64_t mask = length == 0 ? 0 : 0xffffffffULL << (32 - length);
        store32(bytes.data(), static_cast<uint32_t>(random.below(uint64_t{1} << 32) & mask));
        bytes[0] = static_cast<uint8_t>(bytes[0] & (mask >> 24));
        entries.push_back({*IpPrefix::make(*IpAddress::fromBytes(bytes), length), i});
    }
    const PrefixTable table(entries);
    for (int i = 0; i < 5000; ++i) {
        std::array<uint8_t, 4> bytes{};
        store32(bytes.data(), static_cast<uint32_t>(random.below(uint64_t{1} << 32)));
        const IpAddress address = *IpAddress::fromBytes(bytes);
        std::optional<uint32_t> expected;
        int best = -1;
        for (const auto& entry : entries) {
            if (entry.prefix.contains(address) && entry.prefix.length() > best) {
                best = entry.prefix.length();
                expected = entry.value;
            }
        }
        QCOMPARE(table.find(bytes), expected);
    }
}

// Random packets of several keys, good and bad, in random batches: what the router counted is what a ledger that only
// looks at the verdicts adds up, for every key, link, neighbour and ISP.
void TestEdgeParts::acceptedSumsEqualTheModel() {
    EdgeConfig config = edgeConfig();
    config.classes[0].price.base = {nano(3), nano(20), 100};
    Router router(config);
    SeededRandom random(11);
    std::vector<SessionKey> keys;
    for (uint32_t i = 0; i < 20; ++i) {
        keys.push_back(sessionKey(100 + i));
        keys.back().cap = nano(static_cast<int64_t>(random.below(60'000)));
        keys.back().capPerSecond = nano(static_cast<int64_t>(1 + random.below(5'000)));
        router.install(keys.back());
    }
    std::vector<uint64_t> next(keys.size());
    std::map<uint32_t, KeyCounters> owed;
    std::map<uint16_t, LinkCounters> links;
    std::map<std::pair<uint16_t, uint16_t>, PaymentCounter> downstream;
    DeliveredCounters delivered;
    const auto add = [](Money& sum, Money more) { sum = Money::fromEighths(sum.eighths() + more.eighths()); };

    for (int round = 0; round < 2000; ++round) {
        struct Sent {
            Bytes bytes;
            Bytes inner;
            AccountingHeader header;
            size_t key;
            uint16_t source;
        };
        std::vector<Sent> sent(1 + random.below(70));
        for (Sent& one : sent) {
            one.key = random.below(keys.size());
            one.source = random.below(4) == 0 ? 1 : 0;
            std::vector<HopBlock> hops;
            hops.reserve(3);
            hops.push_back(hop(25, static_cast<int64_t>(1 + random.below(40))));
            if (random.below(2) == 0) {
                hops[0].exit = ExitPoint(static_cast<uint16_t>(random.below(6)));
                hops.push_back(hop(24, static_cast<int64_t>(1 + random.below(40))));
                if (random.below(2) == 0) hops.push_back(hop(23, static_cast<int64_t>(1 + random.below(400))));
            }
            one.header = *AccountingHeader::make(hops);
            Bytes head(one.header.size());
            (void)one.header.encode(head);
            one.inner = innerPacket({.payload = random.below(1200)});
            const auto burst = static_cast<uint8_t>(1 + random.below(3));
            one.bytes = customer(keys[one.key], next[one.key], head, one.inner, burst);
            if (random.below(3) != 0) next[one.key] += burst;  // otherwise the next packet shares slots
            if (random.below(10) == 0)
                one.bytes[random.below(one.bytes.size())] ^= static_cast<uint8_t>(1 + random.below(255));
        }
        std::vector<EdgePacket> packets;
        for (Sent& one : sent) {
            packets.push_back(
                {one.bytes.data(), static_cast<uint32_t>(one.bytes.size()), one.source, Arrival::Customer});
        }
        std::vector<EdgeResult> results(packets.size());
        router.processor.process(packets, results, *router.tables, router.now);
        for (size_t i = 0; i < sent.size(); ++i) {
            if (!isAccepted(results[i].verdict)) continue;
            const Sent& one = sent[i];
            KeyCounters& key = owed[keys[one.key].id.value()];
            ++key.packets;
            key.bytes += one.inner.size();
            add(key.amount, one.header.total());
            if (results[i].verdict == Verdict::Delivered) {
                ++delivered.packets;
                delivered.bytes += one.inner.size();
                add(delivered.own, one.header.total());
            }
            if (results[i].verdict != Verdict::Forwarded) continue;
            LinkCounters& link = links[results[i].target.index];
            ++link.packets;
            link.bytes += one.inner.size();
            add(link.own, one.header.hops()[0].price.value());
            add(link.downstream, one.header.total(1));
            for (const HopBlock& later : one.header.hops().subspan(1)) {
                PaymentCounter& counter = downstream[{uint16_t{24}, later.isp.value()}];
                ++counter.packets;
                add(counter.amount, later.price.value());
            }
        }
        router.advance(std::chrono::milliseconds(random.below(50)));
    }

    EdgeReport report = router.report();
    router.processor.markAllKeys();
    report = router.report();
    size_t spent = 0;
    for (const EdgeReport::Key& key : report.keys) {
        KeyCounters expected = owed[key.id.value()];
        expected.nextSequence = key.counters.nextSequence;
        QCOMPARE(key.counters, expected);
        if (key.counters.packets != 0) ++spent;
        const SessionKey& limits = keys[key.id.value() - 100];
        QVERIFY(key.counters.amount <= limits.cap);
    }
    QVERIFY(spent > 10);
    for (uint16_t l = 0; l < report.links.size(); ++l) QCOMPARE(report.links[l].counters, links[l]);
    QVERIFY(links[1].packets > 100 && delivered.packets > 100);
    QCOMPARE(report.delivered, delivered);
    QCOMPARE(report.downstream.size(), downstream.size());
    for (const auto& entry : report.downstream) {
        QCOMPARE(entry.counter, (downstream[{entry.neighbour.value(), entry.isp.value()}]));
    }
    // Everybody was refused somewhere: the packets above exercise caps, rates, tags, replays and prices.
    for (const Verdict verdict : {Verdict::BadTag, Verdict::Replayed, Verdict::KeyCapReached, Verdict::KeyRateReached,
                                  Verdict::Underpaid, Verdict::UnknownExit, Verdict::RateLimited}) {
        QVERIFY2(report.verdicts[static_cast<size_t>(verdict)] > 0, verdictName(verdict).data());
    }
}

QTEST_APPLESS_MAIN(TestEdgeParts)
#include "test_edge_parts.moc"
