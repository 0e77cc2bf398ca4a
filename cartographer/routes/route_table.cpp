#include "cartographer/routes/route_table.h"

#include <sodium.h>

#include <algorithm>
#include <tuple>

namespace netpas::routes {

namespace {

// A route in a group: path u32, peer u16, and with the flag a path identifier u32.
constexpr uint32_t hasPathId = 1U << 31;

struct Packed {
    Teller teller;
    uint32_t path = 0;
};

void pack(Bytes& to, const Teller& teller, uint32_t path) {
    const bool identified = teller.pathId != 0;
    const size_t at = to.size();
    to.resize(at + (identified ? 10 : 6));
    store32(to.data() + at, identified ? path | hasPathId : path);
    store16(to.data() + at + 4, teller.peer);
    if (identified) store32(to.data() + at + 6, teller.pathId);
}

template <typename Each>
void forEachPacked(ByteView group, Each each) {
    while (!group.empty()) {
        const uint32_t path = load32(group.data());
        const bool identified = (path & hasPathId) != 0;
        each(Packed{{load16(group.data() + 4), identified ? load32(group.data() + 6) : 0}, path & ~hasPathId});
        group = group.subspan(identified ? 10 : 6);
    }
}

constexpr uint32_t noFour = (1U << 26) - 1;
constexpr uint32_t noSix = (1U << 24) - 1;

constexpr uint64_t maskOf(uint32_t bits) { return bits == 0 ? 0 : ~uint64_t{0} << (64 - bits); }

bool covers(const auto& prefix, uint32_t address) requires requires { prefix.address; }
{ return prefix.length == 0 || ((prefix.address ^ address) >> (32 - prefix.length)) == 0; }

bool covers(const auto& prefix, uint64_t high, uint64_t low) requires requires { prefix.high; }
{
    if (prefix.length <= 64) return ((prefix.high ^ high) & maskOf(prefix.length)) == 0;
    return prefix.high == high && ((prefix.low ^ low) & maskOf(prefix.length - 64)) == 0;
}

}  // namespace

// --- ByteStore

ByteStore::ByteStore() : m_slots(1024) { ::randombytes_buf(m_key.data(), m_key.size()); }

uint32_t ByteStore::intern(ByteView bytes) {
    static_assert(crypto_shorthash_KEYBYTES == 16);
    std::array<uint8_t, crypto_shorthash_BYTES> digest{};
    ::crypto_shorthash(digest.data(), bytes.data(), bytes.size(), m_key.data());
    const uint32_t hash = load32(digest.data());
    const size_t mask = m_slots.size() - 1;
    size_t at = hash & mask;
    for (; m_slots[at].id != Slot::empty; at = (at + 1) & mask) {
        if (m_slots[at].hash != hash) continue;
        const ByteView known = (*this)[m_slots[at].id];
        if (std::equal(known.begin(), known.end(), bytes.begin(), bytes.end())) return m_slots[at].id;
    }
    const auto id = static_cast<uint32_t>(size());
    m_slots[at] = {id, hash};
    m_bytes.insert(m_bytes.end(), bytes.begin(), bytes.end());
    m_begin.push_back(m_bytes.size());
    if (size() * 2 > m_slots.size()) grow();
    return id;
}

void ByteStore::grow() {
    std::vector<Slot> larger(m_slots.size() * 2);
    const size_t mask = larger.size() - 1;
    for (const Slot& slot : m_slots) {
        if (slot.id == Slot::empty) continue;
        size_t at = slot.hash & mask;
        while (larger[at].id != Slot::empty) at = (at + 1) & mask;
        larger[at] = slot;
    }
    m_slots = std::move(larger);
}

void ByteStore::freeze() {
    m_slots = {};
    m_bytes.shrink_to_fit();
    m_begin.shrink_to_fit();
}

size_t ByteStore::memory() const {
    return m_bytes.capacity() + m_begin.capacity() * sizeof(uint64_t) + m_slots.capacity() * sizeof(Slot);
}

// --- RouteTable

std::optional<uint32_t> RouteTable::index(const IpAddress& address) const {
    const auto bytes = address.bytes();
    if (address.isV4()) {
        const uint32_t wanted = load32(bytes.data());
        const uint32_t head = wanted >> 16;
        const auto from = m_four.begin() + (m_start.empty() ? 0 : m_start[head]);
        const auto to = m_start.empty() ? m_four.end() : m_four.begin() + m_start[head + 1];
        const auto after = std::upper_bound(from, to, wanted, [](uint32_t a, const Four& b) { return a < b.address; });
        // The last one that begins at or before the address, or one that covers that one: prefixes nest.
        if (after == m_four.begin()) return std::nullopt;
        auto at = static_cast<uint32_t>(after - m_four.begin() - 1);
        while (!covers(m_four[at], wanted)) {
            if (m_four[at].parent == noFour) return std::nullopt;
            at = m_four[at].parent;
        }
        return at;
    }
    const uint64_t high = load64(bytes.data());
    const uint64_t low = load64(bytes.data() + 8);
    const auto after = std::upper_bound(m_six.begin(), m_six.end(), std::pair(high, low),
                                        [](const auto& a, const Six& b) { return a < std::pair(b.high, b.low); });
    if (after == m_six.begin()) return std::nullopt;
    auto at = static_cast<uint32_t>(after - m_six.begin() - 1);
    while (!covers(m_six[at], high, low)) {
        if (m_six[at].parent == noSix) return std::nullopt;
        at = m_six[at].parent;
    }
    return static_cast<uint32_t>(m_four.size()) + at;
}

std::optional<RouteTable::Match> RouteTable::find(const IpAddress& address) const {
    const auto found = index(address);
    return found ? std::optional(at(*found)) : std::nullopt;
}

RouteTable::Match RouteTable::at(uint32_t index) const {
    Match match;
    std::array<uint8_t, 16> bytes{};
    uint32_t group = 0;
    const bool four = index < m_four.size();
    uint8_t length = 0;
    if (four) {
        const Four& entry = m_four[index];
        store32(bytes.data(), entry.address);
        length = static_cast<uint8_t>(entry.length);
        group = entry.group;
    } else {
        const Six& entry = m_six[index - m_four.size()];
        store64(bytes.data(), entry.high);
        store64(bytes.data() + 8, entry.low);
        length = static_cast<uint8_t>(entry.length);
        group = entry.group;
    }
    const auto address = IpAddress::fromBytes(ByteView(bytes).first(four ? 4 : 16));
    match.prefix = IpPrefix::make(address.value_or(IpAddress{}), length).value_or(IpPrefix{});
    forEachPacked((*m_groups)[group], [&](const Packed& route) {
        match.routes.push_back({m_peers[route.teller.peer], route.teller.pathId, AsPath((*m_paths)[route.path])});
    });
    std::stable_sort(match.routes.begin(), match.routes.end(), [](const Route& a, const Route& b) {
        const size_t left = a.path.length();
        const size_t right = b.path.length();
        return std::tie(left, a.peer, a.pathId) < std::tie(right, b.peer, b.pathId);
    });
    return match;
}

size_t RouteTable::routes() const {
    size_t count = 0;
    const auto add = [&](uint32_t group) { forEachPacked((*m_groups)[group], [&](const Packed&) { ++count; }); };
    for (const Four& entry : m_four) add(entry.group);
    for (const Six& entry : m_six) add(entry.group);
    return count;
}

size_t RouteTable::memory() const {
    return m_four.capacity() * sizeof(Four) + m_six.capacity() * sizeof(Six) + m_start.capacity() * sizeof(uint32_t) +
           m_paths->memory() + m_groups->memory() + m_peers.capacity() * sizeof(Peer);
}

// --- RouteTableBuilder

RouteTableBuilder::RouteTableBuilder()
    : m_paths(std::make_shared<ByteStore>()), m_groups(std::make_shared<ByteStore>()) {}

std::optional<uint16_t> RouteTableBuilder::peer(const Peer& peer) {
    if (const auto known = m_numbers.find(peer); known != m_numbers.end()) return known->second;
    if (m_peers.size() > UINT16_MAX) return std::nullopt;
    const auto number = static_cast<uint16_t>(m_peers.size());
    m_numbers.emplace(peer, number);
    m_peers.push_back(peer);
    m_losses.emplace_back();
    return number;
}

void RouteTableBuilder::table(const RawPrefix& prefix, std::span<const Entry> entries) {
    if (entries.empty()) return;
    m_scratch.clear();
    for (const Entry& entry : entries) pack(m_scratch, entry.teller, m_paths->intern(entry.path));
    m_rows.push_back({prefix, m_groups->intern(m_scratch), m_order++});
}

void RouteTableBuilder::announced(const RawPrefix& prefix, Teller teller, ByteView path) {
    m_events.push_back({prefix, teller, m_paths->intern(path), m_order++});
}

void RouteTableBuilder::withdrawn(const RawPrefix& prefix, Teller teller) {
    m_events.push_back({prefix, teller, none, m_order++});
}

void RouteTableBuilder::lost(uint16_t peer) { m_losses[peer].push_back(m_order++); }

void RouteTableBuilder::sort() {
    const auto earlier = [](const auto& a, const auto& b) {
        return a.prefix != b.prefix ? a.prefix < b.prefix : a.order < b.order;
    };
    // A table is dumped in order; sorting it again would take most of the time.
    if (!std::is_sorted(m_rows.begin(), m_rows.end(), earlier)) std::sort(m_rows.begin(), m_rows.end(), earlier);
    std::sort(m_events.begin(), m_events.end(), earlier);
}

bool RouteTableBuilder::settled() const {
    const auto lost = [](const auto& losses) { return !losses.empty(); };
    const auto same = [](const Row& a, const Row& b) { return a.prefix == b.prefix; };
    return m_events.empty() && std::none_of(m_losses.begin(), m_losses.end(), lost) &&
           std::adjacent_find(m_rows.begin(), m_rows.end(), same) == m_rows.end();
}

bool RouteTableBuilder::isLost(const Standing& route) const {
    return !m_losses[route.teller.peer].empty() && m_losses[route.teller.peer].back() > route.since;
}

// What a peer tells of a prefix replaces what it told before.
void RouteTableBuilder::add(const Row& row, std::vector<Standing>& standing) const {
    forEachPacked((*m_groups)[row.group], [&](const Packed& route) {
        std::erase_if(standing, [&](const Standing& one) {
            return one.teller.peer == route.teller.peer && one.since != row.order;
        });
        standing.push_back({route.teller, route.path, row.order});
    });
}

// One row for each prefix that anybody still reaches.
void RouteTableBuilder::settle() {
    std::vector<Row> settled;
    std::vector<Standing> standing;
    auto row = m_rows.begin();
    auto event = m_events.begin();
    while (row != m_rows.end() || event != m_events.end()) {
        const RawPrefix prefix = row == m_rows.end()       ? event->prefix
                                 : event == m_events.end() ? row->prefix
                                                           : std::min(row->prefix, event->prefix);
        standing.clear();
        for (;;) {
            const bool rowNext = row != m_rows.end() && row->prefix == prefix;
            const bool eventNext = event != m_events.end() && event->prefix == prefix;
            if (rowNext && (!eventNext || row->order < event->order)) {
                add(*row++, standing);
            } else if (eventNext) {
                std::erase_if(standing, [&](const Standing& one) { return one.teller == event->teller; });
                if (event->path != none) standing.push_back({event->teller, event->path, event->order});
                ++event;
            } else {
                break;
            }
        }
        m_scratch.clear();
        for (const Standing& one : standing) {
            if (!isLost(one)) pack(m_scratch, one.teller, one.path);
        }
        if (!m_scratch.empty()) settled.push_back({prefix, m_groups->intern(m_scratch), 0});
    }
    m_rows = std::move(settled);
    m_events = {};
}

void RouteTableBuilder::fill(RouteTable& table) {
    std::vector<uint32_t> around;  // the prefixes that cover the current one, the shortest first
    for (const Row& row : m_rows) {
        if (row.prefix.v6) continue;
        if (table.m_four.size() == mostFour) {
            ++m_leftOut;
            continue;
        }
        const uint32_t address = load32(row.prefix.bytes.data());
        while (!around.empty() && !covers(table.m_four[around.back()], address)) around.pop_back();
        const uint32_t parent = around.empty() ? noFour : around.back();
        around.push_back(static_cast<uint32_t>(table.m_four.size()));
        table.m_four.push_back({address, row.group, parent & noFour, row.prefix.length & 63U});
    }
    around.clear();
    for (const Row& row : m_rows) {
        if (!row.prefix.v6) continue;
        if (table.m_six.size() == mostSix) {
            ++m_leftOut;
            continue;
        }
        const uint64_t high = load64(row.prefix.bytes.data());
        const uint64_t low = load64(row.prefix.bytes.data() + 8);
        while (!around.empty() && !covers(table.m_six[around.back()], high, low)) around.pop_back();
        const uint32_t parent = around.empty() ? noSix : around.back();
        around.push_back(static_cast<uint32_t>(table.m_six.size()));
        table.m_six.push_back({high, low, row.group, parent & noSix, row.prefix.length});
    }
}

void RouteTableBuilder::indexHeads(RouteTable& table) {
    constexpr size_t heads = size_t{1} << 16;
    constexpr size_t few = 4096;  // searched as quickly without
    if (table.m_four.size() < few) return;
    table.m_start.resize(heads + 1);
    uint32_t at = 0;
    for (size_t head = 0; head < heads; ++head) {
        while (at < table.m_four.size() && table.m_four[at].address >> 16 < head) ++at;
        table.m_start[head] = at;
    }
    table.m_start[heads] = static_cast<uint32_t>(table.m_four.size());
}

RouteTable RouteTableBuilder::build() {
    RouteTable table;
    sort();
    if (!settled()) settle();
    const auto firstSix =
        std::partition_point(m_rows.begin(), m_rows.end(), [](const Row& row) { return !row.prefix.v6; });
    table.m_four.reserve(static_cast<size_t>(firstSix - m_rows.begin()));
    table.m_six.reserve(static_cast<size_t>(m_rows.end() - firstSix));
    fill(table);
    m_rows = {};
    indexHeads(table);
    m_paths->freeze();
    m_groups->freeze();
    table.m_paths = std::move(m_paths);
    table.m_groups = std::move(m_groups);
    table.m_peers = std::move(m_peers);
    return table;
}

}  // namespace netpas::routes
