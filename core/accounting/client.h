// Clients of an accounting server, asynchronous over Asio: one for customers, one for edge routers.
// One thread: the one that runs the io_context; callbacks come there and never from inside a call.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <variant>

#include <tl/expected.hpp>

#include "core/accounting/messages.h"
#include "core/crypto/identity.h"
#include "core/net/net_error.h"
#include "core/net/tls_link.h"
#include "core/net_address.h"

namespace boost::asio {
class io_context;
}

namespace netpas::accounting {

struct ServerAddress {
    Endpoint endpoint;
    PublicKey key;
};

enum class ClientError {
    Refused,   // the server said no; see ClientFailure::refusal
    TimedOut,  // no answer within the time; it may have been done: ask again, requests may be repeated
    Stopped,
    BadAnswer,  // the server's signature or contents are wrong
    Busy,       // too many requests wait already
};
[[nodiscard]] std::string_view describe(ClientError error);

struct ClientFailure {
    ClientError error{};
    Refusal refusal{};   // with ClientError::Refused
    std::string remedy;  // for people, may be empty
};

// A customer's side. Requests wait while there is no connection, are sent again after a lost one, and all of them may be
// repeated: the answer is the same and nothing happens twice.
class AccountingClient {
public:
    template <typename T>
    using Done = std::function<void(tl::expected<T, ClientFailure>)>;

    struct Handlers {
        std::function<void()> onUp;
        std::function<void(net::NetError)> onDown;
        // A payment to this endpoint: make it durable, then answer with confirmPayment(), or with refusePayment(). The
        // same one may come again.
        std::function<void(const payments::Payment&)> onPayment;
        // The ISP has (not) taken a confirmation or a cancellation.
        std::function<void(const PaymentAckEntry&)> onPaymentTaken;
        // The payer has proved that a confirmation was badly signed: nothing is owed.
        std::function<void(const payments::PaymentId&)> onPaymentCancelled;
        // What the ISP makes of a confirmation of a delivery.
        std::function<void(const AckEntry&)> onDeliveryTaken;
        // The ISP confirms again what it delivers here.
        std::function<void()> onPartEnded;
    };

    // `identity` must outlive the client. `connector`: how to reach the server; empty: TCP.
    AccountingClient(boost::asio::io_context& io, const Identity& identity, ServerAddress server,
                     Handlers handlers = {}, net::Connector connector = {});
    ~AccountingClient();
    AccountingClient(const AccountingClient&) = delete;
    AccountingClient& operator=(const AccountingClient&) = delete;

    void start();
    void stop();  // waiting requests end with Stopped
    [[nodiscard]] bool isUp() const;

    // Enrols this identity for the customer whose prefixes the connection comes from.
    void join(Done<Joined> done, std::chrono::milliseconds timeout = std::chrono::seconds(10));
    // Answers once the edge router has the key. Signs with the identity.
    void registerKey(const SessionKey& key, Done<KeyReady> done,
                     std::chrono::milliseconds timeout = std::chrono::seconds(10));
    // The key is gone from the edge router; the statement is final and its signature checked.
    void revokeKey(SessionKeyId key, Done<UsageStatement> done,
                   std::chrono::milliseconds timeout = std::chrono::seconds(20));
    void queryUsage(SessionKeyId key, Done<UsageStatement> done,
                    std::chrono::milliseconds timeout = std::chrono::seconds(10));
    void queryInvoice(Done<Invoice> done, std::chrono::milliseconds timeout = std::chrono::seconds(10));

    // Fees that would carry that amount to an endpoint of that ISP, the own ISP's first; empty: no way.
    void findRoute(IspId isp, Money amount, Done<RouteFound> done,
                   std::chrono::milliseconds timeout = std::chrono::seconds(10));
    // Ends with the payee's confirmation, not checked here, or with what was refused and where. Ends with TimedOut when
    // nothing is known some time after the expiry: ask queryPayment().
    using PaymentOutcome = std::variant<payments::PaymentConfirmation, PaymentRefused>;
    void pay(const payments::SignedOrder& order, Done<PaymentOutcome> done);
    // Signed by the ISP, and checked.
    void queryPayment(const payments::PaymentId& id, Done<PaymentStatement> done,
                      std::chrono::milliseconds timeout = std::chrono::seconds(10));
    // The confirmation's signature is wrong. Ends with what the ISP says to that.
    void cancelPayment(const payments::PaymentId& id, const PublicKey& payee, Done<PaymentAckEntry> done,
                       std::chrono::milliseconds timeout = std::chrono::seconds(10));
    // Offers payments to this endpoint, now and after every reconnect. Ends with why not, if so.
    void setReceiving(bool on, Done<ReceivingSet> done, std::chrono::milliseconds timeout = std::chrono::seconds(10));
    void confirmPayment(const payments::PaymentConfirmation& confirmation);
    void refusePayment(const payments::PaymentId& id, std::string why);
    // Packets to these addresses shall arrive there with their headers, and be confirmed here; without addresses not any
    // more. Ends with the connection: ask again with onUp.
    void takePart(const Endpoint& deliver, std::vector<IpAddress> addresses, Done<PartTaken> done,
                  std::chrono::milliseconds timeout = std::chrono::seconds(10));
    // Lost without a connection (DeliveryConfirmer keeps it).
    void confirmDelivery(const Confirmation& confirmation);

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

// An edge router's side.
class EdgeAccountingClient {
public:
    struct Handlers {
        // Answer with keyInstalled() once the data plane uses the key. Comes again after a reconnect: a key that is
        // there already keeps its counters, takes `cap` as what is left now, and is answered again.
        std::function<void(const InstallKey&)> onInstall;
        // Answer with keyRemoved() once no packet can use the key any more. May come again, also after the answer:
        // the same final counters of this incarnation must be given, so keep those of removed keys.
        std::function<void(SessionKeyId)> onRemove;
        std::function<void(const std::vector<IspId>&)> onBlacklist;
        // Everything up to this report is durable at the server.
        std::function<void(uint32_t sequence)> onReportStored;
        std::function<void()> onUp;
        std::function<void(net::NetError)> onDown;
        // These paths are to be counted exactly and no others; answer now and then with countedPaths().
        std::function<void(const std::vector<CountPaths::Path>&)> onCountPaths{};
        // Who confirms by himself what is delivered to him: all of them.
        std::function<void(const SetDeliveries&)> onDeliveries{};
    };

    EdgeAccountingClient(boost::asio::io_context& io, const Identity& identity, ServerAddress server, EdgeHello hello,
                         Handlers handlers);
    ~EdgeAccountingClient();
    EdgeAccountingClient(const EdgeAccountingClient&) = delete;
    EdgeAccountingClient& operator=(const EdgeAccountingClient&) = delete;

    void start();
    void stop();
    [[nodiscard]] bool isUp() const;  // connected and welcomed

    // Numbers the report and sends it; while there is no connection it is dropped, because the next one says more.
    // Returns the number, 0 when dropped. Splits nothing: keep to maxReportKeys and so on.
    uint32_t report(EdgeReport report);
    // Kept and sent again until the server has it. False when too many wait (then this sample is lost, and counted).
    [[nodiscard]] bool sample(EdgeSample sample);
    [[nodiscard]] size_t samplesWaiting() const;
    [[nodiscard]] uint64_t samplesLost() const;
    void countedPaths(const PathCounts& counts);  // lost without a connection: the next ones say more
    void keyInstalled(SessionKeyId key);
    void keyRemoved(const KeyCounters& counters);

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::accounting
