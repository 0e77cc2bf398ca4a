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
    void pay(const MeshNode& payer, const books::SettlementOrder& order);
    // What was paid is told to both ends; call it between steps.
    void tell();

    std::set<const MeshNode*> bankrupt;
    [[nodiscard]] Money paidBy(const MeshNode& node) const;

private:
    struct Payment {
        const MeshNode* payer = nullptr;
        PublicKey payee;
        Money amount;
        bool told = false;
    };
    std::map<payments::PaymentId, Payment> m_payments;
    std::vector<MeshNode*> m_nodes;
};

class MeshNode {
public:
    // All of the node's links lead to neighbours: who is not met pays nothing.
    static Expected<std::unique_ptr<MeshNode>> start(Lab& lab, const std::string& node, uint8_t seed, MeshBank& bank,
                                                     books::EngineOptions options);
    ~MeshNode();
    MeshNode(const MeshNode&) = delete;
    MeshNode& operator=(const MeshNode&) = delete;

    [[nodiscard]] const std::string& name() const { return m_name; }
    [[nodiscard]] const PublicKey& key() const { return m_identity.publicKey(); }
    [[nodiscard]] books::Engine& engine() { return *m_engine; }
    // Both ends of one link; each call is for one direction of the acquaintance.
    Expected<void> meet(const MeshNode& other);
    // Reads, listens, decides, and lets the packet filter know.
    Expected<void> step();
    [[nodiscard]] const tun::NeighbourMeter* meterOf(const PublicKey& neighbour) const;

private:
    struct Neighbour {
        PublicKey key;
        IpAddress address;  // of its end of the link, where messages go
        tun::NeighbourMeter meter;
    };
    MeshNode(Lab& lab, std::string name, uint8_t seed, MeshBank& bank);
    Expected<void> open(const books::EngineOptions& options);
    void send(const PublicKey& to, const Bytes& datagram);
    void readMeters();
    [[nodiscard]] std::vector<std::pair<PublicKey, Bytes>> arrived();

    Lab& m_lab;
    std::string m_name;
    Identity m_identity;
    MeshBank& m_bank;
    store::MemoryDocuments m_documents;
    std::unique_ptr<tun::Forwarding> m_forwarding;
    tun::ForwardingState m_state;
    std::vector<Neighbour> m_neighbours;  // as in m_state
    std::optional<books::Engine> m_engine;
    int m_socket = -1;
};

}  // namespace netpas::lab
