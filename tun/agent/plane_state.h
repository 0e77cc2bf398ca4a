// What the control thread publishes to the packet threads. Internal to the agent's data plane.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "core/snapshot.h"
#include "tun/agent/agent_plane.h"

namespace netpas::tun {

// The counters of one purchase: a cell for each packet thread.
struct PurchaseCells {
    PurchaseCells(PurchaseId purchase, size_t threads) : id(purchase), cells(threads) {}
    [[nodiscard]] PurchaseCounters sum() const {
        PurchaseCounters total;
        for (const CounterCell& cell : cells) total += cell.read();
        return total;
    }
    PurchaseId id;
    std::vector<CounterCell> cells;
};

// What is known of the way to an edge router; written by packet threads, read by anybody.
struct EdgeStatus {
    explicit EdgeStatus(const Endpoint& address) : endpoint(address) {}
    [[nodiscard]] EdgeState read() const {
        return {endpoint, reachable.load(std::memory_order_relaxed), pathMtu.load(std::memory_order_relaxed),
                refusals.load(std::memory_order_relaxed)};
    }
    const Endpoint endpoint;
    std::atomic<bool> reachable{true};
    std::atomic<uint32_t> pathMtu{0};
    std::atomic<uint64_t> refusals{0};
};

struct PaidFlow {
    AgentFlow flow;
    std::shared_ptr<PurchaseCells> counters;
    std::shared_ptr<EdgeStatus> edge;
};

struct PlaneState {
    std::vector<PaidFlow> flows;
};

}  // namespace netpas::tun
