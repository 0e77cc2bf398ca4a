#include "core/accounting/replay_table.h"

#include <sodium.h>

#include <algorithm>

namespace netpas::accounting {

namespace {

constexpr size_t firstPlaces = 16;

int64_t secondOf(SystemTime time) { return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count(); }

// A number below `places`, without a division; there are fewer than 2^32.
size_t placeOf(uint64_t print, size_t places) { return static_cast<size_t>(((print >> 32) * places) >> 32); }

}  // namespace

ReplayTable::ReplayTable(std::chrono::seconds lifetime, std::chrono::seconds ahead)
    : m_lifetime(lifetime.count()), m_ahead(ahead.count()) {
    m_wheel.resize(static_cast<size_t>(m_lifetime + m_ahead + 2));
    randombytes_buf(m_key.data(), m_key.size());
}

uint64_t ReplayTable::fingerprint(ByteView id) const {
    uint64_t print = 0;
    crypto_shorthash(reinterpret_cast<unsigned char*>(&print), id.data(), id.size(), m_key.data());
    return print == 0 ? 1 : print;
}

ReplayTable::Seen ReplayTable::insert(ByteView id, SystemTime time, SystemTime now) {
    m_newest = std::max(m_newest, secondOf(now));
    const int64_t second = secondOf(time);
    if (second < m_newest - m_lifetime || second > m_newest + m_ahead) return Seen::Outside;
    Slice& slice = m_wheel[static_cast<size_t>(second) % m_wheel.size()];
    if (slice.second != second) {
        m_size -= slice.used;
        slice = {second, 0, {}};
    }
    const uint64_t print = fingerprint(id);
    if (find(slice, print)) return Seen::Before;
    if ((slice.used + 1) * 5 > slice.places.size() * 4) grow(slice);
    put(slice, print);
    ++slice.used;
    ++m_size;
    return Seen::No;
}

bool ReplayTable::contains(ByteView id, SystemTime time) const {
    const int64_t second = secondOf(time);
    const Slice& slice = m_wheel[static_cast<size_t>(second) % m_wheel.size()];
    return slice.second == second && find(slice, fingerprint(id));
}

size_t ReplayTable::bytes() const {
    size_t sum = m_wheel.size() * sizeof(Slice);
    for (const Slice& slice : m_wheel) sum += slice.places.capacity() * sizeof(uint64_t);
    return sum;
}

bool ReplayTable::find(const Slice& slice, uint64_t print) {
    if (slice.places.empty()) return false;
    for (size_t at = placeOf(print, slice.places.size());;) {
        if (slice.places[at] == print) return true;
        if (slice.places[at] == 0) return false;
        at = at + 1 == slice.places.size() ? 0 : at + 1;
    }
}

void ReplayTable::put(Slice& slice, uint64_t print) {
    size_t at = placeOf(print, slice.places.size());
    while (slice.places[at] != 0) at = at + 1 == slice.places.size() ? 0 : at + 1;
    slice.places[at] = print;
}

// By a fifth only: memory is what the table costs.
void ReplayTable::grow(Slice& slice) {
    const std::vector<uint64_t> before = std::move(slice.places);
    slice.places.assign(std::max(firstPlaces, before.size() + before.size() / 5 + 1), 0);
    for (const uint64_t print : before) {
        if (print != 0) put(slice, print);
    }
}

}  // namespace netpas::accounting
