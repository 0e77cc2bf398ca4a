// How fast data comes from other ends, look by look: what a purchase of what comes is to improve. From the kernel's counts of this machine's TCP
// connections; of the last minute. No sockets, no thread; belongs to its caller.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <vector>

#include "cartographer/measure/passive.h"

namespace netpas::measure {

class Arrivals {
public:
    struct Rate {
        SteadyTime at{};
        double bitPerSecond = 0;  // of payload, since the look before
    };

    // A look at all connections of interest; other ends that are not in it are forgotten.
    void take(SteadyTime now, const std::vector<PassiveTcp::Seen>& connections);
    // Oldest first.
    [[nodiscard]] std::deque<Rate> from(const IpAddress& other) const;

private:
    static constexpr std::chrono::seconds memory{60};
    struct Line {
        SteadyTime at{};
        std::map<uint64_t, uint64_t> received;  // by cookie
        std::deque<Rate> rates;
    };
    std::map<IpAddress, Line> m_lines;
};

}  // namespace netpas::measure
