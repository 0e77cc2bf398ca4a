// Accounting headers ready to be copied in front of packets, with what they cost.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/money.h"
#include "core/wire/accounting_header.h"
#include "tun/agent/agent_plane.h"

namespace netpas::tun {

struct HeaderTemplate {
    std::array<uint8_t, header_bytes::maxSize> bytes{};
    uint16_t innerLength = 0;
    uint16_t minute = 0;
    bool made = false;
    bool payable = false;  // false: no price code is large enough
    Money total;           // of all prices in it
};

// The header for a packet of `innerLength` bytes at a minute of the day: each ISP's price is computed from its model and the encoded prices of the
// ISPs behind it, from the last one backwards, and encoded rounding up. Nothing when a price is too high to be encoded. The path is valid.
// `charges`: of guarantees, by position on the path, beside the price.
[[nodiscard]] std::optional<AccountingHeader> priceHeader(std::span<const AgentHop> path, uint32_t innerLength,
                                                          uint16_t minute, const HopCharges& charges = {});

// The recently used templates of one flow. One packet thread.
class HeaderTemplates {
public:
    explicit HeaderTemplates(std::span<const AgentHop> path);

    // Bytes of every header of this path.
    [[nodiscard]] size_t headerSize() const noexcept { return m_headerSize; }
    // Stays valid until the next call.
    [[nodiscard]] const HeaderTemplate& at(uint16_t innerLength, uint16_t minute) noexcept {
        if (!m_timed) minute = 0;
        HeaderTemplate& entry = m_entries[(innerLength * 0x9e37U >> 8) % m_entries.size()];
        if (!entry.made || entry.innerLength != innerLength || entry.minute != minute) make(entry, innerLength, minute);
        return entry;
    }

private:
    void make(HeaderTemplate& entry, uint16_t innerLength, uint16_t minute) noexcept;

    std::span<const AgentHop> m_path;
    size_t m_headerSize;
    bool m_timed = false;  // some price depends on the time of day
    std::array<HeaderTemplate, 16> m_entries{};
};

}  // namespace netpas::tun
