// The accounting header: one block of 5 bytes per ISP on the path (NetPaS §5.1, Figure 7; core/wire/FORMAT.md).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include <tl/expected.hpp>

#include "core/ids.h"
#include "core/money.h"
#include "core/price_code.h"

namespace netpas {

enum class HeaderError {
    Truncated,       // shorter than its path length says
    NonZeroPadding,  // the bytes that round 5 n up to a multiple of 4 are not zero
    DuplicateIsp,    // an ISP stands twice on the path
};

[[nodiscard]] std::string_view describe(HeaderError error);

struct HopBlock {
    IspId isp;
    ServiceClass service;
    PriceCode price;
    ExitPoint exit;  // where this ISP hands the packet over; 0 = it chooses; always 0 for the last

    friend bool operator==(const HopBlock&, const HopBlock&) = default;
};

// Raw access for the data plane; the bytes have been decoded (validated) before.
namespace header_bytes {

inline constexpr size_t maxHops = 16;
inline constexpr size_t blockSize = 5;

[[nodiscard]] constexpr size_t paddedSize(size_t hops) { return (blockSize * hops + 3) & ~size_t{3}; }
inline constexpr size_t maxSize = paddedSize(maxHops);
inline constexpr size_t minSize = paddedSize(1);

// Of any non-empty header, validated or not.
[[nodiscard]] constexpr size_t hopCount(const uint8_t* header) { return (size_t{header[0]} >> 4) + 1; }
[[nodiscard]] constexpr IspId isp(const uint8_t* header, size_t hop) {
    const uint8_t* block = header + hop * blockSize;
    return IspId(static_cast<uint16_t>((uint32_t{block[2]} << 8) | block[3]));
}
[[nodiscard]] constexpr ServiceClass service(const uint8_t* header, size_t hop) {
    return ServiceClass(header[hop * blockSize + 1] & 0x3f);
}
[[nodiscard]] constexpr PriceCode price(const uint8_t* header, size_t hop) {
    return PriceCode::fromCode(header[hop * blockSize + 4]);
}
// The exit of hop i stands in block i + 1.
[[nodiscard]] constexpr ExitPoint exit(const uint8_t* header, size_t hop) {
    if (hop + 1 >= hopCount(header)) return ExitPoint(0);
    const uint8_t* block = header + (hop + 1) * blockSize;
    return ExitPoint(static_cast<uint16_t>((uint32_t{block[0]} << 2) | (block[1] >> 6)));
}
// hop + 1 < hopCount(header)
constexpr void setExit(uint8_t* header, size_t hop, ExitPoint exit) {
    uint8_t* block = header + (hop + 1) * blockSize;
    block[0] = static_cast<uint8_t>(exit.value() >> 2);
    block[1] = static_cast<uint8_t>((block[1] & 0x3f) | ((exit.value() & 3U) << 6));
}
// The checks of AccountingHeader::decode without building one: the header's size, or why not.
[[nodiscard]] inline tl::expected<size_t, HeaderError> validate(std::span<const uint8_t> bytes) {
    if (bytes.empty()) return tl::unexpected(HeaderError::Truncated);
    const uint8_t* header = bytes.data();
    const size_t hops = hopCount(header);
    const size_t size = paddedSize(hops);
    if (bytes.size() < size) return tl::unexpected(HeaderError::Truncated);
    for (size_t i = blockSize * hops; i < size; ++i) {
        if (header[i] != 0) return tl::unexpected(HeaderError::NonZeroPadding);
    }
    for (size_t i = 1; i < hops; ++i) {
        for (size_t j = 0; j < i; ++j) {
            if (isp(header, i) == isp(header, j)) return tl::unexpected(HeaderError::DuplicateIsp);
        }
    }
    return size;
}

}  // namespace header_bytes

class AccountingHeader {
public:
    static constexpr size_t maxHops = header_bytes::maxHops;
    static constexpr size_t paddedSize(size_t hops) { return header_bytes::paddedSize(hops); }

    // 1..16 hops, no ISP twice, the last hop's exit 0; nothing otherwise.
    [[nodiscard]] static tl::expected<AccountingHeader, HeaderError> make(std::span<const HopBlock> hops);
    // Reads the header at the front of `bytes`; size() says how many bytes it took.
    [[nodiscard]] static tl::expected<AccountingHeader, HeaderError> decode(std::span<const uint8_t> bytes);
    // Writes size() bytes; 0 when `out` is too small.
    [[nodiscard]] size_t encode(std::span<uint8_t> out) const;

    [[nodiscard]] std::span<const HopBlock> hops() const { return {m_hops.data(), m_count}; }
    [[nodiscard]] size_t size() const { return paddedSize(m_count); }
    // What the packet pays to hop `first` and all later ones. At most 16 · $4, so it cannot overflow.
    [[nodiscard]] Money total(size_t first = 0) const;

    friend bool operator==(const AccountingHeader&, const AccountingHeader&) = default;

private:
    size_t m_count = 0;
    std::array<HopBlock, maxHops> m_hops{};
};

}  // namespace netpas
