// What stands in an audit file (FORMAT.md): the books of one ISP as it exports them, or evidence of a fraud. Plain values;
// encoding is canonical.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "core/accounting/bill.h"
#include "core/accounting/books.h"
#include "core/accounting/confirmation.h"
#include "core/accounting/messages.h"
#include "core/accounting/payment_record.h"
#include "core/accounting/watch.h"
#include "core/payments/micropayment.h"

namespace netpas::audit {

inline constexpr size_t maxText = 2048;
inline constexpr size_t maxExhibits = 256;
inline constexpr size_t maxRecord = size_t{1} << 20;

// First record. The exporter vouches for the whole file with its key.
struct Head {
    IspId isp;  // 0: an observer who is no ISP
    std::string name;
    PublicKey key;
    SystemTime made;
    SystemTime logFrom;      // confirmations made before this stand in the sums only
    SystemTime paymentFrom;  // … and micropayments received before this
    friend bool operator==(const Head&, const Head&) = default;
};

// Whose key it is: "isp 25", "customer B".
struct KnownKey {
    accounting::Party holder;
    PublicKey key;
    friend bool operator==(const KnownKey&, const KnownKey&) = default;
};

struct LoggedConfirmation {
    accounting::Role role{};
    std::optional<accounting::Party> upstream;  // whom it was passed on to, to be paid for it
    bool waiting = false;                       // that one has not acknowledged it yet
    accounting::Confirmation confirmation;
    friend bool operator==(const LoggedConfirmation&, const LoggedConfirmation&) = default;
};

struct LoggedPayment {
    Bytes record;  // accounting::encodeRecord
    friend bool operator==(const LoggedPayment&, const LoggedPayment&) = default;
};

// A running total, and the part of it that no record in this file shows any more.
struct SumEntry {
    accounting::SumKind kind{};
    IspId isp;
    accounting::BillSide all;
    accounting::BillSide summarised;
    friend bool operator==(const SumEntry&, const SumEntry&) = default;
};
struct PaymentSumEntry {
    accounting::PaymentSum kind{};
    accounting::Party party;
    accounting::BillSide all;
    accounting::BillSide summarised;
    friend bool operator==(const PaymentSumEntry&, const PaymentSumEntry&) = default;
};

// Counters of packets against confirmed sums, as one ISP states it. Signed, so that it can leave the file.
struct CounterStatement {
    IspId stating;
    accounting::Subject subject{};
    IspId isp;  // the neighbour, or the downstream ISP
    Money counted;
    Money confirmed;
    Money tolerance;  // what chance explains
    SystemTime time;
    Signature signature;
    friend bool operator==(const CounterStatement&, const CounterStatement&) = default;
};
[[nodiscard]] Bytes counterMessage(const CounterStatement& statement);
void sign(CounterStatement& statement, const Identity& identity);
[[nodiscard]] bool verify(const CounterStatement& statement, const PublicKey& key);

// What an ISP has signed about a customer's session key.
struct UsageEntry {
    NodeId customer;
    accounting::UsageStatement statement;
};
struct PaymentStatementEntry {
    NodeId payer;
    accounting::PaymentStatement statement;
};

struct AlarmEntry {
    SystemTime time;
    std::string kind;
    std::string subject;
    std::string text;
    friend bool operator==(const AlarmEntry&, const AlarmEntry&) = default;
};

// What an operator or the server has blocked: "isp 66", "customer A".
struct Block {
    accounting::Party party;
    SystemTime since;
    std::string reason;
    friend bool operator==(const Block&, const Block&) = default;
};

// --- evidence: a claim, and what proves it
enum class Claim : uint8_t {
    Observed = 1,                      // only what the exporter says it saw; the exhibits show it
    ConflictingConfirmations = 2,      // two contents under one id, both signed by the accused
    ForgedConfirmation = 3,            // a signature of a confirmation is wrong
    ImpossiblePath = 4,                // confirming ISP and beneficiary do not stand in the header as they must
    ForgedPaymentConfirmation = 5,     // not the payee's key, or its signature is wrong
    AlteredPayment = 6,                // payer and payee have signed different payments under one id
    ForgedOrder = 7,                   // the payer's signature is wrong
    ConflictingPaymentStatements = 8,  // two final statements of the accused differ
    ConflictingUsageStatements = 9,    // the same, about a session key
    ConflictingBills = 10,             // the same, about a cycle
    Overcharged = 11,                  // the accused's statement charges more than the payer's order promises
    CountersDisagree = 12,             // by more than chance explains
    PaymentConfirmed = 13,             // the payee has signed that it was paid
    PaymentOrdered = 14,               // the payer has signed the order
    Replayed = 15,                     // the same confirmation more than once
};
[[nodiscard]] std::string_view describe(Claim claim);

struct Payment {
    payments::Payment payment;
    friend bool operator==(const Payment&, const Payment&) = default;
};
// Any message of the accounting protocol, as its bytes.
struct RawMessage {
    Bytes bytes;
    friend bool operator==(const RawMessage&, const RawMessage&) = default;
};
struct Note {
    std::string text;
    friend bool operator==(const Note&, const Note&) = default;
};
using Exhibit =
    std::variant<KnownKey, accounting::Confirmation, Payment, payments::SignedOrder, payments::PaymentConfirmation,
                 PaymentStatementEntry, UsageEntry, accounting::Bill, CounterStatement, RawMessage, Note>;

struct Evidence {
    Claim claim = Claim::Observed;
    std::string accused;  // in words: "isp 25", "payee 3f…"; empty: nobody
    std::string text;     // what happened, for people
    SystemTime time;
    std::vector<Exhibit> exhibits;
};

using Record = std::variant<Head, KnownKey, LoggedConfirmation, LoggedPayment, SumEntry, PaymentSumEntry,
                            CounterStatement, UsageEntry, AlarmEntry, accounting::Bill, Block, Evidence>;

// Type and body, without the frame.
struct Encoded {
    uint8_t type = 0;
    Bytes body;
};
[[nodiscard]] Encoded encode(const Record& record);
// Nothing for an unknown type and for anything that encode() does not write.
[[nodiscard]] std::optional<Record> decode(uint8_t type, ByteView body);

}  // namespace netpas::audit
