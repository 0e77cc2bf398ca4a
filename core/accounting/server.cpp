#include "core/accounting/server.h"

#include "core/accounting/server_engine.h"
#include "core/accounting/visitors.h"

namespace netpas::accounting {

namespace asio = boost::asio;

namespace {
constexpr uint64_t ticksBetweenRoutes = 16;
}

AccountingServer::AccountingServer(asio::io_context& io, const Identity& identity, ServerConfig config, Books books,
                                   const Clock& clock, LogSink log)
    : m_engine(std::make_shared<Engine>(io, identity, std::move(config), std::move(books), clock, std::move(log))) {}
AccountingServer::~AccountingServer() { m_engine->abandon(); }
tl::expected<uint16_t, net::NetError> AccountingServer::listen(const Endpoint& endpoint) {
    return m_engine->listen(endpoint);
}
void AccountingServer::setNeighbourAddress(IspId neighbour, const Endpoint& endpoint) {
    m_engine->setAddress({{}, neighbour}, endpoint);
}
void AccountingServer::setAddress(const Party& server, const Endpoint& endpoint) {
    m_engine->setAddress(server, endpoint);
}
void AccountingServer::start() { m_engine->start(); }
void AccountingServer::stop() { m_engine->stop(); }
const Books& AccountingServer::books() const { return m_engine->books(); }
std::string AccountingServer::booksJson() const { return m_engine->booksJson(); }
std::string AccountingServer::invoicesJson() const { return m_engine->invoicesJson(); }
std::string AccountingServer::billsJson() const { return m_engine->billsJson(); }
std::string AccountingServer::compareJson(const Bill& theirs) { return m_engine->compareJson(theirs); }
bool AccountingServer::settle(IspId neighbour, CycleNumber cycle, Settlement settlement) {
    return m_engine->settle(neighbour, cycle, std::move(settlement));
}
AuditFacts AccountingServer::auditFacts() const { return m_engine->auditFacts(); }
std::optional<Party> AccountingServer::upstreamOf(const Confirmation& confirmation, Role role) const {
    return m_engine->upstreamOf(confirmation, role);
}
Books& AccountingServer::booksForAudit() { return m_engine->booksForAudit(); }
std::string AccountingServer::blocksJson() const { return m_engine->blocksJson(); }
bool AccountingServer::setFrozen(const std::string& customer, bool frozen, std::string reason) {
    return m_engine->setFrozen(customer, frozen, std::move(reason));
}
bool AccountingServer::complain(const payments::PaymentId& payment, std::string reason) {
    return m_engine->complain(payment, std::move(reason));
}
void AccountingServer::keepLog(bool keep) { m_engine->keepLog(keep); }
void AccountingServer::forgetCertified() { m_engine->forgetCertified(); }
bool AccountingServer::forgetCustomer(const std::string& name) { return m_engine->forgetCustomer(name); }
void AccountingServer::setBlacklist(std::vector<IspId> isps) { m_engine->setBlacklistNow(std::move(isps)); }

AccountingServer::Engine::Engine(asio::io_context& io, const Identity& identity, ServerConfig config, Books books,
                                 const Clock& clock, LogSink log)
    : m_io(io),
      m_identity(identity),
      m_config(std::move(config)),
      m_books(std::move(books)),
      m_clock(clock),
      m_log(std::move(log)),
      m_commitTimer(io),
      m_tickTimer(io),
      m_reach(m_config.isp),
      m_routes(m_config.isp, m_config.paymentFee),
      m_expiryTimer(io),
      m_watch(m_config.watch) {
    linksStart();
    for (const EdgeConfig& edge : m_config.edges) m_edges[edge.router];
    m_alarmsLogged = m_books.alarmCount();
    paymentsStart();
    blocksStart();
}

tl::expected<uint16_t, net::NetError> AccountingServer::Engine::listen(const Endpoint& endpoint) {
    if (!m_listener) {
        net::TlsListener::Handlers handlers;
        handlers.accepts = [weak = weak_from_this()](const PublicKey& key, const Endpoint& remote) {
            const auto self = weak.lock();
            return self && self->accepts(key, remote);
        };
        handlers.onConnection = [weak = weak_from_this()](Connection connection) {
            if (const auto self = weak.lock()) self->connected(std::move(connection));
        };
        handlers.onRefused = [weak = weak_from_this()](net::NetError, const Endpoint& remote) {
            const auto self = weak.lock();
            if (!self) return;
            ++self->m_count.turnedAway;
            self->log(LogLevel::Warning, "turned away " + remote.toString() + ": unknown key, or not our protocol");
        };
        if (m_config.threads > 0) m_threads = std::make_unique<net::TlsThreads>(m_config.threads);
        m_listener = std::make_unique<net::TlsListener>(m_io, m_identity, std::move(handlers), net::LinkLimits{},
                                                        m_config.maxConnections, m_threads.get());
    }
    return m_listener->listen(endpoint);
}

void AccountingServer::Engine::setAddress(const Party& server, const Endpoint& endpoint) {
    const auto link = m_links.find(server);
    if (link != m_links.end()) link->second.config.server = endpoint;
}

void AccountingServer::Engine::start() {
    for (auto& [party, link] : m_links) {
        net::TlsDialer::Handlers handlers;
        handlers.onUp = [weak = weak_from_this(), id = party](Connection connection) {
            if (const auto self = weak.lock()) {
                Link& up = self->m_links.at(id);
                if (id.isProvider()) return self->providerLinkUp(up, std::move(connection));
                self->linkUp(up, std::move(connection));
            }
        };
        handlers.onDown = [weak = weak_from_this(), id = party](net::NetError error) {
            const auto self = weak.lock();
            if (!self) return;
            Link& down = self->m_links.at(id);
            if (down.connection || error == net::NetError::Refused) {
                self->log(LogLevel::Warning, down.name() + ": " + std::string(describe(error)));
            }
            down.connection = down.joining = nullptr;
            down.batches.clear();
            down.laterBatches.clear();
            if (self->m_reach.lost(down.config.isp)) self->tellReach();
            if (self->m_routes.lost(id)) self->tellRoutes();
        };
        link.dialer = std::make_unique<net::TlsDialer>(m_io, m_identity, link.config.server, link.config.key, handlers);
        link.dialer->start();
    }
    m_started = m_clock.steady();
    providerStart();
    scheduleTick();
    armExpiry();
}

void AccountingServer::Engine::stop() {
    if (m_stopped) return;
    commit();
    abandon();
}

void AccountingServer::Engine::abandon() {
    if (m_stopped) return;
    m_stopped = true;
    m_commitTimer.cancel();
    m_tickTimer.cancel();
    m_expiryTimer.cancel();
    m_listener.reset();
    for (auto& [party, link] : m_links) link.dialer.reset();
    m_provider.reset();
    const auto peers = std::move(m_peers);
    m_peers.clear();
    m_peersOf.clear();
    for (const PeerPtr& peer : peers) peer->connection->close();
    m_peersWithAcks.clear();
    m_effects.clear();
}

// --- peers

bool AccountingServer::Engine::accepts(const PublicKey& key, const Endpoint& remote) const {
    for (const EdgeConfig& edge : m_config.edges) {
        if (edge.key == key) return true;
    }
    for (const auto& [party, link] : m_links) {
        if (link.config.key == key && !party.isProvider()) return true;
    }
    if (m_books.customerOf(key)) return true;
    for (const CustomerConfig& customer : m_config.customers) {
        for (const IpPrefix& prefix : customer.prefixes) {
            if (prefix.contains(remote.address)) return true;
        }
    }
    return false;
}

void AccountingServer::Engine::connected(Connection connection) {
    if (m_stopped) return connection->close();
    auto peer = std::make_shared<Peer>();
    peer->connection = connection;
    const PublicKey& key = connection->peerKey();
    for (const EdgeConfig& edge : m_config.edges) {
        if (edge.key == key) {
            peer->kind = PeerKind::Edge;
            peer->router = edge.router;
        }
    }
    for (const auto& [party, link] : m_links) {
        if (link.config.key == key && !party.isProvider()) {
            peer->kind = party.isSibling() ? PeerKind::Sibling : PeerKind::Neighbour;
            peer->isp = link.config.isp;
            peer->party = party;
        }
    }
    if (peer->kind == PeerKind::Customer) {
        const auto enrolled = m_books.customerOf(key);
        peer->enrolled = enrolled.has_value();
        if (enrolled) peer->customer = *enrolled;
        for (const CustomerConfig& customer : m_config.customers) {
            for (const IpPrefix& prefix : customer.prefixes) {
                if (peer->customer.empty() && prefix.contains(connection->remote().address))
                    peer->customer = customer.visitors ? visitorAccount(customer.name, key.nodeId()) : customer.name;
            }
        }
    }
    connection->onMessage = [weak = weak_from_this(), weakPeer = std::weak_ptr(peer)](ByteView bytes) {
        const auto self = weak.lock();
        const auto from = weakPeer.lock();
        if (self && from && !self->m_stopped) self->received(from, bytes);
    };
    connection->onClosed = [weak = weak_from_this(), weakPeer = std::weak_ptr(peer)](net::NetError) {
        const auto self = weak.lock();
        const auto gone = weakPeer.lock();
        if (self && gone) {
            self->m_peers.erase(gone);
            self->m_peersWithAcks.erase(gone);
            (void)self->peersOf(gone->customer);
            if (gone->kind == PeerKind::Customer && !self->m_stopped) self->partLost(*gone);
        }
    };
    if (peer->kind == PeerKind::Customer && !peer->customer.empty()) {
        m_peersOf[peer->customer].push_back(peer);
    }
    m_peers.insert(peer);
    if (peer->kind == PeerKind::Neighbour) {
        tellReach(peer);
        repeatComplaints(peer);
    }
}

void AccountingServer::Engine::received(const PeerPtr& peer, ByteView bytes) {
    // Nothing can be said, not even that something is unknown. tick() tries to read the books again.
    if (!m_books.readable()) return peer->connection->close();
    const auto message = decode(bytes);
    if (!message) return drop(peer, std::string(describe(message.error())));
    switch (peer->kind) {
    case PeerKind::Customer: customerSaid(peer, *message); break;
    case PeerKind::Edge: edgeSaid(peer, *message); break;
    case PeerKind::Neighbour: neighbourSaid(peer, *message); break;
    case PeerKind::Sibling: siblingSaid(peer, *message); break;
    }
    if (m_books.dirty() || !m_effects.empty() || !m_peersWithAcks.empty() || !m_unsealed.empty()) scheduleCommit();
}

void AccountingServer::Engine::drop(const PeerPtr& peer, const std::string& why) {
    log(LogLevel::Warning, "closed the connection of " + peer->connection->remote().toString() + ": " + why);
    peer->connection->close();
    m_peers.erase(peer);
    m_peersWithAcks.erase(peer);
}

void AccountingServer::Engine::send(const PeerPtr& peer, const Message& message) {
    // A peer that does not read what it asked for is not worth memory; it asks again after a reconnect.
    if (!peer->connection->send(encode(message))) {
        peer->connection->close();
        m_peers.erase(peer);
    }
}

// --- groups

void AccountingServer::Engine::afterCommit(std::function<void()> effect) { m_effects.push_back(std::move(effect)); }

void AccountingServer::Engine::acknowledge(const PeerPtr& peer, const ConfirmationId& id, AckResult result) {
    peer->acks.push_back({id, result});
    m_peersWithAcks.insert(peer);
}

void AccountingServer::Engine::scheduleCommit() {
    if (m_commitScheduled || m_stopped) return;
    m_commitScheduled = true;
    // Waiting twice as long as a commit takes gathers most of what a longer wait would, and nobody waits for long while
    // there is little to do. Confirmations that share a signature want more company.
    const std::chrono::nanoseconds longest = m_config.groupTime;
    m_commitTimer.expires_after(m_unsealed.empty() ? std::min(longest, 2 * m_commitTook) : longest);
    m_commitTimer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (!error && self) self->commit();
    });
}

