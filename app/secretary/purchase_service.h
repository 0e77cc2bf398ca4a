// The life of every purchase, from the request to the settlement (NetPaS §5.3; core/ledger/types.h has its states).
// Each step is durable in the ledger before anybody can see it. A purchase is paid through a succession of session keys,
// each with a slice of its cap (DESIGN §6). Whatever fails on the way, the flow goes back to best effort and what was set
// aside is settled. One control thread owns this and everything it calls.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/secretary/ports.h"
#include "cartographer/offer_id.h"
#include "core/clock.h"
#include "core/ledger/ledger.h"

namespace netpas::secretary::delivery {
class DeliveryBook;
}

namespace netpas::secretaryd {

struct PurchaseSettings {
    std::chrono::milliseconds commitEvery{250};
    // Between the last diverted packet and the revocation: what is queued on the way to the edge router still arrives.
    std::chrono::milliseconds drainGrace{500};
    // A key that is revoked at once: how long its agent may take to say what it counted.
    std::chrono::milliseconds countPatience{2000};
    std::chrono::milliseconds retryFirst{500};
    std::chrono::milliseconds retryLongest{30'000};
    std::chrono::hours longest{24};     // of a purchase without a duration
    std::chrono::minutes keyMargin{5};  // a purchase's last key lives so much longer than the purchase
    std::chrono::minutes keyLifetime{10};
    int renewAtUsedPercent = 75;
    int renewAtAgePercent = 80;
    // A slice is the largest of: this part of the cap, what so many seconds cost, so many full packets.
    int slicesOfCap = 8;
    std::chrono::seconds sliceFor{10};
    int fewestPackets = 16;
    // Purchases at a time: of all, as many as a channel carries; of one user on one node.
    size_t mostOpen = 512;
    size_t mostOpenOfOne = 128;
    // An agent that is there says so soon how many packets left under a key.
    std::chrono::seconds drainPatience{10};
    // How often a running purchase is quoted again, so that routes and prices are followed.
    std::chrono::milliseconds followEvery{2000};
    // A way that changes more often than so many times in such a time is no way: best effort carries the flow then.
    size_t mostWays = 6;
    std::chrono::seconds waysCounted{120};
    // What is not delivered is paid for so long at most until something else is found.
    std::chrono::milliseconds replacePatience{2000};
    // Without an agent for so long, purchases end.
    std::chrono::minutes agentPatience{5};
};

struct BuyOrder {
    ledger::NewPurchase purchase;
    cartographer::QuoteRequest what;
    std::optional<cartographer::OfferId> offer{};  // exactly this, or nothing
    bool byPerson = false;                         // the owner asks in person
    uint32_t process = 0;                          // of the local peer; 0: not known
    bool attended = false;  // the asker says that a person has just acted: a question may be shown at once
    // Paid for by somebody else, who has paid this much so far (fund()): keys are not made for more, whatever the cap.
    std::optional<Money> funded = {};
    // For packets that come here; `seller`: who sells, as a URL with its key; empty: whom the far ISP's menu names.
    bool incoming = false;
    std::string seller = {};
    std::string prepared = {};  // for packets that come here: an offer of ReverseQuotes
};

struct BuyRefusal {
    enum class Kind {
        NotJoined,
        NoOffer,   // no path, no such class
        Invalid,   // the request makes no sense
        Denied,    // by the user's limits, rules or answer; see `code`
        Conflict,  // of idempotency keys, or the flow is bought already
        IspRefused,
        Unreachable,
        Local,  // data plane, capture or ledger
        Ended,  // stopped before it became active
    };
    Kind kind = Kind::Local;
    std::optional<PurchaseId> id;
    std::string message;
    std::string hint;
    std::string code;  // with Denied
};

// Of a purchase for packets that come here, which is paid by micropayments (reverse_purchases.h).
struct ReverseSide {
    Endpoint seller;
    Money charged;  // of all slices, with fees
    uint64_t slices = 0;
    std::optional<Money> refunded;  // once it is known
};

struct PurchaseView {
    ledger::Purchase book;                     // as it is durable, with the live counters
    std::optional<cartographer::Quote> quote;  // not known of purchases of an earlier run
    bool waitingForIsp = false;                // a final statement is being asked for
    std::string trouble;                       // why packets go unpaid or the settlement waits; may be empty
    std::string decision;                      // waits for this decision; empty: it does not
    std::optional<ReverseSide> reverse = {};
};

class PurchaseService {
public:
    struct Ports {
        ledger::Ledger& ledger;
        Quotes& quotes;
        KeyMint& mint;
        FirstIsp& isp;
        Flows& flows;
        Authority& authority;
        Timers& timers;
        const Clock& clock;
        LogSink log;
        // What is avoided, and where cases of what was not delivered are kept.
        secretary::delivery::DeliveryBook* deliveries = nullptr;
    };
    using BuyDone = std::function<void(tl::expected<PurchaseView, BuyRefusal>)>;

