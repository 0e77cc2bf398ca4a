// What a seller says of a payment with the content (PAYMENT-RESPONSE, X-PAYMENT-RESPONSE) and a facilitator to /settle. Plain values.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "core/money.h"
#include "core/x402/proof.h"

namespace netpas::x402 {

struct Receipt {
    bool success = false;
    std::string reason;       // why not: stable, for programs
    std::string transaction;  // identifier of the payment, hexadecimal
    std::string network;
    Money amount;
    bool again = false;  // the proof was shown before, for the same; it counts once
};

[[nodiscard]] std::string toJson(const Receipt& receipt);
[[nodiscard]] Header encodeReceipt(Version version, const Receipt& receipt);
[[nodiscard]] tl::expected<Receipt, ProofError> decodeReceipt(std::string_view header);

}  // namespace netpas::x402
