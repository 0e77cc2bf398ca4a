// A stored question: whatever is accepted is written back as it was, and is within its bounds.
#include <algorithm>
#include <cstdlib>

#include "secretary/prompts/prompt.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace netpas::secretary::prompts;
    const netpas::ByteView input(data, size);
    const auto entry = decodeEntry(input);
    if (!entry) return 0;
    const netpas::Bytes written = encode(*entry);
    if (!std::equal(written.begin(), written.end(), input.begin(), input.end())) std::abort();
    if (entry->request.facts.size() > mostFacts || entry->request.tiers.size() > mostTiers) std::abort();
    return 0;
}
