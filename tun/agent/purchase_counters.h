// What the data plane counted for one purchase. Amounts are exact: they are the sums of what stands in the headers that were sent.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "core/money.h"

namespace netpas::tun {

// Why a diverted packet went out unpaid.
enum class BestEffortReason : uint8_t {
    NoPurchase,    // nothing was bought for it (the snapshot changed under it, or it is a fragment without its first)
    CapReached,    // the session key's cap is used up
    PerSecondCap,  // the session key's cap per second is used up
    KeyExpired,
    EdgeUnreachable,  // the first edge router, or no socket towards it
    SendFailed,       // the kernel refused this datagram, for whatever reason
    PriceTooHigh,     // no price code is large enough
    TooLong,          // with shim and header it is no UDP datagram any more
    NotUnderstood,    // no valid IP packet; sent as it is if it can be sent at all
    NotReserved,      // a guarantee on the way is not reserved yet, or its charge is not acknowledged
    NoPlace,          // all places in a class with a guarantee are taken
    OverReserved,     // more than is reserved
};
inline constexpr size_t bestEffortReasons = 12;
[[nodiscard]] std::string_view describe(BestEffortReason reason) noexcept;

struct PurchaseCounters {
    uint64_t packets = 0;                                  // paid
    uint64_t bytes = 0;                                    // inner bytes of paid packets
    Money amount;                                          // all nanopayments of paid packets
    std::array<uint64_t, bestEffortReasons> bestEffort{};  // packets by reason
    uint64_t bestEffortLost = 0;                           // of these, packets that even the ordinary way refused
    uint64_t tooBigReported = 0;                           // "too big" messages to the sender

    [[nodiscard]] uint64_t bestEffortPackets() const noexcept {
        uint64_t sum = 0;
        for (const uint64_t count : bestEffort) sum += count;
        return sum;
    }
    PurchaseCounters& operator+=(const PurchaseCounters& other) noexcept;
    friend bool operator==(const PurchaseCounters&, const PurchaseCounters&) = default;
};

// One packet thread writes, anybody reads; a reader never sees half of an update (sequence lock).
class alignas(64) CounterCell {
public:
    // The owning thread.
    void addPaid(uint64_t packets, uint64_t bytes, int64_t eighths) noexcept {
        const Update update(*this);
        bump(m_packets, packets);
        bump(m_bytes, bytes);
        m_amount.store(m_amount.load(std::memory_order_relaxed) + eighths, std::memory_order_relaxed);
    }
    void addBestEffort(BestEffortReason reason, uint64_t packets, uint64_t lost) noexcept {
        const Update update(*this);
        bump(m_bestEffort[static_cast<size_t>(reason)], packets);
        bump(m_lost, lost);
    }
    void addTooBig() noexcept {
        const Update update(*this);
        bump(m_tooBig, 1);
    }
    // Any thread.
    [[nodiscard]] PurchaseCounters read() const noexcept;

private:
    class Update {
    public:
        explicit Update(CounterCell& cell) noexcept : m_cell(cell) {
            m_cell.m_version.store(m_cell.m_version.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
            std::atomic_thread_fence(std::memory_order_release);
        }
        ~Update() {
            m_cell.m_version.store(m_cell.m_version.load(std::memory_order_relaxed) + 1, std::memory_order_release);
        }
        Update(const Update&) = delete;
        Update& operator=(const Update&) = delete;

    private:
        CounterCell& m_cell;
    };
    static void bump(std::atomic<uint64_t>& counter, uint64_t by) noexcept {
        counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }

    std::atomic<uint64_t> m_version{0};  // odd while it is written
    std::atomic<uint64_t> m_packets{0};
    std::atomic<uint64_t> m_bytes{0};
    std::atomic<int64_t> m_amount{0};
    std::array<std::atomic<uint64_t>, bestEffortReasons> m_bestEffort{};
    std::atomic<uint64_t> m_lost{0};
    std::atomic<uint64_t> m_tooBig{0};
};

}  // namespace netpas::tun
