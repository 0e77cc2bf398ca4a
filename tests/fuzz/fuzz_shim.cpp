// Decode – encode – decode of the shim.
#include <algorithm>
#include <cstdlib>

#include "core/wire/shim.h"

using namespace netpas;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::span<const uint8_t> input(data, size);
    const auto kind = shimKind(input);
    if (!kind) return 0;
    if (*kind == ShimKind::Customer) {
        const auto shim = decodeCustomerShim(input);
        if (!shim) return 0;
        std::array<uint8_t, customerShimSize> bytes{};
        encodeCustomerShim(*shim, bytes);
        if (!std::equal(bytes.begin(), bytes.end(), data)) std::abort();
        return 0;
    }
    std::array<uint8_t, plainShimSize> bytes{};
    encodePlainShim(*kind, bytes);
    if (!std::equal(bytes.begin(), bytes.end(), data)) std::abort();
    return 0;
}
