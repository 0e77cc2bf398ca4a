#include "app/lab/scenario/mesh_households.h"

#include <csignal>
#include <set>
#include <thread>

#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/process_tree.h"
#include "secretary/agreements/engine.h"

namespace netpas::lab {

namespace {

using namespace std::chrono_literals;

constexpr auto startPatience = 60s;
constexpr auto settlePatience = 300s;  // a payment that came to nothing is made again after two minutes
constexpr auto lookEvery = 300ms;
constexpr const char* buyer = "buyer";
constexpr const char* seller = "seller";

Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }
Money moneyIn(const Json& object, const std::string& name) { return amountAt(object, name).value_or(Money::max()); }

}  // namespace

Expected<void> MeshHouseholds::start() {
    // All at once: each waits for disks and for itself most of the time.
    for (const auto& [node, price] : m_net.prices()) LAB_TRY(launch(node));
    for (const auto& [node, price] : m_net.prices()) {
        LAB_TRY(waitUntil("the agent of " + node, startPatience,
                          [&, &name = node] { return netpas(m_lab, name, {"status"}).has_value(); }));
        LAB_TRY(introduce(node));
    }
    return learnNames();
}

Expected<void> MeshHouseholds::launch(const std::string& node) {
    std::vector<std::string> arguments{"--babel", MeshNet::routerPort()};
    for (const std::string& neighbour : m_net.neighbours(node))
        arguments.insert(arguments.end(), {"--mesh", neighbour});
    for (const auto& ends : m_context.plan().links) {
        for (const InterfacePlan& end : ends) {
            if (end.node == node) arguments.insert(arguments.end(), {"--mesh-uplink", end.name});
        }
    }
    const auto clock = m_clocks.find(node);
    return launchAgent(m_lab, node,
                       clock == m_clocks.end() ? std::map<std::string, std::string>{} : clock->second.environment(),
                       arguments);
}

Expected<void> MeshHouseholds::makeClocks() {
    for (const auto& [node, price] : m_net.prices()) {
        auto clock = WrongClock::make(m_lab.folder() + "/clock-" + node);
        if (!clock) return tl::unexpected(clock.error());
        m_clocks.emplace(node, std::move(*clock));
    }
    return {};
}

Expected<void> MeshHouseholds::acceptClock(const std::string& node) {
    return netpas(m_lab, node, {"budget", "accept-clock"}).map([](const auto&) {});
}

Expected<void> MeshHouseholds::killAgent(const std::string& node) {
    Process* const agent = m_lab.program(agentProgram(node));
    if (agent == nullptr) return {};
    agent->signal(SIGKILL);
    if (const auto ended = agent->wait(5s); !ended) return tl::unexpected(ended.error());
    m_lab.stopProgram(agentProgram(node));
    return {};
}

Expected<void> MeshHouseholds::kill(const std::string& node) {
    const Process* const agent = m_lab.program(agentProgram(node));
    const auto secretary = agent == nullptr ? std::nullopt : descendantWith(agent->pid(), "--launched");
    if (agent != nullptr) ::kill(agent->pid(), SIGKILL);
    if (secretary) ::kill(*secretary, SIGKILL);
    return killAgent(node);
}

void MeshHouseholds::killSecretary(const std::string& node) {
    const Process* const agent = m_lab.program(agentProgram(node));
    const auto secretary = agent == nullptr ? std::nullopt : descendantWith(agent->pid(), "--launched");
    if (secretary) ::kill(*secretary, SIGKILL);
}

Expected<void> MeshHouseholds::introduce(const std::string& node) {
    const auto url = joinUrl(m_lab, m_lab.topology().ispOfHost(node)->name);
    if (!url) return tl::unexpected(url.error());
    LAB_TRY(netpas(m_lab, node, {"join", *url}));
    LAB_TRY(netpas(m_lab, node, {"receive", "on"}));
    LAB_TRY(netpas(m_lab, node,
                   {"neighbours", "set", "--notice", "0s", "--credit", "0.5", "--automatic", "routes", "--pay-at",
                    "0.0005", "--close-at", "0.5", "--limit", "10", "--lifetime", "120s", "--interval", "1s"}));
    return setPrice(node);
}

