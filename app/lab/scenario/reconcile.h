// Compares the books of all parties about one settled purchase with each other and with what a capture saw.
#pragma once

#include <string>

#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/payment_meter.h"

namespace netpas::lab {

struct Reconciliation {
    bool exact = false;
    std::string table;  // for a terminal
};

// Fills in the result: ledger, first_isp_counter, invoice, exact, agent_packets, ... and hops. Presumes that the purchase is the
// only one that the first ISP ever carried and the edge routers' only traffic. Every disagreement is a failed expectation.
Expected<Reconciliation> reconcileMoney(ScenarioContext& context, const std::string& host, const std::string& purchase,
                                        const PaymentCount& captured);

// Amounts in reports are decimal strings of dollars.
Money moneyOf(const Json& object, const char* field);
// Nanopayments that left an edge router over all its links, for itself and for later ISPs.
Money edgeTotal(const Json& counters);
// The entry of an array whose member `key` has this value; null when there is none.
Json entryOf(const Json& array, const char* key, const Json& value);

}  // namespace netpas::lab
