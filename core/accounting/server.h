// The accounting server of an ISP (NetPaS §5.2): customers and their session keys, edge routers and their counters,
// confirmations with the neighbours, and the comparison of both. See PROTOCOL.md.
// One thread: the one that runs the io_context. What is made visible to others is durable first.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/accounting/books.h"
#include "core/accounting/enterprise.h"
#include "core/accounting/payment_desk.h"
#include "core/accounting/watch.h"
#include "core/clock.h"
#include "core/crypto/identity.h"
#include "core/net/net_error.h"
#include "core/net_address.h"

namespace boost::asio {
class io_context;
}

namespace netpas::accounting {

struct EdgeConfig {
    std::string router;
    PublicKey key;
};

struct NeighbourConfig {
    IspId isp;
    std::string name;
    Endpoint server;
    PublicKey key;
    Money credit;  // of its micropayments that are not settled yet
    // The places where this server's routers meet that ISP: numbers that both use. Empty: all.
    std::vector<ExitPoint> exits{};
};

// Another accounting server of the same ISP (NetPaS Figure 6), and what it answers for.
struct SiblingConfig {
    std::string name;
    Endpoint server;
    PublicKey key;
    std::vector<PlacesWithIsp> places;
};

struct CustomerConfig {
    std::string name;
    std::vector<IpPrefix> prefixes;
    std::string router;             // the edge that serves it; empty: the first that does not say otherwise
    Money capLimit = Money::max();  // of one session key
    size_t maxKeys = 256;           // not yet final
    PaymentAccount payments;
    std::optional<Delegation> delegation;
    // A line for strangers: everybody who joins from it has an account of its own (visitors.h), and pays before (NetPaS §3.1.4).
    bool visitors = false;
    size_t maxVisitors = 1000;  // accounts at once
};

// A key whose signatures for that ISP are good; an ISP with several servers has several.
struct KnownSigner {
    IspId isp;
    PublicKey key;
};

struct ServerConfig {
    IspId isp;
    std::string name;
    Money threshold;  // T: what an edge's sample stands for
    std::vector<EdgeConfig> edges;
    std::vector<NeighbourConfig> neighbours;  // one for each of their servers that this one speaks with
    std::vector<SiblingConfig> siblings;
    // An enterprise's server: `isp` is its ISP's, and its hosts are the customers.
    std::optional<ProviderConfig> provider;
    std::vector<CustomerConfig> customers;
    std::vector<KnownSigner> signers;
    FeeModel paymentFee;
    Money smallestPayment = Money::fromEighths(1);
    // What a payee's certificates prove, from its ISP's repository; empty: nobody is certified. Answers later.
    std::function<void(const NodeId& payee, IspId isp, PaymentDesk::Certified done)> certify;
    FreezeTerms freeze;
    WatchOptions watch;
    // Of what a neighbour passes on, this share of the signatures is checked, drawn at random, and all of them once one was
    // wrong or its sums were (NetPaS §4.3.3): a forger gets T / share before the first is found, on average. A message with
    // shared signatures counts as one. Confirmations of our own service are always checked.
    double signatureShare = 1;
    bool batchSignatures = true;  // with neighbours that take them: one signature for all confirmations of a group
    std::chrono::seconds confirmationLifetime{3600};    // every ISP on the way back to the source gets a second more
    std::chrono::seconds keyLifetime{31L * 24 * 3600};  // a session key may not expire later than that
    std::chrono::milliseconds expiryGrace{5000};        // then the final counters of an expired key are fetched unasked
    std::chrono::hours logKept{7 * 24};
    // Connections that others make, handshakes in progress included.
    size_t maxConnections = 16384;
    size_t threads = 0;                       // that carry these; 0: the thread of the io_context does it all
    std::chrono::milliseconds groupTime{10};  // how long a commit waits for company
    std::chrono::milliseconds tick{1000};
};

// What an auditor is told besides the books themselves (core/audit).
struct AuditFacts {
    struct Counters {
        Subject subject{};
        IspId isp;
        Comparison comparison;
    };
    IspId isp;
    std::string name;
    std::vector<std::pair<Party, PublicKey>> keys;
    std::vector<Counters> counters;
    std::vector<std::pair<NodeId, UsageStatement>> statements;  // of final session keys
    SystemTime now;
    SystemTime logFrom;
};

enum class LogLevel : uint8_t { Info, Warning, Error };
using LogSink = std::function<void(LogLevel, const std::string&)>;

class AccountingServer {
public:
    // `identity` and `clock` must outlive the server.
    AccountingServer(boost::asio::io_context& io, const Identity& identity, ServerConfig config, Books books,
                     const Clock& clock, LogSink log);
    // Without stop() it ends as a crash would: the open group is lost, and nothing that anybody was told.
    ~AccountingServer();
    AccountingServer(const AccountingServer&) = delete;
    AccountingServer& operator=(const AccountingServer&) = delete;

    // Port 0 takes a free one; the answer is the port in use.
    [[nodiscard]] tl::expected<uint16_t, net::NetError> listen(const Endpoint& endpoint);
    // For neighbours and siblings whose address is not known when the configuration is read. Before start().
    void setNeighbourAddress(IspId neighbour, const Endpoint& endpoint);
    void setAddress(const Party& server, const Endpoint& endpoint);
    // Connects to the neighbours and runs the timers.
    void start();
    // Commits what is open, then ends every connection.
    void stop();

    [[nodiscard]] const Books& books() const;
    // GET /v1/books and GET /v1/invoices (PROTOCOL.md).
    [[nodiscard]] std::string booksJson() const;
    [[nodiscard]] std::string invoicesJson() const;
    // GET /v1/bills.
    [[nodiscard]] std::string billsJson() const;
    // A neighbour's signed bill against ours (POST /v1/bills/compare).
    [[nodiscard]] std::string compareJson(const Bill& theirs);
    // Durable when it returns; false when there is no such closed bill, or the books cannot be written.
    [[nodiscard]] bool settle(IspId neighbour, CycleNumber cycle, Settlement settlement);
    // For exports: everything that is not in the group yet is written first. Nothing is deleted while the log is kept,
    // ten minutes at most.
    [[nodiscard]] AuditFacts auditFacts() const;
    [[nodiscard]] std::optional<Party> upstreamOf(const Confirmation& confirmation, Role role) const;
    [[nodiscard]] Books& booksForAudit();
    void keepLog(bool keep);
    // Payees are certified anew: a list of revoked certificates has changed.
    void forgetCertified();
    // The customer may enrol another identity. False when no identity is enrolled for that name.
    [[nodiscard]] bool forgetCustomer(const std::string& name);
    // Sent to every edge router, now and whenever one connects; durable.
    void setBlacklist(std::vector<IspId> isps);
    // A frozen account neither pays nor is paid, and what is owed to it is held; durable. False for an unknown customer and
    // when the books cannot be written.
    [[nodiscard]] bool setFrozen(const std::string& customer, bool frozen, std::string reason);
    // About a payment that a customer of ours did not want; goes to the payee's ISP. False when there was no such payment.
    [[nodiscard]] bool complain(const payments::PaymentId& payment, std::string reason);
    // GET /v1/blocks.
    [[nodiscard]] std::string blocksJson() const;

private:
    class Engine;
    std::shared_ptr<Engine> m_engine;
};

}  // namespace netpas::accounting
