// What the desk of neighbours is told of its payments: that they wait, have arrived, or never will, and why.
#include <QTemporaryDir>
#include <QtTest>
#include <memory>
#include <optional>

#include "app/secretary/neighbour_payments.h"
#include "tests/app/payment_fakes.h"

using namespace netpas;
using namespace netpas::secretaryd;
using namespace std::chrono_literals;
using Kind = NeighbourPaymentNews::Kind;

class TestNeighbourPayments : public QObject {
    Q_OBJECT

    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<ledger::Ledger> m_ledger;
    ManualClock m_clock{SystemTime{std::chrono::hours{24 * 365 * 50}}};
    std::optional<secretary::Wallet> m_wallet;
    fake::PaymentBooks m_isp;
    std::optional<fake::KillSwitch> m_kill;
    std::optional<fake::Timers> m_timers;
    std::optional<fake::PaymentIsp> m_link;
    std::optional<fake::Authority> m_authority;
    std::optional<ledger::PaymentJournal> m_journal;
    std::optional<PaymentService> m_service;
    std::optional<NeighbourPayments> m_payments;
    std::vector<NeighbourPaymentNews> m_told;
    bool m_inside = false;  // the call that asks for a payment

    void pay(const char* amount) {
        NeighbourPayment wanted;
        wanted.order.id[0] = 1;
        wanted.order.payee = m_isp.payee.publicKey();
        wanted.order.amount = *Money::parse(amount);
        wanted.isp = IspId{24};
        m_inside = true;
        m_payments->pay(wanted, [this](const NeighbourPaymentNews& news) {
            QVERIFY(!m_inside);
            m_told.push_back(news);
        });
        m_inside = false;
        m_timers->run(1s);
    }

private slots:
    void initTestCase() {
        QVERIFY(initCrypto());
        Identity::Seed seed{3};
        m_wallet = secretary::Wallet::fromSeed(seed);
    }
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        m_isp = {};
        m_told.clear();
        auto opened = ledger::Ledger::open(m_folder->filePath("ledger.db").toStdString(), store::DatabaseKey{});
        QVERIFY(opened);
        m_ledger = std::move(*opened);
        m_kill.emplace();
        m_timers.emplace(m_clock);
        m_link.emplace(m_isp, m_clock, *m_timers, *m_kill);
        m_authority.emplace(*m_kill);
        m_journal.emplace(*ledger::PaymentJournal::open(m_ledger->documents()));
        const LogSink quiet = [](LogLevel, const std::string&) {};
        m_service.emplace(
            PaymentService::Ports{
                *m_ledger, *m_journal, *m_wallet, *m_link, *m_authority, *m_timers, m_clock, quiet, {}},
            PaymentSettings{});
        m_payments.emplace(*m_service, *m_timers, quiet);
    }
    void cleanup() {
        m_payments.reset();
        m_service.reset();
        m_journal.reset();
        m_ledger.reset();
    }

    void whatHasArrivedIsTold() {
        pay("0.0001");
        QCOMPARE(m_told.size(), size_t{1});
        QCOMPARE(int(m_told[0].kind), int(Kind::Posted));
    }

    void whatABudgetRefusesIsToldWithTheReason() {
        m_authority->mostEach = *Money::parse("0.00001");
        pay("0.0001");
        QCOMPARE(m_told.size(), size_t{1});
        QCOMPARE(int(m_told[0].kind), int(Kind::Failed));
        QCOMPARE(m_told[0].why, std::string("too much"));
    }

    void aQuestionIsToldAndThenItsAnswer() {
        m_authority->asks = true;
        pay("0.0001");
        QCOMPARE(m_told.size(), size_t{1});
        QCOMPARE(int(m_told[0].kind), int(Kind::Waits));
        QVERIFY2(m_told[0].why.find("netpas review 7") != std::string::npos, m_told[0].why.c_str());
        m_authority->waiting(Denied{"RESTRICTED", "You refused it.", {}, std::nullopt});
        m_timers->run(1s);
        QCOMPARE(m_told.size(), size_t{2});
        QCOMPARE(int(m_told[1].kind), int(Kind::Failed));
        QCOMPARE(m_told[1].why, std::string("You refused it."));
    }

    void whatTheIspRefusesIsToldWithTheReason() {
        m_isp.refuses = accounting::PaymentRefusal::NoRoute;
        pay("0.0001");
        QVERIFY(!m_told.empty());
        QCOMPARE(int(m_told.back().kind), int(Kind::Failed));
        QVERIFY(!m_told.back().why.empty());
    }
};

QTEST_APPLESS_MAIN(TestNeighbourPayments)
#include "test_neighbour_payments.moc"
