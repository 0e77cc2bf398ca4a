// When the guarantees on a purchase's way are asked for and paid for (NetPaS §3.1.1), and what may be sent under them. Any thread; shared by the
// packet threads and by the session keys of the purchase.
//
// A charge is paid only when the edge router has just said that it is due: the first one when there is a place, a minute's when less than ten
// seconds are left. So a charge that was lost is paid again, one that only its answer was lost of is not, a full class costs nothing but the question,
// and a router that has forgotten is noticed before it is paid for another minute.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "core/clock.h"
#include "core/guarantee.h"
#include "core/ids.h"
#include "core/wire/accounting_header.h"
#include "core/wire/reservation.h"

namespace netpas::tun {

// What a packet without payload pays to one ISP beside its price.
enum class HopCharge : uint8_t { None, Minute, First };
using HopCharges = std::array<HopCharge, AccountingHeader::maxHops>;

class ReservationClock {
public:
    // An ISP on the way with a guarantee.
    struct Hop {
        uint8_t position = 0;  // on the path
        IspId isp{0};
        ServiceClass service{0};
        uint64_t bitsPerSecond = 0;
        friend bool operator==(const Hop&, const Hop&) = default;
    };
    struct Task {
        bool send = false;  // a question, now
        uint64_t nonce = 0;
        HopCharges charges{};  // beside it
    };
    enum class Admission : uint8_t {
        Yes,
        NotYet,   // not reserved, or not any more
        NoPlace,  // all are taken; asked again now and then
        TooMuch,  // more than is reserved
    };

    // What to send now. Whoever is told does it: the others are told nothing. Another way begins anew.
    [[nodiscard]] Task take(const std::vector<Hop>& way, SteadyTime now);
    // It could not be sent.
    void failed(const Task& task, SteadyTime now);
    // Nothing can be sent at present.
    void wait(SteadyTime now);
    // Answers to questions that nobody has asked are passed over.
    void heard(const ReservationAnswer& answer, SteadyTime now);
    // Whether `bytes` of inner packets may leave under the guarantees, all or none.
    [[nodiscard]] Admission admit(uint64_t bytes, SteadyTime now);
    // When there may be something to send.
    [[nodiscard]] std::optional<SteadyTime> next() const;

private:
    struct Place {
        Hop hop;
        bool answered = false;  // the last question
        bool full = false;
        SteadyTime until{};  // paid for; the past: nothing is
    };
    [[nodiscard]] bool allAnswered() const;
    [[nodiscard]] HopCharge dueAt(const Place& place, SteadyTime now) const;
    void plan(SteadyTime now);

    mutable std::mutex m_mutex;  // what follows
    std::vector<Place> m_places;
    std::optional<SteadyTime> m_next;
    uint64_t m_nonce = 0;                  // of the question that is open; 0: none
    std::optional<SteadyTime> m_answered;  // when the last one was answered by all
    unsigned m_unacknowledged = 0;         // charges in a row after which nothing was reserved
    SteadyTime m_full{};                   // the rate: when all of it is free again
};

}  // namespace netpas::tun