void AccountingServer::Engine::commit() {
    m_commitScheduled = false;
    if (m_stopped) return;
    seal();
    if (m_books.dirty()) ++m_count.commits;
    const SteadyTime begin = m_clock.steady();
    if (auto done = m_books.commit(); !done) return failGroup(done.error());
    m_commitTook = (7 * m_commitTook + (m_clock.steady() - begin)) / 8;
    const auto effects = std::exchange(m_effects, {});
    for (const auto& effect : effects) effect();
    const auto peers = std::exchange(m_peersWithAcks, {});
    for (const PeerPtr& peer : peers) {
        const auto acks = std::exchange(peer->acks, {});
        for (size_t at = 0; at < acks.size(); at += maxAcks) {
            const auto end = acks.begin() + static_cast<std::ptrdiff_t>(std::min(acks.size(), at + maxAcks));
            send(peer, Ack{{acks.begin() + static_cast<std::ptrdiff_t>(at), end}});
        }
    }
    for (auto& [party, link] : m_links) pump(link);
    // An effect may have changed the books again.
    if (m_books.dirty() || !m_effects.empty() || !m_peersWithAcks.empty()) scheduleCommit();
}

// The books have fallen back to the last commit. Nobody was told of anything later, so everybody may ask again.
void AccountingServer::Engine::failGroup(store::StoreError error) {
    log(LogLevel::Error, "the books cannot be written: " + std::string(describe(error)) +
                             (m_books.failure().empty() ? "" : " (" + m_books.failure() + ")") +
                             "; nothing was acknowledged, all connections are closed");
    m_desk->reload();
    applyBlocks();
    m_effects.clear();
    m_paymentAcks.clear();
    m_peersOf.clear();
    m_unsealed.clear();
    m_toSign = 0;
    m_peersWithAcks.clear();
    m_awaitInstall.clear();
    m_awaitRemoval.clear();
    const auto peers = std::exchange(m_peers, {});
    for (const PeerPtr& peer : peers) {
        peer->acks.clear();
        peer->connection->close();
    }
    for (auto& [party, link] : m_links) {
        link.toSend.clear();
        link.later.clear();
        link.batches.clear();
        link.laterBatches.clear();
        (void)m_reach.lost(link.config.isp);
        if (link.connection) {
            // The dialer hears of it from the other end's hang-up or, failing that, restarts here.
            link.connection = nullptr;
        }
        if (link.dialer) {
            link.dialer->stop();
            link.dialer->start();
        }
    }
}

