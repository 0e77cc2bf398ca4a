// All nodes of a mesh in the lab with their agreements: each buys upstream from the neighbours that its routes go through. What they owe is compared with what
// passed, their books with each other and with the bank.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/lab/scenario/mesh_net.h"
#include "app/lab/scenario/mesh_node.h"
#include "app/lab/scenario/scenario.h"

namespace netpas::lab {

class MeshCrew {
public:
    MeshCrew(ScenarioContext& context, MeshNet& net) : m_context(context), m_net(net) {}
    MeshCrew(const MeshCrew&) = delete;
    MeshCrew& operator=(const MeshCrew&) = delete;

    Expected<void> start();
    // Every node once: routes, offers, counters, messages, the packet filter. Then the bank.
    Expected<void> step();
    // Nobody buys anything new from now on.
    void stopBuying() { m_buying = false; }
    void buyAgain() { m_buying = true; }
    // Neighbours in use without an agreement that both ends know, each in a sentence, and nodes without routes.
    [[nodiscard]] std::vector<std::string> notBought();
    // Ends all agreements and waits until the last count is at both ends and what is worth a payment is paid.
    Expected<void> settle();

    // Without a word, wherever it is; its database stays. And from there again.
    void kill(const std::string& node);
    Expected<void> revive(const std::string& node);
    [[nodiscard]] bool lives(const std::string& node) const { return m_nodes.contains(node); }
    MeshNodeHome& home(const std::string& node) { return m_homes[node]; }
    [[nodiscard]] MeshBank& bank() { return m_bank; }

    // By the seller's book: what `buyer` bought from `seller` in all agreements.
    struct Bought {
        uint64_t bytes = 0;
        Money charged;
    };
    [[nodiscard]] Bought bought(const std::string& buyer, const std::string& seller);
    // Charges, payments and counts at both ends of each pair, and with the bank; all nodes must live. Each difference in a sentence.
    [[nodiscard]] std::vector<std::string> differences();
    // Pairs in which more was paid than charged, by either end: money that went round, or twice.
    [[nodiscard]] std::vector<std::string> overpaid();
    // Of each node, in the order of names: earned, owed, received, paid.
    [[nodiscard]] Json balances();

private:
    MeshNode& at(const std::string& node) { return *m_nodes.at(node); }
    [[nodiscard]] std::optional<agreement::AgreementId> running(const std::string& buyer, const std::string& seller);
    void buy(const std::string& node);
    Expected<void> open(const std::string& node);

    ScenarioContext& m_context;
    MeshNet& m_net;
    MeshBank m_bank;
    std::map<std::string, MeshNodeHome> m_homes;
    std::map<std::string, PublicKey> m_keys;
    std::map<std::string, std::unique_ptr<MeshNode>> m_nodes;  // those that live
    std::map<Hop, SteadyTime> m_offered;
    bool m_buying = true;
};

}  // namespace netpas::lab
