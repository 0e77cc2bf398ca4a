// What the ledger remembers of micropayments: those that were made, each a purchase, and those that were received. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/ids.h"
#include "core/money.h"
#include "core/payments/micropayment.h"

namespace netpas::ledger {

// What a purchase pays, when it is a micropayment.
struct PaymentTerms {
    NodeId payee;
    IspId isp;  // of the payee
    Money amount;
    std::string description;  // for the two endpoints only
    bool operator==(const PaymentTerms&) const = default;
};

// Numbers are stored: never reuse one.
enum class PaymentEnd : uint8_t {
    Posted = 1,
    Expired = 2,    // nobody confirmed it in time
    Cancelled = 3,  // confirmed with a wrong signature, and taken back
    Refused = 4,
};
[[nodiscard]] std::string_view describe(PaymentEnd end);
[[nodiscard]] std::optional<PaymentEnd> paymentEndFromNumber(int64_t number);

struct PaymentResult {
    PaymentEnd end = PaymentEnd::Refused;
    Money charged;          // nothing unless posted
    bool disputed = false;  // posted although the payer does not accept it
    // Of a refusal: which ISP, its reason as the protocol has it, its limit, and the remedy.
    IspId where;
    uint8_t reason = 0;
    Money limit;
    std::string remedy;
};

// The payment's side of a purchase.
struct PaymentBook {
    PaymentTerms terms;
    std::optional<payments::PaymentId> id;  // once it may have been signed
    SystemTime expires;                     // … then
    // … and then of the description's hash, which both endpoints keep with the text (core/payments/FORMAT.md).
    std::optional<payments::DescriptionSalt> salt;
    std::optional<PaymentResult> result;
};

// Of a payment to this endpoint. Numbers are stored: never reuse one.
enum class ReceiptState : uint8_t {
    Confirmed = 1,  // our signature may have left
    Taken = 2,      // the ISP has it and owes the amount
    Cancelled = 3,  // the payer has taken it back
    Late = 4,       // the ISP did not accept the confirmation: nothing was paid
};
[[nodiscard]] std::string_view describe(ReceiptState state);
[[nodiscard]] std::optional<ReceiptState> receiptStateFromNumber(int64_t number);

struct Receipt {
    int64_t number = 0;  // in the order of arrival
    payments::Payment payment;
    SystemTime confirmed;  // the time in our confirmation: the same bytes whenever it is asked for
    ReceiptState state = ReceiptState::Confirmed;
    bool final = false;  // nothing can happen to it any more
    SystemTime receivedAt;
    SystemTime changedAt;
};

}  // namespace netpas::ledger
