// Buys better service for packets that come here (NetPaS §3.1.3; REVERSE.md): finds who sells it, has it decided like any purchase, and pays
// for it in small slices, ahead of what is spent, for as long as it is delivered. One control thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/secretary/payment_service.h"
#include "app/secretary/purchase_service.h"
#include "app/secretary/reverse_quotes.h"
#include "core/ledger/ledger.h"

namespace netpas::secretaryd {

struct ReversePurchaseSettings {
    std::chrono::milliseconds askEvery{1000};
    // What is paid ahead: what so many seconds cost, and not less than the seller's smallest slice. The next one is due at half of
    // it, because what sellers say comes over the way that is to be mended.
    std::chrono::seconds sliceFor{8};
    std::chrono::milliseconds payEvery{250};
    std::chrono::seconds silence{6};  // of the seller; nothing more is paid then
    int failuresToEnd = 5;            // of asking the seller
    // Judged over so long: the seller charges for packets, and less than this part of their bytes has come.
    std::chrono::seconds judgeOver{4};
    int leastDeliveredPercent = 50;
    size_t mostOpen = 64;
};

class ReversePurchases {
public:
    struct Ports {
        ledger::Ledger& ledger;
        Sellers& sellers;
        PaymentService& payments;
        Authority& authority;
        Timers& timers;
        const Clock& clock;
        LogSink log;
        std::function<std::optional<Refund>()> refund;  // where this endpoint receives payments; nothing: it does not
    };
    using BuyDone = PurchaseService::BuyDone;

    ReversePurchases(Ports ports, ReversePurchaseSettings settings);
    ~ReversePurchases();
    ReversePurchases(const ReversePurchases&) = delete;
    ReversePurchases& operator=(const ReversePurchases&) = delete;

    // Orders at sellers to buy from: BuyOrder::prepared.
    [[nodiscard]] ReverseQuotes& quotes() { return m_quotes; }
    // `done` is called once: when the first slice is paid, a person is asked, or nothing comes of it.
    void buy(const ReverseBuyOrder& order, BuyDone done);
    // False: there is no such open purchase.
    bool stop(PurchaseId id, ledger::EndReason reason);
    void stopAll(ledger::EndReason reason);
    [[nodiscard]] std::vector<PurchaseView> open() const;
    // Also those that have just ended.
    [[nodiscard]] std::optional<PurchaseView> find(PurchaseId id) const;
    [[nodiscard]] bool idle() const;
    void onSettled(std::function<void(PurchaseId)> listener) { m_settled = std::move(listener); }

private:
    struct Entry;
    template <typename Function>
    auto whileAlive(Function function);
    Entry* entry(PurchaseId id);
    [[nodiscard]] PurchaseView view(const Entry& entry) const;
    void onQuote(PurchaseId id, tl::expected<ReverseQuote, BuyRefusal> quote);
    void onVerdict(PurchaseId id, const Verdict& verdict);
    void payAhead(PurchaseId id);
    void onPaid(PurchaseId id, const tl::expected<PaymentView, PayRefusal>& result);
    void payOn(PurchaseId id);
    [[nodiscard]] Money spentByNow(const Entry& entry) const;
    [[nodiscard]] Money grantedByNow(const Entry& entry) const;
    void arm(PurchaseId id);
    void ask(PurchaseId id);
    void onStanding(PurchaseId id, const SellerReply& reply);
    [[nodiscard]] std::optional<std::string> undelivered(Entry& entry, const SellerReply& reply);
    void beginStop(Entry& entry, ledger::EndReason reason, const std::string& note);
    void askForEnd(PurchaseId id);
    void settle(Entry& entry);
    void refuse(Entry& entry, BuyRefusal refusal, ledger::EndReason reason, const std::optional<ledger::Why>& why = {});
    void answer(Entry& entry, tl::expected<PurchaseView, BuyRefusal> what);

    Ports m_ports;
    ReversePurchaseSettings m_settings;
    ReverseQuotes m_quotes;
    std::map<uint64_t, Entry> m_open;  // and, for a while, what has ended
    std::function<void(PurchaseId)> m_settled;
    std::shared_ptr<bool> m_alive;
};

}  // namespace netpas::secretaryd
