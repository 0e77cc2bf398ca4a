#include <QTemporaryDir>
#include <QtTest>
#include <memory>
#include <optional>

#include "app/secretary/payment_service.h"
#include "tests/app/payment_fakes.h"

using namespace netpas;
using namespace netpas::secretaryd;
using accounting::PaymentRefusal;
using accounting::PaymentState;
using ledger::PaymentEnd;
using ledger::PurchaseState;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

Money dollars(const char* text) { return *Money::parse(text); }

PayOrder order(const fake::PaymentBooks& books, const char* amount = "0.0001", const char* key = "") {
    PayOrder order;
    order.purchase.uid = 1000;
    order.purchase.payment = {{books.payee.nodeId(), IspId{24}, dollars(amount), "a comic"}};
    order.purchase.context.payee = books.payee.nodeId().hex();
    order.purchase.idempotencyKey = key;
    order.purchase.fingerprint = std::string("payment ") + amount;
    return order;
}

// One life of the program: everything but the ledger's file and the ISP goes with it.
struct Payer {
    Payer(ledger::Ledger& ledger, const secretary::Wallet& wallet, fake::PaymentBooks& books, ManualClock& clock)
        : timers(clock),
          isp(books, clock, timers, kill),
          authority(kill),
          journal(*ledger::PaymentJournal::open(ledger.documents())),
          service({ledger,
                   journal,
                   wallet,
                   isp,
                   authority,
                   timers,
                   clock,
                   [this](LogLevel, const std::string& line) { log.push_back(line); },
                   {}},
                  PaymentSettings{}) {}
    void pay(const PayOrder& what) {
        service.pay(what, [this](auto result) { answers.push_back(std::move(result)); });
        timers.run(milliseconds(30));
    }
    [[nodiscard]] const ledger::Purchase& last() const { return answers.back()->book; }

    fake::KillSwitch kill;
    fake::Timers timers;
    fake::PaymentIsp isp;
    fake::Authority authority;
    ledger::PaymentJournal journal;
    std::vector<std::string> log;
    std::vector<tl::expected<PaymentView, PayRefusal>> answers;
    PaymentService service;
};

}  // namespace

class TestPaymentService : public QObject {
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
    [[nodiscard]] ledger::Purchase book(uint64_t id) const { return *m_ledger->find(PurchaseId{id}); }
    [[nodiscard]] Money spent() const { return m_ledger->wallet()->debitsPosted; }

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
    void cleanup() {
        const auto found = m_ledger->check();
        QVERIFY(found);
        QVERIFY2(found->empty(), found->empty() ? "" : found->front().what.c_str());
    }

    void aPaymentIsPostedWithItsFeesAndTheProof() {
        Payer payer(*m_ledger, *m_wallet, m_isp, m_clock);
        payer.pay(order(m_isp));
        QCOMPARE(payer.answers.size(), size_t{1});
        const ledger::Purchase done = payer.last();
        QCOMPARE(int(done.state), int(PurchaseState::Settled));
        QCOMPARE(int(done.payment->result->end), int(PaymentEnd::Posted));
        QCOMPARE(*done.charged, dollars("0.0001025"));
        QCOMPARE(done.path.size(), size_t{2});
        QCOMPARE(done.path[1].quotedPrice, dollars("0.000002"));
        QCOMPARE(done.payment->terms.description, std::string("a comic"));
        QCOMPARE(spent(), m_isp.owed());
        QCOMPARE(m_ledger->payable(IspId{25})->creditsPosted, dollars("0.0001025"));
        QCOMPARE(*m_ledger->reserved(), Money::zero());
        QCOMPARE(payer.authority.spent, dollars("0.0001025"));
        QVERIFY(payer.authority.reserved.empty());
        QCOMPARE(payer.journal.size(), size_t{0});
        QCOMPARE(payer.timers.waiting(), size_t{0});
        // The order names the payee and hides the description.
        const auto& sent = m_isp.entries.begin()->second.order.order;
        QCOMPARE(sent.payment.payee, m_isp.payee.nodeId());
        QVERIFY(sent.payment.description != payments::DescriptionHash{});
        QVERIFY(sent.payment.description != payments::describe("a comic", {}));
        QVERIFY(sent.payment.description == payments::describe("a comic", *done.payment->salt));
        QCOMPARE(sent.payment.expires - sent.payment.time, SystemTime::duration(seconds(5)));
    }

