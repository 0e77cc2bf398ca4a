#include "tun/edge/key_table.h"

#include <algorithm>

#include "core/random.h"

namespace netpas::tun {

namespace {

constexpr size_t firstSlots = 1024;

int64_t micros(SystemTime time) { return time.time_since_epoch().count(); }

Money rateBurst(Money perSecond) {
    const int64_t eighths = perSecond.eighths();
    const int64_t slack = eighths / KeyTable::rateSlackDivisor;
    return Money::fromEighths(eighths > INT64_MAX - slack ? INT64_MAX : eighths + slack);
}

}  // namespace

std::string_view describe(KeyError error) {
    switch (error) {
    case KeyError::IdTaken: return "another session key has this identifier";
    case KeyError::TooManyIsps: return "a session key allows at most 16 ISPs";
    case KeyError::BadLimit: return "a session key's caps must not be negative";
    case KeyError::TableFull: return "the router's table of session keys is full";
    }
    return "unknown key error";
}

KeyTable::KeyTable(size_t limit)
    : m_limit(limit),
      m_mask(firstSlots - 1),
      m_multiplier(systemRandom().below(UINT64_MAX) | 1),
      m_offset(systemRandom().below(UINT64_MAX)),
      m_slots(firstSlots) {}

tl::expected<void, KeyError> KeyTable::install(const SessionKey& key, uint64_t nextSequence, SteadyTime now,
                                               uint16_t customer) {
    if (key.allowed.size() > std::tuple_size_v<decltype(KeyRecord::allowed)>)
        return tl::unexpected(KeyError::TooManyIsps);
    if (key.cap.isNegative() || key.capPerSecond.isNegative()) return tl::unexpected(KeyError::BadLimit);
    KeyRecord* record = find(key.id);
    if (record != nullptr && record->secret != key.secret) return tl::unexpected(KeyError::IdTaken);
    if (record == nullptr) {
        if (m_count >= m_limit) return tl::unexpected(KeyError::TableFull);
        if ((m_count + 1) * 2 > m_slots.size()) grow();
        const uint32_t index = newRecord();
        place(key.id, index);
        ++m_count;
        record = &at(index);
        *record = KeyRecord{};
        record->id = key.id;
        record->secret = key.secret;
        record->remaining = key.cap.eighths();
        record->window.startAt(nextSequence);
        record->rate = MoneyBucket(key.capPerSecond, rateBurst(key.capPerSecond), now);
    } else {
        record->rate.refill(now);
        const Money level = record->rate.level();
        record->rate = MoneyBucket(key.capPerSecond, rateBurst(key.capPerSecond), now);
        record->rate.restore(level);
        record->remaining = std::min(record->remaining, key.cap.eighths());
    }
    record->customer = customer;
    record->expiresMicros = micros(key.expires);
    record->allowedCount = static_cast<uint8_t>(key.allowed.size());
    std::transform(key.allowed.begin(), key.allowed.end(), record->allowed.begin(),
                   [](IspId isp) { return isp.value(); });
    return {};
}

std::optional<KeyCounters> KeyTable::remove(SessionKeyId id) {
    size_t hole = home(id);
    while (m_slots[hole].record != 0 && m_slots[hole].id != id.value()) hole = (hole + 1) & m_mask;
    const uint32_t index = m_slots[hole].record;
    if (index == 0) return std::nullopt;
    KeyRecord& record = at(index);
    const KeyCounters final = record.counters();
    record.secret.fill(0);
    m_free.push_back(index);
    --m_count;
    // Close the gap, so that no search ends too early.
    for (size_t next = (hole + 1) & m_mask; m_slots[next].record != 0; next = (next + 1) & m_mask) {
        const size_t wanted = home(SessionKeyId(m_slots[next].id));
        if (((next - wanted) & m_mask) >= ((next - hole) & m_mask)) {
            m_slots[hole] = m_slots[next];
            hole = next;
        }
    }
    m_slots[hole] = Slot{};
    return final;
}

void KeyTable::place(SessionKeyId id, uint32_t record) {
    size_t i = home(id);
    while (m_slots[i].record != 0) i = (i + 1) & m_mask;
    m_slots[i] = {id.value(), record};
}

void KeyTable::grow() {
    std::vector<Slot> old(m_slots.size() * 2);
    old.swap(m_slots);
    m_mask = m_slots.size() - 1;
    for (const Slot& slot : old) {
        if (slot.record != 0) place(SessionKeyId(slot.id), slot.record);
    }
}

uint32_t KeyTable::newRecord() {
    if (!m_free.empty()) {
        const uint32_t index = m_free.back();
        m_free.pop_back();
        return index;
    }
    if (m_used % recordsPerChunk == 0) m_chunks.push_back(std::make_unique<KeyRecord[]>(recordsPerChunk));
    return ++m_used;
}

}  // namespace netpas::tun
