// Nothing is signed that is not durable (NetPaS §5.3).
#include <QtTest>
#include <type_traits>

#include "core/ledger/payment_journal.h"
#include "secretary/wallet.h"

using namespace netpas;
using namespace netpas::ledger;

namespace {

const SystemTime noon{std::chrono::hours{24 * 365 * 50}};

// A disk that refuses while it is full.
class RefusingDocuments final : public store::Documents {
public:
    bool full = false;
    store::MemoryDocuments kept;
    tl::expected<void, store::StoreError> apply(std::span<const store::DocumentChange> changes) override {
        if (full) return tl::unexpected(store::StoreError::Full);
        return kept.apply(changes);
    }
    tl::expected<std::vector<store::Document>, store::StoreError> all(std::string_view kind) const override {
        return kept.all(kind);
    }
};

payments::PaymentOrder orderOf(const secretary::Wallet& wallet, uint8_t id) {
    payments::PaymentOrder order;
    order.payment.id = {id};
    order.payment.payee = Identity::fromSeed({2}).nodeId();
    order.payment.amount = *Money::parse("0.0001");
    order.payment.time = noon;
    order.payment.expires = noon + std::chrono::seconds(5);
    order.payer = wallet.identity().nodeId();
    order.fees = {{IspId{25}, *Money::parse("0.0000005")}};
    return order;
}

secretary::Wallet walletOf(uint8_t first) {
    Identity::Seed seed{first};
    return secretary::Wallet::fromSeed(seed);
}

}  // namespace

class TestPaymentJournal : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    // The only way to a RecordedOrder is through the journal; the compiler refuses every other.
    void nobodyElseMakesTheProof() {
        static_assert(!std::is_default_constructible_v<RecordedOrder>);
        static_assert(!std::is_constructible_v<RecordedOrder, payments::PaymentOrder>);
        static_assert(!std::is_aggregate_v<RecordedOrder>);
    }

    void whatIsRecordedIsSigned() {
        RefusingDocuments documents;
        auto journal = *PaymentJournal::open(documents);
        const auto wallet = walletOf(1);
        const auto recorded = journal.record(orderOf(wallet, 1), std::nullopt, noon);
        QVERIFY(recorded);
        QCOMPARE(documents.kept.all("payment-order")->size(), size_t{1});
        const auto order = wallet.sign(*recorded);
        QVERIFY(order);
        QVERIFY(payments::verify(*order, wallet.identity().publicKey(), noon));
    }

    void aFullDiskGivesNoProof() {
        RefusingDocuments documents;
        auto journal = *PaymentJournal::open(documents);
        documents.full = true;
        const auto refused = journal.record(orderOf(walletOf(1), 1), std::nullopt, noon);
        QCOMPARE(int(refused.error()), int(JournalError::Storage));
        QVERIFY(!journal.find({1}));
        documents.full = false;
        QVERIFY(journal.record(orderOf(walletOf(1), 1), std::nullopt, noon));
    }

    // A crash between the record and the answer: the same bytes again, never a second payment.
    void afterARestartTheSameBytesAreSigned() {
        RefusingDocuments documents;
        const auto wallet = walletOf(1);
        const auto first = [&] {
            auto journal = *PaymentJournal::open(documents);
            return *wallet.sign(*journal.record(orderOf(wallet, 1), std::nullopt, noon));
        }();
        auto journal = *PaymentJournal::open(documents);
        const auto found = journal.find({1});
        QVERIFY(found);
        QVERIFY(*wallet.sign(*found) == first);
        const auto again = journal.record(orderOf(wallet, 1), std::nullopt, noon + std::chrono::hours(1));
        QVERIFY(again && *wallet.sign(*again) == first);
        auto other = orderOf(wallet, 1);
        other.payment.amount = *Money::parse("0.0002");
        QCOMPARE(int(journal.record(other, std::nullopt, noon).error()), int(JournalError::IdUsed));
    }

    void theWalletSignsInItsOwnNameOnly() {
        RefusingDocuments documents;
        auto journal = *PaymentJournal::open(documents);
        const auto recorded = journal.record(orderOf(walletOf(3), 1), std::nullopt, noon);
        QCOMPARE(int(walletOf(1).sign(*recorded).error()), int(payments::PaymentError::WrongPayer));
    }

    void badOrdersAreNotRecorded() {
        RefusingDocuments documents;
        auto journal = *PaymentJournal::open(documents);
        auto order = orderOf(walletOf(1), 1);
        order.fees.clear();
        QCOMPARE(int(journal.record(order, std::nullopt, noon).error()), int(JournalError::BadOrder));
        order = orderOf(walletOf(1), 1);
        QCOMPARE(int(journal.record(order, std::nullopt, order.payment.expires).error()), int(JournalError::Expired));
        QCOMPARE(int(journal.record(order, Description{"a comic", {}}, noon).error()),
                 int(JournalError::BadDescription));
        order.payment.description = payments::describe("a comic", {7});
        QCOMPARE(int(journal.record(order, std::nullopt, noon).error()), int(JournalError::BadDescription));
        QVERIFY(journal.record(order, Description{"a comic", {7}}, noon));
        QVERIFY(PaymentJournal::open(documents));
    }

    void expiredOrdersAreForgottenLater() {
        RefusingDocuments documents;
        auto journal = *PaymentJournal::open(documents);
        const auto wallet = walletOf(1);
        QVERIFY(journal.record(orderOf(wallet, 1), std::nullopt, noon));
        QVERIFY(journal.forgetExpired(noon + std::chrono::hours(47)));
        QCOMPARE(journal.size(), size_t{1});
        QVERIFY(journal.forgetExpired(noon + std::chrono::hours(49)));
        QCOMPARE(journal.size(), size_t{0});
        QVERIFY(documents.kept.all("payment-order")->empty());
    }

    void aDamagedJournalIsNotOpened() {
        RefusingDocuments documents;
        QVERIFY(documents.put({"payment-order", "00", Bytes{1, 2, 3}}));
        QCOMPARE(int(PaymentJournal::open(documents).error()), int(store::StoreError::Damaged));
    }

    void payeesConfirmWhatIsTheirs() {
        const auto payee = walletOf(2);
        const auto order = orderOf(walletOf(1), 1);
        const auto confirmation = payee.confirm(order.payment, noon);
        QVERIFY(confirmation && payments::verify(*confirmation, order.payment));
        QCOMPARE(int(walletOf(3).confirm(order.payment, noon).error()), int(payments::PaymentError::OtherPayee));
        QCOMPARE(int(payee.confirm(order.payment, order.payment.expires + std::chrono::seconds(1)).error()),
                 int(payments::PaymentError::Expired));
    }

    void theSeedIsWipedWhenTheWalletHasIt() {
        Identity::Seed seed{1};
        const auto wallet = secretary::Wallet::fromSeed(seed);
        QVERIFY(seed == Identity::Seed{});
        QCOMPARE(wallet.identity().publicKey(), Identity::fromSeed({1}).publicKey());
    }
};

QTEST_APPLESS_MAIN(TestPaymentJournal)
#include "test_payment_journal.moc"
