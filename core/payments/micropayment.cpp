#include "core/payments/micropayment.h"

#include <algorithm>

#include "core/accounting/wire_parts.h"
#include "core/random.h"

namespace netpas::payments {

using accounting::readMoney;
using accounting::readTime;
using accounting::writeMoney;
using accounting::writePurpose;
using accounting::writeTime;

namespace {

constexpr std::string_view orderPurpose = "NetPaS payment order 1";
constexpr std::string_view confirmationPurpose = "NetPaS payment confirmation 1";
constexpr std::string_view descriptionPurpose = "NetPaS payment description 1";
// Two parties' clocks may differ by that much (DESIGN §8: the accounting protocol forgives the same).
constexpr std::chrono::seconds clockSkew{5};

void encodeOrder(Writer& writer, const PaymentOrder& order) {
    encode(writer, order.payment);
    writer.bytes(order.payer.bytes());
    writer.u16(static_cast<uint16_t>(order.fees.size()));
    for (const Fee& fee : order.fees) {
        writer.u16(fee.isp.value());
        writeMoney(writer, fee.amount);
    }
}

NodeId readNode(Reader& reader) {
    std::array<uint8_t, NodeId::size> bytes{};
    reader.array(bytes);
    return NodeId(bytes);
}

}  // namespace

std::string_view describe(PaymentError error) {
    switch (error) {
    case PaymentError::Malformed: return "the payment message is damaged; ask the sender to send it again";
    case PaymentError::NoAmount: return "a payment needs an amount above zero";
    case PaymentError::BadCurrency: return "the currency is not three capital letters, such as USD";
    case PaymentError::BadTimes: return "the payment's times are wrong: it must expire within a day after it was made";
    case PaymentError::BadFees:
        return "the payment must name a fee, at least 0, for each of 1 to 16 ISPs on the way, once";
    case PaymentError::Overflow: return "the amount and the fees together are too large; pay in smaller parts";
    case PaymentError::WrongPayer: return "the payment is in another payer's name; sign it with that payer's key";
    case PaymentError::BadSignature:
        return "the signature is wrong: the message was forged or altered; nothing is owed";
    case PaymentError::Expired: return "the payment has expired and costs nothing; make a new one";
    case PaymentError::NotYetValid: return "the payment was made in the future: set this machine's clock";
    case PaymentError::OtherPayment: return "the confirmation belongs to another payment; it changes nothing";
    case PaymentError::OtherPayee: return "somebody else than the payee confirmed; have the payment cancelled";
    case PaymentError::ConfirmedLate: return "the payee confirmed after the payment had expired; nothing is owed";
    }
    return "unknown payment error";
}

PaymentId newPaymentId() {
    PaymentId id{};
    for (size_t half = 0; half < id.size(); half += 8) store64(id.data() + half, systemRandom().below(UINT64_MAX));
    return id;
}

DescriptionHash describe(std::string_view description, const DescriptionSalt& salt) {
    Writer writer;
    writePurpose(writer, descriptionPurpose);
    writer.bytes(salt);
    writer.bytes({reinterpret_cast<const uint8_t*>(description.data()), description.size()});
    return blake2b256(writer.data());
}

tl::expected<void, PaymentError> check(const Payment& payment) {
    if (payment.amount <= Money::zero()) return tl::unexpected(PaymentError::NoAmount);
    const bool letters =
        std::all_of(payment.currency.begin(), payment.currency.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    if (!letters) return tl::unexpected(PaymentError::BadCurrency);
    if (payment.time < SystemTime{} || payment.expires <= payment.time ||
        payment.expires - payment.time > maxLifetime) {
        return tl::unexpected(PaymentError::BadTimes);
    }
    return {};
}

tl::expected<Money, PaymentError> total(const PaymentOrder& order) {
    Money sum = order.payment.amount;
    for (const Fee& fee : order.fees) {
        const auto next = checkedAdd(sum, fee.amount);
        if (!next) return tl::unexpected(PaymentError::Overflow);
        sum = *next;
    }
    return sum;
}

tl::expected<void, PaymentError> check(const PaymentOrder& order) {
    if (auto good = check(order.payment); !good) return good;
    if (order.fees.empty() || order.fees.size() > maxFees) return tl::unexpected(PaymentError::BadFees);
    for (size_t i = 0; i < order.fees.size(); ++i) {
        if (order.fees[i].amount < Money::zero()) return tl::unexpected(PaymentError::BadFees);
        for (size_t j = 0; j < i; ++j) {
            if (order.fees[i].isp == order.fees[j].isp) return tl::unexpected(PaymentError::BadFees);
        }
    }
    if (const auto sum = total(order); !sum) return tl::unexpected(sum.error());
    return {};
}

Bytes orderMessage(const PaymentOrder& order) {
    Writer writer;
    writePurpose(writer, orderPurpose);
    encodeOrder(writer, order);
    return writer.take();
}

Bytes confirmationMessage(const Payment& payment, const PublicKey& payee, SystemTime time) {
    Writer writer;
    writePurpose(writer, confirmationPurpose);
    encode(writer, payment);
    writer.bytes(payee.bytes);
    writeTime(writer, time);
    return writer.take();
}

PaymentConfirmation confirm(const Payment& payment, const Identity& payee, SystemTime now) {
    const PublicKey& key = payee.publicKey();
    return {payment.id, key, now, payee.sign(confirmationMessage(payment, key, now))};
}

tl::expected<void, PaymentError> verify(const SignedOrder& order, const PublicKey& payer, SystemTime now) {
    if (auto good = check(order.order); !good) return good;
    if (order.order.payer != payer.nodeId()) return tl::unexpected(PaymentError::WrongPayer);
    if (!netpas::verify(payer, orderMessage(order.order), order.signature))
        return tl::unexpected(PaymentError::BadSignature);
    if (order.order.payment.time > now + clockSkew) return tl::unexpected(PaymentError::NotYetValid);
    if (order.order.payment.expires <= now) return tl::unexpected(PaymentError::Expired);
    return {};
}

tl::expected<void, PaymentError> verify(const PaymentConfirmation& confirmation, const Payment& payment) {
    if (confirmation.id != payment.id) return tl::unexpected(PaymentError::OtherPayment);
    if (confirmation.payee.nodeId() != payment.payee) return tl::unexpected(PaymentError::OtherPayee);
    const Bytes message = confirmationMessage(payment, confirmation.payee, confirmation.time);
    if (!netpas::verify(confirmation.payee, message, confirmation.signature))
        return tl::unexpected(PaymentError::BadSignature);
    if (confirmation.time > payment.expires) return tl::unexpected(PaymentError::ConfirmedLate);
    return {};
}

void encode(Writer& writer, const Payment& payment) {
    writer.bytes(payment.id);
    writer.bytes(payment.payee.bytes());
    writeMoney(writer, payment.amount);
    for (const char c : payment.currency) writer.u8(static_cast<uint8_t>(c));
    writer.bytes(payment.description);
    writeTime(writer, payment.time);
    writeTime(writer, payment.expires);
}

void encode(Writer& writer, const SignedOrder& order) {
    encodeOrder(writer, order.order);
    writer.bytes(order.signature.bytes);
}

void encode(Writer& writer, const PaymentConfirmation& confirmation) {
    writer.bytes(confirmation.id);
    writer.bytes(confirmation.payee.bytes);
    writeTime(writer, confirmation.time);
    writer.bytes(confirmation.signature.bytes);
}

Payment decodePayment(Reader& reader) {
    Payment payment;
    reader.array(payment.id);
    payment.payee = readNode(reader);
    payment.amount = readMoney(reader);
    for (char& c : payment.currency) c = static_cast<char>(reader.u8());
    reader.array(payment.description);
    payment.time = readTime(reader);
    payment.expires = readTime(reader);
    if (!reader.ok() || !check(payment)) {
        reader.fail();
        return {};
    }
    return payment;
}

SignedOrder decodeSignedOrder(Reader& reader) {
    SignedOrder order;
    order.order.payment = decodePayment(reader);
    order.order.payer = readNode(reader);
    const size_t fees = accounting::readCount(reader, maxFees);
    for (size_t i = 0; i < fees && reader.ok(); ++i) {
        const IspId isp{reader.u16()};
        order.order.fees.push_back({isp, readMoney(reader)});
    }
    reader.array(order.signature.bytes);
    if (!reader.ok() || !check(order.order)) {
        reader.fail();
        return {};
    }
    return order;
}

PaymentConfirmation decodeConfirmation(Reader& reader) {
    PaymentConfirmation confirmation;
    reader.array(confirmation.id);
    reader.array(confirmation.payee.bytes);
    confirmation.time = readTime(reader);
    reader.array(confirmation.signature.bytes);
    return confirmation;
}

}  // namespace netpas::payments
