#include <QTemporaryDir>
#include <QtTest>
#include <filesystem>
#include <memory>

#include "core/ledger/ledger.h"

using namespace netpas;
using namespace netpas::ledger;

namespace {

constexpr SystemTime start{std::chrono::hours{24 * 365 * 50}};

Money dollars(const char* text) { return *Money::parse(text); }

NewPurchase request(const char* cap = "0.05") {
    NewPurchase purchase;
    purchase.uid = 1000;
    purchase.flow = *FlowMatch::parse("tcp 203.0.113.5:8080 -> 192.0.2.10:*");
    purchase.cap = dollars(cap);
    purchase.duration = std::chrono::seconds{600};
    return purchase;
}

std::vector<LedgerHop> path() {
    return {{IspId{26}, ServiceClass{1}, ExitPoint{1}, "gold", dollars("0.000000003")},
            {IspId{25}, ServiceClass{1}, ExitPoint{0}, "gold", dollars("0.00000001")},
            {IspId{24}, ServiceClass{2}, ExitPoint{0}, "silver", dollars("0.000000002")}};
}

Settlement charge(Money amount) {
    Settlement settlement;
    settlement.charged = amount;
    return settlement;
}

}  // namespace

class TestLedger : public QObject {
    Q_OBJECT

    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<Ledger> m_ledger;

    [[nodiscard]] std::filesystem::path file() const { return m_folder->filePath("ledger.db").toStdString(); }

    static store::DatabaseKey key(uint8_t fill = 7) {
        store::DatabaseKey bytes;
        bytes.fill(fill);
        return bytes;
    }

    void reopen() {
        m_ledger.reset();
        auto opened = Ledger::open(file(), key());
        QVERIFY2(opened, opened ? "" : describe(opened.error()).data());
        m_ledger = std::move(*opened);
    }

    PurchaseId reserved(const char* cap = "0.05", uint32_t keyId = 1) {
        const PurchaseId id = m_ledger->begin(request(cap), start)->id;
        [[maybe_unused]] const auto done =
            m_ledger->reserve(id, SessionKeyId{keyId}, path(), "explicit request", start);
        Q_ASSERT(done);
        return id;
    }

