// The outcomes of NetPaS §5.1 at an edge router, one name each, and the step that decides them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace netpas::tun {

enum class Verdict : uint8_t {
    // Accepted: the packet left this router and was counted as money.
    Forwarded,            // to the next ISP
    HandedOver,           // to another edge router of this ISP, which takes steps 6 to 8
    Delivered,            // the bare inner packet, towards its destination
    DeliveredWithHeader,  // to a destination that takes part

    // Before step 1: who sent it, and is it whole?
    UnknownSource,   // a customer datagram from an address that no customer has
    WrongNeighbour,  // a neighbour's or an internal socket heard somebody else
    WrongKind,       // a kind of shim that does not belong on this socket
    MalformedShim,
    MalformedHeader,
    MalformedInner,
    NotForThisIsp,  // no block of this ISP, or not the one whose turn it is
    WrongPosition,  // the neighbour that sent it is not the ISP before this one

    // Before step 1, customers only: may this key spend?
    UnknownKey,
    OtherLine,  // the key is another customer's
    BadTag,
    ExpiredKey,
    Stale,          // older than the replay window
    Replayed,       // the burst has no slot left
    BurstExceeded,  // longer than the segment limit under the tag
    IspNotAllowed,
    KeyCapReached,
    KeyRateReached,

    // The numbered steps.
    Blacklisted,          // 2
    RateLimited,          // 3
    UnknownClass,         // 4
    NoRoute,              // 4: the next ISP is not a neighbour
    UnknownExit,          // 4
    DestinationNotOurs,   // 4, last ISP
    TtlExpired,           // 4, last ISP: handed to the kernel uncharged, so that its sender hears of it
    Underpaid,            // 5: dropped
    UnderpaidBestEffort,  // 5: handed to the kernel uncharged
    NotReserved,          // 5, classes with a guarantee: no charge paid, no place left, or more than was reserved
    NotReservedBestEffort,
};
inline constexpr size_t verdictCount = static_cast<size_t>(Verdict::NotReservedBestEffort) + 1;

// The name in counters and reports: snake_case, stable.
[[nodiscard]] std::string_view verdictName(Verdict verdict);

// Which step decided: 0 is everything before step 1, 8 an accepted packet.
[[nodiscard]] int stepOf(Verdict verdict);

[[nodiscard]] constexpr bool isAccepted(Verdict verdict) { return verdict <= Verdict::DeliveredWithHeader; }

[[nodiscard]] constexpr std::array<Verdict, verdictCount> allVerdicts() {
    std::array<Verdict, verdictCount> all{};
    for (size_t i = 0; i < verdictCount; ++i) all[i] = static_cast<Verdict>(i);
    return all;
}

}  // namespace netpas::tun
