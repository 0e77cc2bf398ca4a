// What decodes is canonical: it encodes to the same bytes. Nothing crashes, whatever comes.
#include <algorithm>
#include <cstdlib>

#include "core/channel/messages.h"

using namespace netpas;
using namespace netpas::channel;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ByteView input(data, size);
    const auto message = decode(input);
    if (!message) return 0;
    const auto again = encode(*message);
    if (!again || !std::ranges::equal(*again, input)) std::abort();
    return 0;
}
