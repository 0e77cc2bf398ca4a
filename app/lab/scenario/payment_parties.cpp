#include "app/lab/scenario/payment_parties.h"

#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/lab/command.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/process_tree.h"

namespace netpas::lab {

namespace {

// Of one party in an ISP's books; null when there never was a payment.
const Json* partyIn(const Topology& topology, const Json& books, const std::string& name) {
    const IspSpec* const isp = topology.isp(name);
    return isp != nullptr ? findEntry(books, "payments", "isp", isp->id)
                          : findEntry(books, "payments", "customer", name);
}

// Of the sums that only grow, what stands.
Money standing(const Json& party, const char* sum, const char* takenBack) {
    const Money grown = amountAt(party, sum).value_or(Money::zero());
    return checkedSub(grown, amountAt(party, takenBack).value_or(Money::zero())).value_or(Money::max());
}

// What the books say of one step, as far as its ends are ISPs.
Expected<void> lookUp(Lab& lab, std::map<std::string, Json>& books, Debt& debt) {
    for (const std::string& party : {debt.debtor, debt.creditor}) {
        if (lab.topology().isp(party) == nullptr || books.contains(party)) continue;
        auto asked = ispBooks(lab, party);
        if (!asked) return tl::unexpected(asked.error());
        books[party] = std::move(*asked);
    }
    if (const auto debtor = books.find(debt.debtor); debtor != books.end()) {
        if (const Json* const party = partyIn(lab.topology(), debtor->second, debt.creditor))
            debt.byDebtor = standing(*party, "owed", "taken_back_to");
    }
    if (const auto creditor = books.find(debt.creditor); creditor != books.end()) {
        if (const Json* const party = partyIn(lab.topology(), creditor->second, debt.debtor)) {
            debt.byCreditor = standing(*party, "owes", "taken_back_from");
            debt.pending = amountAt(*party, "pending").value_or(Money::max());
        }
    }
    return {};
}

}  // namespace

std::string CliAnswer::code() const {
    if (!body.is_object()) return {};
    if (body.contains("error")) return body["error"].value("code", "");
    const auto refusal = body.find("refusal");
    return refusal != body.end() && refusal->is_object() ? refusal->value("code", "") : std::string{};
}

Expected<CliAnswer> askNetpas(Lab& lab, const std::string& host, std::vector<std::string> arguments) {
    std::vector<std::string> argv{programPath("netpas"), "--socket", agentSocket(lab.name(), host), "--json"};
    argv.insert(argv.end(), std::make_move_iterator(arguments.begin()), std::make_move_iterator(arguments.end()));
    const auto answer = runCommand(argv);
    if (!answer) return tl::unexpected(answer.error());
    CliAnswer said{answer->status, Json::parse(answer->out, nullptr, false)};
    if (said.body.is_discarded()) return fail(LabErrc::Evidence, "netpas did not answer JSON: " + answer->out);
    return said;
}

Expected<std::string> becomePayee(Lab& lab, const std::string& host) {
    const auto said = netpas(lab, host, {"receive", "on"});
    if (!said) return tl::unexpected(said.error());
    return said->value("payee", "");
}

Expected<Money> receivedBy(Lab& lab, const std::string& host) {
    const auto received = netpas(lab, host, {"received"});
    if (!received) return tl::unexpected(received.error());
    return amountAt(*received, "sum").value_or(Money::max());
}

Expected<std::vector<Debt>> debtsAlong(Lab& lab, const std::vector<std::string>& way, std::optional<Money> payeeSaid) {
    std::map<std::string, Json> books;
    std::vector<Debt> debts;
    for (size_t i = 0; i + 1 < way.size(); ++i) {
        debts.push_back({way[i], way[i + 1], {}, {}, {}});
        LAB_TRY(lookUp(lab, books, debts.back()));
    }
    const auto balance = netpas(lab, way.front(), {"balance"});
    if (!balance) return tl::unexpected(balance.error());
    debts.front().byDebtor = amountAt(*balance, "spent").value_or(Money::max());
    const auto received = payeeSaid ? Expected<Money>(*payeeSaid) : receivedBy(lab, way.back());
    if (!received) return tl::unexpected(received.error());
    debts.back().byCreditor = *received;
    return debts;
}

std::string nanodollars(Money amount) {
    const int64_t whole = amount.eighths() / Money::eighthsPerNanodollar;
    const int64_t rest = amount.eighths() % Money::eighthsPerNanodollar;
    static constexpr const char* parts[] = {"", ".125", ".25", ".375", ".5", ".625", ".75", ".875"};
    return std::to_string(whole) + parts[rest];
}

Json toJson(const Debt& debt) {
    Json json{{"debtor", debt.debtor},
              {"creditor", debt.creditor},
              {"owes", debt.byDebtor.toString()},
              {"owes_nanodollars", nanodollars(debt.byDebtor)},
              {"creditor_says", debt.byCreditor.toString()}};
    if (debt.pending > Money::zero()) json["pending"] = debt.pending.toString();
    return json;
}

Expected<pid_t> secretaryOf(Lab& lab, const std::string& host) {
    Process* const agent = lab.program(agentProgram(host));
    if (agent == nullptr) return fail(LabErrc::State, "no agent runs on " + host);
    const auto pid = descendantWith(agent->pid(), "--role secretary");
    if (!pid) return fail(LabErrc::Process, "the agent of " + host + " has no secretary");
    return *pid;
}

Expected<HeldSecretary> HeldSecretary::hold(Lab& lab, const std::string& host) {
    const auto pid = secretaryOf(lab, host);
    if (!pid) return tl::unexpected(pid.error());
    if (::kill(*pid, SIGSTOP) != 0) return fail(LabErrc::Process, "the secretary of " + host + " cannot be held");
    return HeldSecretary(*pid);
}

HeldSecretary::HeldSecretary(HeldSecretary&& other) noexcept : m_pid(std::exchange(other.m_pid, -1)) {}

void HeldSecretary::release() {
    if (m_pid > 0) (void)::kill(std::exchange(m_pid, -1), SIGCONT);
}

}  // namespace netpas::lab
