// The books of the payer and of its ISP, read and compared for the budget race.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "app/lab/json.h"
#include "app/lab/lab.h"
#include "app/lab/scenario/budget_judge.h"
#include "core/money.h"

namespace netpas::lab {

class RaceBooks {
public:
    RaceBooks(Lab& lab, std::string host) : m_lab(lab), m_host(std::move(host)) {}

    // The socket of the owner, or another one beside the agent's.
    [[nodiscard]] std::string socket(const std::string& name = "secretary.sock") const;
    // One request to the secretary by its owner.
    [[nodiscard]] Expected<Json> ask(const std::string& method, const std::string& target) const;
    [[nodiscard]] Expected<Json> ask(const std::string& method, const std::string& target, const Json& body) const;
    [[nodiscard]] bool answers() const;

    // Posted so far, by the value of "app", "payee" or "purpose"; the sum under the empty field.
    struct Spent {
        Money sum;
        std::map<std::string, std::map<std::string, Money>> by;
        [[nodiscard]] Money of(const RaceCap& cap) const;
    };
    [[nodiscard]] Expected<Spent> spent() const;

    // The ledger's sums against its open purchases and against what the budgets count. Empty: they agree.
    [[nodiscard]] Expected<std::string> reservations() const;
    // The ledger recomputed from its entries, page by page. Empty: nothing is wrong.
    [[nodiscard]] Expected<std::string> examination() const;
    // What is posted and set aside under each cap, from the ledger. The number of caps that are passed.
    [[nodiscard]] Expected<uint64_t> passed(const std::vector<RaceCap>& caps) const;

    [[nodiscard]] Expected<void> awaitSettled(std::chrono::seconds limit) const;
    // Stops whatever is open, and waits until all of it is settled.
    [[nodiscard]] Expected<void> settleAll() const;

    // What was spent, by everybody's books; waits until they have come to rest. Nothing is open.
    struct Account {
        Money ledger;
        Money counters;  // of the session keys at the ISP's edge
        Money invoice;
        [[nodiscard]] bool agrees() const { return ledger == counters && counters == invoice; }
        [[nodiscard]] std::string text() const;
    };
    [[nodiscard]] Expected<Account> account() const;

private:
    [[nodiscard]] Expected<Spent> committed() const;
    [[nodiscard]] Expected<Account> accountNow() const;

    Lab& m_lab;
    std::string m_host;
};

}  // namespace netpas::lab
