// What is signed when endpoints pay each other (core/payments/FORMAT.md).
#include <QtTest>

#include "core/crypto/hex.h"
#include "core/payments/micropayment.h"

using namespace netpas;
using namespace netpas::payments;

namespace {

const SystemTime noon{std::chrono::hours{24 * 365 * 50}};
Identity payer() { return Identity::fromSeed({1}); }
Identity payee() { return Identity::fromSeed({2}); }

// NetPaS Figure 2: 100,000 n$ for A, 500 for Y, 2,000 for X.
PaymentOrder figure2() {
    PaymentOrder order;
    order.payment.id = {9, 8, 7};
    order.payment.payee = payee().nodeId();
    order.payment.amount = *Money::fromNanodollars(100'000);
    order.payment.description = describe("one comic", {4});
    order.payment.time = noon;
    order.payment.expires = noon + std::chrono::seconds(5);
    order.payer = payer().nodeId();
    order.fees = {{IspId{25}, *Money::fromNanodollars(500)}, {IspId{24}, *Money::fromNanodollars(2000)}};
    return order;
}

SignedOrder signedBy(const Identity& identity, const PaymentOrder& order) {
    return {order, identity.sign(orderMessage(order))};
}

template <typename T>
Bytes bytesOf(const T& value) {
    Writer writer;
    encode(writer, value);
    return writer.take();
}

}  // namespace

class TestPayments : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void thePayerOwesAmountAndFees() { QCOMPARE(*total(figure2()), *Money::fromNanodollars(102'500)); }

    void anOrderSurvivesItsEncoding() {
        const SignedOrder order = signedBy(payer(), figure2());
        const Bytes bytes = bytesOf(order);
        QCOMPARE(bytes.size(), size_t{107 + 32 + 2 + 2 * 10 + 64});
        Reader reader(bytes);
        QVERIFY(decodeSignedOrder(reader) == order);
        QVERIFY(reader.finished());
        QVERIFY(verify(order, payer().publicKey(), noon));
        QCOMPARE(bytesOf(order.order.payment).size(), size_t{107});
    }

    // Every bit counts: no byte of an order can change under its signature.
    void noBitOfAnOrderCanBeChanged() {
        const Bytes bytes = bytesOf(signedBy(payer(), figure2()));
        for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
            Bytes forged = bytes;
            forged[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
            Reader reader(forged);
            const SignedOrder order = decodeSignedOrder(reader);
            if (reader.finished()) QVERIFY(!verify(order, payer().publicKey(), noon));
        }
    }

    void noBitOfAConfirmationCanBeChanged() {
        const Payment payment = figure2().payment;
        const PaymentConfirmation good = confirm(payment, payee(), noon + std::chrono::seconds(1));
        QVERIFY(verify(good, payment));
        const Bytes bytes = bytesOf(good);
        QCOMPARE(bytes.size(), size_t{120});
        for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
            Bytes forged = bytes;
            forged[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
            Reader reader(forged);
            const PaymentConfirmation confirmation = decodeConfirmation(reader);
            if (reader.finished()) QVERIFY(!verify(confirmation, payment));
        }
    }

    // NetPaS §4.3.1: an ISP that keeps the money cannot confirm in the payee's place.
    void onlyThePayeeConfirms() {
        const Payment payment = figure2().payment;
        const Identity thief = Identity::fromSeed({3});
        QCOMPARE(int(verify(confirm(payment, thief, noon), payment).error()), int(PaymentError::OtherPayee));
        PaymentConfirmation mixed = confirm(payment, thief, noon);
        mixed.payee = payee().publicKey();
        QCOMPARE(int(verify(mixed, payment).error()), int(PaymentError::BadSignature));
    }

    void aConfirmationIsForOnePaymentOnly() {
        const Payment payment = figure2().payment;
        const PaymentConfirmation good = confirm(payment, payee(), noon);
        Payment other = payment;
        other.id = {1};
        QCOMPARE(int(verify(good, other).error()), int(PaymentError::OtherPayment));
        other = payment;
        other.amount = *Money::fromNanodollars(99'999);  // an ISP that hands on less than it was given
        QCOMPARE(int(verify(good, other).error()), int(PaymentError::BadSignature));
    }

    void lateConfirmationsOweNothing() {
        const Payment payment = figure2().payment;
        QVERIFY(verify(confirm(payment, payee(), payment.expires), payment));
        const auto late = confirm(payment, payee(), payment.expires + std::chrono::microseconds(1));
        QCOMPARE(int(verify(late, payment).error()), int(PaymentError::ConfirmedLate));
    }

    void signaturesDoNotStandForEachOther() {
        PaymentOrder order = figure2();
        order.payer = order.payment.payee = payer().nodeId();
        const auto confirmation = confirm(order.payment, payer(), noon);
        QVERIFY(!verify(SignedOrder{order, confirmation.signature}, payer().publicKey(), noon));
        PaymentConfirmation forged = confirmation;
        forged.signature = signedBy(payer(), order).signature;
        QVERIFY(!verify(forged, order.payment));
    }

    void ordersOfOthersAndOfOtherTimesAreRefused() {
        const SignedOrder order = signedBy(payer(), figure2());
        QCOMPARE(int(verify(order, payee().publicKey(), noon).error()), int(PaymentError::WrongPayer));
        QCOMPARE(int(verify(signedBy(payee(), figure2()), payer().publicKey(), noon).error()),
                 int(PaymentError::BadSignature));
        QCOMPARE(int(verify(order, payer().publicKey(), noon + std::chrono::seconds(5)).error()),
                 int(PaymentError::Expired));
        QVERIFY(verify(order, payer().publicKey(), noon - std::chrono::seconds(5)));
        QCOMPARE(int(verify(order, payer().publicKey(), noon - std::chrono::seconds(6)).error()),
                 int(PaymentError::NotYetValid));
    }

    void badOrdersAreNamed() {
        const auto fault = [](auto change) {
            PaymentOrder order = figure2();
            change(order);
            const auto result = check(order);
            return result ? -1 : int(result.error());
        };
        QCOMPARE(fault([](PaymentOrder&) {}), -1);
        QCOMPARE(fault([](PaymentOrder& o) { o.payment.amount = Money::zero(); }), int(PaymentError::NoAmount));
        QCOMPARE(fault([](PaymentOrder& o) { o.payment.amount = Money::fromEighths(-1); }),
                 int(PaymentError::NoAmount));
        QCOMPARE(fault([](PaymentOrder& o) { o.payment.currency = {'u', 's', 'd'}; }), int(PaymentError::BadCurrency));
        QCOMPARE(fault([](PaymentOrder& o) { o.payment.expires = o.payment.time; }), int(PaymentError::BadTimes));
        QCOMPARE(fault([](PaymentOrder& o) { o.payment.expires = o.payment.time + std::chrono::hours(25); }),
                 int(PaymentError::BadTimes));
        QCOMPARE(fault([](PaymentOrder& o) { o.fees.clear(); }), int(PaymentError::BadFees));
        QCOMPARE(fault([](PaymentOrder& o) { o.fees.push_back(o.fees.front()); }), int(PaymentError::BadFees));
        QCOMPARE(fault([](PaymentOrder& o) { o.fees[0].amount = Money::fromEighths(-1); }), int(PaymentError::BadFees));
        QCOMPARE(fault([](PaymentOrder& o) { o.payment.amount = Money::fromEighths(INT64_MAX); }),
                 int(PaymentError::Overflow));
        QCOMPARE(fault([](PaymentOrder& o) {
                     o.fees.clear();
                     for (uint16_t i = 0; i < 17; ++i) o.fees.push_back({IspId{i}, Money::zero()});
                 }),
                 int(PaymentError::BadFees));
    }

    void descriptionsCannotBeGuessedFromTheirHash() {
        QVERIFY(describe("one comic", {1}) != describe("one comic", {2}));
        QVERIFY(describe("one comic", {1}) != describe("two comics", {1}));
        QVERIFY(describe("one comic", {1}) == describe("one comic", {1}));
    }

    void identifiersDiffer() {
        QVERIFY(newPaymentId() != newPaymentId());
        QVERIFY(newPaymentId() != PaymentId{});
    }

    // Reference bytes: another implementation must sign exactly these.
    void theSignedBytesAreFixed() {
        const Bytes message = orderMessage(figure2());
        QCOMPARE(toHex(ByteView(message).first(24)),
                 std::string("00164e657450615320") + "7061796d656e74206f7264657220" + "31");
        QCOMPARE(message.size(), size_t{24 + 107 + 32 + 2 + 20});
        QCOMPARE(toHex(blake2b256(message)),
                 std::string("4e4dd69ee508707243768a82f3f49d0254690d60a05d713232a84015a3eeef5f"));
        const Bytes confirmation = confirmationMessage(figure2().payment, payee().publicKey(), noon);
        QCOMPARE(toHex(blake2b256(confirmation)),
                 std::string("d5d562ea8e6f537801a5784e3c03fa796835f4ec7fd5e3315df50296edc54ce7"));
    }
};

QTEST_APPLESS_MAIN(TestPayments)
#include "test_payments.moc"
