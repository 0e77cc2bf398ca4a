#include "core/accounting/replay_table.h"

#include <sodium.h>

#include <algorithm>

namespace netpas::accounting {

namespace {

constexpr size_t firstPlaces = 16;
constexpr uint64_t contentsMask = 0xffff;

int64_t secondOf(SystemTime time) { return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count(); }

// A number below `places`, without a division; there are fewer than 2^32.
size_t placeOf(uint64_t print, size_t places) { return static_cast<size_t>(((print >> 32) * places) >> 32); }

}  // namespace

ReplayTable::ReplayTable(std::chrono::seconds lifetime, std::chrono::seconds ahead, size_t limit)
    : m_lifetime(lifetime.count()), m_ahead(ahead.count()), m_limit(limit) {
    m_wheel.resize(static_cast<size_t>(m_lifetime + m_ahead + 2));
    randombytes_buf(m_key.data(), m_key.size());
}

// Never 0, and places depend on the identifier's part alone.
uint64_t ReplayTable::fingerprint(ByteView id, uint64_t contents) const {
    uint64_t print = 0;
    crypto_shorthash(reinterpret_cast<unsigned char*>(&print), id.data(), id.size(), m_key.data());
    print = (print & ~contentsMask) | (contents & contentsMask);
    return print < contentsMask + 1 ? print + contentsMask + 1 : print;
}

ReplayTable::Seen ReplayTable::insert(ByteView id, uint64_t contents, SystemTime time, SystemTime now) {
    m_newest = std::max(m_newest, secondOf(now));
    const int64_t second = secondOf(time);
    if (second < m_newest - m_lifetime || second > m_newest + m_ahead) return Seen::Outside;
    Slice& slice = sliceOf(second);
    if (slice.second != second) {
        drop(slice);
        slice.second = second;
    }
    const uint64_t print = fingerprint(id, contents);
    if (const Seen seen = find(slice, print); seen != Seen::No) return seen;
    if (m_size >= m_limit) {
        advance(now);
        if (m_size >= m_limit) return Seen::Full;
    }
    if ((slice.used + 1) * 5 > slice.places.size() * 4) grow(slice);
    put(slice, print);
    ++slice.used;
    ++m_size;
    return Seen::No;
}

ReplayTable::Seen ReplayTable::look(ByteView id, uint64_t contents, SystemTime time) const {
    const int64_t second = secondOf(time);
    if (second < m_newest - m_lifetime || second > m_newest + m_ahead) return Seen::Outside;
    const Slice& slice = sliceOf(second);
    return slice.second == second ? find(slice, fingerprint(id, contents)) : Seen::No;
}

void ReplayTable::advance(SystemTime now) {
    m_newest = std::max(m_newest, secondOf(now));
    if (m_swept == m_newest) return;
    m_swept = m_newest;
    for (Slice& slice : m_wheel) {
        if (slice.used > 0 && slice.second < m_newest - m_lifetime) drop(slice);
    }
}

void ReplayTable::drop(Slice& slice) {
    m_size -= slice.used;
    slice = {};
}

size_t ReplayTable::bytes() const {
    size_t sum = m_wheel.size() * sizeof(Slice);
    for (const Slice& slice : m_wheel) sum += slice.places.capacity() * sizeof(uint64_t);
    return sum;
}

// A match of the identifier alone may be followed by one of everything.
ReplayTable::Seen ReplayTable::find(const Slice& slice, uint64_t print) {
    Seen seen = Seen::No;
    if (slice.places.empty()) return seen;
    for (size_t at = placeOf(print, slice.places.size()); slice.places[at] != 0;) {
        if (slice.places[at] == print) return Seen::Before;
        if (((slice.places[at] ^ print) & ~contentsMask) == 0) seen = Seen::Other;
        at = at + 1 == slice.places.size() ? 0 : at + 1;
    }
    return seen;
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

RecentIds::RecentIds(std::chrono::seconds kept)
    : m_kept(std::max<int64_t>(kept.count(), 1)), m_table(std::chrono::seconds(1), std::chrono::seconds(0)) {}

SystemTime RecentIds::generation(SystemTime now) const {
    return SystemTime(std::chrono::seconds(secondOf(now) / m_kept));
}

bool RecentIds::insert(ByteView id, SystemTime now) {
    m_newest = std::max(m_newest, generation(now));
    m_table.advance(m_newest);
    if (contains(id)) return false;
    (void)m_table.insert(id, 0, m_newest, m_newest);
    return true;
}

bool RecentIds::contains(ByteView id) const {
    return m_table.look(id, 0, m_newest) == ReplayTable::Seen::Before ||
           m_table.look(id, 0, m_newest - std::chrono::seconds(1)) == ReplayTable::Seen::Before;
}

}  // namespace netpas::accounting
