// Many clients ask for purchases at once over the real sockets, against tight caps for the day, applications, payees and
// purposes. First secretary, agent or both are killed under them again and again; then they are left alone until everything
// is answered. Judged by what the clients certainly held and sent, by the ledger and by the ISP's books.
#include <algorithm>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/budget_judge.h"
#include "app/lab/scenario/process_tree.h"
#include "app/lab/scenario/race_books.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/tool.h"
#include "core/random.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr uint64_t defaultClients = 64;
constexpr uint64_t defaultRequests = 100'000;
constexpr uint64_t defaultKills = 200;
constexpr uint64_t apps = 4;
constexpr uint64_t payees = 8;
constexpr uint64_t purposes = 2;
constexpr uint64_t mostPackets = 60;  // that a client sends over what it bought
constexpr int64_t capNanodollars = 200;
constexpr uint64_t fullExaminationEvery = 5;  // kills; page by page, which takes longer the longer the book is
const std::string host = "b";

std::string payeeName(uint64_t payee) { return std::string(63, '0') + std::to_string(payee); }
Money purchaseCap() { return Money::fromEighths(capNanodollars * Money::eighthsPerNanodollar); }
Money times(uint64_t count) { return checkedMul(purchaseCap(), static_cast<int64_t>(count)).value_or(Money::max()); }
Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }

double secondsSince(Steady::time_point begin) { return std::chrono::duration<double>(Steady::now() - begin).count(); }

// Caps by day, week and month start anew at midnight, and this judge does not: shortly before it they have no period.
bool midnightIsNear() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    return ::localtime_r(&now, &local) != nullptr && local.tm_hour == 23 && local.tm_min >= 30;
}

class Race {
public:
    explicit Race(ScenarioContext& context)
        : m_context(context),
          m_lab(context.lab()),
          m_books(context.lab(), host),
          m_random(context.options().seed),
          m_clients(context.options().clients > 0 ? context.options().clients : defaultClients),
          m_folder(context.lab().folder() + "/race") {}

    Expected<void> run() {
        LAB_TRY(prepare());
        LAB_TRY(killing());  // first: the check of a small ledger is quick
        LAB_TRY(race());
        Json& result = m_context.result();
        result["contradictions"] = std::to_string(m_contradictions);
        result["spent_twice"] = std::to_string(m_spentTwice);
        m_context.expect(m_contradictions == 0, "a repeated request became another purchase");
        m_context.expect(m_spentTwice == 0, "something was spent twice");
        return m_lab.checkPrograms();
    }

private:
    [[nodiscard]] std::string appPath(uint64_t app) const { return m_folder + "/app-" + std::to_string(app); }
    [[nodiscard]] std::string pauseFile() const { return m_folder + "/pause"; }
    void pause(bool on) const {
        if (on) {
            std::ofstream(pauseFile()).flush();
        } else {
            fs::remove(pauseFile());
        }
    }

    Expected<void> prepare() {
        std::error_code error;
        fs::create_directories(m_folder, error);
        for (uint64_t app = 0; app < apps && !error; ++app) {
            fs::copy_file("/proc/self/exe", appPath(app), fs::copy_options::overwrite_existing, error);
        }
        if (error) return fail(LabErrc::Process, "cannot copy the clients' program: " + error.message());
        LAB_TRY(waitUntil("the secretary to answer", 10s, [&] { return m_books.answers(); }));
        // Strangers are not paid.
        for (uint64_t payee = 0; payee < payees; ++payee) {
            const Json contact{{"name", "Payee " + std::to_string(payee)}, {"payees", Json::array({payeeName(payee)})}};
            if (const auto made = m_books.ask("POST", "/v1/contacts", contact); !made)
                return tl::unexpected(made.error());
        }
        // What comes through the agent is decided by a rule, what comes through the secretary's own socket by its owner.
        for (uint64_t purpose = 0; purpose < purposes; ++purpose) {
            const Json rule{{"match", {{"purpose", "race-" + std::to_string(purpose)}}},
                            {"grant", {{"action", "allow"}, {"up_to", "always"}}}};
            if (const auto made = m_books.ask("POST", "/v1/rules", rule); !made) return tl::unexpected(made.error());
        }
        return {};
    }

