// Micropayments at this server: who is there, and what is carried to and from the desk.
#include <boost/asio/post.hpp>

#include "core/accounting/server_engine.h"

namespace netpas::accounting {

namespace {

constexpr auto notSooner = std::chrono::milliseconds(10);

}  // namespace

PaymentTerms AccountingServer::Engine::termsOf(const ServerConfig& config) {
    PaymentTerms terms = {config.paymentFee, config.smallestPayment, {}, {}};
    for (const CustomerConfig& customer : config.customers) terms.accounts[customer.name] = customer.payments;
    for (const NeighbourConfig& neighbour : config.neighbours) {
        Money& credit = terms.credit[neighbour.isp];
        credit = checkedAdd(credit, neighbour.credit).value_or(Money::max());
    }
    return terms;
}

void AccountingServer::Engine::paymentsStart() {
    m_desk = std::make_unique<PaymentDesk>(m_config.isp, m_identity, termsOf(m_config), m_books, m_clock, *this);
    for (const auto& [name, key] : m_books.customers()) m_payees[key.nodeId()] = name;
}

// --- PaymentDesk::Surroundings

bool AccountingServer::Engine::isThere(const Party& party) const {
    if (!party.isCustomer()) {
        const auto link = m_links.find(party);
        return link != m_links.end() && link->second.connection != nullptr;
    }
    const auto found = m_peersOf.find(party.customer);
    return found != m_peersOf.end() &&
           std::any_of(found->second.begin(), found->second.end(),
                       [&](const PeerPtr& peer) { return peer->receives && m_peers.contains(peer); });
}

void AccountingServer::Engine::send(const Party& party, Message message) {
    if (party.isProvider()) return sendToProvider(message);
    if (const auto* ack = std::get_if<PaymentAck>(&message)) {
        // One message for all of the group.
        auto& waiting = m_paymentAcks[party];
        waiting.insert(waiting.end(), ack->entries.begin(), ack->entries.end());
        if (waiting.size() > ack->entries.size()) return;
        return afterCommit([this, party] {
            const auto entries = std::exchange(m_paymentAcks[party], {});
            m_paymentAcks.erase(party);
            for (size_t at = 0; at < entries.size(); at += maxPaymentAcks) {
                const auto begin = entries.begin() + static_cast<std::ptrdiff_t>(at);
                const auto count = static_cast<std::ptrdiff_t>(std::min(entries.size() - at, maxPaymentAcks));
                sendNow(party, encode(Message(PaymentAck{{begin, begin + count}})), false);
            }
        });
    }
    const bool offer = std::holds_alternative<ForwardPayment>(message);
    afterCommit([this, party, bytes = encode(message), offer] { sendNow(party, bytes, offer); });
}

void AccountingServer::Engine::sendNow(const Party& party, const Bytes& bytes, bool offer) {
    if (!party.isCustomer()) {
        const auto link = m_links.find(party);
        // What is lost with the connection comes again from the books when there is another.
        if (link != m_links.end() && link->second.connection) (void)link->second.connection->send(bytes);
        return;
    }
    for (const PeerPtr& peer : peersOf(party.customer)) {
        if (!peer->enrolled || (offer && !peer->receives)) continue;
        if (!peer->connection->send(bytes)) peer->connection->close();
    }
}

const std::vector<AccountingServer::Engine::PeerPtr>& AccountingServer::Engine::peersOf(const std::string& customer) {
    static const std::vector<PeerPtr> none;
    const auto found = m_peersOf.find(customer);
    if (found == m_peersOf.end()) return none;
    std::erase_if(found->second, [&](const PeerPtr& peer) { return !m_peers.contains(peer); });
    if (!found->second.empty()) return found->second;
    m_peersOf.erase(found);
    return none;
}

std::optional<std::string> AccountingServer::Engine::payee(const NodeId& node) const {
    const auto found = m_payees.find(node);
    return found == m_payees.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Party> AccountingServer::Engine::payeeElsewhere(const NodeId& node) const {
    const auto found = m_elsewhere.find(node);
    return found == m_elsewhere.end() ? std::nullopt : std::optional(found->second);
}

// The link of our own that is there, else a sibling's.
Party AccountingServer::Engine::towards(IspId next, bool direct) const {
    for (auto at = m_links.lower_bound(Party{{}, next}); at != m_links.end() && at->first.isp == next; ++at) {
        if (at->second.connection) return at->first;
    }
    if (!direct) {
        if (const auto sibling = m_routes.siblingBeside(next)) return *sibling;
    }
    return {{}, next};
}

std::optional<PublicKey> AccountingServer::Engine::keyOf(const std::string& customer) const {
    const auto found = m_books.customers().find(customer);
    return found == m_books.customers().end() ? std::nullopt : std::optional(found->second);
}

void AccountingServer::Engine::certify(const NodeId& payee, IspId isp, PaymentDesk::Certified done) {
    auto answer = [weak = weak_from_this(), done = std::move(done)](std::optional<Certification> found) {
        const auto self = weak.lock();
        if (!self || self->m_stopped) return;
        done(found);
        self->scheduleCommit();
    };
    if (m_config.certify) return m_config.certify(payee, isp, std::move(answer));
    boost::asio::post(m_io, [answer = std::move(answer)] { answer(std::nullopt); });
}

// --- customers

bool AccountingServer::Engine::paymentSaid(const PeerPtr& peer, const Message& message) {
    // Nobody is told anything about payments but the enrolled customer itself.
    const auto itself = [&] {
        const auto enrolled = m_books.customers().find(peer->customer);
        return peer->enrolled && enrolled != m_books.customers().end() &&
               enrolled->second == peer->connection->peerKey();
    };
    const Party party{peer->customer, {}};
    if (const auto* sent = std::get_if<SendPayment>(&message)) {
        if (itself()) {
            m_desk->order(peer->customer, sent->order);
        } else {
            send(peer, PaymentRefused{
                           sent->order.order.payment.id, m_config.isp, PaymentRefusal::BadOrder, {}, "join first"});
        }
    } else if (const auto* query = std::get_if<PaymentQuery>(&message)) {
        if (!itself()) return refuse(peer, query->request, Refusal::NotJoined, "join first"), true;
        afterCommit([this, peer, query = *query] { send(peer, m_desk->statement(peer->customer, query)); });
    } else if (const auto* asked = std::get_if<RouteQuery>(&message)) {
        if (m_config.provider) return askProviderForWay(peer, *asked), true;
        RouteFound found{asked->request, {}};
        if (const auto way = m_routes.way(asked->isp, asked->amount)) found.fees = *way;
        send(peer, found);
    } else if (const auto* receiving = std::get_if<SetReceiving>(&message)) {
        if (!itself()) return refuse(peer, receiving->request, Refusal::NotJoined, "join first"), true;
        const auto no = receiving->on ? m_desk->mayReceive(peer->customer) : std::nullopt;
        peer->receives = receiving->on && !no;
        peer->asked = receiving->on;
        send(peer, ReceivingSet{receiving->request, no});
        m_desk->connected(party);
    } else if (const auto* confirmed = std::get_if<PaymentConfirmed>(&message)) {
        if (itself()) m_desk->confirmed(party, *confirmed);
    } else if (const auto* refused = std::get_if<PaymentRefused>(&message)) {
        if (itself()) m_desk->refused(party, *refused);
    } else if (const auto* cancelled = std::get_if<CancelPayment>(&message)) {
        if (itself()) m_desk->cancel(party, *cancelled);
    } else {
        return false;
    }
    armExpiry();
    return true;
}

// --- neighbours

bool AccountingServer::Engine::paymentSaid(const Party& party, const Message& message) {
    if (const auto* forwarded = std::get_if<ForwardPayment>(&message)) {
        m_desk->forwarded(party, *forwarded);
    } else if (const auto* confirmed = std::get_if<PaymentConfirmed>(&message)) {
        m_desk->confirmed(party, *confirmed);
    } else if (const auto* refused = std::get_if<PaymentRefused>(&message)) {
        m_desk->refused(party, *refused);
    } else if (const auto* cancelled = std::get_if<CancelPayment>(&message)) {
        m_desk->cancel(party, *cancelled);
    } else if (const auto* acks = std::get_if<PaymentAck>(&message)) {
        for (const PaymentAckEntry& entry : acks->entries) m_desk->acknowledged(party, entry);
    } else if (const auto* routes = std::get_if<AnnounceRoutes>(&message)) {
        if (m_routes.announced(party, *routes)) tellRoutes();
    } else {
        return false;
    }
    armExpiry();
    return true;
}

void AccountingServer::Engine::tellRoutes() {
    for (auto& [party, link] : m_links) {
        if (!link.connection || party.isProvider()) continue;
        (void)link.connection->send(
            encode(Message(party.isSibling() ? m_routes.toTellSiblings() : m_routes.toTell(party.isp))));
    }
}

// --- time

void AccountingServer::Engine::armExpiry() {
    const auto next = m_desk->nextDeadline();
    if (m_stopped || !next || *next >= m_expiryArmed) return;
    m_expiryArmed = *next;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*next - m_clock.now());
    // A wall clock that is set does not keep anybody waiting for long.
    m_expiryTimer.expires_after(std::clamp(left + std::chrono::milliseconds(1), notSooner, m_config.tick));
    m_expiryTimer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (error || !self || self->m_stopped) return;
        self->m_expiryArmed = SystemTime::max();
        self->m_desk->tick();
        if (self->m_books.dirty() || !self->m_effects.empty()) self->scheduleCommit();
        self->armExpiry();
    });
}

}  // namespace netpas::accounting
