// Edge routers: session keys go to them, counters and samples come from them.
#include "core/accounting/server_engine.h"

namespace netpas::accounting {

void AccountingServer::Engine::edgeSaid(const PeerPtr& peer, const Message& message) {
    if (const auto* hello = std::get_if<EdgeHello>(&message)) return handle(peer, *hello);
    if (!peer->welcomed) return drop(peer, "an edge router began without a hello");
    if (const auto* report = std::get_if<EdgeReport>(&message)) {
        handle(peer, *report);
    } else if (const auto* sample = std::get_if<EdgeSample>(&message)) {
        handle(peer, *sample);
    } else if (const auto* counts = std::get_if<PathCounts>(&message)) {
        handle(peer, *counts);
    } else if (const auto* installed = std::get_if<KeyInstalled>(&message)) {
        handle(peer, *installed);
    } else if (const auto* removed = std::get_if<KeyRemoved>(&message)) {
        handle(peer, *removed);
    } else {
        drop(peer, "an edge router sent what only customers and neighbours may send");
    }
}

AccountingServer::Engine::PeerPtr AccountingServer::Engine::edge(const std::string& router) const {
    const auto found = m_edges.find(router);
    if (found == m_edges.end()) return nullptr;
    const PeerPtr peer = found->second.peer.lock();
    return peer && peer->welcomed && peer->connection->isOpen() ? peer : nullptr;
}

void AccountingServer::Engine::handle(const PeerPtr& peer, const EdgeHello& message) {
    if (message.router != peer->router) {
        return drop(peer, "the key belongs to router " + peer->router + ", not to " + message.router);
    }
    EdgeState& state = m_edges[peer->router];
    if (const PeerPtr previous = state.peer.lock(); previous && previous != peer) {
        previous->connection->close();
        m_peers.erase(previous);
    }
    if (state.lastIncarnation != 0 && state.lastIncarnation != message.incarnation) allowForLostCounters();
    state.lastIncarnation = message.incarnation;
    state.peer = peer;
    peer->incarnation = message.incarnation;
    state.greeted = true;
    state.serves = {message.customers.begin(), message.customers.end()};
    peer->welcomed = true;
    log(LogLevel::Info, "edge router " + peer->router + " is connected");
    send(peer, EdgeWelcome{m_config.isp});
    send(peer, SetBlacklist{m_blacklist});
    tellDeliveries(peer);
    if (!m_investigations.empty()) orderCounts();
    synchronise(peer);
}

// A restarted edge has no keys, a reconnected one may have missed something: it gets all that it should have.
void AccountingServer::Engine::synchronise(const PeerPtr& edge) {
    afterCommit([this, edge] {
        for (const auto& [id, record] : m_books.keys()) {
            if (record.router != edge->router) continue;
            switch (record.state) {
            case KeyState::Installing:
            case KeyState::Active: install(record); break;
            case KeyState::Removing: remove(record); break;
            case KeyState::Final: break;
            }
        }
    });
    scheduleCommit();
}

void AccountingServer::Engine::install(const KeyRecord& record) {
    if (m_config.provider) return installWithProvider(record);
    const PeerPtr peer = edge(record.router);
    if (!peer) return;  // with its next hello
    InstallKey message;
    message.key = record.key;
    const auto left = checkedSub(record.key.cap, record.usage.amount).value_or(Money::zero());
    message.key.cap = std::max(left, Money::zero());
    message.customer = record.customer;
    message.nextSequence = record.usage.nextSequence;
    send(peer, message);
}

void AccountingServer::Engine::remove(const KeyRecord& record) {
    if (m_config.provider) return removeWithProvider(record);
    if (const PeerPtr peer = edge(record.router)) send(peer, RemoveKey{record.key.id});
}

void AccountingServer::Engine::handle(const PeerPtr& peer, const EdgeReport& message) {
    const SystemTime now = m_clock.now();
    m_books.applyReport(peer->router, peer->incarnation, message, now);
    EdgeState& state = m_edges[peer->router];
    state.lastReport = m_clock.steady();
    state.reported = true;
    afterCommit([this, peer, sequence = message.sequence] { send(peer, EdgeReportAck{sequence}); });
}

void AccountingServer::Engine::handle(const PeerPtr& peer, const KeyInstalled& message) {
    const KeyRecord* record = m_books.key(message.key);
    if (record != nullptr && record->router == peer->router) keyInstalled(message.key);
}

void AccountingServer::Engine::keyInstalled(SessionKeyId id) {
    const KeyRecord* record = m_books.key(id);
    if (record == nullptr) return;
    if (record->state == KeyState::Installing) m_books.setKeyState(id, KeyState::Active, m_clock.now());
    afterCommit([this, id] {
        const auto [first, last] = m_awaitInstall.equal_range(id);
        for (auto waiter = first; waiter != last; ++waiter) {
            if (const PeerPtr customer = waiter->second.peer.lock())
                send(customer, KeyReady{waiter->second.request, id});
        }
        m_awaitInstall.erase(first, last);
    });
}

void AccountingServer::Engine::handle(const PeerPtr& peer, const KeyRemoved& message) {
    const KeyRecord* record = m_books.key(message.counters.key);
    if (record == nullptr || record->router != peer->router) return;
    if (record->state != KeyState::Removing) return;  // not asked for, or a second answer
    m_books.applyKey(peer->router, peer->incarnation, message.counters, m_clock.now());
    keyRemoved(message.counters.key);
}

void AccountingServer::Engine::keyRemoved(SessionKeyId id) {
    m_books.setKeyState(id, KeyState::Final, m_clock.now());
    afterCommit([this, id] {
        const KeyRecord* final = m_books.key(id);
        const auto [first, last] = m_awaitRemoval.equal_range(id);
        for (auto waiter = first; waiter != last; ++waiter) {
            const PeerPtr customer = waiter->second.peer.lock();
            if (customer && final != nullptr) send(customer, statementFor(*final, waiter->second.request));
        }
        m_awaitRemoval.erase(first, last);
        // Whoever still waits for its installation waits in vain.
        const auto [a, b] = m_awaitInstall.equal_range(id);
        for (auto waiter = a; waiter != b; ++waiter) {
            if (const PeerPtr customer = waiter->second.peer.lock()) {
                refuse(customer, waiter->second.request, Refusal::KeyIdUsed, "it was revoked meanwhile");
            }
        }
        m_awaitInstall.erase(a, b);
    });
}

void AccountingServer::Engine::expireKeys() {
    const SystemTime now = m_clock.now();
    std::vector<SessionKeyId> expired;
    for (const auto& [id, record] : m_books.keys()) {
        const bool open = record.state == KeyState::Installing || record.state == KeyState::Active;
        if (open && record.key.expires + m_config.expiryGrace < now) expired.push_back(id);
    }
    for (const SessionKeyId id : expired) {
        m_books.setKeyState(id, KeyState::Removing, now);
        afterCommit([this, id] {
            if (const KeyRecord* record = m_books.key(id)) remove(*record);
        });
    }
}

// A router that died took with it what it had counted since its last report: at most what it counts between two.
void AccountingServer::Engine::allowForLostCounters() {
    const SystemTime now = m_clock.now();
    for (const auto& [subject, isp] : subjects()) {
        const Money step = m_watch.largestStep(subject, isp);
        if (step == Money::zero()) continue;
        switch (subject) {
        case Subject::Own: m_books.add(SumKind::AllowanceOwn, isp, step, now); break;
        case Subject::Via: m_books.add(SumKind::AllowanceVia, isp, step, now); break;
        case Subject::Downstream: m_books.add(SumKind::AllowanceIsp, isp, step, now); break;
        }
    }
}

void AccountingServer::Engine::handle(const PeerPtr& peer, const EdgeSample& message) {
    if (m_config.provider) return confirmForProvider(peer, message);
    Confirmation confirmation;
    confirmation.id = message.id;
    confirmation.time = m_clock.now();
    confirmation.confirming = m_config.isp;
    confirmation.beneficiary = message.beneficiary;
    confirmation.amount = message.amount;
    confirmation.header = message.header;
    confirmation.excerpt = message.excerpt;
    const auto path = pathOf(confirmation);
    const bool self = message.beneficiary == m_config.isp;
    const bool first = path && path->confirming == 0;
    if (!path || path->selfConfirmed != self || (!first && !previousOf(confirmation))) {
        return acknowledge(peer, message.id, AckResult::WrongPath);
    }
    if (message.amount != m_config.threshold) return acknowledge(peer, message.id, AckResult::WrongAmount);
    if (self && isDelegated(peer, message)) return acknowledge(peer, message.id, AckResult::NotDelegated);
    // The time differs with every repetition: the id alone says that this sample was taken before.
    if (m_books.knownSample(message.id)) {
        ++m_count.duplicates;
        return acknowledge(peer, message.id, AckResult::Duplicate);
    }
    if (!self) m_lastSample[message.beneficiary] = confirmation;
    confirm(std::move(confirmation));
    acknowledge(peer, message.id, AckResult::Accepted);
}

// Its path is a right one, and nobody has it yet.
void AccountingServer::Engine::confirm(Confirmation confirmation) {
    const auto path = pathOf(confirmation);
    const SystemTime now = m_clock.now();
    if (!path || takeSample(confirmation, *path, now)) return;
    signAsConfirming(confirmation, m_identity);
    if (path->selfConfirmed) {
        signAsBeneficiary(confirmation, m_identity);
        m_books.record(confirmation, Role::SelfMade, now);
        m_books.add(SumKind::ConfirmedOwn, m_config.isp, confirmation.amount, now);
        passUpstream(confirmation);
    } else {
        m_books.record(confirmation, Role::Made, now);
        m_books.add(SumKind::MadeFor, confirmation.beneficiary, confirmation.amount, now);
        queueFor(*previousOf(confirmation), true, confirmation);
    }
}

}  // namespace netpas::accounting
