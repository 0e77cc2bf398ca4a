// What the database remembers of neighbours: what decodes, encodes to the same bytes, or to what means the same today.
#include <algorithm>
#include <cstdlib>

#include "secretary/agreements/books.h"

using namespace netpas;
using namespace netpas::secretary::agreements;

namespace {

template <typename Record, typename Decode>
void same(const std::optional<Record>& record, ByteView source, Decode decode) {
    if (!record) return;
    const Bytes again = encode(*record);
    const bool written = source[0] == again[0];  // by this version
    if (written && !std::equal(source.begin(), source.end(), again.begin(), again.end())) std::abort();
    if (decode(again) != record) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ByteView bytes(data, size);
    const auto pair = decodePair(bytes);
    same(pair, bytes, decodePair);
    if (pair && due(pair->mine, pair->theirs).eighths() != -due(pair->theirs, pair->mine).eighths()) std::abort();
    same(decodeAgreement(bytes), bytes, decodeAgreement);
    return 0;
}
