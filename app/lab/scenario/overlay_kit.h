// Accounting servers without a network that carries packets (NetPaS §3.2): any number of real `netpas-isp accounting`
// processes in one namespace of the lab's own, each at an address of its own on the loopback interface, and customers that
// are clients inside the scenario's process. Wants the topology "overlay" brought up bare.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/lab/json.h"
#include "app/lab/lab.h"
#include "core/accounting/client.h"

namespace netpas::lab {

struct OverlayCustomerSpec {
    std::string name;
    std::string payments;  // lines of [customer.payments], such as "receive = true"
};

struct OverlayIspSpec {
    uint16_t isp = 0;
    std::string name;
    std::string fee = "0";    // dollars for each payment that it passes on, …
    uint32_t fee1024ths = 0;  // … and this share of the amount
    std::vector<uint16_t> neighbours;
    std::string credit = "1000000";  // of each neighbour
    std::vector<OverlayCustomerSpec> customers{};
    double clockShift = 0;               // seconds
    std::string more;                    // TOML for the end of the configuration: other tables
    std::string payments{};              // more lines of [payments]
    std::string database = "books.db";   // in its folder
    std::vector<std::string> wrapper{};  // a command that runs the server: its name and arguments follow
    uint16_t number = 0;                 // the ISP's, where several servers of one are told apart by `isp`; 0: that one
    std::vector<uint16_t> siblings{};    // its other servers
    bool enterprise = false;  // a customer's server: `more` has its [provider], `isp` is only the kit's name for it
};

class Overlay {
public:
    // Addresses, keys and configurations; starts nothing. Keys that are there already are kept.
    static Expected<std::unique_ptr<Overlay>> make(Lab& lab, std::vector<OverlayIspSpec> isps);
    Overlay(const Overlay&) = delete;
    Overlay& operator=(const Overlay&) = delete;

    // Starts (again) and waits until the admin socket answers.
    Expected<void> start(uint16_t isp);
    Expected<void> launch(uint16_t isp);  // without waiting
    Expected<void> awaitAnswer(uint16_t isp);
    Expected<void> startAll();
    // Until every server says that it is connected with all its neighbours.
    Expected<void> awaitConnected(std::chrono::seconds limit);
    void kill(uint16_t isp);  // SIGKILL, and reaped
    void stop(uint16_t isp);  // SIGTERM, in order
    [[nodiscard]] Process* process(uint16_t isp);

    // From its next start on `from` finds its neighbour `to` there: a relay that poses as it.
    void reachThrough(uint16_t from, uint16_t to, const Endpoint& relay);
    // An address that nobody else uses, for such a relay.
    [[nodiscard]] Endpoint relayEndpoint(uint16_t from, uint16_t to) const;

    [[nodiscard]] const std::vector<OverlayIspSpec>& isps() const { return m_isps; }
    [[nodiscard]] OverlayIspSpec& spec(uint16_t isp);  // for the next configuration
    [[nodiscard]] uint16_t number(uint16_t isp) const;
    [[nodiscard]] Endpoint endpoint(uint16_t isp) const;
    [[nodiscard]] accounting::ServerAddress server(uint16_t isp) const;
    [[nodiscard]] const PublicKey& key(uint16_t isp) const;
    [[nodiscard]] std::string identityFile(uint16_t isp) const;
    [[nodiscard]] std::string folder(uint16_t isp) const;  // books.db, database.key, config, admin socket
    [[nodiscard]] std::string socket(uint16_t isp) const;
    // From which the customer of that name may join.
    [[nodiscard]] IpAddress customerAddress(uint16_t isp, const std::string& customer) const;
    [[nodiscard]] Lab& lab() { return m_lab; }
    [[nodiscard]] const std::string& node() const { return m_node; }

    // What the server says now (GET /v1/books).
    Expected<Json> books(uint16_t isp) const;
    // A request on its admin socket; the answer's body.
    Expected<std::string> ask(uint16_t isp, const std::string& method, const std::string& target,
                              const std::string& body = {}) const;

private:
    Overlay(Lab& lab, std::vector<OverlayIspSpec> isps) : m_lab(lab), m_isps(std::move(isps)) {}
    [[nodiscard]] size_t indexOf(uint16_t isp) const;
    Expected<void> configure(uint16_t isp) const;
    [[nodiscard]] std::string program(uint16_t isp) const { return "accounting-" + std::to_string(isp); }

    Lab& m_lab;
    std::string m_node;
    std::vector<OverlayIspSpec> m_isps;
    std::map<uint16_t, PublicKey> m_keys;
    std::map<std::pair<uint16_t, uint16_t>, Endpoint> m_relays;
};

// Connects from that address, so that the accounting server knows whose it is.
[[nodiscard]] net::Connector connectorFrom(boost::asio::io_context& io, const IpAddress& own);

// An io_context with a thread of its own inside a namespace; what runs there makes its sockets there.
class OverlayThread {
public:
    static Expected<std::unique_ptr<OverlayThread>> start(const std::string& netns);
    ~OverlayThread();
    OverlayThread(const OverlayThread&) = delete;
    OverlayThread& operator=(const OverlayThread&) = delete;

    [[nodiscard]] boost::asio::io_context& io();
    // Runs `work` there and waits for it. Not from that thread.
    void run(const std::function<void()>& work);

private:
    OverlayThread();
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

// A customer with an identity of its own. Everything here may be called from the scenario's thread and waits for its
// answer; client() belongs to the OverlayThread.
class OverlayCustomer {
public:
    // What a payee does with a payment; runs on the OverlayThread. Default: confirms at once.
    using OnPayment = std::function<void(OverlayCustomer&, const payments::Payment&)>;
    OverlayCustomer(OverlayThread& thread, const Overlay& overlay, uint16_t isp, const std::string& name,
                    OnPayment onPayment = {});
    ~OverlayCustomer();
    OverlayCustomer(const OverlayCustomer&) = delete;
    OverlayCustomer& operator=(const OverlayCustomer&) = delete;

    Expected<void> join(bool receiving);
    // An order of that amount for an endpoint of that ISP, along the way that the ISP finds; retries until there is one.
    Expected<payments::SignedOrder> order(const NodeId& payee, uint16_t payeeIsp, Money amount,
                                          std::chrono::seconds limit = std::chrono::seconds(10));
    [[nodiscard]] payments::SignedOrder sign(payments::PaymentOrder order) const;
    Expected<accounting::AccountingClient::PaymentOutcome> pay(const payments::SignedOrder& order);
    Expected<accounting::PaymentStatement> query(const payments::PaymentId& id);

    [[nodiscard]] const Identity& identity() const { return m_identity; }
    [[nodiscard]] accounting::AccountingClient& client() { return *m_client; }

private:
    template <typename T>
    Expected<T> ask(const std::string& what, std::chrono::milliseconds limit,
                    const std::function<void(accounting::AccountingClient::Done<T>)>& call);

    OverlayThread& m_thread;
    std::string m_name;
    uint16_t m_isp;
    Identity m_identity;
    std::unique_ptr<accounting::AccountingClient> m_client;
};

}  // namespace netpas::lab
