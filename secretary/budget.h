// Limits that no rule and no answer goes beyond.
#pragma once

#include "core/money.h"

namespace netpas::secretary {

struct HardLimits {
    Money perPurchase;
    Money perDay;  // set aside plus spent since midnight
};

}  // namespace netpas::secretary
