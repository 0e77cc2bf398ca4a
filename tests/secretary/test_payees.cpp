// Whom the user may pay (NetPaS §4.1.2).
#include <QtTest>

#include "core/certificates/authority.h"
#include "secretary/payees/payee_book.h"

using namespace netpas;
using namespace netpas::certificates;
using namespace netpas::secretary;
using namespace netpas::secretary::payees;

namespace {

constexpr std::chrono::days day{1};
const SystemTime now = SystemTime(std::chrono::sys_days(std::chrono::year(2027) / 6 / 15));
const Lifetime year{now - 100 * day, now + 100 * day};

Identity key(uint8_t n) { return Identity::fromSeed({n}); }
Authority authority(uint8_t n, const std::string& name) {
    return *Authority::makeRoot(key(n), name, {now - 1000 * day, now + 1000 * day});
}
Chain certified(const Authority& by, uint8_t payee, PayeeClasses classes = PayeeClass::FewComplaints) {
    return {*by.certify({key(payee).publicKey(), "Comics", {"comics.example"}, classes, year})};
}
SpendRequest pay(uint8_t payee, const std::string& domain = "comics.example") {
    SpendRequest request;
    request.payee = key(payee).nodeId().hex();
    request.domain = domain;
    return request;
}
std::string codeOf(const std::optional<PayeeProblem>& problem) { return problem ? problem->code : ""; }

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

}  // namespace

