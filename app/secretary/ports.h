// What the purchase service needs from the rest of the world. Each port has one real implementation and a fake in the
// tests. All calls and all callbacks happen on the control thread; a callback never runs inside the call that was given it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "app/common/log.h"
#include "app/common/timers.h"
#include "cartographer/quote.h"
#include "core/flow.h"
#include "core/ids.h"
#include "core/ledger/types.h"
#include "core/session_key.h"
#include "core/sold_class.h"
#include "secretary/spend_request.h"

namespace netpas::secretaryd {

using app::LogLevel;
using app::LogSink;
using app::Timers;

// A flow that the agent shall pay for.
struct PaidFlow {
    PurchaseId id;
    FlowMatch flow;
    std::vector<cartographer::QuotedHop> path;
    SessionKey key;
    Money capPerSecond;  // the user's; zero: none
    bool diverted = false;
    std::string node;  // the device behind the agent whose flow it is; empty: the agent's own machine
};

// Of one purchase under one key; each only grows.
struct FlowCounters {
    PurchaseId id;
    SessionKeyId key;
    ledger::Usage usage;
    bool capReached = false;  // a packet could not be paid for, because the key's cap is used up
    std::string trouble;      // why packets go unpaid at the moment, for people; empty when they do not
};

// Purchases pay for something that is no better than best effort.
struct DeliveryTrouble {
    std::vector<PurchaseId> purchases;
    std::vector<SoldClass> suspects;  // who may be to blame, the likeliest first
    std::string evidence;             // JSON: what was measured
};

struct FlowsFailure {
    enum class Kind {
        Plane,
        Capture,
        AgentLost,  // nobody there, or gone before it answered
    };
    Kind kind = Kind::Plane;
    std::string what;  // for people
};

// The agent's data plane. What it counts comes in through PurchaseService::countersCame().
class Flows {
public:
    virtual ~Flows() = default;
    // Replaces the whole set. Another key of a purchase takes the place of the one before, between two packets. On
    // failure the set from before stays.
    virtual void set(const std::vector<PaidFlow>& flows,
                     std::function<void(tl::expected<void, FlowsFailure>)> done) = 0;
    // The flow is not diverted any more, or has another key: `done` when every packet that was taken in under this one
    // has been handed to the network, with counters that do not change any more. Nothing: the agent is lost.
    virtual void drain(PurchaseId id, SessionKeyId key, std::function<void(std::optional<FlowCounters>)> done) = 0;
};

struct IspFailure {
    enum class Kind {
        Unreachable,  // no answer, or none that can be believed: the request may have been done
        Refused,      // the ISP said no: nothing was done
    };
    Kind kind = Kind::Unreachable;
    std::string what;  // for people
};

// The first ISP's final statement about one key; its signature has been found good.
struct FinalUsage {
    uint64_t packets = 0;
    Money amount;
    std::vector<uint8_t> message;  // exactly the signed bytes
    std::vector<uint8_t> signature;
};

class FirstIsp {
public:
    virtual ~FirstIsp() = default;
    // Success: the edge router has installed the key, with its own limit per second.
    virtual void registerKey(const SessionKey& key, std::function<void(tl::expected<void, IspFailure>)> done) = 0;
    // Success: the key is worthless and its counters stand still. Nothing: the ISP knows no such key.
    virtual void revokeKey(SessionKeyId key,
                           std::function<void(tl::expected<std::optional<FinalUsage>, IspFailure>)> done) = 0;
};

struct QuoteFailure {
    enum class Kind { NotJoined, NoPath, NoSuchClass, Unreachable, Untrusted };
    Kind kind = Kind::NoPath;
    std::string message;
    std::string hint;
};

class Quotes {
public:
    virtual ~Quotes() = default;
    virtual void quote(const cartographer::QuoteRequest& request,
                       std::function<void(tl::expected<cartographer::Quote, QuoteFailure>)> done) = 0;
};

// Makes keys; the secretary's wallet behind it.
class KeyMint {
public:
    virtual ~KeyMint() = default;
    virtual SessionKey mint(Money cap, Money capPerSecond, std::vector<IspId> allowed, SystemTime expires) = 0;
};

struct Approved {
    ledger::Why why;
};
// A person will be asked, or nobody is there to ask: the flow stays best effort until the second answer.
struct Pending {
    std::string decision;  // its identifier in the queue
    std::string sentence;
};
struct Denied {
    std::string code;  // of the API: QUOTA_EXCEEDED, LOCKED, …
    std::string sentence;
    std::string hint;
    std::optional<ledger::Why> why;
};
using Verdict = std::variant<Approved, Pending, Denied>;

// Whether money may be spent: hard limits, rules, what was learnt, people (UX, Rules).
class Authority {
public:
    virtual ~Authority() = default;
    // What can be refused without a quote. At once.
    [[nodiscard]] virtual std::optional<Denied> precheck(const ledger::NewPurchase& purchase) = 0;
    // Adds what the owner's books know of who is paid.
    virtual void inform(const ledger::NewPurchase&, secretary::SpendRequest&) const {}
    // Approved: the worst case is set aside until settled(). `byPerson`: the owner asked for it in person, which is an
    // answer; hard limits and budgets hold all the same. `done` comes once, or a second time after Pending; unlike other
    // callbacks it may come inside the call, so that nothing happens between verdict and reservation.
    virtual void authorize(PurchaseId id, const secretary::SpendRequest& request, bool byPerson,
                           std::function<void(Verdict)> done) = 0;
    // Whether one that runs on the terms `before` may go on on `after`, which differ in the ISPs. A rule that denies these, or that allows
    // only the others, is an objection.
    [[nodiscard]] virtual std::optional<Denied> objection(const secretary::SpendRequest&,
                                                          const secretary::SpendRequest&) {
        return std::nullopt;
    }
    // What a purchase has used so far; grows only.
    virtual void progressed(PurchaseId id, Money used) = 0;
    // Part of what was set aside has been paid, by a payment of its own that nobody is asked about.
    virtual void spent(PurchaseId, Money) {}
    // The purchase is over, or was given up before it began; also of one that was never authorized.
    virtual void settled(PurchaseId id, Money amount) = 0;
};

}  // namespace netpas::secretaryd
