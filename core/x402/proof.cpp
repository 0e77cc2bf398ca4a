#include "core/x402/proof.h"

#include "core/crypto/hex.h"
#include "core/plain_text.h"
#include "core/x402/text.h"

namespace netpas::x402 {

using nlohmann::json;

namespace {

template <typename Value>
std::string base64Of(const Value& value) {
    Writer writer;
    payments::encode(writer, value);
    return toBase64(writer.data());
}

json payloadOf(const Proof& proof) {
    return {{"payment", base64Of(proof.payment)},
            {"confirmation", base64Of(proof.confirmation)},
            {"salt", toHex(proof.salt)},
            {"resource", proof.resource}};
}

tl::expected<Proof, ProofError> proofIn(const json& payload) {
    constexpr size_t longest = 400;
    const auto payment = fromBase64(textIn(payload, "payment", longest));
    const auto confirmation = fromBase64(textIn(payload, "confirmation", longest));
    Proof proof;
    proof.resource = textIn(payload, "resource", maxUrl);
    const bool salted = fromHex(textIn(payload, "salt", 2 * proof.salt.size()), proof.salt);
    if (!payment || !confirmation || !salted || proof.resource.empty()) return tl::unexpected(ProofError::Malformed);
    Reader first(*payment), second(*confirmation);
    proof.payment = payments::decodePayment(first);
    proof.confirmation = payments::decodeConfirmation(second);
    if (!first.finished() || !second.finished()) return tl::unexpected(ProofError::Malformed);
    return proof;
}

tl::expected<Presented, ProofError> presentedFrom(const json& object) {
    const json* const version = memberOf(object, "x402Version");
    if (version == nullptr || (*version != 1 && *version != 2)) return tl::unexpected(ProofError::OtherVersion);
    Presented presented;
    presented.version = *version == 1 ? Version::One : Version::Two;
    const json* const named = presented.version == Version::One ? &object : memberOf(object, "accepted");
    const json* const payload = memberOf(object, "payload");
    if (named == nullptr || !named->is_object() || payload == nullptr || !payload->is_object()) {
        return tl::unexpected(ProofError::Malformed);
    }
    const std::string network = textIn(*named, "network", 64);
    if (textIn(*named, "scheme", 64) != scheme) return tl::unexpected(ProofError::OtherNetwork);
    const auto isp = ispOf(network);
    if (!isp) return tl::unexpected(ProofError::OtherNetwork);
    presented.isp = *isp;
    if (presented.version == Version::Two) presented.accepted = dump(*named);
    auto proof = proofIn(*payload);
    if (!proof) return tl::unexpected(proof.error());
    presented.proof = std::move(*proof);
    return presented;
}

tl::expected<json, ProofError> parsed(std::string_view text) {
    if (text.size() > maxBody) return tl::unexpected(ProofError::TooLarge);
    if (!isShallow(text)) return tl::unexpected(ProofError::TooDeep);
    json object = json::parse(text, nullptr, false);
    if (!object.is_object()) return tl::unexpected(ProofError::NotJson);
    return object;
}

ProofError errorOf(OfferError error) {
    switch (error) {
    case OfferError::TooLarge: return ProofError::TooLarge;
    case OfferError::NotBase64: return ProofError::NotBase64;
    case OfferError::NotJson: return ProofError::NotJson;
    case OfferError::TooDeep: return ProofError::TooDeep;
    case OfferError::OtherVersion: return ProofError::OtherVersion;
    case OfferError::Malformed: return ProofError::Malformed;
    case OfferError::OtherNetwork: return ProofError::OtherNetwork;
    }
    return ProofError::Malformed;
}

}  // namespace

std::optional<Proof> proofFrom(ByteView message, ByteView signature, const payments::DescriptionSalt& salt,
                               std::string resource) {
    Reader reader(message);
    (void)reader.blob16();  // what the signature is for
    Proof proof;
    proof.payment = payments::decodePayment(reader);
    proof.salt = salt;
    proof.resource = std::move(resource);
    // A confirmation names its payment, and then has the same bytes.
    Writer writer;
    writer.bytes(proof.payment.id);
    writer.bytes(reader.bytes(reader.remaining()));
    writer.bytes(signature);
    Reader confirmation(writer.data());
    proof.confirmation = payments::decodeConfirmation(confirmation);
    if (!reader.finished() || !confirmation.finished()) return std::nullopt;
    if (!payments::verify(proof.confirmation, proof.payment)) return std::nullopt;
    return proof;
}

std::string descriptionOf(std::string_view resource) { return "HTTP 402: " + std::string(resource); }

std::string encodePayload(const Proof& proof) { return dump(payloadOf(proof)); }

Header encodeProof(Version version, const Terms& terms, const Proof& proof) {
    json object{{"x402Version", static_cast<int>(version)}, {"payload", payloadOf(proof)}};
    if (version == Version::One) {
        object["scheme"] = scheme;
        object["network"] = networkOf(terms.isp);
    } else {
        object["accepted"] = json::parse(terms.asOffered, nullptr, false);
        object["resource"] = {{"url", proof.resource}};
    }
    const std::string text = dump(object);
    return {version == Version::One ? "X-PAYMENT" : "PAYMENT-SIGNATURE",
            toBase64({reinterpret_cast<const uint8_t*>(text.data()), text.size()})};
}

std::string_view code(ProofError error) {
    switch (error) {
    case ProofError::TooLarge: return "payload_too_large";
    case ProofError::NotBase64: return "invalid_base64";
    case ProofError::NotJson: return "invalid_json";
    case ProofError::TooDeep: return "invalid_json_depth";
    case ProofError::OtherVersion: return "invalid_x402_version";
    case ProofError::Malformed: return "invalid_payload";
    case ProofError::OtherNetwork: return "invalid_network";
    case ProofError::OtherPayee: return "invalid_payee";
    case ProofError::OtherResource: return "invalid_resource";
    case ProofError::TooLittle: return "insufficient_amount";
    case ProofError::OtherCurrency: return "invalid_asset";
    case ProofError::BadSignature: return "invalid_signature";
    }
    return {};
}

std::string_view describe(ProofError error) {
    switch (error) {
    case ProofError::TooLarge: return "the proof is too long";
    case ProofError::NotBase64: return "the proof is not base64";
    case ProofError::NotJson: return "the proof is not JSON";
    case ProofError::TooDeep: return "the proof is nested too deeply";
    case ProofError::OtherVersion: return "the proof is of another version of x402 than 1 and 2";
    case ProofError::Malformed: return "the proof is garbled";
    case ProofError::OtherNetwork: return "the proof is for another network";
    case ProofError::OtherPayee: return "somebody else was paid";
    case ProofError::OtherResource: return "something else was paid for";
    case ProofError::TooLittle: return "too little was paid";
    case ProofError::OtherCurrency: return "paid in another currency";
    case ProofError::BadSignature: return "the payee's signature is wrong";
    }
    return {};
}

tl::expected<Presented, ProofError> decodeProofJson(std::string_view text) {
    const auto object = parsed(text);
    if (!object) return tl::unexpected(object.error());
    return presentedFrom(*object);
}

tl::expected<Presented, ProofError> decodeProof(std::string_view header) {
    if (header.size() > maxHeader) return tl::unexpected(ProofError::TooLarge);
    const auto bytes = fromBase64(header);
    if (!bytes) return tl::unexpected(ProofError::NotBase64);
    return decodeProofJson({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
}

tl::expected<FacilitatorRequest, ProofError> decodeFacilitatorRequest(std::string_view text) {
    const auto object = parsed(text);
    if (!object) return tl::unexpected(object.error());
    const json* const payload = memberOf(*object, "paymentPayload");
    const json* const requirements = memberOf(*object, "paymentRequirements");
    if (payload == nullptr || requirements == nullptr) return tl::unexpected(ProofError::Malformed);
    auto presented = presentedFrom(*payload);
    if (!presented) return tl::unexpected(presented.error());
    // Read like an offer of this alone.
    json wrapped{{"x402Version", static_cast<int>(presented->version)}, {"accepts", json::array({*requirements})}};
    wrapped["resource"] = {{"url", presented->proof.resource}};
    const auto offer = decodeOfferJson(dump(wrapped));
    if (!offer) return tl::unexpected(errorOf(offer.error().error));
    const bool ownWord = presented->version == Version::One;
    return FacilitatorRequest{std::move(*presented), offer->terms.front(), ownWord ? offer->url : std::string()};
}

std::optional<ProofError> check(const Proof& proof, const Terms& required, std::string_view resource) {
    const payments::Payment& payment = proof.payment;
    if (payment.payee != required.payee) return ProofError::OtherPayee;
    if (payment.currency != payments::dollars) return ProofError::OtherCurrency;
    if (payment.amount < required.amount) return ProofError::TooLittle;
    const bool same =
        proof.resource == resource && payment.description == payments::describe(descriptionOf(resource), proof.salt);
    if (!same) return ProofError::OtherResource;
    if (!payments::verify(proof.confirmation, payment)) return ProofError::BadSignature;
    return std::nullopt;
}

}  // namespace netpas::x402
