#include "core/price_model.h"

namespace netpas {

namespace {

// ceil(a · b / 1024), saturating. Both factors are non-negative.
int64_t scaledUp(int64_t a, uint32_t b) {
    int64_t product = 0;
    if (__builtin_mul_overflow(a, static_cast<int64_t>(b), &product)) return INT64_MAX;
    return product / 1024 + (product % 1024 != 0 ? 1 : 0);
}

int64_t saturatingAdd(int64_t a, int64_t b) {
    int64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

}  // namespace

Money PriceModel::cost(uint32_t innerBytes, Money downstream) const {
    int64_t total = perPacket.eighths();
    if (perKib.eighths() != 0) total = saturatingAdd(total, scaledUp(perKib.eighths(), innerBytes));
    if (surcharge1024ths != 0) total = saturatingAdd(total, scaledUp(downstream.eighths(), surcharge1024ths));
    return Money::fromEighths(total);
}

const PriceModel& PriceSchedule::modelAt(uint16_t minute) const {
    for (const PricePeriod& period : periods) {
        const bool covered = period.fromMinute < period.toMinute
                                 ? minute >= period.fromMinute && minute < period.toMinute
                                 : minute >= period.fromMinute || minute < period.toMinute;
        if (covered) return period.model;
    }
    return base;
}

uint16_t minuteOfDay(SystemTime time) {
    const auto minutes = std::chrono::floor<std::chrono::minutes>(time.time_since_epoch()).count() % 1440;
    return static_cast<uint16_t>(minutes < 0 ? minutes + 1440 : minutes);
}

}  // namespace netpas
