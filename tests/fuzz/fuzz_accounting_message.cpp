// What decodes is canonical: it encodes to the same bytes. Nothing crashes, whatever comes.
#include <algorithm>
#include <cstdlib>

#include "core/accounting/confirmation_batch.h"
#include "core/accounting/messages.h"

using namespace netpas;
using namespace netpas::accounting;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ByteView input(data, size);
    auto message = decode(input);
    if (!message) return 0;
    const Bytes again = encode(*message);
    if (!std::ranges::equal(again, input)) std::abort();
    // What a server does with a confirmation before it believes it.
    if (const auto* forwarded = std::get_if<ForwardedConfirmation>(&*message)) {
        if (pathOf(forwarded->confirmation) && forwarded->confirmation.header.hops().empty()) std::abort();
        if (confirmingMessage(forwarded->confirmation).size() > maxMessageSize) std::abort();
    }
    if (auto* batch = std::get_if<ConfirmationBatch>(&*message)) {
        const bool countersign = batch->countersign;
        const auto opened = openBatch(std::move(*batch));
        if (!opened) return 0;
        const auto packed = packBatches(opened->confirmations, countersign);
        if (packed.empty() || packed.front().roots.empty()) std::abort();
        for (const ProvenConfirmation& proven : opened->confirmations) {
            if (!standalone(proven).confirmingPath) std::abort();
        }
    }
    return 0;
}
