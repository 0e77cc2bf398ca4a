// Messages of micropayments on their way from payer to payee and back (NetPaS §2, §5.2; DESIGN §8; PROTOCOL.md). What is
// signed, and by whom, stands in core/payments/micropayment.h. Plain values; encoding is canonical.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/payments/micropayment.h"

namespace netpas::accounting {

inline constexpr size_t maxPaymentAcks = 1024;
inline constexpr size_t maxRoutes = 256;
inline constexpr size_t maxRemedy = 512;

// Why a payment was not passed on.
enum class PaymentRefusal : uint8_t {
    FeeTooSmall = 1,   // limit: the fee that this ISP asks
    CreditLimit = 2,   // of the previous hop; limit: the largest sum that would pass
    RateLimit = 3,     // of the payer; limit: the largest sum that would pass now
    TooSmall = 4,      // limit: the smallest amount that is carried
    NotCertified = 5,  // the payee has no certificate of a class that the payer accepts
    UnknownPayee = 6,
    PayeeAway = 7,  // known, but not connected
    NoRoute = 8,    // the next ISP is no neighbour, or not connected
    Frozen = 9,     // the account of payer or payee
    MayNotSend = 10,
    MayNotReceive = 11,
    Expired = 12,   // no confirmation in time, or the payment came too late: nothing is owed
    Conflict = 13,  // the id belongs to another payment
    BadOrder = 14,  // signature, payer, currency or path
    PayeeRefused = 15,
    StoreFailed = 16,
    Cancelled = 17,  // confirmed with a wrong signature, and taken back
    Forbidden = 18,  // by a rule of the payer's organisation (NetPaS §5.4)
};
[[nodiscard]] std::string_view describe(PaymentRefusal refusal);

enum class PaymentState : uint8_t {
    Pending = 1,
    Confirmed = 2,
    Refused = 3,
    Expired = 4,
    Cancelled = 5,
    Unknown = 6,  // never heard of: the payer may make it anew
};
[[nodiscard]] std::string_view describe(PaymentState state);

// --- payer -> first ISP
struct SendPayment {
    payments::SignedOrder order;
};
struct PaymentQuery {
    uint32_t request = 0;
    payments::PaymentId id{};
};
// Which fees would carry a payment to an endpoint of that ISP.
struct RouteQuery {
    uint32_t request = 0;
    IspId isp;
    Money amount;
};
// --- payee -> its ISP
struct SetReceiving {
    uint32_t request = 0;
    bool on = false;  // payments may be offered on this connection
};

// --- ISP -> its endpoints
struct PaymentStatement {
    uint32_t request = 0;  // not signed
    payments::PaymentId id{};
    PaymentState state{};
    Money charged;       // what the payer owes for it
    bool final = false;  // it will not change any more
    SystemTime time;
    Signature signature;  // the accounting server's over paymentStatementMessage()
};
struct RouteFound {
    uint32_t request = 0;
    std::vector<payments::Fee> fees;  // the asked ISP first; empty: no way
};
struct ReceivingSet {
    uint32_t request = 0;
    std::optional<PaymentRefusal> refused;
};

// --- to the next ISP, at last to the payee
struct ForwardPayment {
    uint8_t position = 0;  // ISPs before the receiver
    payments::Payment payment;
    std::vector<payments::Fee> fees;  // from the receiver on; empty for the payee
};

// --- back along the stored hops
struct PaymentRefused {
    payments::PaymentId id{};
    IspId where;
    PaymentRefusal reason{};
    Money limit;         // see the reason
    std::string remedy;  // for people
    friend bool operator==(const PaymentRefused&, const PaymentRefused&) = default;
};
struct PaymentConfirmed {
    payments::PaymentConfirmation confirmation;
};
enum class PaymentResult : uint8_t {
    Done = 0,     // durable; the receiver owes, or does not owe any more
    Already = 1,  // done earlier
    TooLate = 2,  // nothing has changed: who sent it bears it
    Unknown = 3,
    NotYours = 4,  // not of the hop that it must come from
    BadProof = 5,  // a cancellation whose signature is right, a confirmation by another key
};
[[nodiscard]] std::string_view describe(PaymentResult result);
// Answers PaymentConfirmed and CancelPayment, once durable.
struct PaymentAckEntry {
    payments::PaymentId id{};
    bool cancellation = false;
    PaymentResult result{};
    friend bool operator==(const PaymentAckEntry&, const PaymentAckEntry&) = default;
};
struct PaymentAck {
    std::vector<PaymentAckEntry> entries;
};

// --- from the payer towards the payee: the confirmation's signature is wrong (NetPaS §4.2.1, §4.3.1)
struct CancelPayment {
    payments::PaymentId id{};
    PublicKey payee;  // whose hash is the payee's identifier
};

// --- between neighbours: whom the sender reaches, and what each ISP on the way asks
struct FeeModel {
    Money fixed;
    uint32_t per1024 = 0;  // of the amount, in 1/1024
    // Rounded up to the next eighth; Money::max() when it does not fit.
    [[nodiscard]] Money of(Money amount) const;
    friend bool operator==(const FeeModel&, const FeeModel&) = default;
};
struct RouteHop {
    IspId isp;
    FeeModel fee;
    friend bool operator==(const RouteHop&, const RouteHop&) = default;
};
// From the announcing ISP (first) to the one whose endpoints are reached (last); no ISP twice.
struct PaymentRoute {
    std::vector<RouteHop> hops;
    friend bool operator==(const PaymentRoute&, const PaymentRoute&) = default;
};
struct AnnounceRoutes {
    std::vector<PaymentRoute> routes;  // in place of all before
};

[[nodiscard]] Bytes paymentStatementMessage(const PaymentStatement& statement, const NodeId& payer);

// Bodies, without the type. Readers fail on anything that the writers do not write.
void write(Writer& w, const SendPayment& m);
void write(Writer& w, const PaymentQuery& m);
void write(Writer& w, const RouteQuery& m);
void write(Writer& w, const SetReceiving& m);
void write(Writer& w, const PaymentStatement& m);
void write(Writer& w, const RouteFound& m);
void write(Writer& w, const ReceivingSet& m);
void write(Writer& w, const ForwardPayment& m);
void write(Writer& w, const PaymentRefused& m);
void write(Writer& w, const PaymentConfirmed& m);
void write(Writer& w, const PaymentAck& m);
void write(Writer& w, const CancelPayment& m);
void write(Writer& w, const AnnounceRoutes& m);
[[nodiscard]] SendPayment readSendPayment(Reader& r);
[[nodiscard]] PaymentQuery readPaymentQuery(Reader& r);
[[nodiscard]] RouteQuery readRouteQuery(Reader& r);
[[nodiscard]] SetReceiving readSetReceiving(Reader& r);
[[nodiscard]] PaymentStatement readPaymentStatement(Reader& r);
[[nodiscard]] RouteFound readRouteFound(Reader& r);
[[nodiscard]] ReceivingSet readReceivingSet(Reader& r);
[[nodiscard]] ForwardPayment readForwardPayment(Reader& r);
[[nodiscard]] PaymentRefused readPaymentRefused(Reader& r);
[[nodiscard]] PaymentConfirmed readPaymentConfirmed(Reader& r);
[[nodiscard]] PaymentAck readPaymentAck(Reader& r);
[[nodiscard]] CancelPayment readCancelPayment(Reader& r);
[[nodiscard]] AnnounceRoutes readAnnounceRoutes(Reader& r);

}  // namespace netpas::accounting
