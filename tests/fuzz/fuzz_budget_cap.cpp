// A stored cap: whatever is accepted is written back as it was.
#include <cstdlib>

#include "secretary/budgets/budget.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace netpas::secretary::budgets;
    const netpas::ByteView input(data, size);
    const auto cap = decodeCap(input);
    if (!cap) return 0;
    const netpas::Bytes written = encode(*cap);
    if (!std::equal(written.begin(), written.end(), input.begin(), input.end())) std::abort();
    if (sentence(*cap).empty() || cap->amount.isNegative()) std::abort();
    return 0;
}
