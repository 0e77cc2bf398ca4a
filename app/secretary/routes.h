// All routes of the secretary's API, one function for each topic. `state` outlives the router.
#pragma once

#include "app/secretary/router.h"
#include "app/secretary/state.h"

namespace netpas::secretaryd {

void addPurchaseRoutes(Router& router, SecretaryState& state);  // status, purchases, history, join
void addContactRoutes(Router& router, SecretaryState& state);
void addPayeeRoutes(Router& router, SecretaryState& state);
void addDecisionRoutes(Router& router, SecretaryState& state);  // pending, mode, budget

// Every topic: what the secretary's process calls.
inline void addRoutes(Router& router, SecretaryState& state) {
    addPurchaseRoutes(router, state);
    addContactRoutes(router, state);
    addPayeeRoutes(router, state);
    addDecisionRoutes(router, state);
}

}  // namespace netpas::secretaryd