    void verifyConsistent() {
        const auto found = m_ledger->check();
        QVERIFY(found);
        QVERIFY2(found->empty(), found->empty() ? "" : found->front().what.c_str());
    }

private slots:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        reopen();
    }
    void cleanup() {
        if (m_ledger) verifyConsistent();
        m_ledger.reset();
        m_folder.reset();
    }

    void everythingOfAPurchaseSurvivesReopening() {
        const PurchaseId id = reserved();
        QVERIFY(m_ledger->advance(id, PurchaseState::KeyReady, EndReason::None, "", start));
        const Usage usage{1000, 64000, dollars("0.000015"), 3};
        const UsageUpdate update{id, usage};
        QVERIFY(m_ledger->recordUsage({&update, 1}));
        reopen();
        const auto left = m_ledger->unfinished();
        QVERIFY(left);
        QCOMPARE(left->size(), size_t{1});
        const Purchase& purchase = left->front();
        QCOMPARE(purchase.id, id);
        QCOMPARE(purchase.state, PurchaseState::KeyReady);
        QCOMPARE(purchase.request.flow, request().flow);
        QCOMPARE(purchase.request.cap, dollars("0.05"));
        QCOMPARE(*purchase.request.duration, std::chrono::seconds{600});
        QVERIFY(purchase.path == path());
        QCOMPARE(*purchase.key, SessionKeyId{1});
        QCOMPARE(purchase.decidedBy, std::string("explicit request"));
        QVERIFY(purchase.usage == usage);
        QVERIFY(!purchase.charged);
    }

    void settlingPostsExactlyAndReleasesTheRest() {
        const PurchaseId id = reserved();
        QCOMPARE(*m_ledger->reserved(), dollars("0.05"));
        const Money odd = Money::fromEighths(123'456'789);
        QVERIFY(m_ledger->settle(id, charge(odd), start));
        reopen();
        const auto purchase = m_ledger->find(id);
        QCOMPARE(purchase->state, PurchaseState::Settled);
        QCOMPARE(*purchase->charged, odd);
        QCOMPARE(*m_ledger->reserved(), Money::zero());
        QCOMPARE(m_ledger->wallet()->debitsPosted, odd);
        QCOMPARE(m_ledger->payable(IspId{26})->creditsPosted, odd);
        QCOMPARE(m_ledger->payable(IspId{25})->creditsPosted, Money::zero());
        QVERIFY(m_ledger->unfinished()->empty());
    }

    void settlingNothingVoidsTheReservation() {
        const PurchaseId id = reserved();
        QVERIFY(m_ledger->settle(id, {}, start));
        QCOMPARE(*m_ledger->find(id)->charged, Money::zero());
        QCOMPARE(*m_ledger->reserved(), Money::zero());
        QCOMPARE(m_ledger->wallet()->debitsPosted, Money::zero());
    }

    void aPostingAboveTheReservationIsRefusedAndChangesNothing() {
        const PurchaseId id = reserved("0.01");
        const Settlement above = charge(Money::fromEighths(dollars("0.01").eighths() + 1));
        QCOMPARE(m_ledger->settle(id, above, start).error(), LedgerError::AmountTooHigh);
        QCOMPARE(m_ledger->find(id)->state, PurchaseState::Reserved);
        QCOMPARE(*m_ledger->reserved(), dollars("0.01"));
    }

    void nothingIsSettledTwice() {
        const PurchaseId id = reserved();
        const Settlement settlement{
            .charged = dollars("0.01"), .disputed = false, .reason = EndReason::None, .note = {}, .evidence = {}};
        QVERIFY(m_ledger->settle(id, settlement, start));
        QCOMPARE(m_ledger->settle(id, settlement, start).error(), LedgerError::WrongState);
        QCOMPARE(m_ledger->wallet()->debitsPosted, dollars("0.01"));
    }

    void onlyTheStepsOfALifeAreTaken() {
        const PurchaseId id = m_ledger->begin(request(), start)->id;
        QCOMPARE(m_ledger->advance(id, PurchaseState::Active, EndReason::None, "", start).error(),
                 LedgerError::WrongState);
        QCOMPARE(m_ledger->advance(id, PurchaseState::Reserved, EndReason::None, "", start).error(),
                 LedgerError::WrongState);
        QCOMPARE(m_ledger->settle(id, {}, start).error(), LedgerError::WrongState);
        QVERIFY(m_ledger->refuse(id, EndReason::NoOffer, "no path", start));
        QCOMPARE(m_ledger->reserve(id, SessionKeyId{1}, path(), "x", start).error(), LedgerError::WrongState);
        QCOMPARE(m_ledger->find(PurchaseId{99}).error(), LedgerError::UnknownPurchase);
        QCOMPARE(m_ledger->find(id)->note, std::string("no path"));
        QVERIFY(m_ledger->unfinished()->empty());
    }

    void theFirstReasonStays() {
        const PurchaseId id = reserved();
        QVERIFY(m_ledger->advance(id, PurchaseState::Stopping, EndReason::CapReached, "", start));
        QVERIFY(m_ledger->advance(id, PurchaseState::Settling, EndReason::AgentStopped, "later", start));
        QCOMPARE(m_ledger->find(id)->reason, EndReason::CapReached);
    }

    void aSessionKeyIsNeverUsedTwice() {
        reserved("0.05", 77);
        const PurchaseId second = m_ledger->begin(request(), start)->id;
        QCOMPARE(m_ledger->reserve(second, SessionKeyId{77}, path(), "x", start).error(), LedgerError::KeyUsed);
        QVERIFY(m_ledger->reserve(second, SessionKeyId{78}, path(), "x", start));
        QCOMPARE(*m_ledger->reserved(), dollars("0.1"));
    }

    void anIdempotencyKeyNamesOneRequestOfOneUser() {
        NewPurchase purchase = request();
        purchase.idempotencyKey = "k";
        purchase.fingerprint = "a";
        const auto first = m_ledger->begin(purchase, start);
        QVERIFY(!first->existing);
        reopen();
        const auto again = m_ledger->begin(purchase, start);
        QVERIFY(again->existing);
        QCOMPARE(again->id, first->id);
        purchase.fingerprint = "b";
        QCOMPARE(m_ledger->begin(purchase, start).error(), LedgerError::IdempotencyConflict);
        purchase.uid = 1001;
        QVERIFY(!m_ledger->begin(purchase, start)->existing);
    }

    void countersNeverShrink() {
        const PurchaseId id = reserved();
        const UsageUpdate more{id, {10, 1000, dollars("0.001"), 2}};
        const UsageUpdate less{id, {9, 999, dollars("0.0001"), 1}};
        QVERIFY(m_ledger->recordUsage({&more, 1}));
        QVERIFY(m_ledger->recordUsage({&less, 1}));
        QVERIFY(m_ledger->find(id)->usage == more.usage);
    }

    void spendingCountsFromTheTimeOfPosting() {
        const PurchaseId early = reserved("0.05", 1);
        const PurchaseId late = reserved("0.05", 2);
        QVERIFY(m_ledger->settle(early, charge(dollars("0.01")), start));
        QVERIFY(m_ledger->settle(late, charge(dollars("0.02")), start + std::chrono::hours{1}));
        QCOMPARE(*m_ledger->spentSince(start), dollars("0.03"));
        QCOMPARE(*m_ledger->spentSince(start + std::chrono::minutes{1}), dollars("0.02"));
    }

    void historyIsNewestFirstAndByUser() {
        reserved("0.05", 1);
        NewPurchase other = request();
        other.uid = 7;
        const PurchaseId last = m_ledger->begin(other, start)->id;
        const auto all = m_ledger->history(std::nullopt, 10);
        QCOMPARE(all->size(), size_t{2});
        QCOMPARE(all->front().id, last);
        QCOMPARE(m_ledger->history(7, 10)->size(), size_t{1});
        QCOMPARE(m_ledger->history(std::nullopt, 1)->size(), size_t{1});
    }

    void aDisputeIsKeptWithItsEvidence() {
        const PurchaseId id = reserved();
        Settlement settlement;
        settlement.charged = dollars("0.01");
        settlement.disputed = true;
        settlement.evidence = Evidence{"final-usage", {1, 2, 3}, {4, 5}, false};
        QVERIFY(m_ledger->settle(id, settlement, start));
        reopen();
        QVERIFY(m_ledger->find(id)->disputed);
    }

    void booksAreAppendOnlyForEveryProgram() {
        const PurchaseId id = reserved();
        QVERIFY(m_ledger->settle(id, charge(dollars("0.01")), start));
        m_ledger.reset();
        {
            store::DatabaseOptions options;
            options.path = file();
            options.key = key();
            auto database = store::Database::open(options);
            QVERIFY(database);
            QVERIFY(!database->execute("UPDATE transfer SET amount = 0"));
            QVERIFY(!database->execute("DELETE FROM transition"));
            QVERIFY(!database->execute("UPDATE purchase SET cap = 1"));
            // What the sums say is not protected by a trigger, but check() finds it.
            QVERIFY(database->execute("UPDATE account SET debits_posted = debits_posted + 1"));
        }
        reopen();
        const auto found = m_ledger->check();
        QVERIFY(found);
        QVERIFY(!found->empty());
        m_ledger.reset();  // the damage is the point here
    }

    void aWrongKeyASecondAgentAndAMissingFolderAreTold() {
        QCOMPARE(Ledger::open(file(), key()).error(), LedgerError::InUse);
        m_ledger.reset();
        QCOMPARE(Ledger::open(file(), key(8)).error(), LedgerError::CannotOpen);
        QCOMPARE(Ledger::open(file() / "no" / "such", key()).error(), LedgerError::CannotOpen);
        reopen();
    }
};

QTEST_GUILESS_MAIN(TestLedger)
#include "test_ledger.moc"
