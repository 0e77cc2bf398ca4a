// What the clients of the budget race say they were granted, set against caps: pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/lab/json.h"
#include "core/money.h"

namespace netpas::lab {

// One purchase that a client was granted. It certainly had it from `granted` to `given` (microseconds of the steady clock).
struct GrantedPurchase {
    std::string id;
    uint64_t granted = 0;
    uint64_t given = 0;
    std::string app, purpose, payee;
    uint64_t packets = 0;  // that the client sent while it had it
    Money cap;
    Money charged;
};

// A cap for everything (empty field) or for one value of "app", "purpose" or "payee".
struct RaceCap {
    std::string field;
    std::string value;
    Money amount;
    Money before;  // spent when it was set, on top of which the amount may be spent
};

struct CapJudgement {
    RaceCap cap;
    Money most;         // ever set aside and spent at the same time, at the very least
    Money spent;        // at the end
    uint64_t over = 0;  // grants with which the cap was passed
};

// The least that can have been committed under each cap at each grant: caps of what was certainly held, and charges of what
// was given back.
[[nodiscard]] std::vector<CapJudgement> judgeCaps(const std::vector<GrantedPurchase>& purchases,
                                                  const std::vector<RaceCap>& caps);

// Purchases that more than one client believes to be its own, and those that cost more than every packet that was sent over
// them once.
[[nodiscard]] uint64_t spentTwice(const std::vector<GrantedPurchase>& purchases, Money pricePerPacket);

// From a client's report; app, cap and charge are filled in later.
[[nodiscard]] std::vector<GrantedPurchase> grantedIn(const Json& report);

}  // namespace netpas::lab
