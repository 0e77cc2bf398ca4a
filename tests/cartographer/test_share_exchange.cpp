// Members that tell each other what they measure, over a table that loses, repeats and invents.
#include <QtTest>
#include <cmath>
#include <memory>

#include "cartographer/share/exchange.h"

using namespace netpas;
using namespace netpas::share;
using namespace std::chrono_literals;

namespace {

// What was put somewhere is found there by everybody who follows it.
struct Table {
    std::vector<std::pair<Topic, Bytes>> put;
};

class TableEnd final : public Transport {
public:
    explicit TableEnd(Table& table) : m_table(table) {}
    void follow(const std::set<Topic>& topics) override { followed = topics; }
    void publish(const Topic& topic, const Bytes& value) override { m_table.put.emplace_back(topic, value); }
    // Everything that is there, again and again.
    void deliver() {
        for (const auto& [topic, value] : m_table.put) {
            if (followed.contains(topic)) onValue(topic, value);
        }
    }
    std::set<Topic> followed;

private:
    Table& m_table;
};

const Segment segment{IspId(25), IspId(24), false};
const Aspect roundTrip{ServiceClass(0), ServiceClass(0), Metric::RoundTrip};

const Identity& identity(uint8_t number) {
    static std::map<uint8_t, Identity> all;
    return all.try_emplace(number, Identity::fromSeed({number})).first->second;
}

Community community(uint8_t members) {
    std::vector<PublicKey> keys;
    for (uint8_t i = 1; i <= members; ++i) keys.push_back(identity(i).publicKey());
    return Community({42}, keys);
}

struct Member {
    Member(uint8_t number, uint8_t members, Table& table, const Clock& clock)
        : end(table), random(number), exchange({}, community(members), identity(number), end, clock, random) {
        exchange.follow({segment});
    }
    TableEnd end;
    SeededRandom random;
    Exchange exchange;
};

measure::Estimate measured(const Clock& clock, double seconds, measure::Grade grade = measure::Grade::Good) {
    measure::Estimate out;
    out.grade = grade;
    out.value = seconds;
    out.low = seconds * 0.95;
    out.high = seconds * 1.05;
    out.samples = 50;
    out.newest = clock.steady();
    return out;
}

Record recordBy(uint8_t number, SystemTime issued, double seconds) {
    Record out;
    out.signer = identity(number).publicKey();
    out.issued = std::chrono::floor<std::chrono::milliseconds>(issued);
    out.lifetimeSeconds = 300;
    out.segment = segment;
    const auto value = static_cast<uint64_t>(seconds * 1e9);
    out.figures = {{roundTrip, value, value, value, 10, 0}};
    return out;
}

uint64_t rejected(const Exchange& exchange, Rejected why) {
    return exchange.counters().rejected[static_cast<size_t>(why)];
}

}  // namespace

class TestShareExchange : public QObject {
    Q_OBJECT

