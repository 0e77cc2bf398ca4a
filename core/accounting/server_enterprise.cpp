// The accounting server of a customer with a large network (NetPaS §5.4): its hosts enrol here, central rules decide, and
// what they allow is ordered from the ISP in the customer's own name. Keys and questions go through a client, payments and
// delegated confirmations over a link of their own with an outbox.
#include "core/accounting/server_engine.h"

namespace netpas::accounting {

namespace {

const std::string providerRouter(Party::providerName);
constexpr uint64_t onlyIncarnation = 1;  // an ISP's statements never begin anew
constexpr auto day = std::chrono::hours(24);

Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }

std::string explain(const EnterpriseRule& rule) {
    return "the rule \"" + rule.name + "\"; ask whoever runs your organisation's accounting server";
}

}  // namespace

std::optional<Party> AccountingServer::Engine::provider() const {
    return m_config.provider ? std::optional(Party::provider(m_config.isp)) : std::nullopt;
}

void AccountingServer::Engine::providerStart() {
    if (!m_config.provider) return;
    AccountingClient::Handlers handlers;
    handlers.onUp = [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        self->m_provider->join([weak](const auto& joined) {
            const auto me = weak.lock();
            if (!me || me->m_stopped) return;
            if (!joined)
                return me->log(LogLevel::Warning, "the provider does not let us join: " + joined.error().remedy);
            me->m_providerJoined = true;
            me->synchroniseProvider();
        });
    };
    handlers.onDown = [weak = weak_from_this()](net::NetError) {
        if (const auto self = weak.lock()) self->m_providerJoined = false;
    };
    const ServerAddress address{m_links.at(*provider()).config.server, m_config.provider->key};
    m_provider = std::make_unique<AccountingClient>(m_io, m_identity, address, std::move(handlers));
    m_provider->start();
}

// --- rules

std::optional<std::string> AccountingServer::Engine::forbids(const std::string& payer,
                                                             const payments::SignedOrder& order) const {
    if (!m_config.provider) return std::nullopt;
    const Money total = payments::total(order.order).value_or(Money::max());
    const auto* rule =
        ruleAgainst(m_config.provider->rules,
                    {Spending::Payment, payer, order.order.payment.payee, {order.order.fees.back().isp}, total});
    if (rule != nullptr) return explain(*rule);
    Money today = total;
    for (const CustomerConfig& host : m_config.customers) {
        today = plus(today, m_books.spentIn({host.name, {}}, m_clock.now()));
    }
    if (today <= m_config.provider->paymentsPerDay) return std::nullopt;
    return "all hosts together may pay " + m_config.provider->paymentsPerDay.toString() + " dollars in a day";
}

std::optional<std::string> AccountingServer::Engine::forbidsKey(const std::string& host, const SessionKey& key) const {
    if (!m_config.provider) return std::nullopt;
    const auto* rule =
        ruleAgainst(m_config.provider->rules, {Spending::Packets, host, std::nullopt, key.allowed, key.cap});
    if (rule != nullptr) return explain(*rule);
    Money today = key.cap;
    for (const auto& [id, record] : m_books.keys()) {
        if (record.state == KeyState::Final && record.finalised + day < m_clock.now()) continue;
        today = plus(today, record.state == KeyState::Final ? record.usage.amount : record.key.cap);
    }
    if (today <= m_config.provider->packetsPerDay) return std::nullopt;
    return "all hosts together may spend " + m_config.provider->packetsPerDay.toString() +
           " dollars on packets in a day";
}

// --- session keys: the ISP stands where an edge router stands for others

void AccountingServer::Engine::synchroniseProvider() {
    for (const auto& [id, record] : m_books.keys()) {
        switch (record.state) {
        case KeyState::Installing: installWithProvider(record); break;
        case KeyState::Removing: removeWithProvider(record); break;
        case KeyState::Active:
        case KeyState::Final: break;
        }
    }
}

void AccountingServer::Engine::installWithProvider(const KeyRecord& record) {
    if (!m_providerJoined) return;
    m_provider->registerKey(record.key, [weak = weak_from_this(), id = record.key.id](const auto& ready) {
        const auto self = weak.lock();
        if (!self || self->m_stopped) return;
        if (ready) {
            self->keyInstalled(id);
        } else if (ready.error().error == ClientError::Refused) {
            self->providerRefused(id, ready.error());
        }  // otherwise the host asks again, or the next connection does
        self->scheduleCommit();
    });
}

void AccountingServer::Engine::providerRefused(SessionKeyId id, const ClientFailure& failure) {
    const KeyRecord* record = m_books.key(id);
    if (record == nullptr || record->state != KeyState::Installing) return;
    m_books.setKeyState(id, KeyState::Final, m_clock.now());
    afterCommit([this, id, failure] {
        const auto [first, last] = m_awaitInstall.equal_range(id);
        for (auto waiter = first; waiter != last; ++waiter) {
            if (const PeerPtr host = waiter->second.peer.lock()) {
                refuse(host, waiter->second.request, failure.refusal, "the organisation's ISP says: " + failure.remedy);
            }
        }
        m_awaitInstall.erase(first, last);
    });
}

