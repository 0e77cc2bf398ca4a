// The life of every purchase, from the request to the settlement (NetPaS §5.3; core/ledger/types.h has its states).
// Each step is durable in the ledger before anybody can see it. Whatever fails on the way, the flow goes back to best
// effort and the reservation is settled. One control thread owns this and everything it calls.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/secretary/ports.h"
#include "core/clock.h"
#include "core/ledger/ledger.h"
#include "secretary/budget.h"

namespace netpas::secretaryd {

struct PurchaseSettings {
    std::chrono::milliseconds harvestEvery{50};
    std::chrono::milliseconds commitEvery{250};
    // Between the last diverted packet and the revocation: what is queued on the way to the edge router still arrives.
    std::chrono::milliseconds drainGrace{500};
    std::chrono::milliseconds retryFirst{500};
    std::chrono::milliseconds retryLongest{30'000};
    std::chrono::hours keyLifetime{24};  // of a purchase without a duration
    std::chrono::minutes keyMargin{5};   // beyond the duration
    secretary::HardLimits limits;
};

struct BuyOrder {
    ledger::NewPurchase purchase;
    cartographer::QuoteRequest what;
};

struct BuyRefusal {
    enum class Kind {
        NotJoined,
        NoOffer,  // no path, no such class
        Invalid,  // the request makes no sense
        OverBudget,
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
};

struct PurchaseView {
    ledger::Purchase book;                     // as it is durable, with the live counters
    std::optional<cartographer::Quote> quote;  // not known of purchases of an earlier run
    bool waitingForIsp = false;                // its final statement is being asked for
    std::string trouble;                       // why packets go unpaid or the settlement waits; may be empty
};

class PurchaseService {
public:
    struct Ports {
        ledger::Ledger& ledger;
        Quotes& quotes;
        KeyMint& mint;
        FirstIsp& isp;
        Plane& plane;
        Diversion& diversion;
        Timers& timers;
        const Clock& clock;
        LogSink log;
    };
    using BuyDone = std::function<void(tl::expected<PurchaseView, BuyRefusal>)>;

    PurchaseService(Ports ports, PurchaseSettings settings);
    ~PurchaseService();
    PurchaseService(const PurchaseService&) = delete;
    PurchaseService& operator=(const PurchaseService&) = delete;

    // Call once, before anything else: takes up what an earlier run left open.
    [[nodiscard]] tl::expected<void, ledger::LedgerError> recover();

    // `done` is called once: when the purchase is active, or has ended before it came so far. May be called at once.
    void buy(const BuyOrder& order, BuyDone done);
    // False: there is no such open purchase. A purchase that is ending already stays as it is.
    bool stop(PurchaseId id, ledger::EndReason reason);
    void stopAll(ledger::EndReason reason);
    // Nothing is left to settle.
    [[nodiscard]] bool idle() const { return m_open.empty(); }
    // Called whenever a purchase has reached a final state.
    void onSettled(std::function<void(PurchaseId)> listener) { m_settled = std::move(listener); }

    [[nodiscard]] std::vector<PurchaseView> open() const;
    [[nodiscard]] std::optional<PurchaseView> find(PurchaseId id) const;
    // The ledger refused a write: nothing is bought until the agent is started again.
    [[nodiscard]] bool broken() const { return m_broken; }

private:
    struct Entry;

    template <typename Function>
    auto whileAlive(Function function);
    Entry* entry(PurchaseId id);
    [[nodiscard]] bool flowIsTaken(const FlowMatch& flow) const;
    [[nodiscard]] PurchaseView view(const Entry& entry) const;

    void onQuote(PurchaseId id, tl::expected<cartographer::Quote, QuoteFailure> quote);
    bool reserve(Entry& entry, const cartographer::Quote& quote, const std::string& rule);
    void onRegistered(PurchaseId id, const tl::expected<void, IspFailure>& answer);
    void activate(Entry& entry);
    void beginStop(Entry& entry, ledger::EndReason reason, const std::string& note);
    void finishStop(PurchaseId id);
    void revoke(PurchaseId id);
    void onRevoked(PurchaseId id, const tl::expected<std::optional<FinalUsage>, IspFailure>& answer);
    void settle(Entry& entry, const std::optional<FinalUsage>& statement);
    void retryLater(Entry& entry, const std::string& why);
    void refuse(Entry& entry, BuyRefusal::Kind kind, ledger::EndReason reason, const std::string& message,
                const std::string& hint);
    void answer(Entry& entry, tl::expected<PurchaseView, BuyRefusal> what);
    void close(PurchaseId id);

    [[nodiscard]] tl::expected<void, std::string> applyPlane();
    [[nodiscard]] tl::expected<void, std::string> applyDiversion();
    bool advance(Entry& entry, ledger::PurchaseState to, ledger::EndReason reason, const std::string& note);
    void armTick();
    void tick();
    void take(const PlaneCounters& counters);
    bool commitUsage();
    void storageFailed(ledger::LedgerError error);

    Ports m_ports;
    PurchaseSettings m_settings;
    std::map<uint64_t, Entry> m_open;
    std::function<void(PurchaseId)> m_settled;
    std::shared_ptr<bool> m_alive;
    Timers::Id m_tick = 0;
    SteadyTime m_lastCommit{};
    bool m_broken = false;
};

}  // namespace netpas::secretaryd
