// An ISP's complaint that one of its customers did not want a micropayment (NetPaS §4.1.4). It follows the payment's hops to
// the ISP of the payee, which freezes the account when several come together with a suspicious growth of the balance.
#pragma once

#include <string>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/crypto/identity.h"
#include "core/ids.h"
#include "core/money.h"
#include "core/payments/micropayment.h"

namespace netpas::accounting {

inline constexpr size_t maxPayeeComplaint = 512;

struct PayeeComplaint {
    payments::PaymentId payment{};
    NodeId payee;
    IspId by;  // the payer's ISP
    SystemTime time;
    std::string reason;   // for people
    Signature signature;  // of `by`
    friend bool operator==(const PayeeComplaint&, const PayeeComplaint&) = default;
};

// Whoever was given a complaint keeps it now, or never will: about that payment it may not complain.
struct PayeeComplaintAck {
    payments::PaymentId payment{};
    bool taken = false;
    friend bool operator==(const PayeeComplaintAck&, const PayeeComplaintAck&) = default;
};

[[nodiscard]] Bytes payeeComplaintMessage(const PayeeComplaint& complaint);
void sign(PayeeComplaint& complaint, const Identity& identity);
[[nodiscard]] bool verify(const PayeeComplaint& complaint, const PublicKey& key);

void write(Writer& writer, const PayeeComplaint& complaint);
[[nodiscard]] PayeeComplaint readPayeeComplaint(Reader& reader);
void write(Writer& writer, const PayeeComplaintAck& ack);
[[nodiscard]] PayeeComplaintAck readPayeeComplaintAck(Reader& reader);

// When an account is frozen by itself.
struct FreezeTerms {
    uint32_t complaints = 3;           // about so many payments; 0: never by itself
    uint32_t growth = 4;               // … and the last day brought more than so many average days before
    Money least = *Money::parse("1");  // … and at least that
};

}  // namespace netpas::accounting