    // So many purchases for everything, on top of what was spent before; each cap binds some time.
    Expected<void> setCaps(uint64_t wholePurchases) {
        const auto before = m_books.spent();
        if (!before) return tl::unexpected(before.error());
        const auto part = [&](uint64_t percent) {
            return times(std::max<uint64_t>(1, wholePurchases * percent / 100));
        };
        m_caps = {{"", "", times(wholePurchases), {}}};
        for (uint64_t app = 0; app < apps; ++app) m_caps.push_back({"app", appPath(app), part(13), {}});
        for (uint64_t payee = 0; payee < payees; ++payee) {
            m_caps.push_back({"payee", payeeName(payee), part(14), {}});
        }
        for (uint64_t purpose = 0; purpose < purposes; ++purpose) {
            m_caps.push_back({"purpose", "race-" + std::to_string(purpose), part(53), {}});
        }
        const bool periods = !midnightIsNear();
        const std::map<std::string, std::string> periodOf{
            {"", "day"}, {"app", "total"}, {"payee", "month"}, {"purpose", "week"}};
        for (RaceCap& cap : m_caps) {
            cap.before = before->of(cap);
            Json body{{"scope", cap.field.empty() ? "everything" : cap.field},
                      {"period", periods ? periodOf.at(cap.field) : "total"},
                      {"amount", plus(cap.before, cap.amount).toString()}};
            if (!cap.field.empty()) body["subject"] = cap.value;
            if (const auto set = m_books.ask("PUT", "/v1/budget", body); !set) return tl::unexpected(set.error());
        }
        return {};
    }

    // --- clients

    Expected<void> startClients(uint64_t requestsEach, uint64_t seed) {
        for (uint64_t index = 0; index < m_clients; ++index) {
            // Half of them through each door.
            const std::string socket = index % 2 == 0 ? agentSocket(m_lab.name(), host) : m_books.socket();
            auto client = Tool::startProgram(
                m_lab, host, "budget-client",
                {appPath(index / 2 % apps), "tool", "budget-client", "socket=" + socket,
                 "to=" + m_context.address("a").toString(), "index=" + std::to_string(index),
                 "requests=" + std::to_string(requestsEach), "seed=" + std::to_string(seed),
                 "cap=" + purchaseCap().toString(), "pause=" + pauseFile(), "purposes=" + std::to_string(purposes),
                 "payees=" + std::to_string(payees), "packets=" + std::to_string(mostPackets)});
            if (!client) return tl::unexpected(client.error());
            m_running.push_back(std::move(*client));
        }
        return {};
    }

    struct Tally {
        uint64_t asked = 0, refused = 0, repeated = 0, packets = 0;
        std::map<std::string, uint64_t> codes;
        std::vector<GrantedPurchase> granted;
    };
    // What the clients report at their end, which comes by itself or now.
    Expected<Tally> collect(std::chrono::seconds limit, bool now) {
        Tally tally;
        if (now) {
            for (Tool& client : m_running) client.process().signal(SIGTERM);
        }
        for (Tool& client : m_running) {
            const auto report = client.finish(limit);
            if (!report) return tl::unexpected(report.error());
            tally.asked += report->value("asked", uint64_t{0});
            tally.refused += report->value("refused", uint64_t{0});
            tally.repeated += report->value("repeated", uint64_t{0});
            m_contradictions += report->value("contradictions", uint64_t{0});
            const Json codes = report->value("codes", Json::object());
            for (const auto& [code, count] : codes.items()) {
                tally.codes[code] += count.get<uint64_t>();
            }
            for (GrantedPurchase& purchase : grantedIn(*report)) {
                tally.packets += purchase.packets;
                tally.granted.push_back(std::move(purchase));
            }
        }
        m_running.clear();
        return tally;
    }

    // Who asked and what it cost, from the ledger. Everything is settled.
    Expected<void> fillIn(Tally& tally) {
        std::set<std::string> seen;
        for (GrantedPurchase& purchase : tally.granted) {
            const auto known = m_books.ask("GET", "/v1/purchases/" + purchase.id);
            if (!known) return tl::unexpected(known.error());
            purchase.app = known->value("app", "");
            purchase.cap = amountAt(*known, "cap").value_or(Money::max());
            purchase.charged = amountAt(*known, "charged").value_or(Money::max());
            seen.insert(purchase.app);
            const Json path = known->value("path", Json::array());
            if (!path.empty()) m_price = amountAt(path[0], "price_per_packet").value_or(Money::zero());
        }
        // Only the agent sees which program asks; the owner's own door is told apart by its user.
        bool told = true;
        for (uint64_t app = 0; app < apps; ++app) told = told && seen.contains(appPath(app));
        m_context.expect(told, "the secretary does not know which application asked");
        const uint64_t twice = spentTwice(tally.granted, m_price);
        m_context.expect(twice == 0, std::to_string(twice) + " purchases cost more than all that was sent over them");
        m_spentTwice += twice;
        return {};
    }

    // --- first part: they are killed

    enum class Victim { Secretary, Agent, Both };

