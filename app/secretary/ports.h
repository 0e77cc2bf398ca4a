// What the purchase service needs from the rest of the world. Each port has one real implementation
// and a fake in the tests. All calls and all callbacks happen on the control thread; a callback never
// runs inside the call that was given it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/common/log.h"
#include "app/common/timers.h"
#include "cartographer/quote.h"
#include "core/flow.h"
#include "core/ids.h"
#include "core/ledger/types.h"
#include "core/net_address.h"
#include "core/session_key.h"

namespace netpas::secretaryd {

// A flow that the data plane pays for.
struct PaidFlow {
    PurchaseId id;
    FlowMatch flow;
    std::vector<cartographer::QuotedHop> path;
    SessionKey key;
    Money capPerSecond;  // zero: none
};

struct PlaneCounters {
    PurchaseId id;
    ledger::Usage usage;      // cumulative since the flow was first published
    bool capReached = false;  // a packet could not be paid for, because the cap is used up
    std::string trouble;      // why packets go unpaid at the moment, for people; empty when they do not
};

class Plane {
public:
    virtual ~Plane() = default;
    // Replaces the whole set; what was published before and stays keeps its counters and sequence. On
    // failure the set from before stays.
    virtual tl::expected<void, std::string> publish(const std::vector<PaidFlow>& flows) = 0;
    // `done` when every packet of the flow that had been taken in has been handed to the network.
    virtual void drain(PurchaseId id, std::function<void()> done) = 0;
    virtual std::vector<PlaneCounters> harvest() = 0;
    // The counters of a flow that is no longer published: they do not change any more, and this forgets them.
    virtual PlaneCounters retire(PurchaseId id) = 0;
};

class Diversion {
public:
    virtual ~Diversion() = default;
    // Declarative and atomic: exactly these flows are diverted afterwards. On failure nothing changed.
    virtual tl::expected<void, std::string> set(const std::vector<FlowMatch>& flows) = 0;
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

using app::LogLevel;
using app::LogSink;
using app::Timers;

}  // namespace netpas::secretaryd
