// A micropayment between two endpoints as it is signed and sent (NetPaS §2, §5.2; DESIGN §8): the payer's order to its first
// ISP, and the payee's confirmation. Plain values; encoding is canonical: what decodes, encodes to the same bytes.
// core/payments/FORMAT.md has the bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/crypto/identity.h"
#include "core/ids.h"
#include "core/money.h"

namespace netpas::payments {

// Drawn at random by the payer; names the payment for good, so that sending it again pays nothing again.
using PaymentId = std::array<uint8_t, 16>;
// Three capital letters; amounts of different currencies are never added.
using Currency = std::array<char, 3>;
inline constexpr Currency dollars{'U', 'S', 'D'};
using DescriptionHash = std::array<uint8_t, 32>;
using DescriptionSalt = std::array<uint8_t, 16>;

inline constexpr size_t maxFees = 16;
inline constexpr std::chrono::hours maxLifetime{24};
inline constexpr size_t maxDescription = 1024;

struct PaymentIdHash {
    size_t operator()(const PaymentId& id) const noexcept { return static_cast<size_t>(load64(id.data())); }
};

[[nodiscard]] PaymentId newPaymentId();

// What every party on the way sees and stores. Who pays is known to the payer's ISP only, what for to the endpoints only.
struct Payment {
    PaymentId id{};
    NodeId payee;
    Money amount;  // > 0, to the payee
    Currency currency = dollars;
    DescriptionHash description{};  // describe(); all zero when there is none
    SystemTime time;                // when the payer made it
    SystemTime expires;             // the payee's confirmation is worthless later
    friend bool operator==(const Payment&, const Payment&) = default;
};

// What is paid to an ISP on the way for passing the payment on.
struct Fee {
    IspId isp;
    Money amount;
    friend bool operator==(const Fee&, const Fee&) = default;
};

// What the payer promises its first ISP: the payment and every fee on the way, its own first.
struct PaymentOrder {
    Payment payment;
    NodeId payer;
    std::vector<Fee> fees;  // 1 to maxFees, each ISP once; the first is the ISP that the order is for
    friend bool operator==(const PaymentOrder&, const PaymentOrder&) = default;
};

struct SignedOrder {
    PaymentOrder order;
    Signature signature;  // the payer's
    friend bool operator==(const SignedOrder&, const SignedOrder&) = default;
};

// Carries the payee's key, so that whoever knows the payment can check it against the payee's identifier.
struct PaymentConfirmation {
    PaymentId id{};
    PublicKey payee;
    SystemTime time;
    Signature signature;  // the payee's
    friend bool operator==(const PaymentConfirmation&, const PaymentConfirmation&) = default;
};

enum class PaymentError {
    Malformed,     // short, too long, or not canonical
    NoAmount,      // zero or negative
    BadCurrency,   // not three capital letters
    BadTimes,      // expires before it was made, or lives longer than a day
    BadFees,       // none, too many, negative, or an ISP twice
    Overflow,      // amount and fees together do not fit
    WrongPayer,    // the order names another payer than the key's owner
    BadSignature,  // forged or altered
    Expired,
    NotYetValid,    // made in the future: a clock is wrong
    OtherPayment,   // the confirmation is for another payment
    OtherPayee,     // confirmed with a key that is not the payee's
    ConfirmedLate,  // confirmed after the payment's expiry
};
// For people, with the remedy.
[[nodiscard]] std::string_view describe(PaymentError error);

// Hash of a description under a salt that only the endpoints know: without it a short description could be guessed.
[[nodiscard]] DescriptionHash describe(std::string_view description, const DescriptionSalt& salt);

// Everything that needs no clock and no key.
[[nodiscard]] tl::expected<void, PaymentError> check(const Payment& payment);
[[nodiscard]] tl::expected<void, PaymentError> check(const PaymentOrder& order);
// Amount and all fees: what the payer owes its first ISP once the payment is confirmed.
[[nodiscard]] tl::expected<Money, PaymentError> total(const PaymentOrder& order);

// What is signed. Each begins with a purpose of its own, so that no signature can stand for another.
[[nodiscard]] Bytes orderMessage(const PaymentOrder& order);
[[nodiscard]] Bytes confirmationMessage(const Payment& payment, const PublicKey& payee, SystemTime time);

// The payee's side. The caller has checked that it is the payee, and has made the payment durable.
[[nodiscard]] PaymentConfirmation confirm(const Payment& payment, const Identity& payee, SystemTime now);

// The first ISP's check of an order by the key that the payer enrolled. `now` also decides expiry.
[[nodiscard]] tl::expected<void, PaymentError> verify(const SignedOrder& order, const PublicKey& payer, SystemTime now);
// The payer's check, and that of any ISP that is asked to cancel (NetPaS §4.3.1).
[[nodiscard]] tl::expected<void, PaymentError> verify(const PaymentConfirmation& confirmation, const Payment& payment);

void encode(Writer& writer, const Payment& payment);
void encode(Writer& writer, const SignedOrder& order);
void encode(Writer& writer, const PaymentConfirmation& confirmation);
// Fail the reader when the encoding is not the one that encode() writes, or check() fails.
[[nodiscard]] Payment decodePayment(Reader& reader);
[[nodiscard]] SignedOrder decodeSignedOrder(Reader& reader);
[[nodiscard]] PaymentConfirmation decodeConfirmation(Reader& reader);

}  // namespace netpas::payments
