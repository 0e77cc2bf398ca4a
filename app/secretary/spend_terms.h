// What a purchase asks for, as rules, budgets, learning and prompts see it. Pure.
#pragma once

#include <optional>
#include <string>

#include "cartographer/quote.h"
#include "core/ledger/types.h"
#include "secretary/spend_request.h"

namespace netpas::secretaryd {

// Why the terms make no sense at these prices: a cap that does not pay for one packet.
struct TermsTrouble {
    std::string message, hint;
};
[[nodiscard]] std::optional<TermsTrouble> termsTrouble(const ledger::NewPurchase& purchase, Money dearestPacket);

// What is granted at a price a minute must not be spent in the first second: a purchase of limited time without a cap per
// second gets the one that its price comes to.
void keepToPrice(ledger::NewPurchase& purchase);

// The price is per minute where the purchase is limited in time: its cap per second, else its cap over its duration.
// Without either it is one item that costs the cap.
[[nodiscard]] secretary::SpendRequest spendRequestOf(const ledger::NewPurchase& purchase,
                                                     const cartographer::Quote& quote, uint32_t process);

// What of them the ledger keeps.
void keepTerms(const secretary::SpendRequest& terms, ledger::Context& context);

}  // namespace netpas::secretaryd
