#include <QtTest>

#include "tests/core/ledger_fixture.h"

using namespace netpas;
using namespace netpas::ledger;

namespace {

constexpr SystemTime now = ledgerStart;

KeyEnd charge(const char* amount) { return {dollars(amount), false, {}}; }

}  // namespace

class TestLedgerKeys : public QObject {
    Q_OBJECT

private slots:
    void aPurchaseIsChargedTheSumOfItsKeysOnce() {
        LedgerFolder f;
        const PurchaseId id = f.reserved(request("0.05"));
        QVERIFY(f.ledger->addKey(id, SessionKeyId{1}, dollars("0.02"), now));
        QVERIFY(f.ledger->addKey(id, SessionKeyId{2}, dollars("0.03"), now));
        QVERIFY(f.ledger->closeKey(SessionKeyId{1}, charge("0.015"), Evidence{"final-usage", {1}, {2}, false}, now));
        f.reopen();
        QVERIFY(f.ledger->closeKey(SessionKeyId{2}, charge("0.002"), {}, now));
        QCOMPARE(*f.ledger->settle(id, EndReason::StoppedByUser, "", now), dollars("0.017"));
        QCOMPARE(f.ledger->settle(id, EndReason::StoppedByUser, "", now).error(), LedgerError::WrongState);
        const auto purchase = *f.ledger->find(id);
        QCOMPARE(*purchase.charged, dollars("0.017"));
        QCOMPARE(purchase.keys.size(), size_t{2});
        QCOMPARE(purchase.keys[0].key, SessionKeyId{1});
        QCOMPARE(purchase.keys[0].end->charged, dollars("0.015"));
        QCOMPARE(*purchase.key, SessionKeyId{2});
        QCOMPARE(*f.ledger->reserved(), Money::zero());
        QCOMPARE(f.ledger->wallet()->debitsPosted, dollars("0.017"));
        QCOMPARE(f.discrepancy(), std::string());
    }

    void whatWasObservedStandsBesideWhatWasSigned() {
        LedgerFolder f;
        const PurchaseId id = f.reserved(request("0.05"));
        QVERIFY(f.ledger->addKey(id, SessionKeyId{1}, dollars("0.02"), now));
        QVERIFY(f.ledger->recordEvidence(id, {"way", {'{', '}'}, {}, true}, now));
        QVERIFY(f.ledger->closeKey(SessionKeyId{1}, charge("0.015"), Evidence{"final-usage", {1}, {2}, false}, now));
        f.reopen();
        const auto kept = *f.ledger->evidence(id);
        QCOMPARE(kept.size(), size_t{2});
        QCOMPARE(kept[0].evidence.kind, std::string("way"));
        QVERIFY((kept[0].evidence.message == std::vector<uint8_t>{'{', '}'}) && kept[0].evidence.signature.empty());
        QVERIFY(kept[0].at == now && kept[1].evidence.accepted);
        QCOMPARE(kept[1].evidence.kind, std::string("final-usage"));
        QVERIFY(f.ledger->settle(id, EndReason::StoppedByUser, "", now));
        QCOMPARE(f.ledger->recordEvidence(id, {"way", {}, {}, true}, now).error(), LedgerError::WrongState);
        QCOMPARE(f.ledger->recordEvidence(PurchaseId{99}, {"way", {}, {}, true}, now).error(),
                 LedgerError::UnknownPurchase);
        QVERIFY(f.ledger->evidence(PurchaseId{99})->empty());
        QCOMPARE(f.discrepancy(), std::string());
    }

    void openSlicesAndChargesNeverExceedTheCap() {
        LedgerFolder f;
        const PurchaseId id = f.reserved(request("0.05"));
        QVERIFY(f.ledger->addKey(id, SessionKeyId{1}, dollars("0.03"), now));
        QCOMPARE(f.ledger->addKey(id, SessionKeyId{2}, dollars("0.020000000125"), now).error(),
                 LedgerError::AmountTooHigh);
        QVERIFY(f.ledger->closeKey(SessionKeyId{1}, charge("0.01"), {}, now));
        // What the first key left over is free again, what it was charged is not.
        QCOMPARE(f.ledger->addKey(id, SessionKeyId{2}, dollars("0.040000000125"), now).error(),
                 LedgerError::AmountTooHigh);
        QVERIFY(f.ledger->addKey(id, SessionKeyId{2}, dollars("0.04"), now));
        QCOMPARE(f.ledger->addKey(id, SessionKeyId{3}, Money::fromEighths(1), now).error(), LedgerError::AmountTooHigh);
        QCOMPARE(f.ledger->addKey(id, SessionKeyId{3}, Money::fromEighths(-1), now).error(),
                 LedgerError::AmountTooHigh);
        QCOMPARE(f.ledger->closeKey(SessionKeyId{2}, charge("0.040000000125"), {}, now).error(),
                 LedgerError::AmountTooHigh);
        QCOMPARE(f.discrepancy(), std::string());
    }

