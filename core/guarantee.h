// A class with a guarantee (NetPaS §3.1.1): so much is carried whatever the others do, for a charge at the beginning and one for each minute.
// Both are nanopayments of packets without payload, beside what the data packets pay.
#pragma once

#include <chrono>
#include <cstdint>

#include "core/money.h"

namespace netpas {

struct Guarantee {
    Money setUp;                 // ≥ 0, once
    Money perMinute;             // ≥ 0, for each minute that begins
    uint64_t bitsPerSecond = 0;  // of inner packets; what is more is not carried in this class
    friend bool operator==(const Guarantee&, const Guarantee&) = default;
};

// What a charge pays for.
inline constexpr std::chrono::seconds guaranteedFor{60};

}  // namespace netpas