class TestPayees : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void strangersAreNotPaid() {
        store::MemoryDocuments documents;
        auto book = *PayeeBook::open(documents);
        QCOMPARE(codeOf(book.refusal(pay(50), now)), std::string("NOT_CERTIFIED"));
        QVERIFY(book.refusal(pay(50), now)->hint.find("netpas payees add") != std::string::npos);
        QVERIFY(!book.refusal(SpendRequest{}, now));  // service to a bare address
        SpendRequest known = pay(50);
        known.contact = "Ana";  // the user's own word
        QVERIFY(!book.refusal(known, now));
        SpendRequest odd;
        odd.payee = "somebody";
        QCOMPARE(codeOf(book.refusal(odd, now)), std::string("BAD_PAYEE"));
    }

    void certifiedPayeesArePaid() {
        store::MemoryDocuments documents;
        const Authority watch = authority(1, "Watch");
        {
            auto book = *PayeeBook::open(documents);
            const auto early = book.add(certified(watch, 50), now);
            QCOMPARE(early.error().code, std::string("CERTIFICATE_UNKNOWN_AUTHORITY"));
            QVERIFY(book.trust(PayeeClass::FewComplaints, watch.certificate(), now));
            QVERIFY(book.add(certified(watch, 50), now));
        }
        auto book = *PayeeBook::open(documents);  // all of it is kept
        QCOMPARE(book.size(), size_t{1});
        QCOMPARE(book.authorities().size(), size_t{1});
        QVERIFY(!book.refusal(pay(50), now));
        QVERIFY(!book.refusal(pay(50, "COMICS.example."), now));
        QVERIFY(!book.refusal(pay(50, ""), now));
        QCOMPARE(codeOf(book.refusal(pay(50, "comics.example.evil.test"), now)), std::string("CERTIFICATE_OTHER_NAME"));
        QCOMPARE(codeOf(book.refusal(pay(51), now)), std::string("NOT_CERTIFIED"));
        QVERIFY(book.erase(key(50).nodeId()));
        QCOMPARE(codeOf(book.refusal(pay(50), now)), std::string("NOT_CERTIFIED"));
        QCOMPARE(book.erase(key(50).nodeId()).error().code, std::string("NOT_FOUND"));
    }

    void theUserChoosesTheClasses() {
        store::MemoryDocuments documents;
        auto book = *PayeeBook::open(documents);
        const Authority police = authority(2, "Register");
        QVERIFY(book.accepted() == cautious);
        QVERIFY(book.trust(PayeeClass::Accountable, police.certificate(), now));
        const Chain chain = certified(police, 50, PayeeClass::Accountable);
        QCOMPARE(book.add(chain, now).error().code, std::string("CERTIFICATE_POLICY_NOT_ACCEPTED"));
        QVERIFY(book.accept(PayeeClasses(PayeeClass::FewComplaints) | PayeeClass::Accountable));
        QVERIFY(book.add(chain, now));
        QVERIFY(!book.refusal(pay(50), now));
        // Taken back: also from those who were paid a moment ago.
        QVERIFY(book.accept(cautious));
        QCOMPARE(codeOf(book.refusal(pay(50), now)), std::string("CERTIFICATE_POLICY_NOT_ACCEPTED"));
        QVERIFY(PayeeBook::open(documents)->accepted() == cautious);
        QVERIFY(book.accept({}));
        QVERIFY(PayeeBook::open(documents)->accepted().empty());
    }

    void whatWasSafeIsSafeForAWhileOnly() {
        store::MemoryDocuments documents;
        auto book = *PayeeBook::open(documents);
        const Authority watch = authority(1, "Watch");
        QVERIFY(book.trust(PayeeClass::FewComplaints, watch.certificate(), now));
        QVERIFY(book.add(certified(watch, 50), now));
        QVERIFY(!book.refusal(pay(50), now));
        QCOMPARE(codeOf(book.refusal(pay(50), year.notAfter)), std::string("CERTIFICATE_EXPIRED"));
        // The clock was set back: what was remembered from the future does not count.
        QVERIFY(!book.refusal(pay(50), now));
        QCOMPARE(codeOf(book.refusal(pay(50), year.notBefore - day)), std::string("CERTIFICATE_NOT_YET_VALID"));
        QVERIFY(!book.refusal(pay(50), now));
        QVERIFY(book.distrust(book.authorities().front().id));
        QCOMPARE(codeOf(book.refusal(pay(50), now)), std::string("CERTIFICATE_UNKNOWN_AUTHORITY"));
        QCOMPARE(book.distrust("nobody").error().code, std::string("NOT_FOUND"));
    }

    void revocationsCountAtOnce() {
        store::MemoryDocuments documents;
        auto book = *PayeeBook::open(documents);
        const Authority watch = authority(1, "Watch");
        QVERIFY(book.trust(PayeeClass::FewComplaints, watch.certificate(), now));
        const Chain chain = certified(watch, 50);
        QVERIFY(book.add(chain, now));
        QVERIFY(!book.refusal(pay(50), now));
        const std::vector serials{inspect(chain)->serial};
        const Lifetime week{now - day, now + 6 * day};
        // Of the same name, with another key.
        QCOMPARE(book.addRevocations(*authority(9, "Watch").revoke(serials, week)).error().code,
                 std::string("CERTIFICATE_UNKNOWN_AUTHORITY"));
        QVERIFY(!book.refusal(pay(50), now));
        const auto list = book.addRevocations(*watch.revoke(serials, week));
        QVERIFY(list && list->revoked == 1 && list->issuer == "Watch" && *list->expires == week.notAfter);
        QCOMPARE(codeOf(book.refusal(pay(50), now)), std::string("CERTIFICATE_REVOKED"));
        // An older list does not bring it back.
        QCOMPARE(book.addRevocations(*watch.revoke({}, {now - 2 * day, now + day})).error().code, std::string("OLDER"));
        auto again = *PayeeBook::open(documents);
        QCOMPARE(codeOf(again.refusal(pay(50), now)), std::string("CERTIFICATE_REVOKED"));
        QCOMPARE(codeOf(again.refusal(pay(50), now + 7 * day)), std::string("CERTIFICATE_STALE_REVOCATIONS"));
        QVERIFY(book.addRevocations(*watch.revoke({}, {now, now + day})));
        QVERIFY(!book.refusal(pay(50), now));
        QCOMPARE(codeOf(book.refusal(pay(50), now + 7 * day)), std::string("CERTIFICATE_STALE_REVOCATIONS"));
    }

    void authoritiesMustBeCurrent() {
        store::MemoryDocuments documents;
        auto book = *PayeeBook::open(documents);
        const Authority watch = authority(1, "Watch");
        QCOMPARE(book.trust(PayeeClass::FewComplaints, watch.certificate(), now + 2000 * day).error().code,
                 std::string("CERTIFICATE_EXPIRED"));
        QCOMPARE(book.trust(PayeeClass::FewComplaints, watch.certificate(), SystemTime{}).error().code,
                 std::string("CERTIFICATE_NOT_YET_VALID"));
        QCOMPARE(book.trust(PayeeClass::FewComplaints, certified(watch, 50)[0], now).error().code,
                 std::string("CERTIFICATE_NOT_FOR_PAYMENTS"));
        const auto id = book.trust(PayeeClass::FewComplaints, watch.certificate(), now);
        QVERIFY(*book.trust(PayeeClass::FewComplaints, watch.certificate(), now) == *id);
        QCOMPARE(book.authorities().size(), size_t{1});
    }

    void aFullDiskChangesNothing() {
        RefusingDocuments documents;
        auto book = *PayeeBook::open(documents);
        const Authority watch = authority(1, "Watch");
        QVERIFY(book.trust(PayeeClass::FewComplaints, watch.certificate(), now));
        documents.full = true;
        QCOMPARE(book.add(certified(watch, 50), now).error().code, std::string("STORAGE"));
        QCOMPARE(book.accept({}).error().code, std::string("STORAGE"));
        QCOMPARE(book.distrust(book.authorities().front().id).error().code, std::string("STORAGE"));
        QVERIFY(book.accepted() == cautious);
        QCOMPARE(book.size(), size_t{0});
        QCOMPARE(book.authorities().size(), size_t{1});
    }

    void aDamagedBookIsNotOpened_data() {
        QTest::addColumn<QByteArray>("kind");
        QTest::addColumn<QByteArray>("id");
        for (const char* kind : {"payee-setting", "payee-authority", "payee-revocations", "payee"})
            QTest::newRow(kind) << QByteArray(kind) << QByteArray("x");
    }

    void aDamagedBookIsNotOpened() {
        QFETCH(QByteArray, kind);
        QFETCH(QByteArray, id);
        store::MemoryDocuments documents;
        QVERIFY(documents.put({kind.toStdString(), id.toStdString(), Bytes{1, 2, 3}}));
        QVERIFY(PayeeBook::open(documents).error() == store::StoreError::Damaged);
    }
};

QTEST_APPLESS_MAIN(TestPayees)
#include "test_payees.moc"
