// Micropayments that this endpoint makes (NetPaS §2, §4.1, §5.2): from the request over the decision to the payee's signature
// or whatever else becomes of it. The money is set aside and the order durable before it is signed; what is not known after
// a lost link or a kill is asked of the ISP, and the same order is never made anew, so nothing is paid twice.
// One control thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/secretary/payment_ports.h"
#include "app/secretary/ports.h"
#include "core/clock.h"
#include "core/ledger/ledger.h"
#include "core/ledger/payment_journal.h"
#include "secretary/wallet.h"

namespace netpas::secretaryd {

struct PaymentSettings {
    // To live: a second for each ISP on the way and one more (NetPaS §5.2), but not less than this, for clocks that differ.
    std::chrono::seconds shortest{5};
    // The fees of a decision that took longer are asked for again.
    std::chrono::seconds feesValid{5};
    std::chrono::milliseconds retryFirst{300};
    std::chrono::milliseconds retryLongest{10'000};
    // An order that its ISP has not heard of so long after its expiry will not be taken any more, whose clock ever is right.
    std::chrono::seconds neverCame{6};
    // The first answer to a request; the payment goes on.
    std::chrono::milliseconds answerPatience{20'000};
    int proofAttempts = 3;  // of asking for the confirmation of what the ISP says is confirmed
    size_t mostOpen = 1024;
    size_t mostOpenOfOne = 256;  // of one user on one node
};

struct PayOrder {
    ledger::NewPurchase purchase;  // with its payment; its cap is set here
    std::optional<std::vector<payments::Fee>>
        fees;  // the user's own choice of way and fees; else the cheapest that is known
    std::optional<Money> maxFees;
    std::optional<PublicKey> payeeKey;
    std::optional<std::chrono::seconds> lifetime;
    bool byPerson = false;
    uint32_t process = 0;
    bool attended = false;  // as in BuyOrder
    // Part of a purchase that was granted already, for this reason: nobody is asked again, and what is paid is taken from what
    // was set aside for it.
    struct Granted {
        PurchaseId purchase;
        ledger::Why why;
    };
    std::optional<Granted> granted = {};
    std::optional<payments::DescriptionSalt> salt = {};  // of the description, where the payee has chosen one
    std::optional<payments::PaymentId> id = {};          // where both ends know it beforehand; used once
    std::optional<SystemTime> payBefore = {};            // what it is for is not offered any more after that
};

struct PayRefusal {
    std::string code;  // of the API
    std::string message;
    std::string hint;
    std::optional<PurchaseId> id;
};

struct PaymentView {
    ledger::Purchase book;
    std::string decision;  // waits for this decision; empty: it does not
    std::string trouble;   // why its end is not known yet; may be empty
};

class PaymentService {
public:
    struct Ports {
        ledger::Ledger& ledger;
        ledger::PaymentJournal& journal;
        const secretary::Wallet& wallet;
        PaymentIsp& isp;
        Authority& authority;
        Timers& timers;
        const Clock& clock;
        LogSink log;
        // The payee's key, where the owner's books have it.
        std::function<std::optional<PublicKey>(const NodeId&)> payeeKey;
    };
    using PayDone = std::function<void(tl::expected<PaymentView, PayRefusal>)>;

    PaymentService(Ports ports, PaymentSettings settings);
    ~PaymentService();
    PaymentService(const PaymentService&) = delete;
    PaymentService& operator=(const PaymentService&) = delete;

    // Call once, before anything else: what an earlier run left open is asked of the ISP.
    [[nodiscard]] tl::expected<void, ledger::LedgerError> recover();
    // `done` is called once: when the payment has ended, waits for a decision, or takes long.
    void pay(const PayOrder& order, PayDone done);
    // Only before it was signed; false: there is no such open payment, or it was.
    bool cancel(PurchaseId id);
    // Lock, pause, end of the process: nothing more is signed.
    void endUnsigned(ledger::EndReason reason);
    void ispUp();

    [[nodiscard]] std::vector<PaymentView> open() const;
    [[nodiscard]] std::optional<PaymentView> find(PurchaseId id) const;
    [[nodiscard]] bool idle() const { return m_open.empty() && m_asking.empty(); }
    void onSettled(std::function<void(PurchaseId)> listener) { m_settled = std::move(listener); }
    [[nodiscard]] bool broken() const { return m_broken; }

private:
    struct Waiting {
        PayDone done;
        Timers::Id patience = 0;
    };
    struct Entry {
        ledger::Purchase book;
        PayOrder wish;
        std::vector<payments::Fee> fees;
        SystemTime feesFrom;
        std::string decision;
        std::string trouble;
        ledger::Why why;
        std::optional<ledger::RecordedOrder> order;
        std::optional<payments::PaymentConfirmation> bad;  // to be cancelled
        std::map<uint64_t, Waiting> waiting;
        std::chrono::milliseconds pause{0};
        Timers::Id retry = 0;
        int proofs = 0;
        bool asking = false;  // an answer of the ISP is on its way
    };
    using Fees = tl::expected<std::vector<payments::Fee>, IspFailure>;

    template <typename Function>
    auto whileAlive(Function function);
    Entry* entry(PurchaseId id);
    [[nodiscard]] static PaymentView view(const Entry& entry);

    // Until it is signed (payment_service.cpp)
    void onFees(uint64_t token, const Fees& fees);
    void begin(PayOrder order, std::vector<payments::Fee> fees, Money total, PayDone done);
    void repeated(PurchaseId id, PayDone done);
    void onVerdict(PurchaseId id, const Verdict& verdict);
    void onNewFees(PurchaseId id, const Fees& fees);
    void promise(Entry& entry);
    void refuse(Entry& entry, PayRefusal why, ledger::EndReason reason, const std::optional<ledger::Why>& by = {});
    [[nodiscard]] bool tooManyOpen(const ledger::NewPurchase& purchase) const;
    void wait(Entry& entry, PayDone done);
    void answer(Entry& entry, const tl::expected<PaymentView, PayRefusal>& what);
    void storageFailed(ledger::LedgerError error);

    // What becomes of it (payment_outcome.cpp)
    void send(PurchaseId id);
    void onOutcome(PurchaseId id, const tl::expected<PaymentOutcome, IspFailure>& outcome);
    void onConfirmed(Entry& entry, const payments::PaymentConfirmation& confirmation);
    void onRefused(Entry& entry, const accounting::PaymentRefused& refused);
    void takeBack(PurchaseId id);
    void onTakenBack(PurchaseId id, const tl::expected<accounting::PaymentResult, IspFailure>& result);
    void ask(PurchaseId id);
    void onState(PurchaseId id, const tl::expected<SignedState, IspFailure>& said);
    void later(Entry& entry, const std::string& why);
    void settle(Entry& entry, const ledger::PaymentResult& result, const std::string& note,
                const std::optional<ledger::Evidence>& evidence);
    [[nodiscard]] static Money totalOf(const Entry& entry);

    Ports m_ports;
    PaymentSettings m_settings;
    struct Asking {
        PayOrder order;
        PayDone done;
    };
    std::map<uint64_t, Asking> m_asking;  // for the fees of what is not in the book yet
    uint64_t m_tokens = 0;
    std::map<uint64_t, Entry> m_open;
    std::function<void(PurchaseId)> m_settled;
    std::shared_ptr<bool> m_alive;
    bool m_broken = false;
};

// Callbacks of ports may come after the service is gone.
template <typename Function>
auto PaymentService::whileAlive(Function function) {
    return [alive = std::weak_ptr<bool>(m_alive), function = std::move(function)](auto&&... arguments) {
        if (!alive.expired()) function(std::forward<decltype(arguments)>(arguments)...);
    };
}

}  // namespace netpas::secretaryd
