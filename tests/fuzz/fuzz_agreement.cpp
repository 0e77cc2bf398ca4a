// Datagrams of neighbours: what decodes is in range and encodes to the same bytes; no stranger's signature holds.
#include <algorithm>
#include <cstdlib>

#include "core/agreement/messages.h"

using namespace netpas;
using namespace netpas::agreement;

namespace {

constexpr size_t signatureSize = 64;

// All but the signature, which the fuzzer cannot make.
void sameBody(ByteView source, const Bytes& again) {
    if (again.size() != source.size() || again.size() > maxDatagram) std::abort();
    if (!std::equal(source.begin(), source.end() - signatureSize, again.begin())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const Identity me = Identity::fromSeed({77});
    const ByteView bytes(data, size);
    const auto advert = decodeAdvert(bytes);
    const auto message = decodeMessage(bytes);
    if (advert && message) std::abort();
    if (advert) {
        if (!looksLikeAdvert(bytes) || !isValid(*advert) || verifyAdvert(bytes, me.publicKey())) std::abort();
        sameBody(bytes, sign(*advert, me));
    }
    if (message) {
        if (verifyMessage(bytes, *message, me.publicKey())) std::abort();
        if (const auto* offer = std::get_if<Offer>(&*message); offer != nullptr && !check(offer->terms)) std::abort();
        sameBody(bytes, sign(*message, me));
    }
    return 0;
}
