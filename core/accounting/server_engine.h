// Inside core/accounting only: the state of an accounting server. Its parts are in server_*.cpp, one for each kind of peer.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "core/accounting/batch_reach.h"
#include "core/accounting/client.h"
#include "core/accounting/confirmation_batch.h"
#include "core/accounting/payment_routes.h"
#include "core/accounting/server.h"
#include "core/net/tls_link.h"
#include "core/net/tls_threads.h"

namespace netpas::accounting {

// Lets `perSecond` things a second pass, and twice as many at once.
class RateLimit {
public:
    explicit RateLimit(uint32_t perSecond) : m_perSecond(perSecond), m_left(2 * perSecond) {}
    [[nodiscard]] bool pass(SteadyTime now) {
        const auto interval = std::chrono::nanoseconds(std::chrono::seconds(1)) / m_perSecond;
        const auto gained = static_cast<uint64_t>((now - m_at) / interval);
        if (gained > 0) {
            m_left = std::min<uint64_t>(2 * m_perSecond, m_left + gained);
            m_at = now;
        }
        if (m_left == 0) return false;
        --m_left;
        return true;
    }

private:
    uint32_t m_perSecond;
    uint64_t m_left;
    SteadyTime m_at{};
};

class AccountingServer::Engine : public std::enable_shared_from_this<AccountingServer::Engine>,
                                 public PaymentDesk::Surroundings {
public:
    Engine(boost::asio::io_context& io, const Identity& identity, ServerConfig config, Books books, const Clock& clock,
           LogSink log);

    [[nodiscard]] tl::expected<uint16_t, net::NetError> listen(const Endpoint& endpoint);
    void setAddress(const Party& server, const Endpoint& endpoint);
    void start();
    void stop();
    void abandon();
    [[nodiscard]] const Books& books() const { return m_books; }
    [[nodiscard]] std::string booksJson() const;
    [[nodiscard]] std::string invoicesJson() const;
    [[nodiscard]] std::string billsJson() const;
    [[nodiscard]] std::string compareJson(const Bill& theirs);
    [[nodiscard]] bool settle(IspId neighbour, CycleNumber cycle, Settlement settlement);
    [[nodiscard]] AuditFacts auditFacts() const;
    [[nodiscard]] std::optional<Party> upstreamOf(const Confirmation& confirmation, Role role) const;
    [[nodiscard]] Books& booksForAudit();
    void keepLog(bool keep) { m_keepLogUntil = keep ? m_clock.steady() + std::chrono::minutes(10) : SteadyTime{}; }
    void forgetCertified() {
        m_books.forgetCertified(m_clock.now());
        if (m_books.dirty()) scheduleCommit();
    }
    [[nodiscard]] bool forgetCustomer(const std::string& name);
    void setBlacklist(std::vector<IspId> isps);
    void setBlacklistNow(std::vector<IspId> isps) {
        setBlacklist(std::move(isps));
        commit();
    }
    [[nodiscard]] bool setFrozen(const std::string& customer, bool frozen, std::string reason);
    [[nodiscard]] bool complain(const payments::PaymentId& payment, std::string reason);
    [[nodiscard]] std::string blocksJson() const;

private:
    using Connection = std::shared_ptr<net::TlsConnection>;

    enum class PeerKind { Customer, Edge, Neighbour, Sibling };
    struct Peer {
        PeerKind kind = PeerKind::Customer;
        Connection connection;
        std::string customer;  // enrolled, or by its address a candidate
        bool enrolled = false;
        bool receives = false;  // payments are offered here
        bool asked = false;     // … or would be, were the account not frozen
        std::string router;     // of an edge
        bool welcomed = false;  // an edge that has said hello
        uint64_t incarnation = 0;
        IspId isp;    // of a neighbour
        Party party;  // of a neighbour or sibling
        RateLimit requests{100};
        std::vector<AckEntry> acks;  // sent after the next commit
        std::vector<BatchIsp> told;  // of a neighbour: who takes batches, as we last said
    };
    using PeerPtr = std::shared_ptr<Peer>;

    // Our own connection to a server of a neighbour or a sibling, for what it must take; what it sends us comes on a
    // connection of its own.
    struct Link {
        Party party;
        NeighbourConfig config;
        std::unique_ptr<net::TlsDialer> dialer;
        Connection connection;
        Connection joining{};           // of the provider: not yet told who we are
        std::deque<int64_t> toSend;     // numbers in the outbox, durable, not sent on this connection
        std::deque<int64_t> later;      // refused as too early: clocks differ
        std::deque<int64_t> batches{};  // the same two for messages of many
        std::deque<int64_t> laterBatches{};
        [[nodiscard]] std::string name() const {
            if (party.isProvider()) return "provider " + config.name;
            return party.isSibling() ? "server " + party.server : "neighbour " + config.name;
        }
    };

    struct EdgeState {
        std::weak_ptr<Peer> peer;
        SteadyTime lastReport{};
        bool reported = false;
        uint64_t lastIncarnation = 0;
        bool greeted = false;  // has said, in this server's life, whom it serves
        std::set<std::string> serves;
    };

    struct Waiter {
        std::weak_ptr<Peer> peer;
        uint32_t request = 0;
    };

    // --- server.cpp: peers and groups
    [[nodiscard]] bool accepts(const PublicKey& key, const Endpoint& remote) const;
    void connected(Connection connection);
    void received(const PeerPtr& peer, ByteView bytes);
    void drop(const PeerPtr& peer, const std::string& why);
    void send(const PeerPtr& peer, const Message& message);
    void afterCommit(std::function<void()> effect);
    void acknowledge(const PeerPtr& peer, const ConfirmationId& id, AckResult result);
    void scheduleCommit();
    void commit();
    void failGroup(store::StoreError error);
    void scheduleTick();
    void tick();
    void tidy();  // server_bills.cpp
    void log(LogLevel level, const std::string& text);

    // --- server_customers.cpp
    void customerSaid(const PeerPtr& peer, const Message& message);
    static void wait(std::multimap<SessionKeyId, Waiter>& waiters, SessionKeyId key, const PeerPtr& peer,
                     uint32_t request);
    void refuse(const PeerPtr& peer, uint32_t request, Refusal reason, std::string remedy);
    void handle(const PeerPtr& peer, const Join& message);
    void handle(const PeerPtr& peer, const RegisterKey& message);
    void handle(const PeerPtr& peer, const RevokeKey& message);
    void handle(const PeerPtr& peer, const UsageQuery& message);
    void handle(const PeerPtr& peer, const InvoiceQuery& message);
    [[nodiscard]] const KeyRecord* ownKey(const Peer& peer, SessionKeyId id) const;
    [[nodiscard]] UsageStatement statementFor(const KeyRecord& record, uint32_t request) const;
    [[nodiscard]] Invoice invoiceFor(const std::string& customer, uint32_t request) const;
    [[nodiscard]] const CustomerConfig* customerConfig(const std::string& name) const;
    [[nodiscard]] std::string routerFor(const CustomerConfig& customer) const;

    // --- server_visitors.cpp
    // Of a visitor's account: what it may still spend.
    [[nodiscard]] Money leftOf(const std::string& account) const;
    // Makes some if it can.
    [[nodiscard]] bool roomForVisitor(const CustomerConfig& line);

    // --- server_edges.cpp
    void edgeSaid(const PeerPtr& peer, const Message& message);
    void handle(const PeerPtr& peer, const EdgeHello& message);
    void handle(const PeerPtr& peer, const EdgeReport& message);
    void handle(const PeerPtr& peer, const EdgeSample& message);
    void confirm(Confirmation confirmation);
    void handle(const PeerPtr& peer, const KeyInstalled& message);
    void handle(const PeerPtr& peer, const KeyRemoved& message);
    void keyInstalled(SessionKeyId id);
    void keyRemoved(SessionKeyId id);
    void install(const KeyRecord& record);
    void remove(const KeyRecord& record);
    [[nodiscard]] PeerPtr edge(const std::string& router) const;
    void synchronise(const PeerPtr& edge);
    void expireKeys();
    void allowForLostCounters();

    // --- server_neighbours.cpp
    void neighbourSaid(const PeerPtr& peer, const Message& message);
    void handle(const PeerPtr& peer, const ConfirmationToCountersign& message);
    void handle(const PeerPtr& peer, const ForwardedConfirmation& message);
    [[nodiscard]] AckResult checkTime(const Confirmation& confirmation, bool inside);
    [[nodiscard]] AckResult judgeFacts(const Peer& peer, const Confirmation& confirmation, bool countersign);
    [[nodiscard]] AckResult judge(const Peer& peer, const Confirmation& confirmation, bool countersign);
    [[nodiscard]] bool rightWay(const Peer& peer, const Confirmation& confirmation, bool countersign) const;
    [[nodiscard]] static AckResult resultOf(Books::Known known);
    [[nodiscard]] bool mustCheck(const Peer& peer, bool countersign);
    // Who of those named has not signed; nobody: nothing is wrong, or their keys are not known.
    [[nodiscard]] std::optional<IspId> falselySigned(const Confirmation& confirmation, bool countersign) const;
    void alarmSignature(const Peer& peer, const Confirmation& confirmation, IspId forged);
    void take(const PeerPtr& peer, Confirmation confirmation, bool countersign);
    // Towards the packet's source; nothing to do at the first ISP.
    void passUpstream(const Confirmation& confirmation);
    void queueFor(const Party& neighbour, bool countersign, const Confirmation& confirmation);
    void linkUp(Link& link, Connection connection);
    void linkReady(Link& link, Connection connection);
    void pump(Link& link);
    void acknowledged(Link& link, const AckEntry& entry);
    [[nodiscard]] std::vector<const PublicKey*> keysOf(IspId isp) const;
    void watch();
    [[nodiscard]] Watch::Observation observation(Subject subject, IspId isp) const;
    [[nodiscard]] std::vector<std::pair<Subject, IspId>> subjects() const;

    // --- server_siblings.cpp
    void linksStart();
    // Who answers for the place where packets of `previous` came in: a neighbour's server here, or the sibling that has it.
    [[nodiscard]] std::optional<Party> placeOf(IspId previous, ExitPoint exit) const;
    [[nodiscard]] std::optional<Party> previousOf(const Confirmation& confirmation) const;
    [[nodiscard]] bool connectedTo(IspId neighbour) const;
    void siblingSaid(const PeerPtr& peer, const Message& message);
    [[nodiscard]] bool rightWayInside(const Confirmation& confirmation, bool countersign) const;
    void relay(const PeerPtr& peer, const Confirmation& confirmation, bool countersign);
    void greetSibling(net::TlsConnection& connection);
    void tellSiblings(const SiblingCustomers& news);
    void compareWithConfig(const Peer& peer, const SiblingPlaces& places);

    // --- server_batches.cpp
    struct Unsealed {
        ProvenConfirmation proven;
        Role role{};
        std::optional<Party> next;
    };
    using Taken = std::vector<std::pair<std::pair<SumKind, IspId>, Sum>>;
    [[nodiscard]] bool mayBatch(const Confirmation& confirmation, size_t here) const;
    [[nodiscard]] bool takeSample(const Confirmation& confirmation, const ConfirmationPath& path, SystemTime now);
    void toSeal(ProvenConfirmation proven, Role role, std::optional<Party> next);
    void seal();
    void handle(const PeerPtr& peer, ConfirmationBatch message);
    [[nodiscard]] AckResult judgeBatched(const Peer& peer, const ProvenConfirmation& proven, bool countersign);
    void takeProven(const Peer& peer, ProvenConfirmation proven, bool countersign, Taken& taken);
    void pumpBatches(Link& link);
    void acknowledged(Link& link, const BatchAck& ack);
    void heard(Link& link, const BatchAbility& ability);
    void tellReach();
    void tellReach(const PeerPtr& peer);

    // --- server_disputes.cpp
    // A path that is counted exactly, and what is confirmed on it meanwhile; by position.
    struct Investigation {
        PathIsps path;
        int64_t dispute = 0;
        SystemTime begin;
        SystemTime end;
        std::map<std::string, PathCounts::Count> counts;  // by router
        std::vector<Money> confirmed;
        Money largest;
        bool interrupted = false;  // a router began anew
    };
    void notePath(IspId from, const Confirmation& confirmation, bool countersign);
    void addToInvestigations(const Confirmation& confirmation);
    void investigate(const PathIsps& path, int64_t dispute);
    void orderCounts();
    void handle(const PeerPtr& peer, const PathCounts& message);
    void finishInvestigations();
    void conclude(const Investigation& investigation);
    // With the path that was counted: about it alone.
    void complain(Subject subject, IspId isp, bool tooMuch, const Comparison& comparison,
                  const PathIsps& countedPath = {});
    void repeatComplaints(const PeerPtr& peer);
    void handle(const PeerPtr& peer, const ComplaintAnswer& message);
    void handle(Link& link, const Complaint& complaint);
    void answerTooLittle(Dispute& dispute);
    [[nodiscard]] Money confirmMissing(IspId upstream, Money missing);
    void answerTooMuch(Dispute& dispute);
    void answer(Dispute& dispute, ComplaintReply reply, Money counted, Money confirmed, Money rectified);
    void settleDisputes();

    // --- server_blocks.cpp
    void blocksStart();
    void applyBlocks();
    void handle(const PeerPtr& peer, const PayeeComplaint& complaint);
    void handle(const Link& link, const PayeeComplaintAck& ack);
    [[nodiscard]] bool take(const Party& from, const PayeeComplaint& complaint);
    void repeatPayeeComplaints(const Party& party);
    void passOn(const PayeeComplaint& complaint, const PaymentRecord& record);
    void lookInto(const PayeeComplaint& complaint, const PaymentRecord& record);

    // --- server_enterprise.cpp
    void providerStart();
    void providerLinkUp(Link& link, Connection connection);
    void providerSaid(Connection connection, const Message& message);
    void sendToProvider(const Message& message);
    void synchroniseProvider();
    void installWithProvider(const KeyRecord& record);
    void removeWithProvider(const KeyRecord& record);
    void askProviderForUsage(SessionKeyId id, std::function<void()> done);
    void askProviderForWay(const PeerPtr& peer, const RouteQuery& query);
    void askProviderForTotals();
    void providerRefused(SessionKeyId id, const ClientFailure& failure);
    [[nodiscard]] std::optional<std::string> forbids(const std::string& payer,
                                                     const payments::SignedOrder& order) const override;
    [[nodiscard]] std::optional<std::string> forbidsKey(const std::string& host, const SessionKey& key) const;
    [[nodiscard]] std::optional<Party> provider() const override;

    // --- server_delegation.cpp
    void handle(const PeerPtr& peer, const DelegatedConfirmation& message);
    [[nodiscard]] AckResult judgeDelegated(const Peer& peer, const CustomerConfig& customer,
                                           const Confirmation& confirmation);
    [[nodiscard]] bool wasDelivered(const CustomerConfig& customer, const Confirmation& confirmation);
    [[nodiscard]] const CustomerConfig* delegateAt(const std::optional<IpAddress>& destination) const;
    [[nodiscard]] bool isDelegated(const PeerPtr& peer, const EdgeSample& sample);
    // --- server_taking_part.cpp
    struct Part {
        std::weak_ptr<Peer> peer;
        SetDeliveries::One delivery;
    };
    void handle(const PeerPtr& peer, const TakePart& message);
    [[nodiscard]] SetDeliveries deliveries() const;
    void tellDeliveries();
    void tellDeliveries(const PeerPtr& router);
    void partLost(const Peer& peer);
    void withdraw(const std::string& customer);

    void confirmForProvider(const PeerPtr& peer, const EdgeSample& message);
    void providerTook(const OutboxEntry& entry, AckResult result);
    void watchDelegated();
    [[nodiscard]] Watch::Observation delegated(const CustomerConfig& customer) const;

    // --- server_payments.cpp
    [[nodiscard]] static PaymentTerms termsOf(const ServerConfig& config);
    void paymentsStart();
    [[nodiscard]] bool isThere(const Party& party) const override;
    void send(const Party& party, Message message) override;
    [[nodiscard]] std::optional<std::string> payee(const NodeId& node) const override;
    [[nodiscard]] std::optional<Party> payeeElsewhere(const NodeId& node) const override;
    [[nodiscard]] Party towards(IspId next, bool direct) const override;
    [[nodiscard]] std::optional<PublicKey> keyOf(const std::string& customer) const override;
    void certify(const NodeId& payee, IspId isp, PaymentDesk::Certified done) override;
    // False when it is no message of payments.
    [[nodiscard]] bool paymentSaid(const PeerPtr& peer, const Message& message);
    [[nodiscard]] bool paymentSaid(const Party& neighbour, const Message& message);
    void sendNow(const Party& party, const Bytes& bytes, bool offer);
    // Its open connections; forgets the others.
    [[nodiscard]] const std::vector<PeerPtr>& peersOf(const std::string& customer);
    void tellRoutes();
    void armExpiry();

    boost::asio::io_context& m_io;
    const Identity& m_identity;
    ServerConfig m_config;
    Books m_books;
    const Clock& m_clock;
    LogSink m_log;
    RateLimit m_logLimit{5};
    uint64_t m_logSuppressed = 0;
    std::unique_ptr<net::TlsThreads> m_threads;
    std::unique_ptr<net::TlsListener> m_listener;
    boost::asio::steady_timer m_commitTimer;
    boost::asio::steady_timer m_tickTimer;
    bool m_commitScheduled = false;
    bool m_stopped = false;
    std::vector<std::function<void()>> m_effects;
    std::set<PeerPtr> m_peers;
    std::set<PeerPtr> m_peersWithAcks;
    std::unordered_map<std::string, std::vector<PeerPtr>> m_peersOf;  // connections of customers
    std::map<Party, std::vector<PaymentAckEntry>> m_paymentAcks;      // of the open group
    std::chrono::nanoseconds m_commitTook{};                          // smoothed
    std::map<Party, Link> m_links;
    std::map<std::string, EdgeState> m_edges;
    std::multimap<SessionKeyId, Waiter> m_awaitInstall;
    std::multimap<SessionKeyId, Waiter> m_awaitRemoval;
    std::vector<IspId> m_blacklist;
    std::map<std::pair<Subject, IspId>, AccountingHeader> m_lastPath;
    std::map<IspId, Confirmation> m_lastSample;          // by the beneficiary, unsigned
    std::map<uint32_t, Investigation> m_investigations;  // at most one: a router counts from 0 with each order
    std::deque<std::pair<PathIsps, int64_t>> m_waitingPaths;
    uint32_t m_lastInvestigation = 0;
    RateLimit m_complaints{5};  // of neighbours
    SteadyTime m_started{};
    RateLimit m_forgeries{5};    // alarms
    std::set<IspId> m_suspects;  // neighbours whose confirmations are all checked
    BatchReach m_reach;
    RootCheck m_rootCheck;
    std::vector<Unsealed> m_unsealed;  // of the open group
    size_t m_toSign = 0;               // of those, for us
    std::unique_ptr<PaymentDesk> m_desk;
    PaymentRoutes m_routes;
    std::map<NodeId, std::string> m_payees;         // customers by their identifier
    std::unordered_map<NodeId, Party> m_elsewhere;  // … and those of siblings
    boost::asio::steady_timer m_expiryTimer;
    SystemTime m_expiryArmed = SystemTime::max();  // what the timer waits for
    Watch m_watch;
    std::map<std::string, Watch> m_delegatedWatch;  // by customer
    std::map<std::string, Part> m_takingPart;       // by customer
    std::set<std::string> m_withdrawn;              // customers that confirmed too little
    // … and what it has confirmed beyond what the routers have reported.
    std::map<std::string, std::unordered_set<ConfirmationId, ConfirmationIdHash>> m_heldDelegated;
    std::unique_ptr<AccountingClient> m_provider;
    bool m_providerJoined = false;
    std::optional<Invoice> m_providerInvoice;
    uint64_t m_alarmsLogged = 0;
    uint64_t m_ticks = 0;
    bool m_morePruning = false;
    SteadyTime m_keepLogUntil{};
    struct {
        uint64_t duplicates = 0;
        uint64_t refused = 0;
        uint64_t commits = 0;
        uint64_t turnedAway = 0;
    } m_count;
};

}  // namespace netpas::accounting
