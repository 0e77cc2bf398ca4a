// Shared measurements: what decodes is in range and encodes to the same bytes; no stranger's signature holds.
#include <cstdlib>

#include "cartographer/share/record.h"

using namespace netpas;
using namespace netpas::share;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ByteView bytes(data, size);
    const auto record = decode(bytes);
    if (!record) return 0;
    const Bytes again = encode(*record);
    if (again.size() > maxRecordBytes || again != Bytes(bytes.begin(), bytes.end())) std::abort();
    if (!check(record->record) || record->record.figures.size() > maxFigures) std::abort();
    if (verify(*record, CommunityId{1})) std::abort();
    return 0;
}