void AccountingServer::Engine::scheduleTick() {
    if (m_stopped) return;
    m_tickTimer.expires_after(m_config.tick);
    m_tickTimer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (error || !self || self->m_stopped) return;
        self->tick();
        self->scheduleTick();
    });
}

void AccountingServer::Engine::tick() {
    if (!m_books.readable()) return scheduleCommit();
    expireKeys();
    watch();
    settleDisputes();
    watchDelegated();
    if (m_config.provider && m_ticks % 5 == 0) askProviderForTotals();
    for (auto& [party, link] : m_links) {
        link.toSend.insert(link.toSend.end(), link.later.begin(), link.later.end());
        link.later.clear();
        link.batches.insert(link.batches.end(), link.laterBatches.begin(), link.laterBatches.end());
        link.laterBatches.clear();
        pump(link);
    }
    ++m_ticks;
    if (m_ticks % ticksBetweenRoutes == 0) tellRoutes();  // one that got lost is not missed for good
    tidy();
    if (m_ticks % 64 == 0) {
        for (const auto& [party, link] : m_links) {
            if (link.connection) m_desk->remind(party);
        }
    }
    m_alarmsLogged = std::min(m_alarmsLogged, m_books.alarmCount());
    for (; m_alarmsLogged < m_books.alarmCount(); ++m_alarmsLogged) {
        const uint64_t behind = m_books.alarmCount() - m_alarmsLogged;
        if (behind > m_books.alarms().size()) continue;
        const Alarm& alarm = m_books.alarms()[m_books.alarms().size() - behind];
        log(LogLevel::Warning, "alarm " + std::string(describe(alarm.kind)) + ", " + alarm.subject + ": " + alarm.text);
    }
    m_books.writeLate();
    if (m_books.dirty() || !m_effects.empty()) scheduleCommit();
}

void AccountingServer::Engine::log(LogLevel level, const std::string& text) {
    if (!m_log) return;
    if (!m_logLimit.pass(m_clock.steady())) {
        ++m_logSuppressed;
        return;
    }
    if (const uint64_t suppressed = std::exchange(m_logSuppressed, 0); suppressed > 0) {
        m_log(LogLevel::Warning, std::to_string(suppressed) + " log lines were suppressed");
    }
    m_log(level, text);
}

bool AccountingServer::Engine::forgetCustomer(const std::string& name) {
    if (!m_books.customers().contains(name)) return false;
    if (const auto key = keyOf(name)) {
        m_payees.erase(key->nodeId());
        tellSiblings({false, {}, {key->nodeId()}});
    }
    m_books.forget(name);
    commit();
    return !m_books.customers().contains(name);
}

}  // namespace netpas::accounting
