// What GET /v1/counters of an edge router answers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tun/edge/edge_books.h"
#include "tun/edge/edge_config.h"
#include "tun/edge/edge_engine.h"

namespace netpas::isp {

struct EdgeView {
    const tun::EdgeConfig& config;
    uint64_t incarnation = 0;
    tun::EdgeTotals lifetime;
    const tun::EdgeTotals& now;   // its keys are shown
    const tun::EdgeReport& last;  // bucket levels, investigations
    const tun::EngineCounters& engine;
    std::vector<std::vector<IspId>> investigated;
    bool accountingUp = false;
    uint64_t reportsSent = 0;
    uint32_t reportStored = 0;
    size_t samplesWaiting = 0;
    uint64_t samplesSent = 0;
    uint64_t samplesLost = 0;
};

[[nodiscard]] std::string countersJson(const EdgeView& view);

}  // namespace netpas::isp
