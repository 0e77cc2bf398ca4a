// All routes of the secretary's API, one function for each topic. `state` outlives the router.
#pragma once

#include "app/secretary/router.h"
#include "app/secretary/state.h"

namespace netpas::secretaryd {

void addContactRoutes(Router& router, SecretaryState& state);
void addPayeeRoutes(Router& router, SecretaryState& state);
void addDecisionRoutes(Router& router, SecretaryState& state);  // pending, mode, budget
void addPaymentRoutes(Router& router, SecretaryState& state);   // micropayments, made and received
void addContentRoutes(Router& router, SecretaryState& state);   // what is sold with status 402
void addPurchaseRoutes(Router& router, SecretaryState& state);  // status, purchases, join
void addLedgerRoutes(Router& router, SecretaryState& state);    // history, totals, balance, labels
void addVaultRoutes(Router& router, SecretaryState& state);     // lock, passphrase, recovery words, backup, doctor
void addDeliveryRoutes(Router& router, SecretaryState& state);  // what was not delivered
void addRuleRoutes(Router& router, SecretaryState& state);
void addReverseRoutes(Router& router, SecretaryState& state);    // orders for the reverse path, as a seller
void addNeighbourRoutes(Router& router, SecretaryState& state);  // neighbours on the links, and agreements with them
void addHouseholdRoutes(Router& router, SecretaryState& state);  // devices behind the agent: pairing

// Every topic: what the secretary's process calls.
inline void addRoutes(Router& router, SecretaryState& state) {
    addPurchaseRoutes(router, state);
    addPaymentRoutes(router, state);
    addContentRoutes(router, state);
    addContactRoutes(router, state);
    addPayeeRoutes(router, state);
    addDecisionRoutes(router, state);
    addLedgerRoutes(router, state);
    addVaultRoutes(router, state);
    addRuleRoutes(router, state);
    addHouseholdRoutes(router, state);
    addReverseRoutes(router, state);
    addNeighbourRoutes(router, state);
    addDeliveryRoutes(router, state);
}

}  // namespace netpas::secretaryd
