// What the database remembers of neighbours: what decodes, encodes to the same bytes.
#include <algorithm>
#include <cstdlib>

#include "secretary/agreements/books.h"

using namespace netpas;
using namespace netpas::secretary::agreements;

namespace {

template <typename Record>
void same(const std::optional<Record>& record, ByteView source) {
    if (!record) return;
    const Bytes again = encode(*record);
    if (!std::equal(source.begin(), source.end(), again.begin(), again.end())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ByteView bytes(data, size);
    const auto pair = decodePair(bytes);
    same(pair, bytes);
    if (pair && due(pair->mine, pair->theirs).eighths() != -due(pair->theirs, pair->mine).eighths()) std::abort();
    same(decodeAgreement(bytes), bytes);
    return 0;
}
