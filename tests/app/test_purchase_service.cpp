#include <QTemporaryDir>
#include <QtTest>
#include <memory>
#include <optional>
#include <set>

#include "app/secretary/purchase_service.h"
#include "tests/app/purchase_fakes.h"

using namespace netpas;
using namespace netpas::secretaryd;
using ledger::EndReason;
using ledger::PurchaseState;
using std::chrono::milliseconds;

namespace {

Money dollars(const char* text) { return *Money::parse(text); }
Money nano(int64_t amount) { return *Money::fromNanodollars(amount); }

BuyOrder order(const char* cap = "0.05", uint16_t port = 80) {
    BuyOrder order;
    order.purchase.uid = 1000;
    order.purchase.flow.remote = IpPrefix::parse("192.0.2.10");
    order.purchase.flow.protocol = ipproto::tcp;
    order.purchase.flow.remotePort = port;
    order.purchase.cap = dollars(cap);
    order.what.destination = *IpAddress::parse("192.0.2.10");
    return order;
}

// One life of the agent: everything but the ledger's file and the ISP goes with it.
struct Agent {
    Agent(ledger::Ledger& ledger, fake::Isp& isp, ManualClock& clock)
        : timers(clock),
          quotes(timers, kill),
          mint(kill),
          first(isp, timers, kill),
          plane(isp, timers, kill),
          authority(kill),
          service({ledger, quotes, mint, first, plane, authority, timers, clock,
                   [this](LogLevel, const std::string& line) { log.push_back(line); }},
                  PurchaseSettings{}) {
        plane.service = &service;
    }

    // The agent is there from the start, and has nothing of an earlier life.
    Agent& up() {
        service.agentUp({});
        return *this;
    }
    void buy(const BuyOrder& what) {
        askFor(what);
        timers.run(milliseconds(0));
    }
    // Without looking at it yet.
    void askFor(const BuyOrder& what) {
        service.buy(what, [this](auto result) { answers.push_back(std::move(result)); });
    }
    [[nodiscard]] PurchaseId bought() const { return answers.back()->book.id; }

    fake::KillSwitch kill;
    fake::Timers timers;
    fake::Quotes quotes;
    fake::Mint mint;
    fake::FirstIsp first;
    fake::Flows plane;
    fake::Authority authority;
    std::vector<std::string> log;
    std::vector<tl::expected<PurchaseView, BuyRefusal>> answers;
    PurchaseService service;
};

}  // namespace

class TestPurchaseService : public QObject {
    Q_OBJECT

    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<ledger::Ledger> m_ledger;
    ManualClock m_clock{SystemTime{std::chrono::hours{24 * 365 * 50}}};
    fake::Isp m_isp;

