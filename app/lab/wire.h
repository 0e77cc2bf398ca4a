// A wire with delay and loss between two TAP devices, in a process of its own.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "app/lab/error.h"
#include "app/lab/units.h"

namespace netpas::lab {

struct WireEnd {
    std::string netns;
    std::string interface;
};

struct WireDirection {
    std::chrono::nanoseconds delay{0};
    Fraction loss;
};

struct WireSpec {
    std::array<WireEnd, 2> ends;
    std::array<WireDirection, 2> direction;  // [0]: from ends[0] to ends[1]
    uint64_t seed = 1;
};

// What a wire did in one direction since it began.
struct WireCounts {
    uint64_t carried = 0;
    uint64_t lost = 0;
    uint64_t late =
        0;  // nanoseconds that carried frames were held beyond the delay, together: the process waited for a processor
};

// Makes the devices, says so by creating `readyFile`, which also tells what it has done (at most a quarter of a second ago), then carries frames
// until it is killed.
Expected<void> runWire(const WireSpec& spec, const std::string& readyFile);
Expected<std::array<WireCounts, 2>> readWireCounts(const std::string& readyFile);

}  // namespace netpas::lab
