// Reads the parties' books for scenarios and waits until they have come to rest.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/lab/json.h"
#include "app/lab/lab.h"
#include "core/money.h"

namespace netpas::lab {

// An amount of a party's JSON; nothing when it is not one.
std::optional<Money> amountAt(const Json& object, const std::string& key);
// The element of a list whose `key` has the value; null when there is none.
const Json* findEntry(const Json& object, const std::string& list, const std::string& key, const Json& value);

// What an ISP's own service came to, by its counters and by the confirmations of the next one (or its own, when it
// delivered to the destination).
struct OwnService {
    Money counted;
    Money confirmed;
};
Expected<OwnService> ownService(const Json& books, const Topology& topology, const std::string& nextIsp);

// Asks all ISPs until every counter has been reported, every confirmation has arrived, and nothing changes any more.
Expected<std::map<std::string, Json>> settledBooks(Lab& lab, const std::vector<std::string>& isps,
                                                   std::chrono::seconds limit);

// The three that must agree to the last eighth of a nanodollar, over all purchases of one customer.
struct Bill {
    Money ledger;   // what the agent's history says was charged
    Money counter;  // what the ISP's edges counted for the session keys
    Money invoice;  // what the ISP charges
    uint64_t ledgerPackets = 0;
    uint64_t counterPackets = 0;
    uint64_t invoicePackets = 0;
    uint64_t unsettled = 0;  // purchases that are not settled yet
    bool exact() const {
        return unsettled == 0 && ledger == counter && counter == invoice && ledgerPackets == counterPackets &&
               counterPackets == invoicePackets;
    }
};
Expected<Bill> billOf(Lab& lab, const std::string& host);
// {"ledger": "…", "first_isp_counter": "…", "invoice": "…", "exact": true} into the report.
void reportBill(Json& result, const Bill& bill);

}  // namespace netpas::lab
