// The books: sums over a router's lives, groups that fail, what comes back after a crash.
#include <QtTest>

#include "core/accounting/books_schema.h"
#include "tests/core/accounting_fixture.h"
#include "tests/core/books_backend.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;

namespace {

const SystemTime start{std::chrono::hours(500'000)};

struct Folder {
    Folder() {
        options.path = (folder.path() + "/books.db").toStdString();
        options.key.fill(1);
    }
    Books open(SystemTime now = start) {
        auto books = openBooks(options, now);
        if (!books) qFatal("the books do not open");
        return std::move(*books);
    }
    QTemporaryDir folder;
    Books::Options options;
};

KeyRecord record(uint32_t id) {
    KeyRecord r;
    r.key.id = SessionKeyId(id);
    r.key.cap = dollars("1");
    r.customer = "B";
    r.router = "r";
    r.registered = start;
    return r;
}

KeyCounters counters(uint32_t id, uint64_t packets, int64_t eighths) {
    return {SessionKeyId(id), packets, packets * 10, Money::fromEighths(eighths), packets};
}

Confirmation confirmation(uint64_t number, SystemTime time = start) {
    Confirmation c;
    c.id = idOf(number);
    c.time = time;
    c.confirming = IspId(24);
    c.beneficiary = IspId(25);
    c.amount = dollars("0.0001");
    c.header = headerOf({{25, 10}, {24, 3}});
    return c;
}

// What whoever can read the tables sees of a key.
Bytes storedKey(const Books::Options& options, uint32_t id) {
    std::optional<store::SqlDatabase> database;
    if (onPostgres()) {
        database = std::move(*store::openPostgres({postgresServer()->database(databaseFor(options.path))}));
    } else {
        database = store::SqlDatabase(*store::Database::open({options.path, options.key}));
    }
    auto row = database->prepare("SELECT record FROM session_key WHERE id = ?");
    row->bind(1, int64_t{id});
    if (!row->step().value_or(false)) return {};
    return {row->blob(0).begin(), row->blob(0).end()};
}

bool shows(const Bytes& stored, const TagKey& secret) {
    return std::search(stored.begin(), stored.end(), secret.begin(), secret.end()) != stored.end();
}

std::optional<Party> nobody(const Confirmation&, Role) { return std::nullopt; }

}  // namespace

class TestAccountingBooks : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { NETPAS_NEED_DATABASE(); }
    // Books of before payments were kept in the order of arrival.
    void paymentsOutliveTheNewTable() {
        QTemporaryDir folder;
        Books::Options options;
        options.path = (folder.path() + "/old.db").toStdString();
        options.key.fill(1);
        const SystemTime now = systemClock().now();
        std::vector<PaymentRecord> records(3);
        {
            auto database = store::Database::open({options.path, options.key, true, 500ms});
            QVERIFY(database && database->migrate(std::span(booksSteps).first(6)));
            for (size_t i = 0; i < records.size(); ++i) {
                PaymentRecord& record = records[i];
                record.payment.id = payments::newPaymentId();
                record.payment.amount = dollars("0.001");
                record.payment.time = record.received = now - std::chrono::seconds(i);
                record.payment.expires = now + 1min;
                record.from = {"B", {}};
                record.to = {{}, IspId(24)};
                record.owed = record.passed = dollars("0.001");
                const Bytes body = encodeRecord(record);
                auto row = database->prepare(
                    "INSERT INTO payment (id, from_party, received, open_until, body) VALUES (?, 'customer B', ?, 0, "
                    "?)");
                row->bind(1, std::span<const uint8_t>(record.payment.id));
                row->bind(2, int64_t{record.received.time_since_epoch().count()}).bind(3, body);
                QVERIFY(row->run());
            }
        }
        auto books = Books::open(options, now);
        QVERIFY(books);
        QCOMPARE(books->pendingOf(Party{"B", {}}), dollars("0.003"));
        QCOMPARE(books->spentOf(Party{"B", {}}, now), dollars("0.003"));
        PaymentRecord ended = *books->payment(records[1].payment.id);
        ended.state = PaymentState::Expired;
        books->setPayment(ended, now);
        PaymentRecord fresh = records[0];
        fresh.payment.id = payments::newPaymentId();
        books->setPayment(fresh, now);
        QVERIFY(books->commit());
        books = tl::unexpected(store::StoreError::Failed);
        books = Books::open(options, now);
        QVERIFY(books);
        QCOMPARE(books->payments().size(), size_t{4});
        QCOMPARE(books->payment(records[1].payment.id)->state, PaymentState::Expired);
        QCOMPARE(books->spentOf(Party{"B", {}}, now), dollars("0.003"));
        QCOMPARE(books->spentOf(Party{"B", {}}, now + 25h), Money::zero());
    }

    // The database server's people see the tables (NetPaS §5.1: who has the secret can spend).
    void sealedSecretsOfKeysCannotBeReadInTheDatabase() {
        Folder f;
        KeyRecord old = record(1);
        KeyRecord fresh = record(2);
        old.key.secret.fill(0xa5);
        fresh.key.secret.fill(0x5a);
        {
            Books books = f.open();
            books.addKey(old);
            QVERIFY(books.commit().has_value());
        }
        QVERIFY(shows(storedKey(f.options, 1), old.key.secret));
        f.options.seal = Seal(Seal::Key{7});
        {
            Books books = f.open();
            books.addKey(fresh);
            QVERIFY(books.commit().has_value());
        }
        QVERIFY(!storedKey(f.options, 1).empty() && !shows(storedKey(f.options, 1), old.key.secret));
        QVERIFY(!storedKey(f.options, 2).empty() && !shows(storedKey(f.options, 2), fresh.key.secret));
        {
            Books books = f.open();
            QVERIFY(books.key(SessionKeyId(1))->key.secret == old.key.secret);
            QVERIFY(books.key(SessionKeyId(2))->key.secret == fresh.key.secret);
        }
        f.options.seal = Seal(Seal::Key{8});
        const auto other = openBooks(f.options, start);
        QVERIFY(!other && other.error() == store::StoreError::WrongKey);
        f.options.seal.reset();
        QVERIFY(!openBooks(f.options, start));
    }

    void countersAddUpOverRoutersAndTheirLives() {
        Folder f;
        {
            Books books = f.open();
            books.addKey(record(1));
            books.applyKey("r", 1, counters(1, 10, 1001), start);
            books.applyKey("r", 1, counters(1, 20, 2003), start);  // cumulative
            books.applyKey("r", 2, counters(1, 5, 507), start);    // a new life begins at zero
            books.applyKey("r2", 1, counters(1, 1, 11), start);    // another router
            books.applyKey("r", 1, counters(1, 20, 2003), start);  // repeated
            QCOMPARE(books.key(SessionKeyId(1))->usage.amount.eighths(), int64_t{2521});
            QVERIFY(books.commit().has_value());
        }
        Books books = f.open();
        QCOMPARE(books.key(SessionKeyId(1))->usage.amount.eighths(), int64_t{2521});
        QCOMPARE(books.key(SessionKeyId(1))->usage.packets, uint64_t{26});
        QCOMPARE(books.key(SessionKeyId(1))->usage.nextSequence, uint64_t{20});
        books.applyKey("r", 2, counters(1, 6, 600), start);
        QCOMPARE(books.key(SessionKeyId(1))->usage.amount.eighths(), int64_t{2614});
    }

    void linkAndIspCountersAddUpAsWell() {
        Folder f;
        EdgeReport report;
        report.links = {{IspId(25), ExitPoint(1), 3, 30, Money::fromEighths(7), Money::fromEighths(70)},
                        {IspId(25), ExitPoint(2), 1, 10, Money::fromEighths(1), Money::fromEighths(10)}};
        report.downstream = {{IspId(24), Money::fromEighths(50)}};
        report.upstream = {{IspId(26), Money::fromEighths(9)}};
        report.verdicts = {{"forwarded", 4}};
        {
            Books books = f.open();
            books.applyReport("r", 1, report, start);
            books.applyReport("r", 1, report, start);
            books.applyReport("r", 2, report, start);
            QVERIFY(books.commit().has_value());
        }
        const Books books = f.open();
        QCOMPARE(books.links().at(IspId(25)).own.eighths(), int64_t{16});
        QCOMPARE(books.links().at(IspId(25)).downstream.eighths(), int64_t{160});
        QCOMPARE(books.links().at(IspId(25)).packets, uint64_t{8});
        QCOMPARE(books.linkCount(IspId(25)), size_t{2});
        QCOMPARE(books.downstream().at(IspId(24)).eighths(), int64_t{100});
        QCOMPARE(books.upstream().at(IspId(26)).eighths(), int64_t{18});
        QCOMPARE(books.verdicts().at("forwarded"), uint64_t{8});
        QCOMPARE(books.alarmCount(), uint64_t{0});
    }

    void everyCounterThatGoesBackRaisesAnAlarm() {
        Folder f;
        Books books = f.open();
        books.addKey(record(1));
        EdgeReport report;
        report.keys = {counters(1, 10, 100)};
        report.links = {{IspId(25), ExitPoint(1), 3, 30, Money::fromEighths(7), Money::fromEighths(70)}};
        report.downstream = {{IspId(24), Money::fromEighths(50)}};
        books.applyReport("r", 1, report, start);
        EdgeReport less = report;
        less.keys = {counters(1, 11, 99)};
        less.links[0].own = Money::fromEighths(6);
        less.downstream[0].amount = Money::fromEighths(49);
        books.applyReport("r", 1, less, start);
        QCOMPARE(books.alarmCount(), uint64_t{3});
        QCOMPARE(books.key(SessionKeyId(1))->usage.amount.eighths(), int64_t{100});
        QCOMPARE(books.links().at(IspId(25)).own.eighths(), int64_t{7});
        QCOMPARE(books.downstream().at(IspId(24)).eighths(), int64_t{50});
    }

    void sumThatWouldOverflowStaysAndRaisesAnAlarm() {
        Folder f;
        Books books = f.open();
        books.add(SumKind::OwedTo, IspId(25), Money::max(), start);
        books.add(SumKind::OwedTo, IspId(25), Money::fromEighths(1), start);
        QCOMPARE(books.sum(SumKind::OwedTo, IspId(25)).total, Money::max());
        QCOMPARE(books.sum(SumKind::OwedTo, IspId(25)).count, uint64_t{1});
        QCOMPARE(books.alarms().back().kind, AlarmKind::Overflow);
    }

    void whatWasNotCommittedIsGoneAfterACrashAndTheRestIsThere() {
        Folder f;
        {
            Books books = f.open();
            books.enrol("B", Identity::fromSeed({1}).publicKey(), start);
            books.addKey(record(1));
            books.record(confirmation(1), Role::Made, start);
            books.queue({{}, IspId(25)}, true, confirmation(1));
            books.add(SumKind::MadeFor, IspId(25), dollars("0.0001"), start);
            books.alarm(AlarmKind::Refused, "s", "t", start);
            QVERIFY(books.commit().has_value());
            books.record(confirmation(2), Role::Made, start);
            books.queue({{}, IspId(25)}, true, confirmation(2));
            books.add(SumKind::MadeFor, IspId(25), dollars("0.0001"), start);
            books.setKeyState(SessionKeyId(1), KeyState::Final, start);
        }
        Books books = f.open();
        QVERIFY(books.customerOf(Identity::fromSeed({1}).publicKey()) == "B");
        QCOMPARE(books.key(SessionKeyId(1))->state, KeyState::Installing);
        QCOMPARE(books.sum(SumKind::MadeFor, IspId(25)).total, dollars("0.0001"));
        QCOMPARE(books.outbox().size(), size_t{1});
        QCOMPARE(books.outbox().begin()->second.confirmation, confirmation(1));
        QVERIFY(books.outbox().begin()->second.countersign);
        QCOMPARE(books.known(confirmation(1)), Books::Known::Same);
        QCOMPARE(books.known(confirmation(2)), Books::Known::No);
        QCOMPARE(books.alarms().size(), size_t{1});
        // Numbers go on where they were: nothing of the outbox is overwritten.
        books.queue({{}, IspId(25)}, true, confirmation(3));
        QVERIFY(books.commit().has_value());
        QCOMPARE(books.outbox().size(), size_t{2});
    }

    // The database refuses in the middle of a group, as on a full disk.
    void groupThatCannotBeWrittenLeavesNothingBehindAndTheNextOneWorks() {
        Folder f;
        Books books = f.open();
        books.addKey(record(1));
        books.add(SumKind::OwedTo, IspId(25), dollars("1"), start);
        QVERIFY(books.commit().has_value());
        books.add(SumKind::OwedTo, IspId(25), dollars("1"), start);
        books.addKey(record(2));
        books.addKey(record(1));  // the table's uniqueness refuses it
        books.enrol("B", Identity::fromSeed({1}).publicKey(), start);
        QVERIFY(!books.commit().has_value());
        QCOMPARE(books.sum(SumKind::OwedTo, IspId(25)).total, dollars("1"));
        QVERIFY(books.key(SessionKeyId(2)) == nullptr);
        QVERIFY(books.customers().empty());
        books.add(SumKind::OwedTo, IspId(25), dollars("2"), start);
        QVERIFY(books.commit().has_value());
        QCOMPARE(books.sum(SumKind::OwedTo, IspId(25)).total, dollars("3"));
    }

    void idsAreRememberedLongEnoughAndTheLogLonger() {
        Folder f;
        Books books = f.open();
        books.record(confirmation(1), Role::Forwarded, start);
        QVERIFY(books.commit().has_value());
        Confirmation changed = confirmation(1);
        changed.excerpt.fill(1);
        QCOMPARE(books.known(changed), Books::Known::Other);
        const SystemTime later = start + std::chrono::hours(2);
        (void)books.prune(later, start - std::chrono::hours(1), nobody);
        QVERIFY(books.commit().has_value());
        QCOMPARE(books.known(confirmation(1)), Books::Known::No);
        QVERIFY(books.logged(confirmation(1)));
        QVERIFY(!books.logged(changed));
        (void)books.prune(later, start + std::chrono::hours(1), nobody);
        QVERIFY(books.commit().has_value());
        QVERIFY(!books.logged(confirmation(1)));
    }
};

QTEST_APPLESS_MAIN(TestAccountingBooks)
#include "test_accounting_books.moc"
