// Cases of what was not delivered, and how long their classes are avoided.
#include <QtTest>

#include "secretary/delivery/delivery_book.h"

using namespace netpas;
using namespace netpas::secretary::delivery;
using namespace std::chrono_literals;

namespace {

const SystemTime start{std::chrono::hours(490'000)};
const SoldClass gold{IspId(25), ServiceClass(1)};
const SoldClass silver{IspId(25), ServiceClass(2)};

Case found(SystemTime at, std::vector<SoldClass> suspects = {gold}) {
    Case one;
    one.at = at;
    one.purchase = PurchaseId(7);
    one.uid = 1000;
    one.node = "alice";
    one.flow = "tcp to 192.0.2.1:80";
    one.way = {{IspId(26), ServiceClass(1)}, gold};
    one.suspects = std::move(suspects);
    one.paid = Money::fromEighths(123);
    one.evidence = R"({"windows":[]})";
    return one;
}

class Refusing final : public store::Documents {
public:
    tl::expected<void, store::StoreError> apply(std::span<const store::DocumentChange> changes) override {
        if (full) return tl::unexpected(store::StoreError::Full);
        return inner.apply(changes);
    }
    tl::expected<std::vector<store::Document>, store::StoreError> all(std::string_view kind) const override {
        return inner.all(kind);
    }
    store::MemoryDocuments inner;
    bool full = false;
};

}  // namespace

class TestDeliveryBook : public QObject {
    Q_OBJECT
private slots:

    void whatIsKeptIsReadAgain() {
        store::MemoryDocuments documents;
        {
            auto book = DeliveryBook::open(documents);
            QCOMPARE(book->add(found(start)).value(), uint64_t{1});
            QCOMPARE(book->add(found(start + 1s, {gold, silver})).value(), uint64_t{2});
            QVERIFY(book->conclude(1, "next offer").has_value());
            QVERIFY(book->conclude(99, "nothing").has_value());
        }
        auto book = DeliveryBook::open(documents);
        const auto cases = book->cases();
        QCOMPARE(cases.size(), size_t{2});
        QCOMPARE(cases[0].number, uint64_t{2});
        const Case& one = cases[1];
        QCOMPARE(one.outcome, std::string("next offer"));
        QVERIFY(one.at == start && one.purchase == PurchaseId(7) && one.uid == 1000 && one.node == "alice");
        QVERIFY(one.way == found(start).way && one.suspects == std::vector<SoldClass>{gold});
        QVERIFY(one.paid == Money::fromEighths(123) && one.evidence == found(start).evidence &&
                one.flow == found(start).flow);
        QVERIFY(book->avoided(start + 1min) == (std::vector<SoldClass>{gold, silver}));
        QCOMPARE(book->add(found(start + 1h)).value(), uint64_t{3});
    }

    void eachTimeItIsAvoidedTwiceAsLong() {
        store::MemoryDocuments documents;
        auto book = DeliveryBook::open(documents);
        SystemTime now = start;
        auto length = std::chrono::duration_cast<std::chrono::microseconds>(DeliveryBook::firstMark);
        for (int times = 1; times <= 12; ++times) {
            QVERIFY(book->add(found(now)));
            QVERIFY(book->avoided(now + length - 1s) == std::vector<SoldClass>{gold});
            QVERIFY(book->avoided(now + length).empty());
            now += length + 1min;
            length = std::min<std::chrono::microseconds>(2 * length, DeliveryBook::longestMark);
        }
        // After a good day it begins anew.
        now += 25h;
        QVERIFY(book->add(found(now)));
        QVERIFY(book->avoided(now + DeliveryBook::firstMark).empty());
    }

    // Two purchases that find out the same do not make it worse.
    void theSameTroubleCountsOnce() {
        store::MemoryDocuments documents;
        auto book = DeliveryBook::open(documents);
        QVERIFY(book->add(found(start)));
        QVERIFY(book->add(found(start + 30s)));
        QCOMPARE(book->marks().front().times, 1U);
        QVERIFY(book->avoided(start + DeliveryBook::firstMark).empty());
        QVERIFY(book->add(found(start + 90s)));
        QCOMPARE(book->marks().front().times, 2U);
    }

    void aClockSetBackAvoidsNobodyForEver() {
        store::MemoryDocuments documents;
        auto book = DeliveryBook::open(documents);
        QVERIFY(book->add(found(start)));
        QVERIFY(book->avoided(start - 48h).empty());
    }

    void whoIsForgivenIsNotAvoided() {
        store::MemoryDocuments documents;
        auto book = DeliveryBook::open(documents);
        QVERIFY(book->add(found(start)));
        QVERIFY(book->forgive(gold).value());
        QVERIFY(!book->forgive(gold).value());
        QVERIFY(book->avoided(start + 1s).empty());
        QVERIFY(DeliveryBook::open(documents)->avoided(start + 1s).empty());
        QCOMPARE(book->cases().size(), size_t{1});
    }

    void theOldestCasesAreForgotten() {
        store::MemoryDocuments documents;
        auto book = DeliveryBook::open(documents);
        for (size_t i = 0; i < DeliveryBook::maxCases + 3; ++i) QVERIFY(book->add(found(start + i * 1s)));
        QCOMPARE(book->cases().size(), DeliveryBook::maxCases);
        QCOMPARE(book->cases().back().number, uint64_t{4});
        QCOMPARE(DeliveryBook::open(documents)->cases().size(), DeliveryBook::maxCases);
    }

    void whatCannotBeStoredDidNotHappen() {
        Refusing documents;
        auto book = DeliveryBook::open(documents);
        QVERIFY(book->add(found(start)));
        documents.full = true;
        QVERIFY(!book->add(found(start + 1h, {silver})));
        QVERIFY(!book->conclude(1, "next offer"));
        QVERIFY(!book->forgive(gold));
        QCOMPARE(book->cases().size(), size_t{1});
        QVERIFY(book->cases().front().outcome.empty());
        QVERIFY(book->avoided(start + 1s) == std::vector<SoldClass>{gold});
    }

    void damagedRecordsAreNotTakenForNone() {
        store::MemoryDocuments documents;
        QVERIFY(documents.put({"delivery-mark", "25-1", {'{', '}'}}));
        QVERIFY(!DeliveryBook::open(documents));
    }
};

QTEST_APPLESS_MAIN(TestDeliveryBook)
#include "test_delivery_book.moc"