    void reopen() {
        m_ledger.reset();
        auto opened = ledger::Ledger::open(m_folder->filePath("ledger.db").toStdString(), store::DatabaseKey{});
        QVERIFY(opened);
        m_ledger = std::move(*opened);
    }
    [[nodiscard]] ledger::Purchase book(PurchaseId id) const { return *m_ledger->find(id); }

private slots:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        m_isp = {};
        reopen();
    }
    void cleanup() {
        const auto found = m_ledger->check();
        QVERIFY(found && found->empty());
    }

    void anotherWayIsTakenUnderAnotherKey() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(20));
        const PurchaseId id = agent.bought();
        QCOMPARE(agent.plane.flows.size(), size_t{1});
        const SessionKeyId first = agent.plane.flows[0].key.id;
        agent.quotes.way = {{26, 3}, {23, 8}, {24, 2}};
        agent.timers.run(milliseconds(2500));
        QCOMPARE(agent.plane.flows.size(), size_t{1});
        const PaidFlow& flow = agent.plane.flows[0];
        QCOMPARE(flow.path[1].isp, IspId{23});
        QVERIFY(flow.key.id != first);
        QVERIFY((flow.key.allowed == std::vector{IspId{26}, IspId{23}, IspId{24}}));
        QCOMPARE(int(book(id).state), int(PurchaseState::Active));
        agent.timers.run(milliseconds(2500));
        QCOMPARE(agent.plane.flows[0].key.id, flow.key.id);
        QVERIFY2(m_isp.keys.at(first.value()).revoked, "the key of the old way is settled");
        QVERIFY2(agent.quotes.last.atMost == nano(15), "no dearer way is asked for than was agreed to");
        const auto kept = *m_ledger->evidence(id);
        QVERIFY(std::any_of(kept.begin(), kept.end(), [](const ledger::KeptEvidence& one) {
            const std::string text(one.evidence.message.begin(), one.evidence.message.end());
            return one.evidence.kind == "way" && text.find("\"isp\":23") != std::string::npos;
        }));
        agent.service.stop(id, EndReason::StoppedByUser);
        agent.timers.run(milliseconds(5000));
        QCOMPARE(int(book(id).state), int(PurchaseState::Settled));
    }

    void aWayThatFlapsIsLeftForBestEffort() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(20));
        const PurchaseId id = agent.bought();
        int changes = 0;
        while (book(id).state == PurchaseState::Active && changes < 40) {
            agent.quotes.way[1].first = ++changes % 2 == 1 ? uint16_t{23} : uint16_t{25};
            agent.timers.run(milliseconds(2500));
        }
        QCOMPARE(changes, 7);
        QCOMPARE(int(book(id).reason), int(EndReason::NoOffer));
        agent.timers.run(milliseconds(5000));
        QCOMPARE(int(book(id).state), int(PurchaseState::Settled));
        QVERIFY(agent.plane.flows.empty());
    }

    void aWayThatTheRulesDoNotAllowIsNotTaken() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(20));
        const PurchaseId id = agent.bought();
        agent.authority.never = IspId{23};
        agent.quotes.way = {{26, 3}, {23, 8}, {24, 2}};
        agent.timers.run(milliseconds(8000));
        QCOMPARE(int(book(id).state), int(PurchaseState::Settled));
        QCOMPARE(int(book(id).reason), int(EndReason::NoOffer));
        QCOMPARE(book(id).note, std::string("Not over this ISP."));
    }

    void lowerPricesOnTheSameWayNeedNoOtherKey() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(20));
        const SessionKeyId key = agent.plane.flows[0].key.id;
        agent.quotes.way[1].second = 9;
        agent.timers.run(milliseconds(2500));
        QCOMPARE(agent.plane.flows[0].key.id, key);
        QCOMPARE(agent.plane.flows[0].path[1].prices.base.perPacket, nano(9));
    }

    void nobodyPaysMoreThanWasAgreedTo() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(20));
        const PurchaseId id = agent.bought();
        agent.quotes.way[1].second = 11;
        agent.timers.run(milliseconds(8000));
        QCOMPARE(int(book(id).state), int(PurchaseState::Settled));
        QCOMPARE(int(book(id).reason), int(EndReason::NoOffer));
        QVERIFY(book(id).note.find("costs more") != std::string::npos);
    }

    void aWayThatIsGoneEndsThePurchaseAndOneThatCannotBeAskedForDoesNot() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(20));
        const PurchaseId id = agent.bought();
        agent.quotes.fails = true;
        agent.quotes.failure = {QuoteFailure::Kind::Unreachable, "silent", {}};
        agent.timers.run(milliseconds(8000));
        QCOMPARE(int(book(id).state), int(PurchaseState::Active));
        agent.quotes.failure = {QuoteFailure::Kind::NoPath, "no paid path", {}};
        agent.timers.run(milliseconds(8000));
        QCOMPARE(int(book(id).state), int(PurchaseState::Settled));
        QCOMPARE(int(book(id).reason), int(EndReason::NoOffer));
    }

    void aPurchaseRunsAndSettlesToTheEighth() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(20));
        QVERIFY(agent.answers.size() == 1 && agent.answers[0].has_value());
        const PurchaseId id = agent.bought();
        QCOMPARE(int(book(id).state), int(PurchaseState::Active));
        QCOMPARE(agent.plane.diverted(), size_t{1});
        QCOMPARE(*m_ledger->reserved(), dollars("0.05"));
        agent.plane.traffic(1000, 7);
        agent.timers.run(milliseconds(400));
        QCOMPARE(book(id).usage.amount, nano(15'000));  // group-committed while it runs
        agent.plane.traffic(1);
        QVERIFY(agent.service.stop(id, EndReason::StoppedByUser));
        QVERIFY((agent.plane.diverted() == 0));
        agent.timers.run(milliseconds(600));
        QVERIFY(agent.service.idle());
        const ledger::Purchase done = book(id);
        QCOMPARE(int(done.state), int(PurchaseState::Settled));
        QCOMPARE(done.usage.packets, uint64_t{1001});
        QCOMPARE(*done.charged, nano(15 * 994));  // what reached the ISP
        QCOMPARE(int(done.reason), int(EndReason::StoppedByUser));
        QVERIFY(!done.disputed);
        QCOMPARE(*m_ledger->reserved(), Money::zero());
        QCOMPARE(agent.timers.waiting(), size_t{0});  // an idle agent does not wake up
    }

    void theCapEndsThePurchaseAndIsNeverPassed() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order("0.0000151"));
        agent.timers.run(milliseconds(20));
        for (int i = 0; i < 200; ++i) {
            agent.plane.traffic(37);
            agent.timers.run(milliseconds(100));
        }
        const ledger::Purchase done = book(agent.bought());
        QCOMPARE(int(done.state), int(PurchaseState::Settled));
        QCOMPARE(int(done.reason), int(EndReason::CapReached));
        QVERIFY(*done.charged <= dollars("0.0000151"));
        // No more is left than what the last key and the rest of the cap are each too short of a packet.
        QVERIFY(*done.charged > *checkedSub(dollars("0.0000151"), nano(30)));
        QVERIFY(done.keys.size() > 3);
        for (const ledger::KeySlice& key : done.keys) QVERIFY(key.end && key.end->charged <= key.cap);
    }

    void theDurationEndsThePurchase() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        BuyOrder timed = order();
        timed.purchase.duration = std::chrono::seconds(10);
        agent.buy(timed);
        agent.timers.run(milliseconds(9'900));
        QCOMPARE(int(book(agent.bought()).state), int(PurchaseState::Active));
        agent.timers.run(milliseconds(1'000));
        QCOMPARE(int(book(agent.bought()).state), int(PurchaseState::Settled));
        QCOMPARE(int(book(agent.bought()).reason), int(EndReason::DurationOver));
        QVERIFY(m_isp.keys.begin()->second.key.expires > m_clock.now());
    }

    void killedAtAnyMomentTheBooksAgreeAfterwards() {
        int killAt = 0;
        bool survived = false;
        for (; !survived; ++killAt) {
            init();
            try {
                Agent agent(*m_ledger, m_isp, m_clock);
                agent.up();
                agent.timers.run(milliseconds(5));
                agent.kill = {0, killAt};
                agent.buy(order());
                agent.timers.run(milliseconds(20));
                agent.plane.traffic(100);
                agent.timers.run(milliseconds(300));
                agent.plane.traffic(50);  // these are not in the ledger when a kill comes now
                agent.service.stopAll(EndReason::StoppedByUser);
                agent.timers.run(milliseconds(600));
                survived = true;
            } catch (const fake::Killed&) {
            }
            reopen();
            Agent next(*m_ledger, m_isp, m_clock);
            next.mint.next = 100;
            QVERIFY(next.service.recover());
            next.up();
            next.timers.run(milliseconds(100));
            QVERIFY2(next.service.idle(), qPrintable(QString("killed at call %1").arg(killAt)));
            QVERIFY(m_ledger->unfinished()->empty());
            QCOMPARE(*m_ledger->reserved(), Money::zero());
            Money owed;
            for (const auto& [id, key] : m_isp.keys) {
                QVERIFY(key.revoked);
                owed = *checkedAdd(owed, key.amount);
            }
            QCOMPARE(m_ledger->wallet()->debitsPosted, owed);
            QVERIFY(!m_ledger->history(std::nullopt, 1)->front().disputed);
            QVERIFY(m_ledger->check()->empty());
            QVERIFY((next.plane.diverted() == 0));
        }
        QVERIFY2(killAt > 7, "every port is called at least once");
    }

    void aSilentIspIsAskedUntilItAnswers() {
        std::optional<PurchaseId> id;
        {
            Agent agent(*m_ledger, m_isp, m_clock);
            agent.up();
            agent.buy(order());
            agent.timers.run(milliseconds(20));
            id = agent.bought();
            agent.plane.traffic(10);
            agent.timers.run(milliseconds(300));
            m_isp.silent = true;
            agent.service.stop(*id, EndReason::StoppedByUser);
            agent.timers.run(std::chrono::minutes(10));
            QCOMPARE(int(book(*id).state), int(PurchaseState::Settling));
            QVERIFY(agent.service.find(*id)->waitingForIsp);
            QVERIFY(!agent.service.find(*id)->trouble.empty());
            QCOMPARE(*m_ledger->reserved(), dollars("0.05"));  // held until it is known
        }
        reopen();
        Agent next(*m_ledger, m_isp, m_clock);
        QVERIFY(next.service.recover());
        next.up();
        next.timers.run(std::chrono::minutes(1));
        QCOMPARE(int(book(*id).state), int(PurchaseState::Settling));
        m_isp.silent = false;
        next.timers.run(std::chrono::minutes(1));
        QCOMPARE(int(book(*id).state), int(PurchaseState::Settled));
        QCOMPARE(*book(*id).charged, nano(150));
    }

    void anInflatedStatementIsDisputed() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(20));
        agent.plane.traffic(10);
        m_isp.overcharge = Money::fromEighths(1);
        agent.service.stop(agent.bought(), EndReason::StoppedByUser);
        agent.timers.run(milliseconds(600));
        QVERIFY(book(agent.bought()).disputed);
        QCOMPARE(*book(agent.bought()).charged, nano(150));
    }

    void aChargeThatTheAgentDidNotCountIsAnAlarmForAllKeys() {
        Agent agent(*m_ledger, m_isp, m_clock);
        std::vector<std::string> alarms;
        agent.service.onAlarm([&](const std::string& what) { alarms.push_back(what); });
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(20));
        const PurchaseId first = agent.bought();
        BuyOrder other = order();
        other.purchase.flow.remotePort = 4444;
        agent.buy(other);
        agent.timers.run(milliseconds(20));
        const PurchaseId second = agent.bought();
        // Somebody else pays with the first purchase's key.
        auto& stolen = m_isp.keys.begin()->second;
        stolen.amount = *checkedAdd(stolen.amount, nano(15));
        agent.service.stop(first, EndReason::StoppedByUser);
        agent.timers.run(milliseconds(600));
        QCOMPARE(alarms.size(), size_t{1});
        QVERIFY(!agent.service.alarm().empty());
        QVERIFY(book(first).disputed);
        QCOMPARE(int(book(second).reason), int(EndReason::Alarm));
        for (const auto& [number, key] : m_isp.keys) QVERIFY(key.revoked);
    }

    void anAgentThatHidesWhatIsSpentGetsNoMoreThanTheCap() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(20));
        const PurchaseId id = agent.bought();
        // Every key is used up by somebody else; the agent asks for the next one and says that it counted nothing.
        for (int round = 0; round < 200; ++round) {
            std::vector<FlowCounters> usedUp;
            for (const PaidFlow& flow : agent.plane.flows) {
                fake::Isp::Key& theirs = m_isp.keys.at(flow.key.id.value());
                if (!theirs.revoked) theirs.amount = theirs.key.cap;
                usedUp.push_back({flow.id, flow.key.id, {}, true, {}});
            }
            agent.service.countersCame(usedUp);
            agent.timers.run(milliseconds(700));
        }
        Money spent;
        for (const auto& [number, key] : m_isp.keys) spent = *checkedAdd(spent, key.amount);
        QVERIFY(spent <= book(id).request.cap);
        QVERIFY(book(id).disputed);
        QVERIFY(agent.plane.flows.empty());
    }

    void whatADisputedKeyMayHaveSpentIsGoneAfterARestartToo() {
        {
            Agent agent(*m_ledger, m_isp, m_clock);
            agent.up();
            agent.buy(order());
            agent.timers.run(milliseconds(20));
            const PurchaseId id = agent.bought();
            const SessionKeyId key = agent.plane.flows.at(0).key.id;
            QVERIFY(m_ledger->closeKey(key, {Money::zero(), true, "forged"}, {}, m_clock.now()));
            Q_UNUSED(id);
        }
        reopen();
        Agent next(*m_ledger, m_isp, m_clock);
        QVERIFY(next.service.recover());
        const auto view = next.service.open();
        QCOMPARE(view.size(), size_t{1});
        QVERIFY(view[0].book.keys[0].end->disputed);
    }

    void anAgentThatIsThereAndSaysNothingOfAKeyDoesNotKeepItAlive() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(20));
        const uint32_t old = agent.plane.flows.at(0).key.id.value();
        agent.plane.mute = true;
        agent.service.countersCame(std::vector<FlowCounters>{{agent.bought(), SessionKeyId{old}, {}, true, {}}});
        agent.timers.run(std::chrono::seconds(5));
        QVERIFY(m_isp.keys.size() > 1);
        QVERIFY(!m_isp.keys.at(old).revoked);
        agent.timers.run(std::chrono::seconds(6));
        QVERIFY(m_isp.keys.at(old).revoked);
    }

    void countersBeyondAllSenseDoNoHarm() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(20));
        const SessionKeyId key = agent.plane.flows.at(0).key.id;
        const ledger::Usage most{UINT64_MAX, UINT64_MAX, Money::max(), UINT64_MAX};
        agent.service.countersCame(std::vector<FlowCounters>{{agent.bought(), key, most, false, {}}});
        agent.timers.run(milliseconds(500));
        QVERIFY(!agent.service.broken());
        QVERIFY(book(agent.bought()).usage.amount <= book(agent.bought()).request.cap);
        agent.service.stop(agent.bought(), EndReason::StoppedByUser);
        agent.timers.run(std::chrono::seconds(2));
        QCOMPARE(int(book(agent.bought()).state), int(PurchaseState::Settled));
        QCOMPARE(*book(agent.bought()).charged, Money::zero());
    }

    void oneUserCannotTakeAllPurchases() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        PurchaseSettings settings;
        const auto ask = [&](uint32_t uid, uint16_t port) {
            BuyOrder what = order();
            what.purchase.uid = uid;
            what.purchase.flow.remotePort = port;
            agent.buy(what);
        };
        for (uint16_t i = 0; i < settings.mostOpenOfOne + 1; ++i) ask(1, static_cast<uint16_t>(i + 1));
        QCOMPARE(agent.answers.size(), size_t{1});
        QVERIFY(!agent.answers[0]);
        QCOMPARE(agent.answers[0].error().code, std::string("RATE_LIMITED"));
        for (uint32_t i = 0; i < settings.mostOpen; ++i) ask(1000 + i, static_cast<uint16_t>(1000 + i));
        QCOMPARE(agent.service.open().size(), settings.mostOpen);
    }

    void afterAKillAStatementAboveTheCapIsDisputed() {
        {
            Agent agent(*m_ledger, m_isp, m_clock);
            agent.up();
            agent.buy(order());
            agent.timers.run(milliseconds(20));
            agent.plane.traffic(10);
            agent.timers.run(milliseconds(300));
        }
        reopen();
        m_isp.overcharge = dollars("0.05");
        Agent next(*m_ledger, m_isp, m_clock);
        QVERIFY(next.service.recover());
        next.up();
        next.timers.run(milliseconds(100));
        const auto last = m_ledger->history(std::nullopt, 1)->front();
        QVERIFY(last.disputed);
        QCOMPARE(*last.charged, nano(150));
        QCOMPARE(int(last.reason), int(EndReason::AgentRestarted));
    }

    void aRefusingIspCostsNothing() {
        m_isp.refuses = true;
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(100));
        QCOMPARE(int(agent.answers[0].error().kind), int(BuyRefusal::Kind::IspRefused));
        QVERIFY(agent.service.idle());
        QCOMPARE(*m_ledger->reserved(), Money::zero());
        QVERIFY(agent.plane.flows.empty());
    }

    void aLostAnswerToTheRegistrationLeavesNoKeyBehind() {
        m_isp.losesTheAnswer = true;
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(100));
        QCOMPARE(int(agent.answers[0].error().kind), int(BuyRefusal::Kind::Unreachable));
        QVERIFY(m_isp.keys.begin()->second.revoked);
        QCOMPARE(*m_ledger->reserved(), Money::zero());
    }

    void planeOrCaptureThatFailMeanBestEffort_data() {
        QTest::addColumn<bool>("plane");
        QTest::newRow("plane") << true;
        QTest::newRow("capture") << false;
    }
    void planeOrCaptureThatFailMeanBestEffort() {
        QFETCH(bool, plane);
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.plane.fails = FlowsFailure{plane ? FlowsFailure::Kind::Plane : FlowsFailure::Kind::Capture, "no"};
        agent.buy(order());
        agent.timers.run(milliseconds(700));
        QCOMPARE(int(agent.answers[0].error().kind), int(BuyRefusal::Kind::Local));
        QVERIFY(agent.service.idle());
        QVERIFY(m_isp.keys.begin()->second.revoked);
        QCOMPARE(*m_ledger->reserved(), Money::zero());
    }

    void noOfferMeansNothingIsReserved() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.quotes.fails = true;
        agent.quotes.failure = {QuoteFailure::Kind::NoPath, "no paid path", "buy elsewhere"};
        agent.buy(order());
        agent.timers.run(milliseconds(10));
        QCOMPARE(int(agent.answers[0].error().kind), int(BuyRefusal::Kind::NoOffer));
        const auto last = m_ledger->history(std::nullopt, 1)->front();
        QCOMPARE(int(last.state), int(PurchaseState::Refused));
        QCOMPARE(last.note, std::string("no paid path"));
        QVERIFY(m_isp.keys.empty());
    }

    void limitsHoldForWhatIsSetAsideTogether() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order("1.01", 1));
        agent.buy(order("1", 2));
        agent.buy(order("1", 3));
        agent.buy(order("0.01", 4));
        agent.timers.run(milliseconds(50));
        int active = 0, over = 0;
        for (const auto& answer : agent.answers) {
            active += answer.has_value() ? 1 : 0;
            over += !answer && answer.error().kind == BuyRefusal::Kind::Denied ? 1 : 0;
        }
        QCOMPARE(active, 2);
        QCOMPARE(over, 2);
        QCOMPARE(*m_ledger->reserved(), dollars("2"));
    }

    void whatIsAskedForTogetherIsDecidedOneAfterTheOther() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        BuyOrder keyed = order("0.01", 2);
        keyed.purchase.idempotencyKey = "abc";
        keyed.purchase.fingerprint = "1";
        BuyOrder another = keyed;
        another.purchase.fingerprint = "2";
        agent.askFor(order("1.01", 1));  // too much
        agent.askFor(keyed);
        agent.askFor(keyed);             // the same
        agent.askFor(another);           // not the same
        agent.askFor(order("0.01", 2));  // its flow is taken
        agent.askFor(order("0.01", 3));
        QVERIFY(agent.answers.empty() && !agent.service.idle());
        QVERIFY(m_ledger->history({}, 10)->empty());
        agent.timers.run(milliseconds(50));
        QCOMPARE(agent.answers.size(), size_t{6});
        std::vector<BuyRefusal::Kind> refusals;
        std::set<PurchaseId> bought;
        for (const auto& answer : agent.answers) {
            if (answer) {
                bought.insert(answer->book.id);
            } else {
                refusals.push_back(answer.error().kind);
            }
        }
        using Kind = BuyRefusal::Kind;
        QCOMPARE(bought.size(), size_t{2});
        QCOMPARE(refusals, (std::vector{Kind::Denied, Kind::Conflict, Kind::Conflict}));
        QCOMPARE(m_ledger->history({}, 10)->size(), size_t{4});
        QCOMPARE(*m_ledger->reserved(), dollars("0.02"));
    }

    void whatNobodyHasLookedAtIsTurnedAwayAtTheEnd() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.askFor(order());
        agent.service.stopAll(EndReason::AgentStopped);
        QCOMPARE(int(agent.answers.back().error().kind), int(BuyRefusal::Kind::Ended));
        agent.timers.run(milliseconds(50));
        QCOMPARE(agent.answers.size(), size_t{1});
        QVERIFY(agent.service.idle());
    }

    void budgetsHearWhatARunningPurchaseUses() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(20));
        agent.plane.traffic(1000, 7);
        agent.timers.run(milliseconds(400));
        QCOMPARE(agent.authority.used[agent.bought().value()], nano(15'000));
    }

    void oneIdempotencyKeyBuysOnce() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        BuyOrder keyed = order();
        keyed.purchase.idempotencyKey = "abc";
        keyed.purchase.fingerprint = "1";
        agent.buy(keyed);
        agent.buy(keyed);  // while the first is on its way
        agent.timers.run(milliseconds(50));
        agent.buy(keyed);  // and later
        QCOMPARE(agent.answers.size(), size_t{3});
        for (const auto& answer : agent.answers) QCOMPARE(answer->book.id, agent.bought());
        QCOMPARE(m_isp.keys.size(), size_t{1});
        keyed.purchase.fingerprint = "2";
        agent.buy(keyed);
        QCOMPARE(int(agent.answers.back().error().kind), int(BuyRefusal::Kind::Conflict));
    }

    void aRefusedRequestStaysRefusedWhenItIsRepeated() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        BuyOrder keyed = order();
        keyed.purchase.idempotencyKey = "no offer";
        agent.quotes.fails = true;
        agent.quotes.failure = {QuoteFailure::Kind::NoPath, "no paid path", {}};
        agent.buy(keyed);
        agent.timers.run(milliseconds(50));
        agent.buy(keyed);
        agent.quotes.fails = false;
        keyed.purchase.idempotencyKey = "refused by the ISP";
        m_isp.refuses = true;
        agent.buy(keyed);
        agent.timers.run(milliseconds(50));
        agent.buy(keyed);
        keyed.purchase.idempotencyKey = "too much";
        keyed.purchase.cap = dollars("1.5");
        agent.buy(keyed);
        agent.timers.run(milliseconds(50));
        agent.buy(keyed);
        QCOMPARE(agent.answers.size(), size_t{6});
        const auto kind = [&](size_t i) { return int(agent.answers[i].error().kind); };
        for (const auto& answer : agent.answers) QVERIFY(!answer);
        QCOMPARE(kind(1), int(BuyRefusal::Kind::NoOffer));
        QCOMPARE(kind(3), int(BuyRefusal::Kind::IspRefused));
        QCOMPARE(kind(5), int(BuyRefusal::Kind::Ended));
    }

    void theSameFlowIsNotBoughtTwice() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(50));
        agent.buy(order());
        QCOMPARE(int(agent.answers.back().error().kind), int(BuyRefusal::Kind::Conflict));
        QCOMPARE(m_isp.keys.size(), size_t{1});
    }

    void aStopThatOvertakesTheRegistrationEndsIt() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order());
        agent.timers.run(milliseconds(2));  // quoted, reserved, the registration is on its way
        const auto open = agent.service.open();
        QCOMPARE(int(open.at(0).book.state), int(PurchaseState::Reserved));
        QVERIFY(agent.service.stop(open[0].book.id, EndReason::StoppedByUser));
        agent.timers.run(milliseconds(600));
        QCOMPARE(int(agent.answers.at(0).error().kind), int(BuyRefusal::Kind::Ended));
        QVERIFY((agent.plane.diverted() == 0));
        QVERIFY(m_isp.keys.begin()->second.revoked);
        QVERIFY(agent.service.idle());
    }

    void oneReservedKeyIdentifierIsReplaced() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order("0.01", 1));
        agent.timers.run(milliseconds(50));
        agent.mint.next = 1;  // as if chance had drawn it again
        agent.buy(order("0.01", 2));
        agent.timers.run(milliseconds(50));
        QVERIFY(agent.answers.back().has_value());
        QCOMPARE(agent.answers.back()->book.key->value(), uint32_t{2});
    }

    void aKeyMayOnlySpendItsSliceAndTheNextOneTakesOverInTime() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order("0.008"));
        agent.timers.run(milliseconds(20));
        const SessionKey first = agent.plane.flows.at(0).key;
        QCOMPARE(first.cap, dollars("0.001"));  // an eighth of the purchase's
        QVERIFY(first.expires <= m_clock.now() + std::chrono::minutes(10));
        agent.plane.traffic(49'000);  // 73.5 %
        agent.timers.run(milliseconds(200));
        QCOMPARE(m_isp.keys.size(), size_t{1});
        agent.plane.traffic(2'000);  // 76.5 %
        agent.timers.run(milliseconds(60));
        QCOMPARE(m_isp.keys.size(), size_t{2});
        QCOMPARE(agent.plane.flows.size(), size_t{1});
        QVERIFY(agent.plane.flows[0].key.id != first.id && agent.plane.flows[0].diverted);
        QCOMPARE(m_isp.keys.at(first.id.value()).revoked, false);  // what is on its way still arrives
        agent.timers.run(milliseconds(600));
        QVERIFY(m_isp.keys.at(first.id.value()).revoked);
        const ledger::Purchase now = book(agent.bought());
        QCOMPARE(int(now.state), int(PurchaseState::Active));
        QCOMPARE(now.keys.size(), size_t{2});
        QCOMPARE(now.keys[0].end->charged, nano(15 * 51'000));
        agent.plane.traffic(10);
        agent.service.stop(agent.bought(), EndReason::StoppedByUser);
        agent.timers.run(milliseconds(700));
        QCOMPARE(*book(agent.bought()).charged, nano(15 * 51'010));
        QCOMPARE(agent.authority.spent, nano(15 * 51'010));
        for (const auto& entry : agent.plane.counters) QVERIFY2(false, qPrintable(QString::number(entry.first)));
    }

    void aKeyIsRenewedByAgeToo() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order("0.008"));
        agent.timers.run(std::chrono::minutes(7));
        QCOMPARE(m_isp.keys.size(), size_t{1});
        agent.timers.run(std::chrono::minutes(2));
        QCOMPARE(m_isp.keys.size(), size_t{2});
        QVERIFY(m_isp.keys.at(1).revoked && !m_isp.keys.at(2).revoked);
        agent.timers.run(std::chrono::minutes(60));
        QCOMPARE(int(book(agent.bought()).state), int(PurchaseState::Active));
        QVERIFY(m_isp.keys.size() > 7);
    }

    void aFastFlowGetsLargerSlices() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order("0.8"));  // slices of 0.1
        agent.timers.run(milliseconds(20));
        agent.plane.traffic(5'500'000);  // 0.0825 in a tenth of a second: 10 seconds of that are more than there is
        agent.timers.run(milliseconds(100));
        QCOMPARE(m_isp.keys.size(), size_t{2});
        QCOMPARE(m_isp.keys.at(2).key.cap, dollars("0.7"));
    }

    void anIspThatTakesNoFurtherKeyIsAskedAgain() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order("0.008"));
        agent.timers.run(milliseconds(20));
        m_isp.refuses = true;
        agent.plane.traffic(80'000);
        agent.timers.run(milliseconds(200));
        QCOMPARE(m_isp.keys.size(), size_t{1});
        QCOMPARE(int(book(agent.bought()).state), int(PurchaseState::Active));
        QVERIFY(!agent.service.find(agent.bought())->trouble.empty());
        m_isp.refuses = false;
        agent.timers.run(std::chrono::seconds(2));
        QCOMPARE(m_isp.keys.size(), size_t{2});
        QVERIFY(agent.service.find(agent.bought())->trouble.empty());
        QVERIFY(m_ledger->check()->empty());
    }

    void lockRevokesEveryKeyNowWhateverTheAgentDoes_data() {
        QTest::addColumn<bool>("mute");
        QTest::newRow("agent answers") << false;
        QTest::newRow("agent is mute") << true;
    }
    void lockRevokesEveryKeyNowWhateverTheAgentDoes() {
        QFETCH(bool, mute);
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order("0.008", 1));
        agent.buy(order("0.008", 2));
        agent.timers.run(milliseconds(50));
        agent.plane.traffic(100);
        agent.plane.mute = mute;
        if (mute) agent.plane.service = nullptr;
        agent.service.revokeAll(EndReason::Locked);
        agent.timers.run(milliseconds(10));
        QVERIFY(m_isp.keys.at(1).revoked && m_isp.keys.at(2).revoked);
        QCOMPARE(agent.plane.diverted(), size_t{0});
        agent.timers.run(milliseconds(3'000));
        QVERIFY(agent.service.idle());
        const auto all = m_ledger->history(std::nullopt, 5);
        for (const ledger::Purchase& book : *all) {
            QCOMPARE(int(book.reason), int(EndReason::Locked));
            QCOMPARE(*book.charged, nano(1500));
            QVERIFY(!book.disputed);
        }
        QCOMPARE(agent.timers.waiting(), size_t{0});
    }

    void aSecretaryThatWasKilledGoesOnWithFreshKeys() {
        std::optional<PurchaseId> id;
        std::map<uint32_t, FlowCounters> atAgent;
        {
            Agent agent(*m_ledger, m_isp, m_clock);
            agent.up();
            agent.buy(order("0.008"));
            agent.timers.run(milliseconds(20));
            id = agent.bought();
            agent.plane.traffic(1'000);
            atAgent = agent.plane.counters;  // the secretary has not heard of these
        }
        reopen();
        Agent next(*m_ledger, m_isp, m_clock);
        next.mint.next = 50;
        next.plane.counters = atAgent;
        QVERIFY(next.service.recover());
        next.timers.run(std::chrono::seconds(10));
        QCOMPARE(int(book(*id).state), int(PurchaseState::Active));  // waits for the agent
        next.service.agentUp(next.plane.held());
        next.timers.run(milliseconds(700));
        QCOMPARE(int(book(*id).state), int(PurchaseState::Active));
        QVERIFY(m_isp.keys.at(1).revoked);
        QCOMPARE(next.plane.flows.size(), size_t{1});
        QCOMPARE(next.plane.flows[0].key.id.value(), uint32_t{50});
        QVERIFY(next.plane.flows[0].diverted);
        QCOMPARE(book(*id).keys[0].end->charged, nano(15'000));
        next.plane.traffic(10);
        next.service.stop(*id, EndReason::StoppedByUser);
        next.timers.run(milliseconds(700));
        QCOMPARE(*book(*id).charged, nano(15'150));
        QVERIFY(!book(*id).disputed);
        QCOMPARE(book(*id).usage.packets, uint64_t{1'010});
    }

    void aLostAgentThatComesBackKeepsItsKeysAndANewOneHasNone() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order("0.008"));
        agent.timers.run(milliseconds(20));
        agent.plane.traffic(10);
        agent.plane.away = true;
        agent.service.agentDown();
        agent.timers.run(std::chrono::seconds(20));
        QCOMPARE(int(book(agent.bought()).state), int(PurchaseState::Active));
        QVERIFY(!agent.service.find(agent.bought())->trouble.empty());
        agent.plane.away = false;
        agent.plane.flows.clear();
        agent.service.agentUp(agent.plane.held());
        agent.timers.run(milliseconds(50));
        QCOMPARE(agent.plane.flows.at(0).key.id.value(), uint32_t{1});  // the same
        agent.plane.traffic(10);
        // Another process: what the first one counted is gone.
        agent.service.agentDown();
        agent.plane.counters.clear();
        agent.plane.flows.clear();
        agent.service.agentUp({});
        agent.timers.run(milliseconds(700));
        const ledger::Purchase done = book(agent.bought());
        QCOMPARE(int(done.state), int(PurchaseState::Settled));
        QCOMPARE(int(done.reason), int(EndReason::AgentRestarted));
        QCOMPARE(*done.charged, nano(300));
    }

    void anAgentThatStaysAwayEndsWhatItPaidFor() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.buy(order("0.008"));
        agent.timers.run(milliseconds(20));
        agent.plane.traffic(10);
        agent.timers.run(milliseconds(100));
        agent.plane.away = true;
        agent.service.agentDown();
        agent.timers.run(std::chrono::minutes(6));
        QCOMPARE(int(book(agent.bought()).state), int(PurchaseState::Settled));
        QCOMPARE(int(book(agent.bought()).reason), int(EndReason::AgentLost));
        QCOMPARE(*book(agent.bought()).charged, nano(150));
        QCOMPARE(agent.timers.waiting(), size_t{0});
    }

    void aPendingDecisionSpendsNothingUntilItIsMade() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        agent.authority.asks = true;
        BuyOrder asked = order();
        asked.purchase.idempotencyKey = "p";
        agent.buy(asked);
        agent.timers.run(milliseconds(20));
        QCOMPARE(agent.answers.at(0)->decision, std::string("7"));
        QVERIFY(m_isp.keys.empty());
        agent.buy(asked);
        QCOMPARE(agent.answers.at(1)->decision, std::string("7"));
        agent.authority.waiting(Approved{{"approved once", "person", "You approved it.", {}}});
        agent.timers.run(milliseconds(20));
        QCOMPARE(int(book(agent.bought()).state), int(PurchaseState::Active));
        QCOMPARE(book(agent.bought()).decidedBy, std::string("approved once"));
        agent.buy(order("0.01", 5));
        agent.timers.run(milliseconds(20));
        agent.authority.waiting(Denied{"EXPIRED", "nobody answered in time", {}, std::nullopt});
        QCOMPARE(agent.service.open().size(), size_t{1});
        QCOMPARE(int(m_ledger->history(std::nullopt, 1)->front().state), int(PurchaseState::Refused));
    }

    void thePriceIsPerMinuteWhereTimeIsLimited() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        BuyOrder what = order("0.05", 1);
        what.purchase.capPerSecond = dollars("0.0001");
        agent.buy(what);
        what = order("0.05", 2);
        what.purchase.duration = std::chrono::minutes(5);
        agent.buy(what);
        agent.buy(order("0.05", 3));
        agent.timers.run(milliseconds(20));
        QCOMPARE(agent.authority.requests.size(), size_t{3});
        QCOMPARE(agent.authority.requests[0].price, dollars("0.006"));
        QCOMPARE(agent.authority.requests[1].price, dollars("0.01"));
        QCOMPARE(int(agent.authority.requests[1].unit), int(secretary::PriceUnit::Minute));
        QCOMPARE(agent.authority.requests[2].price, dollars("0.05"));
        QCOMPARE(int(agent.authority.requests[2].unit), int(secretary::PriceUnit::Item));
        QCOMPARE(agent.authority.requests[2].isps.size(), size_t{3});
    }

    void theRouterAllowsTwiceTheUsersRateAndNeverMoreThanTheCap() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.up();
        BuyOrder limited = order("0.05", 1);
        limited.purchase.capPerSecond = dollars("0.001");
        agent.buy(limited);
        agent.buy(order("0.05", 2));
        agent.timers.run(milliseconds(50));
        QCOMPARE(m_isp.keys.at(1).key.capPerSecond, dollars("0.002"));
        QCOMPARE(agent.plane.flows[0].capPerSecond, dollars("0.001"));
        QCOMPARE(m_isp.keys.at(2).key.capPerSecond, dollars("0.00625"));  // its slice
    }
};

QTEST_GUILESS_MAIN(TestPurchaseService)
#include "test_purchase_service.moc"
