// A budgeted session key (DESIGN §6): what a hijacked host could spend at most.
#pragma once

#include <vector>

#include "core/clock.h"
#include "core/crypto/tag.h"
#include "core/ids.h"
#include "core/money.h"

namespace netpas {

struct SessionKey {
    SessionKeyId id;
    TagKey secret{};
    Money cap;                   // of the sum of all nanopayments ever sent under the key
    Money capPerSecond;          // of the nanopayments in any second (token bucket with one second's burst)
    std::vector<IspId> allowed;  // every ISP of the header must be listed; at most 16
    SystemTime expires;
};

}  // namespace netpas
