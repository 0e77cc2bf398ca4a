// At which link of a route a claim became false, from the views of its hops, and how sure that is (verification note; VERIFICATION.md here). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "cartographer/verify/statement.h"

namespace netpas::verification {

enum class Metric : uint8_t { Loss, Throughput, Latency };
[[nodiscard]] std::string_view name(Metric metric);

// Of a way or of a link.
struct Quality {
    double arrives = 1;
    double bitsPerSecond = 0;
    double seconds = 0;
};
// Of a link, and of the way behind it: product, minimum, sum.
[[nodiscard]] Quality compose(const Quality& link, const Quality& behind);
// What both promise.
[[nodiscard]] Quality weaker(const Quality& a, const Quality& b);
[[nodiscard]] Quality qualityOf(const Claim& claim);

// One hop of a route, source first, destination last.
struct Hop {
    // What passed in each window: the difference of two statements, and the times of the packets that the destination chose.
    struct Window {
        uint64_t packets = 0;
        uint64_t bytes = 0;
        double seconds = 0;
        std::vector<PacketTime> times;  // ascending by hash
        Quality claimed;  // for this window, of the way to the destination; the destination's own is not looked at
    };
    std::vector<Window> windows;  // as many at each hop
};

struct Tolerance {
    double arrives = 0.005;      // an honest claim is an estimate
    double throughput = 0.1;     // relative
    double seconds = 0.002;      // with what neighbours' clocks may differ
    double late = 0.25;          // seconds: how well a node must know the moment that it counts for; else it is silent
    double waiting = 1;          // seconds of packets that may wait in front of a link
    double burst = 4;            // losses that come together count once
    double confidence = 0.9999;  // from there on a link is named
};

// Estimates move a little all the time.
[[nodiscard]] bool differs(const Quality& a, const Quality& b, const Tolerance& tolerance);

struct Finding {
    size_t link = 0;  // between hops link and link + 1; one of the two lies
    double confidence = 0;
    Quality observed;  // of the way from its near end; only the metric that was asked for
};

// Of the way from the first hop to the last one; what cannot be judged is missing.
struct Observed {
    std::optional<double> arrives, bitsPerSecond, seconds;
};
[[nodiscard]] Observed observe(const std::vector<Hop>& hops, const Tolerance& tolerance = {});

// The two statements of one hop bracket a window; nothing when the later one does not follow.
[[nodiscard]] std::optional<Hop::Window> between(const Statement& earlier, const Statement& later);

// Nothing: no way is worse than claimed beyond what chance does. Fewer than two hops, or hops with differing windows: nothing.
[[nodiscard]] std::optional<Finding> locate(const std::vector<Hop>& hops, Metric metric,
                                            const Tolerance& tolerance = {});
// Clearly more passed the one behind than this hop, beyond what may be under way, wait, or be noted late at the edges: not all of the flow comes this way.
[[nodiscard]] bool isPart(const Hop& hop, const Hop& behind, const Tolerance& tolerance = {});
// In some window clearly more left the source than arrived: throughput can be judged.
[[nodiscard]] bool wasSaturated(const std::vector<Hop>& hops, const Tolerance& tolerance = {});

}  // namespace netpas::verification
