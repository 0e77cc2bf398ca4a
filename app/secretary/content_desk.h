// Content that web servers sell with status 402 (core/x402): turns an offer into the proof of having paid, once. An order is durable
// before anything is paid and kept until its content has come, so that whoever asks for the same again, after whatever broke, is
// given the same proof and pays nothing again. One control thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/secretary/payment_service.h"
#include "core/store/documents.h"
#include "core/x402/proof.h"

namespace netpas::secretary::contacts {
class ContactBook;
}
namespace netpas::secretary::payees {
class PayeeBook;
}

namespace netpas::secretaryd {

struct ContentLimits {
    size_t mostOrders = 4096;
    size_t mostOfOne = 1024;                     // of one user on one node
    std::chrono::hours keepDelivered{24};        // the same order asked for again is not paid again
    std::chrono::hours keepUndelivered{24 * 7};  // then a new request is a new order
};

// Who asked for it, and under which word: the same order is found by these.
struct ContentAsker {
    uint32_t uid = 0;
    std::string node;
    friend bool operator==(const ContentAsker&, const ContentAsker&) = default;
};

struct ContentOrder {
    std::string id;
    ContentAsker asker;
    std::string key;       // the asker's own word; empty: the URL is
    std::string url;       // as it was asked for
    std::string resource;  // as the seller names it
    std::string description;
    x402::Version version = x402::Version::Two;
    x402::Terms terms;
    std::string purpose;
    uint32_t attempt = 1;  // of paying; another one only when nothing was charged for the one before
    SystemTime payBefore;
    SystemTime created;
    std::optional<SystemTime> delivered;
};

struct ContentWish {
    ContentAsker asker;
    std::string key;
    std::string url;
    std::optional<x402::Offer> offer;  // nothing: only what was asked for before
    std::optional<Money> maxPrice;     // fees included
    std::string purpose;               // empty: as the seller claims
    std::string certificate;           // of the payee, PEM; empty: one that is known must do
    std::string app;
    uint32_t process = 0;
    bool byPerson = false;
    bool attended = false;  // as in BuyOrder
};

struct ContentView {
    ContentOrder order;
    std::optional<PaymentView> payment;  // nothing: not begun
    std::optional<x402::Proof> proof;
};

struct ContentRefusal {
    unsigned status = 409;
    std::string code;
    std::string message;
    std::string hint;
};

class ContentDesk {
public:
    struct Ports {
        ledger::Ledger& ledger;
        PaymentService& payments;
        store::Documents& documents;
        const secretary::contacts::ContactBook& contacts;
        secretary::payees::PayeeBook& payees;
        const Clock& clock;
        LogSink log;
    };
    using Done = std::function<void(tl::expected<ContentView, ContentRefusal>)>;

    [[nodiscard]] static tl::expected<std::unique_ptr<ContentDesk>, std::string> open(Ports ports,
                                                                                      ContentLimits limits = {});
    ~ContentDesk();
    ContentDesk(const ContentDesk&) = delete;
    ContentDesk& operator=(const ContentDesk&) = delete;

    // `done` is called once: with the proof, or while a person or the ISP is waited for.
    void ask(const ContentWish& wish, Done done);
    // The content is there: the next request for the same URL is a new order.
    [[nodiscard]] tl::expected<ContentView, ContentRefusal> deliver(const std::string& id);
    // Gives an order up, paid or not: the next request is a new one.
    [[nodiscard]] tl::expected<void, ContentRefusal> forget(const std::string& id);

    [[nodiscard]] const ContentOrder* find(const std::string& id) const;
    [[nodiscard]] const ContentOrder* find(const ContentAsker& asker, const std::string& key,
                                           const std::string& url) const;
    [[nodiscard]] ContentView view(const ContentOrder& order) const;
    // Newest first; everybody's without an asker.
    [[nodiscard]] std::vector<ContentOrder> list(const std::optional<ContentAsker>& asker) const;

private:
    ContentDesk(Ports ports, ContentLimits limits);
    template <typename Function>
    auto whileAlive(Function function);
    [[nodiscard]] tl::expected<ContentOrder, ContentRefusal> orderFrom(const ContentWish& wish) const;
    [[nodiscard]] std::optional<ContentRefusal> uncertified(const ContentOrder& order, const std::string& pem);
    [[nodiscard]] bool keep(const ContentOrder& order);
    [[nodiscard]] bool makeRoom(const ContentAsker& asker);
    void pay(const ContentWish& wish, const ContentOrder& order, Done done, bool mayRenew);
    void renew(const ContentWish& wish, const ContentOrder& failed, const ContentRefusal& why, Done done);
    [[nodiscard]] std::optional<x402::Proof> proofOf(const ContentOrder& order, const ledger::Purchase& book) const;

    Ports m_ports;
    ContentLimits m_limits;
    std::map<std::string, ContentOrder> m_orders;  // by id
    std::map<std::string, size_t> m_asking;        // who wait for the payment service's answer, by the order's id
    std::shared_ptr<bool> m_alive;
};

}  // namespace netpas::secretaryd
