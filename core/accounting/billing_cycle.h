// Cycles by the calendar (UTC), so that neighbours with the same setting agree on numbers and bounds.
#pragma once

#include <chrono>
#include <optional>

#include "core/accounting/bill.h"
#include "core/clock.h"

namespace netpas::accounting {

struct BillingCycle {
    std::optional<std::chrono::seconds> length;  // nothing: a month of the calendar
    // After the end of a cycle, until everything made in it has had its time to arrive.
    std::chrono::seconds grace{26 * 3600};

    [[nodiscard]] CycleNumber at(SystemTime time) const;
    [[nodiscard]] SystemTime begin(CycleNumber cycle) const;
    [[nodiscard]] SystemTime end(CycleNumber cycle) const { return begin(cycle + 1); }
    // The oldest cycle that may still change.
    [[nodiscard]] CycleNumber oldestOpen(SystemTime now) const { return at(now - grace); }
};

}  // namespace netpas::accounting
