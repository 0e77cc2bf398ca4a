// Replay protection of one session key: the last 4096 sequence numbers as a ring of bits.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace netpas::tun {

// A burst (s, n) owns the slots s .. s+n-1; each packet of it takes the lowest free one. Looking for a slot
// (find) changes nothing; only an accepted packet takes it (take), so a refused one leaves no trace.
// Owner: the packet thread.
class ReplayWindow {
public:
    static constexpr uint64_t size = 4096;

    enum class Result : uint8_t { Free, Replayed, Stale };
    struct Found {
        Result result;
        uint64_t slot;  // valid when Free
    };

    // burst is 1..64 and sequence + burst must not wrap.
    [[nodiscard]] Found find(uint64_t sequence, uint32_t burst) const {
        const uint64_t floor = m_top > size ? m_top - size : 0;
        const uint64_t lowest = floor > m_base ? floor : m_base;
        if (sequence + burst <= lowest) return {Result::Stale, 0};
        const uint64_t first = sequence > lowest ? sequence : lowest;
        const auto count = static_cast<uint32_t>(sequence + burst - first);
        if (first >= m_top) return {Result::Free, first};
        const size_t word = (first >> 6) % m_words.size();
        const unsigned shift = first & 63;
        uint64_t taken = m_words[word] >> shift;
        if (shift != 0) taken |= m_words[(word + 1) % m_words.size()] << (64 - shift);
        // Bits at or above m_top still belong to slots one ring earlier.
        const uint64_t below = m_top - first;
        if (below < 64) taken &= (uint64_t{1} << below) - 1;
        uint64_t free = ~taken;
        if (count < 64) free &= (uint64_t{1} << count) - 1;
        if (free == 0) return {sequence < lowest ? Result::Stale : Result::Replayed, 0};
        return {Result::Free, first + static_cast<uint64_t>(std::countr_zero(free))};
    }

    // The slot must come from find() with nothing taken in between.
    void take(uint64_t slot) {
        if (slot >= m_top) {
            if (slot > m_top) clear(m_top, slot);
            m_top = slot + 1;
        }
        m_words[(slot >> 6) % m_words.size()] |= uint64_t{1} << (slot & 63);
    }

    // Everything below is stale from now on; for a key that comes back after a restart.
    void startAt(uint64_t sequence) {
        m_words.fill(0);
        m_base = sequence;
        m_top = sequence;
    }

    // One more than the highest sequence accepted; 0 before the first.
    [[nodiscard]] uint64_t top() const { return m_top; }

    void prefetch(uint64_t sequence) const { __builtin_prefetch(&m_words[(sequence >> 6) % m_words.size()], 1); }

private:
    void clear(uint64_t from, uint64_t to) {
        if (to - from >= size) {
            m_words.fill(0);
            return;
        }
        while (from < to) {
            const unsigned shift = from & 63;
            const uint64_t span = std::min<uint64_t>(64 - shift, to - from);
            const uint64_t mask = (span == 64 ? ~uint64_t{0} : (uint64_t{1} << span) - 1) << shift;
            m_words[(from >> 6) % m_words.size()] &= ~mask;
            from += span;
        }
    }

    uint64_t m_top = 0;
    uint64_t m_base = 0;
    std::array<uint64_t, size / 64> m_words{};
};

}  // namespace netpas::tun
