// Offers, proofs, facilitators' requests and receipts of x402, from whoever answers a request. What is taken comes back the same.
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/x402/receipt.h"
#include "core/x402/site.h"

using namespace netpas;
using namespace netpas::x402;

namespace {

void must(bool condition) {
    if (!condition) std::abort();
}

void offers(std::string_view text) {
    const auto header = decodeOffer(text);
    const auto offer = header ? header : decodeOfferJson(text);
    if (!offer) return;
    must(!offer->terms.empty() && offer->url.size() <= maxUrl);
    for (const Terms& terms : offer->terms) {
        must(terms.amount > Money::zero() && terms.isp.value() != 0 && terms.timeout > std::chrono::seconds(0));
    }
    const auto again =
        offer->version == Version::One ? decodeOfferJson(encodeOfferJson(*offer)) : decodeOffer(encodeOffer(*offer));
    // A certificate's address and a purpose may make it longer than what came.
    if (!again) return must(again.error().error == OfferError::TooLarge);
    must(again->url == offer->url && again->terms.size() == offer->terms.size());
    for (size_t i = 0; i < offer->terms.size(); ++i) {
        must(again->terms[i].amount == offer->terms[i].amount && again->terms[i].payee == offer->terms[i].payee &&
             again->terms[i].isp == offer->terms[i].isp);
    }
}

void proofs(std::string_view text) {
    const auto header = decodeProof(text);
    const auto shown = header ? header : decodeProofJson(text);
    if (shown) {
        Terms terms;
        terms.isp = shown->isp;
        terms.asOffered = shown->accepted;
        const auto again = decodeProof(encodeProof(shown->version, terms, shown->proof).value);
        if (again) {
            must(again->proof == shown->proof && again->isp == shown->isp);
        } else {
            must(again.error() == ProofError::TooLarge);
        }
        (void)check(shown->proof, terms, shown->proof.resource);
    }
    if (const auto asked = decodeFacilitatorRequest(text)) must(asked->required.amount > Money::zero());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    offers(text);
    proofs(text);
    if (const auto receipt = decodeReceipt(text)) (void)toJson(*receipt);
    if (const auto site = siteOf(text)) must(!site->host.empty() && site->port != 0);
    return 0;
}
