// What decodes is canonical: it encodes to the same bytes. Nothing crashes, whatever comes.
#include <algorithm>
#include <cstdlib>

#include "core/accounting/messages.h"

using namespace netpas;
using namespace netpas::accounting;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ByteView input(data, size);
    const auto message = decode(input);
    if (!message) return 0;
    const Bytes again = encode(*message);
    if (!std::ranges::equal(again, input)) std::abort();
    // What a server does with a confirmation before it believes it.
    if (const auto* forwarded = std::get_if<ForwardedConfirmation>(&*message)) {
        if (pathOf(forwarded->confirmation) && forwarded->confirmation.header.hops().empty()) std::abort();
        if (confirmingMessage(forwarded->confirmation).size() > maxMessageSize) std::abort();
    }
    return 0;
}