    PurchaseService(Ports ports, PurchaseSettings settings);
    ~PurchaseService();
    PurchaseService(const PurchaseService&) = delete;
    PurchaseService& operator=(const PurchaseService&) = delete;

    // Call once, before anything else: takes up what an earlier run left open. What ran then goes on, with fresh keys, if
    // the agent that comes up next still has it.
    [[nodiscard]] tl::expected<void, ledger::LedgerError> recover();

    // `done` is called once: when the purchase is active, waits for a decision (PurchaseView::decision), or has ended
    // before it came so far.
    void buy(const BuyOrder& order, BuyDone done);
    // Of a purchase that somebody else pays for: all that was paid so far; only grows.
    void fund(PurchaseId id, Money all);
    // False: there is no such open purchase. A purchase that is ending already stays as it is.
    bool stop(PurchaseId id, ledger::EndReason reason);
    void stopAll(ledger::EndReason reason);
    // Lock, pause, alarm: every session key is revoked now, whatever the agent says or does not say.
    void revokeAll(ledger::EndReason reason);
    // A key was charged for more than the agent has counted: somebody else pays with it. All keys were revoked; called
    // then, with a sentence for people.
    void onAlarm(std::function<void(const std::string&)> listener) { m_onAlarm = std::move(listener); }
    [[nodiscard]] const std::string& alarm() const { return m_alarm; }  // the last one; empty: none yet
    // Nothing is left to settle.
    [[nodiscard]] bool idle() const { return m_open.empty() && m_arrived.empty(); }
    // Called whenever a purchase has reached a final state.
    void onSettled(std::function<void(PurchaseId)> listener) { m_settled = std::move(listener); }

    // The agent's side. `held`: what it has counted and can still pay for.
    void agentUp(std::span<const FlowCounters> held);
    void agentDown();
    void countersCame(std::span<const FlowCounters> counters);
    // Something was not delivered: it is not paid for any longer than it takes to find something else, if there is anything.
    void notDelivered(const DeliveryTrouble& trouble);
    // Something is paid for: silence of the agent matters.
    [[nodiscard]] bool paying() const;

    [[nodiscard]] std::vector<PurchaseView> open() const;
    [[nodiscard]] std::optional<PurchaseView> find(PurchaseId id) const;
    // The ledger refused a write: nothing is bought until the secretary is started again.
    [[nodiscard]] bool broken() const { return m_broken; }

private:
    struct Key;
    struct Entry;
    // Was asked for since the last look.
    struct Arrival {
        BuyOrder order;
        BuyDone done;
        PurchaseId id{};
        bool fresh = false;                   // its idempotency key was not seen before, and it is open
        std::optional<BuyRefusal> refusal{};  // it is over
    };

    template <typename Function>
    auto whileAlive(Function function);
    Entry* entry(PurchaseId id);
    [[nodiscard]] bool tooManyOpen(const ledger::NewPurchase& purchase) const;
    [[nodiscard]] bool flowIsTaken(const FlowMatch& flow, const std::string& node) const;
    [[nodiscard]] static PurchaseView view(const Entry& entry);

    // Requests (purchase_arrivals.cpp)
    void takeIn();
    [[nodiscard]] tl::expected<void, ledger::LedgerError> begin(Arrival& one);
    void begunDurably(Arrival& one);
    void turnAway(ledger::EndReason reason);
    void repeated(PurchaseId id, BuyDone done);

    // Until it is active (purchase_service.cpp)
    void onQuote(PurchaseId id, tl::expected<cartographer::Quote, QuoteFailure> quote);
    void onVerdict(PurchaseId id, const Verdict& verdict);
    bool reserve(Entry& entry, const ledger::Why& why);
    void isActive(Entry& entry);
    void refuse(Entry& entry, BuyRefusal refusal, ledger::EndReason reason, const std::optional<ledger::Why>& why = {});
    void answer(Entry& entry, tl::expected<PurchaseView, BuyRefusal> what);

