// Endpoints that confirm what is delivered to them (NetPaS §2): as long as one is connected and says so, the routers deliver its
// packets with their headers and sample none of them. Else the ISP confirms its own service.
#include "core/accounting/server_engine.h"

namespace netpas::accounting {

namespace {

bool within(const std::vector<IpPrefix>& prefixes, const IpAddress& address) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const IpPrefix& prefix) { return prefix.contains(address); });
}

}  // namespace

void AccountingServer::Engine::handle(const PeerPtr& peer, const TakePart& message) {
    const CustomerConfig* customer = customerConfig(peer->customer);
    const auto enrolled = m_books.customers().find(peer->customer);
    if (!peer->enrolled || customer == nullptr || enrolled == m_books.customers().end() ||
        enrolled->second != peer->connection->peerKey()) {
        return refuse(peer, message.request, Refusal::NotJoined, "join first");
    }
    if (!customer->delegation || !customer->delegation->onRequest) {
        return refuse(peer, message.request, Refusal::NotAllowed, "the ISP confirms what it delivers to this account");
    }
    if (!message.addresses.empty()) {
        if (m_withdrawn.contains(customer->name)) {
            return refuse(peer, message.request, Refusal::NotAllowed,
                          "too little of what was delivered here was confirmed; the ISP confirms it itself now");
        }
        // Nobody sends others' packets to himself, or his own to others.
        const auto own = [&](const IpAddress& address) { return within(customer->prefixes, address); };
        if (!own(message.deliver.address) || message.deliver.port == 0 ||
            !std::all_of(message.addresses.begin(), message.addresses.end(), own)) {
            return refuse(peer, message.request, Refusal::NotACustomer,
                          "name addresses that this ISP has assigned to you");
        }
    }
    m_takingPart.erase(customer->name);
    if (!message.addresses.empty()) {
        if (m_takingPart.size() >= maxDeliveries) {
            return refuse(peer, message.request, Refusal::TooMany, "too many endpoints of this ISP take part");
        }
        m_takingPart[customer->name] = {peer, {customer->delegation->counter, message.deliver, message.addresses}};
    }
    tellDeliveries();
    send(peer, PartTaken{message.request, !message.addresses.empty(), m_config.isp, m_config.threshold,
                         m_config.watch.sampler == SamplerKind::Smart});
}

SetDeliveries AccountingServer::Engine::deliveries() const {
    SetDeliveries all;
    for (const auto& [customer, part] : m_takingPart) all.all.push_back(part.delivery);
    return all;
}

void AccountingServer::Engine::tellDeliveries() {
    for (const auto& [router, state] : m_edges) {
        if (const PeerPtr peer = edge(router)) send(peer, deliveries());
    }
}

// One that has just connected may remember what is no longer so.
void AccountingServer::Engine::tellDeliveries(const PeerPtr& router) {
    const bool any = std::any_of(m_config.customers.begin(), m_config.customers.end(),
                                 [](const CustomerConfig& one) { return one.delegation && one.delegation->onRequest; });
    if (any) send(router, deliveries());
}

// With the connection the endpoint may be gone: its packets go bare at once.
void AccountingServer::Engine::partLost(const Peer& peer) {
    const auto found = m_takingPart.find(peer.customer);
    if (found == m_takingPart.end() || found->second.peer.lock().get() != &peer) return;
    m_takingPart.erase(found);
    tellDeliveries();
}

// It got more than it confirms: from now on the ISP does it, and what is missing is the ISP's loss.
void AccountingServer::Engine::withdraw(const std::string& customer) {
    m_withdrawn.insert(customer);
    const auto found = m_takingPart.find(customer);
    if (found == m_takingPart.end()) return;
    const PeerPtr peer = found->second.peer.lock();
    m_takingPart.erase(found);
    tellDeliveries();
    if (peer) send(peer, PartTaken{0, false, m_config.isp, m_config.threshold, false});
}

}  // namespace netpas::accounting
