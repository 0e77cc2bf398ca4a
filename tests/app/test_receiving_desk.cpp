#include <QTemporaryDir>
#include <QtTest>
#include <memory>

#include "app/secretary/receiving_desk.h"
#include "tests/app/payment_fakes.h"

using namespace netpas;
using namespace netpas::secretaryd;
using accounting::PaymentAckEntry;
using accounting::PaymentResult;
using ledger::ReceiptState;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

Money dollars(const char* text) { return *Money::parse(text); }

// One life of the payee's program.
struct Payee {
    Payee(ledger::Ledger& ledger, const secretary::Wallet& wallet, fake::PaymentBooks& books, ManualClock& clock)
        : timers(clock), isp(books, clock, timers, kill) {
        auto opened = ReceivingDesk::open({ledger, ledger.documents(), wallet, isp, timers, clock,
                                           [this](LogLevel, const std::string& line) { log.push_back(line); }});
        desk = std::move(*opened);
    }
    void receive(bool on) {
        desk->set(on, [this](const auto& now) { state = *now; });
        timers.run(milliseconds(10));
    }
    void taken(const payments::PaymentId& id, PaymentResult result) {
        desk->taken({id, false, result});
        timers.run(milliseconds(30));
    }

    fake::KillSwitch kill;
    fake::Timers timers;
    fake::PaymentIsp isp;
    std::vector<std::string> log;
    ReceivingState state;
    std::unique_ptr<ReceivingDesk> desk;
};

}  // namespace

class TestReceivingDesk : public QObject {
    Q_OBJECT

    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<ledger::Ledger> m_ledger;
    ManualClock m_clock{SystemTime{std::chrono::hours{24 * 365 * 50}}};
    std::optional<secretary::Wallet> m_wallet;
    fake::PaymentBooks m_isp;

