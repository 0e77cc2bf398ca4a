// What payers and edge routers say to each other about places in classes with a guarantee (NetPaS §3.1.1). Plain values; any thread.
// The question is what follows the IP header of a packet with protocol 59 ("no next header", RFC 8200), which carries nothing for its
// destination; the answer is a UDP datagram to whoever the question names.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "core/ids.h"
#include "core/net_address.h"

namespace netpas {

inline constexpr uint8_t noNextHeader = 59;

struct ReservationQuestion {
    uint64_t nonce = 0;  // chosen at random: who did not see the question cannot answer it
    Endpoint answerTo;
    friend bool operator==(const ReservationQuestion&, const ReservationQuestion&) = default;
};
inline constexpr size_t reservationQuestionSize = 28;

struct ReservationAnswer {
    enum class Place : uint8_t {
        Free = 0,  // nothing is held, and there is a place
        Held = 1,  // between the question's addresses
        None = 2,  // nothing is held, and all places are taken
    };
    uint64_t nonce = 0;  // the question's
    IspId isp{0};
    ServiceClass service{0};
    Place place{};
    uint16_t secondsLeft = 0;  // Held: is paid for so long; else 0
    friend bool operator==(const ReservationAnswer&, const ReservationAnswer&) = default;
};
inline constexpr size_t reservationAnswerSize = 16;

[[nodiscard]] std::array<uint8_t, reservationQuestionSize> encodeReservation(const ReservationQuestion& question);
[[nodiscard]] std::array<uint8_t, reservationAnswerSize> encodeReservation(const ReservationAnswer& answer);
// Exactly the bytes of one; nothing when a field that must be zero is not, or a value does not exist.
[[nodiscard]] std::optional<ReservationQuestion> decodeReservationQuestion(std::span<const uint8_t> bytes);
[[nodiscard]] std::optional<ReservationAnswer> decodeReservationAnswer(std::span<const uint8_t> bytes);

}  // namespace netpas
