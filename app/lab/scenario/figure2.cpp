// NetPaS Figure 2: B pays A through Y and X. Nothing is owed before A's confirmation is back, then everybody owes the next one what
// was agreed; who refuses says where, why and how much would pass; what fails on the way is owed by nobody.
#include <algorithm>
#include <csignal>
#include <future>
#include <map>
#include <nlohmann/json.hpp>

#include "app/lab/parties.h"
#include "app/lab/scenario/payment_parties.h"
#include "app/lab/scenario/scenario.h"
#include "core/crypto/identity.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;

const std::vector<std::string> way{"b", "Y", "X", "a"};
constexpr const char* amount = "0.0001";  // 100,000 n$

Money dollars(const std::string& text) { return Money::parse(text).value_or(Money::max()); }
Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }

class Figure2 {
public:
    explicit Figure2(ScenarioContext& context) : m_context(context), m_lab(context.lab()) {}

    Expected<void> run() {
        LAB_TRY(prepare());
        LAB_TRY(confirmedAfterAMoment());
        LAB_TRY(refusals());
        LAB_TRY(badInput());
        LAB_TRY(expires());
        LAB_TRY(payerIsKilled());
        LAB_TRY(payeeIsKilled());
        return judgeHistory();
    }

private:
    Expected<void> prepare() {
        auto payee = becomePayee(m_lab, "a");
        if (!payee) return tl::unexpected(payee.error());
        m_payee = *payee;
        const std::string nobody = Identity::generate().nodeId().hex();
        LAB_TRY(netpas(m_lab, "b", {"contacts", "add", "A", "--payee", m_payee}));
        LAB_TRY(netpas(m_lab, "b", {"contacts", "add", "Nobody", "--payee", nobody}));
        for (const IspSpec& isp : m_context.topology().isps) m_fees[isp.id] = isp.payments.fixed;
        return {};
    }

