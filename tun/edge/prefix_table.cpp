#include "tun/edge/prefix_table.h"

#include <algorithm>
#include <bit>

#include "core/bytes.h"

namespace netpas::tun {

PrefixTable::PrefixTable(std::span<const Entry> entries) {
    build(m_v4, entries, false);
    build(m_v6, entries, true);
}

PrefixTable::Bits PrefixTable::bitsOf(std::span<const uint8_t> address) {
    if (address.size() == 4) return {uint64_t{load32(address.data())} << 32, 0};
    return {load64(address.data()), load64(address.data() + 8)};
}

PrefixTable::Bits PrefixTable::maskOf(uint8_t length) {
    if (length == 0) return {};
    if (length <= 64) return {~uint64_t{0} << (64 - length), 0};
    return {~uint64_t{0}, ~uint64_t{0} << (128 - length)};
}

size_t PrefixTable::hash(const Bits& bits) {
    const uint64_t mixed = (bits.high ^ (bits.low * 0x9e3779b97f4a7c15)) * 0xff51afd7ed558ccd;
    return static_cast<size_t>(mixed >> 32);
}

void PrefixTable::build(std::vector<Level>& levels, std::span<const Entry> entries, bool v6) {
    std::vector<Entry> sorted;
    std::copy_if(entries.begin(), entries.end(), std::back_inserter(sorted),
                 [v6](const Entry& entry) { return entry.prefix.address().isV6() == v6; });
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Entry& a, const Entry& b) { return a.prefix.length() > b.prefix.length(); });
    for (size_t from = 0; from < sorted.size();) {
        const uint8_t length = sorted[from].prefix.length();
        size_t to = from;
        while (to < sorted.size() && sorted[to].prefix.length() == length) ++to;
        Level level{length, maskOf(length), std::vector<Slot>(std::bit_ceil((to - from) * 2))};
        for (; from < to; ++from) {
            const Bits bits = bitsOf(sorted[from].prefix.address().bytes());
            size_t i = hash(bits) & (level.cells.size() - 1);
            while (level.cells[i].used && level.cells[i].bits != bits) i = (i + 1) & (level.cells.size() - 1);
            if (!level.cells[i].used) level.cells[i] = {bits, sorted[from].value, true};
        }
        levels.push_back(std::move(level));
    }
}

std::optional<uint32_t> PrefixTable::find(std::span<const uint8_t> address) const {
    const Bits bits = bitsOf(address);
    for (const Level& level : address.size() == 4 ? m_v4 : m_v6) {
        const Bits wanted{bits.high & level.mask.high, bits.low & level.mask.low};
        const size_t mask = level.cells.size() - 1;
        for (size_t i = hash(wanted) & mask; level.cells[i].used; i = (i + 1) & mask) {
            if (level.cells[i].bits == wanted) return level.cells[i].value;
        }
    }
    return std::nullopt;
}

}  // namespace netpas::tun
