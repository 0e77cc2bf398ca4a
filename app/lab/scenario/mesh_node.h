// A node of a mesh in the lab: the product's engine of agreements and its forwarding rule in a namespace, datagrams between neighbours over the real link.
// Payments go to a bank of the lab, which can stop one node's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/lab/lab.h"
#include "core/clock.h"
#include "core/store/documents.h"
#include "secretary/agreements/engine.h"
#include "tun/forwarding/linux_forwarding.h"

namespace netpas::lab {

namespace books = secretary::agreements;

class MeshNode;

// Pays at once, each identifier once. Who is in `bankrupt` neither pays nor says that it does.
class MeshBank {
public:
    void join(MeshNode& node) { m_nodes.push_back(&node); }
    void leave(const MeshNode& node) { std::erase(m_nodes, &node); }
    void pay(const PublicKey& payer, const books::SettlementOrder& order);
    // What was paid is told to both ends; call it between steps. Who is away is told when it is back.
    void tell();

    std::set<PublicKey> bankrupt;
    [[nodiscard]] Money paidBy(const MeshNode& node) const;
    [[nodiscard]] Money receivedBy(const MeshNode& node) const;
    [[nodiscard]] size_t payments() const { return m_payments.size(); }
    // Orders under an identifier that had been given for another amount or payee.
    [[nodiscard]] uint64_t contradictions() const { return m_contradictions; }

private:
    struct Payment {
        PublicKey payer, payee;
        Money amount;
        bool made = false;
        bool payerKnows = false, payeeKnows = false;
    };
    std::map<payments::PaymentId, Payment> m_payments;
    std::vector<MeshNode*> m_nodes;
    uint64_t m_contradictions = 0;
};

// What of a node outlives it.
struct MeshNodeHome {
    store::MemoryDocuments documents;
    Money asks;  // per kB, upstream; offers below it are refused
};

class MeshNode {
public:
    // All of the node's links lead to neighbours: who is not met pays nothing.
    static Expected<std::unique_ptr<MeshNode>> start(Lab& lab, const std::string& node, uint8_t seed, MeshBank& bank,
                                                     books::EngineOptions options, MeshNodeHome& home);
    ~MeshNode();
    MeshNode(const MeshNode&) = delete;
    MeshNode& operator=(const MeshNode&) = delete;

    [[nodiscard]] const std::string& name() const { return m_name; }
    [[nodiscard]] const PublicKey& key() const { return m_identity.publicKey(); }
    [[nodiscard]] books::Engine& engine() { return *m_engine; }
    // The other end of one of its links; each call is for one direction of the acquaintance.
    Expected<void> meet(const std::string& other, const PublicKey& key);
    // Reads, listens, decides, and lets the packet filter know.
    Expected<void> step();
    [[nodiscard]] const tun::NeighbourMeter* meterOf(const PublicKey& neighbour) const;

private:
    struct Neighbour {
        PublicKey key;
        IpAddress address;  // of its end of the link, where messages go
        tun::NeighbourMeter meter;
    };
    MeshNode(Lab& lab, std::string name, uint8_t seed, MeshBank& bank, MeshNodeHome& home);
    Expected<void> open(const books::EngineOptions& options);
    void send(const PublicKey& to, const Bytes& datagram);
    void readMeters();
    [[nodiscard]] std::vector<std::pair<PublicKey, Bytes>> arrived();

    Lab& m_lab;
    std::string m_name;
    Identity m_identity;
    MeshBank& m_bank;
    MeshNodeHome& m_home;
    std::unique_ptr<tun::Forwarding> m_forwarding;
    tun::ForwardingState m_state;
    std::vector<Neighbour> m_neighbours;  // as in m_state
    std::optional<books::Engine> m_engine;
    int m_socket = -1;
};

}  // namespace netpas::lab