    Expected<void> kill(Victim victim) {
        Process* agent = m_lab.program(agentProgram(host));
        const auto secretary = descendantWith(agent->pid(), "--role secretary");
        if (!secretary && victim != Victim::Agent) return fail(LabErrc::Process, "no secretary to kill");
        if (victim != Victim::Agent) ::kill(*secretary, SIGKILL);
        if (victim == Victim::Secretary) {
            return waitUntil("another secretary", 20s, [&] {
                const auto now = descendantWith(agent->pid(), "--role secretary");
                return now && now != secretary && m_books.answers();
            });
        }
        agent->signal(SIGKILL);
        if (const auto ended = agent->wait(5s); !ended) return tl::unexpected(ended.error());
        LAB_TRY(startAgent(m_lab, host));
        return waitUntil("the secretary to answer", 20s, [&] { return m_books.answers(); });
    }

    void note(uint64_t number, const std::string& what, const std::string& wrong) {
        if (wrong.empty()) return;
        ++m_inconsistencies;
        m_context.say("  kill " + std::to_string(number) + " (" + what + "): " + wrong);
    }

    // Clients wait in the pause: nothing changes any more but what ends by itself.
    Expected<void> examine(uint64_t number, const std::string& what) {
        std::string wrong;
        // Purchases that end meanwhile make two answers differ; what is wrong stays wrong.
        for (int attempt = 0; attempt < 40; ++attempt) {
            const auto found = m_books.reservations();
            if (!found) return tl::unexpected(found.error());
            wrong = *found;
            if (wrong.empty()) break;
            std::this_thread::sleep_for(50ms);
        }
        note(number, what, wrong);
        if (number % fullExaminationEvery == 0) {
            const auto ledger = m_books.examination();
            if (!ledger) return tl::unexpected(ledger.error());
            note(number, what, *ledger);
        }
        const auto over = m_books.passed(m_caps);
        if (!over) return tl::unexpected(over.error());
        m_overCap += *over;
        LAB_TRY(m_books.settleAll());
        const auto account = m_books.account();
        if (!account) return tl::unexpected(account.error());
        note(number, what, account->agrees() ? "" : account->text());
        if (account->invoice > account->ledger) ++m_spentTwice;
        return {};
    }

    Expected<void> killing() {
        const uint64_t kills = m_context.options().kills > 0 ? m_context.options().kills : defaultKills;
        // Fewer than there are clients: they race for them whenever they are let go.
        const uint64_t wholePurchases = std::max<uint64_t>(8, m_clients * 3 / 8);
        constexpr uint64_t longest = 900;  // ms; by then the first purchases are settled
        m_context.say(std::to_string(m_clients) + " clients ask; secretary, agent or both are killed " +
                      std::to_string(kills) + " times.");
        const auto begin = Steady::now();
        pause(true);
        LAB_TRY(startClients(UINT32_MAX, m_context.options().seed + 1));
        static constexpr const char* names[] = {"secretary", "agent", "both"};
        std::map<std::string, uint64_t> victims;
        for (uint64_t number = 1; number <= kills; ++number) {
            LAB_TRY(setCaps(wholePurchases));
            const auto victim = static_cast<Victim>(m_random.below(3));
            const std::string name = names[static_cast<size_t>(victim)];
            ++victims[name];
            pause(false);
            std::this_thread::sleep_for(std::chrono::milliseconds(static_cast<int64_t>(m_random.below(longest))));
            LAB_TRY(kill(victim));
            pause(true);
            LAB_TRY(examine(number, name));
            if (number % 20 == 0) {
                m_context.say("  " + std::to_string(number) + " kills in " +
                              std::to_string(static_cast<int>(secondsSince(begin))) + " s");
            }
        }
        auto tally = collect(60s, true);
        pause(false);
        if (!tally) return tl::unexpected(tally.error());
        LAB_TRY(m_books.settleAll());
        LAB_TRY(fillIn(*tally));
        const auto account = m_books.account();
        if (!account) return tl::unexpected(account.error());
        Json& result = m_context.result();
        result["kills"] = std::to_string(kills);
        result["killed"] = victims;
        result["kill_seconds"] = secondsSince(begin);
        result["asked_under_kills"] = std::to_string(tally->asked);
        result["approved_under_kills"] = std::to_string(tally->granted.size());
        result["refusals_under_kills"] = tally->codes;
        result["repeated_requests"] = std::to_string(tally->repeated);
        result["spent_under_kills"] = account->ledger.toString();
        result["inconsistencies"] = std::to_string(m_inconsistencies);
        m_context.expect(m_inconsistencies == 0, "books did not agree after a kill");
        m_context.expect(tally->codes["QUOTA_EXCEEDED"] > 0, "no cap was ever reached under kills");
        m_context.expect(account->ledger > Money::zero(), "nothing was spent under kills: they prove nothing");
        return {};
    }

    // --- second part: they are left alone

