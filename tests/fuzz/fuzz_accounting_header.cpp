// Decode – encode – decode of the accounting header; the raw accessors must agree with the decoded form.
#include <cstdlib>

#include "core/wire/accounting_header.h"

using namespace netpas;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::span<const uint8_t> input(data, size);
    const auto header = AccountingHeader::decode(input);
    if (header.has_value() != header_bytes::validate(input).has_value()) std::abort();
    if (!header) return 0;
    std::array<uint8_t, header_bytes::maxSize> bytes{};
    if (header->encode(bytes) != header->size() || header->size() > size) std::abort();
    const auto again = AccountingHeader::decode(bytes);
    if (!again || !(*again == *header)) std::abort();
    for (size_t i = 0; i + 1 < header->hops().size(); ++i) {
        header_bytes::setExit(bytes.data(), i, ExitPoint(513));
        if (header_bytes::exit(bytes.data(), i) != ExitPoint(513)) std::abort();
        if (header_bytes::service(bytes.data(), i + 1) != header->hops()[i + 1].service) std::abort();
    }
    if (header->total().isNegative()) std::abort();
    return 0;
}
