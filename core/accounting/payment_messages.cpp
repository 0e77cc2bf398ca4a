#include "core/accounting/payment_messages.h"

#include <algorithm>

#include "core/accounting/wire_parts.h"

namespace netpas::accounting {

using payments::Fee;

namespace {

void writeFees(Writer& w, const std::vector<Fee>& fees) {
    w.u16(static_cast<uint16_t>(fees.size()));
    for (const Fee& fee : fees) {
        w.u16(fee.isp.value());
        writeMoney(w, fee.amount);
    }
}

// At most maxFees, no ISP twice.
std::vector<Fee> readFees(Reader& r) {
    const size_t count = readCount(r, payments::maxFees);
    std::vector<Fee> fees;
    for (size_t i = 0; i < count && r.ok(); ++i) {
        const IspId isp{r.u16()};
        const Money amount = readMoney(r);
        if (std::any_of(fees.begin(), fees.end(), [&](const Fee& fee) { return fee.isp == isp; })) r.fail();
        fees.push_back({isp, amount});
    }
    return fees;
}

// A number from 1 (or 0) to `last`.
template <typename Enum>
Enum readEnum(Reader& r, Enum first, Enum last) {
    const uint8_t value = r.u8();
    if (value < static_cast<uint8_t>(first) || value > static_cast<uint8_t>(last)) r.fail();
    return static_cast<Enum>(value);
}

PaymentRefusal readReason(Reader& r) { return readEnum(r, PaymentRefusal::FeeTooSmall, PaymentRefusal::Forbidden); }

PaymentRoute readRoute(Reader& r) {
    PaymentRoute route;
    const size_t count = readCount(r, payments::maxFees);
    if (count == 0) r.fail();
    for (size_t i = 0; i < count && r.ok(); ++i) {
        RouteHop hop;
        hop.isp = IspId(r.u16());
        hop.fee.fixed = readMoney(r);
        hop.fee.per1024 = r.u32();
        const auto same = [&](const RouteHop& other) { return other.isp == hop.isp; };
        if (std::any_of(route.hops.begin(), route.hops.end(), same)) r.fail();
        route.hops.push_back(hop);
    }
    return route;
}

}  // namespace

std::string_view describe(PaymentRefusal refusal) {
    switch (refusal) {
    case PaymentRefusal::FeeTooSmall: return "the fee for an ISP on the way is too small";
    case PaymentRefusal::CreditLimit: return "the credit limit between two ISPs on the way is reached";
    case PaymentRefusal::RateLimit: return "the payer's limit is reached";
    case PaymentRefusal::TooSmall: return "the amount is smaller than what is carried";
    case PaymentRefusal::NotCertified: return "the payee has no certificate of a class that the payer accepts";
    case PaymentRefusal::UnknownPayee: return "no such payee is registered";
    case PaymentRefusal::PayeeAway: return "the payee is not connected";
    case PaymentRefusal::NoRoute: return "the next ISP on the way cannot be reached";
    case PaymentRefusal::Frozen: return "an account is frozen";
    case PaymentRefusal::MayNotSend: return "this account may not send payments";
    case PaymentRefusal::MayNotReceive: return "the payee's account may not receive payments";
    case PaymentRefusal::Expired: return "it expired; nothing is owed";
    case PaymentRefusal::Conflict: return "the id belongs to another payment";
    case PaymentRefusal::BadOrder: return "the order cannot be taken as it is";
    case PaymentRefusal::PayeeRefused: return "the payee does not want it";
    case PaymentRefusal::StoreFailed: return "an ISP on the way cannot write its books";
    case PaymentRefusal::Cancelled: return "it was taken back, because the payee's signature was wrong";
    case PaymentRefusal::Forbidden: return "a rule of the payer's organisation forbids it";
    }
    return "unknown";
}

std::string_view describe(PaymentState state) {
    switch (state) {
    case PaymentState::Pending: return "pending";
    case PaymentState::Confirmed: return "confirmed";
    case PaymentState::Refused: return "refused";
    case PaymentState::Expired: return "expired";
    case PaymentState::Cancelled: return "cancelled";
    case PaymentState::Unknown: return "unknown";
    }
    return "?";
}

std::string_view describe(PaymentResult result) {
    switch (result) {
    case PaymentResult::Done: return "done";
    case PaymentResult::Already: return "done before";
    case PaymentResult::TooLate: return "too late";
    case PaymentResult::Unknown: return "no such payment";
    case PaymentResult::NotYours: return "it did not go that way";
    case PaymentResult::BadProof: return "it is not what it says";
    }
    return "?";
}

Money FeeModel::of(Money amount) const {
    const auto scaled = checkedMul(amount, per1024);
    if (!scaled) return Money::max();
    const int64_t share = scaled->eighths() / 1024 + (scaled->eighths() % 1024 > 0 ? 1 : 0);
    return checkedAdd(fixed, Money::fromEighths(share)).value_or(Money::max());
}

Bytes paymentStatementMessage(const PaymentStatement& statement, const NodeId& payer) {
    Writer w;
    writePurpose(w, "NetPaS payment statement 1");
    w.bytes(payer.bytes());
    w.bytes(statement.id);
    w.u8(static_cast<uint8_t>(statement.state));
    writeMoney(w, statement.charged);
    writeBool(w, statement.final);
    writeTime(w, statement.time);
    return w.take();
}

void write(Writer& w, const SendPayment& m) { encode(w, m.order); }
SendPayment readSendPayment(Reader& r) { return {payments::decodeSignedOrder(r)}; }

void write(Writer& w, const PaymentQuery& m) {
    w.u32(m.request);
    w.bytes(m.id);
}
PaymentQuery readPaymentQuery(Reader& r) {
    PaymentQuery m;
    m.request = r.u32();
    r.array(m.id);
    return m;
}

void write(Writer& w, const RouteQuery& m) {
    w.u32(m.request);
    w.u16(m.isp.value());
    writeMoney(w, m.amount);
}
RouteQuery readRouteQuery(Reader& r) { return {r.u32(), IspId(r.u16()), readMoney(r)}; }

void write(Writer& w, const SetReceiving& m) {
    w.u32(m.request);
    writeBool(w, m.on);
}
SetReceiving readSetReceiving(Reader& r) { return {r.u32(), readBool(r)}; }

void write(Writer& w, const PaymentStatement& m) {
    w.u32(m.request);
    w.bytes(m.id);
    w.u8(static_cast<uint8_t>(m.state));
    writeMoney(w, m.charged);
    writeBool(w, m.final);
    writeTime(w, m.time);
    w.bytes(m.signature.bytes);
}
PaymentStatement readPaymentStatement(Reader& r) {
    PaymentStatement m;
    m.request = r.u32();
    r.array(m.id);
    m.state = readEnum(r, PaymentState::Pending, PaymentState::Unknown);
    m.charged = readMoney(r);
    m.final = readBool(r);
    m.time = readTime(r);
    r.array(m.signature.bytes);
    return m;
}

void write(Writer& w, const RouteFound& m) {
    w.u32(m.request);
    writeFees(w, m.fees);
}
RouteFound readRouteFound(Reader& r) { return {r.u32(), readFees(r)}; }

void write(Writer& w, const ReceivingSet& m) {
    w.u32(m.request);
    w.u8(m.refused ? static_cast<uint8_t>(*m.refused) : 0);
}
ReceivingSet readReceivingSet(Reader& r) {
    ReceivingSet m;
    m.request = r.u32();
    const uint8_t reason = r.u8();
    if (reason > static_cast<uint8_t>(PaymentRefusal::Forbidden)) r.fail();
    if (reason != 0) m.refused = static_cast<PaymentRefusal>(reason);
    return m;
}

void write(Writer& w, const ForwardPayment& m) {
    w.u8(m.position);
    encode(w, m.payment);
    writeFees(w, m.fees);
}
ForwardPayment readForwardPayment(Reader& r) {
    ForwardPayment m;
    m.position = r.u8();
    m.payment = payments::decodePayment(r);
    m.fees = readFees(r);
    if (m.position + m.fees.size() > payments::maxFees) r.fail();
    return m;
}

void write(Writer& w, const PaymentRefused& m) {
    w.bytes(m.id);
    w.u16(m.where.value());
    w.u8(static_cast<uint8_t>(m.reason));
    writeMoney(w, m.limit);
    writeText(w, m.remedy, maxRemedy);
}
PaymentRefused readPaymentRefused(Reader& r) {
    PaymentRefused m;
    r.array(m.id);
    m.where = IspId(r.u16());
    m.reason = readReason(r);
    m.limit = readMoney(r);
    m.remedy = readText(r, maxRemedy);
    return m;
}

void write(Writer& w, const PaymentConfirmed& m) { encode(w, m.confirmation); }
PaymentConfirmed readPaymentConfirmed(Reader& r) { return {payments::decodeConfirmation(r)}; }

void write(Writer& w, const PaymentAck& m) {
    const size_t count = std::min(m.entries.size(), maxPaymentAcks);
    w.u16(static_cast<uint16_t>(count));
    for (size_t i = 0; i < count; ++i) {
        w.bytes(m.entries[i].id);
        writeBool(w, m.entries[i].cancellation);
        w.u8(static_cast<uint8_t>(m.entries[i].result));
    }
}
PaymentAck readPaymentAck(Reader& r) {
    PaymentAck m;
    const size_t count = readCount(r, maxPaymentAcks);
    for (size_t i = 0; i < count && r.ok(); ++i) {
        PaymentAckEntry entry;
        r.array(entry.id);
        entry.cancellation = readBool(r);
        entry.result = readEnum(r, PaymentResult::Done, PaymentResult::BadProof);
        m.entries.push_back(entry);
    }
    return m;
}

void write(Writer& w, const CancelPayment& m) {
    w.bytes(m.id);
    w.bytes(m.payee.bytes);
}
CancelPayment readCancelPayment(Reader& r) {
    CancelPayment m;
    r.array(m.id);
    r.array(m.payee.bytes);
    return m;
}

void write(Writer& w, const AnnounceRoutes& m) {
    const size_t count = std::min(m.routes.size(), maxRoutes);
    w.u16(static_cast<uint16_t>(count));
    for (size_t i = 0; i < count; ++i) {
        w.u16(static_cast<uint16_t>(m.routes[i].hops.size()));
        for (const RouteHop& hop : m.routes[i].hops) {
            w.u16(hop.isp.value());
            writeMoney(w, hop.fee.fixed);
            w.u32(hop.fee.per1024);
        }
    }
}
AnnounceRoutes readAnnounceRoutes(Reader& r) {
    AnnounceRoutes m;
    const size_t count = readCount(r, maxRoutes);
    for (size_t i = 0; i < count && r.ok(); ++i) m.routes.push_back(readRoute(r));
    return m;
}

}  // namespace netpas::accounting
