// What the ledger remembers of a purchase: plain data and its names in the database and in JSON.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/flow.h"
#include "core/ids.h"
#include "core/ledger/payment_types.h"
#include "core/money.h"
#include "core/price_unit.h"

namespace netpas::ledger {

// The life of a purchase. Numbers are stored: never reuse one.
enum class PurchaseState : uint8_t {
    Requested = 1,  // written down, nothing reserved
    Reserved = 2,   // the cap is a pending transfer; the key may become known to the ISP at any time from now on
    KeyReady = 3,   // the first ISP's edge router has installed the session key
    Published = 4,  // the data plane can pay for the flow
    Active = 5,     // the flow is diverted
    Stopping = 6,   // no longer diverted; our own count may still grow, or was cut short by a kill
    Settling = 7,   // our own count is complete and durable; only the ISP's final statement is missing
    Settled = 8,    // posted or voided; nothing is outstanding
    Refused = 9,    // ended before anything was reserved
};

// Why a purchase ended, or is about to. Numbers are stored: never reuse one.
enum class EndReason : uint8_t {
    None = 0,
    StoppedByUser = 1,
    CapReached = 2,
    DurationOver = 3,
    AgentStopped = 4,    // an orderly stop of the agent
    AgentRestarted = 5,  // found open when the agent started: it had been killed
    RefusedByIsp = 6,
    IspUnreachable = 7,
    PlaneFailed = 8,
    CaptureFailed = 9,
    RefusedBySecretary = 10,
    NoOffer = 11,  // no path, no such class, or no menu
    KeyExpired = 12,
    Locked = 13,     // the user locked the secretary
    Paused = 14,     // the user paused spending
    AgentLost = 15,  // the secretary no longer hears the agent
    Alarm = 16,      // the books or the key behave as they should not
    // Of micropayments.
    PaymentPosted = 17,
    PaymentExpired = 18,
    PaymentCancelled = 19,  // taken back: confirmed with a wrong signature
    PaymentRefused = 20,    // on its way to the payee, or by the payee
    NotDelivered = 21,      // what was paid for was no better than best effort, and there is nothing else for the price
};

[[nodiscard]] std::string_view describe(PurchaseState state);
[[nodiscard]] std::string_view describe(EndReason reason);
[[nodiscard]] std::optional<PurchaseState> purchaseStateFromNumber(int64_t number);
[[nodiscard]] std::optional<EndReason> endReasonFromNumber(int64_t number);

// Settled and Refused: nothing can happen to the purchase any more.
[[nodiscard]] constexpr bool isFinal(PurchaseState state) {
    return state == PurchaseState::Settled || state == PurchaseState::Refused;
}
// Money is set aside for the purchase.
[[nodiscard]] constexpr bool holdsReservation(PurchaseState state) {
    return state >= PurchaseState::Reserved && state <= PurchaseState::Settling;
}
// The order of a purchase's life; from any open state it may turn to its end.
[[nodiscard]] bool mayFollow(PurchaseState from, PurchaseState to);

struct LedgerHop {
    IspId isp;
    ServiceClass service;
    ExitPoint exit;
    std::string className;
    Money quotedPrice;  // encoded price of one full-sized packet when it was bought
    bool operator==(const LedgerHop&) const = default;
};

using netpas::PriceUnit;
// As it is stored.
[[nodiscard]] int64_t numberOf(PriceUnit unit);
[[nodiscard]] std::optional<PriceUnit> priceUnitFromNumber(int64_t number);

// On whose behalf, to whom and for what: budgets, totals and "why?" are made from it. Texts are UTF-8; empty: not known.
struct Context {
    std::string app;  // verified executable of the local peer
    std::string purpose;
    std::string payee;
    std::string contact;
    std::string group;  // of the contact
    std::string domain;
    std::string node;  // device behind this one; empty: this machine
    std::string user;  // name of the local user
    std::string quality;
    PriceUnit unit = PriceUnit::Minute;
    Money unitPrice;
    bool operator==(const Context&) const = default;
};

// Why a purchase was granted or refused.
struct Why {
    std::string rule;      // the one rule that decided
    std::string decider;   // "rule", "learning", "person", "limit", …
    std::string sentence;  // for people
    std::string runnerUp;  // the rule that would have decided otherwise
    bool operator==(const Why&) const = default;
};

// What is known when a purchase is asked for.
struct NewPurchase {
    uint32_t uid = 0;  // of the local user who asked
    FlowMatch flow;
    Money cap;           // never more than this
    Money capPerSecond;  // zero: no such cap
    std::optional<std::chrono::seconds> duration;
    std::string idempotencyKey;  // empty: none
    std::string fingerprint;     // of the request; the same key with another one is a conflict
    Context context;
    std::optional<PaymentTerms> payment;  // it is a micropayment, and has no flow
};

// Counters of one purchase; each only grows.
struct Usage {
    uint64_t packets = 0;            // paid
    uint64_t bytes = 0;              // inner bytes of paid packets
    Money amount;                    // sum of all nanopayments of paid packets
    uint64_t bestEffortPackets = 0;  // diverted, but sent unpaid
    bool operator==(const Usage&) const = default;
};

// The end of a session key: what its final statement says, or what was taken for it.
struct KeyEnd {
    Money charged;
    bool disputed = false;  // the ISP's statement was refused as too high or badly signed
    std::string note;       // for people
};

// One session key: it may spend a slice of the purchase's cap.
struct KeySlice {
    SessionKeyId key;
    Money cap;
    SystemTime openedAt;
    Usage usage;  // as counted here
    std::optional<KeyEnd> end;
    SystemTime endedAt;
};

struct Purchase {
    PurchaseId id;
    NewPurchase request;
    std::vector<LedgerHop> path;      // empty until reserved
    std::vector<KeySlice> keys;       // in the order in which they were opened
    std::optional<SessionKeyId> key;  // the newest of them
    std::string decidedBy;            // the one rule that decided
    std::optional<Why> why;           // not known of purchases of the first release
    PurchaseState state = PurchaseState::Requested;
    EndReason reason = EndReason::None;
    std::string note;  // for people, in addition to the reason
    Usage usage;
    std::optional<Money> charged;  // once settled
    bool expired = false;          // its time ran out with nothing charged
    bool disputed = false;         // one of its statements was
    std::string label;             // the user's own, newest
    std::optional<PaymentBook> payment;
    SystemTime requestedAt;
    SystemTime changedAt;
};

// A signed statement of the ISP, kept as it came; or what was observed here while it was paid for.
struct Evidence {
    std::string kind;                // "final-usage"; "way": JSON, another way or other prices
    std::vector<uint8_t> message;    // exactly the signed bytes
    std::vector<uint8_t> signature;  // empty: our own observation
    bool accepted = false;
};
struct KeptEvidence {
    Evidence evidence;
    SystemTime at;
};

struct Settlement {
    Money charged;
    bool disputed = false;
    EndReason reason = EndReason::None;  // only used when none was written before
    std::string note;
    std::optional<Evidence> evidence;
};

// A purchase that money is set aside for now.
struct Reservation {
    PurchaseId id;
    uint32_t uid = 0;
    Context context;
    std::string rule;  // that decided
    Money amount;      // set aside: the cap
    Money charged;     // of keys that have ended
    SystemTime since;
};

// A purchase that was paid for.
struct Posting {
    PurchaseId id;
    uint32_t uid = 0;
    Context context;
    std::string rule;  // that decided
    Money amount;
    SystemTime at;
};

struct HistoryFilter {
    std::optional<uint32_t> uid;
    std::optional<std::string> node;
    std::optional<SystemTime> since;  // requested at or after
    std::optional<SystemTime> until;  // requested before
    std::optional<std::string> app;
    std::optional<std::string> payee;
    bool paymentsOnly = false;         // micropayments
    std::string text;                  // somewhere in context, flow, note or label
    std::optional<PurchaseId> before;  // older than this one: the next page
    uint32_t limit = 100;
};

enum class TotalsBy : uint8_t { App, Payee, Purpose, Group, Domain, Node, User, Day, Month };

struct Total {
    std::string name;  // a day is 2031-01-31, a month 2031-01, both UTC
    Money amount;      // posted
    uint64_t purchases = 0;
};

// Both sides of an account as sums that only grow (double entry). What is set aside now is pending less resolved.
struct Balance {
    Money debitsPending, debitsResolved, debitsPosted;
    Money creditsPending, creditsResolved, creditsPosted;
    bool operator==(const Balance&) const = default;
};

}  // namespace netpas::ledger
