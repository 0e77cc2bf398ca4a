// Which messages were seen before, by identifier and time (NetPaS §4.2.3, §5.2, §6): a wheel of seconds, each slice a table of
// keyed 64-bit fingerprints. A message always names the same time, so one slice is looked at; a slice that is too old leaves as a
// whole. Two identifiers of one slice share a fingerprint with probability entries / 2^64, and nobody without the key can
// choose them. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/bytes.h"
#include "core/clock.h"

namespace netpas::accounting {

class ReplayTable {
public:
    // Times older than `lifetime` before the newest now, or further ahead than `ahead`, are outside.
    ReplayTable(std::chrono::seconds lifetime, std::chrono::seconds ahead);

    enum class Seen {
        No,       // remembered from now on
        Before,   // a duplicate
        Outside,  // too old, or too far ahead: not remembered
    };
    [[nodiscard]] Seen insert(ByteView id, SystemTime time, SystemTime now);
    // Without remembering it.
    [[nodiscard]] bool contains(ByteView id, SystemTime time) const;

    [[nodiscard]] size_t size() const { return m_size; }
    // Of the tables.
    [[nodiscard]] size_t bytes() const;

private:
    // Open addressing, at most 4/5 full; 0 is an empty place.
    struct Slice {
        int64_t second = INT64_MIN;
        size_t used = 0;
        std::vector<uint64_t> places;
    };
    [[nodiscard]] uint64_t fingerprint(ByteView id) const;
    [[nodiscard]] static bool find(const Slice& slice, uint64_t print);
    static void put(Slice& slice, uint64_t print);
    static void grow(Slice& slice);

    int64_t m_lifetime;
    int64_t m_ahead;
    int64_t m_newest = INT64_MIN;  // time only goes on, whatever the clock does
    size_t m_size = 0;
    std::vector<Slice> m_wheel;
    std::array<uint8_t, 16> m_key{};
};

}  // namespace netpas::accounting
