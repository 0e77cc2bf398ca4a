// Audit files: what holds, what is found out, and what evidence proves.
#include <QtTest>

#include "core/audit/verify.h"
#include "tests/core/accounting_fixture.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;
using namespace netpas::audit;

namespace {

const SystemTime noon{std::chrono::hours(24 * 365 * 50)};
const IspId x{24}, y{25}, z{26};
const Money thousandth = *Money::parse("0.001");

Identity identityOf(IspId isp) { return Identity::fromSeed({static_cast<uint8_t>(isp.value())}); }
PublicKey keyOf(IspId isp) { return identityOf(isp).publicKey(); }

// X confirms Y's service to packets on the way Z, Y, X.
Confirmation confirmed(uint64_t number) {
    Confirmation one;
    one.id = idOf(number);
    one.time = noon;
    one.confirming = x;
    one.beneficiary = y;
    one.amount = thousandth;
    one.header = headerOf({{26, 1}, {25, 2}, {24, 3}});
    signAsConfirming(one, identityOf(x));
    signAsBeneficiary(one, identityOf(y));
    return one;
}

payments::Payment paymentOf(uint8_t number) {
    payments::Payment payment;
    payment.id = {number};
    payment.payee = Identity::fromSeed({1, 2}).nodeId();
    payment.amount = *Money::fromNanodollars(100'000);
    payment.time = noon;
    payment.expires = noon + std::chrono::seconds(3);
    return payment;
}

payments::SignedOrder orderOf(const payments::Payment& payment, const Identity& payer) {
    payments::SignedOrder order;
    order.order.payment = payment;
    order.order.payer = payer.nodeId();
    order.order.fees = {{y, *Money::fromNanodollars(500)}, {x, *Money::fromNanodollars(2000)}};
    order.signature = payer.sign(payments::orderMessage(order.order));
    return order;
}

Bytes bytesOf(const payments::SignedOrder& order) {
    Writer w;
    payments::encode(w, order);
    return w.take();
}

// B's payment to A as Y has it in its books, Y being the first ISP.
PaymentRecord bookedPayment(uint8_t number) {
    PaymentRecord record;
    record.payment = paymentOf(number);
    record.from = {"B", {}};
    record.to = {{}, x};
    record.owed = *Money::fromNanodollars(102'500);
    record.passed = *Money::fromNanodollars(102'000);
    record.rest = 2;
    record.state = PaymentState::Confirmed;
    record.received = record.changed = noon;
    record.confirmation = payments::confirm(record.payment, Identity::fromSeed({1, 2}), noon);
    record.order = bytesOf(orderOf(record.payment, Identity::fromSeed({7})));
    return record;
}

Head headOfY() { return {y, "Y", keyOf(y), noon, noon - std::chrono::hours(24), noon}; }

Bill billOfY() {
    Bill bill;
    bill.issuer = y;
    bill.neighbour = z;
    bill.cycle = 12;
    bill.from = noon - std::chrono::hours(48);
    bill.to = noon - std::chrono::hours(24);
    bill.closed = noon;
    bill.line(BillItem::Confirmations).theirs = {*Money::parse("0.002"), 2};
    bill.line(BillItem::Confirmations).ours = {Money::zero(), 0};
    sign(bill, identityOf(y));
    return bill;
}

// Y has countersigned two confirmations that went on to Z, one of them without an answer yet, and knows of three earlier.
std::vector<Record> goodBooks() {
    const Money three = *Money::parse("0.003");
    std::vector<Record> records{
        KnownKey{{{}, x}, keyOf(x)},
        KnownKey{{{}, z}, keyOf(z)},
        KnownKey{{"B", {}}, Identity::fromSeed({7}).publicKey()},
        LoggedConfirmation{Role::Countersigned, Party{{}, z}, false, confirmed(1)},
        LoggedConfirmation{Role::Countersigned, Party{{}, z}, true, confirmed(2)},
        SumEntry{SumKind::ConfirmedOwn, x, {*Money::parse("0.005"), 5}, {three, 3}},
        SumEntry{SumKind::OwedBy, z, {*Money::parse("0.004"), 4}, {three, 3}},
        LoggedPayment{encodeRecord(bookedPayment(1))},
        PaymentSumEntry{PaymentSum::OwedBy, {"B", {}}, {*Money::fromNanodollars(102'500), 1}, {}},
        PaymentSumEntry{PaymentSum::OwedTo, {{}, x}, {*Money::fromNanodollars(102'000), 1}, {}},
        billOfY(),
        AlarmEntry{noon, "refused", "ISP 24", "it refused"},
        Block{{{}, IspId(66)}, noon, "by hand"},
    };
    CounterStatement counters{y,          Subject::Own, x, *Money::parse("0.0055"), *Money::parse("0.005"),
                              thousandth, noon,         {}};
    sign(counters, identityOf(y));
    records.push_back(counters);
    return records;
}

Bytes fileOf(const std::vector<Record>& records) { return writeFile(headOfY(), records, identityOf(y)); }

TrustedKeys trusted() { return {{{y, keyOf(y)}}}; }

const Finding* finding(const Report& report, const std::string& check) {
    for (const Finding& one : report.findings) {
        if (one.check == check) return &one;
    }
    return nullptr;
}

Outcome outcomeOf(const Report& report, const std::string& check) {
    const Finding* one = finding(report, check);
    if (one == nullptr) qFatal("there is no finding about %s", check.c_str());
    return one->outcome;
}

// The one record of that type in the good books, for a test to change.
template <typename T>
T& in(std::vector<Record>& records, size_t which = 0) {
    for (Record& record : records) {
        if (T* one = std::get_if<T>(&record); one != nullptr && which-- == 0) return *one;
    }
    qFatal("no such record");
}

EvidenceFinding judged(Claim claim, std::vector<Exhibit> exhibits, const std::string& accused = "isp 24") {
    const Evidence evidence{claim, accused, "t", noon, std::move(exhibits)};
    // Through a file, as a third party gets it.
    const Bytes file = writeFile(headOfY(), {KnownKey{{{}, x}, keyOf(x)}, evidence}, identityOf(y));
    const Report report = verify(file, trusted());
    if (!report.read || report.evidence.size() != 1) qFatal("the file with evidence cannot be read");
    return report.evidence.front();
}

}  // namespace

class TestAudit : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void honestBooksHold() {
        const Report report = verify(fileOf(goodBooks()), trusted());
        for (const Finding& one : report.findings) {
            if (one.outcome != Outcome::Holds) qInfo("%s: %s", one.check.c_str(), one.text.c_str());
        }
        QVERIFY(report.good());
        QCOMPARE(outcomeOf(report, "seal"), Outcome::Holds);
        QCOMPARE(outcomeOf(report, "confirmation-signatures"), Outcome::Holds);
        QCOMPARE(outcomeOf(report, "sums"), Outcome::Holds);
        QCOMPARE(report.counts.at("confirmations"), uint64_t{2});
        QCOMPARE(report.counts.at("payments"), uint64_t{1});
    }

    void theBooksOfAnotherIspAreNotThoseThatWereAskedFor() {
        const auto outcome = [](const Report& report) {
            for (const Finding& one : report.findings) {
                if (one.check == "exporter") return one.outcome;
            }
            return Outcome::Unchecked;
        };
        TrustedKeys asked = trusted();
        asked.exporter = y;
        const Report right = verify(fileOf(goodBooks()), asked);
        QVERIFY(right.good() && outcome(right) == Outcome::Holds);
        asked.exporter = z;
        asked.isps.emplace(z, keyOf(z));
        const Report wrong = verify(fileOf(goodBooks()), asked);
        QVERIFY(!wrong.good() && outcome(wrong) == Outcome::Fails);
        // Anybody can write a file that says whose it is.
        const Report unknown = verify(fileOf(goodBooks()), TrustedKeys{{}, y});
        QVERIFY(!unknown.good() && outcome(unknown) == Outcome::Fails);
    }

    void withoutTheExportersKeyTheSealIsOnlyAClaim() {
        const Report report = verify(fileOf(goodBooks()), {});
        QCOMPARE(outcomeOf(report, "seal"), Outcome::Unchecked);
        QVERIFY(report.good());
        const Report other = verify(fileOf(goodBooks()), {{{y, keyOf(z)}}});
        QCOMPARE(outcomeOf(other, "keys"), Outcome::Fails);
        QVERIFY(!other.good());
    }

    void everyRecordSurvivesItsEncoding() {
        std::vector<Record> records = goodBooks();
        UsageStatement usage;
        usage.key = SessionKeyId(5);
        usage.amount = thousandth;
        records.push_back(UsageEntry{NodeId(), usage});
        PaymentStatementEntry statement;
        statement.statement.state = PaymentState::Expired;
        records.push_back(Evidence{Claim::Observed,
                                   "isp 24",
                                   "t",
                                   noon,
                                   {Note{"n"}, confirmed(1), Payment{paymentOf(1)}, RawMessage{{1, 2}},
                                    orderOf(paymentOf(1), Identity::fromSeed({7})), statement, billOfY()}});
        for (const Record& record : records) {
            const Encoded encoded = encode(record);
            const auto decoded = decode(encoded.type, encoded.body);
            QVERIFY2(decoded.has_value(), std::to_string(encoded.type).c_str());
            QCOMPARE(decoded->index(), record.index());
            QVERIFY(encode(*decoded).body == encoded.body);
        }
    }

    void noBitOfAFileCanBeChanged() {
        const Bytes file = fileOf(goodBooks());
        for (size_t bit = 0; bit < file.size() * 8; bit += 7) {
            Bytes changed = file;
            changed[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
            QVERIFY2(!verify(changed, trusted()).good(), std::to_string(bit).c_str());
        }
    }

    void noRecordCanBeLeftOutOrAddedAndNothingCutOff() {
        const Bytes file = fileOf(goodBooks());
        std::vector<std::pair<size_t, size_t>> frames;  // begin, size
        for (size_t at = 8; at < file.size();) {
            const size_t size = 5 + load32(file.data() + at);
            frames.emplace_back(at, size);
            at += size;
        }
        for (const auto& [begin, size] : frames) {
            Bytes without = file;
            without.erase(without.begin() + static_cast<long>(begin),
                          without.begin() + static_cast<long>(begin + size));
            QVERIFY(!verify(without, trusted()).read);
            Bytes twice = file;
            twice.insert(twice.begin() + static_cast<long>(begin), file.begin() + static_cast<long>(begin),
                         file.begin() + static_cast<long>(begin + size));
            QVERIFY(!verify(twice, trusted()).read);
            Bytes cut(file.begin(), file.begin() + static_cast<long>(begin));
            QVERIFY(!verify(cut, trusted()).read);
        }
        Bytes longer = file;
        longer.push_back(0);
        QVERIFY(!verify(longer, trusted()).read);
    }

    void anotherCannotSealForTheExporter() {
        const Bytes file = writeFile(headOfY(), goodBooks(), identityOf(z));
        const Report report = verify(file, trusted());
        QVERIFY(!report.read);
        QCOMPARE(outcomeOf(report, "seal"), Outcome::Fails);
    }

    void whatTheExporterItselfFalsifiesIsFound_data() {
        using Change = std::function<void(std::vector<Record>&)>;
        QTest::addColumn<QString>("check");
        QTest::addColumn<Change>("change");
        const auto row = [](const char* name, const char* check, Change change) {
            QTest::newRow(name) << QString(check) << change;
        };
        row("sum too large", "sums", [](auto& r) { in<SumEntry>(r).all.total = *Money::parse("0.006"); });
        row("sum's count", "sums", [](auto& r) { in<SumEntry>(r, 1).all.count = 5; });
        row("confirmation left out", "sums", [](auto& r) { r.erase(r.begin() + 3); });
        row("confirmation twice", "duplicates", [](auto& r) { r.push_back(r[3]); });
        row("amount changed", "confirmation-signatures",
            [](auto& r) { in<LoggedConfirmation>(r).confirmation.amount = *Money::parse("0.01"); });
        row("signed by another", "confirmation-signatures", [](auto& r) {
            signAsConfirming(in<LoggedConfirmation>(r).confirmation, identityOf(z));
            signAsBeneficiary(in<LoggedConfirmation>(r).confirmation, identityOf(y));
        });
        row("passed on to a stranger", "paths", [](auto& r) {
            in<LoggedConfirmation>(r).upstream = Party{{}, IspId(66)};
        });
        row("wrong role", "paths", [](auto& r) { in<LoggedConfirmation>(r).role = Role::Forwarded; });
        row("payment twice", "duplicates", [](auto& r) { r.push_back(r[7]); });
        row("payment without the payee's signature", "payment-confirmations", [](auto& r) {
            PaymentRecord record = bookedPayment(1);
            record.confirmation->signature.bytes[0] ^= 1;
            in<LoggedPayment>(r).record = encodeRecord(record);
        });
        row("payment taken back without cause", "payment-confirmations", [](auto& r) {
            PaymentRecord record = bookedPayment(1);
            record.state = PaymentState::Cancelled;
            in<LoggedPayment>(r).record = encodeRecord(record);
        });
        row("payer owes more than it ordered", "order-signatures", [](auto& r) {
            PaymentRecord record = bookedPayment(1);
            record.owed = *Money::fromNanodollars(202'500);
            in<LoggedPayment>(r).record = encodeRecord(record);
        });
        row("payer has not signed", "order-signatures", [](auto& r) {
            PaymentRecord record = bookedPayment(1);
            record.order = bytesOf(orderOf(record.payment, Identity::fromSeed({8})));
            in<LoggedPayment>(r).record = encodeRecord(record);
        });
        row("payments' sum", "sums", [](auto& r) { in<PaymentSumEntry>(r).all.total = thousandth; });
        row("bill changed", "bills", [](auto& r) { in<Bill>(r).line(BillItem::Confirmations).theirs.count = 3; });
        row("bill above the books", "sums", [](auto& r) {
            in<Bill>(r).line(BillItem::Confirmations).theirs.total = *Money::parse("1");
            sign(in<Bill>(r), identityOf(y));
        });
        row("neighbour's bill differs", "bills", [](auto& r) {
            Bill other;
            other.issuer = z;
            other.neighbour = y;
            other.cycle = 12;
            other.to = noon;
            sign(other, identityOf(z));
            r.push_back(other);
        });
        row("counters beyond chance", "counters", [](auto& r) {
            in<CounterStatement>(r).counted = *Money::parse("0.007");
            sign(in<CounterStatement>(r), identityOf(y));
        });
        row("counters not signed", "counters", [](auto& r) { in<CounterStatement>(r).signature = {}; });
    }

    void whatTheExporterItselfFalsifiesIsFound() {
        QFETCH(QString, check);
        QFETCH(std::function<void(std::vector<Record>&)>, change);
        std::vector<Record> records = goodBooks();
        change(records);
        const Report report = verify(fileOf(records), trusted());
        QVERIFY(report.read);
        QCOMPARE(outcomeOf(report, check.toStdString()), Outcome::Fails);
        QVERIFY(!report.good());
    }

    void conflictingConfirmationsProveTheirSigner() {
        Confirmation other = confirmed(1);
        other.amount = *Money::parse("0.01");
        signAsConfirming(other, identityOf(x));
        QCOMPARE(judged(Claim::ConflictingConfirmations, {confirmed(1), other}).outcome, Outcome::Holds);
        QCOMPARE(judged(Claim::ConflictingConfirmations, {confirmed(1), confirmed(1)}).outcome, Outcome::Fails);
        QCOMPARE(judged(Claim::ConflictingConfirmations, {confirmed(1), confirmed(2)}).outcome, Outcome::Fails);
        // Made up by the exporter, who has no key of X.
        signAsConfirming(other, identityOf(y));
        QCOMPARE(judged(Claim::ConflictingConfirmations, {confirmed(1), other}).outcome, Outcome::Fails);
    }

    void forgedConfirmationsAndImpossiblePathsAreShown() {
        Confirmation forged = confirmed(1);
        forged.confirmingSignature.bytes[3] ^= 1;
        QCOMPARE(judged(Claim::ForgedConfirmation, {forged}).outcome, Outcome::Holds);
        QCOMPARE(judged(Claim::ForgedConfirmation, {confirmed(1)}).outcome, Outcome::Fails);
        Confirmation skipping = confirmed(1);
        skipping.beneficiary = z;
        signAsConfirming(skipping, identityOf(x));
        QCOMPARE(judged(Claim::ImpossiblePath, {skipping}).outcome, Outcome::Holds);
        QCOMPARE(judged(Claim::ImpossiblePath, {confirmed(1)}).outcome, Outcome::Fails);
        QCOMPARE(judged(Claim::Replayed, {confirmed(1), confirmed(1)}).outcome, Outcome::Unchecked);
        QCOMPARE(judged(Claim::Replayed, {confirmed(1), confirmed(2)}).outcome, Outcome::Fails);
    }

    void evidenceAboutMicropayments() {
        const Identity payer = Identity::fromSeed({7});
        const KnownKey payers{{"B", {}}, payer.publicKey()};
        const payments::Payment payment = paymentOf(1);
        const auto good = payments::confirm(payment, Identity::fromSeed({1, 2}), noon);
        auto bad = good;
        bad.signature.bytes[0] ^= 1;
        QCOMPARE(judged(Claim::PaymentConfirmed, {Payment{payment}, good}).outcome, Outcome::Holds);
        QCOMPARE(judged(Claim::PaymentConfirmed, {Payment{payment}, bad}).outcome, Outcome::Fails);
        QCOMPARE(judged(Claim::ForgedPaymentConfirmation, {Payment{payment}, bad}).outcome, Outcome::Holds);
        QCOMPARE(judged(Claim::ForgedPaymentConfirmation, {Payment{payment}, good}).outcome, Outcome::Fails);

        const auto order = orderOf(payment, payer);
        QCOMPARE(judged(Claim::PaymentOrdered, {order, payers}).outcome, Outcome::Holds);
        QCOMPARE(judged(Claim::PaymentOrdered, {order}).outcome, Outcome::Unchecked);
        QCOMPARE(judged(Claim::ForgedOrder, {order, payers}).outcome, Outcome::Fails);
        auto forged = order;
        forged.signature.bytes[0] ^= 1;
        QCOMPARE(judged(Claim::ForgedOrder, {forged, payers}).outcome, Outcome::Holds);

        payments::Payment smaller = payment;
        smaller.amount = *Money::fromNanodollars(50'000);
        const auto forSmaller = payments::confirm(smaller, Identity::fromSeed({1, 2}), noon);
        QCOMPARE(judged(Claim::AlteredPayment, {order, payers, Payment{smaller}, forSmaller}).outcome, Outcome::Holds);
        QCOMPARE(judged(Claim::AlteredPayment, {order, payers, Payment{smaller}}).outcome, Outcome::Unchecked);
        QCOMPARE(judged(Claim::AlteredPayment, {order, payers, Payment{payment}, good}).outcome, Outcome::Fails);
        QCOMPARE(judged(Claim::AlteredPayment, {order, payers, Payment{smaller}, good}).outcome, Outcome::Fails);
    }

    void statementsThatCannotBothBeTrueProveTheirSigner() {
        const Identity payer = Identity::fromSeed({7});
        const KnownKey payers{{"B", {}}, payer.publicKey()};
        const auto statement = [&](int64_t charged, const Identity& isp) {
            PaymentStatementEntry entry{payer.nodeId(), {}};
            entry.statement.id = paymentOf(1).id;
            entry.statement.state = PaymentState::Confirmed;
            entry.statement.charged = *Money::fromNanodollars(charged);
            entry.statement.final = true;
            entry.statement.signature = isp.sign(paymentStatementMessage(entry.statement, entry.payer));
            return entry;
        };
        const auto honest = statement(102'500, identityOf(x));
        const auto more = statement(202'500, identityOf(x));
        QCOMPARE(judged(Claim::ConflictingPaymentStatements, {honest, more}).outcome, Outcome::Holds);
        QCOMPARE(judged(Claim::ConflictingPaymentStatements, {honest, honest}).outcome, Outcome::Fails);
        QCOMPARE(judged(Claim::ConflictingPaymentStatements, {honest, statement(1, identityOf(y))}).outcome,
                 Outcome::Fails);
        const auto order = orderOf(paymentOf(1), payer);
        QCOMPARE(judged(Claim::Overcharged, {order, more, payers}).outcome, Outcome::Holds);
        QCOMPARE(judged(Claim::Overcharged, {order, honest, payers}).outcome, Outcome::Fails);

        const auto usage = [](int64_t amount) {
            UsageEntry entry{Identity::fromSeed({7}).nodeId(), {}};
            entry.statement.key = SessionKeyId(3);
            entry.statement.amount = *Money::fromNanodollars(amount);
            entry.statement.final = true;
            entry.statement.signature = identityOf(x).sign(usageStatementMessage(entry.statement, entry.customer));
            return entry;
        };
        QCOMPARE(judged(Claim::ConflictingUsageStatements, {usage(1), usage(2)}).outcome, Outcome::Holds);
        QCOMPARE(judged(Claim::ConflictingUsageStatements, {usage(1), usage(1)}).outcome, Outcome::Fails);

        Bill other = billOfY();
        other.fees = thousandth;
        sign(other, identityOf(y));
        QCOMPARE(judged(Claim::ConflictingBills, {billOfY(), other}, "isp 25").outcome, Outcome::Holds);
        QCOMPARE(judged(Claim::ConflictingBills, {billOfY(), billOfY()}, "isp 25").outcome, Outcome::Fails);
    }

    void countersBeyondChanceAreEvidenceAgainstWhoeverConfirmed() {
        CounterStatement counters{x, Subject::Via, y, thousandth, *Money::parse("0.01"), thousandth, noon, {}};
        QCOMPARE(judged(Claim::CountersDisagree, {counters}).outcome, Outcome::Fails);  // not signed
        sign(counters, identityOf(x));
        QCOMPARE(judged(Claim::CountersDisagree, {counters}).outcome, Outcome::Holds);
        counters.confirmed = *Money::parse("0.0015");
        sign(counters, identityOf(x));
        QCOMPARE(judged(Claim::CountersDisagree, {counters}).outcome, Outcome::Fails);
    }

    void billsOfBothEndsAreComparedLineByLine() {
        const Bill mine = billOfY();
        Bill theirs;
        theirs.issuer = z;
        theirs.neighbour = y;
        theirs.cycle = 12;
        theirs.line(BillItem::Confirmations).ours = {*Money::parse("0.002"), 2};
        QVERIFY(compare(mine, theirs)->empty());
        QCOMPARE(netted(mine)->net, *Money::parse("0.002"));
        QCOMPARE(netted(theirs)->net, *Money::parse("-0.002"));
        // A payment that they did not take any more is in one book, and written off there.
        Bill late = mine;
        late.line(BillItem::Payments).theirs = {thousandth, 1};
        late.line(BillItem::Late).theirs = {thousandth, 1};
        QVERIFY(compare(late, theirs)->empty());
        QCOMPARE(netted(late)->net, *Money::parse("0.002"));
        theirs.line(BillItem::Confirmations).ours.total = thousandth;
        QCOMPARE(compare(mine, theirs)->size(), size_t{1});
        QVERIFY(compare(mine, theirs)->front().owedToIssuer);
        theirs.cycle = 13;
        QVERIFY(!compare(mine, theirs).has_value());
    }
};

QTEST_APPLESS_MAIN(TestAudit)
#include "test_audit.moc"