    void whatIsNotConfirmedIsSetAsideAndNotSpent() {
        Payer payer(*m_ledger, *m_wallet, m_isp, m_clock);
        m_isp.holds = true;
        payer.pay(order(m_isp));
        QVERIFY(payer.answers.empty());
        QCOMPARE(*m_ledger->reserved(), dollars("0.0001025"));
        QCOMPARE(spent(), Money::zero());
        QVERIFY(!payer.service.cancel(PurchaseId{1}));  // it may have been signed
        payer.isp.confirmAll();
        payer.timers.run(seconds(5));
        QCOMPARE(payer.answers.size(), size_t{1});
        QCOMPARE(spent(), dollars("0.0001025"));
        QCOMPARE(m_isp.confirmed(), size_t{1});
    }

    void aRefusalSaysWhereAndWhyAndWhatWouldPass() {
        Payer payer(*m_ledger, *m_wallet, m_isp, m_clock);
        m_isp.refuses = PaymentRefusal::FeeTooSmall;
        m_isp.limit = dollars("0.000003");
        payer.pay(order(m_isp));
        const ledger::PaymentResult result = *payer.last().payment->result;
        QCOMPARE(int(result.end), int(PaymentEnd::Refused));
        QCOMPARE(result.where, IspId{24});
        QCOMPARE(int(result.reason), int(PaymentRefusal::FeeTooSmall));
        QCOMPARE(result.limit, dollars("0.000003"));
        QCOMPARE(result.remedy, std::string("ask again"));
        QCOMPARE(spent(), Money::zero());
        QCOMPARE(*m_ledger->reserved(), Money::zero());
        QVERIFY(payer.authority.reserved.empty());
    }

    void whatCameTooSoonGoesAgain() {
        Payer payer(*m_ledger, *m_wallet, m_isp, m_clock);
        m_isp.tooSoon = 3;
        payer.pay(order(m_isp));
        QVERIFY(payer.answers.empty());
        QCOMPARE(m_isp.owed(), Money::zero());
        payer.timers.run(seconds(20));
        QCOMPARE(payer.answers.size(), size_t{1});
        QCOMPARE(int(payer.last().payment->result->end), int(PaymentEnd::Posted));
        QCOMPARE(payer.isp.orders, 4);
        QCOMPARE(m_isp.entries.size(), size_t{1});
        // A sum that would not pass does not pass later either.
        m_isp.refuses = PaymentRefusal::RateLimit;
        payer.pay(order(m_isp, "0.0002"));
        QCOMPARE(int(payer.last().payment->result->end), int(PaymentEnd::Refused));
        QCOMPARE(spent(), dollars("0.0001025"));
    }

    void aWrongSignatureIsTakenBackWithThePayeesKey() {
        Payer payer(*m_ledger, *m_wallet, m_isp, m_clock);
        m_isp.badSignature = true;
        payer.pay(order(m_isp));
        QCOMPARE(int(payer.last().payment->result->end), int(PaymentEnd::Cancelled));
        QVERIFY(payer.isp.cancelledWith == m_isp.payee.publicKey());
        QCOMPARE(spent(), Money::zero());
        QCOMPARE(m_isp.owed(), Money::zero());
    }

    void whatIsNotTakenBackIsBookedAsDisputed() {
        Payer payer(*m_ledger, *m_wallet, m_isp, m_clock);
        m_isp.badSignature = m_isp.keepsBad = true;
        payer.pay(order(m_isp));
        QCOMPARE(int(payer.last().payment->result->end), int(PaymentEnd::Posted));
        QVERIFY(payer.last().disputed);
        QCOMPARE(spent(), m_isp.owed());
    }

    void theSameRequestAgainPaysNothingAgain() {
        Payer payer(*m_ledger, *m_wallet, m_isp, m_clock);
        payer.pay(order(m_isp, "0.0001", "k1"));
        payer.pay(order(m_isp, "0.0001", "k1"));
        QCOMPARE(payer.answers.size(), size_t{2});
        QCOMPARE(payer.last().id.value(), uint64_t{1});
        QCOMPARE(m_isp.entries.size(), size_t{1});
        payer.pay(order(m_isp, "0.0002", "k1"));
        QVERIFY(!payer.answers.back());
        QCOMPARE(payer.answers.back().error().code, std::string("CONFLICT"));
        // Also before the first one is over, and before its fees are known.
        payer.service.pay(order(m_isp, "0.0003", "k2"), [](auto) {});
        payer.pay(order(m_isp, "0.0003", "k2"));
        QCOMPARE(m_isp.entries.size(), size_t{2});
    }