    Expected<void> race() {
        const uint64_t requests = m_context.options().requests > 0 ? m_context.options().requests : defaultRequests;
        const uint64_t each = (requests + m_clients - 1) / m_clients;
        const uint64_t wholePurchases = std::max<uint64_t>(m_clients, requests / 800);
        const auto before = m_books.account();
        if (!before) return tl::unexpected(before.error());
        LAB_TRY(setCaps(wholePurchases));
        m_context.say("As many clients ask " + std::to_string(each * m_clients) + " times.");
        const auto begin = Steady::now();
        LAB_TRY(startClients(each, m_context.options().seed));
        auto tally = collect(1800s, false);
        if (!tally) return tl::unexpected(tally.error());
        const double took = secondsSince(begin);
        LAB_TRY(m_books.awaitSettled(60s));
        LAB_TRY(fillIn(*tally));
        m_context.say("  " + std::to_string(tally->granted.size()) + " approved, " + std::to_string(tally->refused) +
                      " refused in " + std::to_string(static_cast<int>(took)) + " s");
        Json& result = m_context.result();
        result["over_cap"] = "";
        result["clients"] = std::to_string(m_clients);
        result["requests"] = std::to_string(tally->asked);
        result["approved"] = std::to_string(tally->granted.size());
        result["refused"] = std::to_string(tally->refused);
        result["refusals"] = tally->codes;
        result["race_seconds"] = took;
        judge(tally->granted);
        const auto passed = m_books.passed(m_caps);
        if (!passed) return tl::unexpected(passed.error());
        m_overCap += *passed;
        result["over_cap"] = std::to_string(m_overCap);
        m_context.expect(m_overCap == 0, "a cap was passed");
        m_context.expect(tally->granted.size() + tally->refused == tally->asked, "a request has no answer");
        m_context.expect(tally->granted.size() > 0, "nothing was granted: the race proves nothing");
        m_context.expect(tally->codes["QUOTA_EXCEEDED"] > tally->granted.size(), "the caps were not tight");
        // An ISP has limits of its own: of session keys and requests in a second.
        m_context.expect(tally->codes["QUOTA_EXCEEDED"] + tally->codes["ISP_REFUSED"] == tally->refused,
                         "something was refused for another reason");
        return compare(*tally, before->ledger);
    }

    void judge(const std::vector<GrantedPurchase>& granted) {
        Json caps = Json::array();
        for (const CapJudgement& judged : judgeCaps(granted, m_caps)) {
            m_overCap += judged.over + (judged.spent > judged.cap.amount ? 1 : 0);
            caps.push_back({{"for", judged.cap.field.empty() ? "everything" : judged.cap.field},
                            {"which", fs::path(judged.cap.value).filename().string()},
                            {"cap", judged.cap.amount.toString()},
                            {"most_committed", judged.most.toString()},
                            {"spent", judged.spent.toString()}});
        }
        m_context.result()["caps"] = std::move(caps);
    }

    // The race's money by everybody's books, and by what the clients sent.
    Expected<void> compare(const Tally& tally, Money before) {
        const auto account = m_books.account();
        if (!account) return tl::unexpected(account.error());
        m_context.expect(account->agrees(), "after the race: " + account->text());
        const auto ledger = m_books.examination();
        if (!ledger) return tl::unexpected(ledger.error());
        m_context.expect(ledger->empty(), "after the race: " + *ledger);
        const Money spent = checkedSub(account->ledger, before).value_or(Money::max());
        const Money sent = checkedMul(m_price, static_cast<int64_t>(tally.packets)).value_or(Money::zero());
        m_context.expect(spent > Money::zero(), "nothing was spent: the counters prove nothing");
        m_context.expect(spent <= sent, "more was spent than was sent");
        Json& result = m_context.result();
        result["packets_sent"] = std::to_string(tally.packets);
        result["price_per_packet"] = m_price.toString();
        result["spent"] = spent.toString();
        result["ledger"] = account->ledger.toString();
        result["first_isp_counter"] = account->counters.toString();
        result["invoice"] = account->invoice.toString();
        return {};
    }

    ScenarioContext& m_context;
    Lab& m_lab;
    RaceBooks m_books;
    SeededRandom m_random;
    uint64_t m_clients;
    std::string m_folder;
    std::vector<RaceCap> m_caps;
    std::vector<Tool> m_running;
    Money m_price;  // of every packet
    uint64_t m_overCap = 0, m_inconsistencies = 0, m_spentTwice = 0, m_contradictions = 0;
};

}  // namespace

Scenario budgetRaceScenario() {
    return {"budget-race",
            "clients race for budgets while secretary and agent are killed under them",
            "single-isp",
            {},
            [](ScenarioContext& context) { return Race(context).run(); },
            false};
}

}  // namespace netpas::lab
