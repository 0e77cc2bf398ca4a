// Judges micropayments by what stands in the databases of the parties after they have stopped: the journals of payers and
// payees, and both sides of every hop in the books of the ISPs. Nothing that a scenario remembers counts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/lab/error.h"
#include "app/lab/json.h"

namespace netpas::lab {

struct JudgedIsp {
    uint16_t isp = 0;
    std::string books;     // database
    std::string booksKey;  // its key file
    std::string journal;   // of its customers (CrowdJournal); empty: none
};

struct PaymentJudgement {
    uint64_t attempts = 0;  // orders that payers have signed
    uint64_t posted = 0;
    uint64_t expired = 0;
    uint64_t cancelled = 0;
    uint64_t refused = 0;
    uint64_t neverTaken = 0;  // by the payer's ISP, and expired
    uint64_t paidTwice = 0;   // intents that were charged more than once, payments that were credited more than once
    uint64_t paidWithoutConfirmation = 0;
    std::vector<std::string> disagreements;
    struct Allowed {
        std::string payment;
        std::string who;  // bears it
        std::string amount;
        std::string why;
    };
    std::vector<Allowed> allowed;
    uint64_t longestPath = 0;  // ISPs
};

// All ISPs that a payment may have crossed must be among them.
Expected<PaymentJudgement> judgePayments(const std::vector<JudgedIsp>& isps);
// {"posted": …, "disagreements": [], "allowed": […], …} into the report.
void reportJudgement(Json& result, const PaymentJudgement& judgement);

}  // namespace netpas::lab
