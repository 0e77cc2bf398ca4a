// Documents of a directory: what parses, survives its own JSON; envelopes that were not signed are never opened.
#include <cstdlib>
#include <string_view>

#include "core/directory/documents.h"

using namespace netpas;
using namespace netpas::directory;

namespace {

template <typename Document, typename Parse>
void check(std::string_view text, Parse parse) {
    const auto document = parse(text);
    if (!document) return;
    const auto again = parse(toJson(*document));
    if (!again || !(*again == *document)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check<Descriptor>(text, descriptorFromJson);
    check<Menu>(text, menuFromJson);
    check<Keys>(text, keysFromJson);
    check<Paths>(text, pathsFromJson);
    check<PayeeCertificates>(text, payeeFromJson);
    static const PublicKey stranger = Identity::fromSeed({7}).publicKey();
    if (open(text, stranger)) std::abort();
    if (const auto url = parseJoinUrl(text)) {
        const auto again = parseJoinUrl(toString(*url));
        if (!again || !(again->directory == url->directory) || !(again->key == url->key)) std::abort();
    }
    return 0;
}