    void reopen() {
        m_ledger.reset();
        auto opened = ledger::Ledger::open(m_folder->filePath("ledger.db").toStdString(), store::DatabaseKey{});
        QVERIFY(opened);
        m_ledger = std::move(*opened);
    }
    [[nodiscard]] payments::Payment payment(const char* amount = "0.0001") const {
        payments::Payment payment;
        payment.id = payments::newPaymentId();
        payment.payee = m_wallet->identity().nodeId();
        payment.amount = dollars(amount);
        payment.time = m_clock.now();
        payment.expires = m_clock.now() + seconds(5);
        return payment;
    }
    [[nodiscard]] ledger::Receipt newest() const { return m_ledger->receipts(1)->front(); }
    [[nodiscard]] Money received() const { return *m_ledger->receivedSince(SystemTime{}); }

private slots:
    void initTestCase() {
        QVERIFY(initCrypto());
        Identity::Seed seed{};
        seed[3] = 9;
        m_wallet = secretary::Wallet::fromSeed(seed);
    }
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        m_isp = {};
        reopen();
    }

    void aPaymentIsInTheLedgerAndConfirmedAndCountsOnceTheIspHasIt() {
        Payee payee(*m_ledger, *m_wallet, m_isp, m_clock);
        payee.receive(true);
        QVERIFY(payee.state.accepted);
        const payments::Payment offered = payment();
        payee.desk->offered(offered);
        QCOMPARE(payee.isp.confirmations.size(), size_t{1});
        QVERIFY(payments::verify(payee.isp.confirmations[0], offered));
        QCOMPARE(int(newest().state), int(ReceiptState::Confirmed));
        QCOMPARE(received(), Money::zero());
        payee.taken(offered.id, PaymentResult::Done);
        QCOMPARE(int(newest().state), int(ReceiptState::Taken));
        QVERIFY(!newest().final);
        QCOMPARE(received(), dollars("0.0001"));
        // Nobody can take it back any more once all clocks have run out: it asks a last time.
        payee.timers.run(seconds(60));
        QCOMPARE(payee.isp.confirmations.size() > 1, true);
        payee.taken(offered.id, PaymentResult::Already);
        QVERIFY(newest().final);
        QCOMPARE(received(), dollars("0.0001"));
        payee.timers.run(seconds(60));
        QCOMPARE(payee.timers.waiting(), size_t{0});
    }

    void theSameOfferHasTheSameAnswerAlsoAfterAKill() {
        const payments::Payment offered = payment();
        payments::PaymentConfirmation first;
        {
            Payee payee(*m_ledger, *m_wallet, m_isp, m_clock);
            payee.receive(true);
            // Killed when the confirmation was about to leave.
            payee.kill.at = payee.kill.calls;
            QVERIFY_THROWS_EXCEPTION(fake::Killed, payee.desk->offered(offered));
            QCOMPARE(m_ledger->receipts(10)->size(), size_t{1});
        }
        reopen();
        m_clock.advance(seconds(2));
        Payee payee(*m_ledger, *m_wallet, m_isp, m_clock);
        QVERIFY(payee.desk->state().wanted);
        payee.desk->ispUp();  // asks unasked
        payee.desk->offered(offered);
        payee.desk->offered(offered);
        QCOMPARE(payee.isp.confirmations.size(), size_t{3});
        QVERIFY(payee.isp.confirmations[0] == payee.isp.confirmations[1]);
        QVERIFY(payee.isp.confirmations[0] == payee.isp.confirmations[2]);
        QCOMPARE(m_ledger->receipts(10)->size(), size_t{1});
        QVERIFY(payee.isp.receiving);
    }

    void whatIsNotForUsIsRefused() {
        Payee payee(*m_ledger, *m_wallet, m_isp, m_clock);
        payee.desk->offered(payment());  // it does not receive
        payee.receive(true);
        payments::Payment other = payment();
        other.payee = m_isp.payee.nodeId();
        payee.desk->offered(other);
        payments::Payment late = payment();
        m_clock.advance(seconds(6));
        payee.desk->offered(late);
        payments::Payment foreign = payment();
        foreign.currency = {'E', 'U', 'R'};
        payee.desk->offered(foreign);
        const payments::Payment good = payment();
        payee.desk->offered(good);
        payments::Payment twice = good;
        twice.amount = dollars("5");
        payee.desk->offered(twice);
        QCOMPARE(payee.isp.refusals.size(), size_t{5});
        QCOMPARE(payee.isp.confirmations.size(), size_t{1});
        QCOMPARE(m_ledger->receipts(10)->size(), size_t{1});
        payee.receive(false);
        payee.desk->offered(payment());
        QCOMPARE(payee.isp.refusals.size(), size_t{6});
    }

    void whatTheIspDoesNotTakeIsNotReceived() {
        Payee payee(*m_ledger, *m_wallet, m_isp, m_clock);
        payee.receive(true);
        const payments::Payment offered = payment();
        payee.desk->offered(offered);
        payee.taken(offered.id, PaymentResult::TooLate);
        QCOMPARE(int(newest().state), int(ReceiptState::Late));
        QVERIFY(newest().final);
        QCOMPARE(received(), Money::zero());
    }

    void whatThePayerTakesBackIsNotReceived() {
        Payee payee(*m_ledger, *m_wallet, m_isp, m_clock);
        payee.receive(true);
        const payments::Payment first = payment(), second = payment();
        for (const payments::Payment& one : {first, second}) {
            payee.desk->offered(one);
            payee.taken(one.id, PaymentResult::Done);
        }
        QCOMPARE(received(), dollars("0.0002"));
        payee.desk->cancelled(first.id);
        QCOMPARE(received(), dollars("0.0001"));
        // We were away when it was told: the ISP does not take the confirmation any more.
        payee.taken(second.id, PaymentResult::TooLate);
        QCOMPARE(int(newest().state), int(ReceiptState::Cancelled));
        QCOMPARE(received(), Money::zero());
        payee.desk->offered(second);
        QCOMPARE(payee.isp.confirmations.size(), size_t{2});
    }

    void anIspThatDoesNotAllowItSaysSo() {
        Payee payee(*m_ledger, *m_wallet, m_isp, m_clock);
        payee.isp.mayNotReceive = accounting::PaymentRefusal::MayNotReceive;
        payee.receive(true);
        QVERIFY(payee.state.wanted);
        QVERIFY(!payee.state.accepted);
        QVERIFY(!payee.state.trouble.empty());
    }
};

QTEST_APPLESS_MAIN(TestReceivingDesk)
#include "test_receiving_desk.moc"
