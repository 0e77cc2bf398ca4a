// One immutable value, published by a control thread and read by packet threads without a lock per packet.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

namespace netpas {

template <typename T>
class SnapshotCell {
public:
    // Any thread. Readers see the new value at their next refresh().
    void publish(std::shared_ptr<const T> value) {
        const std::lock_guard lock(m_mutex);
        m_value.swap(value);
        m_generation.fetch_add(1, std::memory_order_release);
    }
    [[nodiscard]] std::shared_ptr<const T> current() const {
        const std::lock_guard lock(m_mutex);
        return m_value;
    }
    [[nodiscard]] uint64_t generation() const { return m_generation.load(std::memory_order_acquire); }

private:
    mutable std::mutex m_mutex;
    std::shared_ptr<const T> m_value;
    std::atomic<uint64_t> m_generation{0};
};

// One per packet thread. refresh() once per batch: one atomic load unless something was published.
template <typename T>
class SnapshotReader {
public:
    explicit SnapshotReader(const SnapshotCell<T>& cell) : m_cell(cell) {}
    // Null before the first publication.
    const T* refresh() {
        const uint64_t generation = m_cell.generation();
        if (generation != m_generation) {
            m_value = m_cell.current();
            m_generation = generation;
        }
        return m_value.get();
    }
    // Changes whenever refresh() may have returned another value; caches compare it.
    [[nodiscard]] uint64_t generation() const { return m_generation; }

private:
    const SnapshotCell<T>& m_cell;
    std::shared_ptr<const T> m_value;
    uint64_t m_generation = 0;
};

}  // namespace netpas
