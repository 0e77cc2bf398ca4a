#include "tun/edge/reservations.h"

#include <algorithm>

namespace netpas::tun {

namespace {

constexpr int64_t minute = std::chrono::microseconds(guaranteedFor).count();
constexpr int64_t longest = 10 * minute;  // paid in advance
constexpr int64_t sweepEvery = 1'000'000;

// Empty: no whole IP header.
std::string keyOf(ServiceClass service, std::span<const uint8_t> inner) {
    const bool v6 = !inner.empty() && inner[0] >> 4 == 6;
    const size_t at = v6 ? 8 : 12;
    const size_t size = v6 ? 32 : 8;
    if (inner.size() < at + size) return {};
    std::string key(1, static_cast<char>(service.value()));
    key.append(reinterpret_cast<const char*>(inner.data()) + at, size);
    return key;
}

}  // namespace

namespace {

// Behind the header of a packet that carries nothing for its destination.
std::optional<std::span<const uint8_t>> behindHeader(std::span<const uint8_t> inner) {
    if (inner.size() >= 20 && inner[0] == 0x45 && inner[9] == noNextHeader) return inner.subspan(20);
    if (inner.size() >= 40 && inner[0] >> 4 == 6 && inner[6] == noNextHeader) return inner.subspan(40);
    return std::nullopt;
}

}  // namespace

bool isPayloadFree(std::span<const uint8_t> inner) {
    const auto rest = behindHeader(inner);
    return rest && (rest->empty() || rest->size() == reservationQuestionSize);
}

std::optional<ReservationQuestion> questionIn(std::span<const uint8_t> inner) {
    const auto rest = behindHeader(inner);
    return rest ? decodeReservationQuestion(*rest) : std::nullopt;
}

void Reservations::sweep(int64_t nowMicros) {
    m_swept = nowMicros;
    std::erase_if(m_entries, [&](const auto& item) {
        if (item.second.until > nowMicros) return false;
        --m_held[static_cast<uint8_t>(item.first[0])];
        return true;
    });
}

Reservations::Outcome Reservations::take(ServiceClass service, std::span<const uint8_t> inner, int64_t extra,
                                         const Guarantee& guarantee, uint32_t most, int64_t nowMicros) {
    if (nowMicros - m_swept >= sweepEvery) sweep(nowMicros);
    const std::string key = keyOf(service, inner);
    if (key.empty()) return Outcome::NotReserved;
    auto found = m_entries.find(key);
    if (found == m_entries.end() || found->second.until <= nowMicros) {
        if (extra < guarantee.setUp.eighths() + guarantee.perMinute.eighths()) return Outcome::NotReserved;
        if (found == m_entries.end()) {
            if (m_held[service.value()] >= most) return Outcome::Full;
            found = m_entries.emplace(key, Entry{}).first;
            ++m_held[service.value()];
        }
        found->second = {nowMicros + minute, 0};
    } else if (extra >= guarantee.perMinute.eighths()) {
        found->second.until = std::min(found->second.until + minute, nowMicros + longest);
        if (isPayloadFree(inner)) return Outcome::Holds;  // what was paid for is not refused
    }
    // A token bucket of one second, as the time at which it is full again.
    if (guarantee.bitsPerSecond == 0) return Outcome::OverRate;
    const int64_t now = nowMicros * 1000;
    const auto takes = static_cast<int64_t>(8 * inner.size() * uint64_t{1'000'000'000} / guarantee.bitsPerSecond);
    const int64_t full = std::max(found->second.full, now) + takes;
    if (full - now > 1'000'000'000) return Outcome::OverRate;
    found->second.full = full;
    return Outcome::Holds;
}

void Reservations::appendTo(std::vector<HeldPlace>& places, int64_t ahead) const {
    for (const auto& [key, entry] : m_entries) {
        places.push_back(
            {ServiceClass(static_cast<uint8_t>(key[0])), {key.begin() + 1, key.end()}, entry.until + ahead});
    }
}

void Reservations::restore(const HeldPlace& place, int64_t ahead, int64_t nowMicros) {
    const int64_t until = std::min(place.untilMicros - ahead, nowMicros + longest);
    const bool addresses = place.ends.size() == 8 || place.ends.size() == 32;
    if (!addresses || place.service.value() >= m_held.size() || until <= nowMicros) return;
    std::string key(1, static_cast<char>(place.service.value()));
    key.append(place.ends.begin(), place.ends.end());
    if (m_entries.insert_or_assign(std::move(key), Entry{until, 0}).second) ++m_held[place.service.value()];
}

Reservations::Standing Reservations::standing(ServiceClass service, std::span<const uint8_t> inner, uint32_t most,
                                              int64_t nowMicros) {
    using Place = ReservationAnswer::Place;
    if (nowMicros - m_swept >= sweepEvery) sweep(nowMicros);
    const auto found = m_entries.find(keyOf(service, inner));
    if (found != m_entries.end() && found->second.until > nowMicros)
        return {Place::Held, static_cast<uint16_t>((found->second.until - nowMicros) / 1'000'000)};
    const bool room = found != m_entries.end() || m_held[service.value()] < most;
    return {room ? Place::Free : Place::None, 0};
}

}  // namespace netpas::tun
