// Longest-prefix match over both families, for tables that are built once and then only read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/net_address.h"

namespace netpas::tun {

// One hash table for each prefix length that occurs, longest first: an ISP's own prefixes have few lengths.
class PrefixTable {
public:
    struct Entry {
        IpPrefix prefix;
        uint32_t value = 0;
    };

    PrefixTable() = default;
    // Of several entries with the same prefix the first counts.
    explicit PrefixTable(std::span<const Entry> entries);

    // 4 or 16 bytes in network order.
    [[nodiscard]] std::optional<uint32_t> find(std::span<const uint8_t> address) const;

private:
    struct Bits {
        uint64_t high = 0;
        uint64_t low = 0;
        friend bool operator==(const Bits&, const Bits&) = default;
    };
    struct Slot {
        Bits bits;
        uint32_t value = 0;
        bool used = false;
    };
    struct Level {
        uint8_t length = 0;
        Bits mask;
        std::vector<Slot> cells;  // a power of two, at most half full
    };

    [[nodiscard]] static Bits bitsOf(std::span<const uint8_t> address);
    [[nodiscard]] static Bits maskOf(uint8_t length);
    [[nodiscard]] static size_t hash(const Bits& bits);
    static void build(std::vector<Level>& levels, std::span<const Entry> entries, bool v6);

    std::vector<Level> m_v4;
    std::vector<Level> m_v6;
};

}  // namespace netpas::tun
