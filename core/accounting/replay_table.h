// Which messages were seen before, by identifier and time (NetPaS §4.2.3, §5.2, §6): a wheel of seconds, each slice a table of
// keyed 64-bit fingerprints, 48 bits of the identifier and 16 of the contents. A message always names the same time, so one
// slice is looked at; a slice that is too old leaves as a whole. Something new is taken for a duplicate with probability
// (entries of the slice) / 2^64 and for another message with a used identifier with (entries) / 2^48, and nobody without
// the key can choose either. One thread.
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
    // Takes at most `limit`.
    ReplayTable(std::chrono::seconds lifetime, std::chrono::seconds ahead, size_t limit = SIZE_MAX);

    enum class Seen {
        No,       // remembered from now on
        Before,   // a duplicate
        Other,    // the identifier was seen with other contents
        Outside,  // too old, or too far ahead: not remembered
        Full,     // not remembered: old entries must leave first
    };
    // `contents`: a digest of the message; any part of it is as good as another.
    [[nodiscard]] Seen insert(ByteView id, uint64_t contents, SystemTime time, SystemTime now);
    // Without remembering it.
    [[nodiscard]] Seen look(ByteView id, uint64_t contents, SystemTime time) const;
    // What is too old leaves.
    void advance(SystemTime now);

    [[nodiscard]] size_t size() const { return m_size; }
    [[nodiscard]] bool full() const { return m_size >= m_limit; }
    // Of the tables.
    [[nodiscard]] size_t bytes() const;

private:
    // Open addressing, at most 4/5 full; 0 is an empty place.
    struct Slice {
        int64_t second = INT64_MIN;
        size_t used = 0;
        std::vector<uint64_t> places;
    };
    [[nodiscard]] uint64_t fingerprint(ByteView id, uint64_t contents) const;
    [[nodiscard]] static Seen find(const Slice& slice, uint64_t print);
    [[nodiscard]] Slice& sliceOf(int64_t second) { return m_wheel[static_cast<size_t>(second) % m_wheel.size()]; }
    [[nodiscard]] const Slice& sliceOf(int64_t second) const {
        return m_wheel[static_cast<size_t>(second) % m_wheel.size()];
    }
    void drop(Slice& slice);
    static void put(Slice& slice, uint64_t print);
    static void grow(Slice& slice);

    int64_t m_lifetime;
    int64_t m_ahead;
    size_t m_limit;
    int64_t m_newest = INT64_MIN;  // time only goes on, whatever the clock does
    int64_t m_swept = INT64_MIN;
    size_t m_size = 0;
    std::vector<Slice> m_wheel;
    std::array<uint8_t, 16> m_key{};
};

// Identifiers that come without a time: remembered for at least `kept`, and at most twice as long.
class RecentIds {
public:
    explicit RecentIds(std::chrono::seconds kept);
    // False when it is known already.
    bool insert(ByteView id, SystemTime now);
    [[nodiscard]] bool contains(ByteView id) const;

private:
    [[nodiscard]] SystemTime generation(SystemTime now) const;
    int64_t m_kept;
    SystemTime m_newest{};  // a generation
    ReplayTable m_table;    // of generations, which it takes for seconds
};

}  // namespace netpas::accounting
