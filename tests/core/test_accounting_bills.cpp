// Billing by cycle with both directions netted, deletion of old records, and the export for auditors.
#include <QtTest>

#include "core/audit/exporter.h"
#include "core/audit/verify.h"
#include "tests/core/books_backend.h"
#include "tests/core/confirmation_chain.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;

namespace {

const SystemTime begin = SystemTime(std::chrono::hours(24 * 365 * 50));
Money times(Money amount, int64_t factor) { return *checkedMul(amount, factor); }

// Cycles of an hour that close a minute after their end.
struct Billed : Chain {
    explicit Billed(ManualClock& manual) : Chain(manual), clock(manual) {
        for (Isp* isp : {&x, &y, &z}) isp->options.billing = {std::chrono::hours(1), std::chrono::minutes(1)};
    }
    bool upAndRunning() {
        if (!open()) return false;
        start();
        return run([&] { return up(); });
    }
    const BillRecord* bill(Isp& of, uint16_t with, size_t which = 0) {
        for (const auto& [key, record] : of.books().bills()) {
            if (key.first == IspId(with) && which-- == 0) return &record;
        }
        return nullptr;
    }
    // Y's, X's and both again.
    bool confirmSome(uint64_t first) {
        (void)x.edge->client.sample(sampleOf(first, 25, header, t));
        (void)x.edge->client.sample(sampleOf(first + 1, 24, header, t));
        const Money before = z.sum(SumKind::OwedTo, 25);
        return run([&] { return z.sum(SumKind::OwedTo, 25) == *checkedAdd(before, times(t, 2)) && quiet(); });
    }
    audit::Report audited(Isp& isp) {
        auto exporter = audit::Exporter::begin(*isp.server, isp.identity);
        if (!exporter) qFatal("no export");
        Bytes file;
        while (true) {
            const auto piece = exporter->next();
            if (!piece) qFatal("no export");
            if (piece->empty()) break;
            file.insert(file.end(), piece->begin(), piece->end());
        }
        const audit::Report report = audit::verify(file, {{{isp.config.isp, isp.identity.publicKey()}}});
        for (const audit::Finding& one : report.findings) {
            if (one.outcome == audit::Outcome::Fails) qWarning("%s: %s", one.check.c_str(), one.text.c_str());
        }
        return report;
    }
    static uint64_t looked(const audit::Report& report, const std::string& check) {
        for (const audit::Finding& one : report.findings) {
            if (one.check == check && one.outcome == audit::Outcome::Holds) return one.count;
        }
        return 0;
    }
    ManualClock& clock;
};

}  // namespace

