// Several accounting servers in one ISP (NetPaS Figure 6): each has its own routers, customers and places where it meets
// neighbours. A confirmation follows the packet's way back: the exit that the previous ISP wrote into the header says where
// the packet came in, and so which server passes it on. A message passes at most once between siblings, so none goes in
// circles; all siblings must know each other.
#include "core/accounting/server_engine.h"

namespace netpas::accounting {

namespace {

// 2: there and nowhere else; 1: everywhere; 0: not there.
int answersFor(const std::vector<ExitPoint>& exits, ExitPoint exit) {
    if (exits.empty()) return 1;
    return std::find(exits.begin(), exits.end(), exit) != exits.end() ? 2 : 0;
}

}  // namespace

// The first server of a neighbour is called by its ISP alone, so that books stay valid when others are added.
void AccountingServer::Engine::linksStart() {
    for (const NeighbourConfig& neighbour : m_config.neighbours) {
        Party party{{}, neighbour.isp};
        if (m_links.contains(party)) party.server = neighbour.name;
        m_links[party] = Link{party, neighbour, nullptr, nullptr, nullptr, {}, {}};
    }
    for (const SiblingConfig& sibling : m_config.siblings) {
        const Party party{{}, {}, sibling.name};
        const NeighbourConfig config{m_config.isp, sibling.name, sibling.server, sibling.key, {}};
        m_links[party] = Link{party, config, nullptr, nullptr, nullptr, {}, {}};
    }
    if (const auto party = provider()) {
        const ProviderConfig& isp = *m_config.provider;
        m_links[*party] =
            Link{*party, {m_config.isp, isp.name, isp.server, isp.key, {}}, nullptr, nullptr, nullptr, {}, {}};
    }
}

std::optional<Party> AccountingServer::Engine::placeOf(IspId previous, ExitPoint exit) const {
    std::optional<Party> found;
    int best = 0;
    const auto consider = [&](const Party& party, const std::vector<ExitPoint>& exits) {
        const int fits = answersFor(exits, exit);
        if (fits <= best) return;
        best = fits;
        found = party;
    };
    for (auto at = m_links.lower_bound(Party{{}, previous}); at != m_links.end(); ++at) {
        if (at->first.isp != previous || at->first.isSibling()) break;
        consider(at->first, at->second.config.exits);
    }
    if (found) return found;
    for (const SiblingConfig& sibling : m_config.siblings) {
        for (const PlacesWithIsp& places : sibling.places) {
            if (places.isp == previous) consider({{}, {}, sibling.name}, places.exits);
        }
    }
    return found;
}

// Nothing at the first ISP, and when nobody of ours answers for that place.
std::optional<Party> AccountingServer::Engine::previousOf(const Confirmation& confirmation) const {
    const auto here = hopOf(confirmation.header, m_config.isp);
    if (!here || *here == 0) return std::nullopt;
    const HopBlock& previous = confirmation.header.hops()[*here - 1];
    return placeOf(previous.isp, previous.exit);
}

// All servers of that neighbour that this one speaks with.
bool AccountingServer::Engine::connectedTo(IspId neighbour) const {
    return std::none_of(m_links.begin(), m_links.end(), [&](const auto& entry) {
        return entry.first.isp == neighbour && !entry.first.isSibling() && !entry.second.connection;
    });
}

// --- what a sibling says

void AccountingServer::Engine::siblingSaid(const PeerPtr& peer, const Message& message) {
    if (const auto* unsignedYet = std::get_if<ConfirmationToCountersign>(&message)) {
        handle(peer, *unsignedYet);
    } else if (const auto* forwarded = std::get_if<ForwardedConfirmation>(&message)) {
        handle(peer, *forwarded);
    } else if (const auto* places = std::get_if<SiblingPlaces>(&message)) {
        compareWithConfig(*peer, *places);
    } else if (const auto* customers = std::get_if<SiblingCustomers>(&message)) {
        if (customers->first) {
            std::erase_if(m_elsewhere, [&](const auto& entry) { return entry.second == peer->party; });
        }
        for (const NodeId& node : customers->here) m_elsewhere[node] = peer->party;
        for (const NodeId& node : customers->gone) {
            const auto found = m_elsewhere.find(node);
            if (found != m_elsewhere.end() && found->second == peer->party) m_elsewhere.erase(found);
        }
    } else if (const auto* complaint = std::get_if<PayeeComplaint>(&message)) {
        handle(peer, *complaint);
    } else if (!paymentSaid(peer->party, message)) {
        drop(peer, "a sibling sent what only customers and routers may send");
    }
}

// It has been with a sibling, so it must leave here; it concerns our own service or a later one, or waits for the previous
// ISP's signature.
bool AccountingServer::Engine::rightWayInside(const Confirmation& confirmation, bool countersign) const {
    const auto path = pathOf(confirmation);
    const auto here = hopOf(confirmation.header, m_config.isp);
    const auto previous = previousOf(confirmation);
    if (!path || !here || !previous || previous->isSibling()) return false;
    if (countersign) return path->confirming == *here && path->beneficiary + 1 == *here;
    return path->beneficiary >= *here;
}

// The sibling owes it to the ISP behind it; the ISP before us will owe it to us; between the two of us it is the same sum.
void AccountingServer::Engine::relay(const PeerPtr& peer, const Confirmation& confirmation, bool countersign) {
    const SystemTime now = m_clock.now();
    m_books.record(confirmation, Role::Relayed, now);
    if (!countersign) m_books.add(PaymentSum::CarriedFor, peer->party, confirmation.amount, now);
    queueFor(*previousOf(confirmation), countersign, confirmation);
}

void AccountingServer::Engine::compareWithConfig(const Peer& peer, const SiblingPlaces& places) {
    const auto sorted = [](std::vector<PlacesWithIsp> all) {
        for (PlacesWithIsp& one : all) std::sort(one.exits.begin(), one.exits.end());
        std::sort(all.begin(), all.end());
        return all;
    };
    for (const SiblingConfig& sibling : m_config.siblings) {
        if (sibling.name != peer.party.server || sorted(sibling.places) == sorted(places.places)) continue;
        log(LogLevel::Warning,
            "server " + sibling.name +
                " does not meet the neighbours where this file says; correct 'places' of its [[server]]");
    }
}

// --- what we say

void AccountingServer::Engine::greetSibling(net::TlsConnection& connection) {
    SiblingPlaces places;
    for (const auto& [party, other] : m_links) {
        if (!party.isSibling()) places.places.push_back({party.isp, other.config.exits});
    }
    (void)connection.send(encode(Message(places)));
    SiblingCustomers customers;
    customers.first = true;
    for (const auto& [node, name] : m_payees) {
        customers.here.push_back(node);
        if (customers.here.size() < maxSiblingCustomers) continue;
        (void)connection.send(encode(Message(customers)));
        customers = {};
    }
    (void)connection.send(encode(Message(customers)));
}

void AccountingServer::Engine::tellSiblings(const SiblingCustomers& news) {
    if (m_config.siblings.empty()) return;
    afterCommit([this, bytes = encode(Message(news))] {
        for (auto& [party, link] : m_links) {
            if (party.isSibling() && link.connection) (void)link.connection->send(bytes);
        }
    });
}

}  // namespace netpas::accounting
