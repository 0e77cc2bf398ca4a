// Who has reserved what in classes with a guarantee (NetPaS §3.1.1): admission, and policing at the edge. A reservation belongs to a pair of
// addresses in a class. It is made by a packet that pays the set-up charge and the first minute beside its own price, and goes on for a minute
// for each packet that pays a minute. Whoever asks by a packet without payload is told. One packet thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "core/guarantee.h"
#include "core/ids.h"
#include "core/wire/reservation.h"
#include "tun/edge/edge_counters.h"

namespace netpas::tun {

// An IP header with protocol 59 ("no next header", RFC 8200), and nothing or a question behind it: pays and is not delivered. `inner` is a
// whole packet.
[[nodiscard]] bool isPayloadFree(std::span<const uint8_t> inner);
[[nodiscard]] std::optional<ReservationQuestion> questionIn(std::span<const uint8_t> inner);

class Reservations {
public:
    enum class Outcome : uint8_t { Holds, NotReserved, Full, OverRate };

    // `inner`: a whole IP packet. `extra`: eighths that it pays beyond its own price, ≥ 0. `most`: reservations of the class at once.
    [[nodiscard]] Outcome take(ServiceClass service, std::span<const uint8_t> inner, int64_t extra,
                               const Guarantee& guarantee, uint32_t most, int64_t nowMicros);
    // What holds between these addresses now.
    struct Standing {
        ReservationAnswer::Place place{};
        uint16_t secondsLeft = 0;
    };
    [[nodiscard]] Standing standing(ServiceClass service, std::span<const uint8_t> inner, uint32_t most,
                                    int64_t nowMicros);
    // What is held, and the same in another life of the router: `ahead` is what the wall clock says more than `nowMicros`.
    void appendTo(std::vector<HeldPlace>& places, int64_t ahead) const;
    void restore(const HeldPlace& place, int64_t ahead, int64_t nowMicros);
    [[nodiscard]] size_t held(ServiceClass service) const { return m_held[service.value()]; }

private:
    struct Entry {
        int64_t until = 0;  // microseconds
        int64_t full = 0;   // when all of the rate is free again, nanoseconds
    };
    void sweep(int64_t nowMicros);

    std::unordered_map<std::string, Entry> m_entries;  // by class and addresses
    std::array<uint32_t, 64> m_held{};
    int64_t m_swept = 0;
};

}  // namespace netpas::tun