    void whatCannotBeGrantedIsNeverSigned() {
        Payer payer(*m_ledger, *m_wallet, m_isp, m_clock);
        payer.authority.mostEach = dollars("0.0001");  // the fees count, too
        payer.pay(order(m_isp));
        QCOMPARE(payer.answers.back().error().code, std::string("QUOTA_EXCEEDED"));
        payer.authority.mostEach = dollars("1");
        payer.authority.mostTogether = dollars("0.0001");
        payer.pay(order(m_isp));
        QCOMPARE(payer.answers.back().error().code, std::string("QUOTA_EXCEEDED"));
        payer.authority.mostTogether = dollars("1");
        PayOrder stingy = order(m_isp);
        stingy.maxFees = dollars("0.0000024");
        payer.pay(stingy);
        QCOMPARE(payer.answers.back().error().code, std::string("FEES_TOO_HIGH"));
        m_isp.fees.clear();
        payer.pay(order(m_isp));
        QCOMPARE(payer.answers.back().error().code, std::string("NO_ROUTE"));
        m_isp.fees = {{IspId{25}, Money::max()}};
        payer.pay(order(m_isp));
        QCOMPARE(payer.answers.back().error().code, std::string("INVALID_ARGUMENT"));
        QCOMPARE(payer.isp.orders, 0);
        QCOMPARE(*m_ledger->reserved(), Money::zero());
    }

    void aPersonMayStillSayNo() {
        Payer payer(*m_ledger, *m_wallet, m_isp, m_clock);
        payer.authority.asks = true;
        payer.pay(order(m_isp));
        QCOMPARE(payer.answers.back()->decision, std::string("7"));
        payer.authority.waiting(Denied{"DENIED", "no", "", std::nullopt});
        QCOMPARE(int(book(1).state), int(PurchaseState::Refused));
        payer.pay(order(m_isp));
        QVERIFY(payer.service.cancel(PurchaseId{2}));
        QCOMPARE(int(book(2).state), int(PurchaseState::Refused));
        QCOMPARE(payer.isp.orders, 0);
        QVERIFY(payer.service.idle());
    }

    // Fees that were asked for long ago are asked for again; what was approved is never exceeded.
    void aLateYesPaysNoMoreThanWasApproved() {
        Payer payer(*m_ledger, *m_wallet, m_isp, m_clock);
        payer.authority.asks = true;
        payer.pay(order(m_isp));
        payer.pay(order(m_isp));
        payer.timers.run(seconds(60));
        const auto answerSecond = payer.authority.waiting;
        QCOMPARE(payer.isp.routes, 2);
        m_isp.fees[1].amount = dollars("0.000001");
        answerSecond(Approved{{"r", "person", "yes", {}}});
        payer.timers.run(milliseconds(30));
        QCOMPARE(*book(2).charged, dollars("0.0001015"));
        payer.authority.asks = true;
        payer.pay(order(m_isp));
        payer.timers.run(seconds(60));
        m_isp.fees[1].amount = dollars("0.000009");
        payer.authority.waiting(Approved{{"r", "person", "yes", {}}});
        payer.timers.run(milliseconds(30));
        QCOMPARE(int(book(3).state), int(PurchaseState::Refused));
        QCOMPARE(m_isp.entries.size(), size_t{1});
    }

    void aLostAnswerIsAskedFor() {
        Payer payer(*m_ledger, *m_wallet, m_isp, m_clock);
        m_isp.holds = true;  // no answer before the confirmation
        payer.pay(order(m_isp));
        m_isp.silent = true;
        payer.isp.confirmAll();
        payer.timers.run(seconds(30));
        QCOMPARE(spent(), Money::zero());
        QCOMPARE(*m_ledger->reserved(), dollars("0.0001025"));
        m_isp.silent = false;
        payer.service.ispUp();
        payer.timers.run(seconds(12));
        QCOMPARE(spent(), dollars("0.0001025"));
        QCOMPARE(m_isp.owed(), spent());
        QVERIFY(payer.service.idle());
    }

