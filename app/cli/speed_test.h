// A capacity test as a person asks for it: both directions one after the other (ndt7), with the round trips of small exchanges before and during
// it. Runs until it is over, or stopped by SIGINT.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/ndt7/client.h"

namespace netpas::cli {

struct SpeedTestPlan {
    ndt7::Target target;
    std::vector<ndt7::Direction> directions;
    std::chrono::milliseconds time{10'000};  // of each direction, at most
    uint64_t mostBytes = 100'000'000;        // likewise, of the application
};

struct SpeedTestResult {
    struct Part {
        ndt7::Result result;
        std::vector<std::chrono::microseconds> roundTrips;  // of new connections to the server, while this ran
    };
    std::vector<Part> parts;
    std::vector<std::chrono::microseconds> idle;  // before
    bool interrupted = false;
    std::optional<net::NetError> failure;  // of the part that is missing
};

// `progress` is told some times a second. Not thread-safe: takes SIGINT over while it runs.
[[nodiscard]] SpeedTestResult runSpeedTest(
    const SpeedTestPlan& plan,
    const std::function<void(ndt7::Direction, std::chrono::microseconds elapsed, uint64_t bytes)>& progress);

// Round trips a minute as a person feels them: half by new connections, half by the loaded one (draft-ietf-ippm-responsiveness §4.3, without
// TLS and HTTP, which this server is not asked for). Nothing without samples. `loaded`: the kernel's round trip of the test's own connection.
[[nodiscard]] std::optional<double> roundTripsPerMinute(std::vector<std::chrono::microseconds> fresh,
                                                        std::optional<std::chrono::microseconds> loaded);

}  // namespace netpas::cli