    ManualClock m_clock{SystemTime(1'800'000'000s)};

    // Hands a record to a member as if it had come from the table.
    void hand(Member& to, const Record& record, uint8_t signer, const Community& by) {
        const Topic topic = by.topicOf(segment);
        to.end.onValue(topic, by.close(sign(record, by.id(), identity(signer)), topic));
    }

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }
    void init() { m_clock.advance(1h); }

    void whatMembersMeasureReachesOneThatMeasuresNothing() {
        Table table;
        std::vector<std::unique_ptr<Member>> members;
        for (uint8_t i = 1; i <= 9; ++i) members.push_back(std::make_unique<Member>(i, 9, table, m_clock));
        for (size_t i = 1; i < members.size(); ++i) {
            members[i]->exchange.offer({{{segment, roundTrip}, measured(m_clock, 0.02 + 0.0001 * double(i))}});
            members[i]->exchange.run();
        }
        members[0]->exchange.run();
        QCOMPARE(table.put.size(), size_t{8});
        members[0]->end.deliver();
        const auto shared = members[0]->exchange.estimates();
        QCOMPARE(shared.size(), size_t{1});
        QCOMPARE(shared[0].members, size_t{8});
        QCOMPARE(shared[0].heard, size_t{8});
        QCOMPARE(shared[0].estimate.grade, measure::Grade::Good);
        QVERIFY(std::abs(shared[0].estimate.value - 0.02045) < 1e-4);
        QVERIFY(shared[0].estimate.low <= 0.0201 && shared[0].estimate.high >= 0.0208);
        QCOMPARE(shared[0].estimate.samples, uint64_t{400});
        // And is gone when it is too old.
        m_clock.advance(301s);
        QVERIFY(members[0]->exchange.estimates().empty());
    }

    void twoMembersAreScarce() {
        Table table;
        Member me(1, 3, table, m_clock);
        hand(me, recordBy(2, m_clock.now(), 0.02), 2, community(3));
        hand(me, recordBy(3, m_clock.now(), 0.02), 3, community(3));
        QCOMPARE(me.exchange.estimates().at(0).estimate.grade, measure::Grade::Scarce);
    }

    void onlyWhatIsGoodAndAboutSegmentsIsTold() {
        Table table;
        Member me(1, 3, table, m_clock);
        me.exchange.offer({{{segment, roundTrip}, measured(m_clock, 0.02, measure::Grade::Scarce)}});
        me.exchange.run();
        QVERIFY(table.put.empty());
        const Segment elsewhere{IspId(1), IspId(2), false};
        me.exchange.offer({{{elsewhere, roundTrip}, measured(m_clock, 0.02)}});
        m_clock.advance(7s);
        me.exchange.run();
        QVERIFY(table.put.empty());
        me.exchange.offer({{{segment, roundTrip}, measured(m_clock, 0.02)}});
        m_clock.advance(7s);
        me.exchange.run();
        QCOMPARE(table.put.size(), size_t{1});
        // Then not again before its time.
        m_clock.advance(40s);
        me.exchange.run();
        QCOMPARE(table.put.size(), size_t{1});
        m_clock.advance(40s);
        me.exchange.run();
        QCOMPARE(table.put.size(), size_t{2});
    }

    void whatIsRefusedIsCountedWithItsReason() {
        Table table;
        Member me(1, 4, table, m_clock);
        const Community ours = community(4);
        const Topic topic = ours.topicOf(segment);
        const SystemTime now = m_clock.now();
        hand(me, recordBy(2, now, 0.02), 2, ours);
        QCOMPARE(me.exchange.counters().taken, uint64_t{1});
        hand(me, recordBy(2, now, 0.03), 2, ours);
        hand(me, recordBy(2, now - 10s, 0.03), 2, ours);
        QCOMPARE(rejected(me.exchange, Rejected::Replayed), uint64_t{2});
        hand(me, recordBy(3, now + 31s, 0.02), 3, ours);
        QCOMPARE(rejected(me.exchange, Rejected::FromTheFuture), uint64_t{1});
        hand(me, recordBy(3, now - 300s, 0.02), 3, ours);
        QCOMPARE(rejected(me.exchange, Rejected::Expired), uint64_t{1});
        hand(me, recordBy(5, now, 0.02), 5, ours);
        QCOMPARE(rejected(me.exchange, Rejected::Stranger), uint64_t{1});
        hand(me, recordBy(3, now, 0.02), 2, ours);  // 2 signs in 3's name
        QCOMPARE(rejected(me.exchange, Rejected::Forged), uint64_t{1});
        Record other = recordBy(3, now, 0.02);
        other.segment = {IspId(1), IspId(2), false};
        hand(me, other, 3, ours);
        QCOMPARE(rejected(me.exchange, Rejected::OtherSegment), uint64_t{1});
        me.end.onValue(topic, Bytes(100, 7));
        QCOMPARE(rejected(me.exchange, Rejected::Unsealed), uint64_t{1});
        QCOMPARE(me.exchange.counters().taken, uint64_t{1});
        QCOMPARE(me.exchange.estimates().at(0).estimate.value, 0.02);
    }

    // Keys that nobody put on the list count nothing, however many there are.
    void aSybilGainsNothing() {
        Table table;
        Member me(1, 4, table, m_clock);
        for (uint8_t i = 2; i <= 4; ++i) hand(me, recordBy(i, m_clock.now(), 0.02), i, community(4));
        for (int i = 5; i < 200; ++i)
            hand(me, recordBy(static_cast<uint8_t>(i), m_clock.now(), 5), static_cast<uint8_t>(i), community(4));
        QCOMPARE(me.exchange.estimates().at(0).estimate.value, 0.02);
        QCOMPARE(rejected(me.exchange, Rejected::Stranger), uint64_t{195});
    }

    void aFloodIsNotLookedAt() {
        Table table;
        Member me(1, 4, table, m_clock);
        for (int i = 0; i < 10'000; ++i)
            hand(me, recordBy(2, m_clock.now() + std::chrono::milliseconds(i), 0.02), 2, community(4));
        QCOMPARE(me.exchange.counters().taken, uint64_t{400});
        QCOMPARE(rejected(me.exchange, Rejected::TooMany), uint64_t{9600});
        m_clock.advance(1s);
        hand(me, recordBy(3, m_clock.now(), 0.02), 3, community(4));
        QCOMPARE(me.exchange.counters().taken, uint64_t{401});
    }

    void segmentsBeyondTheLimitAreNotFollowed() {
        Table table;
        Member me(1, 4, table, m_clock);
        std::vector<Segment> many;
        for (uint16_t i = 1; i < 100; ++i) many.push_back({IspId(i), IspId(static_cast<uint16_t>(i + 1)), false});
        me.exchange.follow(many);
        QCOMPARE(me.end.followed.size(), size_t{32});
        QVERIFY(!me.end.followed.contains(me.exchange.community().topicOf(segment)));
    }

    void ownMeasurementsTeachWhomToBelieve() {
        Table table;
        Member me(1, 6, table, m_clock);
        // Three of five lie about this segment, which is measured here too.
        for (int round = 0; round < 30; ++round) {
            m_clock.advance(60s);
            me.exchange.offer({{{segment, roundTrip}, measured(m_clock, 0.02)}});
            for (uint8_t i = 2; i <= 6; ++i)
                hand(me, recordBy(i, m_clock.now(), i <= 4 ? 0.08 : 0.02), i, community(6));
        }
        QVERIFY(std::abs(me.exchange.estimates().at(0).estimate.value - 0.02) < 0.002);
    }

    // The wall clock may be set back: what is told afterwards is newer all the same.
    void recordsAreInOrderWhenTheClockGoesBack() {
        Table table;
        Member me(1, 2, table, m_clock);
        Member other(2, 2, table, m_clock);
        me.exchange.offer({{{segment, roundTrip}, measured(m_clock, 0.02)}});
        me.exchange.run();
        m_clock.advance(90s);
        m_clock.setWall(m_clock.now() - 100s);
        me.exchange.offer({{{segment, roundTrip}, measured(m_clock, 0.03)}});
        me.exchange.run();
        other.end.deliver();
        QCOMPARE(other.exchange.counters().taken, uint64_t{2});
        QCOMPARE(other.exchange.estimates().at(0).estimate.value, 0.03);
    }
};

QTEST_APPLESS_MAIN(TestShareExchange)
#include "test_share_exchange.moc"
