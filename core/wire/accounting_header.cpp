#include "core/wire/accounting_header.h"

#include <algorithm>
#include <cstring>

namespace netpas {

std::string_view describe(HeaderError error) {
    switch (error) {
    case HeaderError::Truncated: return "the accounting header is shorter than its path length says";
    case HeaderError::NonZeroPadding: return "the accounting header's padding is not zero";
    case HeaderError::DuplicateIsp: return "an ISP stands twice in the accounting header";
    }
    return "unknown header error";
}

tl::expected<AccountingHeader, HeaderError> AccountingHeader::make(std::span<const HopBlock> hops) {
    if (hops.empty() || hops.size() > maxHops) return tl::unexpected(HeaderError::Truncated);
    AccountingHeader header;
    header.m_count = hops.size();
    for (size_t i = 0; i < hops.size(); ++i) {
        for (size_t j = 0; j < i; ++j) {
            if (hops[i].isp == hops[j].isp) return tl::unexpected(HeaderError::DuplicateIsp);
        }
        header.m_hops[i] = hops[i];
    }
    header.m_hops[hops.size() - 1].exit = ExitPoint(0);  // the wire has no place for it
    return header;
}

tl::expected<AccountingHeader, HeaderError> AccountingHeader::decode(std::span<const uint8_t> bytes) {
    const auto size = header_bytes::validate(bytes);
    if (!size) return tl::unexpected(size.error());
    AccountingHeader header;
    header.m_count = header_bytes::hopCount(bytes.data());
    for (size_t i = 0; i < header.m_count; ++i) {
        header.m_hops[i] = {header_bytes::isp(bytes.data(), i), header_bytes::service(bytes.data(), i),
                            header_bytes::price(bytes.data(), i), header_bytes::exit(bytes.data(), i)};
    }
    return header;
}

size_t AccountingHeader::encode(std::span<uint8_t> out) const {
    if (m_count == 0 || out.size() < size()) return 0;
    std::memset(out.data(), 0, size());
    for (size_t i = 0; i < m_count; ++i) {
        uint8_t* block = out.data() + i * header_bytes::blockSize;
        block[1] = static_cast<uint8_t>(block[1] | m_hops[i].service.value());
        block[2] = static_cast<uint8_t>(m_hops[i].isp.value() >> 8);
        block[3] = static_cast<uint8_t>(m_hops[i].isp.value());
        block[4] = m_hops[i].price.code();
    }
    out[0] = static_cast<uint8_t>((m_count - 1) << 4);
    for (size_t i = 0; i + 1 < m_count; ++i) header_bytes::setExit(out.data(), i, m_hops[i].exit);
    return size();
}

Money AccountingHeader::total(size_t first) const {
    int64_t eighths = 0;
    for (size_t i = first; i < m_count; ++i) eighths += m_hops[i].price.value().eighths();
    return Money::fromEighths(eighths);
}

}  // namespace netpas
