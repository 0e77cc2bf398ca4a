// The data plane of the endhost agent: puts the money into the packets (NetPaS §5.1, §5.3; DESIGN §6).
//
// What the capture diverts into the TUN device leaves as UDP to the first edge router: customer shim, accounting header, inner packet. A diverted packet
// that cannot be paid for leaves by the ordinary way and is counted with its reason; none is dropped.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "core/clock.h"
#include "core/crypto/tag.h"
#include "core/flow.h"
#include "core/guarantee.h"
#include "core/ids.h"
#include "core/net_address.h"
#include "core/price_model.h"
#include "tun/agent/purchase_counters.h"
#include "tun/agent/reservation.h"
#include "tun/agent/spend_gate.h"

namespace netpas::tun {

class Bypass;
class Translation;
class TunDevice;
class UdpFactory;

struct AgentHop {
    IspId isp;
    ServiceClass service;
    ExitPoint exit;  // where this ISP hands over to the next; 0: it chooses; the last hop's is ignored
    PriceSchedule prices;
    std::optional<Guarantee> guarantee{};
};

// A flow that is paid for. All flows of one purchase share its counters; the gate belongs to the session key.
struct AgentFlow {
    PurchaseId purchase;
    FlowMatch match;
    std::vector<AgentHop> path;  // the first ISP first; 1..16, none twice
    SessionKeyId key;
    TagKey secret{};
    SystemTime expires = SystemTime::max();  // of the key; later packets go best effort
    Endpoint edge;                           // the first ISP's edge router, UDP
    std::shared_ptr<SpendGate> gate;
    std::shared_ptr<ReservationClock>
        reservation{};       // of the purchase; nothing: guarantees on the way are not paid for
    bool forwarded = false;  // of a host behind this machine: `match` has its local side as that host calls itself
};

struct AgentSnapshot {
    std::vector<AgentFlow> flows;  // the first that matches a packet decides
};

enum class AgentError : uint8_t {
    BadPath,  // empty, longer than 16, or an ISP twice
    NoGate,   // a flow without a spend gate
    AlreadyRunning,
    DeviceFailed,   // the TUN device does not answer
    SystemRefused,  // threads or descriptors are not to be had
};
[[nodiscard]] std::string_view describe(AgentError error) noexcept;

struct EdgeState {
    Endpoint edge;
    bool reachable = true;
    uint32_t pathMtu = 0;   // of the way to it, outer headers included; 0 while unknown
    uint64_t refusals = 0;  // times it became unreachable
};

struct AgentPlaneOptions {
    uint32_t mark = 0x4e600000;  // of the datagrams to edge routers: bypassMark of the capture
    // Unreachable edges are tried again after this, doubling up to the second.
    std::chrono::milliseconds firstRetry{250};
    std::chrono::milliseconds lastRetry{4000};
    // Finds the hosts behind this machine for forwarded flows; null: their packets are never translated. Outlives the plane.
    Translation* translation = nullptr;
    // A participating endpoint also receives (DESIGN §6): where Delivery datagrams may arrive, and from which prefixes. Nothing is received
    // unless both are given, and only for inner destinations that are one of the addresses.
    std::vector<IpAddress> deliverTo;
    std::vector<IpPrefix> deliverFrom;
    // An edge became unreachable, or reachable again. Called on a thread of the plane's: hand it over, do not wait.
    std::function<void(const EdgeState&)> edgeChanged;
};

// Packets of no purchase, and what happened on the way in.
struct PlaneTotals {
    PurchaseCounters unowned;      // diverted packets that belonged to no purchase
    uint64_t delivered = 0;        // inner packets received with their header
    uint64_t deliveryRefused = 0;  // datagrams to the delivery port that were not for us, or no such thing
    uint64_t framesRead = 0;       // from the TUN device
    uint64_t trainsSent = 0;
    bool deviceGone = false;  // the TUN device was removed under us: nothing is diverted any more
};

// Control thread, but for what says otherwise. Owns one thread that reads the device and one for everything that arrives.
class AgentPlane {
public:
    // All references outlive the plane.
    AgentPlane(TunDevice& device, UdpFactory& sockets, Bypass& bypass, const Clock& clock,
               AgentPlaneOptions options = {});
    ~AgentPlane();
    AgentPlane(const AgentPlane&) = delete;
    AgentPlane& operator=(const AgentPlane&) = delete;

    // Replaces the whole set between two packets. A purchase that stays keeps its counters; one that goes keeps them until forget().
    // An edge that cannot be reached is no failure: its flows go best effort until it can.
    [[nodiscard]] tl::expected<void, AgentError> publish(const AgentSnapshot& snapshot);

    // Until start(), poll() does one round of what the threads do, on the caller's thread; for tests. True if there was anything to do.
    [[nodiscard]] tl::expected<void, AgentError> start();
    bool poll();
    // Sends what waits in the device, then ends the threads. The flows should be uncaptured before.
    void stop();

    // Uncapture the flow first. `drained` is called, on a thread of the plane's, when everything that had been diverted until now has
    // been handed to the network, paid or best effort; the purchase must stay published until then. Also called when the plane stops.
    void drain(PurchaseId purchase, std::function<void(PurchaseId)> drained);
    // The same, waiting; false when `timeout` passed.
    [[nodiscard]] bool drain(PurchaseId purchase, std::chrono::milliseconds timeout);

    // Any thread. Consistent for each purchase; exact once it is drained.
    [[nodiscard]] std::vector<std::pair<PurchaseId, PurchaseCounters>> harvest() const;
    [[nodiscard]] PurchaseCounters counters(PurchaseId purchase) const;
    [[nodiscard]] PlaneTotals totals() const;
    [[nodiscard]] std::vector<EdgeState> edges() const;
    // Drops the counters of a purchase that is not published any more.
    void forget(PurchaseId purchase);

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

}  // namespace netpas::tun
