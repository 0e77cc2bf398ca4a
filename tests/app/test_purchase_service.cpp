#include <QTemporaryDir>
#include <QtTest>
#include <memory>
#include <optional>

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
    Agent(ledger::Ledger& ledger, fake::Isp& isp, ManualClock& clock, int killAt = -1)
        : kill{0, killAt},
          timers(clock),
          quotes(timers, kill),
          mint(kill),
          first(isp, timers, kill),
          diversion(kill),
          plane(isp, diversion, timers, kill),
          service({ledger, quotes, mint, first, plane, diversion, timers, clock,
                   [this](LogLevel, const std::string& line) { log.push_back(line); }},
                  settings()) {}

    static PurchaseSettings settings() {
        PurchaseSettings settings;
        settings.limits = {dollars("1"), dollars("2")};
        return settings;
    }
    void buy(const BuyOrder& what) {
        service.buy(what, [this](auto result) { answers.push_back(std::move(result)); });
    }
    [[nodiscard]] PurchaseId bought() const { return answers.back()->book.id; }

    fake::KillSwitch kill;
    fake::Timers timers;
    fake::Quotes quotes;
    fake::Mint mint;
    fake::FirstIsp first;
    fake::Diversion diversion;
    fake::Plane plane;
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

    void aPurchaseRunsAndSettlesToTheEighth() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.buy(order());
        agent.timers.run(milliseconds(20));
        QVERIFY(agent.answers.size() == 1 && agent.answers[0].has_value());
        const PurchaseId id = agent.bought();
        QCOMPARE(int(book(id).state), int(PurchaseState::Active));
        QCOMPARE(agent.diversion.flows.size(), size_t{1});
        QCOMPARE(*m_ledger->reserved(), dollars("0.05"));
        agent.plane.traffic(1000, 7);
        agent.timers.run(milliseconds(400));
        QCOMPARE(book(id).usage.amount, nano(15'000));  // group-committed while it runs
        agent.plane.traffic(1);
        QVERIFY(agent.service.stop(id, EndReason::StoppedByUser));
        QVERIFY(agent.diversion.flows.empty());
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
        agent.buy(order("0.0000151"));
        agent.timers.run(milliseconds(20));
        agent.plane.traffic(5000);
        agent.timers.run(milliseconds(700));
        const ledger::Purchase done = book(agent.bought());
        QCOMPARE(int(done.state), int(PurchaseState::Settled));
        QCOMPARE(int(done.reason), int(EndReason::CapReached));
        QCOMPARE(*done.charged, nano(15 * 1006));
        QCOMPARE(done.usage.bestEffortPackets, uint64_t{5000 - 1006});
    }

    void theDurationEndsThePurchase() {
        Agent agent(*m_ledger, m_isp, m_clock);
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
                Agent agent(*m_ledger, m_isp, m_clock, killAt);
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
            QVERIFY(next.diversion.flows.empty());
        }
        QVERIFY2(killAt > 10, "every port is called at least once");
    }

    void aSilentIspIsAskedUntilItAnswers() {
        std::optional<PurchaseId> id;
        {
            Agent agent(*m_ledger, m_isp, m_clock);
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
        next.timers.run(std::chrono::minutes(1));
        QCOMPARE(int(book(*id).state), int(PurchaseState::Settling));
        m_isp.silent = false;
        next.timers.run(std::chrono::minutes(1));
        QCOMPARE(int(book(*id).state), int(PurchaseState::Settled));
        QCOMPARE(*book(*id).charged, nano(150));
    }

    void anInflatedStatementIsDisputed() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.buy(order());
        agent.timers.run(milliseconds(20));
        agent.plane.traffic(10);
        m_isp.overcharge = Money::fromEighths(1);
        agent.service.stop(agent.bought(), EndReason::StoppedByUser);
        agent.timers.run(milliseconds(600));
        QVERIFY(book(agent.bought()).disputed);
        QCOMPARE(*book(agent.bought()).charged, nano(150));
    }

    void afterAKillAStatementAboveTheCapIsDisputed() {
        {
            Agent agent(*m_ledger, m_isp, m_clock);
            agent.buy(order());
            agent.timers.run(milliseconds(20));
            agent.plane.traffic(10);
            agent.timers.run(milliseconds(300));
        }
        reopen();
        m_isp.overcharge = dollars("0.05");
        Agent next(*m_ledger, m_isp, m_clock);
        QVERIFY(next.service.recover());
        next.timers.run(milliseconds(100));
        const auto last = m_ledger->history(std::nullopt, 1)->front();
        QVERIFY(last.disputed);
        QCOMPARE(*last.charged, nano(150));
        QCOMPARE(int(last.reason), int(EndReason::AgentRestarted));
    }

    void aRefusingIspCostsNothing() {
        m_isp.refuses = true;
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.buy(order());
        agent.timers.run(milliseconds(100));
        QCOMPARE(int(agent.answers[0].error().kind), int(BuyRefusal::Kind::IspRefused));
        QVERIFY(agent.service.idle());
        QCOMPARE(*m_ledger->reserved(), Money::zero());
        QVERIFY(agent.plane.published.empty() && agent.diversion.flows.empty());
    }

    void aLostAnswerToTheRegistrationLeavesNoKeyBehind() {
        m_isp.losesTheAnswer = true;
        Agent agent(*m_ledger, m_isp, m_clock);
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
        (plane ? agent.plane.fails : agent.diversion.fails) = true;
        agent.buy(order());
        agent.timers.run(milliseconds(700));
        QCOMPARE(int(agent.answers[0].error().kind), int(BuyRefusal::Kind::Local));
        QVERIFY(agent.service.idle());
        QVERIFY(m_isp.keys.begin()->second.revoked);
        QCOMPARE(*m_ledger->reserved(), Money::zero());
    }

    void noOfferMeansNothingIsReserved() {
        Agent agent(*m_ledger, m_isp, m_clock);
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
        agent.buy(order("1.01", 1));
        agent.buy(order("1", 2));
        agent.buy(order("1", 3));
        agent.buy(order("0.01", 4));
        agent.timers.run(milliseconds(50));
        int active = 0, over = 0;
        for (const auto& answer : agent.answers) {
            active += answer.has_value() ? 1 : 0;
            over += !answer && answer.error().kind == BuyRefusal::Kind::OverBudget ? 1 : 0;
        }
        QCOMPARE(active, 2);
        QCOMPARE(over, 2);
        QCOMPARE(*m_ledger->reserved(), dollars("2"));
    }

    void oneIdempotencyKeyBuysOnce() {
        Agent agent(*m_ledger, m_isp, m_clock);
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
        agent.buy(order());
        agent.timers.run(milliseconds(50));
        agent.buy(order());
        QCOMPARE(int(agent.answers.back().error().kind), int(BuyRefusal::Kind::Conflict));
        QCOMPARE(m_isp.keys.size(), size_t{1});
    }

    void aStopThatOvertakesTheRegistrationEndsIt() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.buy(order());
        agent.timers.run(milliseconds(2));  // quoted, reserved, the registration is on its way
        const auto open = agent.service.open();
        QCOMPARE(int(open.at(0).book.state), int(PurchaseState::Reserved));
        QVERIFY(agent.service.stop(open[0].book.id, EndReason::StoppedByUser));
        agent.timers.run(milliseconds(600));
        QCOMPARE(int(agent.answers.at(0).error().kind), int(BuyRefusal::Kind::Ended));
        QVERIFY(agent.diversion.flows.empty());
        QVERIFY(m_isp.keys.begin()->second.revoked);
        QVERIFY(agent.service.idle());
    }

    void oneReservedKeyIdentifierIsReplaced() {
        Agent agent(*m_ledger, m_isp, m_clock);
        agent.buy(order("0.01", 1));
        agent.timers.run(milliseconds(50));
        agent.mint.next = 1;  // as if chance had drawn it again
        agent.buy(order("0.01", 2));
        agent.timers.run(milliseconds(50));
        QVERIFY(agent.answers.back().has_value());
        QCOMPARE(agent.answers.back()->book.key->value(), uint32_t{2});
    }

    void theRouterAllowsTwiceTheUsersRateAndNeverMoreThanTheCap() {
        Agent agent(*m_ledger, m_isp, m_clock);
        BuyOrder limited = order("0.05", 1);
        limited.purchase.capPerSecond = dollars("0.001");
        agent.buy(limited);
        agent.buy(order("0.05", 2));
        agent.timers.run(milliseconds(50));
        QCOMPARE(m_isp.keys.at(1).key.capPerSecond, dollars("0.002"));
        QCOMPARE(agent.plane.published[0].capPerSecond, dollars("0.001"));
        QCOMPARE(m_isp.keys.at(2).key.capPerSecond, dollars("0.05"));
    }
};

QTEST_GUILESS_MAIN(TestPurchaseService)
#include "test_purchase_service.moc"
