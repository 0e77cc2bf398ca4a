// A payment between customers of two ISPs that no link joins (NetPaS §3.2): it settles through a member of the overlay that
// carries no packets, and indeed none gets through.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/lab/command.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/payment_parties.h"
#include "app/lab/scenario/scenario.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;

const std::vector<std::string> way{"b", "Y", "M", "X", "a"};
constexpr const char* amount = "0.0001";  // 100,000 n$

Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }

class OverlayOnly {
public:
    explicit OverlayOnly(ScenarioContext& context) : m_context(context), m_lab(context.lab()) {}

    Expected<void> run() {
        LAB_TRY(noPacketsPass());
        const auto payee = becomePayee(m_lab, "a");
        if (!payee) return tl::unexpected(payee.error());
        LAB_TRY(netpas(m_lab, "b", {"contacts", "add", "A", "--payee", *payee}));
        LAB_TRY(settlesThroughTheMember());
        LAB_TRY(withoutTheMember());
        return noPacketsPass();
    }

private:
    static std::vector<std::string> payment() { return {"pay", "A", "--amount", amount, "--to-isp", "24"}; }

    // What the topology gives as each ISP's fee, beginning with the last.
    [[nodiscard]] std::vector<Money> expected() const {
        std::vector<Money> owed{Money::parse(amount).value_or(Money::max())};
        for (auto isp = way.rbegin() + 1; isp + 1 != way.rend(); ++isp) {
            const PaymentFee& fee = m_context.topology().isp(*isp)->payments;
            // 1024ths of the amount, rounded up to an eighth of a nanodollar.
            const int64_t part = (owed.front().eighths() * int64_t{fee.per1024ths} + 1023) / 1024;
            owed.push_back(plus(owed.back(), plus(fee.fixed, Money::fromEighths(part))));
        }
        std::reverse(owed.begin(), owed.end());
        return owed;
    }

    bool answersPing(const std::string& from, const IpAddress& to) {
        const auto said = runCommand(
            {"ip", "netns", "exec", m_lab.netns(from), "ping", "-c", "2", "-i", "0.2", "-W", "1", to.toString()});
        return said && said->status == 0;
    }

    // Not even best effort; and what does pass shows that the test could have seen it.
    Expected<void> noPacketsPass() {
        const IpAddress own = m_context.plan().ispAddress.at("Y")[0];
        const bool home = answersPing("b", own), across = answersPing("b", m_context.address("a"));
        m_context.expect(home, "B does not even reach its own ISP");
        m_context.expect(!across, "packets pass from B to A");
        const auto services =
            askNetpas(m_lab, "b", {"buy", "--to", m_context.address("a").toString(), "--cap", "0.01"});
        if (!services) return tl::unexpected(services.error());
        m_context.expect(services->exit != 0 && services->code() == "NO_OFFER",
                         "a paid path to A should not be on offer: " + services->body.dump());
        m_context.result()["packets_pass"] = across;
        m_context.result()["reaches_own_isp"] = home;
        m_context.say(across ? "packets pass from B to A" : "no packet passes from B to A");
        return {};
    }

    Expected<void> settlesThroughTheMember() {
        const auto paid = netpas(m_lab, "b", payment());
        if (!paid) return tl::unexpected(paid.error());
        m_context.expect(paid->value("state", "") == "posted", "the payment should be posted: " + paid->dump());
        const auto wanted = expected();
        std::vector<Debt> debts;
        LAB_TRY(waitUntil("the payee to have been told", 10s, [&] {
            auto found = debtsAlong(m_lab, way);
            if (!found) return false;
            debts = std::move(*found);
            return debts.back().byCreditor == wanted.back();
        }));
        Json& result = m_context.result();
        result["amount"] = amount;
        result["amount_nanodollars"] = nanodollars(*Money::parse(amount));
        result["fees"] = paid->value("fees", Json::array());
        result["debts"] = Json::array();
        for (size_t i = 0; i < debts.size(); ++i) {
            const Debt& debt = debts[i];
            result["debts"].push_back(toJson(debt));
            m_context.say("  " + debt.debtor + " owes " + debt.creditor + " " + nanodollars(debt.byDebtor) + " n$ ($" +
                          debt.byDebtor.toString() + ")");
            m_context.expect(debt.byDebtor == wanted[i] && debt.agreed(),
                             debt.debtor + " should owe " + debt.creditor + " " + wanted[i].toString() + ", but says " +
                                 debt.byDebtor.toString() + ", and " + debt.creditor + " says " +
                                 debt.byCreditor.toString());
        }
        result["settled"] = paid->value("state", "") == "posted";
        return memberCarriesNone();
    }

    Expected<void> memberCarriesNone() {
        const auto books = ispBooks(m_lab, "M");
        if (!books) return tl::unexpected(books.error());
        const bool none = (*books)["links"].empty() && (*books)["customers"].empty() && (*books)["edges"].empty();
        m_context.expect(none, "M has edge routers, links or customers: " + books->dump());
        m_context.result()["member_carries_packets"] = !none;
        return {};
    }

    // It was the member indeed.
    Expected<void> withoutTheMember() {
        m_lab.stopProgram(accountingProgram("M"));
        LAB_TRY(waitUntil("Y to have lost M", 30s, [&] {
            const auto books = ispBooks(m_lab, "Y");
            return books && !(*books)["neighbours"].empty() && !(*books)["neighbours"][0].value("connected", true);
        }));
        const auto said = askNetpas(m_lab, "b", payment());
        if (!said) return tl::unexpected(said.error());
        m_context.expect(said->exit != 0 && said->code() == "NO_ROUTE",
                         "without M there should be no way: " + said->body.dump());
        m_context.result()["without_the_member"] = said->code();
        m_context.say("without M: " + said->code());
        return {};
    }

    ScenarioContext& m_context;
    Lab& m_lab;
};

}  // namespace

Scenario overlayOnlyScenario() {
    return {"overlay-only",
            "a payment between two ISPs that no link joins, through a member of the overlay that carries no packets",
            "overlay-only",
            {},
            [](ScenarioContext& context) { return OverlayOnly(context).run(); }};
}

}  // namespace netpas::lab
