// All nodes of a mesh in the lab as households: agents and secretaries that set prices, buy upstream from the neighbours that routes go through, count, and pay through
// their ISP, all by themselves. What is known of them is what their own API says, and what their ISP's books say.
#pragma once

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/lab/scenario/mesh_net.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/scenario/wrong_clock.h"

namespace netpas::lab {

// Seven: six around, and b in the middle, whose line is the shortest way to everywhere and dear.
inline const std::vector<Hop> sevenLinks{{"a", "b"}, {"b", "c"}, {"b", "d"}, {"b", "e"}, {"b", "f"}, {"b", "g"},
                                         {"a", "c"}, {"c", "f"}, {"f", "g"}, {"g", "e"}, {"e", "d"}, {"d", "a"}};
inline const MeshNet::Prices sevenPrices{{"a", 50}, {"b", 900}, {"c", 35}, {"d", 60}, {"e", 140}, {"f", 20}, {"g", 85}};

class MeshHouseholds {
public:
    // The net runs already, among the topology's hosts.
    MeshHouseholds(ScenarioContext& context, MeshNet& net) : m_context(context), m_lab(context.lab()), m_net(net) {}
    MeshHouseholds(const MeshHouseholds&) = delete;
    MeshHouseholds& operator=(const MeshHouseholds&) = delete;

    // Before start(): their clocks can be set.
    Expected<void> makeClocks();
    // Until all have joined their ISP, sell at the net's prices, and have heard their neighbours.
    Expected<void> start();
    // Asks for forwarding what the net says that it asks, from now on.
    Expected<void> setPrice(const std::string& node);
    // What the clock of its agent and secretary shows beyond the true time.
    void setClock(const std::string& node, std::chrono::seconds ahead) { m_clocks.at(node).set(ahead); }
    // The owner says that it is right although it was further already.
    Expected<void> acceptClock(const std::string& node);

    // SIGKILL, each: the agent alone, whose secretary ends in order and is gone with it when it is launched again; both at once; the secretary alone, after
    // which the agent starts another one. Nothing to kill is no error.
    Expected<void> killAgent(const std::string& node);
    Expected<void> kill(const std::string& node);
    void killSecretary(const std::string& node);
    // The agent (again), with what it knew; nobody waits until it answers.
    Expected<void> launch(const std::string& node);
    // Asks all of them for their agreements; what is said below is as of then.
    Expected<void> look();
    // Next hops of the kernels' routes without an agreement that both ends forward by, each in a sentence, and nodes without routes.
    Expected<std::vector<std::string>> notBought();
    // Nobody buys by itself any more, all agreements end, and what is worth a payment is paid.
    Expected<void> settle();

    // By the buyer's books, in all agreements with this seller.
    struct Bought {
        uint64_t bytes = 0;
        Money charged;
    };
    [[nodiscard]] Bought bought(const std::string& buyer, const std::string& seller) const;
    // Charges, payments and counts at both ends of each pair, with the payments of both and with the books of their ISP. What is said below is of then.
    Expected<void> compareBooks();
    // Each in a sentence.
    [[nodiscard]] const std::vector<std::string>& differences() const { return m_differences; }
    // Pairs of which one has paid more than it was charged, by either's books, and payments that were made twice under one name.
    [[nodiscard]] const std::vector<std::string>& paidTwice() const { return m_paidTwice; }
    // Of each node, in the order of names: earned, owed, received, paid.
    [[nodiscard]] const Json& balances() const { return m_balances; }
    [[nodiscard]] uint64_t payments() const { return m_payments; }

private:
    struct Sum {
        Money charged, paid;
        uint64_t bytes = 0;
    };
    struct Posted {
        Money amount, charged;  // without and with fees
        uint64_t count = 0;
    };
    Expected<void> introduce(const std::string& node);
    Expected<void> learnNames();
    [[nodiscard]] std::vector<const Json*> agreements(const std::string& node, const std::string& role,
                                                      const std::string& other) const;
    [[nodiscard]] bool forwards(const std::string& node, const std::string& role, const std::string& other) const;
    [[nodiscard]] Sum sum(const std::string& node, const std::string& role, const std::string& other) const;
    [[nodiscard]] bool settled() const;
    Expected<Posted> posted(const std::string& node, const std::string& verb);
    void compare(const std::string& what, Money a, Money b);
    void comparePair(const std::string& node, const std::string& other);
    Expected<void> compareMoney(const std::string& node);

    ScenarioContext& m_context;
    Lab& m_lab;
    MeshNet& m_net;
    std::map<std::string, std::string> m_ids;  // of nodes, as their neighbours know them
    std::map<std::string, Json> m_agreements;
    std::map<std::string, WrongClock> m_clocks;
    std::vector<std::string> m_differences, m_paidTwice;
    Json m_balances = Json::object();
    uint64_t m_payments = 0;
};

}  // namespace netpas::lab