    void whatNeverCameExpires() {
        Payer payer(*m_ledger, *m_wallet, m_isp, m_clock);
        payer.service.pay(order(m_isp), [&](auto result) { payer.answers.push_back(std::move(result)); });
        payer.timers.run(milliseconds(1));
        payer.timers.run(milliseconds(0));
        m_isp.silent = true;
        payer.timers.run(seconds(20));
        m_isp.silent = false;
        payer.timers.run(seconds(30));
        QVERIFY(payer.service.idle());
        QCOMPARE(int(book(1).payment->result->end), int(PaymentEnd::Expired));
        QVERIFY(book(1).expired);
        QCOMPARE(spent(), Money::zero());
        QCOMPARE(m_isp.owed(), Money::zero());
    }

    // At every call of the world, twice over: whether the payee confirms at once, or after the program is back.
    void killedAtAnyMomentNothingIsPaidTwiceAndTheBooksAgree() {
        for (const bool late : {false, true}) {
            bool survived = false;
            for (int killAt = 0; !survived; ++killAt) {
                init();
                m_isp.holds = late;
                std::unique_ptr<Payer> payer = std::make_unique<Payer>(*m_ledger, *m_wallet, m_isp, m_clock);
                payer->kill.at = killAt;
                try {
                    payer->pay(order(m_isp, "0.0001", "k"));
                    survived = true;
                } catch (const fake::Killed&) {
                }
                payer.reset();
                reopen();
                Payer next(*m_ledger, *m_wallet, m_isp, m_clock);
                QVERIFY(next.service.recover());
                next.isp.confirmAll();
                next.timers.run(seconds(1));
                // The application asks again.
                m_isp.holds = false;
                next.pay(order(m_isp, "0.0001", "k"));
                next.isp.confirmAll();
                next.timers.run(seconds(30));
                const QByteArray where = QString("killed at call %1").arg(killAt).toLatin1();
                QVERIFY2(next.service.idle(), where);
                QVERIFY(m_isp.confirmed() <= 1);
                QVERIFY2(spent() == m_isp.owed(), where);
                QCOMPARE(*m_ledger->reserved(), Money::zero());
                QVERIFY(m_ledger->unfinished()->empty());
                QVERIFY(m_ledger->check()->empty());
            }
        }
    }

    void nothingIsSignedWhileLockedAndWhatWasIsSettled() {
        Payer payer(*m_ledger, *m_wallet, m_isp, m_clock);
        m_isp.holds = true;
        payer.pay(order(m_isp));
        payer.authority.asks = true;
        payer.pay(order(m_isp));
        payer.service.pay(order(m_isp), [&](auto result) { payer.answers.push_back(std::move(result)); });
        payer.service.endUnsigned(ledger::EndReason::Locked);
        QCOMPARE(payer.answers.back().error().code, std::string("ENDED"));
        QVERIFY(!payer.service.idle());
        payer.isp.confirmAll();
        payer.timers.run(seconds(5));
        QVERIFY(payer.service.idle());
        QCOMPARE(m_isp.entries.size(), size_t{1});
        QCOMPARE(spent(), m_isp.owed());
    }

    void budgetsFindPaymentsAgainAfterARestart() {
        Payer payer(*m_ledger, *m_wallet, m_isp, m_clock);
        m_isp.holds = true;
        payer.pay(order(m_isp));
        const auto held = m_ledger->reservations();
        QCOMPARE(held->size(), size_t{1});
        QCOMPARE(held->front().context.payee, m_isp.payee.nodeId().hex());
        QCOMPARE(held->front().amount, dollars("0.0001025"));
        payer.isp.confirmAll();
        payer.timers.run(seconds(5));
        const auto totals = m_ledger->totals(ledger::TotalsBy::Payee, std::nullopt, std::nullopt);
        QCOMPARE(totals->size(), size_t{1});
        QCOMPARE(totals->front().name, m_isp.payee.nodeId().hex());
        QCOMPARE(totals->front().amount, dollars("0.0001025"));
    }
};

QTEST_APPLESS_MAIN(TestPaymentService)
#include "test_payment_service.moc"