    std::vector<std::string> payment(std::vector<std::string> more) const {
        std::vector<std::string> arguments{"pay", "A", "--amount", amount, "--to-isp", "24"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return arguments;
    }
    // What each step of the way owes the next one for `count` payments of the usual amount.
    [[nodiscard]] std::vector<Money> expected(int64_t count) const {
        const Money each = dollars(amount);
        const auto times = [count](Money money) { return checkedMul(money, count).value_or(Money::max()); };
        return {times(plus(plus(each, m_fees.at(24)), m_fees.at(25))), times(plus(each, m_fees.at(24))), times(each)};
    }
    Expected<std::vector<Debt>> debts() { return debtsAlong(m_lab, way); }
    // Every step owes exactly that, and both of its ends say so.
    Expected<void> expectDebts(int64_t payments, const std::string& when) {
        const auto found = debts();
        if (!found) return tl::unexpected(found.error());
        const auto wanted = expected(payments);
        for (size_t i = 0; i < wanted.size(); ++i) {
            const Debt& debt = (*found)[i];
            m_context.expect(debt.byDebtor == wanted[i] && debt.agreed(),
                             when + ": " + debt.debtor + " should owe " + debt.creditor + " " + wanted[i].toString() +
                                 ", but says " + debt.byDebtor.toString() + ", and " + debt.creditor + " says " +
                                 debt.byCreditor.toString());
        }
        return {};
    }
    // Both ends have heard of it: the last acknowledgement may still be on its way to the payee.
    Expected<void> awaitReceived(int64_t payments) {
        const Money wanted = expected(payments).back();
        return waitUntil("the payee to have been told", 10s, [&] {
            const auto found = debts();
            return found && found->back().byCreditor == wanted;
        });
    }

    // --- the figure

    std::future<Expected<CliAnswer>> payMeanwhile(std::vector<std::string> more) {
        return std::async(std::launch::async,
                          [this, arguments = payment(std::move(more))] { return askNetpas(m_lab, "b", arguments); });
    }

    // What it said last is what it says while it is held.
    Expected<HeldSecretary> holdPayee() {
        const auto said = receivedBy(m_lab, "a");
        if (!said) return tl::unexpected(said.error());
        m_payeeSaid = *said;
        return HeldSecretary::hold(m_lab, "a");
    }

    // The payment is in all books, and nobody owes anything for it. `earlier`: payments before it.
    Expected<std::vector<Debt>> awaitPending(int64_t earlier) {
        const auto before = expected(earlier), promised = expected(1);
        std::vector<Debt> seen;
        LAB_TRY(waitUntil("the payment to be under way in all books", 10s, [&] {
            auto found = debtsAlong(m_lab, way, m_payeeSaid);
            if (!found) return false;
            seen = std::move(*found);
            return seen[0].pending == promised[0] && seen[1].pending == promised[1];
        }));
        for (size_t i = 0; i < seen.size(); ++i) {
            m_context.expect(seen[i].byDebtor == before[i] && seen[i].byCreditor == before[i],
                             "before the confirmation is back, " + seen[i].debtor + " owes " + seen[i].creditor + " " +
                                 seen[i].byDebtor.toString() + " (" + seen[i].byCreditor.toString() + "), not " +
                                 before[i].toString());
        }
        return seen;
    }

    Expected<void> confirmedAfterAMoment() {
        m_context.say("B pays A " + nanodollars(dollars(amount)) + " n$; A's secretary is held for a moment");
        auto held = holdPayee();
        if (!held) return tl::unexpected(held.error());
        auto paying = payMeanwhile({"--lifetime", "60s", "--description", "a comic"});
        const auto pending = awaitPending(0);
        const auto balance = netpas(m_lab, "b", {"balance"});
        held->release();
        const auto paid = paying.get();
        if (!pending) return tl::unexpected(pending.error());
        if (!balance) return tl::unexpected(balance.error());
        if (!paid) return tl::unexpected(paid.error());
        const std::string aside = balance->value("reserved", "");
        m_context.expect(dollars(aside) == expected(1)[0], "B has set aside " + aside);
        m_context.expect(paid->exit == 0 && paid->body.value("state", "") == "posted",
                         "the payment should be posted: " + paid->body.dump());
        LAB_TRY(awaitReceived(1));
        LAB_TRY(expectDebts(1, "after the confirmation"));
        const auto after = debts();
        if (!after) return tl::unexpected(after.error());
        return report(*paid, *pending, *after);
    }

    Expected<void> report(const CliAnswer& paid, const std::vector<Debt>& pending, const std::vector<Debt>& after) {
        Json& result = m_context.result();
        result["amount"] = amount;
        result["amount_nanodollars"] = nanodollars(dollars(amount));
        result["fees"] = paid.body.value("fees", Json::array());
        result["while_under_way"] = Json::array();
        for (const Debt& debt : pending) result["while_under_way"].push_back(toJson(debt));
        result["debts"] = Json::array();
        for (const Debt& debt : after) {
            result["debts"].push_back(toJson(debt));
            m_context.say("  " + debt.debtor + " owes " + debt.creditor + " " + nanodollars(debt.byDebtor) + " n$ ($" +
                          debt.byDebtor.toString() + ")");
        }
        const char* const names[] = {"b_owes_y", "y_owes_x", "x_owes_a"};
        for (size_t i = 0; i < after.size(); ++i) {
            result[names[i]] = after[i].byDebtor.toString();
            result[std::string(names[i]) + "_nanodollars"] = nanodollars(after[i].byDebtor);
        }
        m_context.expect(result["b_owes_y_nanodollars"] == "102500" && result["y_owes_x_nanodollars"] == "102000" &&
                             result["x_owes_a_nanodollars"] == "100000",
                         "these are not the amounts of NetPaS Figure 2");
        m_posted = 1;
        return {};
    }

    // --- what is refused

    Expected<void> expectRefused(const std::string& name, const std::string& host, std::vector<std::string> arguments,
                                 const std::string& code, int isp = 0, const std::string& limit = {}) {
        const auto said = askNetpas(m_lab, host, std::move(arguments));
        if (!said) return tl::unexpected(said.error());
        const Json refusal = said->body.value("refusal", Json());
        const Json problem = said->body.value("error", Json());
        const Json& why = refusal.is_object() ? refusal : problem;
        Json entry{{"case", name}, {"exit", said->exit}, {"code", said->code()}};
        bool good = said->exit != 0 && said->code() == code && why.is_object() && !why.value("message", "").empty();
        if (refusal.is_object()) {
            entry.update({{"isp", refusal["isp"]}, {"limit", refusal["limit"]}, {"remedy", refusal["remedy"]}});
            good = good && refusal["isp"] == isp && !refusal.value("remedy", "").empty() &&
                   (limit.empty() ? refusal["limit"].is_null() : refusal["limit"] == limit);
        } else {
            entry["remedy"] = problem.is_object() ? problem.value("hint", "") : "";
            good = good && isp == 0;
        }
        entry["message"] = why.is_object() ? why.value("message", "") : "";
        entry["ok"] = good;
        m_context.say("  " + name + ": " + entry["message"].get<std::string>());
        m_context.expect(good, name + ": expected " + code + ", got " + said->body.dump());
        m_context.result()["refusals"].push_back(std::move(entry));
        return {};
    }

    Expected<void> refusals() {
        m_context.say("Refused on the way:");
        m_context.result()["refusals"] = Json::array();
        LAB_TRY(expectRefused("the fee for X is too small", "b", payment({"--via", "25=0.0000005,24=0.0000019"}),
                              "FEE_TOO_SMALL", 24, m_fees.at(24).toString()));
        LAB_TRY(expectRefused("the fee for Y is too small", "b", payment({"--via", "25=0.0000004,24=0.000002"}),
                              "FEE_TOO_SMALL", 25, m_fees.at(25).toString()));
        LAB_TRY(expectRefused("there is no such receiver", "b", {"pay", "Nobody", "--amount", amount, "--to-isp", "24"},
                              "UNKNOWN_PAYEE", 24));
        const std::string b = becomePayeeInVain();
        LAB_TRY(netpas(m_lab, "a", {"contacts", "add", "B", "--payee", b}));
        LAB_TRY(expectRefused("A's ISP lets it receive only", "a", {"pay", "B", "--amount", amount, "--to-isp", "25"},
                              "MAY_NOT_SEND", 24));
        LAB_TRY(netpas(m_lab, "a", {"receive", "off"}));
        LAB_TRY(expectRefused("A has switched receiving off", "b", payment({}), "PAYEE_AWAY", 24));
        LAB_TRY(netpas(m_lab, "a", {"receive", "on"}));
        return expectDebts(m_posted, "after the refusals");
    }

    // Its ISP does not allow it.
    std::string becomePayeeInVain() {
        const auto said = askNetpas(m_lab, "b", {"receive", "on"});
        const bool refused =
            said && said->exit != 0 && !said->body.value("accepted", true) && !said->body.value("trouble", "").empty();
        m_context.expect(refused, "B may not receive, and should be told so");
        (void)askNetpas(m_lab, "b", {"receive", "off"});
        return said ? said->body.value("payee", "") : std::string{};
    }

    Expected<void> badInput() {
        m_context.say("Refused at home:");
        const auto pay = [](const std::string& payee, const std::string& sum, std::vector<std::string> more = {}) {
            std::vector<std::string> arguments{"pay", payee, "--amount", sum};
            arguments.insert(arguments.end(), more.begin(), more.end());
            return arguments;
        };
        const std::string huge = "1001";  // a lab's agents may spend 1000 dollars at once
        LAB_TRY(expectRefused("nothing to pay", "b", pay("A", "0"), "INVALID_ARGUMENT"));
        LAB_TRY(expectRefused("a negative amount", "b", {"pay", "A", "--amount=-0.1"}, "INVALID_ARGUMENT"));
        LAB_TRY(expectRefused("too many digits", "b", pay("A", "0.00000000000001"), "INVALID_ARGUMENT"));
        LAB_TRY(expectRefused("no payee of that name", "b", pay("Zoe", amount), "INVALID_ARGUMENT"));
        LAB_TRY(expectRefused("a payee whom nobody vouches for", "b", pay(std::string(64, 'a'), amount), "RESTRICTED"));
        LAB_TRY(expectRefused("an ISP that nobody knows", "b", pay("A", amount, {"--to-isp", "99"}), "NO_ROUTE"));
        LAB_TRY(expectRefused("dearer than B would pay", "b",
                              pay("A", amount, {"--to-isp", "24", "--max-fees", "0.0000024"}), "FEES_TOO_HIGH"));
        LAB_TRY(expectRefused("over the limit", "b", pay("A", huge, {"--to-isp", "24"}), "QUOTA_EXCEEDED"));
        LAB_TRY(expectRefused("another payee's key", "b", pay("A", amount, {"--payee-key", std::string(64, '1')}),
                              "INVALID_ARGUMENT"));
        LAB_TRY(netpas(m_lab, "b", payment({"--id", "comic-17"})));
        LAB_TRY(netpas(m_lab, "b", payment({"--id", "comic-17"})));
        ++m_posted;
        LAB_TRY(expectRefused("the same word for another payment", "b",
                              pay("A", "0.0002", {"--to-isp", "24", "--id", "comic-17"}), "CONFLICT"));
        LAB_TRY(awaitReceived(m_posted));
        return expectDebts(m_posted, "after bad input, and a request that came twice");
    }

    // --- what fails on the way

    Expected<void> expires() {
        m_context.say("A's secretary is held until the payment has expired");
        auto held = holdPayee();
        if (!held) return tl::unexpected(held.error());
        const auto said = askNetpas(m_lab, "b", payment({"--lifetime", "3s"}));
        if (!said) return tl::unexpected(said.error());
        held->release();
        m_context.expect(said->exit != 0 && said->body.value("state", "") == "expired",
                         "the payment should have expired: " + said->body.dump());
        m_context.result()["expired"] = {{"state", said->body["state"]}, {"charged", said->body["charged"]}};
        // A has confirmed it by now, too late, and has been told.
        LAB_TRY(waitUntil("A to be up again", 10s, [&] { return netpas(m_lab, "a", {"receive"}).has_value(); }));
        return expectDebts(m_posted, "after a payment that expired");
    }

    Expected<void> payerIsKilled() {
        m_context.say("B's secretary is killed while its payment is under way");
        auto held = holdPayee();
        if (!held) return tl::unexpected(held.error());
        auto paying = payMeanwhile({"--lifetime", "60s", "--id", "comic-18"});
        const auto pending = awaitPending(m_posted);
        const auto victim = secretaryOf(m_lab, "b");
        if (victim) (void)::kill(*victim, SIGKILL);
        const auto back =
            victim ? waitUntil("another secretary", 20s,
                               [&] {
                                   const auto now = secretaryOf(m_lab, "b");
                                   return now && *now != *victim && netpas(m_lab, "b", {"balance"}).has_value();
                               })
                   : Expected<void>(tl::unexpected(victim.error()));
        held->release();
        const auto asked = paying.get();  // of both secretaries: the command asks again under the same word
        if (!pending) return tl::unexpected(pending.error());
        LAB_TRY(back);
        if (!asked) return tl::unexpected(asked.error());
        LAB_TRY(awaitState("b", "posted"));
        // Its application asks again.
        const auto again = netpas(m_lab, "b", payment({"--lifetime", "60s", "--id", "comic-18"}));
        if (!again) return tl::unexpected(again.error());
        m_context.expect(again->value("state", "") == "posted", "asked again, it should be posted: " + again->dump());
        m_context.result()["payer_killed"] = {{"state", again->value("state", "")},
                                              {"charged", again->value("charged", Json())}};
        LAB_TRY(awaitReceived(++m_posted));
        return expectDebts(m_posted, "after the payer was killed");
    }

    Expected<void> payeeIsKilled() {
        m_context.say("A's secretary is killed before it has confirmed");
        auto held = holdPayee();
        if (!held) return tl::unexpected(held.error());
        auto paying = payMeanwhile({"--lifetime", "60s"});
        const auto pending = awaitPending(m_posted);
        const auto victim = secretaryOf(m_lab, "a");
        if (victim) (void)::kill(*victim, SIGKILL);
        const auto paid = paying.get();
        if (!pending) return tl::unexpected(pending.error());
        if (!paid) return tl::unexpected(paid.error());
        m_context.expect(paid->body.value("state", "") == "posted",
                         "the next secretary should have confirmed it: " + paid->body.dump());
        m_context.result()["payee_killed"] = {{"state", paid->body.value("state", "")}};
        LAB_TRY(awaitReceived(++m_posted));
        return expectDebts(m_posted, "after the payee was killed");
    }

    Expected<void> awaitState(const std::string& host, const std::string& state) {
        return waitUntil("the newest payment to be " + state, 30s, [&] {
            const auto all = netpas(m_lab, host, {"payments", "--limit", "1"});
            return all && !(*all)["payments"].empty() && (*all)["payments"][0].value("state", "") == state;
        });
    }

    // --- the payer's own list against its sums

    Expected<void> judgeHistory() {
        const auto all = netpas(m_lab, "b", {"payments", "--limit", "1000"});
        if (!all) return tl::unexpected(all.error());
        std::map<std::string, int64_t> states;
        Money sum;
        for (const Json& one : (*all)["payments"]) {
            ++states[one.value("state", "")];
            if (one["charged"].is_string()) sum = plus(sum, dollars(one["charged"]));
        }
        const auto history = netpas(m_lab, "b", {"history", "--limit", "1000"});
        if (!history) return tl::unexpected(history.error());
        const auto inHistory = std::count_if((*history)["entries"].begin(), (*history)["entries"].end(),
                                             [](const Json& entry) { return entry["payment"].is_object(); });
        m_context.expect(states["posted"] == m_posted && states["expired"] == 1,
                         "B's list of payments has other states");
        m_context.expect(sum == expected(m_posted)[0], "B's list of payments adds up to " + sum.toString());
        m_context.expect(inHistory == static_cast<int64_t>((*all)["payments"].size()), "B's history lacks payments");
        m_context.result()["payments"] = states;
        m_context.result()["spent"] = sum.toString();
        return {};
    }

    ScenarioContext& m_context;
    Lab& m_lab;
    std::string m_payee;
    std::map<uint16_t, Money> m_fees;
    Money m_payeeSaid;
    int64_t m_posted = 0;
};

}  // namespace

Scenario figure2Scenario() {
    return {"figure2",
            "NetPaS Figure 2: B pays A through Y and X; nothing is owed before the confirmation is back",
            "figure2",
            {},
            [](ScenarioContext& context) { return Figure2(context).run(); }};
}

}  // namespace netpas::lab
