// All nodes of a mesh in the lab as households: agents and secretaries that set prices, buy upstream from the neighbours that routes go through, count, and pay through
// their ISP, all by themselves. What is known of them is what their own API says, and what their ISP's books say.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/lab/scenario/mesh_net.h"
#include "app/lab/scenario/scenario.h"

namespace netpas::lab {

class MeshHouseholds {
public:
    // The net runs already, among the topology's hosts.
    MeshHouseholds(ScenarioContext& context, MeshNet& net) : m_context(context), m_lab(context.lab()), m_net(net) {}
    MeshHouseholds(const MeshHouseholds&) = delete;
    MeshHouseholds& operator=(const MeshHouseholds&) = delete;

    // Until all have joined their ISP, sell at the net's prices, and have heard their neighbours.
    Expected<void> start();
    // Asks for forwarding what the net says that it asks, from now on.
    Expected<void> setPrice(const std::string& node);
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
    Expected<void> launch(const std::string& node);
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
    std::vector<std::string> m_differences;
    Json m_balances = Json::object();
    uint64_t m_payments = 0;
};

}  // namespace netpas::lab
