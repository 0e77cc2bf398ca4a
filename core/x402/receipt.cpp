#include "core/x402/receipt.h"

#include "core/x402/text.h"

namespace netpas::x402 {

using nlohmann::json;

std::string toJson(const Receipt& receipt) {
    json object{{"success", receipt.success},
                {"transaction", receipt.transaction},
                {"network", receipt.network},
                {"amount", nanodollarsOf(receipt.amount)}};
    if (!receipt.reason.empty()) object["errorReason"] = receipt.reason;
    if (receipt.success) object["extra"] = {{"again", receipt.again}};
    return dump(object);
}

Header encodeReceipt(Version version, const Receipt& receipt) {
    const std::string text = toJson(receipt);
    return {version == Version::One ? "X-PAYMENT-RESPONSE" : "PAYMENT-RESPONSE",
            toBase64({reinterpret_cast<const uint8_t*>(text.data()), text.size()})};
}

tl::expected<Receipt, ProofError> decodeReceipt(std::string_view header) {
    if (header.size() > maxHeader) return tl::unexpected(ProofError::TooLarge);
    const auto bytes = fromBase64(header);
    if (!bytes) return tl::unexpected(ProofError::NotBase64);
    const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    if (!isShallow(text)) return tl::unexpected(ProofError::TooDeep);
    const json object = json::parse(text, nullptr, false);
    const json* const success = memberOf(object, "success");
    if (success == nullptr || !success->is_boolean()) return tl::unexpected(ProofError::Malformed);
    Receipt receipt;
    receipt.success = success->get<bool>();
    receipt.reason = textIn(object, "errorReason", 200);
    receipt.transaction = textIn(object, "transaction", 128);
    receipt.network = textIn(object, "network", 64);
    // Optional: what was owed is known from the payment.
    receipt.amount = moneyFromNanodollars(textIn(object, "amount", 20)).value_or(Money::zero());
    const json* const extra = memberOf(object, "extra");
    const json* const again = extra != nullptr ? memberOf(*extra, "again") : nullptr;
    receipt.again = again != nullptr && again->is_boolean() && again->get<bool>();
    return receipt;
}

}  // namespace netpas::x402
