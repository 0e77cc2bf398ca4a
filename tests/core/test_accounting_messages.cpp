#include <set>

#include <QtTest>

#include "core/accounting/statement_text.h"
#include "tests/core/accounting_fixture.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;

namespace {

SessionKey sessionKey() {
    SessionKey key;
    key.id = SessionKeyId(0x01020304);
    for (size_t i = 0; i < key.secret.size(); ++i) key.secret[i] = static_cast<uint8_t>(i);
    key.cap = dollars("0.05");
    key.capPerSecond = dollars("0.001");
    key.allowed = {IspId(26), IspId(25)};
    key.expires = SystemTime(std::chrono::seconds(1'800'000'000));
    return key;
}

Confirmation confirmation() {
    Confirmation c;
    c.id = idOf(5);
    c.time = SystemTime(std::chrono::seconds(1'800'000'000));
    c.confirming = IspId(24);
    c.beneficiary = IspId(25);
    c.amount = dollars("0.0001");
    c.header = headerOf({{26, 2}, {25, 10}, {24, 3}});
    c.excerpt.fill(3);
    c.confirmingSignature.bytes.fill(4);
    c.beneficiarySignature.bytes.fill(5);
    return c;
}

Signature signature() {
    Signature s;
    s.bytes.fill(9);
    return s;
}

payments::SignedOrder order() {
    const Identity payer = Identity::fromSeed({2});
    payments::SignedOrder made;
    payments::Payment& payment = made.order.payment;
    payment.id = idOf(6);
    payment.payee = Identity::fromSeed({3}).nodeId();
    payment.amount = dollars("0.0001");
    payment.time = SystemTime(std::chrono::seconds(1'800'000'000));
    payment.expires = payment.time + std::chrono::seconds(3);
    made.order.payer = payer.nodeId();
    made.order.fees = {{IspId(25), dollars("0.0000005")}, {IspId(24), dollars("0.000002")}};
    made.signature = payer.sign(payments::orderMessage(made.order));
    return made;
}

// One of three that share their signatures.
ConfirmationBatch batch() {
    ConfirmationBatch batch;
    batch.sequence = 9;
    batch.roots = {{IspId(24), 3, signature(), {{}, {}}}, {IspId(25), 1, {}, {}}};
    batch.entries = {{confirmation(), 0, 1, 1, 0}};
    return batch;
}

std::vector<Message> oneOfEach() {
    const SystemTime time(std::chrono::seconds(1'800'000'000));
    EdgeReport report;
    report.sequence = 7;
    report.time = time;
    report.keys = {{SessionKeyId(1), 2, 3, dollars("4"), 5}};
    report.links = {{IspId(25), ExitPoint(1), 2, 3, dollars("4"), dollars("5")}};
    report.downstream = {{IspId(24), dollars("6")}};
    report.upstream = {{IspId(26), dollars("7")}};
    report.verdicts = {{"forwarded", 8}};
    EdgeSample sample = sampleOf(1, 25, headerOf({{25, 10}, {24, 3}}), dollars("0.0001"));
    Invoice invoice;
    invoice.request = 3;
    invoice.customer = Identity::fromSeed({1}).nodeId();
    invoice.time = time;
    invoice.packets = 9;
    invoice.total = dollars("1");
    invoice.lines = {{SessionKeyId(1), 9, dollars("1"), true}};
    invoice.signature = signature();
    return {
        Join{1},
        Joined{1, IspId(26), "Z", "B"},
        RegisterKey{2, sessionKey(), signature()},
        KeyReady{2, SessionKeyId(1)},
        RevokeKey{3, SessionKeyId(1)},
        UsageQuery{4, SessionKeyId(1)},
        UsageStatement{4, SessionKeyId(1), 5, 6, dollars("7"), true, time, signature()},
        InvoiceQuery{5},
        invoice,
        Refused{6, Refusal::OtherKeyEnrolled, "do this"},
        EdgeHello{"z1", 77, {"B", "C"}},
        EdgeWelcome{IspId(26)},
        InstallKey{sessionKey(), "B", 12},
        KeyInstalled{SessionKeyId(1)},
        RemoveKey{SessionKeyId(1)},
        KeyRemoved{{SessionKeyId(1), 2, 3, dollars("4"), 5}},
        report,
        EdgeReportAck{7},
        sample,
        SetBlacklist{{IspId(66)}},
        ConfirmationToCountersign{confirmation()},
        ForwardedConfirmation{confirmation()},
        Ack{{{idOf(1), AckResult::Accepted}, {idOf(2), AckResult::Expired}}},
        SendPayment{order()},
        PaymentQuery{8, idOf(6)},
        PaymentStatement{8, idOf(6), PaymentState::Confirmed, dollars("0.0001025"), true, time, signature()},
        RouteQuery{9, IspId(24), dollars("0.0001")},
        RouteFound{9, order().order.fees},
        SetReceiving{10, true},
        ReceivingSet{10, PaymentRefusal::MayNotReceive},
        ForwardPayment{1, order().order.payment, {{IspId(24), dollars("0.000002")}}},
        PaymentRefused{idOf(6), IspId(24), PaymentRefusal::CreditLimit, dollars("0.00005"), "pay less"},
        PaymentConfirmed{payments::confirm(order().order.payment, Identity::fromSeed({3}), time)},
        PaymentAck{{{idOf(6), false, PaymentResult::Done}, {idOf(7), true, PaymentResult::TooLate}}},
        CancelPayment{idOf(6), Identity::fromSeed({3}).publicKey()},
        AnnounceRoutes{{{{{IspId(25), {dollars("0.0000005"), 10}}, {IspId(24), {dollars("0.000002"), 0}}}}}},
        SiblingPlaces{{{IspId(24), {ExitPoint(1), ExitPoint(2)}}, {IspId(26), {}}}},
        SiblingCustomers{true, {Identity::fromSeed({3}).nodeId()}, {Identity::fromSeed({4}).nodeId()}},
        BatchAbility{{{IspId(25), 0}, {IspId(26), 1}}},
        batch(),
        BatchAck{9, {{3, AckResult::Duplicate}, {7, AckResult::Expired}}},
        Complaint{3,
                  IspId(25),
                  IspId(24),
                  Subject::Via,
                  IspId(24),
                  true,
                  dollars("1"),
                  dollars("2"),
                  dollars("0.5"),
                  {IspId(25), IspId(24)},
                  time,
                  signature()},
        ComplaintAnswer{3, IspId(24), IspId(25), ComplaintReply::Rectified, dollars("1"), dollars("2"), dollars("0.5"),
                        time, signature()},
        CountPaths{{{4, {IspId(26), IspId(25)}}}},
        PathCounts{{{4, 99, {dollars("1"), dollars("2")}}}},
        PayeeComplaint{idOf(6), Identity::fromSeed({3}).nodeId(), IspId(26), time, "nobody ordered that", signature()},
        DelegatedConfirmation{confirmation()},
        TakePart{7,
                 {*IpAddress::parse("192.0.2.9"), 46721},
                 {*IpAddress::parse("192.0.2.9"), *IpAddress::parse("2001:db8::9")}},
        PartTaken{7, true, IspId(24), Money::fromEighths(800), true},
        SetDeliveries{{{ExitPoint(9), {*IpAddress::parse("2001:db8::9"), 46721}, {*IpAddress::parse("192.0.2.9")}}}},
        PayeeComplaintAck{idOf(6), true}};
}

}  // namespace

class TestAccountingMessages : public QObject {
    Q_OBJECT

private slots:
    void everyMessageDecodesToWhatWasEncoded() {
        const auto messages = oneOfEach();
        QCOMPARE(messages.size(), std::variant_size_v<Message>);
        std::set<uint8_t> types;
        for (size_t i = 0; i < messages.size(); ++i) {
            const Bytes bytes = encode(messages[i]);
            QVERIFY(types.insert(bytes.front()).second);
            const auto decoded = decode(bytes);
            QVERIFY2(decoded.has_value(), std::to_string(i).c_str());
            QCOMPARE(decoded->index(), messages[i].index());
            QVERIFY(encode(*decoded) == bytes);
        }
    }

    void everyTruncationAndEveryExtraByteIsRefused() {
        for (const Message& message : oneOfEach()) {
            Bytes bytes = encode(message);
            for (size_t size = 0; size < bytes.size(); ++size) {
                QVERIFY(!decode(ByteView(bytes.data(), size)).has_value());
            }
            bytes.push_back(0);
            QCOMPARE(decode(bytes).error(), DecodeError::Malformed);
        }
    }

    void aKeptStatementSaysWhatWasSigned() {
        const NodeId customer = Identity::fromSeed({3}).nodeId();
        const UsageStatement said{0, SessionKeyId(7), 5, 6, dollars("0.25"), true, SystemTime(std::chrono::seconds(9)),
                                  {}};
        const Bytes text = usageStatementMessage(said, customer);
        const auto kept = readUsageStatement(text);
        QVERIFY(kept);
        QCOMPARE(kept->customer, customer);
        QCOMPARE(usageStatementMessage(kept->statement, kept->customer), text);
        for (size_t length = 0; length < text.size(); ++length) {
            QVERIFY(!readUsageStatement(ByteView(text).first(length)));
        }
        Bytes longer = text;
        longer.push_back(0);
        QVERIFY(!readUsageStatement(longer));
        QVERIFY(!readUsageStatement(invoiceMessage(Invoice{})));
    }

    void registerKeyHasTheDocumentedBytes() {
        SessionKey key;
        key.id = SessionKeyId(0x0a0b0c0d);
        key.secret.fill(0x11);
        key.cap = Money::fromEighths(0x0102);
        key.capPerSecond = Money::fromEighths(3);
        key.allowed = {IspId(0x1415)};
        key.expires = SystemTime(std::chrono::microseconds(0x16));
        Signature signed64;
        signed64.bytes.fill(0x22);
        Bytes expected = {3,                                   // type RegisterKey
                          0,    0,    0,    9,                 // request
                          0x0a, 0x0b, 0x0c, 0x0d};             // key id
        expected.insert(expected.end(), 16, 0x11);             // secret
        const Bytes rest = {0, 0, 0,    0,    0, 0, 1, 2,      // cap in eighths of a nanodollar
                            0, 0, 0,    0,    0, 0, 0, 3,      // cap per second
                            0, 1, 0x14, 0x15,                  // one allowed ISP
                            0, 0, 0,    0,    0, 0, 0, 0x16};  // expiry in microseconds
        expected.insert(expected.end(), rest.begin(), rest.end());
        expected.insert(expected.end(), 64, 0x22);  // signature
        QVERIFY(encode(RegisterKey{9, key, signed64}) == expected);
    }

    void negativeAmountsAndOverlongListsAreRefused() {
        Bytes usage = encode(UsageStatement{1, SessionKeyId(1), 5, 6, dollars("7"), true, {}, {}});
        usage[1 + 4 + 4 + 8 + 8] |= 0x80;  // the amount's sign
        QCOMPARE(decode(usage).error(), DecodeError::Malformed);
        Bytes flag = encode(UsageStatement{1, SessionKeyId(1), 5, 6, dollars("7"), true, {}, {}});
        flag[1 + 4 + 4 + 8 + 8 + 8] = 2;
        QCOMPARE(decode(flag).error(), DecodeError::Malformed);
        Bytes blacklist = {25, 0x10, 0x01};  // 4097 entries announced
        blacklist.resize(3 + 2 * 4097);
        QCOMPARE(decode(blacklist).error(), DecodeError::Malformed);
        QCOMPARE(decode(Bytes{200}).error(), DecodeError::UnknownType);
        QCOMPARE(decode(Bytes{}).error(), DecodeError::Empty);
    }

    void largestReportFitsOneMessage() {
        EdgeReport report;
        report.keys.resize(maxReportKeys);
        report.links.resize(maxReportLinks);
        report.downstream.resize(maxReportIsps);
        report.upstream.resize(maxReportIsps);
        report.verdicts.assign(maxReportVerdicts, {std::string(maxNameSize, 'v'), 1});
        QVERIFY(encode(report).size() <= maxMessageSize);
        Invoice invoice;
        invoice.lines.resize(maxInvoiceLines);
        QVERIFY(encode(invoice).size() <= maxMessageSize);
        SetBlacklist blacklist;
        blacklist.isps.resize(maxBlacklist);
        QVERIFY(encode(blacklist).size() <= maxMessageSize);
        EdgeHello hello;
        hello.customers.assign(maxCustomers, std::string(maxNameSize, 'c'));
        QVERIFY(encode(hello).size() <= maxMessageSize);
        Ack ack;
        ack.entries.resize(maxAcks);
        QVERIFY(encode(ack).size() <= maxMessageSize);
    }

    void signaturesCoverEveryFieldAndTheirPurpose() {
        const Identity isp = Identity::generate();
        Confirmation c = confirmation();
        signAsConfirming(c, isp);
        signAsBeneficiary(c, isp);
        QVERIFY(verifyConfirming(c, isp.publicKey()));
        QVERIFY(verifyBeneficiary(c, isp.publicKey()));
        // Neither can stand for the other.
        Confirmation swapped = c;
        std::swap(swapped.confirmingSignature, swapped.beneficiarySignature);
        QVERIFY(!verifyConfirming(swapped, isp.publicKey()));
        QVERIFY(!verifyBeneficiary(swapped, isp.publicKey()));
        Writer writer;
        encode(writer, c);
        const Bytes bytes = writer.data();
        const size_t signedSize = bytes.size() - 128;
        for (size_t i = 0; i < signedSize; ++i) {
            Bytes changed = bytes;
            changed[i] ^= 1;
            Reader reader(changed);
            const Confirmation other = decodeConfirmation(reader);
            if (!reader.finished()) continue;
            QVERIFY2(!verifyConfirming(other, isp.publicKey()), std::to_string(i).c_str());
        }
    }

    void pathOfAConfirmationMustFollowTheHeader() {
        Confirmation c = confirmation();
        QVERIFY(pathOf(c).has_value());
        QVERIFY(!pathOf(c)->selfConfirmed);
        c.confirming = IspId(25);
        QVERIFY(!pathOf(c).has_value());  // only the last ISP confirms itself
        c.confirming = c.beneficiary = IspId(24);
        QVERIFY(pathOf(c).has_value() && pathOf(c)->selfConfirmed);
        c.confirming = IspId(24);
        c.beneficiary = IspId(26);
        QVERIFY(!pathOf(c).has_value());  // not neighbours on this path
        c.beneficiary = IspId(99);
        QVERIFY(!pathOf(c).has_value());
    }
};

QTEST_APPLESS_MAIN(TestAccountingMessages)
#include "test_accounting_messages.moc"
