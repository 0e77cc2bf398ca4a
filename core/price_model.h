// What an ISP asks for one packet: per packet, per byte, a surcharge on downstream payments, by time of day (NetPaS §5.1).
#pragma once

#include <cstdint>
#include <vector>

#include <tl/expected.hpp>

#include "core/clock.h"
#include "core/money.h"

namespace netpas {

struct PriceModel {
    Money perPacket;                // ≥ 0
    Money perKib;                   // ≥ 0, for 1024 bytes of the inner packet
    uint32_t surcharge1024ths = 0;  // of the nanopayments to all ISPs further downstream; 0..1024

    // Rounded up to an eighth of a nanodollar. `innerBytes` ≤ 65535; `downstream` is the sum of the encoded prices of
    // the later ISPs. Never negative; saturates at Money::max().
    [[nodiscard]] Money cost(uint32_t innerBytes, Money downstream) const;

    friend bool operator==(const PriceModel&, const PriceModel&) = default;
};

struct PricePeriod {
    uint16_t fromMinute = 0;  // of the day in UTC, 0..1439, inclusive
    uint16_t toMinute = 0;    // exclusive; a period with from ≥ to runs over midnight
    PriceModel model;

    friend bool operator==(const PricePeriod&, const PricePeriod&) = default;
};

struct PriceSchedule {
    PriceModel base;
    std::vector<PricePeriod> periods;  // the first that covers the minute decides

    [[nodiscard]] const PriceModel& modelAt(uint16_t minuteOfDay) const;

    friend bool operator==(const PriceSchedule&, const PriceSchedule&) = default;
};

[[nodiscard]] uint16_t minuteOfDay(SystemTime time);

}  // namespace netpas