Expected<void> MeshHouseholds::setPrice(const std::string& node) {
    LAB_TRY(netpas(m_lab, node, {"neighbours", "set", "--upstream", m_net.asks(node).toString()}));
    return {};
}

// Each end of a link is named after the node at the other one.
Expected<void> MeshHouseholds::learnNames() {
    for (const auto& [node, price] : m_net.prices()) {
        LAB_TRY(waitUntil("the neighbours of " + node, startPatience, [&, &name = node] {
            const auto heard = netpas(m_lab, name, {"neighbours"});
            if (!heard) return false;
            const Json all = heard->value("neighbours", Json::array());
            for (const Json& one : all) m_ids[one.value("interface", "")] = one.value("neighbour", "");
            if (all.size() == m_net.neighbours(name).size()) return true;
            std::this_thread::sleep_for(lookEvery);
            return false;
        }));
    }
    return {};
}

Expected<void> MeshHouseholds::look() {
    for (const auto& [node, price] : m_net.prices()) {
        auto said = netpas(m_lab, node, {"agreements", "list", "--limit", "10000"});
        if (!said) return tl::unexpected(said.error());
        m_agreements[node] = said->value("agreements", Json::array());
    }
    return {};
}

std::vector<const Json*> MeshHouseholds::agreements(const std::string& node, const std::string& role,
                                                    const std::string& other) const {
    std::vector<const Json*> found;
    const auto all = m_agreements.find(node);
    if (all == m_agreements.end()) return found;
    for (const Json& one : all->second) {
        if (one.value("role", "") == role && one.value("neighbour", "") == m_ids.at(other)) found.push_back(&one);
    }
    return found;
}

bool MeshHouseholds::forwards(const std::string& node, const std::string& role, const std::string& other) const {
    for (const Json* one : agreements(node, role, other)) {
        if (one->value("state", "") == "active" && one->value("forwarding", false)) return true;
    }
    return false;
}

MeshHouseholds::Sum MeshHouseholds::sum(const std::string& node, const std::string& role,
                                        const std::string& other) const {
    Sum all;
    for (const Json* one : agreements(node, role, other)) {
        all.bytes += one->value("bytes", uint64_t{0});
        all.charged = plus(all.charged, moneyIn(*one, "charged"));
        all.paid = moneyIn(*one, "paid");  // of all agreements of the two
    }
    return all;
}

MeshHouseholds::Bought MeshHouseholds::bought(const std::string& from, const std::string& to) const {
    const Sum all = sum(from, buyer, to);
    return {all.bytes, all.charged};
}

Expected<std::vector<std::string>> MeshHouseholds::notBought() {
    LAB_TRY(look());
    std::vector<std::string> found;
    for (const auto& [node, price] : m_net.prices()) {
        const auto next = m_net.nextHops(node);
        if (!next) return tl::unexpected(next.error());
        if (next->empty()) found.push_back(node + " has no routes");
        for (const std::string& other : *next) {
            if (!forwards(node, buyer, other) || !forwards(other, seller, node))
                found.push_back(other + " forwards nothing for " + node);
        }
    }
    return found;
}

bool MeshHouseholds::settled() const {
    for (const auto& [node, all] : m_agreements) {
        for (const Json& one : all) {
            if (one.value("state", "") != "ended") return false;
            for (const char* due : {"owed", "owing"}) {
                if (moneyIn(one, due) >= secretary::agreements::EngineOptions{}.smallest) return false;
            }
        }
    }
    return true;
}

Expected<void> MeshHouseholds::settle() {
    for (const auto& [node, price] : m_net.prices())
        LAB_TRY(netpas(m_lab, node, {"neighbours", "set", "--automatic", "nothing"}));
    LAB_TRY(look());
    for (const auto& [node, all] : m_agreements) {
        for (const Json& one : all) {
            const std::string state = one.value("state", "");
            // The other end may have ended it meanwhile.
            if (one.value("role", "") == buyer && (state == "active" || state == "offered"))
                (void)netpas(m_lab, node, {"agreements", "end", one.value("id", "")});
        }
    }
    return waitUntil("the last counts and payments", settlePatience, [&] {
        std::this_thread::sleep_for(lookEvery);
        return look().has_value() && settled();
    });
}