    void aKeyEndsOnceAndIsNeverUsedAgain() {
        LedgerFolder f;
        const PurchaseId id = f.reserved(request());
        QVERIFY(f.ledger->addKey(id, SessionKeyId{9}, dollars("0.01"), now));
        QVERIFY(f.ledger->closeKey(SessionKeyId{9}, charge("0.001"), {}, now));
        QCOMPARE(f.ledger->closeKey(SessionKeyId{9}, charge("0.001"), {}, now).error(), LedgerError::WrongState);
        QCOMPARE(f.ledger->addKey(id, SessionKeyId{9}, dollars("0.01"), now).error(), LedgerError::KeyUsed);
        QCOMPARE(f.ledger->closeKey(SessionKeyId{8}, {}, {}, now).error(), LedgerError::UnknownKey);
    }

    void nothingIsSettledWhileAKeyIsOpen() {
        LedgerFolder f;
        const PurchaseId id = f.reserved(request());
        QVERIFY(f.ledger->addKey(id, SessionKeyId{1}, dollars("0.01"), now));
        QCOMPARE(f.ledger->settle(id, EndReason::Locked, "", now).error(), LedgerError::KeyOpen);
        QVERIFY(f.ledger->advance(id, PurchaseState::Stopping, EndReason::Locked, "", now));
        QCOMPARE(f.ledger->addKey(id, SessionKeyId{2}, dollars("0.01"), now).error(), LedgerError::WrongState);
        QVERIFY(f.ledger->closeKey(SessionKeyId{1}, {}, {}, now));
        QCOMPARE(*f.ledger->settle(id, EndReason::None, "", now), Money::zero());
        QVERIFY(!f.ledger->find(id)->expired);
    }

    void aReservationWhoseTimeRanOutExpires() {
        LedgerFolder f;
        const PurchaseId id = f.reserved(request());
        QCOMPARE(*f.ledger->settle(id, EndReason::DurationOver, "", now), Money::zero());
        QVERIFY(f.ledger->find(id)->expired);
        QCOMPARE(*f.ledger->reserved(), Money::zero());
        QCOMPARE(f.discrepancy(), std::string());
    }

    void countersAreKeptForEachKey() {
        LedgerFolder f;
        const PurchaseId id = f.reserved(request());
        QVERIFY(f.ledger->addKey(id, SessionKeyId{1}, dollars("0.01"), now));
        const KeyUsageUpdate more{SessionKeyId{1}, {5, 600, dollars("0.001"), 1}};
        const KeyUsageUpdate less{SessionKeyId{1}, {4, 700, dollars("0.0001"), 0}};
        QVERIFY(f.ledger->recordUsage({}, {&more, 1}));
        QVERIFY(f.ledger->recordUsage({}, {&less, 1}));
        const Usage expected{5, 700, dollars("0.001"), 1};
        QVERIFY(f.ledger->find(id)->keys[0].usage == expected);
    }

    void groupedOperationsAreKeptTogetherOrNotAtAll() {
        LedgerFolder f;
        const PurchaseId kept = f.reserved(request());
        PurchaseId begun;
        QVERIFY(f.ledger->group([&]() -> tl::expected<void, LedgerError> {
            begun = f.ledger->begin(request(), now)->id;
            // One that fails undoes itself alone.
            const auto tooMuch = f.ledger->addKey(kept, SessionKeyId{1}, dollars("1"), now);
            return tooMuch.error() == LedgerError::AmountTooHigh ? f.ledger->addKey(kept, SessionKeyId{1}, {}, now)
                                                                 : tooMuch;
        }));
        f.reopen();
        QVERIFY(f.ledger->find(begun));
        QCOMPARE(f.ledger->find(kept)->keys.size(), size_t{1});
        const auto failed = f.ledger->group([&]() -> tl::expected<void, LedgerError> {
            begun = f.ledger->begin(request(), now)->id;
            return tl::unexpected(LedgerError::Storage);
        });
        QCOMPARE(failed.error(), LedgerError::Storage);
        QCOMPARE(f.ledger->find(begun).error(), LedgerError::UnknownPurchase);
    }

    void documentsShareTheTransactionOfTheBook() {
        LedgerFolder f;
        store::Documents& documents = f.ledger->documents();
        QVERIFY(documents.put({"rule", "b", {1, 2}}));
        QVERIFY(documents.put({"rule", "a", {}}));
        QVERIFY(documents.put({"rule", "b", {3}}));
        const auto failed = f.ledger->group([&]() -> tl::expected<void, LedgerError> {
            [[maybe_unused]] const auto done = documents.erase("rule", "a");
            return tl::unexpected(LedgerError::Storage);
        });
        QVERIFY(!failed);
        f.reopen();
        const auto rules = f.ledger->documents().all("rule");
        QCOMPARE(rules->size(), size_t{2});
        QCOMPARE((*rules)[0].id, std::string("a"));
        QCOMPARE((*rules)[1].body, Bytes{3});
        QVERIFY(f.ledger->documents().all("contact")->empty());
    }

    void aBatchOfDocumentsIsAllOrNothing() {
        LedgerFolder f;
        const std::vector<store::DocumentChange> changes{{{"rule", "good", {1}}, false},
                                                         {{"rule", std::string(129, 'x'), {1}}, false}};
        QCOMPARE(f.ledger->documents().apply(changes).error(), store::StoreError::Constraint);
        QVERIFY(f.ledger->documents().all("rule")->empty());
        QVERIFY(f.ledger->documents().erase("rule", "never there"));
    }
};

QTEST_GUILESS_MAIN(TestLedgerKeys)
#include "test_ledger_keys.moc"
