// How much of a flow had passed a node at a moment that is over (VERIFICATION.md here, "Moments"): statements come late, some later than others, and a busy node reads its
// counters late. Pure; one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "cartographer/verify/messages.h"
#include "core/clock.h"

namespace netpas::verification {

// The counters of a flow: asked for, and answered. What they say was so at some time between.
struct Reading {
    SteadyTime before{}, after{};
    uint64_t packets = 0;
    uint64_t bytes = 0;
};
[[nodiscard]] SteadyTime middle(const Reading& reading);

// From the readings around a moment, ascending. Nothing: they are so far apart that half of what passed between them is more than `error` of time; then nobody knows it.
struct Counted {
    uint64_t packets = 0;
    uint64_t bytes = 0;
};
[[nodiscard]] std::optional<Counted> countedAt(const std::vector<Reading>& readings, SteadyTime moment,
                                               std::chrono::nanoseconds error);

// When the statements of one flow were true, by this node's clock. They come late and never early, so the least late of the last ones tells how late the others were.
class Moments {
public:
    // Of a statement that says so much time since its signer began to count.
    [[nodiscard]] SteadyTime of(std::chrono::nanoseconds active, SteadyTime came);

private:
    std::chrono::nanoseconds m_active{};
    std::deque<std::chrono::nanoseconds> m_late;
};

// The last readings of the flows that statements are told of.
class CountLog {
public:
    static constexpr size_t maxFlows = 128;
    static constexpr size_t maxReadings = 40;
    static constexpr std::chrono::milliseconds every{250};  // while somebody is told of any

    // A statement about this flow came.
    void want(const Route& route, SteadyTime now);
    void add(const Route& route, const Reading& reading);
    [[nodiscard]] std::vector<Reading> of(const Route& route) const;
    // Flows without statements are forgotten.
    void clean(SteadyTime now);
    // Any flow of IPv6, or of IPv4.
    [[nodiscard]] bool wants(bool v6) const;

private:
    struct Flow {
        SteadyTime wanted{};
        std::deque<Reading> readings;
    };
    std::map<Route, Flow> m_flows;
};

}  // namespace netpas::verification
