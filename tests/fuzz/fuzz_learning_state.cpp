// Decode – encode – decode of what was learnt.
#include <algorithm>
#include <cstdlib>

#include "secretary/learning/engine.h"

using namespace netpas;
using namespace netpas::secretary::learning;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto engine = Engine::restore({data, size});
    if (!engine) return 0;
    const Bytes encoded = engine->save();
    if (!std::equal(encoded.begin(), encoded.end(), data, data + size)) std::abort();
    return 0;
}
