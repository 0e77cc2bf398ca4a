// What customers ask of their accounting server.
#include "core/accounting/server_engine.h"
#include "core/accounting/visitors.h"

namespace netpas::accounting {

void AccountingServer::Engine::customerSaid(const PeerPtr& peer, const Message& message) {
    const auto tooFast = [&](uint32_t request) {
        if (peer->requests.pass(m_clock.steady())) return false;
        refuse(peer, request, Refusal::TooMany, "ask more slowly");
        return true;
    };
    if (const auto* join = std::get_if<Join>(&message)) {
        if (!tooFast(join->request)) handle(peer, *join);
    } else if (const auto* registration = std::get_if<RegisterKey>(&message)) {
        if (!tooFast(registration->request)) handle(peer, *registration);
    } else if (const auto* revocation = std::get_if<RevokeKey>(&message)) {
        if (!tooFast(revocation->request)) handle(peer, *revocation);
    } else if (const auto* query = std::get_if<UsageQuery>(&message)) {
        if (!tooFast(query->request)) handle(peer, *query);
    } else if (const auto* invoice = std::get_if<InvoiceQuery>(&message)) {
        if (!tooFast(invoice->request)) handle(peer, *invoice);
    } else if (const auto* delegate = std::get_if<DelegatedConfirmation>(&message)) {
        handle(peer, *delegate);
    } else if (const auto* part = std::get_if<TakePart>(&message)) {
        if (!tooFast(part->request)) handle(peer, *part);
    } else if (!paymentSaid(peer, message)) {
        drop(peer, "a customer sent what only routers and neighbours may send");
    }
}

void AccountingServer::Engine::refuse(const PeerPtr& peer, uint32_t request, Refusal reason, std::string remedy) {
    ++m_count.refused;
    send(peer, Refused{request, reason, std::move(remedy)});
}

const CustomerConfig* AccountingServer::Engine::customerConfig(const std::string& name) const {
    const bool visitor = isVisitorAccount(name);
    const std::string configured = configuredName(name);
    for (const CustomerConfig& customer : m_config.customers) {
        if (customer.name == configured && customer.visitors == visitor) return &customer;
    }
    return nullptr;
}

// The edge through which the customer's packets come in: the first configured one that has not said otherwise. The
// directory lists the edges in the same order. Empty when none is configured.
std::string AccountingServer::Engine::routerFor(const CustomerConfig& customer) const {
    if (m_config.provider) return std::string(Party::providerName);
    if (!customer.router.empty()) return customer.router;
    for (const EdgeConfig& edge : m_config.edges) {
        const EdgeState& state = m_edges.at(edge.router);
        if (!state.greeted || state.serves.contains(customer.name)) return edge.router;
    }
    return m_config.edges.empty() ? std::string() : m_config.edges.front().router;
}

void AccountingServer::Engine::handle(const PeerPtr& peer, const Join& message) {
    const CustomerConfig* const line = customerConfig(peer->customer);
    if (line == nullptr) {
        return refuse(peer, message.request, Refusal::NotACustomer,
                      "join from an address that this ISP has assigned to you");
    }
    const PublicKey& key = peer->connection->peerKey();
    const auto enrolled = m_books.customers().find(peer->customer);
    if (enrolled != m_books.customers().end() && enrolled->second != key) {
        return refuse(peer, message.request, Refusal::OtherKeyEnrolled,
                      "restore the identity " + enrolled->second.nodeId().hex() +
                          " that joined before, or have the ISP forget it: netpas-isp forget-customer " +
                          peer->customer);
    }
    if (enrolled == m_books.customers().end()) {
        if (line->visitors && !roomForVisitor(*line))
            return refuse(peer, message.request, Refusal::TooMany, "there are too many visitors; try again later");
        m_books.enrol(peer->customer, key, m_clock.now());
        m_payees[key.nodeId()] = peer->customer;
        tellSiblings({false, {key.nodeId()}, {}});
        log(LogLevel::Info, "customer " + peer->customer + " joined as " + key.nodeId().hex());
    }
    afterCommit([this, peer, message] {
        peer->enrolled = true;
        send(peer, Joined{message.request, m_config.isp, m_config.name, peer->customer});
    });
}

const KeyRecord* AccountingServer::Engine::ownKey(const Peer& peer, SessionKeyId id) const {
    const KeyRecord* record = m_books.key(id);
    return record != nullptr && peer.enrolled && record->customer == peer.customer ? record : nullptr;
}

void AccountingServer::Engine::handle(const PeerPtr& peer, const RegisterKey& message) {
    const SessionKey& key = message.key;
    const CustomerConfig* customer = customerConfig(peer->customer);
    // Forgetting a customer takes effect on its open connections as well.
    const auto enrolled = m_books.customers().find(peer->customer);
    if (!peer->enrolled || customer == nullptr || enrolled == m_books.customers().end() ||
        enrolled->second != peer->connection->peerKey()) {
        return refuse(peer, message.request, Refusal::NotJoined, "join first");
    }
    if (!verify(enrolled->second, registerKeyMessage(key, m_identity.nodeId()), message.signature)) {
        return refuse(peer, message.request, Refusal::BadSignature, "sign with the identity that joined");
    }
    if (const KeyRecord* known = m_books.key(key.id)) {
        const bool same = known->customer == peer->customer && registerKeyMessage(known->key, m_identity.nodeId()) ==
                                                                   registerKeyMessage(key, m_identity.nodeId());
        if (!same || known->state == KeyState::Removing || known->state == KeyState::Final) {
            return refuse(peer, message.request, Refusal::KeyIdUsed, "draw another id");
        }
        if (known->state == KeyState::Active) {
            return afterCommit([this, peer, message] { send(peer, KeyReady{message.request, message.key.id}); });
        }
        wait(m_awaitInstall, key.id, peer, message.request);
        return;
    }
    const SystemTime now = m_clock.now();
    if (key.expires <= now || key.expires > now + m_config.keyLifetime) {
        return refuse(peer, message.request, Refusal::Expired,
                      "let the key expire within " + std::to_string(m_config.keyLifetime.count()) + " seconds");
    }
    if (key.cap <= Money::zero() || key.cap > customer->capLimit || key.capPerSecond <= Money::zero()) {
        return refuse(peer, message.request, Refusal::BadCap,
                      "ask for at most " + customer->capLimit.toString() + " dollars");
    }
    if (customer->visitors) {
        const Money left = leftOf(peer->customer);
        if (key.cap > left) {
            return refuse(peer, message.request, Refusal::BadCap,
                          left.toString() + " dollars are left; have more paid to " + enrolled->second.nodeId().hex());
        }
    }
    const auto open = std::count_if(m_books.keys().begin(), m_books.keys().end(), [&](const auto& entry) {
        return entry.second.customer == peer->customer && entry.second.state != KeyState::Final;
    });
    if (static_cast<size_t>(open) >= customer->maxKeys) {
        return refuse(peer, message.request, Refusal::TooMany, "revoke session keys that are not used");
    }
    if (auto rule = forbidsKey(peer->customer, key)) {
        return refuse(peer, message.request, Refusal::Forbidden, std::move(*rule));
    }
    const std::string router = routerFor(*customer);
    if (router.empty()) {
        return refuse(peer, message.request, Refusal::EdgeUnavailable, "the ISP has configured no edge router");
    }
    KeyRecord record;
    record.key = key;
    record.signature = message.signature;
    record.customer = peer->customer;
    record.router = router;
    record.registered = now;
    m_books.addKey(std::move(record));
    wait(m_awaitInstall, key.id, peer, message.request);
    afterCommit([this, id = key.id] {
        if (const KeyRecord* stored = m_books.key(id)) install(*stored);
    });
}

// Somebody who asks again and again while an edge is away takes no more room than the last few times.
void AccountingServer::Engine::wait(std::multimap<SessionKeyId, Waiter>& waiters, SessionKeyId key, const PeerPtr& peer,
                                    uint32_t request) {
    constexpr size_t most = 8;
    if (waiters.count(key) >= most) waiters.erase(waiters.find(key));
    waiters.emplace(key, Waiter{peer, request});
}

void AccountingServer::Engine::handle(const PeerPtr& peer, const RevokeKey& message) {
    const KeyRecord* record = ownKey(*peer, message.key);
    if (record == nullptr) return refuse(peer, message.request, Refusal::UnknownKey, "it was never registered by you");
    if (record->state == KeyState::Final) {
        return afterCommit([this, peer, message] {
            if (const KeyRecord* final = m_books.key(message.key)) send(peer, statementFor(*final, message.request));
        });
    }
    wait(m_awaitRemoval, message.key, peer, message.request);
    m_books.setKeyState(message.key, KeyState::Removing, m_clock.now());
    afterCommit([this, id = message.key] {
        const KeyRecord* stored = m_books.key(id);
        if (stored != nullptr && stored->state == KeyState::Removing) remove(*stored);
    });
}

void AccountingServer::Engine::handle(const PeerPtr& peer, const UsageQuery& message) {
    if (ownKey(*peer, message.key) == nullptr) {
        return refuse(peer, message.request, Refusal::UnknownKey, "it was never registered by you");
    }
    // What it says must be durable, like everything that is said.
    const auto answer = [this, peer, message] {
        afterCommit([this, peer, message] {
            if (const KeyRecord* record = m_books.key(message.key)) send(peer, statementFor(*record, message.request));
        });
    };
    if (!m_config.provider || m_books.key(message.key)->state == KeyState::Final) return answer();
    askProviderForUsage(message.key, answer);
}

void AccountingServer::Engine::handle(const PeerPtr& peer, const InvoiceQuery& message) {
    if (!peer->enrolled) return refuse(peer, message.request, Refusal::NotJoined, "join first");
    afterCommit([this, peer, message] { send(peer, invoiceFor(peer->customer, message.request)); });
}

// The same bytes whenever it is asked for once it is final.
UsageStatement AccountingServer::Engine::statementFor(const KeyRecord& record, uint32_t request) const {
    UsageStatement statement;
    statement.request = request;
    statement.key = record.key.id;
    statement.packets = record.usage.packets;
    statement.bytes = record.usage.bytes;
    statement.amount = record.usage.amount;
    statement.final = record.state == KeyState::Final;
    statement.time = statement.final ? record.finalised : m_clock.now();
    const auto customer = m_books.customers().find(record.customer);
    const NodeId node = customer == m_books.customers().end() ? NodeId{} : customer->second.nodeId();
    statement.signature = m_identity.sign(usageStatementMessage(statement, node));
    return statement;
}

Invoice AccountingServer::Engine::invoiceFor(const std::string& customer, uint32_t request) const {
    Invoice invoice;
    invoice.request = request;
    const auto enrolled = m_books.customers().find(customer);
    if (enrolled != m_books.customers().end()) invoice.customer = enrolled->second.nodeId();
    invoice.time = m_clock.now();
    const Books::Retired retired = m_books.retired(customer);
    invoice.packets = retired.packets;
    invoice.total = retired.amount;
    std::vector<const KeyRecord*> keys;
    for (const auto& [id, record] : m_books.keys()) {
        if (record.customer != customer) continue;
        keys.push_back(&record);
        invoice.packets += record.usage.packets;
        // Overflow cannot be billed; the books raise an alarm long before (Books::raise).
        invoice.total = checkedAdd(invoice.total, record.usage.amount).value_or(Money::max());
    }
    std::sort(keys.begin(), keys.end(),
              [](const KeyRecord* a, const KeyRecord* b) { return a->registered > b->registered; });
    for (const KeyRecord* record : keys) {
        if (invoice.lines.size() == maxInvoiceLines) break;
        invoice.lines.push_back(
            {record->key.id, record->usage.packets, record->usage.amount, record->state == KeyState::Final});
    }
    invoice.signature = m_identity.sign(invoiceMessage(invoice));
    return invoice;
}

}  // namespace netpas::accounting