Expected<MeshHouseholds::Posted> MeshHouseholds::posted(const std::string& node, const std::string& verb) {
    const auto said = netpas(m_lab, node, {verb, "--limit", "10000"});
    if (!said) return tl::unexpected(said.error());
    Posted all;
    std::set<std::string> names;
    for (const Json& one : said->value(verb, Json::array())) {
        if (one.value("state", "") != "posted") continue;
        if (const std::string name = one.value("payment", ""); !names.insert(name).second)
            m_paidTwice.push_back(node + " has payment " + name + " twice");
        all.amount = plus(all.amount, moneyIn(one, "amount"));
        if (one.contains("charged")) all.charged = plus(all.charged, moneyIn(one, "charged"));
        ++all.count;
    }
    return all;
}

void MeshHouseholds::compare(const std::string& what, Money a, Money b) {
    if (a != b) m_differences.push_back(what + ": " + a.toString() + " and " + b.toString());
}

// What one has bought from the other, by the books of both.
void MeshHouseholds::comparePair(const std::string& node, const std::string& other) {
    const Sum mine = sum(node, buyer, other), seen = sum(other, seller, node);
    compare("what " + node + " owes " + other, mine.charged, seen.charged);
    compare("what " + node + " has paid " + other, mine.paid, seen.paid);
    for (const Sum& one : {mine, seen}) {
        if (one.paid > one.charged)
            m_paidTwice.push_back(node + " has paid " + other + " " + one.paid.toString() + " for " +
                                  one.charged.toString());
    }
    if (mine.bytes != seen.bytes)
        m_differences.push_back(node + " has counted " + std::to_string(mine.bytes) + " bytes to " + other +
                                ", and that one " + std::to_string(seen.bytes));
}

// Its agreements with its payments, and these with the books of its ISP.
Expected<void> MeshHouseholds::compareMoney(const std::string& node) {
    Sum bought, sold;
    for (const std::string& other : m_net.neighbours(node)) {
        for (const auto& [role, all] : {std::pair(buyer, &bought), std::pair(seller, &sold)}) {
            const Sum one = sum(node, role, other);
            all->charged = plus(all->charged, one.charged);
            all->paid = plus(all->paid, one.paid);
        }
    }
    const auto made = posted(node, "payments"), came = posted(node, "received");
    if (!made || !came) return tl::unexpected((!made ? made : came).error());
    compare("what " + node + " has paid by its agreements, and by its payments", bought.paid, made->amount);
    compare("what " + node + " was paid by its agreements, and what it has received", sold.paid, came->amount);
    const auto books = ispBooks(m_lab, m_lab.topology().ispOfHost(node)->name);
    if (!books) return tl::unexpected(books.error());
    const Json* const account = findEntry(*books, "payments", "customer", node);
    const auto by = [&](const char* name) {
        return account != nullptr ? amountAt(*account, name).value_or(Money::zero()) : Money::zero();
    };
    compare("what " + node + " has paid with fees, and by the books of its ISP", made->charged, by("owes"));
    compare("what " + node + " has received, and by the books of its ISP", came->amount, by("owed"));
    m_payments += made->count;
    m_balances[node] = {{"earned", sold.charged.toString()},
                        {"owed", bought.charged.toString()},
                        {"received", came->amount.toString()},
                        {"paid", made->amount.toString()}};
    return {};
}

Expected<void> MeshHouseholds::compareBooks() {
    LAB_TRY(look());
    for (const auto& [node, price] : m_net.prices()) {
        for (const std::string& other : m_net.neighbours(node)) comparePair(node, other);
        LAB_TRY(compareMoney(node));
    }
    return {};
}

}  // namespace netpas::lab