void AccountingServer::Engine::removeWithProvider(const KeyRecord& record) {
    if (!m_providerJoined) return;
    m_provider->revokeKey(record.key.id, [weak = weak_from_this(), id = record.key.id](const auto& statement) {
        const auto self = weak.lock();
        if (!self || self->m_stopped) return;
        // What the ISP has never heard of cost nothing.
        const bool never = !statement && statement.error().error == ClientError::Refused &&
                           statement.error().refusal == Refusal::UnknownKey;
        const KeyRecord* known = self->m_books.key(id);
        if ((!statement && !never) || known == nullptr || known->state != KeyState::Removing) return;
        if (statement) {
            const KeyCounters counters{id, statement->packets, statement->bytes, statement->amount, 0};
            self->m_books.applyKey(providerRouter, onlyIncarnation, counters, self->m_clock.now());
        }
        self->keyRemoved(id);
        self->scheduleCommit();
    });
}

void AccountingServer::Engine::askProviderForUsage(SessionKeyId id, std::function<void()> done) {
    m_provider->queryUsage(id, [weak = weak_from_this(), id, done = std::move(done)](const auto& statement) {
        const auto self = weak.lock();
        if (!self || self->m_stopped) return;
        if (statement) {
            const KeyCounters counters{id, statement->packets, statement->bytes, statement->amount, 0};
            self->m_books.applyKey(providerRouter, onlyIncarnation, counters, self->m_clock.now());
        }
        done();
        self->scheduleCommit();
    });
}

void AccountingServer::Engine::askProviderForWay(const PeerPtr& peer, const RouteQuery& query) {
    m_provider->findRoute(query.isp, query.amount, [weak = weak_from_this(), peer, query](const auto& found) {
        const auto self = weak.lock();
        if (!self || self->m_stopped) return;
        RouteFound answer{query.request, {}};
        if (found) answer.fees = found->fees;
        self->send(peer, answer);
    });
}

// What the keys in use have cost so far, and the ISP's bill, which the hosts' bills must add up to.
void AccountingServer::Engine::askProviderForTotals() {
    if (!m_providerJoined) return;
    for (const auto& [id, record] : m_books.keys()) {
        if (record.state == KeyState::Active) askProviderForUsage(id, [] {});
    }
    m_provider->queryInvoice([weak = weak_from_this()](const auto& invoice) {
        const auto self = weak.lock();
        if (self && !self->m_stopped && invoice) self->m_providerInvoice = *invoice;
    });
}

// --- payments and confirmations

void AccountingServer::Engine::providerLinkUp(Link& link, Connection connection) {
    if (m_stopped) return;
    connection->onMessage = [weak = weak_from_this(), connection = std::weak_ptr(connection)](ByteView bytes) {
        const auto self = weak.lock();
        const auto from = connection.lock();
        const auto message = decode(bytes);
        if (!self || self->m_stopped || !from || !message) return;
        self->providerSaid(from, *message);
        self->armExpiry();
        if (self->m_books.dirty() || !self->m_effects.empty()) self->scheduleCommit();
    };
    (void)connection->send(encode(Message(Join{1})));
    link.joining = std::move(connection);
}

void AccountingServer::Engine::providerSaid(Connection connection, const Message& message) {
    const Party party = *provider();
    Link& link = m_links.at(party);
    if (std::get_if<Joined>(&message) != nullptr && link.joining == connection) {
        link.joining = nullptr;
        linkReady(link, std::move(connection));
        for (const auto& [id, record] : m_books.payments()) {
            if (record.to == party && record.state == PaymentState::Pending) {
                send(party, ForwardPayment{0, record.payment, {}});
            }
        }
    } else if (const auto* refused = std::get_if<Refused>(&message)) {
        log(LogLevel::Warning, "the provider refuses: " + refused->remedy);
    } else if (const auto* acks = std::get_if<Ack>(&message)) {
        for (const AckEntry& entry : acks->entries) acknowledged(link, entry);
        pump(link);
    } else if (const auto* confirmed = std::get_if<PaymentConfirmed>(&message)) {
        const PaymentRecord* known = m_books.payment(confirmed->confirmation.id);
        if (known != nullptr && known->to == party && known->state == PaymentState::Expired) {
            m_books.alarm(AlarmKind::Refused, party.text(),
                          "it charges " + known->passed.toString() + " for a payment that has expired here",
                          m_clock.now());
        }
        m_desk->confirmed(party, *confirmed);
    } else if (const auto* no = std::get_if<PaymentRefused>(&message)) {
        m_desk->refused(party, *no);
    } else if (const auto* taken = std::get_if<PaymentAck>(&message)) {
        for (const PaymentAckEntry& entry : taken->entries) m_desk->acknowledged(party, entry);
    }
}

// The host's order is evidence here; to the ISP the enterprise is the payer.
void AccountingServer::Engine::sendToProvider(const Message& message) {
    afterCommit([this, message] {
        const Connection& connection = m_links.at(*provider()).connection;
        if (!connection) return;  // with the next one
        if (std::get_if<CancelPayment>(&message) != nullptr) (void)connection->send(encode(message));
        const auto* forwarded = std::get_if<ForwardPayment>(&message);
        const PaymentRecord* record = forwarded != nullptr ? m_books.payment(forwarded->payment.id) : nullptr;
        if (record == nullptr || record->state != PaymentState::Pending) return;
        Reader reader(record->order);
        payments::SignedOrder order = payments::decodeSignedOrder(reader);
        if (!reader.finished()) return;
        order.order.payer = m_identity.nodeId();
        order.signature = m_identity.sign(payments::orderMessage(order.order));
        (void)connection->send(encode(Message(SendPayment{std::move(order)})));
    });
}

}  // namespace netpas::accounting
