// Sells better service for packets that come from this machine, or from a host that it forwards for, to whoever pays (NetPaS §3.1.3;
// REVERSE.md): paid in advance in small slices, spent through an ordinary purchase that never gets keys for more than was paid, and what is
// left goes back. One control thread.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/secretary/payment_service.h"
#include "app/secretary/purchase_service.h"
#include "app/secretary/state.h"
#include "core/store/documents.h"

namespace netpas::secretaryd {

// 128 random bits in hex: whoever knows it may ask about the order and end it.
using ReverseOrderId = std::string;

struct ReverseSettings {
    size_t mostOrders = 256;
    size_t mostOfAddress = 16;
    std::chrono::seconds unpaid{120};  // an order waits so long for its first payment: somebody looks at a price
    std::chrono::seconds silence{15};  // nobody asks about it: nobody is there any more
    int fewestPackets = 16;            // the smallest slice pays for so many full packets
};

// Where unspent money goes.
struct Refund {
    NodeId payee;
    IspId isp;
    friend bool operator==(const Refund&, const Refund&) = default;
};

struct ReverseWish {
    BuyOrder order;  // its flow as it leaves the sender; cap: the most that will be paid
    std::optional<Refund> refund;
};

// What the buyer is told.
struct ReverseOffer {
    ReverseOrderId order;
    NodeId payee;
    IspId isp;                // the payee's
    std::string description;  // payments carry its hash, under this salt
    payments::DescriptionSalt salt{};
    cartographer::Quote quote;
    Money pricePerPacket;  // full-sized
    Money smallest;        // slice
    std::chrono::seconds expires{};
};

struct ReverseStanding {
    enum class State : uint8_t { Unpaid, Running, Stopping, Ended };
    State state = State::Unpaid;
    Money paid;
    ledger::Usage usage;  // its amount is what was spent so far
    std::string trouble;
    std::optional<Money> refunded;  // once it is known
};

class ReverseSales {
public:
    struct Ports {
        PurchaseService& purchases;
        PaymentService& payments;
        PaymentIsp& isp;
        Quotes& quotes;
        store::Documents& documents;
        Timers& timers;
        const Clock& clock;
        LogSink log;
        NodeId payee;  // of this endpoint
        std::function<std::optional<IspId>()> homeIsp;
        std::function<bool()> receives;  // whether payments reach this endpoint
        Money mostForOne;                // a purchase's hard limit
    };
    using OfferDone = std::function<void(tl::expected<ReverseOffer, ApiFailure>)>;

    // Reads what an earlier run left open: it is paid back. The failure is for people.
    [[nodiscard]] static tl::expected<std::unique_ptr<ReverseSales>, std::string> open(Ports ports,
                                                                                       ReverseSettings settings);
    ~ReverseSales();
    ReverseSales(const ReverseSales&) = delete;
    ReverseSales& operator=(const ReverseSales&) = delete;

    void offer(const ReverseWish& wish, OfferDone done);
    // Also a sign of life of the buyer.
    [[nodiscard]] std::optional<ReverseStanding> find(const ReverseOrderId& id);
    // False: there is no such order.
    bool stop(const ReverseOrderId& id);
    void stopAll();
    // Call after PurchaseService::recover() and before the agent is there: what an earlier run served is ended. It was paid for by others, and
    // how much of it, only the orders know.
    void recovered();
    // A payment to this endpoint that its ISP owes now; called in the transaction that records it.
    [[nodiscard]] tl::expected<void, ledger::LedgerError> received(const payments::Payment& payment);
    // The end of that transaction; false: it was undone.
    void written(bool done);
    // Of any purchase.
    void settled(PurchaseId id);

private:
    struct Order {
        ReverseWish wish;
        std::string address;  // of the buyer
        payments::DescriptionHash hash{};
        Money paid;
        Money arriving;  // in a transaction that is not written yet
        std::optional<PurchaseId> purchase;
        ReverseStanding::State state = ReverseStanding::State::Unpaid;
        ledger::Usage usage;  // the last that is known
        std::string trouble;
        Money returned;   // paid back, with what is being
        Money returning;  // durable before it is paid, and paid under the number below, once
        uint64_t refunds = 0;
        std::optional<Money> refunded;
        SteadyTime heard{};
        SteadyTime since{};  // in this state, or tried to pay back
    };

    ReverseSales(Ports ports, ReverseSettings settings);
    template <typename Function>
    auto whileAlive(Function function);
    [[nodiscard]] tl::expected<void, std::string> load();
    [[nodiscard]] bool keep(const ReverseOrderId& id, const Order& order);
    [[nodiscard]] Money chargedTo(const Order& order) const;
    void quoted(const ReverseWish& wish, const tl::expected<cartographer::Quote, QuoteFailure>& quote,
                const OfferDone& done);
    void serve(const ReverseOrderId& id);
    void bought(const ReverseOrderId& id, const tl::expected<PurchaseView, BuyRefusal>& result);
    void end(const ReverseOrderId& id);
    void payBack(const ReverseOrderId& id);
    void paidBack(const ReverseOrderId& id, Money amount);
    void notPaidBack(const ReverseOrderId& id);
    void look();
    [[nodiscard]] ReverseStanding standing(const Order& order) const;

    Ports m_ports;
    ReverseSettings m_settings;
    std::map<ReverseOrderId, Order> m_orders;
    Timers::Id m_look = 0;
    std::shared_ptr<bool> m_alive;
};

}  // namespace netpas::secretaryd
