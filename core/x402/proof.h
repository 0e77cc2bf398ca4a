// What a buyer shows for having paid (x402 versions 1 and 2): the micropayment with its payee's signed confirmation, bound to
// what was bought by the payment's description. Plain values; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "core/payments/micropayment.h"
#include "core/x402/offer.h"

namespace netpas::x402 {

struct Proof {
    payments::Payment payment;
    payments::PaymentConfirmation confirmation;
    payments::DescriptionSalt salt{};
    std::string resource;  // what was paid for: the offer's URL
    friend bool operator==(const Proof&, const Proof&) = default;
};

// From what a payer's ledger keeps of a payment that was confirmed (payments::confirmationMessage() and the signature over it); nothing
// when that is no good.
[[nodiscard]] std::optional<Proof> proofFrom(ByteView message, ByteView signature,
                                             const payments::DescriptionSalt& salt, std::string resource);

// The description of a payment for that.
[[nodiscard]] std::string descriptionOf(std::string_view resource);

struct Header {
    std::string name;
    std::string value;
};
// PAYMENT-SIGNATURE or X-PAYMENT. `terms` of that offer.
[[nodiscard]] Header encodeProof(Version version, const Terms& terms, const Proof& proof);
// The member "payload" alone, as JSON: for programs that make the header themselves.
[[nodiscard]] std::string encodePayload(const Proof& proof);

struct Presented {
    Version version = Version::Two;
    IspId isp;             // of the network that it names
    std::string accepted;  // the terms that it repeats, as JSON; empty with version 1
    Proof proof;
};

enum class ProofError {
    TooLarge,
    NotBase64,
    NotJson,
    TooDeep,
    OtherVersion,
    Malformed,
    OtherNetwork,
    OtherPayee,     // paid to somebody else
    OtherResource,  // paid for something else
    TooLittle,
    OtherCurrency,
    BadSignature,
};
// Stable, for programs: the invalidReason of x402.
[[nodiscard]] std::string_view code(ProofError error);
[[nodiscard]] std::string_view describe(ProofError error);

[[nodiscard]] tl::expected<Presented, ProofError> decodeProof(std::string_view header);
[[nodiscard]] tl::expected<Presented, ProofError> decodeProofJson(std::string_view json);

// What the body of a facilitator's /verify and /settle holds: {x402Version, paymentPayload, paymentRequirements}.
struct FacilitatorRequest {
    Presented presented;
    Terms required;
    std::string resource;  // the seller's own word (version 1), else empty
};
[[nodiscard]] tl::expected<FacilitatorRequest, ProofError> decodeFacilitatorRequest(std::string_view json);

// Everything that needs no books: whether it was paid to that payee, as much, for that, and confirmed by the payee.
[[nodiscard]] std::optional<ProofError> check(const Proof& proof, const Terms& required, std::string_view resource);

}  // namespace netpas::x402
