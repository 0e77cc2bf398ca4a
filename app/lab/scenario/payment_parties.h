// Payers, payees and what all books on the way say of their payments: for scenarios of micropayments between real agents.
#pragma once

#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/lab/json.h"
#include "app/lab/lab.h"
#include "core/money.h"

namespace netpas::lab {

// What `netpas --json` said, whether it did what it was told or not.
struct CliAnswer {
    int exit = 0;
    Json body;
    // Of a problem, or of who on the way refused a payment; empty: none.
    [[nodiscard]] std::string code() const;
};
// On that host.
Expected<CliAnswer> askNetpas(Lab& lab, const std::string& host, std::vector<std::string> arguments);

// Lets the host receive payments and tells by which identifier.
Expected<std::string> becomePayee(Lab& lab, const std::string& host);

// One step of the way, as both of its ends have it: who passed the payment on owes the next one.
struct Debt {
    std::string debtor;    // host or ISP
    std::string creditor;  // ISP or host
    Money byDebtor;        // what the debtor's own book says
    Money byCreditor;
    Money pending;  // promised to the creditor and not confirmed; hosts as payees keep no such sum
    [[nodiscard]] bool agreed() const { return byDebtor == byCreditor; }
};
// `way`: the payer, the ISPs, the payee. Of all payments so far. `payeeSaid`: of a payee that is held and cannot answer, what it
// said last.
Expected<std::vector<Debt>> debtsAlong(Lab& lab, const std::vector<std::string>& way,
                                       std::optional<Money> payeeSaid = std::nullopt);
Expected<Money> receivedBy(Lab& lab, const std::string& host);
// With amounts in dollars and in nanodollars.
Json toJson(const Debt& debt);
std::string nanodollars(Money amount);

// Holds the process of a host that owns its money, and whatever it would say; lets it go on at the latest at its end.
class HeldSecretary {
public:
    static Expected<HeldSecretary> hold(Lab& lab, const std::string& host);
    HeldSecretary(HeldSecretary&& other) noexcept;
    HeldSecretary& operator=(HeldSecretary&&) = delete;
    ~HeldSecretary() { release(); }
    void release();

private:
    explicit HeldSecretary(pid_t pid) : m_pid(pid) {}
    pid_t m_pid = -1;
};
Expected<pid_t> secretaryOf(Lab& lab, const std::string& host);

}  // namespace netpas::lab