class TestAccountingBills : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { NETPAS_NEED_DATABASE(); }
    void initTestCase_data() {
        QTest::addColumn<bool>("shared");
        QTest::newRow("own signatures") << false;
        QTest::newRow("shared signatures") << true;
    }
    void init() {
        QFETCH_GLOBAL(bool, shared);
        signaturesShared = shared;
    }

    void cyclesFollowTheCalendar() {
        using namespace std::chrono;
        const BillingCycle month;
        const auto at = [](int year, unsigned m, unsigned d) {
            return SystemTime(
                sys_days(std::chrono::year(year) / std::chrono::month(m) / std::chrono::day(d)).time_since_epoch());
        };
        const CycleNumber december = month.at(at(2025, 12, 31));
        QCOMPARE(month.at(at(2026, 1, 1)), december + 1);
        QVERIFY(month.begin(december) == at(2025, 12, 1));
        QVERIFY(month.end(december) == at(2026, 1, 1));
        QCOMPARE(month.oldestOpen(at(2026, 1, 1) + hours(25)), december);
        QCOMPARE(month.oldestOpen(at(2026, 1, 1) + hours(27)), december + 1);
        const BillingCycle minute{seconds(60), seconds(5)};
        QVERIFY(minute.end(minute.at(begin)) == begin + seconds(60));
    }

    void bothEndsBillTheSameAndWhatIsClosedStaysAsItIs() {
        ManualClock clock(begin);
        Billed c(clock);
        QVERIFY(c.upAndRunning());
        QVERIFY(c.confirmSome(1));
        QVERIFY(!c.bill(c.y, 26)->closed);
        QVERIFY(!c.y.server->settle(IspId(26), c.bill(c.y, 26)->bill.cycle, {clock.now(), "too early"}));
        clock.advance(std::chrono::minutes(62));
        QVERIFY(c.run([&] { return c.bill(c.y, 26)->closed && c.bill(c.z, 25)->closed && c.bill(c.x, 25)->closed; }));

        const Bill ofY = c.bill(c.y, 26)->bill;
        const Bill ofZ = c.bill(c.z, 25)->bill;
        QVERIFY(verify(ofY, c.y.identity.publicKey()));
        QVERIFY(verify(ofZ, c.z.identity.publicKey()));
        QCOMPARE(ofY.line(BillItem::Confirmations).theirs.total, times(c.t, 2));
        QCOMPARE(netted(ofY)->net, times(c.t, 2));
        QCOMPARE(netted(ofZ)->net, times(c.t, -2));
        QVERIFY(compare(ofY, ofZ)->empty());
        QVERIFY(compare(c.bill(c.y, 24)->bill, c.bill(c.x, 25)->bill)->empty());
        QVERIFY(c.y.server->compareJson(ofZ).find("\"agrees\": true") != std::string::npos);
        Bill forged = ofZ;
        forged.line(BillItem::Confirmations).ours.total = c.t;
        QVERIFY(c.y.server->compareJson(forged).find("\"wrong\"") != std::string::npos);
        QVERIFY(c.y.server->compareJson(forged).find("\"agrees\": false") != std::string::npos);

        // More of it, a cycle later; and a restart in between.
        QVERIFY(c.y.server->settle(IspId(26), ofY.cycle, {clock.now(), "transfer 7"}));
        c.y.server.reset();
        QVERIFY(c.y.open());
        c.y.start({&c.x, &c.z});
        QCOMPARE(c.bill(c.y, 26)->bill, ofY);
        QCOMPARE(c.bill(c.y, 26)->settled->reference, std::string("transfer 7"));
        QVERIFY(c.confirmSome(10));
        QCOMPARE(c.bill(c.y, 26)->bill, ofY);
        QCOMPARE(c.bill(c.y, 26, 1)->bill.line(BillItem::Confirmations).theirs.count, uint64_t{2});
        QVERIFY(c.bill(c.y, 26, 1)->bill.cycle > ofY.cycle);
    }

    // What a neighbour has signed is kept: agreeing, it stands in the export; saying something else later, it is evidence.
    void aNeighboursSecondBillIsEvidence() {
        ManualClock clock(begin);
        Billed c(clock);
        QVERIFY(c.upAndRunning());
        QVERIFY(c.confirmSome(1));
        clock.advance(std::chrono::minutes(62));
        QVERIFY(c.run([&] { return c.bill(c.y, 26)->closed && c.bill(c.z, 25)->closed && c.bill(c.x, 25)->closed; }));
        const Bill honest = c.bill(c.z, 25)->bill;
        Bill lie = honest;
        lie.line(BillItem::Confirmations).ours.total = c.t;
        const auto versions = [&] {
            return c.y.books().neighbourBills().find({IspId(26), honest.cycle})->second.size();
        };
        (void)c.y.server->compareJson(lie);  // not signed: not kept
        QVERIFY(c.y.books().neighbourBills().empty());
        (void)c.y.server->compareJson(honest);
        (void)c.y.server->compareJson(honest);
        QCOMPARE(versions(), size_t{1});
        const audit::Report both = c.audited(c.y);
        QVERIFY(both.good() && both.evidence.empty() && both.counts.at("bills") == 3);
        sign(lie, c.z.identity);
        (void)c.y.server->compareJson(lie);
        c.y.server.reset();
        QVERIFY(c.y.open());
        c.y.start({&c.x, &c.z});
        QCOMPARE(versions(), size_t{2});
        const audit::Report report = c.audited(c.y);
        QVERIFY(report.good());
        const auto proven = std::count_if(report.evidence.begin(), report.evidence.end(), [](const auto& one) {
            return one.claim == audit::Claim::ConflictingBills && one.outcome == audit::Outcome::Holds &&
                   one.accused == "isp 26";
        });
        QCOMPARE(proven, 1);
    }

    // Made in one cycle, taken when that was closed.
    void whatComesTooLateGoesIntoTheNextCycle() {
        ManualClock clock(begin);
        Billed c(clock);
        auto books = openBooks(c.y.options, begin);
        QVERIFY(books.has_value());
        const Identity identity = Identity::fromSeed({1});
        books->bill(IspId(26), BillItem::Confirmations, true, c.t, begin, begin);
        const SystemTime later = begin + std::chrono::minutes(70);
        QCOMPARE(books->closeBills(IspId(25), identity, later), size_t{1});
        const Bill closed = books->bills().begin()->second.bill;
        books->bill(IspId(26), BillItem::Confirmations, true, c.t, begin, later);
        // Not even with a clock that is set back.
        books->bill(IspId(26), BillItem::Confirmations, true, c.t, begin, begin);
        QCOMPARE(books->bills().size(), size_t{2});
        QCOMPARE(books->bills().begin()->second.bill, closed);
        QCOMPARE(books->bills().rbegin()->second.bill.line(BillItem::Confirmations).theirs.count, uint64_t{2});
        QCOMPARE(books->closeBills(IspId(25), identity, later), size_t{0});
    }

    void oldRecordsGoAndNoBalanceChanges() {
        ManualClock clock(begin);
        Billed c(clock);
        for (Isp* isp : {&c.x, &c.y, &c.z}) isp->config.logKept = std::chrono::hours(24);
        QVERIFY(c.upAndRunning());
        QVERIFY(c.confirmSome(1));
        audit::Report before = c.audited(c.y);
        QVERIFY(before.good());
        QCOMPARE(before.counts["confirmations"], uint64_t{2});
        QVERIFY(Billed::looked(before, "sums") >= 3);
        QVERIFY(Billed::looked(before, "confirmation-signatures") > 0);

        clock.advance(std::chrono::hours(20));
        QVERIFY(c.confirmSome(10));
        clock.advance(std::chrono::hours(5));
        QVERIFY(c.run([&] { return c.y.books().summarised(SumKind::OwedBy, IspId(26)).count == 2; }));
        QCOMPARE(c.y.sum(SumKind::OwedBy, 26), times(c.t, 4));
        audit::Report after = c.audited(c.y);
        QVERIFY(after.good());
        QCOMPARE(after.counts["confirmations"], uint64_t{2});
        QVERIFY(after.counts["bills"] > 0);
        for (Isp* isp : {&c.x, &c.z}) QVERIFY(c.audited(*isp).good());

        c.y.server.reset();
        QVERIFY(c.y.open());
        c.y.start({&c.x, &c.z});
        QCOMPARE(c.y.sum(SumKind::OwedBy, 26), times(c.t, 4));
        QCOMPARE(c.y.books().summarised(SumKind::OwedBy, IspId(26)).total, times(c.t, 2));
        QVERIFY(c.audited(c.y).good());
    }

    void forgottenSessionKeysAndPaymentsStayInTheSums() {
        ManualClock clock(begin);
        Billed c(clock);
        Books::Options options = c.y.options;
        const auto nobody = [](const Confirmation&, Role) { return std::optional<Party>(); };
        {
            auto books = openBooks(options, begin);
            QVERIFY(books.has_value());
            KeyRecord key;
            key.key.id = SessionKeyId(5);
            key.customer = "B";
            key.router = "r";
            key.registered = begin;
            books->addKey(key);
            books->applyKey("r", 1, {SessionKeyId(5), 10, 100, dollars("0.5"), 10}, begin);
            books->setKeyState(SessionKeyId(5), KeyState::Final, begin);
            PaymentRecord record;
            record.payment.amount = dollars("1");
            record.payment.time = begin;
            record.payment.expires = begin + std::chrono::seconds(2);
            record.from = {"B", {}};
            record.to = {{}, IspId(26)};
            record.owed = dollars("1.1");
            record.passed = dollars("1");
            record.state = PaymentState::Confirmed;
            record.received = begin;
            books->setPayment(record, begin);
            books->add(PaymentSum::OwedBy, record.from, record.owed, begin);
            QVERIFY(books->commit().has_value());
            const SystemTime later = begin + std::chrono::hours(48);
            (void)books->prune(later, begin + std::chrono::hours(1), nobody);
            QVERIFY(books->commit().has_value());
            QVERIFY(books->key(SessionKeyId(5)) == nullptr);
            QVERIFY(!books->paymentEver(record.payment.id).has_value());
        }
        auto books = openBooks(options, begin);
        QVERIFY(books.has_value());
        QVERIFY(books->keys().empty());
        QCOMPARE(books->retired("B").amount, dollars("0.5"));
        QCOMPARE(books->retired("B").packets, uint64_t{10});
        QCOMPARE(books->sum(PaymentSum::OwedBy, {"B", {}}).total, dollars("1.1"));
        QCOMPARE(books->summarised(PaymentSum::OwedBy, {"B", {}}).total, dollars("1.1"));
        QCOMPARE(books->summarised(PaymentSum::OwedTo, Party{{}, IspId(26)}).total, dollars("1"));
    }
};

QTEST_APPLESS_MAIN(TestAccountingBills)
#include "test_accounting_bills.moc"