    // Session keys (purchase_keys.cpp)
    [[nodiscard]] Money remaining(const Entry& entry) const;
    [[nodiscard]] std::optional<Money> nextSlice(const Entry& entry) const;
    [[nodiscard]] std::optional<SessionKey> mintFor(const Entry& entry, Money cap);
    void hold(Entry& entry, const SessionKey& key);
    bool addKey(Entry& entry);
    void registerKey(PurchaseId id, const SessionKey& key);
    void onRegistered(PurchaseId id, SessionKeyId key, const tl::expected<void, IspFailure>& answer);
    void considerRenewal(Entry& entry);
    void renewLater(Entry& entry, const std::string& why);
    void armRenewal(Entry& entry);
    void drain(PurchaseId id, Key& key);
    void onDrained(PurchaseId id, SessionKeyId key, const std::optional<FlowCounters>& counters);
    void counted(Entry& entry, Key& key);
    void giveUpCounting(PurchaseId id, SessionKeyId key);
    void revoke(PurchaseId id, SessionKeyId key);
    void onRevoked(PurchaseId id, SessionKeyId key, const tl::expected<std::optional<FinalUsage>, IspFailure>& answer);
    void retryRevocation(PurchaseId id, Key& key, const std::string& why);
    void closeIfComplete(PurchaseId id, SessionKeyId key);
    void raiseAlarm(const std::string& what);

    // Routes and prices that change (purchase_follow.cpp)
    void armFollow();
    void followNext();
    [[nodiscard]] bool changesTooOften(Entry& entry) const;
    void onFollowed(PurchaseId id, tl::expected<cartographer::Quote, QuoteFailure> quote);
    [[nodiscard]] std::optional<std::string> objectionTo(const Entry& entry, const cartographer::Quote& next) const;
    bool keepWay(const Entry& entry, const std::vector<cartographer::QuotedHop>& to, const std::string& because);
    void takeWay(Entry& entry, cartographer::Quote quote, const cartographer::PacketPrice& price, Money dearest);

    // What was not delivered (purchase_delivery.cpp)
    [[nodiscard]] std::optional<uint64_t> writeCase(const Entry& entry, const std::vector<SoldClass>& suspects,
                                                    const std::string& evidence);
    void replace(Entry& entry, uint64_t number);
    void onReplacement(PurchaseId id, uint64_t number, tl::expected<cartographer::Quote, QuoteFailure> quote);
    void conclude(uint64_t number, const std::string& outcome);
    [[nodiscard]] std::vector<SoldClass> avoided(const cartographer::QuoteRequest& what) const;

    // The end (purchase_service.cpp)
    void beginStop(Entry& entry, ledger::EndReason reason, const std::string& note, bool now = false);
    void settleIfDone(PurchaseId id);
    void close(PurchaseId id);

    // The agent (purchase_agent.cpp)
    void reconcile(PurchaseId id, std::span<const FlowCounters> held);
    void awaitAgent();
    static Key* keyInUse(Entry& entry);
    void push();
    void onSet(const tl::expected<void, FlowsFailure>& result);
    [[nodiscard]] bool setApplied(Entry& entry);
    void paysFor(const std::vector<PurchaseId>& ids);
    void setFailed(Entry& entry, const FlowsFailure& failure);
    void resume(Entry& entry);
    void onResumeQuote(PurchaseId id, tl::expected<cartographer::Quote, QuoteFailure> quote);
    void take(const FlowCounters& counters);
    void armCommit();
    bool commitUsage();

    [[nodiscard]] bool together(const std::function<bool()>& changes);
    bool advance(Entry& entry, ledger::PurchaseState to, ledger::EndReason reason, const std::string& note);
    void storageFailed(ledger::LedgerError error);

    Ports m_ports;
    PurchaseSettings m_settings;
    std::map<uint64_t, Entry> m_open;
    std::vector<Arrival> m_arrived;
    Timers::Id m_arrivals = 0;
    std::function<void(PurchaseId)> m_settled;
    std::function<void(const std::string&)> m_onAlarm;
    std::string m_alarm;
    std::shared_ptr<bool> m_alive;
    Timers::Id m_commit = 0;
    Timers::Id m_patience = 0;  // with a lost agent
    Timers::Id m_follow = 0;
    uint64_t m_followed = 0;  // the purchase that was quoted again last
    bool m_agentUp = false;
    bool m_setting = false;  // a set is on its way
    bool m_stale = false;    // … and another one is wanted
    bool m_broken = false;
};

}  // namespace netpas::secretaryd
