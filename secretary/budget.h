// Decides on a purchase within hard limits (NetPaS §5.3). Pure: no thread, no clock, no store.
#pragma once

#include <string>
#include <string_view>

#include "core/money.h"

namespace netpas::secretary {

// Limits that no rule and no answer goes beyond.
struct HardLimits {
    Money perPurchase;
    Money perDay;  // set aside plus spent since midnight UTC
};

struct Spending {
    Money reserved;    // set aside for purchases that run
    Money spentToday;  // posted since midnight UTC
};

// What a person or an application asks to be bought.
struct Terms {
    Money cap;
    Money capPerSecond;   // zero: none
    Money dearestPacket;  // one full-sized packet at the dearest time of the day
};

enum class Verdict {
    Approved,
    CapNotPositive,
    CapBelowOnePacket,
    RateBelowOnePacket,
    AbovePurchaseLimit,
    AboveDailyLimit,
};

struct Decision {
    Verdict verdict;
    std::string rule;      // the one rule that decided
    std::string sentence;  // why, for people
};

// The verdict is about money that is short, not about a request that makes no sense.
bool isOverBudget(Verdict verdict);

// An explicit request is granted within its own cap, as long as the hard limits allow the whole cap: the
// worst case is set aside before anything is paid.
Decision decide(const Terms& terms, const HardLimits& limits, const Spending& spending);

}  // namespace netpas::secretary
