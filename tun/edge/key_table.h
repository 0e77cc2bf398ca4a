// The session keys that an edge router honours: who may spend, how much is left, what was spent.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/clock.h"
#include "core/ids.h"
#include "core/money.h"
#include "core/session_key.h"
#include "tun/edge/money_bucket.h"
#include "tun/edge/replay_window.h"

namespace netpas::tun {

enum class KeyError : uint8_t {
    IdTaken,      // another key has this identifier
    TooManyIsps,  // more than 16 allowed ISPs
    BadLimit,     // a negative cap or rate
    TableFull,
};
[[nodiscard]] std::string_view describe(KeyError error);

// Cumulative since this router was started.
struct KeyCounters {
    uint64_t packets = 0;
    uint64_t bytes = 0;         // of inner packets
    Money amount;               // all nanopayments of the accepted packets, of every hop
    uint64_t nextSequence = 0;  // one more than the highest accepted, or where the key started

    friend bool operator==(const KeyCounters&, const KeyCounters&) = default;
};

inline constexpr uint16_t anyCustomer = 0xffff;

// One key. The first two cache lines are all that an in-order packet touches besides one line of the window.
struct alignas(64) KeyRecord {
    TagKey secret{};
    SessionKeyId id;
    bool dirty = false;  // counted since the last report
    uint8_t allowedCount = 0;
    uint16_t customer = anyCustomer;  // index in EdgeConfig::customers: from whose line it may be used
    int64_t expiresMicros = 0;        // wall clock
    int64_t remaining = 0;            // of the cap, eighths
    uint64_t packets = 0;
    int64_t amount = 0;  // eighths
    uint64_t bytes = 0;

    MoneyBucket rate;  // its own cache lines follow
    std::array<uint16_t, 16> allowed{};
    ReplayWindow window;

    [[nodiscard]] bool allows(IspId isp, size_t hint) const {
        if (hint < allowedCount && allowed[hint] == isp.value()) return true;
        for (size_t i = 0; i < allowedCount; ++i) {
            if (allowed[i] == isp.value()) return true;
        }
        return false;
    }
    [[nodiscard]] KeyCounters counters() const { return {packets, bytes, Money::fromEighths(amount), window.top()}; }
};

// Open addressing over 8-byte slots; records never move. Memory is taken when a key is installed, never per packet.
// Owner: the packet thread.
class KeyTable {
public:
    // Bursts may queue up on the way and arrive closer together than they were sent: a quarter of a second's worth more.
    static constexpr int64_t rateSlackDivisor = 4;

    explicit KeyTable(size_t limit = size_t{1} << 22);

    // key.cap is what may still be spent; below nextSequence everything is stale. A key that is there already with the
    // same secret keeps counters and window and is never left more than before.
    [[nodiscard]] tl::expected<void, KeyError> install(const SessionKey& key, uint64_t nextSequence, SteadyTime now,
                                                       uint16_t customer = anyCustomer);
    // The key's final counters; nothing when it is not there.
    std::optional<KeyCounters> remove(SessionKeyId id);

    [[nodiscard]] KeyRecord* find(SessionKeyId id) const {
        for (size_t i = home(id);; i = (i + 1) & m_mask) {
            const Slot& slot = m_slots[i];
            if (slot.record == 0) return nullptr;
            if (slot.id == id.value()) return &at(slot.record);
        }
    }
    void prefetchSlot(SessionKeyId id) const { __builtin_prefetch(&m_slots[home(id)]); }

    [[nodiscard]] size_t size() const { return m_count; }

    template <typename Visit>
    void forEach(Visit visit) const {
        for (const Slot& slot : m_slots) {
            if (slot.record != 0) visit(at(slot.record));
        }
    }

private:
    struct Slot {
        uint32_t id = 0;
        uint32_t record = 0;  // index + 1; 0 = empty
    };
    static constexpr size_t recordsPerChunk = 1024;

    // Identifiers are chosen by customers: a secret multiplier keeps them from piling up in one place.
    [[nodiscard]] size_t home(SessionKeyId id) const {
        return static_cast<size_t>(((uint64_t{id.value()} + m_offset) * m_multiplier) >> 32) & m_mask;
    }
    [[nodiscard]] KeyRecord& at(uint32_t record) const {
        const size_t index = record - 1;
        return m_chunks[index / recordsPerChunk][index % recordsPerChunk];
    }
    void grow();
    void place(SessionKeyId id, uint32_t record);
    uint32_t newRecord();

    size_t m_limit;
    size_t m_count = 0;
    size_t m_mask;
    uint64_t m_multiplier;
    uint64_t m_offset;
    std::vector<Slot> m_slots;
    std::vector<std::unique_ptr<KeyRecord[]>> m_chunks;
    std::vector<uint32_t> m_free;
    uint32_t m_used = 0;  // records ever handed out
};

}  // namespace netpas::tun
